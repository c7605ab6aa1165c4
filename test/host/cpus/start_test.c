/* SPDX-License-Identifier: MIT */
/*
 * Starting CPUs: each may come at once, at the second call, never, after it was withdrawn, or begin
 * and arrive after it was given up. All mixtures of these for three CPUs.
 */
#include "cpus.h"

#define STACKS_EACH	4u	/* one to run on and three for traps */
#define KINDS		5u

static unsigned expect_state(unsigned cpu)
{
	return cpus_how[cpu] <= CPUS_COMES_AT_THE_SECOND ? HX_CPU_ONLINE : HX_CPU_LEFT_OUT;
}

static void boots_with(const enum cpus_how how[4])
{
	unsigned n_online = 1, n_begun = 0, n_late = 0;

	memcpy(cpus_how, how, 4 * sizeof(how[0]));
	cpus_power_on(4);
	assert_int_equal(hx_component_cpus.init(), 0);
	for (unsigned cpu = 1; cpu < 4; cpu++) {
		assert_int_equal(hx_cpu_state(cpu), expect_state(cpu));
		n_online += expect_state(cpu) == HX_CPU_ONLINE;
		n_begun += how[cpu] == CPUS_BEGINS_LATE;
		n_late += how[cpu] == CPUS_LATE || how[cpu] == CPUS_BEGINS_LATE;
	}
	assert_int_equal(hx_cpu_count(), n_online);
	/* Stacks of those that run, and of those that may still; not of those that never will. */
	assert_int_equal(cpus_stacks_out(), STACKS_EACH * (n_online - 1 + n_begun));
	cpus_power_off();
	/* Whoever woke too late has halted and has not joined. */
	assert_int_equal(cpus_parked(), n_late);
	assert_int_equal(hx_cpu_count(), 1);
}

static void every_mixture_of_cpus_boots(void **state)
{
	for (unsigned i = 0; i < KINDS * KINDS * KINDS; i++) {
		const enum cpus_how how[4] = {
			CPUS_COMES, i % KINDS, i / KINDS % KINDS, i / KINDS / KINDS,
		};

		/* Waiting for the dead takes its time: half of the mixtures are enough. */
		if (i % 2 == 0)
			boots_with(how);
	}
}

static void the_log_names_who_is_left_out(void **state)
{
	cpus_how[1] = CPUS_NEVER;
	cpus_how[3] = CPUS_BEGINS_LATE;
	cpus_power_on(4);
	assert_int_equal(hx_component_cpus.init(), 0);
	assert_non_null(strstr(cpus_log, "cpu 1 does not come up (no answer): left out\n"));
	assert_non_null(strstr(cpus_log, "cpu 3 does not come up (began and did not end)"));
	assert_non_null(strstr(cpus_log, "2 of 4 CPUs run\n"));
	cpus_power_off();
}

/* The kth stack is not there: that CPU is left out and nothing of it is kept. */
static void each_stack_that_is_missing_leaves_one_out(void **state)
{
	for (unsigned k = 1; k <= 3 * STACKS_EACH; k++) {
		cpus_power_on(4);
		cpus_fail_stack = k;
		assert_int_equal(hx_component_cpus.init(), 0);
		assert_int_equal(hx_cpu_count(), 3);
		assert_int_equal(hx_cpu_state(1 + (k - 1) / STACKS_EACH), HX_CPU_LEFT_OUT);
		assert_int_equal(cpus_stacks_out(), 2 * STACKS_EACH);
		cpus_power_off();
	}
}

static void counts_with(const char *word, unsigned n, enum hx_cpu_state rest)
{
	cpus_power_on(4);
	strcpy(cpus_word, word);
	assert_int_equal(hx_component_cpus.init(), 0);
	assert_int_equal(hx_cpu_count(), n);
	assert_int_equal(hx_cpu_state(3), rest);
	assert_int_equal(cpus_stacks_out(), (n - 1) * STACKS_EACH);
	cpus_power_off();
}

static void the_word_limits_how_many_are_started(void **state)
{
	counts_with("1", 1, HX_CPU_UNUSED);
	counts_with("3", 3, HX_CPU_UNUSED);
	counts_with("64", 4, HX_CPU_ONLINE);
	counts_with("0", 4, HX_CPU_ONLINE);
	counts_with("many", 4, HX_CPU_ONLINE);
	counts_with("65", 4, HX_CPU_ONLINE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mixture_of_cpus_boots),
		cmocka_unit_test(the_log_names_who_is_left_out),
		cmocka_unit_test(each_stack_that_is_missing_leaves_one_out),
		cmocka_unit_test(the_word_limits_how_many_are_started),
	};

	return cmocka_run_group_tests_name("starting CPUs", tests, NULL, NULL);
}
