// SPDX-License-Identifier: MIT
/*
 * A provider under a million random events: threads come and go, wake, wait, yield, change priority
 * and intent (and with it where they may run), memory runs out, time passes in odd steps, on
 * several CPUs; after each event every invariant holds.
 * Threads have no program here; this driver decides. The same seed gives the same run.
 */
#include "report.h"
#include <hx/core/assert.h>
#include <hx/hal/host.h>
#include <stdlib.h>

#define N_THREADS	48u
#define CALM		1024u		/* so many events are busy, then so many calm */

static uint64_t below(struct sim *s, uint64_t n)
{
	return rng_below(&s->seed, n);
}

/* Any intent that makes sense as a whole; some are asked for that a scheduler has to refuse. */
static void random_intent(struct sim *s, struct hx_intent *i)
{
	static const uint64_t periods[] = { 1, 5, 10, 33, 100 };

	do {
		uint64_t period = periods[below(s, HX_ARRAY_LEN(periods))] * HX_NS_PER_MS;

		hx_intent_init(i);
		i->class = (uint8_t)below(s, HX_INTENT_CLASSES);
		i->nice = (int8_t)((int)below(s, 40) - 20);
		i->latency_nice = (int8_t)((int)below(s, 40) - 20);
		i->energy = (uint8_t)below(s, HX_ENERGY_LEVELS);
		i->group = (uint16_t)below(s, 3);
		if (below(s, 3) == 0)
			i->flags = 1u << below(s, 14);
		i->latency = (uint8_t)below(s, 4);
		i->latency_ns = 1 + below(s, period);
		i->latency_max_ns = i->latency_ns + below(s, period);
		i->budget_kind = (uint8_t)below(s, 4);
		i->budget = (uint32_t)(1 + below(s, 100));
		i->budget_period_ns = period;
		i->quota_ns = 10000 + below(s, period - 10000 + 1);
		if (below(s, 3) == 0) {
			i->period_ns = period;
			i->deadline_ns = 20000 + below(s, period - 20000 + 1);
			i->runtime_ns = 10000 + below(s, (i->deadline_ns - 10000) / 3 + 1);
		}
		if (s->n_cpus > 1 && below(s, 4) == 0)
			i->affinity = 1 + below(s, ((uint64_t)1 << s->n_cpus) - 1);
	} while (hx_intent_check(i, NULL) != 0);
}

static struct vthread *random_thread(struct sim *s)
{
	return &s->threads[below(s, s->n_threads)];
}

/* t, which has ended or never was, comes. */
static void come(struct sim *s, struct vthread *t)
{
	t->t.prio = t->own_prio = (uint8_t)below(s, HX_PRIO_LOWEST + 1);
	hx_intent_init(&t->t.own_intent);
	t->t.own_intent.affinity = HX_AFFINITY_ANY;
	if (below(s, 2) == 0)
		random_intent(s, &t->t.own_intent);
	t->arrived_ns = s->now;
	t->window = t->window_ran = 0;
	t->left_ns = NO_TIME / 2;
	t->cpu = place_new(s, t)->rq.cpu;
	t->started = core_create(s, t, &s->cpus[t->cpu]) == 0;
	s->measured[0].n_refused += !t->started;
	if (!t->started)
		t->t.state = HX_THREAD_DEAD;
	else if (t->t.state == HX_THREAD_NEW)
		sim_fail(s, "simulator: thread %u did not start", t->t.id);
}

/* Something happens to a thread that does not run. */
static void poke(struct sim *s, struct vthread *t)
{
	if (!t->started || t->t.state == HX_THREAD_DEAD) {
		come(s, t);
	} else if (t->t.state == HX_THREAD_BLOCKED) {
		core_wake(s, t, &s->cpus[below(s, s->n_cpus)]);
	} else if (below(s, 2) == 0) {
		core_set_prio(s, t, (uint8_t)below(s, HX_PRIO_LOWEST + 1));
	} else {
		struct hx_intent want;
		int err;

		random_intent(s, &want);
		err = core_set_intent(s, t, &want);
		s->measured[0].n_refused += err != 0;
		if (err != 0 && err != -HX_ENOSPC && err != -HX_ENOMEM)
			sim_fail(s, "scheduler %s: admit returns %d", s->ops->name, err);
	}
}

