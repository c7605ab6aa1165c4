/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a reader-writer lock; not in kernels for one CPU.
 *
 * Who has to wait takes the queue lock first, which is fair, and so stands alone before the word:
 * a reader until the writer has gone, then it lets the next one come; a writer until the readers
 * have gone, with WAITING set, so that later readers queue up behind it and cannot starve it.
 */
#include <hx/core/rwlock.h>

/* The queue's lock without the checks, which watch the lock as a whole. */
static void rw_queue_lock(struct hx_rwlock *l)
{
	if (!hx_spin_try_(&l->queue))
		hx_spin_wait(&l->queue);
}

static void rw_queue_unlock(struct hx_rwlock *l)
{
	__atomic_store_n(&l->queue.held, 0, __ATOMIC_RELEASE);
}

void hx_rw_read_wait(struct hx_rwlock *l)
{
	__atomic_fetch_sub(&l->word, HX_RW_READER, __ATOMIC_RELAXED);
	rw_queue_lock(l);
	__atomic_fetch_add(&l->word, HX_RW_READER, __ATOMIC_ACQUIRE);
	while (__atomic_load_n(&l->word, __ATOMIC_ACQUIRE) & HX_RW_WRITING) {
		hx_cpu_relax();
		hx_spin_poll();
	}
	rw_queue_unlock(l);
}

void hx_rw_write_wait(struct hx_rwlock *l)
{
	uint32_t only_us = HX_RW_WAITING;

	rw_queue_lock(l);
	__atomic_fetch_or(&l->word, HX_RW_WAITING, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&l->word, &only_us, HX_RW_WRITING, false,
					    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		only_us = HX_RW_WAITING;
		while (l->word != HX_RW_WAITING) {
			hx_cpu_relax();
			hx_spin_poll();
		}
	}
	rw_queue_unlock(l);
}
