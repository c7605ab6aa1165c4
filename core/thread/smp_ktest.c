// SPDX-License-Identifier: MIT
/*
 * Threads on several CPUs: nobody is lost on the way between them, each runs where it may and only
 * there, the load is evened out, and memory is given back. With one CPU most of this is skipped.
 */
#include <hx/config/core_names.h>
#include <hx/core/heap.h>
#include <hx/core/ktest.h>
#include <hx/core/log.h>
#include <hx/core/mutex.h>
#include <hx/core/smp.h>
#include <hx/core/time.h>
#include <hx/hal/timer.h>

#include "thread_priv.h"

#define TICK_NS		(HX_NS_PER_S / CONFIG_TICK_HZ)
#define N_MAX		16u
/* Checks make each wake-up several times as long. */
#define N_WAKES		(HX_ENABLED(DEBUG_LOCKS) || HX_ENABLED(DEBUG_ASSERT) ? 50000u : 1000000u)
#define N_TORTURE	300u
#define N_JOINS		1000u
#define HOG_NS		HX_NS_PER_S

static struct hx_thread *team[N_MAX];
static struct hx_intent team_intent[N_MAX];
static volatile bool stop;

static uint64_t cpus(void)
{
	return hx_cpus_online().bits;
}

/* The nth CPU that runs, counted round. */
static unsigned nth_cpu(unsigned n)
{
	uint64_t bits = cpus();

	for (n %= hx_cpu_count(); n > 0; n--)
		hx_cpumask_take(&bits);
	return (unsigned)__builtin_ctzll(bits);
}

static bool several(struct hx_ktest_run *t)
{
	if (HX_ENABLED(INTENTS) && hx_cpu_count() > 1)
		return true;
	hx_ktest_skip(t, "one CPU, or no intents");
	return false;
}

static bool start_on(unsigned i, uint64_t affinity, int (*fn)(void *arg))
{
	struct hx_thread_params p = {
		.name = "smp", .fn = fn, .arg = (void *)(uintptr_t)i,
		.prio = hx_thread_self()->prio, .intent = &team_intent[i],
	};

	hx_intent_init(&team_intent[i]);
	team_intent[i].affinity = affinity;
	return hx_thread_create(&p, &team[i]) == 0;
}

/* The sum of what they return; negative if a join failed. */
static int join_team(unsigned n)
{
	int sum = 0, value = 0;

	for (unsigned i = 0; i < n; i++) {
		if (hx_thread_join(team[i], HX_FOREVER, &value) != 0)
			return -1;
		sum += value;
	}
	return sum;
}

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

	if (!several(t))
		return;
	n_rounds = N_WAKES / 20 / n_pairs;		/* two wake-ups a round */
	for (unsigned i = 0; i < 2 * n_pairs && i < N_MAX; i++) {
		if (i % 2 == 0) {
			hx_sem_init(&pair_ping[i / 2], 0);
			hx_sem_init(&pair_pong[i / 2], 0);
		}
		hx_require(t, start_on(i, 1ull << nth_cpu(i), ping_pong));
	}
	hx_expect(t, join_team(2 * n_pairs) == 0);

	hx_sem_init(&many, 0);
	n_rounds = N_WAKES / 10 * 9 / n_givers;
	for (unsigned i = 0; i < n_givers; i++)
		hx_require(t, start_on(i, 1ull << nth_cpu(i), give_many));
	for (uint32_t n = 0; n < n_rounds * n_givers; n++)
		hx_require(t, hx_sem_take(&many, HX_FOREVER) == 0);
	hx_expect(t, join_team(n_givers) == 0);
	hx_expect(t, many.count == 0);
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
		hx_require(t, start_on(i, HX_AFFINITY_ANY, ping_pong));
	}
	hx_expect(t, join_team(4) == 0);
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

	if (!several(t))
		return;
	stop = false;
	hx_sem_init(&many, 0);
	for (unsigned i = 0; i < n; i++) {
		n_taken[i] = 0;
		hx_require(t, start_on(i, HX_AFFINITY_ANY, take_with_timeout));
	}
	for (hx_ns_t end = hx_now_ns() + 60 * TICK_NS; hx_now_ns() < end; given++) {
		/* About when the tick comes that ends their waits. */
		while (hx_now_ns() % TICK_NS > TICK_NS / 16)
			hx_cpu_relax();
		hx_sem_give(&many);
	}
	stop = true;
	hx_expect(t, join_team(n) == 0);
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

	if (!several(t))
		return;
	n_fired = 0;
	hx_require(t, start_on(0, HX_AFFINITY_ANY, cancel_often));
	hx_intent_init(&i);
	for (unsigned n = 0; n < 40; n++) {
		i.affinity = 1ull << nth_cpu(n);
		hx_expect(t, hx_thread_set_intent(team[0], &i) == 0);
		hx_sleep_ns(1);
	}
	hx_expect(t, join_team(1) == 0);
}

