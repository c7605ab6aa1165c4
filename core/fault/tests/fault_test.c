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

static unsigned hits(const char *point, unsigned times)
{
	unsigned n = 0;

	while (times-- > 0)
		n += hx_fault_hits_slow(point);
	return n;
}

static int teardown(void **state)
{
	static const char *const names[] = {
		"a", "b", "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7",
	};

	for (unsigned i = 0; i < HX_ARRAY_LEN(names); i++)
		hx_fault_disarm(names[i]);
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
		"", ":", ":1", "a:", "a:0", "a:-1", "a:x", "a:1:2", "a b", " a", "a\n",
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

	for (i = 0; i < 8; i++) {
		sprintf(spec, "p%u:2", i);
		assert_int_equal(hx_fault_arm(spec), 0);
	}
	assert_int_equal(hx_fault_arm("a"), -HX_ENFILE);
	assert_int_equal(hx_fault_arm("p3:1"), 0);
	assert_true(hx_fault_hits_slow("p3"));
	assert_int_equal(hx_fault_arm("a"), 0);
	assert_int_equal(hits("a", 1), 1);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
