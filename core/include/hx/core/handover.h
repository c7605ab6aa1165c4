/* SPDX-License-Identifier: MIT */
/*
 * Waiting in which something changes hands: the waker finds what the waiter left for it (a buffer,
 * a record), fills it in, and may give it the CPU at once. For mechanisms of core that build their
 * own queues; everybody else uses hx/core/wait.h.
 *
 *	flags = hx_spin_lock_irqsave(&q->lock);		flags = hx_spin_lock_irqsave(&q->lock);
 *	if (nothing there)				t = hx_wait_first(&receivers);
 *		err = hx_wait_on_locked(&receivers, q,	copy(hx_wait_data(t), message);
 *					buf, timeout);	hx_wake_with_locked(t, 0);
 *	else						hx_wake_end(q, flags);
 *		hx_spin_release_(&q->lock);
 *	hx_irq_restore(flags);
 *
 * A wait ends once, under q->lock: by the waker, then what it filled in counts, or by the timeout,
 * then no waker finds the waiter any more. So nothing is both delivered and given up.
 *
 * A turn is what a thread owes to another that waits for it: the answer to a call. Who waits lends
 * its urgency to who owes, through chains, together with those of mutexes (core/thread/inherit.c).
 *
 *	pool		callers that nobody has taken yet, the most urgent first; the thread that
 *			took one last stands for who will take the next, and inherits from them
 *	taken turn	the one caller that a thread has taken; that thread inherits from it
 */
#ifndef HX_CORE_HANDOVER_H
#define HX_CORE_HANDOVER_H

#include <hx/base.h>
#include <hx/core/mutex.h>
#include <hx/core/thread.h>
#include <hx/core/wait.h>

/* Field keys: c constant while somebody waits, q q->lock, i lock of all priority inheritance. */
struct hx_turn {
	struct hx_mutex m;		/* qi in the same chains as mutexes; own lock unused */
	struct hx_wait_queue *q;	/* c whose lock guards it */
	struct hx_turn *pool;		/* c NULL: this one is a pool */
};

/* The first waiter of a list, or NULL; what a waiter left. The lock of the list is held. */
static inline struct hx_thread *hx_wait_first(const struct hx_list *list)
{
	struct hx_list *n = list->next;

	return n != list ? HX_LIST_ENTRY(n, struct hx_thread, wait_link) : NULL;
}

static inline void *hx_wait_data(const struct hx_thread *t)
{
	return t->wait_data;
}

/**
 * hx_wait_on_locked() - wait in any list that q->lock guards.
 * hx_wait_queued_locked() - the same for a caller who has put its wait_link into the list itself.
 * @list:       goes to its end
 * @q:          q->lock held by hx_spin_lock_irqsave(); dropped, and not taken again
 * @data:       for the waker, hx_wait_data()
 * @timeout_ns: from now; not 0; HX_FOREVER never times out
 *
 * Returns: what the waker said; -HX_ETIMEDOUT. Interrupts are still off.
 * Context: thread, no other lock held.
 * Locks:   takes HX_RANK_TIMERS (with a timeout), HX_RANK_RUNQ.
 * Owner:   @list and @data stay the caller's.
 * Cost:    two switches; no timer without a timeout.
 * Source:  -
 */
int hx_wait_on_locked(struct hx_list *list, struct hx_wait_queue *q, void *data,
		      hx_ns_t timeout_ns);
int hx_wait_queued_locked(struct hx_wait_queue *q, void *data, hx_ns_t timeout_ns);

/**
 * hx_wake_with_locked() - end the wait of a thread in a list.
 * hx_wake_off_locked() - the same for one that is off its list already.
 * @t:      waits
 * @result: what its wait returns
 *
 * Returns: nothing. hx_wake_end() lets a more urgent one run at once.
 * Context: any but NMI; the lock that it waits with is held, interrupts off.
 * Locks:   takes HX_RANK_RUNQ.
 * Owner:   -
 * Cost:    about 40 instructions.
 * Source:  -
 */
void hx_wake_with_locked(struct hx_thread *t, int result);
void hx_wake_off_locked(struct hx_thread *t, int result);

/**
 * hx_turn_init() - make a pool in which nobody waits. Only with CONFIG_IPC_TURNS, as all below.
 * @pool: filled
 * @q:    whose lock guards it, and the turns taken from it
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   @pool outlives who waits in it, and each turn that was taken from it.
 * Cost:    a few stores.
 * Source:  -
 */
static inline void hx_turn_init(struct hx_turn *pool, struct hx_wait_queue *q)
{
	hx_mutex_init(&pool->m);
	pool->q = q;
	pool->pool = NULL;
}