/* ---- where a thread runs */

static volatile uint64_t allowed[N_MAX];	/* 0: do not look */
static volatile uint64_t seen_on[N_MAX];

/* Works, yields and sleeps, and looks where it is. How often it was where it must not be. */
static int look_around(void *arg)
{
	unsigned i = (unsigned)(uintptr_t)arg;
	int wrong = 0;

	for (unsigned n = 0; !stop; n++) {
		uint64_t may = allowed[i], at = 1ull << hx_percpu()->cpu;

		/* Between the two looks nobody may have changed it, nor moved us. */
		if (may != 0 && (may & at) == 0 && allowed[i] == may &&
		    1ull << hx_percpu()->cpu == at)
			wrong++;
		seen_on[i] |= at;
		if (n % 64 == 0)
			hx_sleep_ns(1);
		else if (n % 8 == 0)
			hx_yield();
	}
	return wrong;
}

HX_KTEST(smp_affinity_is_honoured)
{
	unsigned n = (unsigned)hx_min_u64(3 * hx_cpu_count(), N_MAX);
	struct hx_intent want;

	if (!several(t))
		return;
	stop = false;
	for (unsigned i = 0; i < n; i++) {
		/* One CPU each, or all but one. */
		allowed[i] = i % 2 == 0 ? 1ull << nth_cpu(i) : cpus() & ~(1ull << nth_cpu(i));
		seen_on[i] = 0;
		hx_require(t, start_on(i, allowed[i], look_around));
	}
	hx_sleep_ns(300 * HX_NS_PER_MS);
	for (unsigned i = 0; i < n; i++) {
		hx_expect(t, seen_on[i] != 0 && (seen_on[i] & ~allowed[i]) == 0);
		if (i % 2 == 0)
			hx_expect(t, seen_on[i] == allowed[i]);
	}
	/* Now they are sent around while they run, are ready, or sleep. */
	hx_intent_init(&want);
	for (unsigned k = 0; k < 200; k++) {
		unsigned i = k % n;

		allowed[i] = 0;
		want.affinity = 1ull << nth_cpu(k / n + i);
		hx_expect(t, hx_thread_set_intent(team[i], &want) == 0);
		if (k % 4 == 3)
			hx_sleep_ns(1);
	}
	hx_sleep_ns(3 * TICK_NS);	/* by then all have moved */
	for (unsigned i = 0; i < n; i++) {
		allowed[i] = team[i]->intent->affinity;
		seen_on[i] = 0;
	}
	hx_sleep_ns(300 * HX_NS_PER_MS);
	for (unsigned i = 0; i < n; i++)
		hx_expect(t, seen_on[i] == allowed[i]);
	stop = true;
	hx_expect(t, join_team(n) == 0);
	want.affinity = ~cpus();
	hx_expect(t, hx_thread_set_intent(hx_thread_self(), &want) == -HX_EINVAL);
}

HX_KTEST(smp_thread_moves_itself_at_once)
{
	struct hx_intent want;

	if (!several(t))
		return;
	hx_intent_init(&want);
	for (unsigned k = 0; k < 3 * hx_cpu_count(); k++) {
		want.affinity = 1ull << nth_cpu(k);
		hx_expect(t, hx_thread_set_intent(hx_thread_self(), &want) == 0);
		if (!HX_ENABLED(PREEMPT_FULL))
			hx_yield();
		hx_expect(t, hx_percpu()->cpu == nth_cpu(k));
	}
	hx_expect(t, hx_thread_set_intent(hx_thread_self(), &hx_intent_default) == 0);
}

/* ---- evening out */

static int hog(void *arg)
{
	while (!stop)
		hx_cpu_relax();
	return 0;
}

