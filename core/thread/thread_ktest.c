// SPDX-License-Identifier: MIT
/* Threads in the booted kernel: they run, take turns, are preempted, sleep, end and are joined. */
#include <hx/core/time.h>
#include <hx/hal/timer.h>

#include "thread_ktest.h"

#define N_SPINNERS	2u

/* Whoever is created with it runs on this CPU, and so does the caller; NULL: back to all. */
static const struct hx_intent *stay_here(bool stay)
{
	static struct hx_intent here;

	hx_intent_init(&here);
	if (!HX_ENABLED(INTENTS) || HX_ENABLED(ONE_CPU))
		return NULL;
	hx_preempt_disable();
	if (stay)
		here.affinity = 1ull << hx_percpu()->cpu;
	hx_verify(hx_thread_set_intent(hx_thread_self(), &here) == 0);
	hx_preempt_enable();
	return stay ? &here : NULL;
}

static int square(void *arg)
{
	uintptr_t n = (uintptr_t)arg;

	if (n % 2 == 0)
		hx_thread_exit((int)(n * n));
	return (int)(n * n);
}

HX_KTEST(thread_join_gives_exit_value)
{
	struct hx_thread *threads[8];
	struct hx_thread_params p;
	int value = 0;

	for (uintptr_t i = 0; i < HX_ARRAY_LEN(threads); i++) {
		p = params(square, (void *)i);
		hx_require(t, hx_thread_create(&p, &threads[i]) == 0);
	}
	for (unsigned i = 0; i < HX_ARRAY_LEN(threads); i++) {
		hx_expect(t, hx_thread_join(threads[i], HX_FOREVER, &value) == 0);
		hx_expect(t, value == (int)(i * i));
	}
}

struct yielder {
	volatile unsigned count;	/* its yields */
	const struct yielder *other;
	unsigned n_turns;		/* times the other one had moved on meanwhile */
	uint64_t n_switches;
};

static int yield_and_count(void *arg)
{
	struct yielder *y = arg;
	unsigned last = 0;

	while (y->count < 100) {
		y->count++;
		hx_yield();
		y->n_turns += y->other->count != last;
		last = y->other->count;
	}
	y->n_switches = hx_thread_self()->n_switches;
	return 0;
}

/* Two threads with the same past: a scheduler that learns puts them side by side as well. */
static bool two_alternate(struct hx_ktest_run *t, const struct hx_intent *here)
{
	static struct yielder yielders[2];
	struct hx_thread *threads[2];
	bool they_do = true;
	int err = 0;
	unsigned i;

	hx_preempt_disable();		/* neither begins before both are there */
	for (i = 0; i < 2; i++) {
		struct hx_thread_params p = params(yield_and_count, &yielders[i]);

		p.intent = here;
		yielders[i] = (struct yielder){ .other = &yielders[1 - i] };
		err |= hx_thread_create(&p, &threads[i]);
	}
	hx_preempt_enable();
	hx_expect(t, err == 0);
	if (err != 0)
		return false;
	for (i = 0; i < 2; i++)
		hx_expect(t, hx_thread_join(threads[i], HX_FOREVER, NULL) == 0);
	for (i = 0; i < 2; i++) {
		hx_expect(t, yielders[i].count == 100);
		/* A tick may take a turn. */
		they_do &= yielders[i].n_turns >= 90 && yielders[i].n_switches >= 90;
	}
	return they_do;
}

/* Where the host stops the CPU in the middle, one has run for long; the other makes up for it. */
HX_KTEST(thread_yield_alternates)
{
	const struct hx_intent *here = stay_here(true);
	bool they_do = false;

	for (unsigned tries = 0; tries < 5 && !they_do; tries++)
		they_do = two_alternate(t, here);
	hx_expect(t, they_do);
	stay_here(false);
}

struct spinner {
	volatile uint64_t count;
	volatile bool *stop;
};

static int spin(void *arg)
{
	struct spinner *s = arg;

	while (!*s->stop) {
		s->count++;
		hx_cpu_relax();
	}
	return 0;
}

