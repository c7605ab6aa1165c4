// SPDX-License-Identifier: MIT
/*
 * Schedulers replaced under load: no thread is lost, on two CPUs at once, or left behind; whatever
 * fails on the way, the old one goes on.
 */
#include <hx/core/fault.h>
#include <hx/core/promise.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/core/time.h>
#include <hx/hal/timer.h>

#include "guard_priv.h"
#include "swap_team.h"

#define N_SWAPS		(HX_ENABLED(DEBUG_LOCKS) || HX_ENABLED(DEBUG_ASSERT) ? 1000u : 10000u)
/* On a busy host a swap may wait for seconds until all CPUs have run: then not many of them, but
 * each scheduler once, and for so long. */
#define LONG_NS		(60 * HX_NS_PER_S)

/* Every ordered pair, again and again. */
HX_KTEST(swap_between_all_schedulers_loses_nobody)
{
	const char *names[N_PROVIDERS], *first = swap_current();
	const hx_ns_t until = hx_now_ns() + LONG_NS;
	unsigned n, n_done = 0;

	if (!swap_two_there(t, names, &n))
		return;
	hx_require(t, swap_workers_start());
	for (unsigned from = 0; n_done < N_SWAPS; from = (from + 1) % n) {
		if (n_done >= 2 * n * (n - 1) && hx_now_ns() > until)
			break;
		for (unsigned to = 0; to < n && n_done < N_SWAPS; to++) {
			if (to == from)
				continue;
			if (hx_strcmp(swap_current(), names[from]) != 0)
				hx_expect(t, swap_to(names[from], NULL) == 0);
			hx_expect(t, swap_to(names[to], NULL) == 0);
			n_done += 2;
			if (n_done % 100 < 2)
				hx_expect(t, swap_workers_get_on());
		}
	}
	hx_expect(t, swap_n_twice == 0);
	hx_expect(t, swap_workers_get_on());
	hx_expect(t, swap_workers_end() == N_WORKERS);
	if (hx_strcmp(swap_current(), first) != 0)
		hx_expect(t, swap_to(first, NULL) == 0);
}

/* Who gets more than this, or less, may forget the rest. */
static int64_t capped(int64_t lag_ns)
{
	const int64_t most = (int64_t)(100 * HX_NS_PER_MS);

	return lag_ns > most ? most : lag_ns < -most ? -most : lag_ns;
}

static bool all_have_ended(void)
{
	hx_ns_t until = hx_now_ns() + 30 * HX_NS_PER_S;

	for (unsigned i = 0; i < N_WORKERS; i++) {
		struct hx_thread *w = swap_workers[i].thread;

		while (__atomic_load_n(&w->state, __ATOMIC_ACQUIRE) != HX_THREAD_DEAD) {
			if (hx_now_ns() > until)
				return false;
			hx_sleep_ns(TICK_NS);
		}
	}
	return true;
}

/* What a thread that waits is owed, has used and has left is there again after A, B, A. */
HX_KTEST(swap_there_and_back_keeps_state)
{
	static struct hx_sched_state before[N_WORKERS];
	const char *names[N_PROVIDERS], *first = swap_current();
	int64_t passed, off;
	hx_ns_t from;
	unsigned n;

	if (!swap_two_there(t, names, &n))
		return;
	for (unsigned a = 0; a < n; a++) {
		const char *b = names[(a + 1) % n];

		if (hx_strcmp(swap_current(), names[a]) != 0)
			hx_require(t, swap_to(names[a], NULL) == 0);
		hx_require(t, swap_workers_start());
		hx_expect(t, swap_workers_get_on());
		for (unsigned i = 0; i < N_WORKERS; i++)
			hx_expect(t, hx_thread_set_prio(swap_workers[i].thread,
							HX_PRIO_LOWEST) == 0);
		swap_workers_stop = true;
		hx_expect(t, all_have_ended());	/* and are not joined yet */
		hx_expect(t, swap_to(b, NULL) == 0);
		for (unsigned i = 0; i < N_WORKERS; i++) {
			const struct hx_sched_state *s = swap_find(swap_last,
								   swap_workers[i].thread);

			hx_require(t, s != NULL);
			before[i] = *s;
		}
		from = hx_now_ns();
		hx_expect(t, swap_to(names[a], NULL) == 0);
		hx_expect(t, swap_to(b, NULL) == 0);
		/* What is owed is less by what others ran meanwhile, where that counts so. */
		passed = (int64_t)(hx_now_ns() - from);
		for (unsigned i = 0; i < N_WORKERS; i++) {
			const struct hx_sched_state *s = swap_find(swap_last,
								   swap_workers[i].thread);

			hx_require(t, s != NULL);
			hx_expect(t, (before[i].has & ~s->has) == 0);
			hx_expect(t, s->level == before[i].level);
			hx_expect(t, s->used_ns == before[i].used_ns);
			off = capped(s->lag_ns) - capped(before[i].lag_ns);
			hx_expect(t, off <= 2 + passed && -off <= 2 + passed);
		}
		hx_expect(t, swap_workers_end() == N_WORKERS);
	}
	if (hx_strcmp(swap_current(), first) != 0)
		hx_expect(t, swap_to(first, NULL) == 0);
}

