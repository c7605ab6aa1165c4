// SPDX-License-Identifier: MIT
/* What the nodes tell about threads. */
#include "hx_test.h"

#include "thread_priv.h"

#define RAM	(32 * HX_MIB)

static int setup(void **state)
{
	hx_test_machine(RAM);
	hx_test_start("threads");
	return 0;
}

static void run_time_is_counted(void **state)
{
	struct thread_info before = { .id = 0 }, after = { .id = 0 };

	assert_true(thread_info_after(0, &before));
	for (int i = 0; i < 1000; i++)
		hx_cpu_relax();
	assert_true(thread_info_after(0, &after));
	assert_string_equal(after.name, "main");
	assert_int_equal(after.ran_cycles - before.ran_cycles, 1000 * HX_HOST_RELAX_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(run_time_is_counted, setup,
						hx_test_machine_teardown),
	};

	return cmocka_run_group_tests_name("thread information", tests, NULL, NULL);
}
