/* SPDX-License-Identifier: MIT */
/*
 * How a thread gives up the CPU to a certain other one, if the scheduler agrees; inline, as all of
 * the hot path in thread_priv.h.
 *
 * Who wakes another and then waits itself asks the scheduler once: one in, one out, under one hold
 * of the run queue's lock. That goes if the other was here last and may run here; where it could
 * run elsewhere at once it still comes here, because this CPU has nothing else to do for the pair.
 */
#ifndef HX_HANDOVER_PRIV_H
#define HX_HANDOVER_PRIV_H

#include "thread_priv.h"

/* May t, which waits, simply come to this run queue, whose lock is held? Nobody moves a thread that
 * waits. */
static HX_ALWAYS_INLINE bool comes_here(const struct hx_runq *rq, const struct hx_thread *t)
{
	return HX_ENABLED(ONE_CPU) ||
	       HX_LIKELY(t->rq == rq && (t->cpus & rq->bit) != 0);
}

/* self leaves the CPU, which is this one. q->lock is held, and dropped, not before self counts as
 * blocked: a waker must find it off the CPU. */
static HX_ALWAYS_INLINE void block_begin(struct hx_runq *rq, struct hx_wait_queue *q,
					 struct hx_thread *self)
{
	hx_assert_held(&q->lock);
	hx_assert(hx_percpu()->irq_depth == 0 && hx_percpu()->preempt_off == 0);
	runq_leave(rq, self, HX_LEAVE_BLOCK);
	self->state = HX_THREAD_BLOCKED;
	hx_spin_release_(&q->lock);
}

/* Off the CPU until woken. */
static HX_ALWAYS_INLINE int block(struct hx_wait_queue *q, struct hx_thread *self)
{
	struct hx_runq *rq = sched_this_rq();

	quiet_lock(&rq->lock);
	block_begin(rq, q, self);
	runq_switch(rq, self, runq_next(rq));
	quiet_unlock(&sched_this_rq()->lock);
	return self->wake_result;
}

/* The same, and t becomes ready, whose wait has ended. */
static HX_ALWAYS_INLINE int block_and_pass(struct hx_wait_queue *q, struct hx_thread *self,
					   struct hx_thread *t)
{
	struct hx_runq *rq = sched_this_rq();

	quiet_lock(&rq->lock);
	if (HX_UNLIKELY(!comes_here(rq, t))) {
		quiet_unlock(&rq->lock);
		runq_make_ready(t, HX_ENQUEUE_WAKE);
		return block(q, self);
	}
	block_begin(rq, q, self);
	runq_switch(rq, self, runq_replace(rq, t, HX_ENQUEUE_WAKE));
	quiet_unlock(&sched_this_rq()->lock);
	return self->wake_result;
}

/* self is in a list of q's: wait, and let t run, whose wait has ended. */
static HX_ALWAYS_INLINE int pass_and_wait(struct hx_wait_queue *q, struct hx_thread *self,
					  struct hx_thread *t, hx_ns_t timeout_ns)
{
	if (HX_UNLIKELY(timeout_ns != HX_FOREVER)) {
		runq_make_ready(t, HX_ENQUEUE_WAKE);
		return wait_queued(q, timeout_ns);
	}
	return block_and_pass(q, self, t);
}

#endif