static volatile bool nap;

static int napper_main(void *arg)
{
	while (!nap)
		hx_sleep_ns(TICK_NS);
	return 0;
}

static bool is_built_in(const char *name)
{
	const void *ops;

	return hx_slot_find(&sched_kind, name, &ops) == 0;
}

static uint64_t promised_in_all(void)
{
	uint64_t sum = 0;

	for (unsigned cpu = 0; cpu < HX_CPUS; cpu++)
		sum += hx_sched_promised_ppm(cpu);
	return sum;
}

static unsigned cpus_here(void)
{
	uint64_t bits = hx_cpus_online().bits;
	unsigned n = 0;

	for (; bits != 0; bits &= bits - 1)
		n++;
	return n;
}

/* 1 ms of every 10, which is 100,000 millionths of a CPU. */
static int napper(struct hx_thread **out)
{
	struct hx_intent want;
	struct hx_thread_params p = {
		.name = "napper", .fn = napper_main, .prio = HX_PRIO_DEFAULT, .intent = &want,
	};

	hx_intent_init(&want);
	want.class = HX_INTENT_REALTIME;
	want.runtime_ns = HX_NS_PER_MS;
	want.deadline_ns = want.period_ns = 10 * HX_NS_PER_MS;
	return hx_thread_create(&p, out);
}

/* What one scheduler promised the next one promises, or it is said that nobody does; and a swap
 * that is undone changes no promise. */
