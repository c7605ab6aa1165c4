/* SPDX-License-Identifier: MIT */
/*
 * Fault points: count down, hit once, and every malformed spec changes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <hx/core/fault.h>

#define ENTRIES	32u	/* that the table has */

static unsigned hits(const char *point, unsigned times)
{
	unsigned n = 0;

	while (times-- > 0)
		n += hx_fault_hits_slow(point);
	return n;
}

static int teardown(void **state)
{
	char name[8];

	hx_fault_disarm("a");
	hx_fault_disarm("b");
	for (unsigned i = 0; i < ENTRIES; i++) {
		sprintf(name, "p%u", i);
		hx_fault_disarm(name);
	}
	return hx_fault_n_armed != 0;
}

static void nothing_armed_nothing_hits(void **state)
{
	assert_int_equal(hx_fault_n_armed, 0);
	assert_int_equal(hits("a", 10), 0);
	assert_int_equal(hits("", 10), 0);
}

static void armed_point_hits_once(void **state)
{
	assert_int_equal(hx_fault_arm("a"), 0);
	assert_int_equal(hx_fault_n_armed, 1);
	assert_int_equal(hits("b", 5), 0);
	assert_true(hx_fault_hits_slow("a"));
	assert_int_equal(hx_fault_n_armed, 0);
	assert_int_equal(hits("a", 5), 0);
}

static void counts_down_to_the_nth(void **state)
{
	assert_int_equal(hx_fault_arm("a:3"), 0);
	assert_int_equal(hits("a", 2), 0);
	assert_true(hx_fault_hits_slow("a"));
	assert_int_equal(hits("a", 5), 0);
}

static void arming_again_sets_the_count_anew(void **state)
{
	assert_int_equal(hx_fault_arm("a:3"), 0);
	assert_int_equal(hits("a", 2), 0);
	assert_int_equal(hx_fault_arm("a:2"), 0);
	assert_int_equal(hx_fault_n_armed, 1);
	assert_int_equal(hits("a", 1), 0);
	assert_true(hx_fault_hits_slow("a"));
}

static void disarm(void **state)
{
	assert_int_equal(hx_fault_arm("a"), 0);
	assert_int_equal(hx_fault_disarm("b"), -HX_ENOENT);
	assert_int_equal(hx_fault_disarm(""), -HX_ENOENT);
	assert_int_equal(hx_fault_disarm("a"), 0);
	assert_int_equal(hx_fault_disarm("a"), -HX_ENOENT);
	assert_int_equal(hits("a", 5), 0);
}

static void malformed_specs_change_nothing(void **state)
{
	static const char *const bad[] = {
		"", ":", ":1", "a:", "a:0", "a:-1", "a:x", "a:1:2", "a:1:none", "a:1:",
		"a:1:fail:1", "a b", " a", "a\n",
		"a:99999999999",
		"abcdefghijklmnopqrstuvwxyz0123456", "\xff",
	};

	for (unsigned i = 0; i < HX_ARRAY_LEN(bad); i++) {
		assert_int_equal(hx_fault_arm(bad[i]), -HX_EINVAL);
		assert_int_equal(hx_fault_n_armed, 0);
	}
}

static void table_is_bounded(void **state)
{
	char spec[8];
	unsigned i;

	for (i = 0; i < ENTRIES; i++) {
		sprintf(spec, "p%u:2", i);
		assert_int_equal(hx_fault_arm(spec), 0);
	}
	assert_int_equal(hx_fault_arm("a"), -HX_ENFILE);
	assert_int_equal(hx_fault_arm("p3:1"), 0);
	assert_true(hx_fault_hits_slow("p3"));
	assert_int_equal(hx_fault_arm("a"), 0);
	assert_int_equal(hits("a", 1), 1);
}

static void plan_fires_every_so_often_and_so_many_times(void **state)
{
	const struct hx_fault_plan plan = { .point = "a", .after = 3, .every = 4, .times = 3 };
	uint64_t n_hits = 0, n_fired = 0, before_hits = 0, before_fired = 0;

	(void)hx_fault_counts("a", &before_hits, &before_fired);
	assert_int_equal(hx_fault_plan_arm(&plan), 0);
	for (unsigned i = 1; i <= 20; i++)
		assert_int_equal(hx_fault_hits_slow("a"), i == 3 || i == 7 || i == 11);
	assert_int_equal(hx_fault_n_armed, 0);
	assert_true(hx_fault_counts("a", &n_hits, &n_fired));
	assert_int_equal(n_hits - before_hits, 11);
	assert_int_equal(n_fired - before_fired, 3);
	assert_false(hx_fault_counts("never", &n_hits, &n_fired));
	assert_false(hx_fault_counts("", &n_hits, &n_fired));
}

