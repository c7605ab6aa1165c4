// SPDX-License-Identifier: MIT
/* Sleep, timers, and the tick that takes the CPU away. */
#include "under_each.h"
#include <hx/core/time.h>
#include <hx/hal/timer.h>

#define N_TIMERS	200u

/* ---- sleep and timeouts */

static void sleep_ends_at_the_first_tick_after_its_time(void **state)
{
	static const hx_ns_t lengths[] = {
		1, TICK_NS - 1, TICK_NS, TICK_NS + 1, 3600 * HX_NS_PER_S,
	};

	for (size_t i = 0; i < HX_ARRAY_LEN(lengths); i++) {
		hx_ns_t start_ns = hx_now_ns();

		assert_int_equal(start_ns % TICK_NS, 0);
		hx_sleep_ns(lengths[i]);
		assert_int_equal(hx_now_ns() - start_ns,
				 (lengths[i] + TICK_NS - 1) / TICK_NS * TICK_NS);
	}
}

/* ---- timers, against a sorted list */

static struct hx_timer timers[N_TIMERS];
static hx_ns_t due[N_TIMERS];
static bool has_fired[N_TIMERS];
static hx_ns_t last_due;
static unsigned n_fired;

static void note(struct hx_timer *timer)
{
	size_t i = (size_t)(timer - timers);

	assert_false(has_fired[i]);
	has_fired[i] = true;
	n_fired++;
	assert_true(due[i] >= last_due);
	last_due = due[i];
	assert_in_range(hx_now_ns(), due[i], due[i] + TICK_NS);
	assert_false(hx_irq_are_enabled());
}

static void timers_fire_once_in_order_of_deadlines(void **state)
{
	uint64_t rnd = hx_test_seed();
	hx_ns_t now = hx_now_ns();
	unsigned n_cancelled = 0;

	memset(has_fired, 0, sizeof(has_fired));
	n_fired = 0;
	last_due = 0;
	for (unsigned round = 0; round < 2; round++) {		/* the second restarts each */
		for (unsigned i = 0; i < N_TIMERS; i++) {
			timers[i].fn = note;
			due[i] = now + TICK_NS + hx_test_random_below(&rnd, 50 * TICK_NS);
			hx_timer_start(&timers[i], due[i]);
		}
	}
	for (unsigned i = 0; i < N_TIMERS; i += 7, n_cancelled++)
		assert_true(hx_timer_cancel(&timers[i]));
	hx_sleep_ns(60 * TICK_NS);
	assert_int_equal(n_fired, N_TIMERS - n_cancelled);
	for (unsigned i = 0; i < N_TIMERS; i++) {
		assert_int_equal(has_fired[i], i % 7 != 0);
		assert_false(hx_timer_cancel(&timers[i]));
	}
}

static unsigned n_again;

static void fire_again(struct hx_timer *timer)
{
	if (++n_again < 5)
		hx_timer_start(timer, 0);	/* long past: at the next tick, not in this one */
}

static void timer_may_restart_itself(void **state)
{
	static struct hx_timer t = { .fn = fire_again };
	uint64_t ticks = hx_time_ticks();

	n_again = 0;
	hx_timer_start(&t, hx_now_ns());
	while (n_again < 5)
		hx_cpu_relax();
	assert_int_equal(hx_time_ticks() - ticks, 5);
}

static struct hx_spinlock inner = HX_SPINLOCK_INIT("inner", HX_RANK_WAIT);
static struct hx_spinlock outer = HX_SPINLOCK_INIT("outer", HX_RANK_ZONE);

static void take_inner(struct hx_timer *timer)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&inner);

	hx_spin_unlock_irqrestore(&inner, flags);
	/* The function may: it does not wait for itself. */
	flags = hx_spin_lock_irqsave(&inner);
	hx_timer_cancel(timer);
	hx_spin_unlock_irqrestore(&inner, flags);
}

/* On several CPUs that would be a deadlock now and then; it is told at once, and on one. */
static void timer_is_not_cancelled_under_a_lock_of_its_function(void **state)
{
	static struct hx_timer timer = { .fn = take_inner };
	hx_irqflags_t flags;

	if (!HX_ENABLED(DEBUG_LOCKS))
		skip();
	hx_timer_start(&timer, 0);
	hx_sleep_ns(2 * TICK_NS);
	flags = hx_spin_lock_irqsave(&outer);
	hx_timer_cancel(&timer);	/* it is taken before inner: in order */
	hx_spin_unlock_irqrestore(&outer, flags);
	assert_true(HX_TEST_ENDS(HX_TEST_BUG, "cancelled while holding a lock of rank", {
		flags = hx_spin_lock_irqsave(&inner);
		hx_timer_cancel(&timer);
	}));
	hx_spin_release_(&inner);	/* the jump left it held */
}

/* ---- preemption */

static volatile bool stop;

static int spin(void *arg)
{
	volatile uint64_t *n = arg;

	while (!stop) {
		(*n)++;
		hx_cpu_relax();
	}
	return 0;
}

static void spinning_threads_share_the_cpu(void **state)
{
	static uint64_t n[2];
	struct hx_thread *t[2];

	if (scheduler->tick == NULL)
		skip();
	stop = false;
	for (unsigned i = 0; i < 2; i++) {
		n[i] = 0;
		t[i] = start(spin, &n[i]);
	}
	hx_sleep_ns(400 * HX_NS_PER_MS);
	stop = true;
	assert_int_equal(end_of(t[0]) + end_of(t[1]), 0);
	assert_true(n[0] > 0 && n[1] > 0);
	assert_true(n[0] < 2 * n[1] && n[1] < 2 * n[0]);
}

static void preemption_waits_until_it_is_allowed(void **state)
{
	static uint64_t n;
	struct hx_thread *t;

	if (scheduler->tick == NULL)
		skip();
	stop = false;
	n = 0;
	hx_preempt_disable();
	t = start(spin, &n);
	for (hx_ns_t end = hx_now_ns() + 500 * HX_NS_PER_MS; hx_now_ns() < end; )
		hx_cpu_relax();
	assert_int_equal(n, 0);
	assert_false(hx_can_sleep());
	hx_preempt_enable();		/* the slice ended long ago */
	assert_true(n > 0);
	stop = true;
	assert_int_equal(end_of(t), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sleep_ends_at_the_first_tick_after_its_time),
		TEST(timers_fire_once_in_order_of_deadlines),
		TEST(timer_may_restart_itself),
		TEST(timer_is_not_cancelled_under_a_lock_of_its_function),
		TEST(spinning_threads_share_the_cpu),
		TEST(preemption_waits_until_it_is_allowed),
	};

	return RUN_UNDER_EACH_SCHEDULER(tests);
}
