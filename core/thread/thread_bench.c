// SPDX-License-Identifier: MIT
/*
 * What switching, locking, interrupts and threads cost. Partners have the priority of the thread
 * that measures, so that every scheduler takes turns between them.
 */
#include <hx/core/bench.h>
#include <hx/core/heap.h>
#include <hx/core/irq.h>
#include <hx/core/mutex.h>
#include <hx/core/smp.h>
#include <hx/core/time.h>
#include <hx/hal/irq.h>
#include <hx/hal/timer.h>

#include "thread_priv.h"

#define BENCH_STACK	(HX_CONTEXT_STACK_MIN + 8192)
#define TICK_SAMPLES	200u
#define TICK_BENCH_HZ	5000u	/* many ticks in little time; what one does is the same */
#define N_SLEEPERS	1000u
#define GAP_CYCLES	64u	/* two readings without an interrupt between are closer */

static uint8_t bench_stack[BENCH_STACK] HX_ALIGNED(16);
static struct hx_thread bench_thread;
static volatile bool bench_stop;
static struct hx_sem bench_ping, bench_pong;

/* Partners run on the CPU of the thread that measures; with several it stays there from now on. */
static const struct hx_intent *bench_here(void)
{
	static struct hx_intent here;

	if (!HX_ENABLED(INTENTS) || hx_cpu_count() == 1)
		return NULL;
	hx_intent_init(&here);
	hx_preempt_disable();
	here.affinity = 1ull << hx_percpu()->cpu;
	hx_verify(hx_thread_set_intent(hx_thread_self(), &here) == 0);
	hx_preempt_enable();
	return &here;
}

static struct hx_thread_params bench_params(int (*fn)(void *arg))
{
	return (struct hx_thread_params){
		.intent = bench_here(),
		.fn = fn, .prio = hx_thread_self()->prio,
		.stack = bench_stack, .stack_bytes = sizeof(bench_stack),
	};
}

static int bench_partner(int (*fn)(void *arg))
{
	struct hx_thread_params p = bench_params(fn);

	bench_stop = false;
	return hx_thread_init(&bench_thread, &p);
}

static void sample_ticks(struct hx_bench_run *b)
{
	uint64_t last, now, ticks;

	b->n_max = (uint32_t)hx_min_u64(b->n_max, TICK_SAMPLES);
	hx_timer_periodic(TICK_BENCH_HZ);
	while (hx_bench_more(b)) {
		ticks = hx_time_ticks();
		now = hx_cycles();
		do {
			last = now;
			now = hx_cycles();
		} while (now - last < GAP_CYCLES || hx_time_ticks() == ticks);
		hx_bench_sample(b, now - last);
	}
	hx_timer_periodic(CONFIG_TICK_HZ);
}

static int sleep_long(void *arg)
{
	return hx_sem_take(&bench_ping, HX_NS_PER_S * 1000) == 0 ? 0 : 1;
}

HX_BENCH(tick_1000, "tick.total.1000", "tick.total with 1,000 threads that wait with a timeout")
{
	struct hx_thread_params p = bench_params(sleep_long);
	struct hx_thread **threads = hx_alloc(N_SLEEPERS * sizeof(*threads));
	unsigned n, i;

	if (threads == NULL)
		return -HX_ENOTSUP;
	hx_sem_init(&bench_ping, 0);
	p.stack = NULL;
	for (n = 0; n < N_SLEEPERS && hx_thread_create(&p, &threads[n]) == 0; n++)
		if (n % 64 == 0)
			hx_yield();
	hx_sleep_ns(1);
	if (n == N_SLEEPERS)
		sample_ticks(b);
	for (i = 0; i < n; i++)
		hx_sem_give(&bench_ping);
	for (i = 0; i < n; i++)
		hx_thread_join(threads[i], HX_FOREVER, NULL);
	hx_free(threads);
	return n == N_SLEEPERS ? 0 : -HX_ENOTSUP;	/* no room for so many stacks */
}

HX_BENCH(yield, "sched.yield", "hx_yield() with no other thread ready")
{
	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		hx_yield();
		hx_bench_end(b);
	}
	return 0;
}

static int yield_until_stop(void *arg)
{
	while (!bench_stop)
		hx_yield();
	return 0;
}

HX_BENCH(switch, "sched.switch", "hx_yield() between two threads: half of there and back")
{
	int err = bench_partner(yield_until_stop);

	while (err == 0 && hx_bench_more(b)) {
		uint64_t t0 = hx_cycles();

		hx_yield();
		hx_bench_sample(b, (hx_cycles() - t0 + b->overhead) / 2);
	}
	bench_stop = true;
	return err != 0 ? err : hx_thread_join(&bench_thread, HX_FOREVER, NULL);
}

HX_BENCH(mutex, "mutex.pair", "lock and unlock of a free mutex")
{
	static struct hx_mutex m;

	hx_mutex_init(&m);
	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		hx_mutex_lock(&m);
		hx_mutex_unlock(&m);
		hx_bench_end(b);
	}
	return 0;
}

