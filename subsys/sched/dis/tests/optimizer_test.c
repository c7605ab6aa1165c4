// SPDX-License-Identifier: MIT
/* Statistics and what is learned from them. */
#include "dis_driver.h"

static int setup(void **state)
{
	int err = sim_setup(state);

	sim_no_rules();
	return err;
}

static void average_has_alpha_three_tenths(void **state)
{
	uint64_t a = 1000;

	assert_int_equal(dis_ema(1000, 2000), 1300);
	assert_int_equal(dis_ema(0, 10), 3);
	for (unsigned n = 0; n < 100; n++)
		a = dis_ema(a, 5000);
	assert_in_range(a, 4998, 5000);
	assert_true(dis_ema(DIS_SAMPLE_MAX, UINT64_MAX) <= DIS_SAMPLE_MAX);	/* no overflow */
}

static void runs_sleeps_and_waits_are_averaged(void **state)
{
	sim_jobs[0].burst_ns = 3 * MS;
	sim_jobs[0].sleep_ns = 7 * MS;
	sim_create(0, NULL);
	sim_run(2000 * MS);
	assert_int_equal(sim_dis(0)->s.run_ema, 3 * MS);
	assert_int_equal(sim_dis(0)->s.sleep_ema, 7 * MS);
	assert_int_equal(sim_dis(0)->s.interval_ema, 10 * MS);
	assert_int_equal(sim_dis(0)->s.wait_ema, 0);
	assert_in_range(sim_dis(0)->s.share_permille, 290, 310);
	assert_int_equal(sim_dis(0)->s.ran_ns, sim_jobs[0].ran_ns);
}

static void load_is_averaged(void **state)
{
	sim_jobs[0].burst_ns = 4 * MS;
	sim_jobs[0].sleep_ns = 6 * MS;
	sim_create(0, NULL);
	sim_run(3000 * MS);
	assert_in_range(sim_queue()->load_permille, 380, 420);
	assert_in_range(sim_queue()->iowait_permille, 0, 5);
	sim_jobs[0].own = sim_intent(HX_INTENT_SERVER);
	sim_jobs[0].own.flags = HX_INTENT_IO_BOUND;
	assert_int_equal(sim_change(0, &sim_jobs[0].own, HX_PRIO_DEFAULT), 0);
	sim_run(3000 * MS);
	assert_in_range(sim_queue()->iowait_permille, 570, 620);
}

static void expect_behaviour(unsigned i, unsigned want)
{
	if (sim_dis(i)->learned.behaviour != want)
		fail_msg("%s instead of %s", dis_behaviour_name(sim_dis(i)->learned.behaviour),
			 dis_behaviour_name(want));
}

/* One kind of thread alone on the CPU; sleeps and runs may be jittered. */
static void live(uint64_t burst_us, uint64_t sleep_us, uint64_t jitter_run_us,
		 uint64_t jitter_sleep_us, unsigned rounds)
{
	uint64_t rnd = hx_test_seed();

	sim_jobs[0].burst_ns = burst_us * 1000;
	sim_jobs[0].sleep_ns = sleep_us * 1000;
	sim_create(0, NULL);
	for (unsigned n = 0; n < rounds; n++) {
		if (jitter_run_us != 0)
			sim_jobs[0].burst_ns = 1000 * (burst_us +
						       hx_test_random_below(&rnd, jitter_run_us));
		if (jitter_sleep_us != 0)
			sim_jobs[0].sleep_ns = 1000 * (sleep_us +
						       hx_test_random_below(&rnd, jitter_sleep_us));
		while (sim_jobs[0].n_wakes <= n)
			sim_run(MS);
	}
}

static void cpu_bound_is_recognised(void **state)
{
	sim_create(0, NULL);
	sim_run(2000 * MS);
	expect_behaviour(0, DIS_CPU_BOUND);
	assert_in_range(sim_dis(0)->p.slice_ns, 45 * MS, 50 * MS);	/* learned, from 20 ms */
	assert_true(sim_dis(0)->p.slice_ns <= 4 * 20 * MS);
}