HX_KTEST(swap_renews_promises)
{
	const char *first = swap_current();
	struct hx_thread *n[9 * 4 + 1];
	struct hx_swap s;
	unsigned i, home;
	hx_ns_t until;

	if (!is_built_in("edf") || !is_built_in("dis") || !is_built_in("rr")) {
		hx_ktest_skip(t, "edf, dis and rr are not all built in");
		return;
	}
	nap = false;
	hx_require(t, hx_strcmp(first, "edf") == 0 || swap_to("edf", NULL) == 0);
	hx_require(t, promised_in_all() == 0 && napper(&n[0]) == 0);
	home = n[0]->home;
	hx_expect(t, hx_sched_promised_ppm(home) == 100000);
	hx_expect(t, swap_to("dis", &s) == 0 && s.n_ended == 0);
	hx_expect(t, hx_sched_promised_ppm(home) == 100000 && promised_in_all() == 100000);
	hx_expect(t, n[0]->promised_ppm == 100000 && n[0]->home == home);
	if (HX_ENABLED(FAULT_INJECTION)) {
		hx_expect(t, hx_fault_arm("swap.import.item:3") == 0);
		hx_expect(t, swap_to("rr", &s) == -HX_EIO);
		hx_expect(t, hx_sched_promised_ppm(home) == 100000 && promised_in_all() == 100000);
		hx_expect(t, n[0]->promised_ppm == 100000 && n[0]->home == home);
	}
	hx_expect(t, swap_to("rr", &s) == 0 && s.n_ended == 1);
	hx_expect(t, promised_in_all() == 0 && n[0]->promised_ppm == 0);
	hx_expect(t, swap_to("dis", &s) == 0 && s.n_ended == 0);
	hx_expect(t, promised_in_all() == 100000);
	until = hx_now_ns() + 10 * HX_NS_PER_S;
	while (__atomic_load_n(&n[0]->rq, __ATOMIC_RELAXED)->cpu != n[0]->home &&
	       hx_now_ns() < until)
		hx_sleep_ns(TICK_NS);
	hx_expect(t, n[0]->rq->cpu == n[0]->home);

	/* More than fit: whoever promises nothing takes them, whoever does refuses all of them. */
	hx_expect(t, swap_to("rr", NULL) == 0);
	for (i = 1; i < HX_ARRAY_LEN(n); i++)
		hx_require(t, napper(&n[i]) == 0);
	if (cpus_here() <= 4) {
		hx_expect(t, swap_to("edf", &s) == -HX_ENOSPC);
		hx_expect(t, hx_glob("edf refuses thread * napper", s.why));
		hx_expect(t, promised_in_all() == 0 && hx_strcmp(swap_current(), "rr") == 0);
	}
	nap = true;
	for (i = 0; i < HX_ARRAY_LEN(n); i++)
		hx_expect(t, hx_thread_join(n[i], HX_FOREVER, NULL) == 0);
	hx_expect(t, swap_to("edf", NULL) == 0 && promised_in_all() == 0);
	if (hx_strcmp(swap_current(), first) != 0)
		hx_expect(t, swap_to(first, NULL) == 0);
}

/* ---- threads that come and go between the making of the records and the stop of all CPUs */

#define N_MAKERS	4u
#define SHORT_RESULT	7

static volatile bool makers_stop;
static volatile uint32_t n_made, n_odd_ends;

static int short_main(void *arg)
{
	hx_yield();
	return SHORT_RESULT;
}

static int maker_main(void *arg)
{
	struct hx_thread_params p = {
		.name = "short", .fn = short_main, .prio = hx_thread_self()->prio,
	};
	struct hx_thread *t;
	int value;

	while (!makers_stop) {
		value = 0;
		if (hx_thread_create(&p, &t) != 0) {
			hx_yield();
			continue;
		}
		if (hx_thread_join(t, HX_FOREVER, &value) != 0 || value != SHORT_RESULT)
			__atomic_fetch_add(&n_odd_ends, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&n_made, 1, __ATOMIC_RELAXED);
	}
	return 1;
}

struct look_for {
	const struct hx_thread *t;
	bool found;
};

static bool look_for(struct hx_thread *t, void *arg)
{
	struct look_for *l = arg;

	l->found = l->found || t == l->t;
	return !l->found;
}

/* How many the guard knows that are no threads. A chain is followed up to the first. */
static unsigned n_known_and_gone(void)
{
	hx_irqflags_t flags;
	unsigned n = 0;

	hx_spin_lock(&thread_lock);
	flags = hx_irq_save();
	guard_lock();
	for (unsigned b = 0; guard_is_on() && b < GUARD_BUCKETS; b++) {
		struct look_for l = { .found = true };

		for (l.t = guard_first(b); l.found && l.t != NULL; ) {
			l.found = false;
			thread_each(look_for, &l);
			n += !l.found;
			if (l.found)
				l.t = guard_next(l.t);
		}
	}
	guard_unlock();
	hx_irq_restore(flags);
	hx_spin_unlock(&thread_lock);
	return n;
}

/* One that is about to be freed leaves the table first, and its CPU may be late with the rest. */
static bool guard_knows_threads_only(void)
{
	hx_ns_t until = hx_now_ns() + 10 * HX_NS_PER_S;

	while (n_known_and_gone() != 0) {
		if (hx_now_ns() > until)
			return false;
		hx_sleep_ns(TICK_NS);
	}
	return true;
}