/* How many more are on one CPU than on another. */
static unsigned unevenness(unsigned n)
{
	unsigned on[HX_CPUS] = { 0 }, least = n, most = 0;
	struct thread_info info;
	uint64_t bits;

	for (unsigned i = 0; i < n; i++)
		if (HX_ENABLED(THREAD_NODES) && thread_info_after(team[i]->id - 1, &info))
			on[info.cpu]++;
	for (bits = cpus(); bits != 0;) {
		unsigned cpu = hx_cpumask_take(&bits);

		least = on[cpu] < least ? on[cpu] : least;
		most = on[cpu] > most ? on[cpu] : most;
	}
	return most - least;
}

/* What the one that ran least got of what the one got that ran most, in percent. */
static unsigned least_share(unsigned n)
{
	uint64_t ran[N_MAX], least = UINT64_MAX, most = 1;
	struct thread_info info;

	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < n; i++) {
			if (!HX_ENABLED(THREAD_NODES) ||
			    !thread_info_after(team[i]->id - 1, &info))
				return 0;
			ran[i] = info.ran_cycles - (pass == 0 ? 0 : ran[i]);
		}
		if (pass == 0)
			hx_sleep_ns(HOG_NS);
	}
	for (unsigned i = 0; i < n; i++) {
		least = hx_min_u64(least, ran[i]);
		most = hx_max_u64(most, ran[i]);
	}
	return (unsigned)(least * 100 / most);
}

/*
 * Within 20 %, in one of three seconds. An emulator with more CPUs than the machine has stops some
 * of them for long in the middle of a slice, which counts as run time: there it is enough that each
 * CPU has as many of them as any other, and nobody is left behind.
 */
HX_KTEST(smp_hogs_share_all_cpus_evenly)
{
	unsigned n = (unsigned)hx_min_u64(2 * hx_cpu_count(), N_MAX), share = 0, uneven = n;

	if (!several(t))
		return;
	if (sched_ops()->tick == NULL || !HX_ENABLED(PREEMPT_FULL) || !HX_ENABLED(THREAD_NODES)) {
		hx_ktest_skip(t, "nothing preempts, or nobody counts");
		return;
	}
	stop = false;
	for (unsigned i = 0; i < n; i++)
		hx_require(t, start_on(i, HX_AFFINITY_ANY, hog));
	hx_sleep_ns(400 * HX_NS_PER_MS);	/* four rounds of looking at each other */
	for (unsigned tries = 0; tries < 3 && share < 80; tries++)
		share = least_share(n);
	for (unsigned tries = 0; tries < 20 && uneven > 1; tries++) {
		uneven = unevenness(n);
		hx_sleep_ns(100 * HX_NS_PER_MS);
	}
	stop = true;
	hx_expect(t, join_team(n) == 0);
	hx_expect(t, uneven <= 1);
	hx_expect(t, share >= (hx_cpu_count() > 2 ? 40u : 60u));
	if (share < 80)
		hx_info("threads", "the least share of a hog was %u %%", share);
}

/* ---- ends */

static int end_at_once(void *arg)
{
	return 7;
}

static int end_soon(void *arg)
{
	for (uintptr_t n = 0; n < (uintptr_t)arg % 50 * 40; n++)
		hx_cpu_relax();
	return 7;
}

/* The joiner frees the stack; the one that ends is on it until its CPU has switched away. */
HX_KTEST(smp_join_races_with_exit)
{
	struct hx_heap_stats before, after;
	struct hx_thread *other;
	int value = 0, err;

	hx_heap_stats(&before);
	for (unsigned n = 0; n < N_JOINS; n++) {
		struct hx_thread_params p = {
			.fn = n % 2 == 0 ? end_at_once : end_soon, .arg = (void *)(uintptr_t)n,
			.prio = hx_thread_self()->prio,
		};

		hx_require(t, hx_thread_create(&p, &other) == 0);
		for (unsigned k = 0; k < n % 37 * 20; k++)
			hx_cpu_relax();
		err = -HX_ETIMEDOUT;
		if (n % 5 == 0)
			err = hx_thread_join(other, n % 2, &value);	/* asks, or a tick */
		if (err == -HX_ETIMEDOUT)
			err = hx_thread_join(other, HX_FOREVER, &value);
		hx_require(t, err == 0 && value == 7);
	}
	hx_heap_stats(&after);
	hx_expect(t, after.used_bytes == before.used_bytes);
}

