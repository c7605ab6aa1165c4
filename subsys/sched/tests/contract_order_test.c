// SPDX-License-Identifier: MIT
/*
 * What schedulers promise that say so in ops->promises: equals in the order in which they came
 * (FIFO), with slices of the length they have, and the more urgent first (STRICT). Against a model
 * that knows only who is enqueued and when it came.
 */
#include "sched_suite.h"

#define N_EVENTS	100000u

static uint64_t arrived[N_THREADS];		/* when it came to its place */
static uint64_t arrivals;
static hx_irqflags_t lock_flags;

static int order_up(void **state)
{
	suite_up(state);
	arrivals = 0;
	lock_flags = hx_runq_lock(&rq);
	return 0;
}

static int order_down(void **state)
{
	hx_runq_unlock(&rq, lock_flags);
	return suite_down(state);
}

static void need(uint32_t promises)
{
	if ((ops->promises & promises) != promises)
		skip();
}

static void put(unsigned i, enum hx_enqueue_why why)
{
	/* A preempted thread keeps its turn: it comes before all that wait. */
	arrivals++;
	arrived[i] = why == HX_ENQUEUE_PREEMPT ? 0x8000000000000000ull - arrivals
		     : 0x8000000000000000ull + arrivals;
	give(i, why);
}

/* The running thread goes back, or waits. */
static void put_back(enum hx_enqueue_why why)
{
	unsigned i = index_of(current);

	leave(why);
	current = NULL;
	if (why != HX_LEAVE_BLOCK)
		put(i, why);
}

static unsigned pick_one(void)
{
	if (current != NULL)
		put_back(HX_LEAVE_BLOCK);
	current = pick();
	return index_of(current);
}

static void equals_are_served_first_come_first_served(void **state)
{
	need(HX_SCHED_FIFO);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < N_THREADS; i++)
			put(i, round == 0 ? HX_ENQUEUE_NEW : HX_ENQUEUE_WAKE);
		for (unsigned i = 0; i < N_THREADS; i++)
			assert_int_equal(pick_one(), i);
	}
}

static void yield_lets_all_equals_run_before(void **state)
{
	need(HX_SCHED_FIFO);
	for (unsigned i = 0; i < 5; i++)
		put(i, HX_ENQUEUE_NEW);
	pick_one();
	for (unsigned n = 1; n <= 20; n++) {
		put_back(n % 2 ? HX_ENQUEUE_YIELD : HX_ENQUEUE_SLICE);
		assert_int_equal(pick_one(), n % 5);
	}
}

static bool is_strict(void)
{
	return (ops->promises & HX_SCHED_STRICT) != 0;
}

/* Does a come before b? By urgency if the provider ranks, then by arrival. */
static bool comes_before(unsigned a, unsigned b)
{
	if (is_strict() && threads[a].prio != threads[b].prio)
		return threads[a].prio < threads[b].prio;
	return arrived[a] < arrived[b];
}

static unsigned model_first(void)
{
	unsigned best = NOBODY;

	for (unsigned i = 0; i < N_THREADS; i++) {
		if (queued[i] && (best == NOBODY || comes_before(i, best)))
			best = i;
	}
	return best;
}

static void change_prio(unsigned i, uint8_t prio)
{
	bool was_ready = queued[i];

	if (ops->changed == NULL) {
		threads[i].prio = prio;
		return;
	}
	if (was_ready)
		take(i);
	threads[i].prio = prio;
	ops->changed(&rq, &threads[i]);
	if (was_ready)
		put(i, HX_ENQUEUE_CHANGE);	/* last of its new equals */
}

/* One random event. Cooperative schedulers are never asked to take a preempted thread back. */
static void random_event(uint64_t *rnd)
{
	static const enum hx_enqueue_why whys[] = {
		HX_ENQUEUE_YIELD, HX_ENQUEUE_SLICE, HX_ENQUEUE_PREEMPT,
	};
	unsigned i = (unsigned)hx_test_random_below(rnd, N_THREADS), want;
	unsigned kind = (unsigned)hx_test_random_below(rnd, 8);

	if (kind < 2) {
		if (!queued[i] && &threads[i] != current)
			put(i, HX_ENQUEUE_WAKE);
	} else if (kind < 4) {
		if (current != NULL)
			put_back(whys[hx_test_random_below(rnd, ops->tick == NULL ? 1 : 3)]);
	} else if (kind < 6) {
		want = model_first();
		assert_int_equal(pick_one(), want);
	} else if (kind == 6) {
		if (queued[i])
			take(i);
	} else {
		change_prio(i, (uint8_t)hx_test_random_below(rnd, HX_PRIO_LOWEST + 1));
	}
}

static void random_events_match_the_model(void **state)
{
	uint64_t rnd = hx_test_seed();

	need(HX_SCHED_FIFO);
	for (unsigned i = 0; i < N_THREADS; i++)
		put(i, HX_ENQUEUE_NEW);
	for (unsigned n = 0; n < N_EVENTS; n++)
		random_event(&rnd);
	while (rq.n_ready != 0) {
		unsigned want = model_first();

		assert_int_equal(pick_one(), want);
	}
	assert_int_equal(pick_one(), NOBODY);
}

/* ---- slices */

