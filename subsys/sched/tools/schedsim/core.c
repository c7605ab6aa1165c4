// SPDX-License-Identifier: MIT
/*
 * Core's part of scheduling, step by step as core/thread/thread_priv.h and sched.c do it: in which
 * order the provider's operations are called, what is counted, when a preemption is noted and when
 * done, and that no answer is believed. Only the switch itself is a number: what it costs.
 */
#include "sim.h"
#include "trace.h"
#include <hx/hal/cpu.h>
#include <string.h>

void core_lock(struct sim *s, struct vcpu *v)
{
	hx_irq_disable();
	world_enter(s, v);
	hx_spin_acquire_(&v->rq.lock);
	s->locked = v;
}

void core_unlock(struct sim *s, struct vcpu *v)
{
	world_leave(s);
	s->locked = NULL;
	hx_spin_release_(&v->rq.lock);
}

/* Time has passed for who is on the CPU: first the cost of switching to it, then its work. */
void core_account(struct sim *s, struct vcpu *v)
{
	uint64_t passed = s->now - v->acc_at, cost;
	struct vthread *t;

	if (passed == 0)
		return;
	if (cpu_is_idle(v)) {
		v->idle_ns += passed;
	} else {
		t = vthread_of(v->current);
		cost = passed < v->cost_left ? passed : v->cost_left;
		v->cost_left -= cost;
		v->cost_ns += cost;
		passed -= cost;
		t->left_ns -= passed < t->left_ns ? passed : t->left_ns;
		t->ran_ns += passed;
		measure_ran(s, t, s->now - passed, passed);
	}
	v->acc_at = s->now;
}

static void enqueue(struct sim *s, struct vcpu *v, struct hx_thread *t, enum hx_enqueue_why why)
{
	if (t->state == HX_THREAD_READY || t->rq != &v->rq)
		sim_fail(s, "simulator: thread %u is enqueued twice", t->id);
	t->state = HX_THREAD_READY;
	vthread_of(t)->ready_since = s->now;
	s->ops->enqueue(&v->rq, t, why);
}

static struct hx_thread *pick(struct sim *s, struct vcpu *v)
{
	struct hx_thread *t = s->ops->pick(&v->rq);

	if (t == NULL)
		sim_fail(s, "scheduler %s lost %u ready threads", s->ops->name,
			 v->rq.n_ready + 1 - v->rq.n_held);
	if (t->rq != &v->rq)
		sim_fail(s, "scheduler %s picked thread %u of another run queue", s->ops->name,
			 t->id);
	if (t->state != HX_THREAD_READY)
		sim_fail(s, "scheduler %s picked thread %u, which is %s", s->ops->name, t->id,
			 t->state == HX_THREAD_RUNNING ? "running: picked twice" : "not ready");
	return t;
}

static struct hx_thread *next(struct sim *s, struct vcpu *v)
{
	if (v->rq.n_held > v->rq.n_ready)
		sim_fail(s, "scheduler %s holds %u of %u ready threads", s->ops->name,
			 v->rq.n_held, v->rq.n_ready);
	if (!runq_has_next(&v->rq))
		return &v->idle;
	v->rq.n_ready--;
	return pick(s, v);
}

static void leave(struct sim *s, struct vcpu *v, enum hx_enqueue_why why)
{
	uint64_t ran = s->now - v->rq.started_cycles;

	if (s->ops->leave == NULL)
		return;
	s->ops->leave(&v->rq, v->current, ran, why);
	v->rq.started_cycles = s->now;
}

static enum trace_what off_reason(enum hx_enqueue_why why)
{
	return why == HX_LEAVE_BLOCK ? TRACE_OFF_BLOCK : why == HX_LEAVE_EXIT ? TRACE_OFF_EXIT :
	       why == HX_ENQUEUE_YIELD ? TRACE_OFF_YIELD :
	       why == HX_ENQUEUE_SLICE ? TRACE_OFF_SLICE : TRACE_OFF_PREEMPT;
}

/* Another thread comes on the CPU. The old one's state says already what it is now. */
static void switch_to(struct sim *s, struct vcpu *v, struct hx_thread *n, enum hx_enqueue_why why)
{
	struct vthread *t;

	if (!cpu_is_idle(v))
		trace_add(s, off_reason(why), vthread_of(v->current), v->rq.cpu, 0);
	v->rq.started_cycles = s->now;
	v->rq.n_switches++;
	v->current = n;
	v->need_resched = 0;
	v->cost_left = 0;
	n->state = HX_THREAD_RUNNING;
	hx_percpu()->current = n;
	if (cpu_is_idle(v)) {
		v->idle_since = s->now;
		return;
	}
	n->n_switches++;
	v->cost_left = s->w->switch_ns;
	t = vthread_of(n);
	t->cpu = v->rq.cpu;
	t->run_since = s->now;
	t->n_runs++;
	t->waited_ns += s->now - t->ready_since;
	sample_add(&s->measured[t->spec].wait, s->now - t->ready_since);
	trace_add(s, TRACE_ON, t, v->rq.cpu, s->now - t->ready_since);
}