static uint32_t n_alive;
static struct hx_mutex torture_mutex;
static struct hx_sem torture_sem;
static uint32_t torture_guarded, torture_doubled;

static uint64_t next_random(uint64_t *rnd)
{
	*rnd = *rnd * 6364136223846793005ull + 1442695040888963407ull;
	return *rnd >> 33;
}

static void torture_step(uint64_t *rnd)
{
	struct hx_intent want;
	uint32_t value;

	switch (next_random(rnd) % 6) {
	case 0:
		hx_yield();
		break;
	case 1:
		hx_sleep_ns(next_random(rnd) % (2 * TICK_NS));
		break;
	case 2:
		hx_sem_give(&torture_sem);
		break;
	case 3:
		if (hx_sem_take(&torture_sem, next_random(rnd) % TICK_NS) == 0)
			hx_sem_give(&torture_sem);
		break;
	case 4:
		hx_mutex_lock(&torture_mutex);
		value = torture_guarded;
		if (next_random(rnd) % 4 == 0)
			hx_yield();
		torture_guarded = value + 1;
		hx_mutex_unlock(&torture_mutex);
		__atomic_fetch_add(&torture_doubled, 1, __ATOMIC_RELAXED);
		break;
	default:
		hx_intent_init(&want);
		want.affinity = 1ull << nth_cpu((unsigned)next_random(rnd));
		if (next_random(rnd) % 2 == 0)
			want.affinity = HX_AFFINITY_ANY;
		if (hx_thread_set_intent(hx_thread_self(), &want) != 0)
			torture_guarded++;	/* shows as a difference at the end */
	}
}

static int torture(void *arg)
{
	uint64_t rnd = (uintptr_t)arg * 0x9e3779b97f4a7c15ull;

	for (unsigned n = 0; n < 20; n++)
		torture_step(&rnd);
	__atomic_fetch_sub(&n_alive, 1, __ATOMIC_RELEASE);
	return 0;
}

/* Threads come, move, wait, wake each other and go, joined or detached; nothing is left. */
HX_KTEST(smp_torture)
{
	unsigned n_threads = hx_thread_count(), n_waits;
	struct hx_intent want;
	uint64_t rnd = 1;

	if (!several(t))
		return;
	hx_mutex_init(&torture_mutex);
	hx_sem_init(&torture_sem, 0);
	torture_guarded = torture_doubled = n_alive = 0;
	hx_intent_init(&want);
	for (unsigned n = 0; n < N_TORTURE; n++) {
		struct hx_thread_params p = {
			.name = "torture", .fn = torture, .arg = (void *)(uintptr_t)(n + 1),
			.prio = hx_thread_self()->prio,
		};
		unsigned slot = n % N_MAX;

		if (n >= N_MAX && slot % 2 == 0)
			hx_require(t, hx_thread_join(team[slot], HX_FOREVER, NULL) == 0);
		__atomic_fetch_add(&n_alive, 1, __ATOMIC_RELAXED);
		p.flags = slot % 2 == 0 ? 0 : HX_THREAD_DETACHED;
		hx_require(t, hx_thread_create(&p, &team[slot]) == 0);
		/* Send one that is not joined yet elsewhere, whatever it does just now. */
		slot = (unsigned)next_random(&rnd) % hx_min_u64(n + 1, N_MAX) & ~1u;
		want.affinity = 1ull << nth_cpu(n);
		hx_expect(t, hx_thread_set_intent(team[slot], &want) == 0);
	}
	for (unsigned slot = 0; slot < N_MAX; slot += 2)
		hx_expect(t, hx_thread_join(team[slot], HX_FOREVER, NULL) == 0);
	while (__atomic_load_n(&n_alive, __ATOMIC_ACQUIRE) != 0)
		hx_sleep_ns(1);
	for (n_waits = 0; n_waits < 100 && hx_thread_count() != n_threads; n_waits++)
		hx_sleep_ns(TICK_NS);	/* until idle threads have freed the detached ones */
	hx_expect(t, hx_thread_count() == n_threads);
	hx_expect(t, torture_guarded == torture_doubled);
}