HX_KTEST(swap_while_threads_come_and_go_loses_nobody)
{
	struct hx_thread_params p = {
		.name = "maker", .fn = maker_main, .prio = hx_thread_self()->prio,
	};
	const char *names[N_PROVIDERS], *first = swap_current();
	const hx_ns_t end = hx_now_ns() + LONG_NS;
	struct hx_thread *makers[N_MAKERS];
	hx_ns_t until;
	uint32_t seen;
	unsigned n;
	int value;

	if (!swap_two_there(t, names, &n))
		return;
	makers_stop = false;
	n_made = n_odd_ends = 0;
	for (unsigned i = 0; i < N_MAKERS; i++)
		hx_require(t, hx_thread_create(&p, &makers[i]) == 0);
	for (unsigned i = 0; i < 60 && (i < n || hx_now_ns() < end); i++) {
		if (hx_strcmp(swap_current(), names[i % n]) != 0)
			hx_expect(t, swap_to(names[i % n], NULL) == 0);
		seen = n_made;
		until = hx_now_ns() + 10 * HX_NS_PER_S;
		while (n_made == seen && hx_now_ns() < until)
			hx_yield();
		hx_expect(t, n_made != seen);
		if (i % 20 == 0)
			hx_expect(t, guard_knows_threads_only());
	}
	makers_stop = true;
	for (unsigned i = 0; i < N_MAKERS; i++)
		hx_expect(t, hx_thread_join(makers[i], HX_FOREVER, &value) == 0 && value == 1);
	hx_expect(t, n_odd_ends == 0);
	if (hx_strcmp(swap_current(), first) != 0)
		hx_expect(t, swap_to(first, NULL) == 0);
}

HX_KTEST(swap_that_fails_at_any_step_leaves_the_old_one)
{
	static const char *const points[] = {
		"swap.prepare", "swap.quiesce", "swap.export", "swap.import", "swap.import.item",
		"swap.import.item:5", "swap.export.item", "swap.export.item:7",
	};
	const char *names[N_PROVIDERS], *first = swap_current(), *other;
	unsigned n;

	if (!HX_ENABLED(FAULT_INJECTION)) {
		hx_ktest_skip(t, "no fault injection");
		return;
	}
	if (!swap_two_there(t, names, &n))
		return;
	other = hx_strcmp(names[0], first) == 0 ? names[1] : names[0];
	hx_require(t, swap_workers_start());
	for (unsigned i = 0; i < HX_ARRAY_LEN(points); i++) {
		hx_expect(t, hx_fault_arm(points[i]) == 0);
		hx_expect(t, swap_to(other, NULL) == -HX_EIO);
		hx_expect(t, hx_strcmp(swap_current(), first) == 0);
		hx_expect(t, swap_workers_get_on());
	}
	hx_expect(t, swap_workers_end() == N_WORKERS);
}

/* ---- two at a time, and one who does not let go */

static volatile uint32_t n_odd;

static int swapper_main(void *arg)
{
	const char *const *names = arg;
	const hx_ns_t until = hx_now_ns() + LONG_NS;

	for (unsigned i = 0; i < 100 && hx_now_ns() < until; i++) {
		int err = hx_swap("scheduler", names[i % 2], NULL);

		if (err != 0 && err != -HX_EBUSY && err != -HX_EEXIST && err != -HX_ETIMEDOUT)
			n_odd++;
		hx_yield();
	}
	return 0;
}

HX_KTEST(swap_during_a_swap_is_told_so)
{
	const char *names[N_PROVIDERS], *first = swap_current();
	struct hx_thread *other;
	struct hx_thread_params p = {
		.name = "swapper", .fn = swapper_main, .arg = names, .prio = hx_thread_self()->prio,
	};
	unsigned n;

	if (!swap_two_there(t, names, &n))
		return;
	n_odd = 0;
	hx_require(t, hx_thread_create(&p, &other) == 0);
	swapper_main(names);
	hx_expect(t, hx_thread_join(other, HX_FOREVER, NULL) == 0);
	hx_expect(t, n_odd == 0);
	if (hx_strcmp(swap_current(), first) != 0)
		hx_expect(t, swap_to(first, NULL) == 0);
}
