/* SPDX-License-Identifier: MIT */
/*
 * Time: virtual time moves only when told and interrupts at the right moments; real time interrupts
 * by itself, also while flows are switched from inside the interrupt.
 */
#include "hx_test.h"
#include <hx/hal/context.h>
#include <hx/hal/irq.h>
#include <hx/hal/timer.h>

#define MS	HX_NS_PER_MS

static volatile unsigned n_ticks;
static hx_ns_t tick_at[16];
static struct hx_context flows[2];
static volatile unsigned running;	/* index in flows */
static bool preempt;

static void upcall(uint32_t line, struct hx_trap_frame *frame)
{
	assert_int_equal(line, hx_timer_line());
	tick_at[n_ticks++ % HX_ARRAY_LEN(tick_at)] = hx_now_ns();
}

static void exit_upcall(void)
{
	unsigned from = running;

	if (!preempt)
		return;
	running = !from;
	hx_context_switch(&flows[from], &flows[!from]);
}

static int start(bool virtual_time)
{
	static const struct hx_host_params params = { .mem_bytes = 4 << 20, .seed = 1 };
	const struct hx_boot_info *info;
	uint64_t waited = 1;

	n_ticks = 0;
	preempt = false;
	running = 0;
	if (hx_host_start(&params, &info) != 0)
		return -1;
	if (virtual_time)
		hx_host_time_virtual();
	if (hx_hal_irq_init(upcall, exit_upcall) != 0 || hx_hal_timer_init(&waited) != 0)
		return -1;
	hx_irq_enable();
	return waited != 0;
}

static int start_virtual(void **state)
{
	return start(true);
}

static int start_real(void **state)
{
	return start(false);
}

static int stop(void **state)
{
	hx_host_stop();
	return 0;
}

static void virtual_time_stands_still(void **state)
{
	assert_int_equal(hx_now_ns(), 0);
	assert_int_equal(hx_now_ns(), 0);
	hx_host_advance_ns(5 * MS);
	assert_int_equal(hx_now_ns(), 5 * MS);
	assert_int_equal(hx_cycles(), hx_ns_to_cycles(5 * MS));
}

static void oneshot_fires_once_at_its_time(void **state)
{
	hx_timer_oneshot(3 * MS);
	hx_host_advance_ns(3 * MS - 1);
	assert_int_equal(n_ticks, 0);
	hx_host_advance_ns(1);
	assert_int_equal(n_ticks, 1);
	hx_host_advance_ns(100 * MS);
	assert_int_equal(n_ticks, 1);
	assert_int_equal(tick_at[0], 3 * MS);
}

static void oneshot_is_at_least_a_microsecond_away(void **state)
{
	hx_timer_oneshot(0);
	assert_int_equal(n_ticks, 0);
	hx_host_advance_ns(HX_NS_PER_US);
	assert_int_equal(n_ticks, 1);
}

