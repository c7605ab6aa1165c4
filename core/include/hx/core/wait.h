/* SPDX-License-Identifier: MIT */
/*
 * Waiting is one primitive: a queue of threads, a lock that guards the condition, and a timeout.
 *
 *	flags = hx_spin_lock_irqsave(&q->lock);		flags = hx_spin_lock_irqsave(&q->lock);
 *	while (!condition)				condition = true;
 *		hx_wait_locked(q, HX_FOREVER);		hx_wake_one_locked(q);
 *	hx_spin_unlock_irqrestore(&q->lock, flags);	hx_spin_unlock_irqrestore(&q->lock, flags);
 *
 * The lost wake-up cannot happen because the waiter is put on the queue before the lock that guards
 * the condition is dropped, and the waker changes the condition under that lock.
 */
#ifndef HX_CORE_WAIT_H
#define HX_CORE_WAIT_H

#include <hx/base.h>
#include <hx/core/list.h>
#include <hx/core/lock.h>

struct hx_thread;

struct hx_wait_queue {
	struct hx_spinlock lock;	/* rank WAIT, interrupts off; guards the condition too */
	struct hx_list waiters;		/* hx_thread.wait_link, first come first served */
};

#define HX_WAIT_QUEUE_INIT(name) \
	{ .lock = HX_SPINLOCK_INIT("wait", HX_RANK_WAIT), .waiters = HX_LIST_INIT((name).waiters) }

/* Make a queue empty. Any context. */
static inline void hx_wait_init(struct hx_wait_queue *q)
{
	hx_spin_init(&q->lock, "wait", HX_RANK_WAIT);
	hx_list_init(&q->waiters);
}

/**
 * hx_wait_locked() - sleep until woken or timed out; the caller then looks at its condition again.
 * @q:          q->lock held by hx_spin_lock_irqsave()
 * @timeout_ns: from now, rounded up to the next tick; 0 does not sleep; HX_FOREVER never times out
 *
 * Returns: 0 woken; -HX_ETIMEDOUT.
 * Context: thread, no other lock held; drops q->lock while asleep, returns with it held again.
 * Locks:   takes HX_RANK_TIMERS (with a timeout), HX_RANK_RUNQ.
 * Owner:   @q must outlive the call: not freed before the waiter took the lock again.
 * Cost:    two switches; no timer without a timeout.
 * Source:  Mesa semantics: Lampson and Redell, "Experience with Processes and Monitors in Mesa".
 */
int hx_wait_locked(struct hx_wait_queue *q, hx_ns_t timeout_ns);

/**
 * hx_wake_one_locked() - make the thread that waits longest ready.
 * hx_wake_all_locked() - make all that wait ready, longest waiting first.
 * @q: q->lock held by hx_spin_lock_irqsave()
 *
 * Returns: how many were woken, 0 or 1.
 * Context: any but NMI. A more urgent thread takes the CPU when the interrupt returns, else at the
 *          next tick or hx_preempt_enable(); hx_wake_end() makes that at once.
 * Locks:   takes HX_RANK_TIMERS (if it had a timeout), HX_RANK_RUNQ.
 * Owner:   -
 * Cost:    about 40 instructions.
 * Source:  -
 */
unsigned hx_wake_one_locked(struct hx_wait_queue *q);

/* The same for all who wait now; O(waiters) with interrupts off. */
unsigned hx_wake_all_locked(struct hx_wait_queue *q);

/* Unlock after waking; in thread context a more urgent thread that was woken runs at once. */
static inline void hx_wake_end(struct hx_wait_queue *q, hx_irqflags_t flags)
{
	hx_spin_unlock_irqrestore(&q->lock, flags);
	if (HX_UNLIKELY(hx_percpu()->need_resched))
		hx_preempt_point();
}

#endif
