// SPDX-License-Identifier: MIT
/*
 * Where a thread runs. A woken one goes back to its last CPU if that idles, else to the waker's if
 * that idles (what it was told is warm there), else to any idle one, else it waits at its last. A
 * new one goes to the CPU with the fewest threads, one with a promise to the CPU that made it. A
 * CPU takes from the one that has most to do, if that is at least two more than itself: every
 * balance_ns, and, when it has nothing to do, at once and at every tick. Which thread goes is the
 * provider's choice (steal). As core/thread/place.c.
 */
#include "sim.h"

static unsigned load_of(const struct vcpu *v)
{
	return v->rq.n_ready - v->rq.n_held + !cpu_is_idle(v);
}

static bool is_free(const struct vcpu *v)
{
	return cpu_is_idle(v) && !runq_has_next(&v->rq);
}

struct vcpu *place_new(struct sim *s, const struct vthread *t)
{
	const struct hx_intent *want = &t->t.own_intent;
	struct vcpu *best = NULL;
	unsigned i;

	for (i = 0; i < s->n_cpus; i++) {
		struct vcpu *v = &s->cpus[i];

		if ((want->affinity >> i & 1) != 0 &&
		    (best == NULL || load_of(v) < load_of(best)))
			best = v;
	}
	return best;
}

struct vcpu *place_woken(struct sim *s, const struct vthread *t, const struct vcpu *waker)
{
	struct vcpu *last = &s->cpus[t->cpu];
	bool may_stay = may_run_on(t, t->cpu);
	unsigned i;

	if (t->t.promised_ppm != 0)
		return &s->cpus[t->t.home];
	if (may_stay && ((t->t.intent->flags & HX_INTENT_PINNED) || is_free(last)))
		return last;
	if (waker != NULL && is_free(waker) && may_run_on(t, waker->rq.cpu))
		return &s->cpus[waker->rq.cpu];
	for (i = 0; i < s->n_cpus; i++) {
		if (is_free(&s->cpus[i]) && may_run_on(t, i))
			return &s->cpus[i];
	}
	for (i = 0; !may_stay && i < s->n_cpus; i++) {
		if (may_run_on(t, i))
			return &s->cpus[i];
	}
	return last;
}

/* The provider of `from` gives one that `to` may run, or none. */
static bool take_one(struct sim *s, struct vcpu *from, struct vcpu *to)
{
	struct hx_thread *t;
	uint32_t n_held;

	core_account(s, from);
	core_lock(s, from);
	n_held = from->rq.n_held;
	t = s->ops->steal(&from->rq, to->rq.cpu);
	if (t != NULL) {
		if (t->rq != &from->rq || t->state != HX_THREAD_READY)
			sim_fail(s, "scheduler %s gave away thread %u, which is not ready there",
				 s->ops->name, t->id);
		if (!may_run_on(vthread_of(t), to->rq.cpu) ||
		    (t->intent->flags & HX_INTENT_PINNED))
			sim_fail(s, "scheduler %s gave thread %u to CPU %u, where it may not run",
				 s->ops->name, t->id, to->rq.cpu);
		if (from->rq.n_held != n_held)
			sim_fail(s, "scheduler %s gave away thread %u, which is held", s->ops->name,
				 t->id);
		from->rq.n_ready--;
	}
	core_unlock(s, from);
	if (t != NULL)
		core_move(s, vthread_of(t), to);
	return t != NULL;
}

/* The fullest CPU among those of the mask. */
static struct vcpu *busiest_of(struct sim *s, uint64_t cpus)
{
	struct vcpu *best = NULL;
	unsigned i;

	for (i = 0; i < s->n_cpus; i++) {
		struct vcpu *v = &s->cpus[i];

		if ((cpus >> i & 1) != 0 && (best == NULL || load_of(v) > load_of(best)))
			best = v;
	}
	return best;
}

bool place_pull(struct sim *s, struct vcpu *to)
{
	uint64_t others = ~((uint64_t)1 << to->rq.cpu);
	struct vcpu *from;
	bool got = false;
	unsigned n;

	if (s->ops->steal == NULL || s->n_cpus == 1)
		return false;
	while (!got && (from = busiest_of(s, others)) != NULL &&
	       load_of(from) >= load_of(to) + 2) {
		for (n = (load_of(from) - load_of(to)) / 2; n > 0 && take_one(s, from, to); n--)
			got = true;
		others &= ~((uint64_t)1 << from->rq.cpu);	/* all it has must stay there */
	}
	return got;
}

void place_balance(struct sim *s)
{
	unsigned i;

	for (i = 0; i < s->n_cpus; i++)
		place_pull(s, &s->cpus[i]);
}
