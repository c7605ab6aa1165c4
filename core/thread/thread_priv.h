/* SPDX-License-Identifier: MIT */
/*
 * What the files of this room share: the run queue, how a thread gets on and off the CPU, and the
 * calls between scheduling, threads, waiting and time. The functions below that are inline are the
 * hot path; each exists once in the source and is expanded where a switch begins.
 *
 * Invariants; the checks in the code cite them by number:
 *	1 A thread is RUNNING on exactly one CPU, or READY at the provider, or neither.
 *	2 state == READY <=> enqueued, except for idle threads, which are never enqueued.
 *	3 rq->n_ready is the number of threads enqueued and not yet picked or dequeued.
 *	4 A BLOCKED thread is on exactly one wait queue, or in one thread's joiner field, or both;
 *	  its timer runs only if has_timeout.
 *	5 The run queue lock is taken by the old flow before a switch and released by the new one.
 */
#ifndef HX_THREAD_PRIV_H
#define HX_THREAD_PRIV_H

#include <hx/config/core_thread.h>
#include <hx/config/hal_paging.h>
#include <hx/core/assert.h>
#include <hx/core/sched_class.h>
#include <hx/core/thread.h>
#include <hx/core/wait.h>
#include <hx/hal/cpu.h>
#include <hx/hal/space.h>
#include <hx/hal/timer.h>
#include <sole_sched.h>

/* ---- sched.c */
extern struct hx_runq sched_rq;		/* the boot CPU's */
extern const void *sched_slot;		/* who sits in the slot "scheduler" */

HX_MUST_CHECK int sched_start(struct hx_thread *first, struct hx_thread *idle);
void sched_stop(void);
void sched_drop(struct hx_thread *t);
HX_NORETURN HX_COLD void sched_bad_pick(struct hx_runq *rq, const struct hx_thread *t);
HX_NORETURN void sched_idle_loop(void);
void sched_preempt(void);
/* space.c: the end of a switch to a thread that runs in a space. */
void sched_switch_space(struct hx_thread *prev, struct hx_thread *next);
void sched_tick(void);

/* ---- thread.c */
extern struct hx_spinlock thread_lock;
void thread_reap(void);
/* The thread with the lowest id above `after`, copied under the lock; false: none. */
struct thread_info {
	uint64_t ran_cycles, n_switches;
	size_t stack_bytes;
	uint32_t id, slice_ns;
	uint8_t state, prio;
	char name[HX_THREAD_NAME_MAX];
};
bool thread_info_after(uint32_t after, struct thread_info *out);

/* ---- sched.c; also for intents */
/* Ask the provider whether t may have this intent; NULL: t ends. */
int sched_admit(struct hx_thread *t, const struct hx_intent *want);

/* ---- wait.c */
/* hx_wait_locked() that does not take q->lock again; interrupts stay off; timeout_ns is not 0. */
int wait_and_drop(struct hx_wait_queue *q, hx_ns_t timeout_ns);
/* Take t, a waiter of a queue whose lock is held, off it and make it ready. */
void wait_wake(struct hx_thread *t, int result);

static inline struct hx_thread *wait_first(struct hx_wait_queue *q)
{
	struct hx_list *n = hx_list_first(&q->waiters);

	return n != NULL ? HX_LIST_ENTRY(n, struct hx_thread, wait_link) : NULL;
}

/* ---- timer.c */
void time_tick_start(void);
void time_tick_stop(void);

/* ---- the hot path */
static inline const struct hx_sched_ops *sched_ops(void)
{
	return hx_sched_is_sole ? hx_sched_sole : sched_slot;
}

static inline struct hx_runq *sched_this_rq(void)
{
	return &sched_rq;
}

/*
 * For the locks that are only taken with interrupts off (the run queue's), or also with preemption
 * off but never in an interrupt (the table's): interrupts are off, and with one CPU that is the
 * whole lock. The word is kept for the checks only.
 */
static inline void quiet_lock(struct hx_spinlock *l)
{
	if (!HX_ENABLED(ONE_CPU) || HX_ENABLED(DEBUG_LOCKS) || HX_ENABLED(DEBUG_ASSERT))
		hx_spin_acquire_(l);
	__asm__ volatile("" ::: "memory");
}

static inline void quiet_unlock(struct hx_spinlock *l)
{
	__asm__ volatile("" ::: "memory");
	if (!HX_ENABLED(ONE_CPU) || HX_ENABLED(DEBUG_LOCKS) || HX_ENABLED(DEBUG_ASSERT))
		hx_spin_release_(l);
}

/* Without n_ready: who calls this keeps invariant 3. */
static HX_ALWAYS_INLINE void runq_enqueue(struct hx_runq *rq, struct hx_thread *t,
					  enum hx_enqueue_why why)
{
	hx_assert_held(&rq->lock);
	hx_assert(t->state != HX_THREAD_READY && t->rq == rq);
	t->state = HX_THREAD_READY;
	sched_ops()->enqueue(rq, t, why);
}

