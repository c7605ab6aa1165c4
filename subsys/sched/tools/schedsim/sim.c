// SPDX-License-Identifier: MIT
/*
 * The clock. It jumps from one event to the next: a run that ends, a source that posts, a thread
 * that arrives, a tick, a timer that is exact. What falls on the same instant happens in this
 * order: runs end, devices post, threads arrive, timers fire, the tick, balancing; after each, CPUs
 * that have to switch do.
 */
#include "sim.h"
#include "trace.h"
#include <hx/core/assert.h>
#include <hx/core/text.h>
#include <hx/hal/host.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_PER_INSTANT	1000000u

void sim_fail(struct sim *s, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(s->error, sizeof(s->error), "at %llu ns: ", (unsigned long long)s->now);

	va_start(ap, fmt);
	vsnprintf(s->error + n, sizeof(s->error) - (unsigned)n, fmt, ap);
	va_end(ap);
	longjmp(s->fail, 1);
}

static bool timer_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return HX_CONTAINER_OF(a, const struct hx_timer, node)->deadline_ns <
	       HX_CONTAINER_OF(b, const struct hx_timer, node)->deadline_ns;
}

/* ---- making one */

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

/* ---- one instant */

/* Preemptions that are due, and CPUs that ran out of work, until nothing changes. An idle CPU does
 * not look by itself whether a thread was let go: core would, at its next tick; too late for a
 * provider that forgot its kick to go unseen. */
void sim_settle(struct sim *s)
{
	unsigned i, n = 0;
	bool again;

	do {
		again = false;
		for (i = 0; i < s->n_cpus; i++) {
			struct vcpu *v = &s->cpus[i];

			if (v->need_resched != 0) {
				core_preempt(s, v);
				again = true;
			} else if (cpu_is_idle(v) && place_pull(s, v)) {
				again = true;
			}
		}
		if (n++ > 1000 * s->n_cpus)
			sim_fail(s, "the CPUs switch without end");
		s->n_steps++;
	} while (again);
	if (s->opt.check)
		check_step(s);
}

static uint64_t run_end(const struct vcpu *v)
{
	return cpu_is_idle(v) ? NO_TIME :
	       v->acc_at + v->cost_left + vthread_of(v->current)->left_ns;
}

static void do_runs(struct sim *s)
{
	unsigned i, n = 0;
	bool again;

	do {
		again = false;
		for (i = 0; i < s->n_cpus; i++) {
			struct vcpu *v = &s->cpus[i];

			if (run_end(v) > s->now || vthread_of(v->current)->op == NULL)
				continue;
			core_account(s, v);
			program_go_on(s, v);
			sim_settle(s);
			again = true;
		}
		if (n++ == STEPS_PER_INSTANT)
			sim_fail(s, "threads take %u turns without any time passing",
				 STEPS_PER_INSTANT);
	} while (again);
}

static void do_sources(struct sim *s)
{
	unsigned i;
	uint64_t n;

	for (i = 0; i < s->w->n_sources; i++) {
		const struct wl_source *src = &s->w->sources[i];

		if (s->source_next[i] != s->now)
			continue;
		for (n = src->burst.a; n > 0; n--)
			sync_post(s, NULL, &s->sems[src->sem]);
		s->source_next[i] += hx_max_u64(1, dist_draw(&src->every, &s->source_rng[i]));
		if (s->source_next[i] > src->until_ns)
			s->source_next[i] = NO_TIME;
		sim_settle(s);
	}
}

static void arrive(struct sim *s, struct vthread *t)
{
	const struct spec *spec = &s->w->specs[t->spec];
	struct vcpu *v = place_new(s, t);

	t->cpu = v->rq.cpu;
	measure_arrival(s, t);
	program_start(s, t);
	trace_add(s, TRACE_ARRIVE, t, t->cpu, 0);
	if (core_create(s, t, v) != 0) {
		t->refused = true;
		s->measured[t->spec].n_refused++;
		trace_add(s, TRACE_REFUSED, t, t->cpu, 0);
		t->t.state = HX_THREAD_DEAD;
		if (spec->leaves_refused)
			return;
		/* It runs all the same, as one who asked for nothing; what it is due stays. */
		hx_intent_init(&t->t.own_intent);
		t->t.own_intent.affinity = spec->intent.affinity;
		if (core_create(s, t, v) != 0)
			sim_fail(s, "scheduler %s refuses a thread that asks for nothing",
				 s->ops->name);
	}
	t->started = true;
	sim_settle(s);
}

