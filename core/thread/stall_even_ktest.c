// SPDX-License-Identifier: MIT
/*
 * A policy that keeps what it says of itself is not thrown out, however long somebody waits: one
 * that takes the most urgent, and among equals the first come, and lets each run for its turn while
 * an equal waits.
 */
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/core/time.h>
#include <hx/hal/cpu.h>
#include <hx/hal/timer.h>

#include "stall_priv.h"
#include "swap_team.h"

/* ---- the policy */

static uint32_t even_turn;		/* ticks of a turn, while an equal waits */
static uint32_t even_ticks[HX_CPUS];	/* rq->lock: so many were had of it */
static volatile uint32_t even_ran[HX_CPUS];	/* rq->lock: ticks of who runs */
static volatile uint32_t even_all[HX_CPUS];	/* rq->lock: ticks of whoever ran */

static int even_init(struct hx_runq *rq)
{
	even_ticks[rq->cpu] = 0;
	return 0;
}

/* The most urgent first; behind its equals. */
static void even_put(struct hx_runq *rq, struct hx_thread *t)
{
	struct hx_list *n = rq->ready.prev;

	while (n != &rq->ready && HX_LIST_ENTRY(n, struct hx_thread, run_link)->prio > t->prio)
		n = n->prev;
	hx_list_push_front(n, &t->run_link);
}

static void even_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	even_put(rq, t);
}

static void even_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	hx_list_unlink(&t->run_link);
}

static struct hx_thread *even_pick(struct hx_runq *rq)
{
	struct hx_list *n = hx_list_pop_front(&rq->ready);

	even_ticks[rq->cpu] = even_ran[rq->cpu] = 0;
	return n != NULL ? HX_LIST_ENTRY(n, struct hx_thread, run_link) : NULL;
}

static enum hx_tick even_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	const struct hx_thread *next;

	even_ran[rq->cpu]++;
	even_all[rq->cpu]++;
	if (hx_list_is_empty(&rq->ready))
		return HX_TICK_GO_ON;
	next = HX_LIST_ENTRY(rq->ready.next, struct hx_thread, run_link);
	if (next->prio < current->prio)
		return HX_TICK_TURN;
	if (next->prio > current->prio)
		even_ticks[rq->cpu] = 0;
	else if (++even_ticks[rq->cpu] >= even_turn)
		return HX_TICK_TURN;
	return HX_TICK_GO_ON;
}

static const struct hx_sched_ops even_ops = {
	.abi = HX_SCHED_ABI, .name = "test-even", .init = even_init, .pick = even_pick,
	.enqueue = even_enqueue, .dequeue = even_dequeue, .tick = even_tick,
};

static size_t even_list(struct hx_runq *rq, struct hx_thread **ready, size_t room)
{
	struct hx_list *n;
	size_t i = 0;

	HX_LIST_FOREACH(n, &rq->ready) {
		if (i < room)
			ready[i++] = HX_LIST_ENTRY(n, struct hx_thread, run_link);
	}
	return i;
}

static void even_save_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
}

static void even_load_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (records[i]->t->state == HX_THREAD_READY)
			even_put(rq, records[i]->t);
	}
}

static struct hx_sched_state_ops even_state = {	/* turn_ns: of the test that runs */
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "test-even",
	.list = even_list, .save_all = even_save_all, .load_all = even_load_all,
};
HX_SCHED_CLASS(even_ops);
HX_SCHED_STATE(even_state);

/* ---- what the tests share */

static const char *first;
static uint32_t n_blamed;

/* False: that kernel does not take the CPU from anybody. */
static bool even_serves(struct hx_ktest_run *t, uint32_t turn)
{
	if (!HX_ENABLED(PREEMPT_FULL)) {
		hx_ktest_skip(t, "nobody takes the CPU away from a thread in this kernel");
		return false;
	}
	first = swap_current();
	n_blamed = stall_count(STALL_POLICY, NULL);
	even_turn = turn;
	even_state.turn_ns = turn * TICK_NS;
	swap_probation(60);	/* all kinds of stalls are looked for */
	hx_swap_forgive(&sched_kind, &even_ops);
	hx_expect(t, swap_to("test-even", NULL) == 0);
	return true;
}

static void even_is_not_blamed(struct hx_ktest_run *t)
{
	char last[STALL_TEXT];
	bool is_blamed = stall_count(STALL_POLICY, last) != n_blamed;

	if (is_blamed)
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, last);
	hx_expect(t, hx_strcmp(swap_current(), "test-even") == 0);
	swap_probation(0);
	hx_expect(t, swap_to(first, NULL) == 0);
}

/* On the last CPU, so that main and others have one of their own, if there are several. */
static struct hx_thread *start(int (*fn)(void *arg), void *arg, uint8_t prio)
{
	uint64_t cpus = hx_cpus_online().bits;
	struct hx_intent want;
	struct hx_thread_params p = { .name = "even", .fn = fn, .arg = arg, .intent = &want,
				      .prio = prio };
	struct hx_thread *t;

