// SPDX-License-Identifier: MIT
/* Distributions and statistics, against what mathematics says. */
#include "sim_test.h"

#define DRAWS	200000u

static double abs_of(double x)
{
	return x < 0 ? -x : x;
}

static void ln_and_exp_are_right_to_the_last_digits(void **state)
{
	static const struct { double x, ln; } known[] = {
		{ 1, 0 }, { 2, 0.69314718055994530942 }, { 10, 2.30258509299404568402 },
		{ 0.5, -0.69314718055994530942 }, { 1e-16, -36.8413614879047309443 },
		{ 1.41421356237309504880, 0.34657359027997265471 }, { 1e8, 18.4206807439523654722 },
		{ 0.999999, -1.000000500000333333e-6 },
	};

	for (size_t i = 0; i < HX_ARRAY_LEN(known); i++) {
		double ln = dist_ln(known[i].x);

		assert_true(abs_of(ln - known[i].ln) <= 1e-14 * (1 + abs_of(known[i].ln)));
		if (known[i].ln <= 0)
			assert_true(abs_of(dist_exp(known[i].ln) / known[i].x - 1) < 1e-13);
	}
	assert_true(dist_exp(-1000) == 0);
}

static double mean_of(const struct dist *d, uint64_t *least, uint64_t *greatest)
{
	uint64_t rng = hx_test_seed();
	double sum = 0;

	*least = UINT64_MAX;
	*greatest = 0;
	for (unsigned i = 0; i < DRAWS; i++) {
		uint64_t v = dist_draw(d, &rng);

		sum += (double)v;
		*least = v < *least ? v : *least;
		*greatest = v > *greatest ? v : *greatest;
	}
	return sum / DRAWS;
}

static void distributions_have_their_mean_and_bounds(void **state)
{
	static const struct { struct dist d; double mean; uint64_t least, greatest; } cases[] = {
		{ { DIST_CONST, 5000000, 0, 0 }, 5e6, 5000000, 5000000 },
		{ { DIST_UNIFORM, 1000000, 3000000, 0 }, 2e6, 1000000, 3000000 },
		{ { DIST_EXP, 4000000, 0, 0 }, 4e6, 0, 80000000 },
		/* a alpha / (alpha - 1) */
		{ { DIST_PARETO, 1000000, 0, 3.0 }, 1.5e6, 1000000, 1000000000 },
	};

	for (size_t i = 0; i < HX_ARRAY_LEN(cases); i++) {
		uint64_t least, greatest;
		double mean = mean_of(&cases[i].d, &least, &greatest);

		/* Six standard errors are below 1.5 percent. */
		assert_true(abs_of(mean / cases[i].mean - 1) < 0.015);
		assert_true(least >= cases[i].least && greatest <= cases[i].greatest);
	}
}

static void caps_are_kept(void **state)
{
	struct dist e = { DIST_EXP, 4000000, 5000000, 0 }, p = { DIST_PARETO, 1000, 2000, 0.1 };
	uint64_t least, greatest;

	mean_of(&e, &least, &greatest);
	assert_int_equal(greatest, 5000000);
	mean_of(&p, &least, &greatest);
	assert_int_equal(greatest, 2000);
	assert_in_range(least, 1000, 1001);
}

static void seeds_make_different_and_repeatable_numbers(void **state)
{
	uint64_t a = rng_mix(1, 0), b = rng_mix(1, 1), c = rng_mix(1, 0);

	assert_int_not_equal(a, b);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(rng_next(&a), rng_next(&c));
	for (unsigned i = 0; i < 1000; i++)
		assert_true(rng_below(&b, 7) < 7);
}

static void percentiles_are_nearest_rank(void **state)
{
	uint64_t v[200];
	struct samples s = { .v = v, .n = 200 };

	for (unsigned i = 0; i < 200; i++)
		v[i] = i + 1;
	assert_int_equal(percentile(&s, 50), 100);
	assert_int_equal(percentile(&s, 99), 198);
	assert_int_equal(percentile(&s, 100), 200);
	s.n = 1;
	assert_int_equal(percentile(&s, 50), 1);
	assert_int_equal(percentile(&s, 99), 1);
	s.n = 3;
	assert_int_equal(percentile(&s, 50), 2);
	assert_int_equal(percentile(&s, 99), 3);
	s.n = 0;
	assert_int_equal(percentile(&s, 99), 0);
}

static void jain_is_one_for_equals_and_one_nth_for_one_winner(void **state)
{
	static const double equal[] = { 3, 3, 3, 3 }, one[] = { 5, 0, 0, 0 }, two[] = { 1, 3 };

	assert_true(abs_of(jain_index(equal, 4) - 1) < 1e-12);
	assert_true(abs_of(jain_index(one, 4) - 0.25) < 1e-12);
	assert_true(abs_of(jain_index(two, 2) - 0.8) < 1e-12);	/* 16 / (2 * 10) */
	assert_true(jain_index(one, 0) == 1);
}

static void times_are_written_with_their_unit(void **state)
{
	char buf[24];

	assert_string_equal(time_text(0, buf), "0");
	assert_string_equal(time_text(999, buf), "999 ns");
	assert_string_equal(time_text(1999, buf), "1 us");
	assert_string_equal(time_text(12345678, buf), "12.35 ms");
	assert_string_equal(time_text(234 * MS, buf), "234 ms");
	assert_string_equal(time_text(61234 * MS, buf), "61.23 s");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ln_and_exp_are_right_to_the_last_digits),
		cmocka_unit_test(distributions_have_their_mean_and_bounds),
		cmocka_unit_test(caps_are_kept),
		cmocka_unit_test(seeds_make_different_and_repeatable_numbers),
		cmocka_unit_test(percentiles_are_nearest_rank),
		cmocka_unit_test(jain_is_one_for_equals_and_one_nth_for_one_winner),
		cmocka_unit_test(times_are_written_with_their_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
