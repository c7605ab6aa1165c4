// SPDX-License-Identifier: MIT
/*
 * What each CPU has promised to threads with deadlines, and to whom. Which CPU it is to be is
 * decided in hx/core/promise.h; how a thread gets there, in change.c and place.c.
 *
 * Lock: one for all promises, since a thread may change from one CPU to another. t->home and
 * t->promised_ppm are written under it and read without: home first, so that who sees a promise
 * sees its CPU. A reader that comes between puts the thread where it was promised before; who made
 * the new promise then looks where it is, under its run queue's lock.
 *
 * When a scheduler is replaced by another (swap.c), the new one is asked for every thread before
 * the old one is told of their end: so that it finds the promise that it is to renew, and the old
 * one does not take the new promise back.
 */
#include <hx/core/promise.h>
#include <hx/core/string.h>

#include "thread_priv.h"

static struct hx_spinlock promise_lock = HX_SPINLOCK_INIT("promises", HX_RANK_LEAF);
static uint32_t promised_ppm[HX_CPUS];	/* under the lock; read without */
static enum promise_mode promise_mode;	/* changed with all CPUs parked */
static uint32_t promise_n_asked;	/* under the lock */

/* Before the first CPU runs threads, that one is asked. */
static uint64_t cpus_asked(const struct hx_intent *want, unsigned own)
{
	uint64_t running = HX_ENABLED(ONE_CPU) ? 0
			   : __atomic_load_n(&cpus_running, __ATOMIC_RELAXED);
	uint64_t cpus = want->affinity & (running != 0 ? running : 1);
	uint64_t own_bit = own < HX_CPUS_MAX ? 1ull << own : 0;

	return (want->flags & HX_INTENT_PINNED) != 0 && (cpus & own_bit) != 0 ? own_bit : cpus;
}

static void give_back(struct hx_thread *t)
{
	if (t->promised_ppm != 0)
		promised_ppm[t->home] -= t->promised_ppm;
}

/* The lock is held. */
static int promise(struct hx_thread *t, const struct hx_intent *want, uint32_t ppm)
{
	bool is_there = t->intent != NULL ||
			(HX_ENABLED(SLOT_SWAP) && promise_mode == PROMISE_RENEW);
	unsigned own = t->promised_ppm != 0 ? t->home : is_there ? t->rq->cpu : HX_CPUS_MAX;
	int cpu = hx_promise_cpu(promised_ppm, cpus_asked(want, own), own, t->promised_ppm, ppm);

	if (cpu < 0)
		return cpu;
	give_back(t);
	promised_ppm[cpu] += ppm;
	t->home = (uint8_t)cpu;
	__atomic_store_n(&t->promised_ppm, ppm, __ATOMIC_RELEASE);
	return 0;
}

int hx_sched_promise(struct hx_thread *t, const struct hx_intent *want, uint32_t ppm)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&promise_lock);
	int err = 0;

	if (HX_ENABLED(SLOT_SWAP))
		promise_n_asked++;
	if (HX_ENABLED(SLOT_SWAP) && promise_mode == PROMISE_KEEP) {
		/* It is another scheduler's by now. */
	} else if (want != NULL && ppm != 0) {
		err = promise(t, want, ppm);
	} else {
		give_back(t);
		__atomic_store_n(&t->promised_ppm, 0, __ATOMIC_RELEASE);
	}
	hx_spin_unlock_irqrestore(&promise_lock, flags);
	return err;
}

uint32_t hx_sched_promised_ppm(unsigned cpu)
{
	return cpu < HX_CPUS ? __atomic_load_n(&promised_ppm[cpu], __ATOMIC_RELAXED) : 0;
}

/* ---- for a swap; all CPUs are parked, so nobody has the lock */

void promise_set_mode(enum promise_mode mode)
{
	promise_mode = mode;
}

uint32_t promise_asked(void)
{
	return promise_n_asked;
}

void promise_save(uint32_t ppm[HX_CPUS])
{
	memcpy(ppm, promised_ppm, sizeof(promised_ppm));
}

void promise_restore(const uint32_t ppm[HX_CPUS])
{
	memcpy(promised_ppm, ppm, sizeof(promised_ppm));
}

/* No thread is left from an earlier start. */
void promise_reset(void)
{
	for (unsigned cpu = 0; cpu < HX_CPUS; cpu++)
		promised_ppm[cpu] = 0;
}
