// SPDX-License-Identifier: MIT
/*
 * The mechanism of scheduling: what happens at a yield, a block, a tick and a preemption. Who comes
 * next is asked of the provider in the slot "scheduler"; the hot path is in thread_priv.h.
 *
 * A preemption is first noted (percpu->need_resched holds the reason, an enum hx_enqueue_why) and
 * done at the next point where switching is safe: when an interrupt returns to code that has
 * preemption on, at hx_preempt_enable(), and after a wake-up in thread context.
 */
#include <hx/config/subsys_sched.h>
#include <hx/core/irq.h>
#include <hx/core/slot.h>
#include <hx/hal/timer.h>

#include "thread_priv.h"

const void *sched_slot;
struct hx_runq sched_rq = {
	.lock = HX_SPINLOCK_INIT("runq", HX_RANK_RUNQ),
	.ready = HX_LIST_INIT(sched_rq.ready),
};

static int sched_check(const void *provider)
{
	const struct hx_sched_ops *ops = provider;

	if (ops->init == NULL || ops->enqueue == NULL || ops->dequeue == NULL || ops->pick == NULL)
		return -HX_EINVAL;
	/* What no provider announced is not looked at: such calls would be lost. */
	if ((ops->leave != NULL && !hx_sched_may_leave) ||
	    (ops->admit != NULL && !hx_sched_may_admit))
		return -HX_EINVAL;
	return 0;
}

static const struct hx_kind sched_kind = {
	.slot = "scheduler", .abi = HX_SCHED_ABI, .default_name = CONFIG_SCHED_DEFAULT_NAME,
	.first = (const void *const *)__start_hx_sched_classes,
	.last = (const void *const *)__stop_hx_sched_classes,
	.check = sched_check, .current = &sched_slot,
};
HX_KIND(sched_kind);

void sched_bad_pick(struct hx_runq *rq, const struct hx_thread *t)
{
	quiet_unlock(&rq->lock);
	if (t == NULL)
		hx_bug("scheduler %s lost %u ready threads", sched_ops()->name, rq->n_ready);
	if (t->rq != rq)
		hx_bug("scheduler %s picked thread %u of another run queue", sched_ops()->name,
		       t->id);
	hx_bug("scheduler %s picked thread %u, which is %s", sched_ops()->name, t->id,
	       t->state == HX_THREAD_RUNNING ? "running: picked twice" : "not ready");
}

void hx_yield(void)
{
	struct hx_runq *rq = sched_this_rq();
	hx_irqflags_t flags;

	hx_assert_can_sleep();
	flags = hx_irq_save();
	if (runq_has_next(rq)) {
		quiet_lock(&rq->lock);
		runq_rotate(rq, hx_thread_self(), HX_ENQUEUE_YIELD);
		quiet_unlock(&rq->lock);
	}
	hx_irq_restore(flags);
}

void sched_preempt(void)
{
	struct hx_runq *rq = sched_this_rq();
	struct hx_thread *self = hx_thread_self();
	enum hx_enqueue_why why = hx_percpu()->need_resched;

	quiet_lock(&rq->lock);
	hx_percpu()->need_resched = 0;
	if (self == rq->idle) {
		if (runq_has_next(rq)) {
			self->state = HX_THREAD_READY;
			runq_switch(rq, self, runq_next(rq));
		}
	} else if (runq_has_next(rq) || (hx_sched_may_hold && rq->must_leave == self)) {
		if (hx_sched_may_hold)
			rq->must_leave = NULL;
		rq->n_preempted++;
		runq_rotate(rq, self, why);
	}
	quiet_unlock(&rq->lock);
}

/* hx_preempt_enable() and hx_wake_end() come here, wherever they were called. */
static void sched_preempt_point(void)
{
	if (hx_percpu()->preempt_off != 0 || hx_percpu()->irq_depth != 0 || !hx_irq_are_enabled())
		return;		/* whoever ends that looks again, an interrupt at the latest */
	hx_irq_disable();
	sched_preempt();
	hx_irq_enable();
}

static void sched_no_preempt_point(void)
{
	/* Threads ended with the shutdown; there is one flow left. */
}

/* In the timer interrupt. */
void sched_tick(void)
{
	struct hx_runq *rq = sched_this_rq();
	struct hx_thread *t = hx_thread_self();
	uint64_t now = hx_cycles(), ran = now - rq->started_cycles;
	enum hx_tick what = HX_TICK_GO_ON;

	quiet_lock(&rq->lock);
	rq->started_cycles = now;
	if (t != rq->idle && sched_ops()->tick != NULL)
		what = sched_ops()->tick(rq, t, hx_cycles_to_ns(ran));
	if (hx_sched_may_hold)
		rq->must_leave = what == HX_TICK_OFF ? t : NULL;
	/* A preemption that is due already keeps its reason: the slice was not used up then. */
	if (what != HX_TICK_GO_ON && (runq_has_next(rq) || what == HX_TICK_OFF) &&
	    hx_percpu()->need_resched == 0)
		hx_percpu()->need_resched = HX_ENQUEUE_SLICE;
	quiet_unlock(&rq->lock);
}

/* t's priority or intent is another now; its run queue's lock is held. */
static void sched_changed(struct hx_runq *rq, struct hx_thread *t, bool less_urgent)
{
	const struct hx_sched_ops *ops = sched_ops();
	const struct hx_thread *self = hx_thread_self();

	if (ops->preempts == NULL)
		return;
	if (t == self) {
		/* Somebody else may be more urgent now: ask. */
		if (less_urgent && runq_has_next(rq))
			hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
	} else if (t->state == HX_THREAD_READY && self != rq->idle && ops->preempts(rq, t, self)) {
		hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
	}
}