static void always_ends_when_it_is_disarmed(void **state)
{
	const struct hx_fault_plan plan = { .point = "a", .times = HX_FAULT_ALWAYS };

	assert_int_equal(hx_fault_plan_arm(&plan), 0);
	assert_int_equal(hits("a", 1000), 1000);
	assert_int_equal(hx_fault_disarm("a"), 0);
	assert_int_equal(hits("a", 10), 0);
}

/* The hits of 4096 that fire, as a checksum, and how many. */
static unsigned chances(uint64_t seed, uint64_t *which)
{
	const struct hx_fault_plan plan = { .point = "a", .odds = 16, .times = HX_FAULT_ALWAYS };
	unsigned n = 0;

	hx_fault_seed(seed);
	assert_int_equal(hx_fault_plan_arm(&plan), 0);
	*which = 0;
	for (unsigned i = 0; i < 4096; i++) {
		if (hx_fault_hits_slow("a")) {
			*which = *which * 31 + i;
			n++;
		}
	}
	assert_int_equal(hx_fault_disarm("a"), 0);
	return n;
}

static void chances_follow_the_seed(void **state)
{
	uint64_t first, again, other;
	unsigned n = chances(1, &first);

	/* 256 are expected, with a deviation of 15.5: six of those either way. */
	assert_in_range(n, 163, 349);
	assert_int_equal(chances(1, &again), n);
	assert_true(first == again);
	assert_in_range(chances(2, &other), 163, 349);
	assert_true(first != other);
	assert_in_range(chances(0, &other), 163, 349);
}

static void kinds_reach_who_asks(void **state)
{
	assert_int_equal(hx_fault_arm("a:2:leak"), 0);
	assert_int_equal(hx_fault_kind_slow("a"), HX_FAULT_NONE);
	assert_int_equal(hx_fault_kind_slow("a"), HX_FAULT_LEAK);
	assert_int_equal(hx_fault_arm("a:1:flip"), 0);
	assert_true(hx_fault_hits_slow("a"));
	for (unsigned kind = 1; kind < HX_FAULT_KINDS; kind++)
		assert_int_equal(hx_fault_kind_named(hx_fault_kind_name(kind)), kind);
	assert_int_equal(hx_fault_kind_named("none"), HX_FAULT_NONE);
	assert_int_equal(hx_fault_kind_named(""), HX_FAULT_NONE);
	assert_string_equal(hx_fault_kind_name(HX_FAULT_KINDS), "?");
}

static void flip_changes_one_bit_anywhere(void **state)
{
	uint8_t bytes[4] = { 0 };
	uint32_t seen = 0, word;

	hx_fault_seed(5);
	for (unsigned i = 0; i < 1000; i++) {
		memset(bytes, 0, sizeof(bytes));
		hx_fault_flip(bytes, sizeof(bytes));
		memcpy(&word, bytes, sizeof(word));
		assert_int_equal(__builtin_popcount(word), 1);
		seen |= word;
	}
	assert_int_equal(seen, 0xffffffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(nothing_armed_nothing_hits, teardown),
		cmocka_unit_test_teardown(armed_point_hits_once, teardown),
		cmocka_unit_test_teardown(counts_down_to_the_nth, teardown),
		cmocka_unit_test_teardown(arming_again_sets_the_count_anew, teardown),
		cmocka_unit_test_teardown(disarm, teardown),
		cmocka_unit_test_teardown(malformed_specs_change_nothing, teardown),
		cmocka_unit_test_teardown(table_is_bounded, teardown),
		cmocka_unit_test_teardown(plan_fires_every_so_often_and_so_many_times, teardown),
		cmocka_unit_test_teardown(always_ends_when_it_is_disarmed, teardown),
		cmocka_unit_test_teardown(chances_follow_the_seed, teardown),
		cmocka_unit_test_teardown(kinds_reach_who_asks, teardown),
		cmocka_unit_test_teardown(flip_changes_one_bit_anywhere, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
