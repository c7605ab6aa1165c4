// SPDX-License-Identifier: MIT
/* Whichever component fails, those that were up go down in reverse, each exactly once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <hx/core/fault.h>
#include <hx/core/log.h>
#include <hx/hal/boot_info.h>

#include "../init_priv.h"

#define N	6

static char calls[256];			/* "+0+1-1-0" */
static int failing = -1;		/* this init fails */
static int calls_down = -1;		/* this shutdown takes everything down itself */
static struct hx_boot_info info;

static void note(char what, int idx)
{
	size_t n = strlen(calls);

	snprintf(calls + n, sizeof(calls) - n, "%c%d", what, idx);
}

static int up(int idx)
{
	note('+', idx);
	return idx == failing ? -HX_ENOMEM : 0;
}

static void down(int idx)
{
	note('-', idx);
	if (idx == calls_down)
		init_down(false);
}

#define COMPONENT(i) \
	static int up_##i(void) { return up(i); } \
	static void down_##i(void) { down(i); } \
	static const struct hx_component c##i = { \
		.name = "c" #i, .phase = HX_PHASE_CORE, .init = up_##i, .shutdown = down_##i }
COMPONENT(0);
COMPONENT(1);
COMPONENT(2);
COMPONENT(3);
COMPONENT(4);
COMPONENT(5);
static const struct hx_component table_only = { .name = "tables", .phase = HX_PHASE_CORE };

static const struct hx_component *const order[N] = { &c0, &c1, &c2, &c3, &c4, &c5 };
static const struct init_graph graph = { order, N, order, order + N };

/* What must happen if the k-th one fails; its own init runs unless a fault point stopped it. */
static void expect_rollback(int k, bool init_ran)
{
	char expected[256] = "";
	size_t n = 0;

	for (int i = 0; i < k + init_ran; i++)
		n += (size_t)snprintf(expected + n, sizeof(expected) - n, "+%d", i);
	for (int i = k - 1; i >= 0; i--)
		n += (size_t)snprintf(expected + n, sizeof(expected) - n, "-%d", i);
	assert_string_equal(calls, expected);
	assert_int_equal(init_n_up(), 0);
}

static int setup(void **state)
{
	calls[0] = '\0';
	failing = calls_down = -1;
	hx_boot_start(&info);
	hx_log_set_console_level(HX_LOG_ERROR);
	return 0;
}

static void up_and_down_in_order(void **state)
{
	assert_int_equal(init_up(&graph), 0);
	assert_int_equal(init_n_up(), N);
	init_down(false);
	assert_string_equal(calls, "+0+1+2+3+4+5-5-4-3-2-1-0");
	init_down(false);		/* nothing is left to do */
	assert_string_equal(calls, "+0+1+2+3+4+5-5-4-3-2-1-0");
}

static void up_each_failing_rolls_back(void **state)
{
	for (int k = 0; k < N; k++) {
		setup(state);
		failing = k;
		assert_int_equal(init_up(&graph), -HX_ENOMEM);
		expect_rollback(k, true);
	}
}

static void up_each_made_to_fail_rolls_back(void **state)
{
	if (!HX_ENABLED(FAULT_INJECTION)) {
		skip();
		return;
	}
	for (int k = 0; k < N; k++) {
		char point[16];

		setup(state);
		snprintf(point, sizeof(point), "init.c%d", k);
		assert_int_equal(hx_fault_arm(point), 0);
		assert_int_equal(init_up(&graph), -HX_EIO);
		expect_rollback(k, false);
	}
}

static void up_after_a_rollback_works(void **state)
{
	failing = 3;
	assert_int_equal(init_up(&graph), -HX_ENOMEM);
	setup(state);
	assert_int_equal(init_up(&graph), 0);
	init_down(false);
	assert_string_equal(calls, "+0+1+2+3+4+5-5-4-3-2-1-0");
}

static void down_from_inside_a_shutdown_is_once_each(void **state)
{
	for (int k = 0; k < N; k++) {
		setup(state);
		calls_down = k;
		assert_int_equal(init_up(&graph), 0);
		init_down(false);
		assert_string_equal(calls, "+0+1+2+3+4+5-5-4-3-2-1-0");
	}
}

static void up_without_functions(void **state)
{
	static const struct hx_component *const some[] = { &c0, &table_only, &c1 };
	static const struct init_graph g = { some, 3, some, some + 3 };

	assert_int_equal(init_up(&g), 0);
	init_down(true);
	assert_string_equal(calls, "+0+1-1-0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(up_and_down_in_order, setup),
		cmocka_unit_test_setup(up_each_failing_rolls_back, setup),
		cmocka_unit_test_setup(up_each_made_to_fail_rolls_back, setup),
		cmocka_unit_test_setup(up_after_a_rollback_works, setup),
		cmocka_unit_test_setup(down_from_inside_a_shutdown_is_once_each, setup),
		cmocka_unit_test_setup(up_without_functions, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
