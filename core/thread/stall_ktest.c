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

static void unjust_walk(struct hx_runq *rq, hx_sched_visit_t visit, void *arg)
{
	struct hx_list *n;

	HX_LIST_FOREACH(n, &rq->ready)
		visit(arg, HX_LIST_ENTRY(n, struct hx_thread, run_link));
}

static void unjust_save(struct hx_runq *rq, const struct hx_thread *t, struct hx_sched_state *s)
{
}

static void unjust_load(struct hx_runq *rq, struct hx_thread *t, const struct hx_sched_state *s)
{
	if (t->state == HX_THREAD_READY)
		hx_list_push_back(&rq->ready, &t->run_link);
}

static const struct hx_sched_state_ops unjust_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "test-unjust",
	.walk = unjust_walk, .save = unjust_save, .load = unjust_load,
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

static volatile uint32_t n_before;

/* Keeps its CPU until somebody says so, 30 s at most. */
static int keep_cpu(void *arg)
{
	enum stall_cause cause = (enum stall_cause)(uintptr_t)arg;
	hx_ns_t until = hx_now_ns() + 30 * HX_NS_PER_S;
	bool told;

	do {
		hx_cpu_relax();
		told = stall_count(cause, NULL) != n_before;
	} while (!told && hx_now_ns() < until);
	return told;
}

/* The policy does not turn while this runs: nobody less urgent may expect that. */
static int urgent_hog(void *arg)
{
	int told;

	unjust = DOES_NOT_TURN;
	told = keep_cpu(arg);
	unjust = JUST;
	return told;
}

static int preemption_hog(void *arg)
{
	int told;

	hx_preempt_disable();
	told = keep_cpu(arg);
	hx_preempt_enable();
	return told;
}

#define INTERRUPTS_OFF	"cpu * takes no ticks: thread * hog has interrupts off"

static int interrupt_hog(void *arg)
{
	hx_ns_t until = hx_now_ns() + 30 * HX_NS_PER_S, next;
	hx_irqflags_t flags;
	char last[STALL_TEXT];

	/* A busy host lets other CPUs stand still as well, and what is told of them may hide what
	 * was told of this one, once: so again. */
	do {
		flags = hx_irq_save();
		next = hx_now_ns() + 2 * HX_NS_PER_S;
		do {
			hx_cpu_relax();
			hx_spin_poll();
			(void)stall_count(STALL_INTERRUPTS_OFF, last);
		} while (!hx_glob(INTERRUPTS_OFF, last) && hx_now_ns() < next);
		hx_irq_restore(flags);
	} while (!hx_glob(INTERRUPTS_OFF, last) && hx_now_ns() < until);
	return hx_glob(INTERRUPTS_OFF, last);
}

/* On the spinners' CPU somebody does that: told, and the policy stays. */
static void is_told(struct hx_ktest_run *t, enum stall_cause cause, int (*fn)(void *arg),
		    uint8_t prio, const char *words)
{
	uint64_t cpus = hx_cpus_online().bits;
	struct hx_intent want;
	struct hx_thread_params p = { .name = "hog", .fn = fn, .intent = &want, .prio = prio,
				      .arg = (void *)(uintptr_t)cause };
	struct hx_thread *hog;
	char last[STALL_TEXT];
	int told = 0;

	hx_intent_init(&want);
	want.affinity = 1ull << (63 - __builtin_clzll(cpus));
	n_before = stall_count(cause, NULL);
	hx_require(t, hx_thread_create(&p, &hog) == 0);
	hx_expect(t, hx_thread_join(hog, 60 * HX_NS_PER_S, &told) == 0);
	(void)stall_count(cause, last);
	if (told == 0 || (words != NULL && !hx_glob(words, last)))
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, last);
}

HX_KTEST(stall_of_others_is_no_fault_of_the_policy)
{
	const char *first = swap_current();
	const uint8_t prio = hx_thread_self()->prio;

	if (!stalls_are_seen(t))
		return;
	unjust = JUST;
	hx_swap_forgive(&sched_kind, &unjust_ops);
	hx_expect(t, swap_to("test-unjust", NULL) == 0);
	hx_require(t, spinners_start());
	is_told(t, STALL_PREEMPTION_OFF, preemption_hog, prio,
		"cpu *: thread * hog has preemption off");
	is_told(t, STALL_URGENT, urgent_hog, 0, "cpu *: thread * hog is more urgent");
	if (hx_cpu_count() > 1)
		is_told(t, STALL_INTERRUPTS_OFF, interrupt_hog, prio, NULL);
	hx_expect(t, hx_strcmp(swap_current(), "test-unjust") == 0);
	hx_expect(t, spinners_end() == N_SPINNERS);
	hx_expect(t, swap_to(first, NULL) == 0);
}
