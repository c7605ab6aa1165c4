/* SPDX-License-Identifier: MIT */
/*
 * Flows: arguments and registers survive switches, under AddressSanitizer, and misuse is named.
 */
#include "hx_test.h"
#include <hx/hal/context.h>

#define STACK_BYTES	HX_CONTEXT_STACK_MIN
#define ROUNDS		1000u

/* Two flows beside the test's own, each handing on to the next in the ring. */
struct ring {
	struct hx_context ctx[3];
	void *stack[3];
	unsigned order[3 * ROUNDS];
	unsigned n;
};

static struct ring ring;

static void give_stack(unsigned i)
{
	ring.stack[i] = aligned_alloc(16, STACK_BYTES);
	assert_non_null(ring.stack[i]);
}

/* Values that must still be there after each switch, some in registers, some on the stack. */
static void HX_NOINLINE go_round(unsigned me, unsigned rounds)
{
	volatile uint64_t canary[8];
	uint64_t sum = me, expect = me;

	for (unsigned i = 0; i < 8; i++)
		canary[i] = me * 1000 + i;
	for (unsigned r = 0; r < rounds; r++) {
		ring.order[ring.n++] = me;
		hx_context_switch(&ring.ctx[me], &ring.ctx[(me + 1) % 3]);
		sum += r;
		expect += r;
		assert_int_equal(sum, expect);
		assert_int_equal(canary[r % 8], me * 1000 + r % 8);
	}
}

static void flow(void *arg)
{
	assert_false(hx_irq_are_enabled());
	go_round((unsigned)(uintptr_t)arg, UINT32_MAX);
}

static void thousand_rounds_over_three_flows_keep_order_and_state(void **state)
{
	ring.n = 0;
	for (unsigned i = 1; i < 3; i++) {
		give_stack(i);
		hx_context_init(&ring.ctx[i], ring.stack[i], STACK_BYTES, flow,
				(void *)(uintptr_t)i);
	}
	go_round(0, ROUNDS);
	assert_int_equal(ring.n, 3 * ROUNDS);
	for (unsigned i = 0; i < ring.n; i++)
		assert_int_equal(ring.order[i], i % 3);
	for (unsigned i = 1; i < 3; i++) {
		hx_context_fini(&ring.ctx[i]);
		free(ring.stack[i]);
	}
}

/* A frame with red zones that is left for good. */
static void HX_NOINLINE leave_with_a_poisoned_frame(void *arg)
{
	volatile char buffer[256];

	memset((void *)buffer, 1, sizeof(buffer));
	ring.n += (unsigned)buffer[255];
	hx_context_switch(&ring.ctx[1], &ring.ctx[0]);
	abort();
}

static void stack_can_be_used_again_after_a_flow_was_abandoned(void **state)
{
	give_stack(1);
	for (unsigned i = 0; i < 3; i++) {
		ring.n = 0;
		hx_context_init(&ring.ctx[1], ring.stack[1], STACK_BYTES,
				leave_with_a_poisoned_frame, NULL);
		hx_context_switch(&ring.ctx[0], &ring.ctx[1]);
		assert_int_equal(ring.n, 1);
		hx_context_fini(&ring.ctx[1]);
		/* A sanitizer objects if it is still poisoned. */
		memset(ring.stack[1], 0, STACK_BYTES);
	}
	free(ring.stack[1]);
}

static double keeps_rounding;

static void change_rounding(void *arg)
{
	unsigned up = 0x1f80 | 0x4000;

	__asm__ volatile("ldmxcsr %0" :: "m"(up));
	hx_context_switch(&ring.ctx[1], &ring.ctx[0]);
	abort();
}

static void floating_point_mode_belongs_to_the_flow(void **state)
{
	volatile double one = 1.0, three = 3.0;

	keeps_rounding = one / three;
	give_stack(1);
	hx_context_init(&ring.ctx[1], ring.stack[1], STACK_BYTES, change_rounding, NULL);
	hx_context_switch(&ring.ctx[0], &ring.ctx[1]);
	assert_true(one / three == keeps_rounding);
	hx_context_fini(&ring.ctx[1]);
	free(ring.stack[1]);
}

static void returns(void *arg)
{
	ring.n++;
}

static void flow_that_returns_is_a_violation(void **state)
{
	give_stack(1);
	hx_context_init(&ring.ctx[1], ring.stack[1], STACK_BYTES, returns, NULL);
	assert_true(HX_TEST_ENDS(HX_TEST_VIOLATION, "returned",
				 hx_context_switch(&ring.ctx[0], &ring.ctx[1])));
	hx_context_fini(&ring.ctx[1]);
	free(ring.stack[1]);
}

static void small_or_crooked_stack_is_a_violation(void **state)
{
	static char stack[STACK_BYTES + 16] HX_ALIGNED(16);

	struct hx_context *c = &ring.ctx[1];

	assert_true(HX_TEST_ENDS(HX_TEST_VIOLATION, "at least",
				 hx_context_init(c, stack, STACK_BYTES - 16, flow, NULL)));
	assert_true(HX_TEST_ENDS(HX_TEST_VIOLATION, "aligned",
				 hx_context_init(c, stack + 8, STACK_BYTES, flow, NULL)));
}

static void switch_with_interrupts_on_is_a_violation(void **state)
{
	hx_irq_enable();
	assert_true(HX_TEST_ENDS(HX_TEST_VIOLATION, "interrupts on",
				 hx_context_switch(&ring.ctx[0], &ring.ctx[1])));
	hx_irq_disable();
}

static struct hx_context nested[2];
static uint32_t depth_seen;

static void save_twice_and_leave(void *arg)
{
	depth_seen = hx_host_cpu.save_depth;
	hx_irq_save();
	hx_irq_save();
	hx_context_switch(&nested[1], &nested[0]);
	abort();
}

static void open_saves_belong_to_the_flow(void **state)
{
	hx_irqflags_t flags = hx_irq_save();

	give_stack(1);
	hx_context_init(&nested[1], ring.stack[1], STACK_BYTES, save_twice_and_leave, NULL);
	hx_context_switch(&nested[0], &nested[1]);
	assert_int_equal(depth_seen, 0);
	assert_int_equal(hx_host_cpu.save_depth, 1);
	hx_irq_restore(flags);
	hx_context_fini(&nested[1]);
	free(ring.stack[1]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(thousand_rounds_over_three_flows_keep_order_and_state),
		cmocka_unit_test(stack_can_be_used_again_after_a_flow_was_abandoned),
		cmocka_unit_test(floating_point_mode_belongs_to_the_flow),
		cmocka_unit_test(flow_that_returns_is_a_violation),
		cmocka_unit_test(small_or_crooked_stack_is_a_violation),
		cmocka_unit_test(switch_with_interrupts_on_is_a_violation),
		cmocka_unit_test(open_saves_belong_to_the_flow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
