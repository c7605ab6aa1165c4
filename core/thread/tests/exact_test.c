// SPDX-License-Identifier: MIT
/*
 * Timers that do not wait for the tick, on the host machine in virtual time: each fires at its time
 * to the nanosecond, and the ticks stay where they were.
 */
#include "hx_test.h"
#include <hx/core/time.h>
#include <hx/hal/host.h>
#include <hx/hal/timer.h>

#include "thread_priv.h"

#define TICK_NS		(HX_NS_PER_S / CONFIG_TICK_HZ)
#define N_TIMERS	100u
#define ROUNDS		50u

static struct timed {
	struct hx_timer timer;
	hx_ns_t due, fired;		/* fired 0: not yet */
	bool exact;
} timers[N_TIMERS];

static int setup(void **state)
{
	hx_test_machine(32 * HX_MIB);
	hx_test_start("threads");
	memset(timers, 0, sizeof(timers));
	return 0;
}

static void note(struct hx_timer *timer)
{
	struct timed *t = HX_CONTAINER_OF(timer, struct timed, timer);

	assert_int_equal(t->fired, 0);
	assert_false(hx_irq_are_enabled());
	t->fired = hx_now_ns();
}

static void start(struct timed *t, hx_ns_t due, bool exact)
{
	t->timer.fn = note;
	t->due = due;
	t->fired = 0;
	t->exact = exact;
	if (exact)
		hx_timer_start_exact(&t->timer, due);
	else
		hx_timer_start(&t->timer, due);
}

/* The start of the machine is on the grid of ticks; so the first tick after a time is this one. */
static hx_ns_t tick_after(hx_ns_t at)
{
	return (at + TICK_NS - 1) / TICK_NS * TICK_NS;
}

static void to_tick(void)
{
	hx_host_advance_ns(tick_after(hx_now_ns() + 1) - hx_now_ns());
}

static void exact_timers_fire_between_ticks_and_ticks_stay(void **state)
{
	uint64_t ticks;
	hx_ns_t t0;

	to_tick();
	ticks = hx_time_ticks();
	t0 = hx_now_ns();
	start(&timers[0], t0 + TICK_NS * 3 / 10, true);
	start(&timers[1], t0 + TICK_NS * 3 / 10 + 2 * HX_NS_PER_US, true);
	start(&timers[2], t0 + TICK_NS * 3 / 10, false);	/* its interrupt is there anyway */
	start(&timers[3], t0 + TICK_NS * 5 / 10, false);
	start(&timers[4], t0 + TICK_NS * 27 / 10, true);
	hx_host_advance_ns(10 * TICK_NS);
	assert_int_equal(timers[0].fired, timers[0].due);
	assert_int_equal(timers[1].fired, timers[1].due);
	assert_int_equal(timers[2].fired, timers[2].due);
	assert_int_equal(timers[3].fired, t0 + TICK_NS);
	assert_int_equal(timers[4].fired, timers[4].due);
	assert_int_equal(hx_time_ticks() - ticks, 10);
	assert_int_equal(hx_host_timer_due(), t0 + 11 * TICK_NS);
}

/* Another kind, another time, or none: what the timer was set to before does no harm. */
static void restarts_and_cancellations_hold(void **state)
{
	uint64_t ticks;
	hx_ns_t t0;

	to_tick();
	ticks = hx_time_ticks();
	t0 = hx_now_ns();
	start(&timers[0], t0 + TICK_NS / 4, true);
	start(&timers[0], t0 + TICK_NS / 2, false);
	start(&timers[1], t0 + TICK_NS / 3, false);
	start(&timers[1], t0 + TICK_NS * 3 / 4, true);
	start(&timers[2], t0 + TICK_NS / 8, true);
	assert_true(hx_timer_cancel(&timers[2].timer));
	assert_false(hx_timer_cancel(&timers[2].timer));
	start(&timers[3], t0 - 1, true);		/* past: a microsecond from now */
	hx_host_advance_ns(3 * TICK_NS);
	assert_int_equal(timers[0].fired, t0 + TICK_NS * 3 / 4);	/* with timers[1] */
	assert_int_equal(timers[1].fired, timers[1].due);
	assert_int_equal(timers[2].fired, 0);
	assert_int_equal(timers[3].fired, t0 + HX_NS_PER_US);
	assert_int_equal(hx_time_ticks() - ticks, 3);
}

static void random_timers_of_both_kinds_keep_their_times(void **state)
{
	uint64_t rnd = hx_test_seed(), ticks;

	to_tick();
	ticks = hx_time_ticks();
	for (unsigned round = 0; round < ROUNDS; round++) {
		hx_ns_t now = hx_now_ns();

		for (unsigned i = 0; i < N_TIMERS; i++)
			start(&timers[i], now + 2 * HX_NS_PER_US +
			      hx_test_random_below(&rnd, 20 * TICK_NS),
			      hx_test_random_below(&rnd, 2) == 0);
		hx_host_advance_ns(30 * TICK_NS);
		for (unsigned i = 0; i < N_TIMERS; i++) {
			hx_ns_t last = timers[i].exact ? timers[i].due
				       : tick_after(timers[i].due);

			/* The machine cannot be set to less than a microsecond from now. */
			assert_in_range(timers[i].fired, timers[i].due, last + HX_NS_PER_US);
		}
	}
	/* Ticks that an exact one falls on count as ticks; none is lost, none comes twice. */
	assert_int_equal(hx_time_ticks() - ticks, ROUNDS * 30);
}

static struct hx_timer again_timer;
static unsigned n_again;

static void again(struct hx_timer *timer)
{
	if (++n_again < 1000)
		hx_timer_start_exact(timer, hx_now_ns() + TICK_NS / 10);
}

static void exact_timer_may_restart_itself(void **state)
{
	uint64_t ticks;
	hx_ns_t t0;

	to_tick();
	ticks = hx_time_ticks();
	t0 = hx_now_ns();
	n_again = 0;
	again_timer = (struct hx_timer){ .fn = again };
	hx_timer_start_exact(&again_timer, t0 + TICK_NS / 10);
	hx_host_advance_ns(100 * TICK_NS);
	assert_int_equal(n_again, 1000);
	assert_int_equal(hx_time_ticks() - ticks, 100);
}

#define TEST(f)	{ .name = #f, .test_func = (f), .setup_func = setup, \
		  .teardown_func = hx_test_machine_teardown }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(exact_timers_fire_between_ticks_and_ticks_stay),
		TEST(restarts_and_cancellations_hold),
		TEST(random_timers_of_both_kinds_keep_their_times),
		TEST(exact_timer_may_restart_itself),
	};

	return cmocka_run_group_tests_name("exact timers", tests, NULL, NULL);
}
