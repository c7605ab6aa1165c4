// SPDX-License-Identifier: MIT
/*
 * EDF in the booted kernel, with real threads and interrupts. Skipped when another provider sits in
 * the slot. The machine may stop for a while at any moment, which makes one answer late; so the
 * best of many is looked at: without interrupts between the ticks none would be good.
 */
#include <hx/core/ktest.h>
#include <hx/core/sched_class.h>
#include <hx/core/slot.h>
#include <hx/core/string.h>
#include <hx/core/time.h>
#include <hx/hal/timer.h>

#include "edf_priv.h"

#define MS		HX_NS_PER_MS
#define RUNTIME_NS	(MS * 3 / 10)
#define PERIOD_NS	(10 * MS)
#define N_PERIODS	40u
#define N_PERIODS_MAX	(50 * N_PERIODS)	/* where CPUs are taken away at times */
#define SOON_NS		(RUNTIME_NS + MS / 4)

static bool is_in_use(struct hx_ktest_run *t)
{
	const struct hx_kind *const *it;

	HX_SECTION_FOREACH(it, hx_kinds) {
		if (hx_strcmp((*it)->slot, "scheduler") == 0 &&
		    *(*it)->current == &hx_sched_edf_ops)
			return true;
	}
	hx_ktest_skip(t, "another scheduler is in use");
	return false;
}

static struct hx_intent terms(hx_ns_t runtime_ns)
{
	struct hx_intent want;

	hx_intent_init(&want);
	want.class = HX_INTENT_REALTIME;
	want.runtime_ns = runtime_ns;
	want.deadline_ns = want.period_ns = PERIOD_NS;
	return want;
}

static int start(struct hx_thread **out, int (*fn)(void *arg), void *arg,
		 const struct hx_intent *want)
{
	struct hx_thread_params p = {
		.name = "edf", .fn = fn, .arg = arg, .prio = HX_PRIO_DEFAULT, .intent = want,
	};

	*out = NULL;
	return hx_thread_create(&p, out);
}

/* How long it ran at least before it was stopped. It never gives up the CPU by itself: a gap in its
 * clock is a time when it was held. More periods are looked at while none was good. */
static int compute(void *arg)
{
	hx_ns_t began = 0, last = hx_now_ns(), now, *least_run = arg;
	unsigned n = 0;

	*least_run = HX_FOREVER;
	while (n < N_PERIODS || (*least_run >= SOON_NS && n < N_PERIODS_MAX)) {
		now = hx_now_ns();
		if (now - last > PERIOD_NS / 2) {
			if (n++ > 0)
				*least_run = hx_min_u64(*least_run, last - began);
			began = now;
		}
		last = now;
	}
	return 0;
}

/* Let go at a tick and stopped at one, it would run 1 ms each time, and not 0.3. */
HX_KTEST(edf_budget_ends_between_ticks)
{
	struct hx_intent want = terms(RUNTIME_NS);
	hx_ns_t least_run;
	struct hx_thread *thread;

	if (!is_in_use(t))
		return;
	hx_require(t, start(&thread, compute, &least_run, &want) == 0);
	hx_expect(t, hx_thread_join(thread, HX_FOREVER, NULL) == 0);
	hx_expect(t, least_run < SOON_NS);
}

static volatile hx_ns_t fired_at;

static void note(struct hx_timer *timer)
{
	fired_at = hx_now_ns();
}

