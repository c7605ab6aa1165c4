// SPDX-License-Identifier: MIT
/*
 * What a thread asks for changes: its priority, its intent. A ready thread is taken off the run
 * queue, changed and put back, because a queue is ordered by what was true when it was enqueued.
 */
#include "thread_priv.h"

/* Take t off the queue while what it is ordered by changes, or because it goes elsewhere. */
static bool change_begin(struct hx_runq *rq, struct hx_thread *t, bool moves)
{
	if ((sched_ops()->changed == NULL && !moves) || t->state != HX_THREAD_READY ||
	    t == rq->idle)
		return false;
	sched_ops()->dequeue(rq, t);
	return true;
}

static void change_tell(struct hx_runq *rq, struct hx_thread *t)
{
	if (sched_ops()->changed != NULL && t != rq->idle)
		sched_ops()->changed(rq, t);
}

static void change_end(struct hx_runq *rq, struct hx_thread *t, bool was_ready)
{
	change_tell(rq, t);
	if (was_ready)
		sched_ops()->enqueue(rq, t, HX_ENQUEUE_CHANGE);
}

void sched_set_prio(struct hx_thread *t, uint8_t prio)
{
	struct hx_runq *rq = runq_lock_of(t);
	uint8_t old = t->prio;
	bool was_ready = change_begin(rq, t, false);

	t->prio = prio;
	change_end(rq, t, was_ready);
	sched_changed(rq, t, prio > old);
	quiet_unlock(&rq->lock);
}

int hx_thread_set_prio(struct hx_thread *t, unsigned prio)
{
	hx_irqflags_t flags;

	if (prio > HX_PRIO_LOWEST)
		return -HX_ERANGE;
	flags = hx_irq_save();
	if (HX_ENABLED(MUTEX_INHERIT)) {
		inherit_set_base(t, (uint8_t)prio);
	} else {
		t->base_prio = (uint8_t)prio;
		sched_set_prio(t, (uint8_t)prio);
	}
	hx_irq_restore(flags);
	if (hx_percpu()->need_resched)
		hx_preempt_point();
	return 0;
}

int sched_check_intent(const struct hx_intent *want)
{
	uint64_t cpus = HX_ENABLED(ONE_CPU) ? 1 : __atomic_load_n(&cpus_running, __ATOMIC_RELAXED);
	int err = hx_intent_check(want, NULL);

	return err == 0 && (want->affinity & cpus) == 0 ? -HX_EINVAL : err;
}

/* t may run elsewhere now, perhaps only there; it is off the queue if it was ready. False: t has
 * been moved, and rq unlocked. */
static bool change_place(struct hx_runq *rq, struct hx_thread *t, bool was_ready)
{
	if (HX_CPUS == 1 || (t->cpus & rq->bit) != 0)
		return true;
	if (t->state == HX_THREAD_RUNNING) {
		rq->must_move = t;
		runq_ask(rq, HX_ENQUEUE_PREEMPT);
	}
	if (!was_ready)
		return true;
	rq->n_ready--;
	t->state = HX_THREAD_MOVING;
	sched_arrive(rq, t, HX_ENQUEUE_MOVE);
	return false;
}

void sched_settle(struct hx_thread *t)
{
	struct hx_runq *rq = runq_lock_of(t);
	bool was_ready;

	thread_set_cpus(t);
	if (HX_CPUS == 1 || (t->cpus & rq->bit) != 0) {
		quiet_unlock(&rq->lock);
		return;
	}
	was_ready = change_begin(rq, t, true);
	if (was_ready)
		change_tell(rq, t);
	if (change_place(rq, t, was_ready))
		quiet_unlock(&rq->lock);
}

void hx_runq_narrow(struct hx_runq *rq, struct hx_thread *t, uint64_t cpus)
{
	hx_assert_held(&rq->lock);
	if (HX_CPUS == 1 || t->promised_ppm != 0)
		return;
	cpus &= t->intent->affinity;
	if ((cpus & __atomic_load_n(&cpus_running, __ATOMIC_RELAXED)) == 0)
		cpus = t->intent->affinity;
	t->cpus = cpus;
	if (t == runq_current(rq))
		(void)change_place(rq, t, false);
}

void hx_runq_send(struct hx_runq *rq, struct hx_thread *t)
{
	hx_assert_held(&rq->lock);
	if (HX_CPUS == 1 || t->state != HX_THREAD_READY || t->rq != rq ||
	    (t->cpus >> rq->cpu & 1) != 0)
		return;
	sched_ops()->dequeue(rq, t);
	(void)change_place(rq, t, true);
	quiet_lock(&rq->lock);
}

/* Where it may run with that intent, which has been admitted. */
static uint64_t cpus_wanted(const struct hx_thread *t, const struct hx_intent *want)
{
	return hx_sched_may_admit && t->promised_ppm != 0 ? 1ull << t->home : want->affinity;
}

int hx_thread_set_intent(struct hx_thread *t, const struct hx_intent *want)
{
	hx_irqflags_t flags;
	struct hx_runq *rq;
	bool was_ready;
	int err = sched_check_intent(want);

	if (err != 0)
		return err;
	/* What one scheduler admitted, the same one is told to do. */
	if (HX_ENABLED(SLOT_SWAP))
		hx_preempt_disable();
	err = sched_admit(t, want);
	if (err != 0) {
		if (HX_ENABLED(SLOT_SWAP))
			hx_preempt_enable();
		return err;
	}
	if (!hx_sched_may_admit)
		t->promised_ppm = 0;
	flags = hx_irq_save();
	if (HX_ENABLED(SLOT_SWAP))
		(void)hx_percpu_preempt_on_();	/* interrupts are off now */
	rq = runq_lock_of(t);
	was_ready = change_begin(rq, t, (cpus_wanted(t, want) >> rq->cpu & 1) == 0);
	t->own_intent = *want;
	t->intent = &t->own_intent;
	thread_set_cpus(t);
	change_tell(rq, t);
	if (change_place(rq, t, was_ready)) {
		if (was_ready)
			sched_ops()->enqueue(rq, t, HX_ENQUEUE_CHANGE);
		sched_changed(rq, t, true);
		quiet_unlock(&rq->lock);
	}
	hx_irq_restore(flags);
	if (hx_percpu()->need_resched)
		hx_preempt_point();
	return 0;
}
