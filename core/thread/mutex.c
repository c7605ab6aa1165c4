// SPDX-License-Identifier: MIT
/*
 * Mutex and semaphore: one atomic word each while nobody waits, the wait queue otherwise.
 *
 * Both words have one value that says "ask the queue" (mutex: bit 0; semaphore: -1). It is set and
 * cleared only under the queue's lock; the fast paths never match it, so they fall through to the
 * slow ones. It may stay behind when a waiter times out, and does when a semaphore's last waiter
 * got its permit, who mostly comes back to wait again: the next give that finds nobody repairs it.
 *
 * The queue of a mutex is kept in order of urgency by inherit.c, together with what its owner
 * inherits; without CONFIG_MUTEX_INHERIT it is first come, first served.
 */
#include <hx/config/hal.h>
#include <hx/core/mutex.h>

#include "handover_priv.h"

#define SEM_WAITERS	(-1)

static inline bool mutex_change(struct hx_mutex *m, uintptr_t from, uintptr_t to)
{
	return __atomic_compare_exchange_n(&m->owner, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}

static inline bool sem_change(struct hx_sem *s, int32_t from, int32_t to)
{
	return __atomic_compare_exchange_n(&s->count, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}

/* Wait for m, whose owner cannot change; the queue's lock is held, and dropped. */
static int mutex_wait(struct hx_mutex *m, struct hx_thread *self, hx_ns_t timeout_ns)
{
	int err = (m->owner & ~MUTEX_WAITERS) == (uintptr_t)self ? -HX_EDEADLK : 0;

	if (HX_ENABLED(MUTEX_INHERIT) && err == 0)
		err = inherit_wait(m, self);
	if (err != 0) {
		hx_spin_release_(&m->queue.lock);
		return err;
	}
	/* 0: it was handed to us. */
	return HX_ENABLED(MUTEX_INHERIT) ? wait_queued(&m->queue, timeout_ns)
	       : wait_and_drop(&m->queue, timeout_ns);
}

static HX_NOINLINE int mutex_lock_slow(struct hx_mutex *m, hx_ns_t timeout_ns)
{
	struct hx_thread *self = hx_thread_self();
	hx_irqflags_t flags = hx_spin_lock_irqsave(&m->queue.lock);
	uintptr_t owner;
	int result;

	do {
		owner = m->owner;
	} while (!mutex_change(m, owner, owner == 0 ? (uintptr_t)self : owner | MUTEX_WAITERS));
	if (owner != 0 && timeout_ns != 0) {
		result = mutex_wait(m, self, timeout_ns);
	} else {
		hx_spin_release_(&m->queue.lock);
		result = owner == 0 ? 0 : -HX_ETIMEDOUT;
	}
	hx_irq_restore(flags);
	return result;
}

static HX_NOINLINE void mutex_lock_forever(struct hx_mutex *m)
{
	if (HX_LIKELY(mutex_lock_slow(m, HX_FOREVER) == 0))
		return;
	if (HX_ENABLED(MUTEX_INHERIT) &&
	    (m->owner & ~MUTEX_WAITERS) != (uintptr_t)hx_thread_self())
		inherit_bug(m);
	hx_bug("mutex %p is locked twice by one thread", (void *)m);
}

void hx_mutex_lock(struct hx_mutex *m)
{
	hx_assert(hx_thread_self() == NULL || hx_can_sleep());
	if (HX_UNLIKELY(!mutex_change(m, 0, (uintptr_t)hx_thread_self())))
		mutex_lock_forever(m);
}

int hx_mutex_lock_timeout(struct hx_mutex *m, hx_ns_t timeout_ns)
{
	hx_assert(hx_thread_self() == NULL || hx_can_sleep());
	if (HX_LIKELY(mutex_change(m, 0, (uintptr_t)hx_thread_self())))
		return 0;
	return mutex_lock_slow(m, timeout_ns);
}

bool hx_mutex_trylock(struct hx_mutex *m)
{
	return mutex_change(m, 0, (uintptr_t)hx_thread_self());
}

/* Who owns it next, off the queue; NULL: nobody waits. */
static struct hx_thread *mutex_hand_over(struct hx_mutex *m)
{
	struct hx_thread *heir;

	if (HX_ENABLED(MUTEX_INHERIT))
		return inherit_hand_over(m, hx_thread_self());
	heir = wait_first(&m->queue);
	if (heir != NULL)
		hx_list_unlink(&heir->wait_link);
	/* Bit 0 is set, so nobody changes the word without the lock. */
	m->owner = (uintptr_t)heir | (hx_list_is_empty(&m->queue.waiters) ? 0 : MUTEX_WAITERS);
	return heir;
}

static HX_NOINLINE void mutex_unlock_slow(struct hx_mutex *m)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&m->queue.lock);
	struct hx_thread *heir;

	if ((m->owner & ~MUTEX_WAITERS) != (uintptr_t)hx_thread_self()) {
		hx_spin_unlock_irqrestore(&m->queue.lock, flags);
		hx_bug("mutex %p is unlocked by a thread that does not own it", (void *)m);
	}
	heir = mutex_hand_over(m);
	if (heir != NULL) {
		wait_end(heir, 0);
		runq_make_ready(heir, HX_ENQUEUE_WAKE);
	}
	hx_wake_end(&m->queue, flags);
}

