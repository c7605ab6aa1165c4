// SPDX-License-Identifier: MIT
/*
 * Waiting, locks and timers in the booted kernel, under real interrupts and preemption.
 */
#include <hx/core/irq.h>
#include <hx/core/ktest.h>
#include <hx/core/mutex.h>
#include <hx/core/smp.h>
#include <hx/core/time.h>
#include <hx/hal/irq.h>
#include <hx/hal/timer.h>

#include "thread_priv.h"

#define TICK_NS		(HX_NS_PER_S / CONFIG_TICK_HZ)
#define TRIES		50u	/* a busy host may let this CPU stand still */
#define N_WORKERS	4u
#define N_ROUNDS	1000u
#define N_WAKES		10000u

static struct hx_thread *workers[N_WORKERS];

static bool start_workers(unsigned n, int (*fn)(void *arg))
{
	for (uintptr_t i = 0; i < n; i++) {
		struct hx_thread_params p = {
			.name = "worker", .fn = fn, .arg = (void *)i,
			.prio = hx_thread_self()->prio,
		};

		if (hx_thread_create(&p, &workers[i]) != 0)
			return false;
	}
	return true;
}

/* The sum of what they return; negative if a join failed. */
static int join_workers(unsigned n)
{
	int sum = 0, value = 0;

	for (unsigned i = 0; i < n; i++) {
		if (hx_thread_join(workers[i], HX_FOREVER, &value) != 0)
			return -1;
		sum += value;
	}
	return sum;
}

/* Until all of them wait, at most so long. */
static bool workers_block(unsigned n)
{
	for (unsigned tries = 0; tries < 1000; tries++) {
		unsigned n_blocked = 0;

		for (unsigned i = 0; i < n; i++)
			n_blocked += workers[i]->state == HX_THREAD_BLOCKED;
		if (n_blocked == n)
			return true;
		if (tries < 500)
			hx_yield();
		else
			hx_sleep_ns(1);		/* they may be on other CPUs */
	}
	return false;
}

static struct hx_mutex mutex;
static volatile unsigned guarded, n_inside, n_collisions;

static int add_under_mutex(void *arg)
{
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		unsigned value;

		hx_mutex_lock(&mutex);
		n_collisions += n_inside++ != 0;
		value = guarded;
		/* Now and then give the CPU away, or outlast a tick, with the lock held. */
		if (i % 16 == 0)
			hx_yield();
		for (unsigned k = 0; i % 64 == 0 && k < 20000; k++)
			hx_cpu_relax();
		guarded = value + 1;
		n_inside--;
		hx_mutex_unlock(&mutex);
	}
	return 1;
}

HX_KTEST(mutex_excludes_under_preemption)
{
	hx_mutex_init(&mutex);
	guarded = n_inside = n_collisions = 0;
	hx_require(t, start_workers(N_WORKERS, add_under_mutex));
	hx_expect(t, join_workers(N_WORKERS) == (int)N_WORKERS);
	hx_expect(t, guarded == N_WORKERS * N_ROUNDS);
	hx_expect(t, n_collisions == 0);
	hx_expect(t, mutex.owner == 0);
}

static unsigned order[N_WORKERS], n_order;

static int lock_and_note(void *arg)
{
	hx_mutex_lock(&mutex);
	order[n_order++] = (unsigned)(uintptr_t)arg;
	hx_mutex_unlock(&mutex);
	return 0;
}

HX_KTEST(mutex_is_handed_over_in_order)
{
	hx_mutex_init(&mutex);
	n_order = 0;
	hx_mutex_lock(&mutex);
	for (unsigned i = 0; i < N_WORKERS; i++) {
		struct hx_thread_params p = {
			.name = "worker", .fn = lock_and_note, .arg = (void *)(uintptr_t)i,
			.prio = hx_thread_self()->prio,
		};

		hx_require(t, hx_thread_create(&p, &workers[i]) == 0);
		hx_require(t, workers_block(i + 1));
	}
	hx_preempt_disable();
	hx_mutex_unlock(&mutex);
	/* It is the first waiter's already, though that one may not have run yet: ours again only
	 * once all have had it. Other CPUs are that fast if the host does not run this one. */
	if (hx_mutex_trylock(&mutex)) {
		hx_expect(t, hx_cpu_count() > 1 && n_order == N_WORKERS);
		hx_mutex_unlock(&mutex);
	}
	hx_preempt_enable();
	hx_expect(t, join_workers(N_WORKERS) == 0);
	for (unsigned i = 0; i < N_WORKERS; i++)
		hx_expect(t, order[i] == i);
}