static void do_arrivals(struct sim *s)
{
	while (s->n_arrived < s->n_threads &&
	       s->threads[s->arrivals[s->n_arrived]].arrived_ns <= s->now)
		arrive(s, &s->threads[s->arrivals[s->n_arrived++]]);
}

static void do_timers(struct sim *s)
{
	struct hx_timer *t;

	while ((t = world_due(s)) != NULL) {
		world_enter(s, &s->cpus[0]);
		t->fn(t);
		world_leave(s);
		if (s->locked != NULL)
			sim_fail(s, "scheduler %s keeps a run queue's lock after its timer",
				 s->ops->name);
	}
}

void sim_tick(struct sim *s)
{
	unsigned i;

	do_timers(s);
	for (i = 0; i < s->n_cpus; i++) {
		s->cpus[i].tick_at = NO_TIME;
		core_tick(s, &s->cpus[i]);
	}
	sim_settle(s);
	if (s->now >= s->next_balance) {
		s->next_balance += s->w->balance_ns;
		place_balance(s);
		sim_settle(s);
	}
}

/* What a provider asked for between two ticks: timers, and ticks of single CPUs. */
void sim_between(struct sim *s)
{
	unsigned i;

	if (world_next_exact(s) <= s->now) {
		do_timers(s);
		sim_settle(s);
	}
	for (i = 0; i < s->n_cpus; i++) {
		if (s->cpus[i].tick_at > s->now)
			continue;
		s->cpus[i].tick_at = NO_TIME;
		core_tick(s, &s->cpus[i]);
		sim_settle(s);
	}
}

uint64_t sim_next_between(const struct sim *s)
{
	uint64_t t = hx_max_u64(world_next_exact(s), s->now + 1);
	unsigned i;

	for (i = 0; i < s->n_cpus; i++)
		t = hx_min_u64(t, s->cpus[i].tick_at);
	return t;
}

/* ---- from event to event */

uint64_t sim_next_tick(const struct sim *s)
{
	return (s->now / s->tick_ns + 1) * s->tick_ns;
}

/* The tick matters while somebody runs or a timer is set; else it is skipped. */
static uint64_t next_tick_needed(const struct sim *s)
{
	uint64_t timer = world_next_timer(s), at;
	unsigned i;

	for (i = 0; i < s->n_cpus; i++) {
		if (!cpu_is_idle(&s->cpus[i]))
			return sim_next_tick(s);
	}
	if (timer == NO_TIME)
		return NO_TIME;
	at = (timer + s->tick_ns - 1) / s->tick_ns * s->tick_ns;
	return hx_max_u64(at, sim_next_tick(s));
}

static uint64_t next_event(const struct sim *s)
{
	uint64_t t = next_tick_needed(s);
	unsigned i;

	for (i = 0; i < s->n_cpus; i++)
		t = hx_min_u64(t, run_end(&s->cpus[i]));
	for (i = 0; i < s->w->n_sources; i++)
		t = hx_min_u64(t, s->source_next[i]);
	if (s->n_arrived < s->n_threads)
		t = hx_min_u64(t, s->threads[s->arrivals[s->n_arrived]].arrived_ns);
	return hx_min_u64(t, sim_next_between(s));
}

static void advance(struct sim *s, uint64_t to)
{
	unsigned i;

	for (i = 0; i < s->n_cpus; i++) {
		struct vcpu *v = &s->cpus[i];

		if (cpu_is_idle(v) && check_could_use(s, v))
			v->wasted_ns += to - s->now;
	}
	hx_host_advance_ns(to - s->now);
	s->now = to;
}

static void run(struct sim *s)
{
	uint64_t t;

	sim_open(s);
	do_arrivals(s);
	do_runs(s);
	while ((t = next_event(s)) < s->w->length_ns) {
		advance(s, t);
		do_runs(s);
		do_sources(s);
		do_arrivals(s);
		if (s->now % s->tick_ns == 0)
			sim_tick(s);
		else
			sim_between(s);
		do_runs(s);
	}
	advance(s, s->w->length_ns);
	measure_finish(s);
	sim_close(s);
}

int sim_run(const struct workload *w, const struct sim_options *o, struct sim **out)
{
	uint64_t used = world_heap_used();
	struct sim *s = sim_make(w, o);
	int err = 0;

	*out = s;
	hx_bug_set_hook(world_on_bug);
	if (setjmp(s->fail) == 0) {
		run(s);
		if (world_heap_used() != used)
			sim_fail(s, "scheduler %s keeps %lld bytes after its end", s->ops->name,
				 (long long)(world_heap_used() - used));
	} else {
		err = sim_failed(s);
	}
	hx_bug_set_hook(NULL);
	hx_irq_enable();
	return err;
}
