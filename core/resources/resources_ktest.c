// SPDX-License-Identifier: MIT
/* Resources in the booted kernel: threads on all CPUs at one limit, allocations that fail, and the
 * end of a holder. */
#include <hx/config/core_lib.h>
#include <hx/config/core_thread.h>
#include <hx/core/event.h>
#include <hx/core/heap.h>
#include <hx/core/heap_class.h>
#include <hx/core/ktest.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>

#include "resources_priv.h"

#define TEAM	4u
#define NOBODYS	0x5000u	/* ports that no machine has */
#define WINDOW	32u
#define HARD	1000u
#define LOOPS	(HX_ENABLED(DEBUG_LOCKS) || HX_ENABLED(DEBUG_ASSERT) ? 5000u : 50000u)

static struct hx_res_holder top, holders[TEAM];
static uint32_t n_started, n_beyond, n_refused, n_over;	/* atomic */

static void count(uint32_t *what)
{
	__atomic_fetch_add(what, 1, __ATOMIC_RELAXED);
}

static void over(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t charged)
{
	count(&n_over);
}

static void start_together(void)
{
	count(&n_started);
	while (__atomic_load_n(&n_started, __ATOMIC_RELAXED) < TEAM)
		hx_yield();
}

/* Reserves two kinds, uses, gives back, and leaves something for the holder's end. */
static int work(void *arg)
{
	struct hx_res_holder *h = arg;
	uint32_t rnd = (uint32_t)(uintptr_t)arg;

	start_together();
	for (unsigned i = 0; i < LOOPS; i++) {
		struct hx_res_want wants[2] = { { HX_RES_CPU, 0 }, { HX_RES_HANDLES, 1 } };
		uint64_t n;

		rnd = rnd * 1664525u + 1013904223u;
		n = wants[0].n = HARD / 3 + (rnd >> 8) % (HARD / 2);
		if (hx_res_reserve(h, wants, 2) != 0) {
			count(&n_refused);
			continue;
		}
		if (res_load(&top.accounts[HX_RES_CPU].charged) > HARD)
			count(&n_beyond);
		if (rnd >> 8 & 1)
			hx_yield();
		if (hx_res_use(h, HX_RES_CPU, n / 2) != 0)
			count(&n_beyond);
		hx_res_release(h, HX_RES_CPU, n / 2);
		hx_res_unreserve(h, HX_RES_CPU, n - n / 2);
		hx_res_unreserve(h, HX_RES_HANDLES, 1);
		if (i % 512 == 0)
			(void)!hx_res_alloc(h, 100);
	}
	return 0;
}

HX_KTEST(resources_limits_hold_on_all_cpus)
{
	struct hx_thread *team[TEAM];
	uint64_t leaked = hx_res_n_leaked();

	n_started = n_beyond = n_refused = n_over = 0;
	hx_require(t, hx_res_holder_init(&top, "team", NULL) == 0);
	top.over = over;
	/* The log need not have each time that they pass it. */
	hx_require(t, hx_res_limit(&top, HX_RES_CPU, HX_RES_NONE, HARD) == 0);
	/* So that some are refused even if they come one after the other. */
	hx_require(t, hx_res_take(&top, HX_RES_CPU, HARD / 2) == 0);
	for (unsigned i = 0; i < TEAM; i++) {
		const struct hx_thread_params p = {
			.name = "res", .fn = work, .arg = &holders[i],
			.prio = hx_thread_self()->prio,
		};

		hx_require(t, hx_res_holder_init(&holders[i], "member", &top) == 0);
		hx_require(t, hx_thread_create(&p, &team[i]) == 0);
	}
	for (unsigned i = 0; i < TEAM; i++)
		hx_expect(t, hx_thread_join(team[i], HX_FOREVER, NULL) == 0);
	hx_res_release(&top, HX_RES_CPU, HARD / 2);
	hx_expect(t, hx_res_check() == 0);
	hx_expect(t, n_beyond == 0);
	hx_expect(t, n_refused > 10);
	for (unsigned i = 0; i < TEAM; i++)
		hx_expect(t, hx_res_holder_end(&holders[i]) == 0);
	for (unsigned k = 0; k < HX_RES_KINDS; k++)
		hx_expect(t, top.accounts[k].charged == 0);
	hx_require(t, hx_res_limit(&top, HX_RES_CPU, 1, 2) == 0);
	hx_expect(t, hx_res_take(&top, HX_RES_CPU, 2) == 0 && n_over == 1);
	hx_res_release(&top, HX_RES_CPU, 2);
	hx_expect(t, hx_res_holder_end(&top) == 0);
	hx_expect(t, hx_res_n_leaked() == leaked);
}

