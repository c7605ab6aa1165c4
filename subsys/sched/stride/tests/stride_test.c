// SPDX-License-Identifier: MIT
/*
 * Stride's own promises: at any moment no thread has had more than a slice beyond its part, whoever
 * slept or changed its tickets meanwhile.
 */
#include "../../tests/share_suite.h"
#include <hx/config/subsys_sched_stride.h>
#include <hx/sched/share.h>

#define SLICE_NS	(CONFIG_SCHED_STRIDE_SLICE_MS * MS)

static uint64_t got_at[N_THREADS];	/* when the account began */

static struct hx_intent intent_of(int nice, unsigned shares)
{
	struct hx_intent want;

	hx_intent_init(&want);
	want.nice = (int8_t)nice;
	if (shares != 0) {
		want.budget_kind = HX_BUDGET_SHARES;
		want.budget = shares;
	}
	return want;
}

static void account(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		got_at[i] = got_now(i);
}

/* Of any two threads: what each got of what both got, against its tickets. */
static void check_pairs(unsigned n, uint64_t error_ns)
{
	for (unsigned i = 0; i < n; i++) {
		int64_t a = (int64_t)(got_now(i) - got_at[i]), w = hx_sched_weight(&threads[i]);

		for (unsigned k = 0; k < i; k++) {
			int64_t b = (int64_t)(got_now(k) - got_at[k]);
			int64_t v = hx_sched_weight(&threads[k]);
			/* a less (a + b) w / (v + w) */
			int64_t error = (a * v - b * w) / (v + w);

			if ((uint64_t)(error < 0 ? -error : error) > error_ns)
				fail_msg("after %llu ms: thread %u of weight %lld has %lld us, "
					 "thread %u of weight %lld has %lld us",
					 (unsigned long long)(hx_now_ns() / MS), i, (long long)w,
					 (long long)a / 1000, k, (long long)v,
					 (long long)b / 1000);
		}
	}
}

static void weights_are_steps_of_a_quarter(void **state)
{
	assert_int_equal(hx_sched_weight_of_nice(0), 1024);
	assert_int_equal(hx_sched_weight_of_nice(-1), 1280);
	assert_int_equal(hx_sched_weight_of_nice(1), 819);
	assert_int_equal(hx_sched_weight_of_nice(-20), HX_WEIGHT_MAX);
	assert_int_equal(hx_sched_weight_of_nice(19), 15);
	assert_int_equal(hx_sched_weight_of_nice(-100), HX_WEIGHT_MAX);
	assert_int_equal(hx_sched_weight_of_nice(100), 15);
	for (int nice = HX_NICE_MIN; nice < HX_NICE_MAX; nice++) {
		uint32_t w = hx_sched_weight_of_nice(nice);
		uint32_t next = hx_sched_weight_of_nice(nice + 1);

		assert_in_range(w * 4, next * 5 - 5, next * 5 + 5);	/* both rounded */
	}
}

static void weight_comes_from_nice_level_or_shares(void **state)
{
	struct hx_intent shares = intent_of(-5, 300), nice = intent_of(0, 0);

	/* Every level and nice value: one of the two, never both, and urgency never costs. */
	threads[0].intent = &nice;
	for (int prio = 0; prio <= HX_PRIO_LOWEST; prio++) {
		for (int n = HX_NICE_MIN; n <= HX_NICE_MAX; n++) {
			int level = prio < 100 ? HX_NICE_MIN : prio - HX_PRIO_DEFAULT;
			int want = n == 0 ? level : level < 0 && level < n ? level : n;

			threads[0].prio = (uint8_t)prio;
			nice.nice = (int8_t)n;
			assert_int_equal(hx_sched_nice(&threads[0]), want);
			assert_int_equal(hx_sched_weight(&threads[0]),
					 hx_sched_weight_of_nice(want));
			threads[0].prio = hx_prio_from(HX_PRIO_NICE, n);
			nice.nice = 0;		/* the same said by the level */
			assert_int_equal(hx_sched_nice(&threads[0]), n);
		}
	}
	threads[0].intent = &shares;
	assert_int_equal(hx_sched_weight(&threads[0]), 300);
	threads[0].intent = &threads[0].own_intent;
	threads[0].prio = HX_PRIO_DEFAULT;
}

static void shares_follow_tickets_to_within_a_slice(void **state)
{
	static const unsigned shares[] = { 1, 3, 10, 100, 500, 1024, 1024, 2048, 5000, 10000 };
	unsigned n = HX_ARRAY_LEN(shares);

	for (unsigned i = 0; i < n; i++) {
		struct hx_intent want = intent_of(0, shares[i]);

		assert_int_equal(thread_ask(i, &want), 0);
		play_ready(i, HX_ENQUEUE_NEW);
	}
	account(n);
	for (unsigned ms = 0; ms < 100000; ms++) {
		play_run(MS);
		check_pairs(n, SLICE_NS);
	}
	assert_true(got[9] > got[0] * 1000);
}

static void waiting_earns_and_costs_nothing(void **state)
{
	for (unsigned i = 0; i < 4; i++)
		play_ready(i, HX_ENQUEUE_NEW);
	for (unsigned round = 0; round < 50; round++) {
		while (current != &threads[0])
			play_run(MS);
		play_run(3 * MS);
		if (current == &threads[0])
			play_block();
		play_run((round * 37 % 400) * MS);
		if (!queued[0] && current != &threads[0])
			play_wake(0);
		account(4);
		for (unsigned ms = 0; ms < 200; ms++) {
			play_run(MS);
			/* It comes back where it stood: up to a slice off, and one more. */
			check_pairs(4, 2 * SLICE_NS);
		}
	}
}

static void changed_tickets_count_from_then_on(void **state)
{
	uint64_t rnd = hx_test_seed();

	for (unsigned i = 0; i < 5; i++)
		play_ready(i, HX_ENQUEUE_NEW);
	for (unsigned round = 0; round < 200; round++) {
		unsigned i = (unsigned)hx_test_random_below(&rnd, 5);
		struct hx_intent want = intent_of((int)hx_test_random_below(&rnd, 11) - 5, 0);

		if (round % 2 == 0)
			assert_int_equal(play_intent(i, &want), 0);
		else
			play_prio(i, (uint8_t)(115 + hx_test_random_below(&rnd, 10)));
		account(5);
		for (unsigned ms = 0; ms < 100; ms++) {
			play_run(MS);
			check_pairs(5, 2 * SLICE_NS);
		}
	}
}

static void yield_lets_the_others_run(void **state)
{
	for (unsigned i = 0; i < 3; i++)
		play_ready(i, HX_ENQUEUE_NEW);
	for (unsigned n = 0; n < 30; n++) {
		assert_int_equal(index_of(current), n % 3);
		play_run(US);
		play_yield();
	}
}

static const struct CMUnitTest tests[] = {
	CASE(weights_are_steps_of_a_quarter),
	CASE(weight_comes_from_nice_level_or_shares),
	CASE(shares_follow_tickets_to_within_a_slice),
	CASE(waiting_earns_and_costs_nothing),
	CASE(changed_tickets_count_from_then_on),
	CASE(waking_before_a_tick_earns_nothing),
	CASE(turns_and_preemptions_are_never_in_vain),
	CASE(yield_lets_the_others_run),
};

int main(void)
{
	return suite_run(tests, HX_ARRAY_LEN(tests));
}
