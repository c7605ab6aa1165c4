// SPDX-License-Identifier: MIT
/*
 * The life of a simulated machine: made from a workload, opened with its provider, closed when what
 * is in it must have gone, freed.
 */
#include "sim.h"
#include <hx/hal/host.h>
#include <stdlib.h>
#include <string.h>

static bool timer_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return HX_CONTAINER_OF(a, const struct hx_timer, node)->deadline_ns <
	       HX_CONTAINER_OF(b, const struct hx_timer, node)->deadline_ns;
}

static void make_cpus(struct sim *s)
{
	unsigned i;

	s->cpus = xalloc(s->n_cpus, sizeof(*s->cpus));
	for (i = 0; i < s->n_cpus; i++) {
		struct vcpu *v = &s->cpus[i];

		hx_spin_init(&v->rq.lock, "runq", HX_RANK_RUNQ);
		hx_list_init(&v->rq.ready);
		v->rq.cpu = i;
		v->rq.bit = (uint64_t)1 << i;
		v->rq.idle = &v->idle;
		v->idle.intent = &hx_intent_default;
		v->idle.prio = HX_PRIO_LOWEST;
		v->idle.flags = HX_THREAD_IDLE;
		v->idle.state = HX_THREAD_RUNNING;
		v->idle.rq = &v->rq;
		v->current = &v->idle;
		v->tick_at = NO_TIME;
	}
}

static void make_thread(struct sim *s, struct vthread *t, unsigned spec_nr, unsigned nr)
{
	const struct spec *spec = &s->w->specs[spec_nr];
	unsigned idx = (unsigned)(t - s->threads);

	t->spec = spec_nr;
	t->nr = nr;
	t->rng = rng_mix(s->seed, idx);		/* its own: no scheduler changes what it asks for */
	t->t.id = idx + 1;
	t->t.prio = t->own_prio = spec->prio;
	t->t.slice_ns = (uint32_t)spec->slice_ns;
	t->t.own_intent = spec->intent;
	hx_list_init(&t->t.run_link);
	hx_list_init(&t->t.wait_link);
	snprintf(t->t.name, sizeof(t->t.name), spec->count > 1 ? "%s%u" : "%s", spec->name, nr);
	t->arrived_ns = dist_draw(&spec->arrival, &t->rng) + nr * spec->stagger_ns;
}

static const struct sim *sorting;

static int by_arrival(const void *a, const void *b)
{
	unsigned i = *(const unsigned *)a, k = *(const unsigned *)b;
	uint64_t x = sorting->threads[i].arrived_ns, y = sorting->threads[k].arrived_ns;

	return x != y ? (x < y ? -1 : 1) : i < k ? -1 : i > k;
}

static void make_threads(struct sim *s)
{
	unsigned i, k, n = 0;

	s->n_threads = s->w->n_threads;
	s->threads = xalloc(s->n_threads, sizeof(*s->threads));
	s->arrivals = xalloc(s->n_threads, sizeof(*s->arrivals));
	s->measured = xalloc(s->w->n_specs, sizeof(*s->measured));
	for (i = 0; i < s->w->n_specs; i++) {
		const struct spec *spec = &s->w->specs[i];

		for (k = 0; k < spec->count; k++, n++) {
			make_thread(s, &s->threads[n], i, k);
			s->arrivals[n] = n;
		}
		for (k = spec->n_ops; k-- > 0;) {
			if (spec->ops[k].kind == OP_MARK) {
				s->measured[i].marks = true;
				s->measured[i].due_ns = spec->ops[k].n;
			}
		}
		if (s->measured[i].due_ns == 0)
			s->measured[i].due_ns = spec->intent.deadline_ns;
	}
	sorting = s;
	qsort(s->arrivals, n, sizeof(*s->arrivals), by_arrival);
}

static const struct hx_sched_check *check_of(const struct hx_sched_ops *ops)
{
	const struct hx_sched_check *const *it;

	HX_SECTION_FOREACH(it, hx_sched_checks) {
		if (strcmp((*it)->name, ops->name) == 0)
			return *it;
	}
	return NULL;
}