HX_BENCH(sem, "sem.pair", "give and take of a semaphore that nobody waits for")
{
	static struct hx_sem s;
	int err = 0;

	hx_sem_init(&s, 0);
	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		hx_sem_give(&s);
		err = hx_sem_take(&s, HX_FOREVER);
		hx_bench_end(b);
	}
	return err;
}

HX_BENCH(spin, "spin.pair", "hx_spin_lock() and hx_spin_unlock() of a free lock")
{
	static struct hx_spinlock l = HX_SPINLOCK_INIT("bench", HX_RANK_LEAF);

	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		hx_spin_lock(&l);
		hx_spin_unlock(&l);
		hx_bench_end(b);
	}
	return 0;
}

static int pong(void *arg)
{
	int err = 0;

	while (err == 0 && !bench_stop) {
		err = hx_sem_take(&bench_ping, HX_FOREVER);
		hx_sem_give(&bench_pong);
	}
	return err;
}

HX_BENCH(ping_pong, "sem.ping_pong", "a round between two threads: 2 gives, 2 takes, 2 switches")
{
	int err;

	hx_sem_init(&bench_ping, 0);
	hx_sem_init(&bench_pong, 0);
	err = bench_partner(pong);
	if (err != 0)
		return err;
	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		hx_sem_give(&bench_ping);
		err = hx_sem_take(&bench_pong, HX_FOREVER);
		hx_bench_end(b);
	}
	bench_stop = true;
	hx_sem_give(&bench_ping);
	hx_thread_join(&bench_thread, HX_FOREVER, NULL);
	return err;
}

HX_BENCH(ping_pong_cpus, "sem.ping_pong.cpus", "sem.ping_pong with the two threads on two CPUs")
{
	static struct hx_intent here, there;
	struct hx_thread_params p = bench_params(pong);
	unsigned cpu = hx_percpu()->cpu;
	int err;

	if (hx_cpu_count() < 2 || !HX_ENABLED(INTENTS))
		return -HX_ENOTSUP;
	hx_sem_init(&bench_ping, 0);
	hx_sem_init(&bench_pong, 0);
	bench_stop = false;
	hx_intent_init(&here);
	here.affinity = 1ull << cpu;
	hx_intent_init(&there);
	there.affinity = hx_cpus_online().bits & ~here.affinity;
	err = hx_thread_set_intent(hx_thread_self(), &here);
	p.intent = &there;
	if (err == 0)
		err = hx_thread_init(&bench_thread, &p);
	if (err != 0)
		return err;
	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		hx_sem_give(&bench_ping);
		err = hx_sem_take(&bench_pong, HX_FOREVER);
		hx_bench_end(b);
	}
	bench_stop = true;
	hx_sem_give(&bench_ping);
	hx_thread_join(&bench_thread, HX_FOREVER, NULL);
	return err != 0 ? err : hx_thread_set_intent(hx_thread_self(), &hx_intent_default);
}

static int nothing(void *arg)
{
	return 0;
}

HX_BENCH(create_static, "thread.create_exit.static",
	 "hx_thread_init() on a given stack, run, exit, hx_thread_join(), with both switches")
{
	struct hx_thread_params p = bench_params(nothing);
	int err = bench_partner(nothing);

	if (err != 0)
		return err;
	err = hx_thread_join(&bench_thread, HX_FOREVER, NULL);
	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		err = hx_thread_init(&bench_thread, &p);	/* it did not fail before */
		err |= hx_thread_join(&bench_thread, HX_FOREVER, NULL);
		hx_bench_end(b);
	}
	return err;
}

HX_BENCH(create_alloc, "thread.create_exit.alloc",
	 "hx_thread_create() with an allocated, guarded stack, run, exit, hx_thread_join()")
{
	struct hx_thread_params p = bench_params(nothing);
	struct hx_thread *t;
	int err = 0;

	p.stack = NULL;
	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		err = hx_thread_create(&p, &t);
		if (err == 0)
			err = hx_thread_join(t, HX_FOREVER, NULL);
		hx_bench_end(b);
	}
	return err;
}

static void empty_handler(void *arg)
{
}

HX_BENCH(irq, "irq.entry_exit", "raise the soft line, enter, empty handler, back")
{
	struct hx_irq_action a = { .name = "bench", .handler = empty_handler };
	const volatile uint64_t *count = &a.count;
	int err = hx_irq_attach(hx_irq_line_soft(), &a);

	if (err != 0)
		return err;
	while (hx_bench_more(b)) {
		uint64_t before = *count;

		hx_bench_begin(b);
		hx_irq_raise_soft();
		while (*count == before)
			;
		hx_bench_end(b);
	}
	hx_irq_detach(hx_irq_line_soft(), &a);
	return 0;
}

HX_BENCH(tick, "tick.total", "timer interrupt: entry, accounting, timers, scheduler's tick, exit")
{
	sample_ticks(b);
	return 0;
}