HX_KTEST(sched_tick_preempts_spinning_threads)
{
	static struct spinner spinners[N_SPINNERS];
	static volatile bool stop;
	struct hx_thread *threads[N_SPINNERS];
	unsigned i;

	if (sched_ops()->tick == NULL || !HX_ENABLED(PREEMPT_FULL)) {
		hx_ktest_skip(t, "the scheduler never preempts");
		return;
	}
	stop = false;
	for (i = 0; i < N_SPINNERS; i++) {
		struct hx_thread_params p = params(spin, &spinners[i]);

		spinners[i].count = 0;
		spinners[i].stop = &stop;
		hx_require(t, hx_thread_create(&p, &threads[i]) == 0);
	}
	for (i = 0; i < 100 && (spinners[0].count == 0 || spinners[1].count == 0); i++)
		hx_sleep_ns(100 * HX_NS_PER_MS);
	stop = true;
	for (i = 0; i < N_SPINNERS; i++)
		hx_expect(t, hx_thread_join(threads[i], HX_FOREVER, NULL) == 0);
	hx_expect(t, spinners[0].count > 0 && spinners[1].count > 0);
}

static volatile bool other_ran;

static int note_that_it_ran(void *arg)
{
	other_ran = true;
	return 0;
}

/* One that never gives up, and an equal that waits for its turn. */
HX_KTEST(sched_preempts_only_where_the_choice_says)
{
	struct hx_thread_params p = params(note_that_it_ran, NULL);
	struct hx_thread *other;
	bool full = HX_ENABLED(PREEMPT_FULL), voluntary = HX_ENABLED(PREEMPT_VOLUNTARY);

	if (sched_ops()->tick == NULL) {
		hx_ktest_skip(t, "the scheduler never preempts");
		return;
	}
	other_ran = false;
	p.intent = stay_here(true);
	hx_require(t, hx_thread_create(&p, &other) == 0);
	for (hx_ns_t end = hx_now_ns() + 300 * HX_NS_PER_MS; hx_now_ns() < end; )
		hx_cpu_relax();
	hx_expect(t, other_ran == full);
	hx_resched_point();
	hx_expect(t, other_ran == (full || voluntary));
	hx_yield();
	hx_expect(t, other_ran);
	hx_expect(t, hx_thread_join(other, HX_FOREVER, NULL) == 0);
	stay_here(false);
}

HX_KTEST(thread_sleep_lasts)
{
	static const hx_ns_t lengths[] = { 1, HX_NS_PER_MS, 25 * HX_NS_PER_MS, 100 * HX_NS_PER_MS };

	for (unsigned i = 0; i < HX_ARRAY_LEN(lengths); i++) {
		/* Rounded up to a tick. Counted, not timed: emulators may lose time. And once is
		 * enough, since a busy host may let this CPU stand still. */
		uint64_t most = lengths[i] / TICK_NS + 3, ticks = most + 1;

		for (unsigned k = 0; k < 50 && ticks > most; k++) {
			hx_ns_t start = hx_now_ns();

			ticks = hx_time_ticks();
			hx_sleep_ns(lengths[i]);
			hx_expect(t, hx_now_ns() - start >= lengths[i]);
			ticks = hx_time_ticks() - ticks;
		}
		hx_expect(t, ticks <= most);
	}
}

static int sleep_long(void *arg)
{
	hx_sleep_ns(20 * TICK_NS);
	return 5;
}

HX_KTEST(thread_join_refuses)
{
	struct hx_thread_params p = params(sleep_long, NULL);
	struct hx_thread *other = NULL;
	int value = 0;

	hx_expect(t, hx_thread_join(hx_thread_self(), HX_FOREVER, NULL) == -HX_EDEADLK);
	hx_require(t, hx_thread_create(&p, &other) == 0);
	hx_expect(t, hx_thread_join(other, 0, NULL) == -HX_ETIMEDOUT);
	hx_expect(t, hx_thread_join(other, TICK_NS, NULL) == -HX_ETIMEDOUT);
	hx_expect(t, hx_thread_join(other, HX_FOREVER, &value) == 0 && value == 5);
	other = NULL;
	p.prio = HX_PRIO_LOWEST + 1;
	hx_expect(t, hx_thread_create(&p, &other) == -HX_EINVAL);
	p.prio = HX_PRIO_DEFAULT;
	p.fn = NULL;
	hx_expect(t, hx_thread_create(&p, &other) == -HX_EINVAL);
	p.fn = sleep_long;
	hx_expect(t, hx_thread_create(&p, NULL) == -HX_EINVAL);
}

static volatile bool urgent_ran;

static int be_urgent(void *arg)
{
	urgent_ran = true;
	return 0;
}

