// SPDX-License-Identifier: MIT
/*
 * Where threads run when there are several CPUs: only where they may, elsewhere as soon as that
 * changes, and evenly on all.
 */
#include <hx/config/core_names.h>
#include <hx/hal/timer.h>

#include "smp_team.h"
#include "thread_priv.h"

#define HOG_NS		HX_NS_PER_S

static volatile bool stop;

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

	if (!smp_several(t))
		return;
	stop = false;
	for (unsigned i = 0; i < n; i++) {
		/* One CPU each, or all but one. */
		allowed[i] = 1ull << smp_nth_cpu(i);
		if (i % 2 != 0)
			allowed[i] = smp_cpus() & ~allowed[i];
		seen_on[i] = 0;
		hx_require(t, smp_start_on(i, allowed[i], look_around));
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
		want.affinity = 1ull << smp_nth_cpu(k / n + i);
		hx_expect(t, hx_thread_set_intent(smp_team[i], &want) == 0);
		if (k % 4 == 3)
			hx_sleep_ns(1);
	}
	hx_sleep_ns(3 * TICK_NS);	/* by then all have moved */
	for (unsigned i = 0; i < n; i++) {
		allowed[i] = smp_team[i]->intent->affinity;
		seen_on[i] = 0;
	}
	hx_sleep_ns(300 * HX_NS_PER_MS);
	for (unsigned i = 0; i < n; i++)
		hx_expect(t, seen_on[i] == allowed[i]);
	stop = true;
	hx_expect(t, smp_join_team(n) == 0);
	want.affinity = ~smp_cpus();
	hx_expect(t, hx_thread_set_intent(hx_thread_self(), &want) == -HX_EINVAL);
}

HX_KTEST(smp_thread_moves_itself_at_once)
{
	struct hx_intent want;

	if (!smp_several(t))
		return;
	hx_intent_init(&want);
	for (unsigned k = 0; k < 3 * hx_cpu_count(); k++) {
		want.affinity = 1ull << smp_nth_cpu(k);
		hx_expect(t, hx_thread_set_intent(hx_thread_self(), &want) == 0);
		if (!HX_ENABLED(PREEMPT_FULL))
			hx_yield();
		hx_expect(t, hx_percpu()->cpu == smp_nth_cpu(k));
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
		if (HX_ENABLED(THREAD_NODES) && thread_info_after(smp_team[i]->id - 1, &info))
			on[info.cpu]++;
	for (bits = smp_cpus(); bits != 0;) {
		unsigned cpu = hx_cpumask_take(&bits);

		least = on[cpu] < least ? on[cpu] : least;
		most = on[cpu] > most ? on[cpu] : most;
	}
	return most - least;
}

struct hog_count {
	uint64_t ran_cycles, n_turns;
	uint32_t cpu;
};

static void count_hogs(unsigned n, struct hog_count *counts)
{
	struct thread_info info;

	for (unsigned i = 0; i < n; i++) {
		if (!HX_ENABLED(THREAD_NODES) || !thread_info_after(smp_team[i]->id - 1, &info))
			continue;
		counts[i] = (struct hog_count){ info.ran_cycles, info.n_switches, info.cpu };
	}
}

static unsigned percent(uint64_t a, uint64_t b)
{
	return (unsigned)(hx_min_u64(a, b) * 100 / hx_max_u64(hx_max_u64(a, b), 1));
}

/* What the one that got least has got of what another on the same CPU has, in percent; of time or
 * of turns, whichever is more even. 0 also if there is nothing to compare. */
static unsigned least_share(unsigned n, hx_ns_t ns)
{
	struct hog_count a[N_MAX] = { { 0 } }, b[N_MAX] = { { 0 } };
	unsigned least = 100, pairs = 0, i, k;

	count_hogs(n, a);
	hx_sleep_ns(ns);
	count_hogs(n, b);
	for (i = 0; i < n; i++) {
		b[i].ran_cycles -= a[i].ran_cycles;
		b[i].n_turns -= a[i].n_turns;
		for (k = 0; k < i; k++) {
			unsigned share;

			if (a[i].cpu != a[k].cpu || b[i].cpu != a[i].cpu || b[k].cpu != a[k].cpu)
				continue;
			share = percent(b[i].ran_cycles, b[k].ran_cycles);
			share = (unsigned)hx_max_u64(share, percent(b[i].n_turns, b[k].n_turns));
			least = share < least ? share : least;
			pairs++;
		}
	}
	return pairs != 0 ? least : 0;
}

/*
 * Even within 20 %, whatever the host does. It may stop a virtual CPU for long in the middle of a
 * slice, which counts as run time, and it stops one more than another. So the claim is taken apart:
 * each CPU has as many hogs as any other; and those on one CPU share it evenly, in time where the
 * scheduler makes up for a slice that came out long, in turns where it deals out slices.
 */
HX_KTEST(smp_hogs_share_all_cpus_evenly)
{
	unsigned n = (unsigned)hx_min_u64(2 * hx_cpu_count(), N_MAX), share = 0, uneven = n;

	if (!smp_several(t))
		return;
	if (sched_ops()->tick == NULL || !HX_ENABLED(PREEMPT_FULL) || !HX_ENABLED(THREAD_NODES)) {
		hx_ktest_skip(t, "nothing preempts, or nobody counts");
		return;
	}
	stop = false;
	for (unsigned i = 0; i < n; i++)
		hx_require(t, smp_start_on(i, HX_AFFINITY_ANY, hog));
	for (unsigned tries = 0; tries < 300 && uneven > 1; tries++) {
		hx_sleep_ns(100 * HX_NS_PER_MS);	/* a round of looking at each other */
		uneven = unevenness(n);
	}
	/* What the host does evens out over a longer time. */
	for (unsigned tries = 0; tries < 10 && share < 80; tries++)
		share = least_share(n, HOG_NS << tries / 2);
	stop = true;
	hx_expect(t, smp_join_team(n) == 0);
	hx_expect(t, uneven <= 1);
	hx_expect(t, share >= 80);
}