/* What a running thread may do. */
static void act(struct sim *s, struct vcpu *v)
{
	if (cpu_is_idle(v))
		return;
	switch (below(s, 8)) {
	case 0:
		core_exit(s, v);
		break;
	case 1:
	case 2:
		core_yield(s, v);
		break;
	default:
		core_block(s, v, BLOCK_DRIVER);
	}
}

static void pass(struct sim *s, uint64_t ns)
{
	uint64_t end = s->now + ns, at;

	for (;;) {
		at = hx_min_u64(sim_next_tick(s), sim_next_between(s));
		if (at > end)
			break;
		hx_host_advance_ns(at - s->now);
		s->now = at;
		if (at % s->tick_ns == 0)
			sim_tick(s);
		else
			sim_between(s);
	}
	hx_host_advance_ns(end - s->now);
	s->now = end;
}

/* Busy times, when much happens within a tick, and calm ones, when slices and budgets end. */
static void event(struct sim *s, bool calm)
{
	uint64_t kind = below(s, 16);

	if (kind < (calm ? 2 : 7))
		poke(s, random_thread(s));
	else if (kind < (calm ? 3 : 12))
		act(s, &s->cpus[below(s, s->n_cpus)]);
	else if (kind < 15 && !calm)
		pass(s, below(s, 200 * HX_NS_PER_US));
	else
		pass(s, below(s, 3 * HX_NS_PER_MS));
	sim_settle(s);
}

static void look(const struct sim *s, struct random_reached *r)
{
	unsigned i;

	for (i = 0; i < s->n_cpus; i++) {
		const struct hx_runq *rq = &s->cpus[i].rq;

		r->most_ready = rq->n_ready > r->most_ready ? rq->n_ready : r->most_ready;
		r->most_held = rq->n_held > r->most_held ? rq->n_held : r->most_held;
	}
}

static void sum_up(const struct sim *s, struct random_reached *r)
{
	unsigned i;

	for (i = 0; i < s->n_cpus; i++) {
		r->n_switches += s->cpus[i].rq.n_switches;
		r->n_preempted += s->cpus[i].rq.n_preempted;
		r->n_moved += s->cpus[i].n_moved_here;
	}
	r->n_refused = s->measured[0].n_refused;
	r->n_alloc_failed = s->n_alloc_failed;
}

/* A machine of N_THREADS threads without programs. */
static struct workload *random_workload(unsigned cpus, char error[SIM_ERROR_MAX])
{
	char text[160], why[WL_ERROR_MAX];
	struct workload *w = NULL;
	int n = snprintf(text, sizeof(text), "cpus %u length 3600s switch_cost 1us "
			 "thread t { count %u arrival 3600s program { exit } }", cpus, N_THREADS);

	if (workload_parse("random", text, (size_t)n, &w, why) != 0)
		snprintf(error, SIM_ERROR_MAX, "%s", why);
	return w;
}

int random_run(const struct hx_sched_ops *ops, const struct random_options *ro,
	       struct random_reached *reached, char error[SIM_ERROR_MAX])
{
	struct sim_options o = { .ops = ops, .seed = ro->seed, .check = true };
	struct workload *w = random_workload(ro->cpus, error);
	uint64_t used = world_heap_used();
	volatile uint64_t n = 0;
	struct sim *s;
	int err = 0;

	*reached = (struct random_reached){ .n_switches = 0 };
	if (w == NULL)
		return -HX_EINVAL;
	s = sim_make(w, &o);
	hx_bug_set_hook(world_on_bug);
	if (setjmp(s->fail) == 0) {
		sim_open(s);
		s->alloc_fails_in = ro->alloc_fails_in;
		for (; n < ro->n_events; n++) {
			event(s, (n & CALM) != 0);
			look(s, reached);
		}
		s->alloc_fails_in = 0;
		sum_up(s, reached);
		sim_close(s);
		if (world_heap_used() != used)
			sim_fail(s, "scheduler %s keeps %lld bytes after its end", ops->name,
				 (long long)(world_heap_used() - used));
	} else {
		snprintf(error, SIM_ERROR_MAX, "event %llu, %.400s",
			 (unsigned long long)n, s->error);
		err = sim_failed(s);
	}
	hx_bug_set_hook(NULL);
	hx_irq_enable();
	sim_free(s);
	workload_free(w);
	return err;
}
