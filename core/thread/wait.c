// SPDX-License-Identifier: MIT
/*
 * Waiting: on and off a queue, with a timeout, and sleep, which is a wait that nobody ends.
 *
 * A wait ends once: waking and timing out both take the thread off the queue under the queue's
 * lock, so whoever comes second finds it gone. The timer's function runs in the tick, takes the
 * queue's lock and looks whether the thread still waits there with this timeout.
 *
 * The function may run on another CPU at that moment, with the thread and its queue in its hands.
 * So a thread that waited with a timeout cancels the timer before it returns, without any lock, and
 * hx_timer_cancel() waits for a function that is under way: after that neither is looked at any
 * more. The waker leaves the timer alone: it holds the queue's lock, which that function may want.
 */
#include <hx/hal/timer.h>

#include "thread_priv.h"

static hx_ns_t deadline_after(hx_ns_t ns)
{
	hx_ns_t now = hx_now_ns();

	return ns < HX_FOREVER - now ? now + ns : HX_FOREVER;
}

static void wait_timed_out(struct hx_timer *timer)
{
	struct hx_thread *t = HX_CONTAINER_OF(timer, struct hx_thread, timeout);
	struct hx_wait_queue *q = t->waits_on;

	hx_spin_acquire_(&q->lock);
	if (t->has_timeout) {
		if (HX_ENABLED(MUTEX_INHERIT) && t->blocked_on != NULL)
			inherit_give_up(t);
		else
			hx_list_unlink(&t->wait_link);
		wait_end(t, -HX_ETIMEDOUT);
		runq_make_ready(t, HX_ENQUEUE_WAKE);
	}
	hx_spin_release_(&q->lock);
}

static void wait_arm(struct hx_thread *self, struct hx_wait_queue *q,
				 hx_ns_t timeout_ns)
{
	self->has_timeout = 1;
	self->waits_on = q;
	self->timeout.node.linked = 0;
	self->timeout.cpu = hx_percpu()->cpu;
	self->timeout.fn = wait_timed_out;
	hx_timer_start(&self->timeout, deadline_after(timeout_ns));
}

/* Off the CPU until woken; q->lock is held, and dropped. */
static HX_ALWAYS_INLINE int wait_block(struct hx_wait_queue *q, struct hx_thread *self)
{
	struct hx_runq *rq = sched_this_rq();

	hx_assert_held(&q->lock);
	hx_assert(hx_percpu()->irq_depth == 0 && hx_percpu()->preempt_off == 0);
	quiet_lock(&rq->lock);
	runq_leave(rq, self, HX_LEAVE_BLOCK);
	self->state = HX_THREAD_BLOCKED;
	hx_spin_release_(&q->lock);	/* not before: a waker must find it off the CPU */
	runq_switch(rq, self, runq_next(rq));
	quiet_unlock(&sched_this_rq()->lock);
	return self->wake_result;
}

static HX_NOINLINE int wait_timed(struct hx_wait_queue *q, struct hx_thread *self,
				  hx_ns_t timeout_ns)
{
	int result;

	wait_arm(self, q, timeout_ns);
	result = wait_block(q, self);
	hx_timer_cancel(&self->timeout);
	return result;
}

int wait_queued(struct hx_wait_queue *q, hx_ns_t timeout_ns)
{
	if (timeout_ns != HX_FOREVER)
		return wait_timed(q, hx_thread_self(), timeout_ns);
	return wait_block(q, hx_thread_self());
}

int wait_and_drop(struct hx_wait_queue *q, hx_ns_t timeout_ns)
{
	struct hx_thread *self = hx_thread_self();

	hx_list_push_back(&q->waiters, &self->wait_link);
	if (HX_UNLIKELY(timeout_ns != HX_FOREVER))
		return wait_timed(q, self, timeout_ns);
	return wait_block(q, self);
}

int hx_wait_locked(struct hx_wait_queue *q, hx_ns_t timeout_ns)
{
	int result;

	if (timeout_ns == 0)
		return -HX_ETIMEDOUT;
	result = wait_and_drop(q, timeout_ns);
	hx_spin_acquire_(&q->lock);
	return result;
}

unsigned hx_wake_one_locked(struct hx_wait_queue *q)
{
	struct hx_thread *t = wait_first(q);

	if (t == NULL)
		return 0;
	wait_wake(t, 0);
	return 1;
}

unsigned hx_wake_all_locked(struct hx_wait_queue *q)
{
	unsigned n = 0;

	while (hx_wake_one_locked(q) != 0)
		n++;
	return n;
}

void hx_sleep_ns(hx_ns_t ns)
{
	struct hx_wait_queue nobody;
	hx_irqflags_t flags;

	if (ns == 0) {
		hx_yield();
	} else if (hx_thread_self() == NULL) {
		hx_ns_t end = deadline_after(ns);

		while (hx_now_ns() < end)
			hx_cpu_relax();
	} else {
		hx_assert_can_sleep();
		hx_wait_init(&nobody);
		flags = hx_spin_lock_irqsave(&nobody.lock);
		wait_and_drop(&nobody, ns);
		hx_irq_restore(flags);
	}
}
