// SPDX-License-Identifier: MIT
/*
 * CPUs that do not come to rest when a scheduler is to be replaced: one that never does is named,
 * one that comes late is waited for.
 */
#include <hx/core/park.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/core/time.h>
#include <hx/hal/timer.h>

#include "swap_team.h"

static volatile bool hog_is_there, hog_may_go;

static int hog_main(void *arg)
{
	hx_irqflags_t flags = hx_irq_save();

	hog_is_there = true;
	while (!hog_may_go) {
		hx_cpu_relax();
		if (HX_CPUS > 1)
			hx_spin_poll();
	}
	hx_irq_restore(flags);
	return 0;
}

HX_KTEST(swap_gives_up_and_names_who_has_interrupts_off)
{
	const char *names[N_PROVIDERS], *first = swap_current(), *other;
	uint64_t others = hx_cpus_online().bits & ~1ull;
	struct hx_thread *hog;
	struct hx_intent want;
	struct hx_thread_params p = {
		.name = "irq-hog", .fn = hog_main, .prio = hx_thread_self()->prio, .intent = &want,
	};
	struct hx_swap s;
	unsigned n;

	if (!swap_two_there(t, names, &n))
		return;
	if (others == 0) {
		hx_ktest_skip(t, "one CPU");
		return;
	}
	hx_intent_init(&want);
	want.affinity = others & -others;
	hog_is_there = hog_may_go = false;
	hx_require(t, hx_thread_create(&p, &hog) == 0);
	want.affinity = 1;	/* this one elsewhere */
	hx_expect(t, hx_thread_set_intent(hx_thread_self(), &want) == 0);
	while (!hog_is_there)
		hx_sleep_ns(TICK_NS);
	other = hx_strcmp(names[0], first) == 0 ? names[1] : names[0];
	hx_expect(t, hx_swap("scheduler", other, &s) == -HX_ETIMEDOUT);
	hx_expect(t, hx_glob("*irq-hog: interrupts off", s.why));
	hx_expect(t, hx_strcmp(swap_current(), first) == 0);
	hog_may_go = true;
	hx_expect(t, hx_thread_join(hog, HX_FOREVER, NULL) == 0);
	hx_expect(t, swap_to(other, NULL) == 0);
	hx_expect(t, swap_to(first, NULL) == 0);
	hx_intent_init(&want);
	hx_expect(t, hx_thread_set_intent(hx_thread_self(), &want) == 0);
}

/* ---- who comes to rest late */

#define LATE_NS		(400 * HX_NS_PER_MS)
#define LAZY_NS		(20 * HX_NS_PER_MS)

static void without_interrupts(hx_ns_t ns)
{
	hx_irqflags_t flags = hx_irq_save();
	hx_ns_t until = hx_now_ns() + ns;

	while (hx_now_ns() < until) {
		hx_cpu_relax();
		if (HX_CPUS > 1)
			hx_spin_poll();
	}
	hx_irq_restore(flags);
}

/* First its CPU does not answer, or always says "not now"; then it answers, but never at once. */
static int late_main(void *arg)
{
	const bool *answers = arg;
	hx_ns_t until = hx_now_ns() + LATE_NS;

	hx_preempt_disable();
	hog_is_there = true;
	while (*answers && hx_now_ns() < until)
		hx_cpu_relax();
	if (!*answers)
		without_interrupts(LATE_NS);
	hx_preempt_enable();
	while (!hog_may_go)
		without_interrupts(LAZY_NS);
	return 0;
}

HX_KTEST(swap_waits_for_who_comes_to_rest_late)
{
	uint64_t others = hx_cpus_online().bits & ~1ull;
	struct hx_park_blocker who;
	struct hx_parking parking;
	struct hx_thread *late;
	struct hx_intent want;
	bool answers;
	struct hx_thread_params p = {
		.name = "late", .fn = late_main, .arg = &answers, .prio = hx_thread_self()->prio,
		.intent = &want,
	};
	int err;

	if (others == 0) {
		hx_ktest_skip(t, "one CPU");
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		answers = i == 0;
		hx_intent_init(&want);
		want.affinity = others & -others;
		hog_is_there = hog_may_go = false;
		hx_require(t, hx_thread_create(&p, &late) == 0);
		want.affinity = 1;	/* this one elsewhere */
		hx_expect(t, hx_thread_set_intent(hx_thread_self(), &want) == 0);
		while (!hog_is_there)
			hx_sleep_ns(TICK_NS);
		err = hx_cpus_park(&parking, 5 * HX_NS_PER_S, &who);
		if (err == 0)
			hx_cpus_unpark(&parking);
		hog_may_go = true;
		hx_expect(t, err == 0);
		hx_expect(t, hx_thread_join(late, HX_FOREVER, NULL) == 0);
	}
	hx_intent_init(&want);
	hx_expect(t, hx_thread_set_intent(hx_thread_self(), &want) == 0);
}
