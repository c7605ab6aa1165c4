// SPDX-License-Identifier: MIT
/*
 * Who keeps a ready thread from running is told apart: the policy is thrown out, and nobody else.
 */
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/core/time.h>
#include <hx/hal/cpu.h>
#include <hx/hal/timer.h>

#include "stall_priv.h"
#include "swap_team.h"

/* ---- a plain queue that is unjust in one way */

enum unjust { JUST, HOLDS, DOES_NOT_TURN, STARVES };

static enum unjust unjust;
static struct hx_thread *volatile starved;

static int unjust_init(struct hx_runq *rq)
{
	return 0;
}

static void unjust_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	hx_list_push_back(&rq->ready, &t->run_link);
	if (unjust == HOLDS)
		rq->n_held++;
}

static void unjust_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	hx_list_unlink(&t->run_link);
	if (rq->n_held > 0)
		rq->n_held--;
}

static struct hx_thread *unjust_pick(struct hx_runq *rq)
{
	struct hx_list *n = rq->ready.next;

	if (hx_list_is_empty(&rq->ready))
		return NULL;
	if (unjust == STARVES && n == &starved->run_link && n->next != &rq->ready)
		n = n->next;
	hx_list_unlink(n);
	return HX_LIST_ENTRY(n, struct hx_thread, run_link);
}

static enum hx_tick unjust_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	return unjust == DOES_NOT_TURN ? HX_TICK_GO_ON : HX_TICK_TURN;
}

static const struct hx_sched_ops unjust_ops = {
	.abi = HX_SCHED_ABI, .name = "test-unjust", .init = unjust_init, .pick = unjust_pick,
	.enqueue = unjust_enqueue, .dequeue = unjust_dequeue, .tick = unjust_tick,
};

static size_t unjust_list(struct hx_runq *rq, struct hx_thread **ready, size_t room)
{
	struct hx_list *n;
	size_t i = 0;

	HX_LIST_FOREACH(n, &rq->ready) {
		if (i < room)
			ready[i++] = HX_LIST_ENTRY(n, struct hx_thread, run_link);
	}
	return i;
}

static void unjust_save_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
}

static void unjust_load_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (records[i]->t->state == HX_THREAD_READY)
			hx_list_push_back(&rq->ready, &records[i]->t->run_link);
	}
}

static const struct hx_sched_state_ops unjust_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "test-unjust",
	.list = unjust_list, .save_all = unjust_save_all, .load_all = unjust_load_all,
};
HX_SCHED_CLASS(unjust_ops);
HX_SCHED_STATE(unjust_state);

/* ---- three who never give up the CPU by themselves, on one CPU */

#define N_SPINNERS	3u

static struct hx_thread *spinners[N_SPINNERS];
static volatile bool spin_stop;
static volatile uint64_t spun[N_SPINNERS];

static int spinner_main(void *arg)
{
	volatile uint64_t *n = arg;

	while (!spin_stop)
		(*n)++;
	return 1;
}

/* On the last CPU, so that main and others have one where nobody spins, if there are several. */
static bool spinners_start(void)
{
	uint64_t cpus = hx_cpus_online().bits;
	struct hx_intent want;
	struct hx_thread_params p = { .name = "spinner", .fn = spinner_main, .intent = &want,
				      .prio = hx_thread_self()->prio };

	hx_intent_init(&want);
	want.affinity = 1ull << (63 - __builtin_clzll(cpus));
	spin_stop = false;
	for (unsigned i = 0; i < N_SPINNERS; i++) {
		p.arg = (void *)&spun[i];
		spun[i] = 0;
		if (hx_thread_create(&p, &spinners[i]) != 0)
			return false;
	}
	return true;
}

static unsigned spinners_end(void)
{
	unsigned n = 0;
	int value;

	spin_stop = true;
	for (unsigned i = 0; i < N_SPINNERS; i++)
		if (hx_thread_join(spinners[i], 60 * HX_NS_PER_S, &value) == 0)
			n += (unsigned)value;
	return n;
}

static bool stalls_are_seen(struct hx_ktest_run *t)
{
	if (HX_ENABLED(PREEMPT_FULL))
		return true;
	hx_ktest_skip(t, "nobody takes the CPU away from a thread in this kernel");
	return false;
}

/* Swapped in, then that: it is thrown out, with those words. */
static void is_thrown_out(struct hx_ktest_run *t, enum unjust how, const char *words)
{
	const char *first = swap_current();
	uint32_t before = stall_count(STALL_POLICY, NULL);
	hx_ns_t until = hx_now_ns() + 30 * HX_NS_PER_S;
	char last[STALL_TEXT];

	unjust = JUST;
	hx_swap_forgive(&sched_kind, &unjust_ops);
	hx_expect(t, swap_to("test-unjust", NULL) == 0);
	unjust = how;
	while (hx_strcmp(swap_current(), first) != 0 && hx_now_ns() < until)
		hx_sleep_ns(TICK_NS);
	unjust = JUST;
	hx_expect(t, hx_strcmp(swap_current(), first) == 0);
	hx_expect(t, stall_count(STALL_POLICY, last) > before);
	if (!hx_glob(words, last))
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, last);
}

HX_KTEST(stall_of_a_policy_throws_it_out)
{
	static const struct {
		enum unjust how;
		const char *words;
	} ways[] = {
		{ DOES_NOT_TURN, "cpu *: test-unjust does not pick thread *" },
		{ STARVES, "cpu *: test-unjust starves thread * spinner" },
	};

	if (!stalls_are_seen(t))
		return;
	swap_probation(60);
	/* Whoever wakes is held then, and the CPU idles. */
	if (hx_sched_may_hold)
		is_thrown_out(t, HOLDS, "cpu *: test-unjust holds thread *");
	hx_require(t, spinners_start());
	starved = spinners[1];
	for (unsigned i = 0; i < HX_ARRAY_LEN(ways); i++)
		is_thrown_out(t, ways[i].how, ways[i].words);
	swap_probation(0);
	hx_swap_forgive(&sched_kind, &unjust_ops);
	hx_expect(t, spinners_end() == N_SPINNERS);
}