/* The running thread goes back to the provider, which says who comes: perhaps the same. */
static void rotate(struct sim *s, struct vcpu *v, enum hx_enqueue_why why)
{
	struct hx_thread *self = v->current, *n;

	leave(s, v, why);
	v->rq.n_ready++;
	enqueue(s, v, self, why);
	n = next(s, v);
	if (n != self)
		switch_to(s, v, n, why);
	else
		self->state = HX_THREAD_RUNNING;
}

void core_yield(struct sim *s, struct vcpu *v)
{
	core_account(s, v);
	if (!runq_has_next(&v->rq))
		return;
	core_lock(s, v);
	rotate(s, v, HX_ENQUEUE_YIELD);
	core_unlock(s, v);
}

void core_preempt(struct sim *s, struct vcpu *v)
{
	enum hx_enqueue_why why = v->need_resched;

	core_account(s, v);
	core_lock(s, v);
	v->need_resched = 0;
	if (cpu_is_idle(v)) {
		if (runq_has_next(&v->rq)) {
			v->idle.state = HX_THREAD_READY;
			switch_to(s, v, next(s, v), why);
		}
	} else if (why != 0 && (runq_has_next(&v->rq) || v->rq.must_leave == v->current)) {
		v->rq.must_leave = NULL;
		v->rq.n_preempted++;
		vthread_of(v->current)->n_preempted++;
		rotate(s, v, why);
	}
	core_unlock(s, v);
}

void core_tick(struct sim *s, struct vcpu *v)
{
	uint64_t ran = s->now - v->rq.started_cycles;
	enum hx_tick what = HX_TICK_GO_ON;

	core_account(s, v);
	core_lock(s, v);
	v->rq.started_cycles = s->now;
	if (!cpu_is_idle(v) && s->ops->tick != NULL)
		what = s->ops->tick(&v->rq, v->current, ran);
	v->rq.must_leave = what == HX_TICK_OFF ? v->current : NULL;
	if (what != HX_TICK_GO_ON && (runq_has_next(&v->rq) || what == HX_TICK_OFF) &&
	    v->need_resched == 0)
		v->need_resched = HX_ENQUEUE_SLICE;
	core_unlock(s, v);
}

/* Ready on v now; a preemption is noted if it should run at once. */
static void make_ready(struct sim *s, struct vthread *t, struct vcpu *v, enum hx_enqueue_why why)
{
	core_account(s, v);
	t->t.rq = &v->rq;
	t->cpu = v->rq.cpu;
	core_lock(s, v);
	v->rq.n_ready++;
	enqueue(s, v, &t->t, why);
	if (cpu_is_idle(v) ||
	    (s->ops->preempts != NULL && s->ops->preempts(&v->rq, &t->t, v->current)))
		v->need_resched = HX_ENQUEUE_PREEMPT;
	core_unlock(s, v);
}

static void set_cpus(struct vthread *t)
{
	t->t.cpus = t->t.promised_ppm != 0 ? (uint64_t)1 << t->t.home : t->t.intent->affinity;
}

int core_create(struct sim *s, struct vthread *t, struct vcpu *v)
{
	bool plain = memcmp(&t->t.own_intent, &hx_intent_default, sizeof(hx_intent_default)) == 0;
	const struct hx_intent *want = plain ? &hx_intent_default : &t->t.own_intent;
	int err = 0;

	t->t.rq = &v->rq;
	t->t.intent = NULL;
	t->t.state = HX_THREAD_NEW;
	t->t.promised_ppm = 0;
	memset(t->t.sched_priv, 0x5a, sizeof(t->t.sched_priv));
	world_enter(s, v);
	if (s->ops->admit != NULL)
		err = s->ops->admit(&t->t, want);
	world_leave(s);
	if (err != 0)
		return err;
	t->admitted = true;
	t->t.intent = want;
	set_cpus(t);
	s->n_alive++;
	make_ready(s, t, t->t.promised_ppm != 0 ? &s->cpus[t->t.home] : v, HX_ENQUEUE_NEW);
	return 0;
}

void core_wake(struct sim *s, struct vthread *t, struct vcpu *waker)
{
	struct vcpu *v = place_woken(s, t, waker);

	trace_add(s, TRACE_WAKE, t, v->rq.cpu, 0);
	make_ready(s, t, v, HX_ENQUEUE_WAKE);
}