/* The running thread runs in such steps: at the one nearest to the end of its slice, it ends. */
static void expect_slice(uint64_t slice_ns, uint64_t step_ns)
{
	uint64_t ran = 0;

	do {
		ran += step_ns;
		assert_true(ran <= slice_ns + step_ns);
	} while (ops->tick(&rq, current, step_ns) == HX_TICK_GO_ON);
	assert_in_range(ran, slice_ns - (step_ns + 1) / 2, slice_ns + (step_ns + 1) / 2);
}

static void slice_ends_near_its_length(void **state)
{
	static const uint64_t steps[] = { MS / 2, MS, 3 * MS, 10 * MS };

	need(HX_SCHED_FIFO);
	if (ops->tick == NULL)
		skip();
	put(0, HX_ENQUEUE_NEW);
	put(1, HX_ENQUEUE_NEW);
	for (size_t s = 0; s < HX_ARRAY_LEN(steps); s++) {
		for (uint32_t slice_ns = 10 * MS; slice_ns <= LONGEST_SLICE; slice_ns += 5 * MS) {
			unsigned i = pick_one();

			threads[i].slice_ns = slice_ns;
			/* Twice: one that goes on at the end of its slice starts another. */
			expect_slice(slice_ns, steps[s]);
			expect_slice(slice_ns, steps[s]);
			put_back(HX_ENQUEUE_SLICE);	/* an equal waits all the time */
		}
	}
}

static void default_slice_is_1_to_100_ms(void **state)
{
	uint64_t ran = 0;

	if (ops->tick == NULL)
		skip();
	put(0, HX_ENQUEUE_NEW);
	put(1, HX_ENQUEUE_NEW);
	pick_one();
	do {
		ran += MS / 10;
		assert_true(ran <= LONGEST_SLICE + MS);
	} while (ops->tick(&rq, current, MS / 10) == HX_TICK_GO_ON);
	assert_in_range(ran, MS / 2, LONGEST_SLICE + MS / 10);
}

static void preempted_thread_keeps_the_rest_of_its_slice(void **state)
{
	uint64_t ran = 0;

	need(HX_SCHED_FIFO);
	if (ops->tick == NULL)
		skip();
	threads[0].slice_ns = 50 * MS;
	put(0, HX_ENQUEUE_NEW);
	put(1, HX_ENQUEUE_NEW);
	assert_int_equal(pick_one(), 0);
	for (; ran < 20 * MS; ran += MS)
		assert_int_equal(ops->tick(&rq, current, MS), HX_TICK_GO_ON);
	put_back(HX_ENQUEUE_PREEMPT);
	assert_int_equal(pick_one(), 0);	/* before its equals */
	while (ops->tick(&rq, current, MS) == HX_TICK_GO_ON)
		ran += MS;
	assert_in_range(ran + MS, 49 * MS, 51 * MS);
	put_back(HX_ENQUEUE_YIELD);		/* a new slice from here on */
	assert_int_equal(pick_one(), 1);
	put_back(HX_ENQUEUE_YIELD);
	assert_int_equal(pick_one(), 0);
	for (ran = 0; ran < 45 * MS; ran += MS)
		assert_int_equal(ops->tick(&rq, current, MS), HX_TICK_GO_ON);
}

/* ---- urgency */

static void urgent_threads_come_first(void **state)
{
	need(HX_SCHED_STRICT);
	for (unsigned i = 0; i < N_THREADS; i++) {
		threads[i].prio = (uint8_t)((i * 37) % (HX_PRIO_LOWEST + 1));
		put(i, HX_ENQUEUE_NEW);
	}
	for (unsigned n = 0, last = 0; n < N_THREADS; n++) {
		unsigned i = pick_one();

		assert_true(threads[i].prio >= last);
		last = threads[i].prio;
	}
}

static void only_the_more_urgent_preempts(void **state)
{
	need(HX_SCHED_STRICT);
	threads[0].prio = 100;
	put(0, HX_ENQUEUE_NEW);
	pick_one();
	for (unsigned prio = 99; prio <= 101; prio++) {
		threads[prio - 98].prio = (uint8_t)prio;
		put(prio - 98, HX_ENQUEUE_NEW);
		assert_int_equal(ops->preempts(&rq, &threads[prio - 98], current), prio < 100);
	}
}

static void slice_end_without_an_equal_changes_nothing(void **state)
{
	need(HX_SCHED_STRICT);
	threads[1].prio = HX_PRIO_DEFAULT + 1;
	put(0, HX_ENQUEUE_NEW);
	put(1, HX_ENQUEUE_NEW);
	assert_int_equal(pick_one(), 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(ops->tick(&rq, current, MS), HX_TICK_GO_ON);
}

#define ORDER(f)	{ .name = #f, .test_func = (f), .setup_func = order_up, \
			  .teardown_func = order_down }

static const struct CMUnitTest tests[] = {
	ORDER(equals_are_served_first_come_first_served),
	ORDER(yield_lets_all_equals_run_before),
	ORDER(random_events_match_the_model),
	ORDER(slice_ends_near_its_length),
	ORDER(default_slice_is_1_to_100_ms),
	ORDER(preempted_thread_keeps_the_rest_of_its_slice),
	ORDER(urgent_threads_come_first),
	ORDER(only_the_more_urgent_preempts),
	ORDER(slice_end_without_an_equal_changes_nothing),
};

int main(void)
{
	return suite_run(tests, HX_ARRAY_LEN(tests));
}