/* Off the queue while what it is ordered by changes. True: put it back with change_end(). */
static bool change_begin(struct hx_runq *rq, struct hx_thread *t)
{
	if (sched_ops()->changed == NULL || t->state != HX_THREAD_READY || t == rq->idle)
		return false;
	sched_ops()->dequeue(rq, t);
	return true;
}

static void change_end(struct hx_runq *rq, struct hx_thread *t, bool was_ready)
{
	if (sched_ops()->changed == NULL || t == rq->idle)
		return;
	sched_ops()->changed(rq, t);
	if (was_ready)
		sched_ops()->enqueue(rq, t, HX_ENQUEUE_CHANGE);
}

int hx_thread_set_prio(struct hx_thread *t, unsigned prio)
{
	struct hx_runq *rq = t->rq;
	hx_irqflags_t flags;
	bool was_ready;
	uint8_t old;

	if (prio > HX_PRIO_LOWEST)
		return -HX_ERANGE;
	flags = hx_runq_lock(rq);
	old = t->prio;
	was_ready = change_begin(rq, t);
	t->prio = (uint8_t)prio;
	change_end(rq, t, was_ready);
	sched_changed(rq, t, prio > old);
	hx_runq_unlock(rq, flags);
	if (hx_percpu()->need_resched)
		hx_preempt_point();
	return 0;
}

int sched_admit(struct hx_thread *t, const struct hx_intent *want)
{
	return hx_sched_may_admit && sched_ops()->admit != NULL ? sched_ops()->admit(t, want) : 0;
}

int hx_thread_set_intent(struct hx_thread *t, const struct hx_intent *want)
{
	struct hx_runq *rq = t->rq;
	hx_irqflags_t flags;
	bool was_ready;
	int err = hx_intent_check(want, NULL);

	if (err == 0)
		err = sched_admit(t, want);
	if (err != 0)
		return err;
	flags = hx_runq_lock(rq);
	was_ready = change_begin(rq, t);
	t->own_intent = *want;
	t->intent = &t->own_intent;
	change_end(rq, t, was_ready);
	sched_changed(rq, t, true);
	hx_runq_unlock(rq, flags);
	if (hx_percpu()->need_resched)
		hx_preempt_point();
	return 0;
}

hx_irqflags_t hx_runq_lock(struct hx_runq *rq)
{
	hx_irqflags_t flags = hx_irq_save();

	quiet_lock(&rq->lock);
	return flags;
}

void hx_runq_unlock(struct hx_runq *rq, hx_irqflags_t flags)
{
	quiet_unlock(&rq->lock);
	hx_irq_restore(flags);
}

void hx_runq_kick(struct hx_runq *rq)
{
	hx_assert_held(&rq->lock);
	if (hx_percpu()->need_resched == 0)
		hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
}

bool hx_can_sleep(void)
{
	const __auto_type cpu = hx_percpu();

	return cpu->current != NULL && cpu->preempt_off == 0 && cpu->irq_depth == 0 &&
	       hx_irq_are_enabled();
}

void sched_idle_loop(void)
{
	struct hx_runq *rq = sched_this_rq();

	for (;;) {
		thread_reap();
		hx_irq_disable();
		if (runq_has_next(rq)) {
			sched_preempt();
			hx_irq_enable();
		} else {
			hx_cpu_idle();
		}
	}
}

int sched_start(struct hx_thread *first, struct hx_thread *idle)
{
	int err = hx_slot_select(&sched_kind);

	if (err == 0)
		err = sched_ops()->init(&sched_rq);
	if (err != 0)
		return err;
	sched_rq.n_ready = sched_rq.n_held = 0;
	sched_rq.must_leave = NULL;
	sched_rq.cpu = hx_percpu()->cpu;
	first->intent = NULL;
	err = sched_admit(first, &hx_intent_default);
	first->intent = &hx_intent_default;
	if (err != 0) {
		if (sched_ops()->fini != NULL)
			sched_ops()->fini(&sched_rq);
		return err;
	}
	sched_rq.idle = idle;
	idle->state = HX_THREAD_READY;
	first->state = HX_THREAD_RUNNING;
	sched_rq.started_cycles = hx_cycles();
	first->ran_cycles = -sched_rq.started_cycles;
	hx_percpu()->current = first;
	hx_preempt_point = sched_preempt_point;
	hx_irq_set_exit(sched_preempt);
	return 0;
}

/* Back to one flow, the calling one; nobody is enqueued any more and interrupts are off. */
void sched_stop(void)
{
	hx_irq_set_exit(NULL);
	hx_preempt_point = sched_no_preempt_point;
	hx_percpu()->need_resched = 0;
	quiet_lock(&sched_rq.lock);
	sched_rq.idle = NULL;
	hx_percpu()->current = NULL;
	quiet_unlock(&sched_rq.lock);
	if (sched_ops()->fini != NULL)
		sched_ops()->fini(&sched_rq);
}

/* A ready thread, or one that is held, never runs again. */
void sched_drop(struct hx_thread *t)
{
	struct hx_runq *rq = t->rq;

	quiet_lock(&rq->lock);
	if (t->state == HX_THREAD_READY && t != rq->idle) {
		sched_ops()->dequeue(rq, t);
		rq->n_ready--;
		t->state = HX_THREAD_DEAD;
	}
	quiet_unlock(&rq->lock);
}