void core_move(struct sim *s, struct vthread *t, struct vcpu *to)
{
	uint64_t since = t->ready_since;

	trace_add(s, TRACE_MOVE, t, to->rq.cpu, t->cpu);
	t->n_moved++;
	to->n_moved_here++;
	t->t.state = HX_THREAD_NEW;	/* at neither queue for a moment */
	make_ready(s, t, to, HX_ENQUEUE_MOVE);
	t->ready_since = since;		/* it waits on */
}

static void go_away(struct sim *s, struct vcpu *v, uint8_t state, enum hx_enqueue_why why)
{
	struct hx_thread *self = v->current;

	core_account(s, v);
	core_lock(s, v);
	leave(s, v, why);
	self->state = state;
	switch_to(s, v, next(s, v), why);
	core_unlock(s, v);
}

void core_block(struct sim *s, struct vcpu *v, enum block_why why)
{
	vthread_of(v->current)->why = why;
	go_away(s, v, HX_THREAD_BLOCKED, HX_LEAVE_BLOCK);
}

void core_exit(struct sim *s, struct vcpu *v)
{
	struct vthread *t = vthread_of(v->current);

	go_away(s, v, HX_THREAD_DEAD, HX_LEAVE_EXIT);
	world_enter(s, v);
	if (s->ops->admit != NULL)
		s->ops->admit(&t->t, NULL);
	world_leave(s);
	t->admitted = false;
	s->n_alive--;
	measure_end(s, t);
}

/* ---- changes of what the order depends on */

static void changed(struct sim *s, struct vcpu *v, struct hx_thread *t, bool less_urgent)
{
	if (cpu_is_idle(v) && runq_has_next(&v->rq))
		v->need_resched = HX_ENQUEUE_PREEMPT;	/* it was held, and is not any more */
	if (s->ops->preempts == NULL)
		return;
	if (t == v->current) {
		if (less_urgent && runq_has_next(&v->rq))
			v->need_resched = HX_ENQUEUE_PREEMPT;
	} else if (t->state == HX_THREAD_READY && !cpu_is_idle(v) &&
		   s->ops->preempts(&v->rq, t, v->current)) {
		v->need_resched = HX_ENQUEUE_PREEMPT;
	}
}

static bool change_begin(struct sim *s, struct vcpu *v, struct hx_thread *t)
{
	if (s->ops->changed == NULL || t->state != HX_THREAD_READY)
		return false;
	s->ops->dequeue(&v->rq, t);
	return true;
}

static void change_end(struct sim *s, struct vcpu *v, struct hx_thread *t, bool was_ready)
{
	if (s->ops->changed == NULL)
		return;
	s->ops->changed(&v->rq, t);
	if (was_ready)
		s->ops->enqueue(&v->rq, t, HX_ENQUEUE_CHANGE);
}

void core_set_prio(struct sim *s, struct vthread *t, uint8_t prio)
{
	struct vcpu *v = &s->cpus[t->cpu];
	uint8_t old = t->t.prio;
	bool was_ready;

	if (old == prio)
		return;
	trace_add(s, TRACE_PRIO, t, t->cpu, prio);
	core_account(s, v);
	core_lock(s, v);
	was_ready = change_begin(s, v, &t->t);
	t->t.prio = prio;
	change_end(s, v, &t->t, was_ready);
	changed(s, v, &t->t, prio > old);
	core_unlock(s, v);
}

/* It may not stay: another CPU has promised what it wants, or its affinity is another. At once, if
 * it does not wait anyway. */
static void go_elsewhere(struct sim *s, struct vcpu *v, struct vthread *t)
{
	if (t->t.state == HX_THREAD_READY) {
		core_lock(s, v);
		s->ops->dequeue(&v->rq, &t->t);
		v->rq.n_ready--;
		core_unlock(s, v);
	} else if (t->t.state == HX_THREAD_RUNNING) {
		go_away(s, v, HX_THREAD_NEW, HX_ENQUEUE_MOVE);
		t->ready_since = s->now;
	} else {
		return;
	}
	core_move(s, t, place_woken(s, t, NULL));
}

int core_set_intent(struct sim *s, struct vthread *t, const struct hx_intent *want)
{
	struct vcpu *v = &s->cpus[t->cpu];
	bool was_ready;
	int err = hx_intent_check(want, NULL);

	core_account(s, v);
	if (err == 0 && s->ops->admit != NULL) {
		world_enter(s, v);
		err = s->ops->admit(&t->t, want);
		world_leave(s);
	}
	if (err != 0)
		return err;
	trace_add(s, TRACE_INTENT, t, t->cpu, 0);
	core_lock(s, v);
	was_ready = change_begin(s, v, &t->t);
	t->t.own_intent = *want;
	t->t.intent = &t->t.own_intent;
	set_cpus(t);
	change_end(s, v, &t->t, was_ready);
	changed(s, v, &t->t, true);
	core_unlock(s, v);
	if (!may_run_on(t, t->cpu))
		go_elsewhere(s, v, t);
	return 0;
}