void hx_mutex_unlock(struct hx_mutex *m)
{
	if (HX_UNLIKELY(!mutex_change(m, (uintptr_t)hx_thread_self(), 0)))
		mutex_unlock_slow(m);
}

/* The queue's lock is held, and dropped. 0: a permit was handed to us. */
static HX_ALWAYS_INLINE int sem_wait(struct hx_sem *s, hx_ns_t timeout_ns)
{
	struct hx_thread *self;

	if (HX_ENABLED(OPTIMIZE_SIZE) || timeout_ns != HX_FOREVER)
		return wait_and_drop(&s->queue, timeout_ns);
	self = hx_thread_self();
	hx_list_push_back(&s->queue.waiters, &self->wait_link);
	return block(&s->queue, self);
}

/* Interrupts are on: who would wait may sleep. */
static HX_ALWAYS_INLINE int sem_take_or_wait(struct hx_sem *s, hx_ns_t timeout_ns)
{
	int32_t count;
	int result = 0;

	hx_assert_can_sleep();
	hx_irq_disable();
	hx_spin_acquire_(&s->queue.lock);
	do {
		count = s->count;
	} while (HX_UNLIKELY(count != SEM_WAITERS) &&
		 !sem_change(s, count, count > 0 ? count - 1 : SEM_WAITERS));
	if (HX_UNLIKELY(count > 0))
		hx_spin_release_(&s->queue.lock);
	else
		result = sem_wait(s, timeout_ns);
	hx_irq_enable();
	return result;
}

static HX_NOINLINE int sem_take_timed(struct hx_sem *s, hx_ns_t timeout_ns)
{
	return timeout_ns != 0 ? sem_take_or_wait(s, timeout_ns) : -HX_EAGAIN;
}

/* To wait without a timeout is a function of its own, but where bytes matter more. */
static HX_NOINLINE int sem_take_slow(struct hx_sem *s, hx_ns_t timeout_ns)
{
	if (HX_ENABLED(OPTIMIZE_SIZE) || HX_UNLIKELY(timeout_ns != HX_FOREVER))
		return sem_take_timed(s, timeout_ns);
	return sem_take_or_wait(s, HX_FOREVER);
}

int hx_sem_take(struct hx_sem *s, hx_ns_t timeout_ns)
{
	int32_t count = s->count;

	while (HX_LIKELY(count > 0)) {
		if (HX_LIKELY(__atomic_compare_exchange_n(&s->count, &count, count - 1, false,
							  __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)))
			return 0;
	}
	return sem_take_slow(s, timeout_ns);
}

static HX_NOINLINE void sem_give_slow(struct hx_sem *s)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&s->queue.lock);
	int32_t count;

	if (HX_LIKELY(!hx_list_is_empty(&s->queue.waiters))) {
		struct hx_thread *heir = HX_LIST_ENTRY(hx_list_unlink_first(&s->queue.waiters),
						       struct hx_thread, wait_link);

		wait_end(heir, 0);
		runq_make_ready(heir, HX_ENQUEUE_WAKE);
	} else {
		do {
			count = s->count;
			if (count == HX_SEM_MAX) {
				hx_spin_unlock_irqrestore(&s->queue.lock, flags);
				hx_bug("semaphore %p has %d permits, no room for one more",
				       (void *)s, count);
			}
		} while (!sem_change(s, count, count == SEM_WAITERS ? 1 : count + 1));
	}
	hx_wake_end(&s->queue, flags);
}

void hx_sem_give(struct hx_sem *s)
{
	int32_t count = s->count;

	/* One comparison for both odd cases: SEM_WAITERS is the largest unsigned number. */
	while (HX_LIKELY((uint32_t)count < HX_SEM_MAX)) {
		if (HX_LIKELY(__atomic_compare_exchange_n(&s->count, &count, count + 1, false,
							  __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)))
			return;
	}
	sem_give_slow(s);
}