static void periodic_fires_at_each_multiple(void **state)
{
	hx_timer_periodic(1000);
	hx_host_advance_ns(5 * MS + MS / 2);
	assert_int_equal(n_ticks, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(tick_at[i], (i + 1) * MS);
	hx_timer_stop();
	hx_host_advance_ns(50 * MS);
	assert_int_equal(n_ticks, 5);
}

static void masked_ticks_come_together_as_one(void **state)
{
	hx_irqflags_t flags = hx_irq_save();

	hx_timer_periodic(1000);
	hx_host_advance_ns(5 * MS);
	assert_int_equal(n_ticks, 0);
	hx_irq_restore(flags);
	assert_int_equal(n_ticks, 1);
	assert_int_equal(tick_at[0], 5 * MS);
}

static void idle_jumps_to_the_next_event(void **state)
{
	hx_timer_oneshot(3600 * HX_NS_PER_S);
	hx_irq_disable();
	hx_cpu_idle();
	assert_true(hx_irq_are_enabled());
	assert_int_equal(n_ticks, 1);
	assert_int_equal(hx_now_ns(), 3600 * HX_NS_PER_S);
}

static void idle_without_an_event_is_a_violation(void **state)
{
	assert_true(HX_TEST_ENDS(HX_TEST_VIOLATION, "idle for ever", hx_cpu_idle()));
}

static void spinning_lets_time_pass(void **state)
{
	hx_timer_oneshot(MS);
	while (n_ticks == 0)
		hx_cpu_relax();
	assert_int_equal(hx_now_ns(), MS);
}

static void rates_that_no_timer_has_are_violations(void **state)
{
	assert_true(HX_TEST_ENDS(HX_TEST_VIOLATION, "0 interrupts", hx_timer_periodic(0)));
	assert_true(HX_TEST_ENDS(HX_TEST_VIOLATION, "interrupts a second",
				 hx_timer_periodic(1000000)));
}

static void real_time_moves_and_idle_waits_for_the_interrupt(void **state)
{
	hx_ns_t before = hx_now_ns();

	hx_timer_oneshot(2 * MS);
	while (n_ticks == 0) {
		hx_irq_disable();
		hx_cpu_idle();
	}
	assert_in_range(hx_now_ns() - before, 2 * MS, 10 * HX_NS_PER_S);
	assert_string_equal(hx_hal_timer_reference(), "host");
}

static void real_tick_waits_for_the_mask(void **state)
{
	hx_irqflags_t flags = hx_irq_save();
	hx_ns_t until = hx_now_ns() + 5 * MS;

	hx_timer_oneshot(MS);
	while (hx_now_ns() < until)
		hx_cpu_relax();
	assert_int_equal(n_ticks, 0);
	hx_irq_restore(flags);
	assert_int_equal(n_ticks, 1);
}

static volatile uint64_t spun[2];

/* Each flow spins with its own sums; only the timer interrupt takes it off the CPU. */
static void HX_NOINLINE spin(unsigned me, unsigned until)
{
	uint64_t a = me, b = 0;

	while (n_ticks < until) {
		a += 3;
		b++;
		assert_int_equal(a, me + 3 * b);
		spun[me]++;
	}
}

static void other_flow(void *arg)
{
	hx_irq_enable();
	spin(1, UINT32_MAX);
}

static void interrupt_preempts_flows_that_never_yield(void **state)
{
	void *stack = aligned_alloc(16, 4 * HX_CONTEXT_STACK_MIN);

	spun[0] = spun[1] = 0;
	hx_context_init(&flows[1], stack, 4 * HX_CONTEXT_STACK_MIN, other_flow, NULL);
	preempt = true;
	hx_timer_periodic(1000);
	spin(0, 50);
	hx_irq_disable();
	hx_timer_stop();
	assert_true(spun[0] > 0);
	assert_true(spun[1] > 0);
	assert_int_equal(running, 0);
	hx_host_stop();
	free(stack);
}

#define VIRTUAL(fn)	cmocka_unit_test_setup_teardown(fn, start_virtual, stop)
#define REAL(fn)	cmocka_unit_test_setup_teardown(fn, start_real, stop)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		VIRTUAL(virtual_time_stands_still),
		VIRTUAL(oneshot_fires_once_at_its_time),
		VIRTUAL(oneshot_is_at_least_a_microsecond_away),
		VIRTUAL(periodic_fires_at_each_multiple),
		VIRTUAL(masked_ticks_come_together_as_one),
		VIRTUAL(idle_jumps_to_the_next_event),
		VIRTUAL(idle_without_an_event_is_a_violation),
		VIRTUAL(spinning_lets_time_pass),
		VIRTUAL(rates_that_no_timer_has_are_violations),
		REAL(real_time_moves_and_idle_waits_for_the_interrupt),
		REAL(real_tick_waits_for_the_mask),
		REAL(interrupt_preempts_flows_that_never_yield),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
