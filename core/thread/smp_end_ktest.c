// SPDX-License-Identifier: MIT
/*
 * Ends of threads on several CPUs: joins race with exits, and a torture of threads that come, move,
 * wait, wake each other and go. All memory is given back. The first is of use with one CPU, too.
 */
#include <hx/core/heap.h>
#include <hx/core/mutex.h>
#include <hx/hal/timer.h>

#include "smp_team.h"
#include "thread_priv.h"

#define N_TORTURE	300u
#define N_JOINS		1000u

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
	struct hx_heap_stats before;
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
	hx_expect(t, hx_ktest_heap_settles(before.used_bytes));
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
		want.affinity = 1ull << smp_nth_cpu((unsigned)next_random(rnd));
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

	if (!smp_several(t))
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
			hx_require(t, hx_thread_join(smp_team[slot], HX_FOREVER, NULL) == 0);
		__atomic_fetch_add(&n_alive, 1, __ATOMIC_RELAXED);
		p.flags = slot % 2 == 0 ? 0 : HX_THREAD_DETACHED;
		hx_require(t, hx_thread_create(&p, &smp_team[slot]) == 0);
		/* Send one that is not joined yet elsewhere, whatever it does just now. */
		slot = (unsigned)next_random(&rnd) % hx_min_u64(n + 1, N_MAX) & ~1u;
		want.affinity = 1ull << smp_nth_cpu(n);
		hx_expect(t, hx_thread_set_intent(smp_team[slot], &want) == 0);
	}
	for (unsigned slot = 0; slot < N_MAX; slot += 2)
		hx_expect(t, hx_thread_join(smp_team[slot], HX_FOREVER, NULL) == 0);
	while (__atomic_load_n(&n_alive, __ATOMIC_ACQUIRE) != 0)
		hx_sleep_ns(1);
	for (n_waits = 0; n_waits < 100 && hx_thread_count() != n_threads; n_waits++)
		hx_sleep_ns(TICK_NS);	/* until idle threads have freed the detached ones */
	hx_expect(t, hx_thread_count() == n_threads);
	hx_expect(t, torture_guarded == torture_doubled);
}
