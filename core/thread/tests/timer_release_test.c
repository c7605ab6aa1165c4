// SPDX-License-Identifier: MIT
/* Timers stopped with the memory that they or their functions lie in. */
#include "under_each.h"
#include <hx/hal/timer.h>

#define N_TIMERS	6u

static struct hx_timer timers_of_one[N_TIMERS], timer_of_other;
static unsigned n_fired, n_other;

static void fire(struct hx_timer *t)
{
	n_fired++;
}

static void fire_other(struct hx_timer *t)
{
	n_other++;
	hx_timer_start(t, hx_now_ns() + TICK_NS);
}

static void start_all(void (*fn)(struct hx_timer *t))
{
	n_fired = n_other = 0;
	timer_of_other.fn = fire_other;
	hx_timer_start(&timer_of_other, hx_now_ns() + 2 * TICK_NS);
	for (unsigned i = 0; i < N_TIMERS; i++) {
		timers_of_one[i].fn = fn;
		if (i % 2 == 0)
			hx_timer_start(&timers_of_one[i], hx_now_ns() + (1 + i) * TICK_NS);
		else
			hx_timer_start_exact(&timers_of_one[i], hx_now_ns() + (1 + i) * TICK_NS);
	}
}

static void timers_go_with_their_memory_or_that_of_their_function(void **state)
{
	const struct {
		uintptr_t start;
		size_t bytes;
		unsigned n;
	} rows[] = {
		{ (uintptr_t)timers_of_one, sizeof(timers_of_one), N_TIMERS },
		{ (uintptr_t)fire, 1, N_TIMERS },
		{ (uintptr_t)&timers_of_one[1], sizeof(struct hx_timer), 1 },
		{ (uintptr_t)timers_of_one - 1, 1, 0 },
		{ (uintptr_t)fire + 1, 0, 0 },
	};

	for (size_t i = 0; i < HX_ARRAY_LEN(rows); i++) {
		start_all(fire);
		assert_int_equal(hx_timers_release_memory(rows[i].start, rows[i].bytes),
				 rows[i].n);
		assert_int_equal(hx_timers_release_memory(rows[i].start, rows[i].bytes), 0);
		hx_sleep_ns(3 * N_TIMERS * TICK_NS);
		assert_int_equal(n_fired, N_TIMERS - rows[i].n);
		assert_true(n_other > N_TIMERS);
		assert_true(hx_timer_cancel(&timer_of_other));
		/* One that was stopped may be started again. */
		start_all(fire);
		hx_sleep_ns(3 * N_TIMERS * TICK_NS);
		assert_int_equal(n_fired, N_TIMERS);
		assert_true(hx_timer_cancel(&timer_of_other));
	}
}

static void fire_again(struct hx_timer *t)
{
	n_fired++;
	hx_timer_start(t, hx_now_ns() + 1);
}

static void one_that_starts_itself_again_is_stopped(void **state)
{
	unsigned n;

	start_all(fire_again);
	hx_sleep_ns(2 * N_TIMERS * TICK_NS);
	assert_true(n_fired > N_TIMERS);
	assert_int_equal(hx_timers_release_memory((uintptr_t)timers_of_one,
						  sizeof(timers_of_one)), N_TIMERS);
	n = n_fired;
	hx_sleep_ns(10 * TICK_NS);
	assert_int_equal(n_fired, n);
	assert_true(hx_timer_cancel(&timer_of_other));
}

static struct hx_spinlock inner = HX_SPINLOCK_INIT("inner", HX_RANK_WAIT);

static void take_inner(struct hx_timer *t)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&inner);

	hx_spin_unlock_irqrestore(&inner, flags);
}

/* A function of the next module may lie where one of the last did, and takes other locks. */
static void what_a_function_took_is_forgotten_with_it(void **state)
{
	static struct hx_timer timer = { .fn = take_inner };
	hx_irqflags_t flags;

	if (!HX_ENABLED(DEBUG_LOCKS))
		skip();
	hx_timer_start(&timer, 0);
	hx_sleep_ns(2 * TICK_NS);
	assert_int_equal(hx_timers_release_memory((uintptr_t)take_inner, 1), 0);
	flags = hx_spin_lock_irqsave(&inner);
	hx_timer_cancel(&timer);
	hx_spin_unlock_irqrestore(&inner, flags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(timers_go_with_their_memory_or_that_of_their_function),
		TEST(one_that_starts_itself_again_is_stopped),
		TEST(what_a_function_took_is_forgotten_with_it),
	};

	return RUN_UNDER_EACH_SCHEDULER(tests);
}
