// SPDX-License-Identifier: MIT
/*
 * EEVDF's own promises, against the ideal CPU computed from the definition: in a steady system
 * every lag stays within the longest request; whoever comes and goes, those who stay share by
 * weight; a short request is served sooner and gets no more; neither sleeping nor waking earns
 * anything.
 */
#include "../../tests/share_suite.h"
#include <hx/config/subsys_sched_eevdf.h>
#include <hx/sched/share.h>

#define SLICE_NS	(CONFIG_SCHED_EEVDF_SLICE_MS * MS)
#define N_EVENTS	1000000u
#define N_HOGS		12u

static uint64_t rnd;

static uint64_t below(uint64_t n)
{
	return hx_test_random_below(&rnd, n);
}

static unsigned n_events(void)
{
	const char *text = getenv("HX_TEST_EVENTS");

	return text != NULL ? (unsigned)strtoul(text, NULL, 0) : N_EVENTS;
}

static struct hx_intent shares_of(unsigned shares)
{
	struct hx_intent want;

	hx_intent_init(&want);
	want.budget_kind = HX_BUDGET_SHARES;
	want.budget = shares;
	return want;
}

static void start(unsigned i, const struct hx_intent *want)
{
	assert_int_equal(thread_ask(i, want), 0);
	play_ready(i, HX_ENQUEUE_NEW);
}

/* Lags of the first n threads, which took part from `since` on with nobody else. */
static void check_lags(unsigned n, hx_ns_t since, uint64_t longest_ns)
{
	uint64_t load = 0;

	for (unsigned i = 0; i < n; i++)
		load += hx_sched_weight(&threads[i]);
	for (unsigned i = 0; i < n; i++) {
		__int128 owed = (__int128)(hx_now_ns() - since) * hx_sched_weight(&threads[i]) -
				(__int128)got_now(i) * load;
		int64_t lag = (int64_t)(owed / (int64_t)load);

		if (lag > (int64_t)longest_ns || lag < -(int64_t)longest_ns)
			fail_msg("after %llu ms: lag of thread %u, weight %u of %llu, is %lld us",
				 (unsigned long long)(hx_now_ns() / MS), i,
				 hx_sched_weight(&threads[i]), (unsigned long long)load,
				 (long long)lag / 1000);
	}
}

/* Requests of whole ticks, so that none ends late. */
static void lag_stays_within_the_longest_request(void **state)
{
	uint64_t longest_ns = 0;

	rnd = hx_test_seed();
	for (unsigned i = 0; i < N_HOGS; i++) {
		struct hx_intent want = shares_of(1 + (unsigned)below(i % 3 == 0 ? 10000 : 300));

		threads[i].slice_ns = (uint32_t)((1 + below(20)) * MS);
		longest_ns = hx_max_u64(longest_ns, threads[i].slice_ns);
		start(i, &want);
	}
	for (unsigned n = 0; n < n_events(); n++) {
		play_run(1 + below(2 * MS));
		if (n % 4 == 0)
			check_lags(N_HOGS, 0, longest_ns);
	}
}

static void lag_stays_within_a_slice_for_every_nice(void **state)
{
	for (unsigned i = 0; i < 40; i++) {
		struct hx_intent want;

		hx_intent_init(&want);
		want.nice = (int8_t)((int)i + HX_NICE_MIN);
		start(i, &want);
	}
	for (unsigned n = 0; n < 100000; n++) {
		play_run(MS);
		check_lags(40, 0, SLICE_NS);
	}
}

/* The least and the greatest weight, ten minutes: what divisions drop would be 26 ms by then. */
static void extreme_weights_stay_exact(void **state)
{
	struct hx_intent heavy, light = shares_of(1);

	hx_intent_init(&heavy);
	heavy.nice = HX_NICE_MIN;
	start(0, &heavy);
	start(1, &light);
	start(2, NULL);
	start(3, &heavy);
	for (unsigned n = 0; n < 600; n++) {
		play_run(HX_NS_PER_S + n);
		check_lags(4, 0, SLICE_NS);
	}
	/* 600 s / 178661 = 3.4 ms: no more than its first slice. */
	assert_true(got[1] <= SLICE_NS);
}