static void handler(void *arg)
{
	/* Nobody raises it. */
}

static struct hx_irq_action action = { .name = "resources", .handler = handler };

static int sleeper(void *arg)
{
	hx_sleep_ns(20 * HX_NS_PER_MS);
	return 0;
}

/* A line, ports, a promise and memory. */
static void take_all(struct hx_ktest_run *t, struct hx_thread *thread)
{
	static struct hx_res_ports ports;
	static struct hx_res_cpu c;
	static struct hx_res_irq i;
	struct hx_intent want = hx_intent_default;
	int err;

	hx_expect(t, hx_res_irq_attach(&top, &i, 11, &action) == 0);
	want.budget_kind = HX_BUDGET_PERCENT;
	want.budget = 10;
	err = hx_res_cpu_promise(&top, &c, thread, &want);
	hx_expect(t, err == 0 || err == -HX_ENOTSUP);
	hx_expect(t, top.accounts[HX_RES_CPU].charged == (err == 0 ? 100000 : 0));
	hx_expect(t, hx_res_ports_take(&top, &ports, "test", NOBODYS, 4) == 0);
	hx_expect(t, hx_res_ports_has(&top, NOBODYS, 4) && !hx_res_ports_has(NULL, NOBODYS, 4));
	for (unsigned k = 0; k < 50; k++)
		hx_expect(t, hx_res_alloc(&top, 100 + k * 50) != NULL);
}

/* All of it is given back by the end. */
static void end_with_all(struct hx_ktest_run *t)
{
	struct hx_thread_params p = { .name = "res", .fn = sleeper, .prio = HX_PRIO_DEFAULT };
	struct hx_res_ports ports;
	struct hx_thread *thread;

	hx_require(t, hx_res_holder_init(&top, "all", NULL) == 0);
	hx_require(t, hx_thread_create(&p, &thread) == 0);
	take_all(t, thread);
	hx_expect(t, hx_res_holder_end(&top) == 0);
	for (unsigned k = 0; k < HX_RES_KINDS; k++)
		hx_expect(t, top.accounts[k].charged == 0);
	hx_expect(t, hx_thread_join(thread, HX_FOREVER, NULL) == 0);
	hx_expect(t, hx_irq_attach(11, &action) == 0);	/* it was off */
	hx_irq_detach(11, &action);
	hx_expect(t, hx_res_ports_take(NULL, &ports, "test", NOBODYS, 4) == 0);
	hx_res_ports_give(&ports);
}

HX_KTEST(resources_go_back_with_their_holder)
{
	struct hx_heap_stats before, after = { 0 };
	unsigned i = 0;

	/* Others may take something and keep it; what is lost here is lost each time. */
	do {
		hx_heap_stats(&before);
		end_with_all(t);
		hx_heap_stats(&after);
	} while (after.used_bytes > before.used_bytes && ++i < 10);
	hx_expect(t, i < 10);
}

/* ---- several at the same ports */

static struct hx_res_holder *owners[WINDOW];	/* whose each port is; atomic */

/* Takes a few ports and, while it has them, finds nobody else's mark there. */
static int port_user(void *arg)
{
	struct hx_res_holder *h = arg;
	uint32_t rnd = (uint32_t)(uintptr_t)arg;

	start_together();
	for (unsigned i = 0; i < LOOPS / 10; i++) {
		struct hx_res_ports p;
		uint32_t first, n;

		rnd = rnd * 1664525u + 1013904223u;
		n = 1 + (rnd >> 8) % 5;
		first = (rnd >> 16) % (WINDOW - 5);
		if (hx_res_ports_take(h, &p, "test", NOBODYS + first, n) != 0) {
			count(&n_refused);
			continue;
		}
		for (unsigned k = first; k < first + n; k++)
			if (__atomic_exchange_n(&owners[k], h, __ATOMIC_RELAXED) != NULL)
				count(&n_beyond);
		hx_yield();
		if (!hx_res_ports_has(h, NOBODYS + first, n))
			count(&n_beyond);
		for (unsigned k = first; k < first + n; k++)
			if (__atomic_exchange_n(&owners[k], NULL, __ATOMIC_RELAXED) != h)
				count(&n_beyond);
		hx_res_ports_give(&p);
	}
	return 0;
}