struct sim *sim_make(const struct workload *w, const struct sim_options *o)
{
	struct sim *s = xalloc(1, sizeof(*s));
	unsigned i, k;

	s->w = w;
	s->opt = *o;
	s->ops = o->ops;
	s->self_check = check_of(o->ops);
	s->n_cpus = o->cpus != 0 ? o->cpus : w->cpus;
	s->seed = o->seed != 0 ? o->seed : w->seed;
	s->tick_ns = HX_NS_PER_S / w->tick_hz;
	s->next_balance = s->n_cpus > 1 ? w->balance_ns : NO_TIME;
	hx_rb_init(&s->timers, timer_less);
	make_cpus(s);
	make_threads(s);
	for (i = 0; i < w->n_mutexes; i++) {
		s->mutexes[i].w = &w->mutexes[i];
		hx_list_init(&s->mutexes[i].waiters);
	}
	world = s;
	hx_host_time_virtual();
	hx_percpu()->locks_held = 0;	/* of a run that failed */
	hx_irq_disable();
	for (i = 0; i < w->n_sems; i++) {
		s->sems[i].w = &w->sems[i];
		hx_list_init(&s->sems[i].waiters);
		for (k = 0; k < w->sems[i].count; k++)
			sync_post(s, NULL, &s->sems[i]);
	}
	for (i = 0; i < w->n_sources; i++) {
		s->source_rng[i] = rng_mix(s->seed, WL_THREADS_MAX + i);
		s->source_next[i] = w->sources[i].from_ns +
				    dist_draw(&w->sources[i].every, &s->source_rng[i]);
	}
	return s;
}

void sim_open(struct sim *s)
{
	unsigned i;

	if (s->ops->abi != HX_SCHED_ABI)
		sim_fail(s, "scheduler %s is of ABI %u, not %u", s->ops->name, s->ops->abi,
			 HX_SCHED_ABI);
	for (i = 0; i < s->n_cpus; i++) {
		int err;

		world_enter(s, &s->cpus[i]);
		err = s->ops->init(&s->cpus[i].rq);
		world_leave(s);
		if (err != 0)
			sim_fail(s, "scheduler %s: init of CPU %u returns %d", s->ops->name, i,
				 err);
	}
}

/* Threads that are not at an end are dropped; then the provider's memory must be back. */
void sim_close(struct sim *s)
{
	unsigned i;

	check_drain(s);
	for (i = 0; i < s->n_threads; i++) {
		struct vthread *t = &s->threads[i];

		if (!t->admitted)
			continue;
		if (t->t.state == HX_THREAD_RUNNING && s->ops->leave != NULL) {
			core_lock(s, &s->cpus[t->cpu]);
			s->ops->leave(t->t.rq, &t->t, 0, HX_LEAVE_EXIT);
			core_unlock(s, &s->cpus[t->cpu]);
			s->cpus[t->cpu].current = &s->cpus[t->cpu].idle;
		}
		hx_timer_cancel(&t->timer);
		world_enter(s, &s->cpus[t->cpu]);
		if (s->ops->admit != NULL)
			s->ops->admit(&t->t, NULL);
		world_leave(s);
		t->admitted = false;
	}
	for (i = 0; i < s->n_cpus; i++) {
		if (s->ops->fini != NULL)
			s->ops->fini(&s->cpus[i].rq);
	}
	if (hx_rb_first(&s->timers) != NULL)
		sim_fail(s, "scheduler %s leaves a timer running after its end", s->ops->name);
	s->finished = true;
}

/* The next run must not find what this one was holding. */
int sim_failed(struct sim *s)
{
	if (s->locked != NULL)
		core_unlock(s, s->locked);
	return -HX_EINVAL;
}

void sim_free(struct sim *s)
{
	unsigned i;

	for (i = 0; i < s->w->n_specs; i++) {
		free(s->measured[i].response.v);
		free(s->measured[i].wait.v);
		free(s->measured[i].open.v);
	}
	for (i = 0; i < s->w->n_sems; i++)
		free(s->sems[i].permits.at);
	free(s->measured);
	free(s->arrivals);
	free(s->threads);
	free(s->cpus);
	free(s);
	world = NULL;
}