/**
 * hx_turn_give_locked() - hand this thread's call to one that waits for calls, and wait for the
 * end.
 * hx_turn_end_and_wait_locked() - end a turn with 0 for who waits, and wait for the next one.
 * @server:     waits with pool->q, in a list
 * @turn:       give: the server's; taken by it when this returns. end: this thread's, awaited
 * @pool:       nobody waits in it
 * @data:       for who ends this wait, in turn->q->waiters
 * @timeout_ns: not 0
 * @flags:      of hx_spin_lock_irqsave(), restored
 *
 * Whose wait ends gets this CPU if it can: that goes best as the last thing that a function does,
 * with nothing to save for afterwards.
 *
 * Returns: give: what hx_wake_off_locked() said after hx_turn_end_locked(), or 0;
 *          -HX_ETIMEDOUT; -HX_EPIPE the server's thread ended. end: as hx_wait_on_locked(). The
 *          lock is dropped.
 * Context: thread, no other lock held.
 * Locks:   the lock of the turn's queue held; takes HX_RANK_INHERIT, HX_RANK_RUNQ.
 * Owner:   @turn stays the server's until it ended the turn.
 * Cost:    one switch there and one back: the scheduler is asked once for both. 30 instructions
 *          for inheritance.
 * Source:  Liedtke, "Improving IPC by Kernel Design" (SOSP 1993), 5.3.2. Differs: the scheduler
 *          still decides who runs.
 */
int hx_turn_give_locked(struct hx_thread *server, struct hx_turn *turn, struct hx_turn *pool,
			hx_ns_t timeout_ns, hx_irqflags_t flags);
int hx_turn_end_and_wait_locked(struct hx_turn *turn, void *data, hx_ns_t timeout_ns,
				hx_irqflags_t flags);

/**
 * hx_turn_join_locked() - wait in a pool until somebody took this call and ended it.
 * @pool:       with its lock held
 * @data:       for who takes it
 * @timeout_ns: not 0
 *
 * Returns: as hx_turn_give_locked(); -HX_EDEADLK who stands for the pool waits for this thread.
 * Context: thread, no other lock held.
 * Locks:   pool->q->lock held; takes HX_RANK_INHERIT, HX_RANK_RUNQ.
 * Owner:   -
 * Cost:    O(less urgent waiters), and a step per thread in the chain of owners.
 * Source:  Sha, Rajkumar and Lehoczky (IEEE ToC, 1990).
 */
int hx_turn_join_locked(struct hx_turn *pool, void *data, hx_ns_t timeout_ns);

/**
 * hx_turn_take_locked() - take the most urgent call of a pool.
 * hx_turn_first() - which one that is; NULL: none.
 * @pool: with its lock held
 * @turn: filled: what the calling thread owes from now on
 *
 * Returns: who waits for it; NULL: nobody waits in the pool.
 * Context: thread.
 * Locks:   pool->q->lock held; takes HX_RANK_INHERIT, HX_RANK_RUNQ.
 * Owner:   @turn is this thread's, and stays where it is until hx_turn_end_locked().
 * Cost:    about 60 instructions.
 * Source:  -
 */
struct hx_thread *hx_turn_take_locked(struct hx_turn *pool, struct hx_turn *turn);
struct hx_thread *hx_turn_first(const struct hx_turn *pool);

/* Does somebody wait in the pool? Its lock is held. */
static inline bool hx_turn_is_wanted(const struct hx_turn *pool)
{
	return (pool->m.owner & 1) != 0;
}

/* Does somebody wait for the end of a turn that was taken? Its lock is held. */
static inline bool hx_turn_is_awaited(const struct hx_turn *turn)
{
	return (turn->m.owner & 1) != 0;
}

/**
 * hx_turn_end_locked() - the calling thread has done what it owed: give back what it inherited.
 * @turn: taken by this thread
 *
 * Returns: who waited, off its list, to be woken before the lock is dropped; NULL: gave up.
 * Context: thread.
 * Locks:   turn->q->lock held; takes HX_RANK_INHERIT, HX_RANK_RUNQ if it inherited.
 * Owner:   @turn is free again.
 * Cost:    about 25 instructions.
 * Source:  -
 */
struct hx_thread *hx_turn_end_locked(struct hx_turn *turn);

/**
 * hx_turn_count_locked() - how many wait in a pool.
 * @pool: with its lock held
 *
 * Returns: the number.
 * Context: any but NMI.
 * Locks:   pool->q->lock held; takes HX_RANK_INHERIT.
 * Owner:   -
 * Cost:    O(waiters).
 * Source:  -
 */
uint32_t hx_turn_count_locked(const struct hx_turn *pool);

/* Is it that thread that took it? Only that thread itself may ask. */
static inline bool hx_turn_is_of(const struct hx_turn *turn, const struct hx_thread *t)
{
	return (turn->m.owner & ~(uintptr_t)3) == (uintptr_t)t;
}

/**
 * hx_turn_drop_locked() - take the most urgent call out of a pool, to be woken with an error.
 * @pool: with its lock held
 *
 * Returns: who waited, off its list; NULL: nobody waits.
 * Context: any but NMI.
 * Locks:   pool->q->lock held; takes HX_RANK_INHERIT, HX_RANK_RUNQ.
 * Owner:   -
 * Cost:    about 40 instructions.
 * Source:  -
 */
struct hx_thread *hx_turn_drop_locked(struct hx_turn *pool);

#endif