/* After probation the plain queue serves. */
HX_KTEST(stall_after_probation_throws_it_out_as_well)
{
	const char *first = swap_current();
	hx_ns_t until;

	if (!stalls_are_seen(t))
		return;
	hx_require(t, spinners_start());
	unjust = JUST;
	hx_swap_forgive(&sched_kind, &unjust_ops);
	hx_expect(t, swap_to("test-unjust", NULL) == 0);
	until = hx_now_ns() + 30 * HX_NS_PER_S;
	while (hx_swap_before(&sched_kind) != NULL)
		hx_sleep_ns(TICK_NS);
	unjust = DOES_NOT_TURN;
	while (hx_strcmp(swap_current(), "fifo") != 0 && hx_now_ns() < until)
		hx_sleep_ns(TICK_NS);
	unjust = JUST;
	hx_expect(t, hx_strcmp(swap_current(), "fifo") == 0);
	hx_swap_forgive(&sched_kind, &unjust_ops);
	hx_expect(t, swap_to(first, NULL) == 0);
	hx_expect(t, spinners_end() == N_SPINNERS);
}

/* ---- others who are to blame */

/* Who does something on the spinners' CPU, until that is told of it. */
static struct {
	enum stall_cause cause;
	const char *words;
	void (*begin)(void), (*end)(void);
	hx_ns_t least_ns;		/* goes on for so long anyway */
	uint32_t n_before;
} hog;

static bool hog_is_told(void)
{
	char last[STALL_TEXT];

	return stall_count(hog.cause, last) != hog.n_before && hx_glob(hog.words, last);
}

/* A busy host lets others stand still as well, and what is told of them may hide what was told of
 * this one, once: so after 2 s again, for 30 s. */
static int hog_main(void *arg)
{
	const hx_ns_t until = hx_now_ns() + 30 * HX_NS_PER_S;
	bool told = false;
	hx_ns_t from;

	while (!told && hx_now_ns() < until) {
		hog.begin();
		from = hx_now_ns();
		do {
			hx_cpu_relax();
			if (HX_CPUS > 1)
				hx_spin_poll();
			told = told || hog_is_told();
		} while (hx_now_ns() - from < (told ? hog.least_ns : 2 * HX_NS_PER_S));
		hog.end();
		hx_sleep_ns(TICK_NS);
	}
	return told;
}

/* The policy does not turn meanwhile: nobody less urgent may expect that. */
static void turns_end(void)
{
	unjust = DOES_NOT_TURN;
}

static void turns_begin(void)
{
	unjust = JUST;
}

static void preemption_off(void)
{
	hx_preempt_disable();
}

static void preemption_on(void)
{
	hx_preempt_enable();
}

static hx_irqflags_t hog_flags;

static void interrupts_off(void)
{
	hog_flags = hx_irq_save();
}

static void interrupts_on(void)
{
	hx_irq_restore(hog_flags);
}

/* That is told of hog, and the policy stays. */
static void is_told(struct hx_ktest_run *t, uint8_t prio)
{
	uint64_t cpus = hx_cpus_online().bits;
	struct hx_intent want;
	struct hx_thread_params p = { .name = "hog", .fn = hog_main, .intent = &want,
				      .prio = prio };
	struct hx_thread *thread;
	char last[STALL_TEXT];
	int told = 0;

	hx_intent_init(&want);
	want.affinity = 1ull << (63 - __builtin_clzll(cpus));
	hog.n_before = stall_count(hog.cause, NULL);
	hx_require(t, hx_thread_create(&p, &thread) == 0);
	hx_expect(t, hx_thread_join(thread, 60 * HX_NS_PER_S, &told) == 0);
	(void)stall_count(hog.cause, last);
	if (told == 0)
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, last);
	hx_expect(t, hx_strcmp(swap_current(), "test-unjust") == 0);
}

HX_KTEST(stall_of_others_is_no_fault_of_the_policy)
{
	const char *first = swap_current();
	const uint8_t prio = hx_thread_self()->prio;

	if (!stalls_are_seen(t))
		return;
	unjust = JUST;
	swap_probation(60);	/* all kinds of stalls are looked for */
	hx_swap_forgive(&sched_kind, &unjust_ops);
	hx_expect(t, swap_to("test-unjust", NULL) == 0);
	hx_require(t, spinners_start());
	hog.cause = STALL_PREEMPTION_OFF;
	hog.words = "cpu *: thread * hog has preemption off";
	hog.begin = preemption_off;
	hog.end = preemption_on;
	hog.least_ns = 200 * HX_NS_PER_MS;	/* the spinners starve */
	is_told(t, prio);
	hog.cause = STALL_URGENT;
	hog.words = "cpu *: thread * hog is more urgent";
	hog.begin = turns_end;
	hog.end = turns_begin;
	hog.least_ns = 0;
	is_told(t, 0);
	hog.cause = STALL_INTERRUPTS_OFF;
	hog.words = "cpu * takes no ticks: thread * hog has interrupts off";
	hog.begin = interrupts_off;
	hog.end = interrupts_on;
	if (hx_cpu_count() > 1)
		is_told(t, prio);
	hx_expect(t, spinners_end() == N_SPINNERS);
	swap_probation(0);
	hx_expect(t, swap_to(first, NULL) == 0);
}