	hx_intent_init(&want);
	want.affinity = 1ull << (63 - __builtin_clzll(cpus));
	return hx_thread_create(&p, &t) == 0 ? t : NULL;
}

static bool ends(struct hx_thread *t)
{
	return t != NULL && hx_thread_join(t, 60 * HX_NS_PER_S, NULL) == 0;
}

/* ---- an equal that comes when others, who are less urgent, have waited for long */

#define LONG_TURN	20u

static volatile bool late_ran, low_stop;
static struct hx_sem late_go;

static int low_main(void *arg)
{
	while (!low_stop)
		hx_cpu_relax();
	return 0;
}

/* Ticks that its CPU has had: a busy host gives it fewer than there should be. The healer may come
 * in between, and is gone at once. */
static void hog(uint32_t ticks, hx_ns_t until)
{
	const unsigned cpu = hx_percpu()->cpu;
	const uint32_t first_tick = even_all[cpu];

	while (even_all[cpu] - first_tick < ticks && hx_now_ns() < until)
		hx_cpu_relax();
}

static int hog_main(void *arg)
{
	const hx_ns_t until = hx_now_ns() + 30 * HX_NS_PER_S;

	hog((uint32_t)(uintptr_t)arg, until);
	hx_sem_give(&late_go);
	while (!late_ran && hx_now_ns() < until)
		hx_cpu_relax();
	return 0;
}

/* It starts who has its CPU then, and is that one's equal when it wakes. */
static int late_main(void *arg)
{
	struct hx_thread *before = start(hog_main, arg, hx_thread_self()->prio);

	(void)!hx_sem_take(&late_go, HX_FOREVER);
	late_ran = true;
	return ends(before) ? 0 : 1;
}

HX_KTEST(stall_who_came_late_is_no_reason_to_blame_a_policy)
{
	const uint8_t prio = hx_thread_self()->prio;
	struct hx_thread *low;

	if (!even_serves(t, LONG_TURN))
		return;
	low_stop = false;
	hx_sem_init(&late_go, 0);
	low = start(low_main, NULL, prio);
	for (unsigned ticks = 14; ticks < 32; ticks += 4) {
		late_ran = false;
		hx_expect(t, ends(start(late_main, (void *)(uintptr_t)ticks, prio - 1)));
	}
	low_stop = true;
	hx_expect(t, ends(low));
	even_is_not_blamed(t);
}

/* ---- one behind many, each of whom takes a turn and is gone */

#define N_MANY	100u

static struct hx_sem many_go;
static volatile uint32_t n_wait, n_ran;

static int many_main(void *arg)
{
	const unsigned cpu = hx_percpu()->cpu;

	__atomic_add_fetch(&n_wait, 1, __ATOMIC_ACQ_REL);
	(void)!hx_sem_take(&many_go, HX_FOREVER);
	while (arg == NULL && even_ran[cpu] == 0)
		hx_cpu_relax();
	__atomic_add_fetch(&n_ran, 1, __ATOMIC_ACQ_REL);
	return 0;
}

HX_KTEST(stall_who_waits_behind_many_that_have_gone_does_not_starve)
{
	static struct hx_thread *many[N_MANY + 1];
	const uint8_t prio = hx_thread_self()->prio;

	if (!even_serves(t, 2))
		return;
	hx_sem_init(&many_go, 0);
	n_wait = n_ran = 0;
	for (unsigned i = 0; i <= N_MANY; i++) {
		many[i] = start(many_main, i == N_MANY ? many : NULL, prio);
		hx_require(t, many[i] != NULL);
	}
	while (n_wait <= N_MANY)
		hx_sleep_ns(TICK_NS);
	hx_sleep_ns(TICK_NS);	/* until the last of them waits */
	hx_preempt_disable();
	for (unsigned i = 0; i <= N_MANY; i++)
		hx_sem_give(&many_go);
	hx_preempt_enable();
	for (unsigned i = 0; i <= N_MANY; i++)
		hx_expect(t, ends(many[i]));
	hx_expect(t, n_ran == N_MANY + 1);
	even_is_not_blamed(t);
}

/* ---- one behind an equal, when somebody urgent has had the CPU for long */

#define LONG_TICKS	80u

static int urgent_main(void *arg)
{
	hog(LONG_TICKS, hx_now_ns() + 30 * HX_NS_PER_S);
	return 0;
}

HX_KTEST(stall_who_waited_for_somebody_urgent_does_not_starve)
{
	const uint8_t prio = hx_thread_self()->prio;
	struct hx_thread *low[2];

	if (!even_serves(t, 2))
		return;
	low_stop = false;
	for (unsigned i = 0; i < 2; i++)
		low[i] = start(low_main, NULL, prio);
	for (unsigned i = 0; i < 3; i++) {
		hx_expect(t, ends(start(urgent_main, NULL, prio - 1)));
		hx_sleep_ns(5 * TICK_NS);
	}
	low_stop = true;
	for (unsigned i = 0; i < 2; i++)
		hx_expect(t, ends(low[i]));
	even_is_not_blamed(t);
}