static int try_locked(void *arg)
{
	if (hx_mutex_trylock(&mutex) || hx_mutex_lock_timeout(&mutex, 0) != -HX_ETIMEDOUT)
		return 1;
	return hx_mutex_lock_timeout(&mutex, 2 * TICK_NS) == -HX_ETIMEDOUT ? 0 : 1;
}

HX_KTEST(mutex_lock_times_out)
{
	hx_mutex_init(&mutex);
	hx_mutex_lock(&mutex);
	hx_require(t, start_workers(2, try_locked));
	hx_expect(t, join_workers(2) == 0);
	hx_mutex_unlock(&mutex);	/* repairs the mark that the waiters left */
	hx_expect(t, mutex.owner == 0);
	hx_require(t, hx_mutex_trylock(&mutex));
	hx_mutex_unlock(&mutex);
}

static struct hx_sem sem_a, sem_b;

static int echo(void *arg)
{
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		if (hx_sem_take(&sem_a, HX_FOREVER) != 0)
			return 1;
		hx_sem_give(&sem_b);
	}
	return 0;
}

HX_KTEST(sem_ping_pong)
{
	hx_sem_init(&sem_a, 0);
	hx_sem_init(&sem_b, 0);
	hx_require(t, start_workers(1, echo));
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		hx_sem_give(&sem_a);
		hx_expect(t, hx_sem_take(&sem_b, HX_FOREVER) == 0);
	}
	hx_expect(t, join_workers(1) == 0);
}

HX_KTEST(sem_counts_and_times_out)
{
	uint64_t ticks = UINT64_MAX;
	hx_ns_t start;

	hx_sem_init(&sem_a, 2);
	hx_expect(t, hx_sem_take(&sem_a, 0) == 0);
	hx_expect(t, hx_sem_take(&sem_a, HX_FOREVER) == 0);
	hx_expect(t, hx_sem_take(&sem_a, 0) == -HX_EAGAIN);
	for (unsigned i = 0; i < TRIES && ticks > 6; i++) {
		start = hx_now_ns();
		ticks = hx_time_ticks();
		hx_expect(t, hx_sem_take(&sem_a, 3 * TICK_NS) == -HX_ETIMEDOUT);
		hx_expect(t, hx_now_ns() - start >= 3 * TICK_NS);
		ticks = hx_time_ticks() - ticks;
	}
	hx_expect(t, ticks <= 6);
	hx_sem_give(&sem_a);	/* nobody waits any more: it must not get lost */
	hx_sem_give(&sem_a);
	hx_expect(t, hx_sem_take(&sem_a, 0) == 0 && hx_sem_take(&sem_a, 0) == 0);
	hx_expect(t, hx_sem_take(&sem_a, 0) == -HX_EAGAIN);
}

static void give_in_interrupt(void *arg)
{
	hx_sem_give(arg);
}

static volatile bool stop;
static unsigned n_taken[N_WORKERS];

static int take_many(void *arg)
{
	unsigned *n = &n_taken[(uintptr_t)arg];

	while (hx_sem_take(&sem_a, HX_FOREVER) == 0 && !stop)
		(*n)++;
	return 0;
}

/* Every wake-up from thread and interrupt context wakes somebody exactly once. */
HX_KTEST(sem_10000_wakeups_none_lost)
{
	struct hx_irq_action a = {
		.name = "ktest", .handler = give_in_interrupt, .arg = &sem_a,
	};
	unsigned sum = 0, i;

	hx_sem_init(&sem_a, 0);
	stop = false;
	for (i = 0; i < N_WORKERS; i++)
		n_taken[i] = 0;
	hx_require(t, hx_irq_attach(hx_irq_line_soft(), &a) == 0);
	hx_require(t, start_workers(N_WORKERS, take_many));
	for (i = 0; i < N_WAKES; i++) {
		if (i % 2 == 0) {
			uint64_t before = a.count;

			hx_irq_raise_soft();
			while (*(volatile uint64_t *)&a.count == before)
				hx_cpu_relax();
		} else {
			hx_sem_give(&sem_a);
		}
		if (i % 7 == 0)
			hx_yield();
	}
	hx_irq_detach(hx_irq_line_soft(), &a);
	while (sem_a.count > 0)
		hx_yield();
	hx_expect(t, workers_block(N_WORKERS));
	for (i = 0; i < N_WORKERS; i++)
		sum += n_taken[i];
	hx_expect(t, sum == N_WAKES);
	hx_expect(t, a.count == N_WAKES / 2);
	stop = true;
	for (i = 0; i < N_WORKERS; i++)
		hx_sem_give(&sem_a);
	hx_expect(t, join_workers(N_WORKERS) == 0);
}