static void io_bound_is_recognised(void **state)
{
	live(500, 2000, 0, 3000, 100);
	expect_behaviour(0, DIS_IO_BOUND);
}

static void interactive_is_recognised(void **state)
{
	live(1000, 30000, 0, 90000, 100);
	expect_behaviour(0, DIS_INTERACTIVE);
	assert_true(sim_dis(0)->learned.slice_ns != 0);
	assert_in_range(sim_dis(0)->p.slice_ns, 5 * MS, 6 * MS);	/* not below 20 / 4 */
}

static void bursty_is_recognised(void **state)
{
	live(100, 5000, 20000, 30000, 100);
	expect_behaviour(0, DIS_BURSTY);
	assert_true(sim_dis(0)->learned.score > 30);
	/* What cannot be predicted is said to be so. */
	assert_true(sim_dis(0)->learned.confidence < 70);
	assert_true(dis_error_percent(sim_dis(0)) > 30);
	assert_int_equal(sim_dis(0)->learned.slice_ns, 0);	/* and nothing is done about it */
}

static void periodic_is_recognised(void **state)
{
	sim_jobs[0].period_ns = 20 * MS;
	sim_jobs[0].burst_ns = 2 * MS;
	sim_create(0, NULL);
	sim_run(1000 * MS);
	expect_behaviour(0, DIS_PERIODIC);
	assert_int_equal(sim_dis(0)->learned.confidence, 100);
	assert_int_equal(sim_dis(0)->s.run_ema, 2 * MS);
	assert_int_equal(dis_error_percent(sim_dis(0)), 0);
}

static void background_is_recognised(void **state)
{
	live(500, 1500000, 0, 900000, 20);
	expect_behaviour(0, DIS_BACKGROUND);
}

static void mixed_is_what_is_left(void **state)
{
	live(30000, 30000, 8000, 60000, 50);
	expect_behaviour(0, DIS_MIXED);
}

static void nothing_is_learned_from_less_than_five_samples(void **state)
{
	live(1000, 30000, 0, 0, 3);
	expect_behaviour(0, DIS_MIXED);
	assert_int_equal(sim_dis(0)->learned.confidence, 0);
	assert_int_equal(sim_dis(0)->learned.slice_ns, 0);
}

static void an_explicit_slice_is_kept(void **state)
{
	sim_jobs[0].t.slice_ns = 33 * MS;
	sim_create(0, NULL);
	sim_run(3000 * MS);
	assert_int_equal(sim_dis(0)->p.slice_ns, 33 * MS);
	assert_int_equal(sim_dis(0)->learned.slice_ns, 0);
}

static void learned_slices_stay_within_bounds(void **state)
{
	for (unsigned c = HX_INTENT_INTERACTIVE; c <= HX_INTENT_BACKGROUND; c++) {
		struct hx_intent i = sim_intent(c);

		sim_create(c, &i);
	}
	for (unsigned n = 0; n < 200; n++) {
		sim_run(500 * MS);
		for (unsigned c = HX_INTENT_INTERACTIVE; c <= HX_INTENT_BACKGROUND; c++) {
			const struct dis_thread *d = sim_dis(c);

			if (d->learned.slice_ns != 0)
				assert_in_range(d->learned.slice_ns, d->p.request_ns / 4,
						d->p.request_ns * 4);
		}
	}
	assert_in_range(sim_dis(HX_INTENT_INTERACTIVE)->p.slice_ns, 38 * MS, 40 * MS);
	assert_in_range(sim_dis(HX_INTENT_BATCH)->p.slice_ns, 50 * MS, 60 * MS);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, sim_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(average_has_alpha_three_tenths),
		TEST(runs_sleeps_and_waits_are_averaged),
		TEST(load_is_averaged),
		TEST(cpu_bound_is_recognised),
		TEST(io_bound_is_recognised),
		TEST(interactive_is_recognised),
		TEST(bursty_is_recognised),
		TEST(periodic_is_recognised),
		TEST(background_is_recognised),
		TEST(mixed_is_what_is_left),
		TEST(nothing_is_learned_from_less_than_five_samples),
		TEST(an_explicit_slice_is_kept),
		TEST(learned_slices_stay_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
