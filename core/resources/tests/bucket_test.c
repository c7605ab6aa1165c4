/* SPDX-License-Identifier: MIT */
/* The arithmetic of token buckets, against a clock that is a number and sums of 128 bits. */
#include "hx_test.h"

#include "bucket.h"

#define FULL	((struct hx_res_bucket){ .level = INT64_MAX })

static const uint64_t rates[] = {
	1, 7, 1000, 4096, 65536, 65537, 999999937, HX_NS_PER_S, HX_NS_PER_S + 1, 1ull << 33,
	(1ull << 33) + 1, 12345678901ull, 1ull << 57, RES_RATE_MAX, RES_RATE_MAX + 1, INT64_MAX,
	UINT64_MAX - 1,
};

static uint64_t real(uint64_t rate)
{
	return rate < RES_RATE_MAX ? rate : RES_RATE_MAX;
}

/* What ran in over odd pieces of time is what the rate says, to the byte. */
static void nothing_is_lost_over_time(void **state)
{
	for (unsigned i = 0; i < HX_ARRAY_LEN(rates); i++) {
		uint64_t seed = 1, now = 12345;
		struct hx_res_bucket b = FULL;
		unsigned __int128 out = 0;

		res_bucket_fill(&b, rates[i], now);
		res_bucket_take(&b, (uint64_t)b.level);
		for (unsigned k = 0; k < 20000; k++) {
			now += 1 + hx_test_random_below(&seed, 40 * HX_NS_PER_MS);
			res_bucket_fill(&b, rates[i], now);
			if (b.level < res_bucket_depth(rates[i]) / 4)
				continue;	/* it is never full */
			out += (uint64_t)b.level;
			res_bucket_take(&b, (uint64_t)b.level);
		}
		out += (uint64_t)b.level;
		assert_true(out == (unsigned __int128)real(rates[i]) * (now - 12345) /
				   HX_NS_PER_S);
	}
}

static void no_more_goes_out_than_rate_and_depth(void **state)
{
	uint64_t seed = hx_test_seed();

	for (unsigned i = 0; i < HX_ARRAY_LEN(rates); i++) {
		uint64_t rate = rates[i], now = 1, bite = res_bucket_bite(rate);
		struct hx_res_bucket b = FULL;
		unsigned __int128 out = 0;

		res_bucket_fill(&b, rate, now);
		for (unsigned k = 0; k < 5000; k++) {
			uint64_t n = hx_test_random_below(&seed, bite + 1);
			hx_ns_t wait = res_bucket_wait_ns(&b, rate);

			/* The wait is long enough, and hardly longer. */
			if (wait > 1) {
				struct hx_res_bucket early = b;

				res_bucket_fill(&early, rate, now + wait - 1 - wait / 1000);
				assert_true(early.level <= 1 || rate > HX_NS_PER_S);
			}
			now += wait;
			res_bucket_fill(&b, rate, now);
			assert_true(b.level >= 0);
			assert_true(out <= (unsigned __int128)res_bucket_depth(rate) +
				    (unsigned __int128)real(rate) * now / HX_NS_PER_S + bite);
			res_bucket_take(&b, n);
			out += n;
		}
		/* Nor much less: over a long time the rate is kept within one part in a hundred. */
		if (rate >= 1000)
			assert_true(out * 100 * HX_NS_PER_S >=
				    (unsigned __int128)real(rate) * (now - 1) * 99);
	}
}

static void an_idle_bucket_is_full_and_not_fuller(void **state)
{
	for (unsigned i = 0; i < HX_ARRAY_LEN(rates); i++) {
		struct hx_res_bucket b = FULL;

		res_bucket_fill(&b, rates[i], 0);
		assert_int_equal(b.level, res_bucket_depth(rates[i]));
		res_bucket_take(&b, res_bucket_bite(rates[i]));
		res_bucket_fill(&b, rates[i], UINT64_MAX);
		assert_int_equal(b.level, res_bucket_depth(rates[i]));
		res_bucket_give(&b, 5);
		res_bucket_fill(&b, rates[i], 7);	/* nor does time run back */
		assert_int_equal(b.level, res_bucket_depth(rates[i]));
		assert_true(b.at_ns == UINT64_MAX);
	}
}

static void a_debt_from_a_higher_rate_is_cut(void **state)
{
	struct hx_res_bucket b = FULL;

	res_bucket_fill(&b, 1ull << 57, 1);
	for (unsigned i = 0; i < 10; i++)
		res_bucket_take(&b, 1ull << 57);
	res_bucket_fill(&b, 8192, 2);
	assert_true(b.level == -11 * 8192);
	assert_true(res_bucket_wait_ns(&b, 8192) == 11 * HX_NS_PER_S);
	res_bucket_fill(&b, 1, 2);
	assert_true(b.level == -11 * 4096);
	/* The deepest that there can be still does not wrap. */
	b.level = INT64_MIN;
	res_bucket_fill(&b, UINT64_MAX - 1, 3);
	res_bucket_take(&b, res_bucket_bite(UINT64_MAX - 1));
	assert_true(b.level < 0);
	assert_true(res_bucket_wait_ns(&b, UINT64_MAX - 1) <= 12 * HX_NS_PER_S + 1);
}

static void without_a_rate_nothing_goes_out(void **state)
{
	struct hx_res_bucket b = FULL;

	res_bucket_fill(&b, 0, HX_NS_PER_S);
	assert_true(res_bucket_wait_ns(&b, 0) == RES_NEVER);
	res_bucket_take(&b, 4096);
	res_bucket_fill(&b, 0, UINT64_MAX);
	assert_int_equal(b.level, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_over_time),
		cmocka_unit_test(no_more_goes_out_than_rate_and_depth),
		cmocka_unit_test(an_idle_bucket_is_full_and_not_fuller),
		cmocka_unit_test(a_debt_from_a_higher_rate_is_cut),
		cmocka_unit_test(without_a_rate_nothing_goes_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