/* Threads 0..2 stay; their own services go on alike whatever the others do. */
static void those_who_stay_share_by_weight(void **state)
{
	static const unsigned shares[] = { 512, 1024, 3000 };
	bool started[N_THREADS] = { false };

	rnd = hx_test_seed();
	for (unsigned i = 0; i < 3; i++) {
		struct hx_intent want = shares_of(shares[i]);

		start(i, &want);
	}
	for (unsigned n = 0; n < n_events() / 2; n++) {
		unsigned i = 3 + (unsigned)below(6), kind = (unsigned)below(8);

		if (kind < 2 && !queued[i] && &threads[i] != current) {
			play_ready(i, started[i] ? HX_ENQUEUE_WAKE : HX_ENQUEUE_NEW);
			started[i] = true;
		} else if (kind < 4 && index_of(current) >= 3 && current != NULL) {
			play_block();
		} else if (kind == 4 && started[i]) {
			struct hx_intent want = shares_of(100 + (unsigned)below(2000));

			assert_int_equal(play_intent(i, &want), 0);
		} else {
			play_run(below(3 * MS));
		}
		for (unsigned k = 1; k < 3; k++) {	/* in 1/1024 ns of virtual time */
			int64_t a = (int64_t)(got_now(0) * 1024 / shares[0]);
			int64_t b = (int64_t)(got_now(k) * 1024 / shares[k]);
			int64_t most = (int64_t)(2 * SLICE_NS * 1024 / shares[0] +
						 2 * SLICE_NS * 1024 / shares[k]);

			assert_true(a - b <= most && b - a <= most);
		}
	}
	assert_true(got[0] > HX_NS_PER_S);
}

/* Four hogs and one that runs 1 ms of 20: how long it waits for the CPU at most. */
static hx_ns_t longest_wait(int latency_nice)
{
	hx_ns_t longest = 0;
	struct hx_intent want;

	hx_intent_init(&want);
	want.latency_nice = (int8_t)latency_nice;
	for (unsigned i = 0; i < 4; i++)
		start(i, NULL);
	start(10, &want);
	for (unsigned round = 0; round < 300; round++) {
		hx_ns_t woken = hx_now_ns();
		uint64_t had = got_now(10);

		if (round > 0)
			play_wake(10);
		while (current != &threads[10])
			play_run(100 * US);
		if (round > 5)
			longest = hx_max_u64(longest, hx_now_ns() - woken);
		while (got_now(10) < had + MS || current != &threads[10])
			play_run(100 * US);
		play_block();
		play_run(19 * MS + round % 7 * 333 * US);
	}
	return longest;
}

static void short_requests_are_served_at_once(void **state)
{
	/* One tick for a request that ends even sooner, one for its own. */
	assert_in_range(longest_wait(-20), 0, 2 * TICK_NS);
}

static void long_requests_wait_for_the_others(void **state)
{
	assert_in_range(longest_wait(19), 5 * MS, 4 * SLICE_NS + TICK_NS);
}

static void a_short_request_gets_no_more(void **state)
{
	struct hx_intent want;

	hx_intent_init(&want);
	want.latency_nice = -15;
	start(0, &want);
	start(1, NULL);
	for (unsigned n = 0; n < 20000; n++) {
		play_run(MS);
		check_lags(2, 0, SLICE_NS);
	}
}

/* Beside a hog, thread 1 sleeps for a moment whenever it has run so long. */
static uint64_t part_of_a_sleeper(uint64_t run_ns, int latency_nice)
{
	struct hx_intent want;
	uint64_t stop_at = run_ns;

	hx_intent_init(&want);
	want.latency_nice = (int8_t)latency_nice;
	start(0, NULL);
	start(1, &want);
	while (hx_now_ns() < 20 * HX_NS_PER_S) {
		play_run(100 * US);
		if (current == &threads[1] && got_now(1) >= stop_at) {
			stop_at = got_now(1) + run_ns;
			play_block();
			play_run(100 * US);
			play_wake(1);
		}
	}
	return got[1] * 1000 / (20 * HX_NS_PER_S);
}

static void sleeping_before_the_end_of_a_slice_earns_nothing(void **state)
{
	assert_in_range(part_of_a_sleeper(SLICE_NS - 100 * US, 0), 450, 505);
}

