// SPDX-License-Identifier: MIT
/*
 * Threads that wake each other across CPUs: nobody is lost and nobody woken twice, also where a
 * timeout comes at the same moment; and a cancelled timer's function is over, wherever it ran.
 */
#include <hx/core/mutex.h>
#include <hx/core/time.h>
#include <hx/hal/timer.h>

#include "smp_team.h"
#include "thread_priv.h"

/* Checks make each wake-up several times as long. */
#define N_WAKES		(HX_ENABLED(DEBUG_LOCKS) || HX_ENABLED(DEBUG_ASSERT) ? 50000u : 1000000u)

static volatile bool stop;

/* ---- wake-ups */

static struct hx_sem pair_ping[N_MAX], pair_pong[N_MAX], many;
static volatile uint32_t pair_sent[N_MAX], pair_answered[N_MAX];
static uint32_t n_rounds;

/* Even ones send a number, odd ones answer with the same. 0: each came in turn. */
static int ping_pong(void *arg)
{
	unsigned i = (unsigned)(uintptr_t)arg, pair = i / 2;
	int wrong = 0;

	for (uint32_t n = 1; n <= n_rounds; n++) {
		if (i % 2 == 0) {
			pair_sent[pair] = n;
			hx_sem_give(&pair_ping[pair]);
			wrong += hx_sem_take(&pair_pong[pair], HX_FOREVER) != 0;
			wrong += pair_answered[pair] != n;
		} else {
			wrong += hx_sem_take(&pair_ping[pair], HX_FOREVER) != 0;
			wrong += pair_sent[pair] != n;
			pair_answered[pair] = n;
			hx_sem_give(&pair_pong[pair]);
		}
	}
	return wrong;
}

static int give_many(void *arg)
{
	for (uint32_t n = 0; n < n_rounds; n++)
		hx_sem_give(&many);
	return 0;
}

/* A lost one ends in a test that never ends; a doubled one in a wrong number. */
HX_KTEST(smp_wakeups_across_cpus_none_lost)
{
	unsigned n_pairs = hx_cpu_count() / 2, n_givers = hx_cpu_count();

	if (!smp_several(t))
		return;
	n_rounds = N_WAKES / 20 / n_pairs;		/* two wake-ups a round */
	for (unsigned i = 0; i < 2 * n_pairs && i < N_MAX; i++) {
		if (i % 2 == 0) {
			hx_sem_init(&pair_ping[i / 2], 0);
			hx_sem_init(&pair_pong[i / 2], 0);
		}
		hx_require(t, smp_start_on(i, 1ull << smp_nth_cpu(i), ping_pong));
	}
	hx_expect(t, smp_join_team(2 * n_pairs) == 0);

	hx_sem_init(&many, 0);
	n_rounds = N_WAKES / 10 * 9 / n_givers;
	for (unsigned i = 0; i < n_givers; i++)
		hx_require(t, smp_start_on(i, 1ull << smp_nth_cpu(i), give_many));
	for (uint32_t n = 0; n < n_rounds * n_givers; n++)
		hx_require(t, hx_sem_take(&many, HX_FOREVER) == 0);
	hx_expect(t, smp_join_team(n_givers) == 0);
	hx_expect(t, many.count <= 0);
}

/* Two threads that may run anywhere: each wake-up chooses a CPU. */
HX_KTEST(smp_wakeups_anywhere_none_lost)
{
	n_rounds = N_WAKES / 20;
	if (!HX_ENABLED(INTENTS)) {
		hx_ktest_skip(t, "no intents");
		return;
	}
	for (unsigned i = 0; i < 4; i++) {
		if (i % 2 == 0) {
			hx_sem_init(&pair_ping[i / 2], 0);
			hx_sem_init(&pair_pong[i / 2], 0);
		}
		hx_require(t, smp_start_on(i, HX_AFFINITY_ANY, ping_pong));
	}
	hx_expect(t, smp_join_team(4) == 0);
}

/* ---- a timeout and a wake-up at the same time */

static uint32_t n_taken[N_MAX];

static int take_with_timeout(void *arg)
{
	unsigned i = (unsigned)(uintptr_t)arg;
	int err, wrong = 0;

	while (!stop) {
		err = hx_sem_take(&many, TICK_NS / 2);
		n_taken[i] += err == 0;
		wrong += err != 0 && err != -HX_ETIMEDOUT;
	}
	return wrong;
}

HX_KTEST(smp_timeouts_race_with_wakes)
{
	unsigned n = (unsigned)hx_min_u64(2 * hx_cpu_count(), N_MAX);
	uint32_t given = 0, sum = 0;

	if (!smp_several(t))
		return;
	stop = false;
	hx_sem_init(&many, 0);
	for (unsigned i = 0; i < n; i++) {
		n_taken[i] = 0;
		hx_require(t, smp_start_on(i, HX_AFFINITY_ANY, take_with_timeout));
	}
	for (hx_ns_t end = hx_now_ns() + 60 * TICK_NS; hx_now_ns() < end; given++) {
		/* About when the tick comes that ends their waits. */
		while (hx_now_ns() % TICK_NS > TICK_NS / 16)
			hx_cpu_relax();
		hx_sem_give(&many);
	}
	stop = true;
	hx_expect(t, smp_join_team(n) == 0);
	for (unsigned i = 0; i < n; i++)
		sum += n_taken[i];
	hx_expect(t, sum + (many.count > 0 ? (uint32_t)many.count : 0) == given);
	hx_expect(t, sum > 0);
}

static uint32_t n_fired;

static void count_fired(struct hx_timer *timer)
{
	for (unsigned n = 0; n < 2000; n++)
		hx_cpu_relax();
	n_fired++;
}

static int cancel_often(void *arg)
{
	static struct hx_timer timer = { .fn = count_fired };
	int wrong = 0;

	for (unsigned n = 0; n < 60; n++) {
		uint32_t seen;

		hx_timer_start(&timer, 0);
		if (n % 3 == 0)
			hx_sleep_ns(1);		/* comes back on another CPU, perhaps */
		while (hx_now_ns() % TICK_NS > TICK_NS / 8)
			hx_cpu_relax();
		hx_timer_cancel(&timer);
		seen = *(volatile uint32_t *)&n_fired;
		for (unsigned k = 0; k < 5000; k++)
			hx_cpu_relax();
		wrong += *(volatile uint32_t *)&n_fired != seen || timer.node.linked;
	}
	return wrong;
}

/* When hx_timer_cancel() returns the function is over, on whichever CPU it was. */
HX_KTEST(smp_timer_cancel_waits_for_its_function)
{
	struct hx_intent i;

	if (!smp_several(t))
		return;
	n_fired = 0;
	hx_require(t, smp_start_on(0, HX_AFFINITY_ANY, cancel_often));
	hx_intent_init(&i);
	for (unsigned n = 0; n < 40; n++) {
		i.affinity = 1ull << smp_nth_cpu(n);
		hx_expect(t, hx_thread_set_intent(smp_team[0], &i) == 0);
		hx_sleep_ns(1);
	}
	hx_expect(t, smp_join_team(1) == 0);
}