static struct hx_wait_queue queue = HX_WAIT_QUEUE_INIT(queue);
static volatile bool condition;

static int wait_for_condition(void *arg)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&queue.lock);
	int err = 0;

	while (!condition && err == 0)
		err = hx_wait_locked(&queue, HX_FOREVER);
	hx_spin_unlock_irqrestore(&queue.lock, flags);
	return err == 0 ? 1 : 100;
}

HX_KTEST(wait_wake_all_wakes_all)
{
	hx_irqflags_t flags;
	unsigned n;

	condition = false;
	hx_require(t, start_workers(N_WORKERS, wait_for_condition));
	hx_expect(t, workers_block(N_WORKERS));
	flags = hx_spin_lock_irqsave(&queue.lock);
	n = hx_wake_one_locked(&queue);		/* for nothing: it goes back to sleep */
	hx_wake_end(&queue, flags);
	hx_expect(t, n == 1);
	hx_expect(t, workers_block(N_WORKERS));
	flags = hx_spin_lock_irqsave(&queue.lock);
	condition = true;
	n = hx_wake_all_locked(&queue);
	hx_wake_end(&queue, flags);
	hx_expect(t, n == N_WORKERS);
	hx_expect(t, join_workers(N_WORKERS) == (int)N_WORKERS);
	hx_expect(t, hx_list_is_empty(&queue.waiters));
}

HX_KTEST(wait_times_out)
{
	uint64_t ticks = UINT64_MAX;

	for (unsigned i = 0; i < TRIES && ticks > 5; i++) {
		hx_irqflags_t flags = hx_spin_lock_irqsave(&queue.lock);
		hx_ns_t start = hx_now_ns();
		int at_once, later;

		ticks = hx_time_ticks();
		at_once = hx_wait_locked(&queue, 0);
		later = hx_wait_locked(&queue, 2 * TICK_NS);
		hx_spin_unlock_irqrestore(&queue.lock, flags);
		hx_expect(t, hx_now_ns() - start >= 2 * TICK_NS);
		hx_expect(t, at_once == -HX_ETIMEDOUT && later == -HX_ETIMEDOUT);
		ticks = hx_time_ticks() - ticks;
	}
	hx_expect(t, ticks <= 5);
	hx_expect(t, hx_list_is_empty(&queue.waiters));
}

static volatile unsigned fired[4], n_fired;
static struct hx_timer timers[HX_ARRAY_LEN(fired)];

static void note_timer(struct hx_timer *timer)
{
	fired[n_fired] = (unsigned)(timer - timers);
	n_fired = n_fired + 1;
}

HX_KTEST(timer_fires_in_order_of_deadlines)
{
	static const unsigned ticks[HX_ARRAY_LEN(fired)] = { 7, 3, 9, 5 };
	hx_irqflags_t flags = hx_irq_save();	/* none fires before all are set */
	hx_ns_t now = hx_now_ns();
	unsigned i;

	n_fired = 0;
	for (i = 0; i < HX_ARRAY_LEN(timers); i++) {
		timers[i].fn = note_timer;
		hx_timer_start(&timers[i], now + ticks[i] * TICK_NS);
	}
	hx_timer_start(&timers[0], now + TICK_NS);	/* again, sooner */
	hx_expect(t, hx_timer_cancel(&timers[3]));
	hx_expect(t, !hx_timer_cancel(&timers[3]));
	hx_irq_restore(flags);
	hx_sleep_ns(12 * TICK_NS);
	hx_require(t, n_fired == 3);
	hx_expect(t, fired[0] == 0 && fired[1] == 1 && fired[2] == 2);
	hx_expect(t, !hx_timer_cancel(&timers[0]));
}
