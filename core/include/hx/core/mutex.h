/* SPDX-License-Identifier: MIT */
/*
 * Sleeping locks: mutex (owner, not recursive) and counting semaphore.
 *
 * Both hand over directly: who unlocks or gives while somebody waits makes that waiter the owner,
 * or gives it the permit, before it runs. So no waiter is overtaken by whoever happens to run; the
 * price is that a contended lock changes hands at the speed of switches (a convoy). A semaphore
 * serves the longest waiter first, a mutex the most urgent one, the longest waiter among equals.
 *
 * Who owns a mutex that others wait for runs with the priority of the most urgent of them, if that
 * is higher than its own, and so does the owner of a mutex that it waits for in turn, and so on.
 */
#ifndef HX_CORE_MUTEX_H
#define HX_CORE_MUTEX_H

#include <hx/base.h>
#include <hx/core/wait.h>

/* Field keys: a atomic, i lock of all priority inheritance. */
struct hx_mutex {
	volatile uintptr_t owner;	/* a struct hx_thread *, bit 0: one may wait; 0: free */
	struct hx_wait_queue queue;	/* i most urgent first; also with its own lock */
	struct hx_mutex *next_owned;	/* i of what its owner has; valid while somebody waits */
};

#define HX_MUTEX_INIT(name)	{ .owner = 0, .queue = HX_WAIT_QUEUE_INIT((name).queue) }

/* Make a mutex free. Any context. */
static inline void hx_mutex_init(struct hx_mutex *m)
{
	m->owner = 0;
	hx_wait_init(&m->queue);
}

/**
 * hx_mutex_lock() - take the mutex, waiting for it if need be.
 * hx_mutex_trylock() - take it if it is free; true if so.
 * @m: not held by the caller, else hx_bug()
 *
 * Returns: owning @m. If its owner waits, directly or through others, for a mutex of the caller's,
 *          nobody of them would ever go on: hx_bug() with their names.
 * Context: thread, may sleep. Before threads exist there is one flow and nothing to exclude.
 * Locks:   takes m->queue.lock (HX_RANK_WAIT) and HX_RANK_INHERIT if it must wait.
 * Owner:   the calling thread owns @m until it unlocks.
 * Cost:    7 instructions if free; else the chain of owners is followed, up to 32 of them.
 * Source:  Sha, Rajkumar and Lehoczky (IEEE ToC, 1990): priority inheritance.
 */
void hx_mutex_lock(struct hx_mutex *m);

/* Take it if it is free: true. Never waits. Thread context. */
HX_MUST_CHECK bool hx_mutex_trylock(struct hx_mutex *m);

/**
 * hx_mutex_lock_timeout() - take the mutex, waiting at most so long.
 * @m:          mutex
 * @timeout_ns: from now; 0 does not wait; HX_FOREVER never gives up
 *
 * Returns: 0 owning @m; -HX_ETIMEDOUT; -HX_EDEADLK the caller owns it, or waiting would close a
 *          circle of threads that wait for each other.
 * Context: thread, may sleep.
 * Locks:   takes m->queue.lock (HX_RANK_WAIT) if it must wait.
 * Owner:   as hx_mutex_lock().
 * Cost:    as hx_mutex_lock(), and a timer if it waits.
 * Source:  -
 */
HX_MUST_CHECK int hx_mutex_lock_timeout(struct hx_mutex *m, hx_ns_t timeout_ns);

/**
 * hx_mutex_unlock() - give the mutex up, to the most urgent waiter if there is one.
 * @m: owned by the calling thread, else hx_bug()
 *
 * Returns: nothing. The caller's priority is as without @m then.
 * Context: thread.
 * Locks:   takes m->queue.lock (HX_RANK_WAIT) and HX_RANK_INHERIT if somebody waits.
 * Owner:   the next owner owns it before it runs; @m may be freed by whoever owns it last.
 * Cost:    7 instructions if nobody waits, else one wake-up.
 * Source:  -
 */
void hx_mutex_unlock(struct hx_mutex *m);

/* Field keys: a atomic. */
struct hx_sem {
	volatile int32_t count;		/* a permits; -1: none, and somebody may wait */
	uint32_t reserved;
	struct hx_wait_queue queue;
};

#define HX_SEM_MAX	INT32_MAX
#define HX_SEM_INIT(name, n)	{ .count = (n), .queue = HX_WAIT_QUEUE_INIT((name).queue) }

/* Make a semaphore with 0..HX_SEM_MAX permits. Any context. */
static inline void hx_sem_init(struct hx_sem *s, uint32_t count)
{
	s->count = (int32_t)count;
	hx_wait_init(&s->queue);
}

/**
 * hx_sem_take() - take a permit, waiting for one if need be.
 * @s:          semaphore
 * @timeout_ns: from now; 0 does not wait; HX_FOREVER never gives up
 *
 * Returns: 0 with a permit; -HX_ETIMEDOUT; -HX_EAGAIN none there and @timeout_ns is 0.
 * Context: thread, may sleep; with @timeout_ns 0 any context but NMI.
 * Locks:   takes s->queue.lock (HX_RANK_WAIT) if it must wait.
 * Owner:   -
 * Cost:    9 instructions if a permit is there.
 * Source:  Dijkstra, EWD 123 (P and V).
 */
HX_MUST_CHECK int hx_sem_take(struct hx_sem *s, hx_ns_t timeout_ns);

/**
 * hx_sem_give() - give a permit, to the longest waiter if there is one.
 * @s: with fewer than HX_SEM_MAX permits, else hx_bug()
 *
 * Returns: nothing.
 * Context: any but NMI.
 * Locks:   takes s->queue.lock (HX_RANK_WAIT) if somebody waits.
 * Owner:   -
 * Cost:    8 instructions if nobody waits, else one wake-up.
 * Source:  Dijkstra, EWD 123 (P and V).
 */
void hx_sem_give(struct hx_sem *s);

#endif
