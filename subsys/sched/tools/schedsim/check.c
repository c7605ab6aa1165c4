// SPDX-License-Identifier: MIT
/*
 * The invariants of sim.h, looked at after every step when --check asks for it, and always in the
 * random runs. They are checked against the simulator's own account of every thread, which a
 * provider cannot reach: one that it forgets, or gives twice, is seen.
 */
#include "sim.h"

/* Invariants 1 and 5. n_at: how many threads are at each queue. */
static void check_thread(struct sim *s, const struct vthread *t, uint32_t *n_at)
{
	const struct vcpu *v = &s->cpus[t->cpu];
	unsigned i, n_on = 0;

	for (i = 0; i < s->n_cpus; i++)
		n_on += s->cpus[i].current == &t->t;
	if (n_on != (t->t.state == HX_THREAD_RUNNING))
		sim_fail(s, "invariant 1: thread %u runs on %u CPUs in state %u", t->t.id, n_on,
			 t->t.state);
	if (t->t.state == HX_THREAD_RUNNING && v->current != &t->t)
		sim_fail(s, "invariant 5: thread %u runs elsewhere than on CPU %u", t->t.id,
			 t->cpu);
	if (t->t.state == HX_THREAD_READY) {
		n_at[t->cpu]++;
		if (t->t.rq != &v->rq)
			sim_fail(s, "invariant 5: thread %u is at another queue than %u", t->t.id,
				 t->cpu);
		if (!may_run_on(t, t->cpu))
			sim_fail(s, "thread %u waits at CPU %u, where it may not run", t->t.id,
				 t->cpu);
	}
}

/* May somebody take it to that CPU? Deadlines are promised for one CPU, so a provider may keep
 * threads that have one where they are. */
static bool is_movable(const struct vthread *t, unsigned cpu)
{
	return t->started && t->t.state == HX_THREAD_READY && may_run_on(t, cpu) &&
	       (t->cpu == cpu || (!(t->t.intent->flags & HX_INTENT_PINNED) &&
				  t->t.intent->deadline_ns == 0));
}

bool check_could_use(struct sim *s, const struct vcpu *v)
{
	uint32_t n_movable[WL_CPUS_MAX] = { 0 };
	unsigned i;

	for (i = 0; i < s->n_cpus && !runq_has_next(&s->cpus[i].rq); i++)
		;
	if (i == s->n_cpus)
		return false;
	for (i = 0; i < s->n_threads; i++) {
		if (is_movable(&s->threads[i], v->rq.cpu))
			n_movable[s->threads[i].cpu]++;
	}
	/* Which ones are held only the provider knows; more than so many cannot be. */
	for (i = 0; i < s->n_cpus; i++) {
		if (n_movable[i] > s->cpus[i].rq.n_held)
			return true;
	}
	return false;
}

/* Invariants 3 and 4. */
static void check_conserves_work(struct sim *s)
{
	uint64_t patience = s->tick_ns + s->tick_ns / 4;
	unsigned i, k;

	for (i = 0; i < s->n_cpus; i++) {
		struct vcpu *v = &s->cpus[i];

		if (!runq_has_next(&v->rq))
			v->surplus_since = s->now;
		if (cpu_is_idle(v) && runq_has_next(&v->rq))
			sim_fail(s, "invariant 3: CPU %u idles while %u threads at its queue may "
				 "run", i, v->rq.n_ready - v->rq.n_held);
	}
	if (s->ops->steal == NULL)
		return;
	for (i = 0; i < s->n_cpus; i++) {
		struct vcpu *v = &s->cpus[i];

		if (!cpu_is_idle(v) || s->now - v->idle_since <= patience)
			continue;
		for (k = 0; k < s->n_cpus; k++) {
			if (k != i && s->now - s->cpus[k].surplus_since > patience &&
			    check_could_use(s, v))
				sim_fail(s, "invariant 4: CPU %u idles since %llu ns while a "
					 "thread that it may run waits at CPU %u", i,
					 (unsigned long long)(s->now - v->idle_since), k);
		}
	}
}

/* What the provider itself knows of its queues. */
static void check_provider(struct sim *s)
{
	bool holds;
	unsigned i;

	for (i = 0; s->self_check != NULL && i < s->n_cpus; i++) {
		core_lock(s, &s->cpus[i]);
		holds = s->self_check->holds(&s->cpus[i].rq);
		core_unlock(s, &s->cpus[i]);
		if (!holds)
			sim_fail(s, "scheduler %s: an invariant of its own is broken at queue %u",
				 s->ops->name, i);
	}
}

void check_step(struct sim *s)
{
	uint32_t n_at[WL_CPUS_MAX] = { 0 };
	unsigned i;

	for (i = 0; i < s->n_threads; i++) {
		if (s->threads[i].started)
			check_thread(s, &s->threads[i], n_at);
	}
	for (i = 0; i < s->n_cpus; i++) {
		const struct hx_runq *rq = &s->cpus[i].rq;

		if (rq->n_ready != n_at[i] || rq->n_held > rq->n_ready)
			sim_fail(s, "invariant 2: queue %u counts %u ready and %u held, %u are "
				 "there", i, rq->n_ready, rq->n_held, n_at[i]);
	}
	check_conserves_work(s);
	check_provider(s);
}

/* Take every ready thread off by dequeue; then nothing may be left, and pick gives none. */
void check_drain(struct sim *s)
{
	unsigned i;

	for (i = 0; i < s->n_threads; i++) {
		struct vthread *t = &s->threads[i];

		if (!t->started || t->t.state != HX_THREAD_READY)
			continue;
		core_lock(s, &s->cpus[t->cpu]);
		s->ops->dequeue(t->t.rq, &t->t);
		t->t.rq->n_ready--;
		t->t.state = HX_THREAD_BLOCKED;
		core_unlock(s, &s->cpus[t->cpu]);
	}
	for (i = 0; i < s->n_cpus; i++) {
		struct vcpu *v = &s->cpus[i];

		core_lock(s, v);
		if (v->rq.n_ready != 0 || v->rq.n_held != 0 || s->ops->pick(&v->rq) != NULL)
			sim_fail(s, "scheduler %s still has a thread at queue %u when all are off "
				 "(%u ready, %u held)", s->ops->name, i, v->rq.n_ready,
				 v->rq.n_held);
		core_unlock(s, v);
	}
}
