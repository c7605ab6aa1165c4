// SPDX-License-Identifier: MIT
/*
 * Intents: each number's range, each contradiction, the default; and the scales of urgency.
 */
#include "hx_test.h"
#include <hx/core/intent.h>
#include <hx/core/thread.h>

#define MS	HX_NS_PER_MS

static struct hx_intent sound(void)
{
	struct hx_intent i;

	hx_intent_init(&i);
	i.class = HX_INTENT_REALTIME;
	i.runtime_ns = 2 * MS;
	i.deadline_ns = 5 * MS;
	i.period_ns = 10 * MS;
	i.flags = HX_INTENT_HARD_DEADLINE | HX_INTENT_NO_PREEMPT;
	i.latency = HX_LATENCY_BOUNDED;
	i.latency_ns = 3 * MS;
	i.latency_max_ns = 5 * MS;
	i.budget_kind = HX_BUDGET_QUOTA;
	i.quota_ns = 2 * MS;
	i.budget_period_ns = 10 * MS;
	return i;
}

static void default_and_a_full_one_are_valid(void **state)
{
	struct hx_intent i = sound();
	const char *why = "untouched";

	assert_int_equal(hx_intent_check(&hx_intent_default, &why), 0);
	assert_int_equal(hx_intent_check(&i, &why), 0);
	assert_string_equal(why, "untouched");
}

#define WRONG(code, change) do { \
	struct hx_intent i = sound(); \
	const char *why = NULL; \
	change; \
	assert_int_equal(hx_intent_check(&i, &why), (code)); \
	assert_non_null(why); \
	assert_int_equal(hx_intent_check(&i, NULL), (code)); \
} while (0)

static void each_number_has_its_range(void **state)
{
	WRONG(-HX_ERANGE, i.class = HX_INTENT_CLASSES);
	WRONG(-HX_ERANGE, i.latency = HX_LATENCY_BOUNDED + 1);
	WRONG(-HX_ERANGE, i.budget_kind = HX_BUDGET_SHARES + 1);
	WRONG(-HX_ERANGE, i.energy = HX_ENERGY_LEVELS);
	WRONG(-HX_ERANGE, i.flags |= HX_INTENT_FLAGS_ALL + 1u);
	WRONG(-HX_ERANGE, i.nice = -21);
	WRONG(-HX_ERANGE, i.nice = 20);
	WRONG(-HX_ERANGE, i.latency_nice = 20);
	WRONG(-HX_ERANGE, i.affinity = 0);
	WRONG(-HX_ERANGE, i.latency_ns = 0);
	WRONG(-HX_ERANGE, i.latency_max_ns = i.latency_ns - 1);
	WRONG(-HX_ERANGE, i.quota_ns = 9999);
	WRONG(-HX_ERANGE, i.quota_ns = i.budget_period_ns + 1);
	WRONG(-HX_ERANGE, i.budget_period_ns = 10 * HX_NS_PER_S + 1);
	WRONG(-HX_ERANGE, i.runtime_ns = 9999);
	WRONG(-HX_ERANGE, i.runtime_ns = i.deadline_ns + 1);
	WRONG(-HX_ERANGE, i.deadline_ns = i.period_ns + 1);
	WRONG(-HX_ERANGE, (i.budget_kind = HX_BUDGET_PERCENT, i.budget = 101));
	WRONG(-HX_ERANGE, (i.budget_kind = HX_BUDGET_PERCENT, i.budget = 0));
	WRONG(-HX_ERANGE, (i.budget_kind = HX_BUDGET_SHARES, i.budget = 10001));
}

static void contradictions_are_refused(void **state)
{
	WRONG(-HX_EINVAL, i.flags |= HX_INTENT_LOW_LATENCY | HX_INTENT_HIGH_THROUGHPUT);
	WRONG(-HX_EINVAL, i.flags |= HX_INTENT_PERF_PREFER | HX_INTENT_POWER_PREFER);
	WRONG(-HX_EINVAL, i.flags |= HX_INTENT_PINNED | HX_INTENT_MIGRATABLE);
	WRONG(-HX_EINVAL, i.flags |= HX_INTENT_SOFT_DEADLINE);
	WRONG(-HX_EINVAL, i.deadline_ns = 0);
	WRONG(-HX_EINVAL, i.class = HX_INTENT_BATCH);	/* and NO_PREEMPT */
	WRONG(-HX_EINVAL, (i.flags = 0, i.deadline_ns = 0, i.latency = HX_LATENCY_TARGET));
}

/* Order is kept, ends meet ends, and real time stays below 100. */
static void check_scale(enum hx_prio_scale scale, int urgent, int lazy, int realtime_until)
{
	int step = urgent < lazy ? 1 : -1, last = 0;

	assert_int_equal(hx_prio_from(scale, urgent - step), hx_prio_from(scale, urgent));
	assert_int_equal(hx_prio_from(scale, lazy), HX_PRIO_LOWEST);
	assert_int_equal(hx_prio_from(scale, lazy + step), HX_PRIO_LOWEST);
	for (int v = urgent; v != lazy + step; v += step) {
		int level = hx_prio_from(scale, v);

		assert_in_range(level, last, HX_PRIO_LOWEST);
		assert_int_equal(level < 100, step > 0 ? v < realtime_until : v >= realtime_until);
		last = level;
	}
}

static void scales_keep_order(void **state)
{
	check_scale(HX_PRIO_LEVEL, 0, 139, 100);
	check_scale(HX_PRIO_URGENCY, -100, 127, 0);
	check_scale(HX_PRIO_NICE, -20, 19, -20);
	check_scale(HX_PRIO_RANK, 100, 0, 80);
	assert_int_equal(hx_prio_from(HX_PRIO_URGENCY, -100), 0);
	assert_int_equal(hx_prio_from(HX_PRIO_NICE, 0), HX_PRIO_DEFAULT);
	assert_int_equal(hx_prio_from(HX_PRIO_RANK, 100), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_and_a_full_one_are_valid),
		cmocka_unit_test(each_number_has_its_range),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(scales_keep_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