/* Is there one that can run? */
static HX_ALWAYS_INLINE bool runq_has_next(const struct hx_runq *rq)
{
	return hx_sched_may_hold ? rq->n_ready != rq->n_held : rq->n_ready != 0;
}

/* The running thread is about to go, for that reason. */
static HX_ALWAYS_INLINE void runq_leave(struct hx_runq *rq, struct hx_thread *self,
					enum hx_enqueue_why why)
{
	uint64_t now;

	if (!hx_sched_may_leave || sched_ops()->leave == NULL)
		return;
	now = hx_cycles();
	sched_ops()->leave(rq, self, hx_cycles_to_ns(now - rq->started_cycles), why);
	rq->started_cycles = now;
}

/* Somebody is ready: who runs next? Without n_ready. The provider is not trusted: core makes a
 * thread READY at enqueue and something else here, so another state means a pick of a thread that
 * is not enqueued (invariants 1 and 2). */
static HX_ALWAYS_INLINE struct hx_thread *runq_pick(struct hx_runq *rq)
{
	struct hx_thread *t = sched_ops()->pick(rq);

	if (HX_UNLIKELY(t == NULL || t->state != HX_THREAD_READY ||
			(!HX_ENABLED(ONE_CPU) && t->rq != rq)))
		sched_bad_pick(rq, t);
	return t;
}

/*
 * Leave prev, which is READY, BLOCKED or DEAD by now, for next. Returns when prev runs again; the
 * run queue lock is held all along, by whoever runs (invariant 5).
 */
static HX_ALWAYS_INLINE void runq_switch(struct hx_runq *rq, struct hx_thread *prev,
					 struct hx_thread *next)
{
	uint64_t now = hx_cycles();

	prev->ran_cycles += now;
	next->ran_cycles -= now;
	rq->started_cycles = now;
	next->state = HX_THREAD_RUNNING;
	next->n_switches++;
	rq->n_switches++;
	hx_percpu()->current = next;
	hx_percpu()->need_resched = 0;
	/* A thread without a space leaves loaded what is loaded. */
	if (HX_ENABLED(MMU_SPACES) && HX_UNLIKELY(next->space != NULL))
		sched_switch_space(prev, next);
	else
		hx_context_switch(&prev->ctx, &next->ctx);
}

/* Who comes after a thread that is not READY any more: the next one, or idle. */
static HX_ALWAYS_INLINE struct hx_thread *runq_next(struct hx_runq *rq)
{
	if (!runq_has_next(rq))
		return rq->idle;
	rq->n_ready--;
	return runq_pick(rq);
}

/* t becomes ready, and who runs next? Perhaps t. One in, one out, if nobody can be held. */
static HX_ALWAYS_INLINE struct hx_thread *runq_replace(struct hx_runq *rq, struct hx_thread *t,
						       enum hx_enqueue_why why)
{
	if (hx_sched_may_hold)
		rq->n_ready++;
	runq_enqueue(rq, t, why);
	return hx_sched_may_hold ? runq_next(rq) : runq_pick(rq);
}

/* The running thread goes back to the provider, which has others, or holds this one: take turns. */
static HX_ALWAYS_INLINE void runq_rotate(struct hx_runq *rq, struct hx_thread *self,
					 enum hx_enqueue_why why)
{
	struct hx_thread *next;

	runq_leave(rq, self, why);
	next = runq_replace(rq, self, why);
	if (next != self)
		runq_switch(rq, self, next);
	else
		self->state = HX_THREAD_RUNNING;
}

static HX_ALWAYS_INLINE struct hx_runq *runq_of(const struct hx_thread *t)
{
	return HX_ENABLED(ONE_CPU) ? sched_this_rq() : t->rq;
}

/* A new or woken thread becomes ready. Interrupts off. True: it should run at once, and a
 * preemption is due. An idle CPU always takes it. */
static HX_ALWAYS_INLINE bool runq_make_ready(struct hx_thread *t, enum hx_enqueue_why why)
{
	struct hx_runq *rq = runq_of(t);
	bool now;

	quiet_lock(&rq->lock);
	rq->n_ready++;
	runq_enqueue(rq, t, why);
	now = (why != HX_ENQUEUE_NEW && hx_thread_self() == rq->idle) ||
	      (sched_ops()->preempts != NULL && sched_ops()->preempts(rq, t, hx_thread_self()));
	if (now)
		hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
	quiet_unlock(&rq->lock);
	return now;
}

/* Take t off its wait queue, whose lock is held; it then has to be made ready. */
static HX_ALWAYS_INLINE void wait_end(struct hx_thread *t, int result)
{
	hx_list_unlink(&t->wait_link);
	t->wake_result = result;
	if (HX_UNLIKELY(t->has_timeout)) {
		t->has_timeout = 0;
		hx_timer_cancel(&t->timeout);
	}
}

#endif