/* From a tick on, a quarter of the way to the next. */
HX_KTEST(edf_timers_do_not_wait_for_a_tick)
{
	static struct hx_timer timer = { .fn = note };
	hx_ns_t tick_ns = HX_NS_PER_S / CONFIG_TICK_HZ, least = HX_FOREVER, due;
	uint64_t ticks, n_ticks = hx_time_ticks();
	unsigned i;

	if (!is_in_use(t))
		return;
	for (i = 0; i < N_PERIODS_MAX && (i < N_PERIODS || least >= tick_ns / 4); i++) {
		hx_sleep_ns(1);
		ticks = hx_time_ticks();
		due = hx_now_ns() + tick_ns / 4;
		fired_at = 0;
		hx_timer_start_exact(&timer, due);
		while (fired_at == 0 && hx_time_ticks() < ticks + 3)
			hx_cpu_relax();
		hx_timer_cancel(&timer);
		hx_expect(t, fired_at == 0 || fired_at >= due);
		if (fired_at != 0)
			least = hx_min_u64(least, fired_at - due);
	}
	hx_expect(t, least < tick_ns / 4);
	hx_expect(t, hx_time_ticks() > n_ticks);	/* and the ticks go on */
}

/* ---- promises */

static volatile bool stop;

/* Which CPUs it has been on, while it runs, yields and sleeps. */
static int look_around(void *arg)
{
	uint64_t *seen = arg;
	unsigned n = 0;

	while (!stop) {
		hx_irqflags_t flags = hx_irq_save();

		__atomic_fetch_or(seen, 1ull << hx_percpu()->cpu, __ATOMIC_RELAXED);
		hx_irq_restore(flags);
		if (n++ % 64 == 0)
			hx_sleep_ns(MS);
		else
			hx_yield();
	}
	return 0;
}

static uint64_t cpus_running(void)
{
	uint64_t cpus = 0;

	for (unsigned cpu = 0; cpu < HX_CPUS; cpu++)
		if (HX_CPUS == 1 || hx_percpu_of(cpu)->runq != NULL)
			cpus |= 1ull << cpu;
	return cpus;
}

static struct hx_thread *team[HX_CPUS];
static uint64_t seen[HX_CPUS];

/* 60 % fits once on each CPU: as many threads as CPUs, each on its own, and not one more. Who gives
 * its promise up makes room; who then asks again from elsewhere is brought there. */
HX_KTEST(edf_promises_are_made_by_each_cpu_and_kept_there)
{
	struct hx_intent most = terms(6 * MS);
	struct hx_thread *more;
	uint64_t all = 0, left;
	unsigned n = 0, i;

	if (!is_in_use(t))
		return;
	for (left = cpus_running(); left != 0; left &= left - 1)
		n++;
	stop = false;
	for (i = 0; i < n; i++) {
		seen[i] = 0;
		hx_require(t, start(&team[i], look_around, &seen[i], &most) == 0);
		all |= 1ull << team[i]->home;
	}
	hx_expect(t, all == cpus_running());
	hx_expect(t, start(&more, look_around, &seen[0], &most) == -HX_ENOSPC);
	hx_sleep_ns(50 * MS);
	for (i = 0; i < n; i++)
		hx_expect(t, seen[i] == 1ull << team[i]->home);
	/* Around: the CPU of the one who gave up has room. */
	for (i = 0; n > 1 && i < 20 * n; i++) {
		unsigned a = i % n, b = (i + 1) % n, home = team[a]->home;

		hx_expect(t, hx_thread_set_intent(team[a], &hx_intent_default) == 0);
		most.affinity = 1ull << home;
		hx_expect(t, hx_thread_set_intent(team[b], &most) == 0);
		hx_expect(t, team[b]->home == home);
		most.affinity = HX_AFFINITY_ANY;
		hx_expect(t, hx_thread_set_intent(team[a], &most) == 0);
		hx_sleep_ns(MS);
	}
	hx_sleep_ns(20 * MS);
	for (i = 0; i < n; i++)
		__atomic_store_n(&seen[i], 0, __ATOMIC_RELAXED);
	hx_sleep_ns(50 * MS);
	stop = true;
	for (i = 0; i < n; i++) {
		hx_expect(t, seen[i] == 1ull << team[i]->home);
		hx_expect(t, hx_thread_join(team[i], HX_FOREVER, NULL) == 0);
	}
	for (i = 0; i < HX_CPUS; i++)
		hx_expect(t, hx_sched_promised_ppm(i) == 0);
}