HX_KTEST(sched_more_urgent_thread_runs_at_once)
{
	struct hx_thread_params p = params(be_urgent, NULL);
	struct hx_thread *other;
	uint8_t prio = hx_thread_self()->prio;

	if ((sched_ops()->promises & HX_SCHED_STRICT) == 0) {
		hx_ktest_skip(t, "the scheduler does not go by urgency alone");
		return;
	}
	if (!HX_ENABLED(PREEMPT_FULL)) {
		hx_ktest_skip(t, "nothing preempts");
		return;
	}
	hx_require(t, prio > 0 && prio < HX_PRIO_LOWEST);
	p.intent = stay_here(true);
	urgent_ran = false;
	p.prio = prio - 1;
	hx_require(t, hx_thread_create(&p, &other) == 0);
	hx_expect(t, urgent_ran);
	hx_expect(t, hx_thread_join(other, HX_FOREVER, NULL) == 0);

	/* While preemption is off it waits; then it runs before the next line. */
	urgent_ran = false;
	hx_preempt_disable();
	hx_require(t, hx_thread_create(&p, &other) == 0);
	hx_expect(t, !urgent_ran);
	hx_preempt_enable();
	hx_expect(t, urgent_ran);
	hx_expect(t, hx_thread_join(other, HX_FOREVER, NULL) == 0);

	/* A less urgent one runs when its priority is raised. */
	urgent_ran = false;
	p.prio = prio + 1;
	hx_require(t, hx_thread_create(&p, &other) == 0);
	hx_expect(t, !urgent_ran);
	hx_expect(t, hx_thread_set_prio(other, HX_PRIO_LOWEST + 1) == -HX_ERANGE);
	hx_expect(t, hx_thread_set_prio(other, prio - 1u) == 0);
	hx_expect(t, urgent_ran);
	hx_expect(t, hx_thread_join(other, HX_FOREVER, NULL) == 0);

	/* Or when the running thread lowers its own. */
	urgent_ran = false;
	p.prio = prio;
	hx_require(t, hx_thread_create(&p, &other) == 0);
	hx_expect(t, !urgent_ran);
	hx_expect(t, hx_thread_set_prio(hx_thread_self(), prio + 1u) == 0);
	hx_expect(t, urgent_ran);
	hx_expect(t, hx_thread_set_prio(hx_thread_self(), prio) == 0);
	hx_expect(t, hx_thread_join(other, HX_FOREVER, NULL) == 0);
	stay_here(false);
}

static int sleep_thrice(void *arg)
{
	for (unsigned i = 0; i < 3; i++)
		hx_sleep_ns(1);
	return 0;
}

/* What is counted lies on its stack; that is ours, so it can be read after the end. */
/* Each wake-up is in one bucket, and together they do not say more than was waited. */
static void expect_histogram(struct hx_ktest_run *t, const struct hx_thread_stats *s)
{
	uint64_t n_wakes = 0, at_least_ns = 0;

	for (unsigned i = 0; i < STATS_BUCKETS; i++) {
		n_wakes += s->latency[i];
		at_least_ns += i == 0 ? 0 : s->latency[i] * (1ull << (i - 1));
	}
	hx_expect(t, n_wakes == s->n_wakes);
	hx_expect(t, at_least_ns <= hx_cycles_to_ns(s->waited_cycles) + s->n_wakes);
}

HX_KTEST(thread_in_a_given_struct_is_counted)
{
	static uint8_t stack[HX_CONTEXT_STACK_MIN + 4096] HX_ALIGNED(16);
	static struct hx_thread thread;
	struct hx_thread_params p = {
		.name = "given", .fn = sleep_thrice, .prio = HX_PRIO_DEFAULT,
		.stack = stack, .stack_bytes = sizeof(stack),
	};

	if (!HX_ENABLED(SCHED_STATS)) {
		hx_ktest_skip(t, "CONFIG_SCHED_STATS=n");
		return;
	}
	hx_require(t, hx_thread_init(&thread, &p) == 0);
	hx_expect(t, hx_thread_join(&thread, HX_FOREVER, NULL) == 0);
	hx_require(t, thread.stats != NULL);
	hx_expect(t, (uint8_t *)thread.stats == stack + thread.stack_bytes);
	hx_expect(t, thread.stats->n_wakes == 3 && thread.stats->slept_cycles != 0);
	expect_histogram(t, thread.stats);
	p.stack = stack + sizeof(stack) - HX_CONTEXT_STACK_MIN;	/* all of it is needed, and more */
	p.stack_bytes = HX_CONTEXT_STACK_MIN;
	hx_require(t, hx_thread_init(&thread, &p) == 0);
	hx_expect(t, hx_thread_join(&thread, HX_FOREVER, NULL) == 0);
	hx_expect(t, thread.stats == NULL && thread.stack_bytes == HX_CONTEXT_STACK_MIN);
}