HX_KTEST(resources_ports_are_one_holders_on_all_cpus)
{
	struct hx_thread *team[TEAM];
	struct hx_res_ports own;

	n_started = n_beyond = n_refused = 0;
	/* One of them is the kernel's all the time, so that some are refused for certain. */
	hx_require(t, hx_res_ports_take(NULL, &own, "test", NOBODYS + WINDOW / 2, 1) == 0);
	memset(owners, 0, sizeof(owners));
	owners[WINDOW / 2] = &top;
	for (unsigned i = 0; i < TEAM; i++) {
		const struct hx_thread_params p = { .name = "ports", .fn = port_user,
						    .arg = &holders[i], .prio = HX_PRIO_DEFAULT };

		hx_require(t, hx_res_holder_init(&holders[i], "ports", NULL) == 0);
		hx_require(t, hx_thread_create(&p, &team[i]) == 0);
	}
	for (unsigned i = 0; i < TEAM; i++) {
		hx_expect(t, hx_thread_join(team[i], HX_FOREVER, NULL) == 0);
		hx_expect(t, hx_res_holder_end(&holders[i]) == 0);
	}
	hx_expect(t, hx_res_ports_has(NULL, NOBODYS + WINDOW / 2, 1));
	hx_res_ports_give(&own);
	hx_expect(t, n_beyond == 0 && n_refused > 0 && hx_res_check() == 0);
}

HX_KTEST(resources_an_allocation_may_fail)
{
	void *p;

	if (!HX_ENABLED(FAULT_INJECTION)) {
		hx_ktest_skip(t, "no FAULT_INJECTION");
		return;
	}
	hx_require(t, hx_res_holder_init(&top, "poor", NULL) == 0);
	hx_heap_fail_at(1);
	p = hx_res_alloc(&top, 100);
	hx_heap_fail_at(0);
	hx_expect(t, p == NULL && top.accounts[HX_RES_MEMORY].charged == 0);
	hx_expect(t, hx_res_holder_end(&top) == 0);
}

HX_KTEST(resources_a_soft_limit_is_told_when_it_may_be)
{
	struct hx_event_sub *sub;
	struct hx_topic *topic;
	hx_irqflags_t flags;
	struct hx_event e;
	void *p;

	if (!HX_ENABLED(IPC_EVENTS)) {
		hx_ktest_skip(t, "no event bus");
		return;
	}
	if (hx_topic_open(HX_RES_TOPIC, &topic) == -HX_ENOMEM) {
		hx_ktest_skip(t, "this heap has no block for a topic");
		return;
	}
	hx_require(t, hx_event_subscribe(topic, NULL, &sub) == 0);
	hx_require(t, hx_res_holder_init(&top, "soft", NULL) == 0);
	hx_require(t, hx_res_limit(&top, HX_RES_CPU, 10, 100) == 0);
	flags = hx_irq_save();		/* nobody is woken here */
	hx_expect(t, hx_res_take(&top, HX_RES_CPU, 11) == 0);
	hx_expect(t, hx_event_next(sub, &e, 0) == -HX_EAGAIN);
	hx_irq_restore(flags);
	p = hx_res_alloc(&top, 100);
	hx_expect(t, hx_event_next(sub, &e, 10 * HX_NS_PER_S) == 0);
	hx_expect(t, e.tag == HX_RES_CPU && e.words[0] == 11 && e.words[1] == 10);
	hx_res_release(&top, HX_RES_CPU, 11);
	hx_expect(t, hx_res_take(&top, HX_RES_CPU, 12) == 0);
	hx_expect(t, hx_event_next(sub, &e, 10 * HX_NS_PER_S) == 0 && e.words[0] == 12);
	hx_res_release(&top, HX_RES_CPU, 12);
	hx_res_free(p);
	hx_expect(t, hx_res_holder_end(&top) == 0);
	hx_event_unsubscribe(sub);
	hx_topic_close(topic);
}
