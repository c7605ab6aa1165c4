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
#include <hx/hal/host.h>
#include <stdarg.h>

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
