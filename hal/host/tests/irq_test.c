/* SPDX-License-Identifier: MIT */
/*
 * The interrupt mask and the lines: what is masked waits, nothing is lost, and wrong use of the
 * mask is named.
 */
#include "hx_test.h"
#include <hx/hal/irq.h>

static unsigned n_served, n_exits;
static uint32_t served[16];
static bool raise_again, open_the_mask, leave_a_save_open;

static void upcall(uint32_t line, struct hx_trap_frame *frame)
{
	assert_false(hx_irq_are_enabled());
	served[n_served++ % HX_ARRAY_LEN(served)] = line;
	if (raise_again) {
		raise_again = false;
		hx_irq_raise_soft();
		assert_int_equal(n_served, 1);	/* not nested */
	}
	if (open_the_mask)
		hx_irq_enable();
	if (leave_a_save_open)
		hx_irq_save();
}

static void exit_upcall(void)
{
	assert_false(hx_irq_are_enabled());
	n_exits++;
}

static int set_up(void **state)
{
	static const struct hx_host_params params = { .mem_bytes = 4 << 20, .seed = 1 };
	const struct hx_boot_info *info;

	n_served = n_exits = 0;
	raise_again = open_the_mask = leave_a_save_open = false;
	return hx_host_start(&params, &info) != 0 || hx_hal_irq_init(upcall, exit_upcall) != 0;
}

static int tear_down(void **state)
{
	hx_host_stop();
	return 0;
}

static void interrupt_is_served_at_once_when_the_mask_is_open(void **state)
{
	hx_irq_enable();
	hx_irq_raise_soft();
	assert_int_equal(n_served, 1);
	assert_int_equal(served[0], hx_irq_line_soft());
	assert_int_equal(n_exits, 1);
	assert_true(hx_irq_are_enabled());
}

static void masked_interrupt_waits_and_comes_once(void **state)
{
	hx_irqflags_t flags;

	hx_irq_enable();
	flags = hx_irq_save();
	assert_false(hx_irq_are_enabled());
	hx_irq_raise_soft();
	hx_irq_raise_soft();
	assert_int_equal(n_served, 0);
	assert_true(hx_host_irq_is_pending(hx_irq_line_soft()));
	hx_irq_restore(flags);
	assert_int_equal(n_served, 1);
	assert_false(hx_host_irq_is_pending(hx_irq_line_soft()));
}

static void inner_restore_keeps_the_mask_closed(void **state)
{
	hx_irqflags_t outer, inner;

	hx_irq_enable();
	outer = hx_irq_save();
	inner = hx_irq_save();
	hx_irq_raise_soft();
	hx_irq_restore(inner);
	assert_false(hx_irq_are_enabled());
	assert_int_equal(n_served, 0);
	hx_irq_restore(outer);
	assert_true(hx_irq_are_enabled());
	assert_int_equal(n_served, 1);
}

static void closed_line_waits_for_unmask(void **state)
{
	uint32_t line;

	assert_int_equal(hx_irq_line_for_isa(4, &line), 0);
	hx_irq_enable();
	assert_true(hx_host_irq_is_masked(line));
	hx_host_irq_raise(line);
	assert_int_equal(n_served, 0);
	hx_irq_line_unmask(line);
	assert_int_equal(n_served, 1);
	hx_irq_line_mask(line);
	hx_host_irq_raise(line);
	assert_int_equal(n_served, 1);
}

static void lines_are_served_lowest_first(void **state)
{
	hx_irq_line_unmask(9);
	hx_irq_line_unmask(3);
	hx_host_irq_raise(9);
	hx_host_irq_raise(3);
	hx_irq_raise_soft();
	hx_irq_enable();
	assert_int_equal(n_served, 3);
	assert_int_equal(served[0], 3);
	assert_int_equal(served[1], 9);
	assert_int_equal(served[2], hx_irq_line_soft());
}

static void interrupt_raised_in_a_handler_follows_it(void **state)
{
	hx_irq_enable();
	raise_again = true;
	hx_irq_raise_soft();
	assert_int_equal(n_served, 2);
	assert_int_equal(n_exits, 2);
}

static void interrupt_before_init_is_not_lost(void **state)
{
	const struct hx_boot_info *info;

	hx_host_stop();
	assert_int_equal(hx_host_start(&(struct hx_host_params){ .mem_bytes = 4 << 20 }, &info), 0);
	hx_irq_enable();
	hx_irq_raise_soft();
	assert_int_equal(n_served, 0);
	assert_int_equal(hx_hal_irq_init(upcall, exit_upcall), 0);
	assert_int_equal(n_served, 1);
}

static void isa_has_sixteen_lines(void **state)
{
	uint32_t line = 77;

	assert_int_equal(hx_irq_line_for_isa(16, &line), -HX_ENODEV);
	assert_int_equal(line, 77);
}

static void restore_twice_is_a_violation(void **state)
{
	hx_irqflags_t flags = hx_irq_save();

	hx_irq_restore(flags);
	assert_true(HX_TEST_ENDS(HX_TEST_VIOLATION, "does not match", hx_irq_restore(flags)));
}

static void restore_out_of_order_is_a_violation(void **state)
{
	hx_irqflags_t outer = hx_irq_save(), inner = hx_irq_save();

	assert_true(HX_TEST_ENDS(HX_TEST_VIOLATION, "last of 2 open", hx_irq_restore(outer)));
	hx_irq_restore(inner);
	hx_irq_restore(outer);
}

static void made_up_mask_is_a_violation(void **state)
{
	hx_irqflags_t flags = hx_irq_save();

	assert_true(HX_TEST_ENDS(HX_TEST_VIOLATION, "does not match", hx_irq_restore(0x202)));
	hx_irq_restore(flags);
}

static void handler_that_opens_the_mask_is_a_violation(void **state)
{
	hx_irq_enable();
	open_the_mask = true;
	assert_true(HX_TEST_ENDS(HX_TEST_VIOLATION, "left interrupts on", hx_irq_raise_soft()));
}

static void handler_that_leaves_a_save_open_is_a_violation(void **state)
{
	hx_irq_enable();
	leave_a_save_open = true;
	assert_true(HX_TEST_ENDS(HX_TEST_VIOLATION, "1 saves open", hx_irq_raise_soft()));
}

static void line_that_does_not_exist_is_a_violation(void **state)
{
	assert_true(HX_TEST_ENDS(HX_TEST_VIOLATION, "line", hx_irq_line_unmask(HX_IRQ_LINES)));
	assert_true(HX_TEST_ENDS(HX_TEST_VIOLATION, "line", hx_irq_line_mask(HX_IRQ_LINES)));
	assert_true(HX_TEST_ENDS(HX_TEST_VIOLATION, "line", hx_host_irq_raise(HX_IRQ_NONE)));
}

#define CASE(fn)	cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(interrupt_is_served_at_once_when_the_mask_is_open),
		CASE(masked_interrupt_waits_and_comes_once),
		CASE(inner_restore_keeps_the_mask_closed),
		CASE(closed_line_waits_for_unmask),
		CASE(lines_are_served_lowest_first),
		CASE(interrupt_raised_in_a_handler_follows_it),
		CASE(interrupt_before_init_is_not_lost),
		CASE(isa_has_sixteen_lines),
		CASE(restore_twice_is_a_violation),
		CASE(restore_out_of_order_is_a_violation),
		CASE(made_up_mask_is_a_violation),
		CASE(handler_that_opens_the_mask_is_a_violation),
		CASE(handler_that_leaves_a_save_open_is_a_violation),
		CASE(line_that_does_not_exist_is_a_violation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
