// SPDX-License-Identifier: MIT
/*
 * Waiting: on and off a queue, with a timeout, and sleep, which is a wait that nobody ends.
 *
 * A wait ends once: waking and timing out both take the thread off the queue under the queue's
 * lock, so whoever comes second finds it gone. The timer's function runs in the tick, takes the
 * queue's lock and looks whether the thread still waits there with this timeout.
 *
 * With one CPU the interrupt that expires a timer keeps interrupts off from taking it off the tree
 * to the end of its function, so neither the thread nor its queue can go away in between. With
 * more, hx_timer_cancel() has to wait for a function that runs elsewhere.
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
	if (t->has_timeout && t->waits_on == q && !timer->node.linked)
		wait_wake(t, -HX_ETIMEDOUT);
	hx_spin_release_(&q->lock);
}

static HX_NOINLINE void wait_arm(struct hx_thread *self, struct hx_wait_queue *q,
				 hx_ns_t timeout_ns)
{
	self->has_timeout = 1;
	self->waits_on = q;
	self->timeout.node.linked = 0;
	self->timeout.fn = wait_timed_out;
	hx_timer_start(&self->timeout, deadline_after(timeout_ns));
}

int wait_and_drop(struct hx_wait_queue *q, hx_ns_t timeout_ns)
{
	struct hx_thread *self = hx_thread_self();
	struct hx_runq *rq = sched_this_rq();

	hx_assert_held(&q->lock);
	hx_assert(hx_percpu()->irq_depth == 0 && hx_percpu()->preempt_off == 0);
	hx_list_push_back(&q->waiters, &self->wait_link);
	if (HX_UNLIKELY(timeout_ns != HX_FOREVER))
		wait_arm(self, q, timeout_ns);
	quiet_lock(&rq->lock);
	runq_leave(rq, self, HX_LEAVE_BLOCK);
	self->state = HX_THREAD_BLOCKED;
	hx_spin_release_(&q->lock);	/* not before: a waker must find it off the CPU */
	runq_switch(rq, self, runq_next(rq));
	quiet_unlock(&rq->lock);
	return self->wake_result;
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

void wait_wake(struct hx_thread *t, int result)
{
	wait_end(t, result);
	runq_make_ready(t, HX_ENQUEUE_WAKE);
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