static void sleeping_before_each_tick_earns_nothing(void **state)
{
	assert_in_range(part_of_a_sleeper(TICK_NS - 100 * US, -20), 400, 505);
}

/* As long away as the debt needs: the hog has it all meanwhile, and both come out even. */
static void a_debt_is_paid_off_at_the_rate_of_presence(void **state)
{
	start(0, NULL);
	start(1, NULL);
	while (hx_now_ns() < 20 * HX_NS_PER_S) {
		uint64_t ran = got_now(1);

		while (got_now(1) < ran + SLICE_NS - 100 * US || current != &threads[1])
			play_run(100 * US);
		play_block();
		play_run(SLICE_NS / 2);
		play_wake(1);
	}
	assert_in_range(got[1], 20 * HX_NS_PER_S * 45 / 100, 20 * HX_NS_PER_S * 505 / 1000);
}

/* While thread 0 runs, somebody joins every 20 us; a fraction dropped each time makes 21 ms. */
static void being_charged_often_costs_and_earns_nothing(void **state)
{
	struct hx_intent heavy, light = shares_of(1);

	hx_intent_init(&heavy);
	heavy.nice = HX_NICE_MIN;
	heavy.flags = HX_INTENT_PINNED;
	start(0, &heavy);
	start(1, &heavy);
	start(2, &light);
	while (hx_now_ns() < 20 * HX_NS_PER_S) {
		play_run(20 * US);
		if (current == &threads[0] && play_steal(1) == 2)
			play_ready(2, HX_ENQUEUE_MOVE);
	}
	assert_in_range(got_now(0) + SLICE_NS + MS - got_now(1), 0, 2 * (SLICE_NS + MS));
}

static void yield_lets_the_others_run(void **state)
{
	unsigned n_turns[3] = { 0 };

	for (unsigned i = 0; i < 3; i++)
		start(i, NULL);
	for (unsigned n = 0; n < 300; n++) {
		unsigned before = index_of(current);

		n_turns[before]++;
		play_run(US);
		play_yield();
		assert_int_not_equal(index_of(current), before);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_in_range(n_turns[i], 75, 150);	/* not alike: who owes pays nothing */
}

static void yield_gives_up_what_one_is_owed(void **state)
{
	struct hx_intent want;

	hx_intent_init(&want);
	want.latency_nice = HX_NICE_MAX;
	start(0, NULL);
	start(1, &want);
	while (current != &threads[1])
		play_run(MS);
	play_yield();
	assert_ptr_equal(current, &threads[0]);
}

static void lag_goes_along_to_another_cpu(void **state)
{
	for (unsigned i = 0; i < 4; i++)
		start(i, NULL);
	for (unsigned n = 0; n < 20000; n++) {
		unsigned i;

		play_run(3 * MS + n % 5 * 100 * US);
		i = play_steal(1);
		assert_int_not_equal(i, NOBODY);
		play_ready(i, HX_ENQUEUE_MOVE);
		check_lags(4, 0, 3 * SLICE_NS);
	}
}

static const struct CMUnitTest tests[] = {
	CASE(lag_stays_within_the_longest_request),
	CASE(lag_stays_within_a_slice_for_every_nice),
	CASE(extreme_weights_stay_exact),
	CASE(those_who_stay_share_by_weight),
	CASE(short_requests_are_served_at_once),
	CASE(long_requests_wait_for_the_others),
	CASE(a_short_request_gets_no_more),
	CASE(sleeping_before_the_end_of_a_slice_earns_nothing),
	CASE(sleeping_before_each_tick_earns_nothing),
	CASE(a_debt_is_paid_off_at_the_rate_of_presence),
	CASE(waking_before_a_tick_earns_nothing),
	CASE(turns_and_preemptions_are_never_in_vain),
	CASE(being_charged_often_costs_and_earns_nothing),
	CASE(yield_lets_the_others_run),
	CASE(yield_gives_up_what_one_is_owed),
	CASE(lag_goes_along_to_another_cpu),
};

int main(void)
{
	return suite_run(tests, HX_ARRAY_LEN(tests));
}
