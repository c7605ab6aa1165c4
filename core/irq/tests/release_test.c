// SPDX-License-Identifier: MIT
/* Actions taken off with the memory that they or their handlers lie in. */
#include "hx_test.h"
#include <hx/core/irq.h>
#include <hx/hal/irq.h>

static unsigned n_called;

static void on_interrupt(void *arg)
{
	n_called++;
}

static void on_other(void *arg)
{
	n_called++;
}

static int setup(void **state)
{
	hx_test_machine(8 * HX_MIB);
	hx_test_start("irq");
	return 0;
}

static void actions_go_with_their_memory_or_that_of_their_handler(void **state)
{
	static struct hx_irq_action actions[4];

	for (unsigned i = 0; i < 4; i++) {
		actions[i] = (struct hx_irq_action){
			.name = "a", .handler = i == 3 ? on_other : on_interrupt };
		assert_int_equal(hx_irq_attach(i < 2 ? 5 : 3 + i, &actions[i]), 0);
	}
	assert_int_equal(hx_irq_detach_memory((uintptr_t)actions - 1, 1), 0);
	assert_int_equal(hx_irq_detach_memory((uintptr_t)on_other + 1, 0), 0);
	assert_int_equal(hx_irq_detach_memory((uintptr_t)actions, sizeof(actions[0])), 1);
	n_called = 0;
	hx_host_irq_raise(5);
	assert_int_equal(n_called, 2);	/* actions 1 and 2 */
	assert_int_equal(hx_irq_detach_memory((uintptr_t)on_interrupt, 1), 2);
	assert_true(hx_host_irq_is_masked(5));
	assert_false(hx_host_irq_is_masked(6));
	assert_int_equal(hx_irq_detach_memory((uintptr_t)actions, sizeof(actions)), 1);
	assert_true(hx_host_irq_is_masked(6));
	assert_int_equal(hx_irq_detach_memory((uintptr_t)actions, sizeof(actions)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			actions_go_with_their_memory_or_that_of_their_handler, setup,
			hx_test_machine_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
