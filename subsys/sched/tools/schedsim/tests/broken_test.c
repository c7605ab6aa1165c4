// SPDX-License-Identifier: MIT
/*
 * Is what is wrong with a provider seen? A small one, first come first served with stealing and
 * with budgets that hold, is broken in one way after the other: each must end with the words that
 * name it, and the unbroken one with none. And its schedules are as worked out by hand, so that
 * holding and stealing in the simulated core are right as well.
 */
#include "sim_test.h"
#include <hx/core/heap.h>

#define REFILL_NS	(20 * MS)	/* so long a thread is held when its quota is used up */

enum fault {
	FINE, LOSES, PICKS_TWICE, GIVES_NONE, COUNTS_HELD_WRONG, NEVER_RELEASES, STEALS_PINNED,
	STEALS_NOT_READY, NEVER_STEALS, LEAKS, LEAVES_TIMER, ALLOCATES_LOCKED, LOCKS_TWICE,
	KICKS_UNLOCKED, FORGETS_KICK, CONFUSED,
};

static enum fault fault;
static bool holds;		/* budgets are on */
static uint64_t quota_ns = 5 * MS;
static unsigned n_enqueued;

struct account {		/* in sched_priv[0]; from admit */
	struct hx_timer timer;
	struct hx_thread *t;
	uint64_t used_ns;
	bool held;
};

static struct account *account_of(const struct hx_thread *t)
{
	return (struct account *)(uintptr_t)t->sched_priv[0];
}

static int t_init(struct hx_runq *rq)
{
	hx_list_init(&rq->ready);
	if (fault == LEAKS)
		rq->priv = hx_alloc(24);
	return 0;
}

static void refill(struct hx_timer *timer)
{
	struct account *a = HX_CONTAINER_OF(timer, struct account, timer);
	struct hx_runq *rq = a->t->rq;
	hx_irqflags_t flags;

	if (fault == KICKS_UNLOCKED)
		hx_runq_kick(rq);
	flags = hx_runq_lock(rq);
	if (fault == LOCKS_TWICE)
		hx_runq_lock(rq);
	a->held = false;
	a->used_ns = 0;
	rq->n_held -= fault != COUNTS_HELD_WRONG;
	if (fault != FORGETS_KICK)
		hx_runq_kick(rq);
	hx_runq_unlock(rq, flags);
}

static int t_admit(struct hx_thread *t, const struct hx_intent *want)
{
	if (want == NULL) {
		if (fault != LEAVES_TIMER)
			hx_timer_cancel(&account_of(t)->timer);
		hx_free(account_of(t));
	} else if (t->intent == NULL) {
		struct account *a = hx_zalloc(sizeof(*a));

		if (a == NULL)
			return -HX_ENOMEM;
		a->timer.fn = refill;
		a->t = t;
		t->sched_priv[0] = (uintptr_t)a;
		if (fault == LEAVES_TIMER)
			hx_timer_start(&a->timer, 1000000 * MS);
	}
	return 0;
}

static void t_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	struct account *a = account_of(t);

	if (fault == ALLOCATES_LOCKED)
		hx_free(hx_alloc(8));
	if (fault == LOSES && ++n_enqueued % 7 == 0)
		return;
	hx_list_push_back(&rq->ready, &t->run_link);
	if (a->held || (holds && a->used_ns >= quota_ns)) {
		if (!a->held && fault != NEVER_RELEASES)
			hx_timer_start(&a->timer, hx_now_ns() + REFILL_NS);
		a->held = true;
		rq->n_held++;
	}
}

static void t_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	hx_list_unlink(&t->run_link);
	rq->n_held -= account_of(t)->held;
}

static struct hx_thread *first(struct hx_runq *rq, unsigned cpu)
{
	struct hx_list *n;

	HX_LIST_FOREACH(n, &rq->ready) {
		struct hx_thread *t = HX_LIST_ENTRY(n, struct hx_thread, run_link);

		if (!account_of(t)->held && (cpu == rq->cpu || fault == STEALS_PINNED ||
		    ((t->intent->affinity >> cpu & 1) != 0 &&
		     !(t->intent->flags & HX_INTENT_PINNED))))
			return t;
	}
	return NULL;
}

static struct hx_thread *t_pick(struct hx_runq *rq)
{
	struct hx_thread *t = first(rq, rq->cpu);

	if (fault == GIVES_NONE && ++n_enqueued % 5 == 0)
		return NULL;
	if (fault == PICKS_TWICE && hx_thread_self()->state == HX_THREAD_BLOCKED)
		return hx_thread_self();
	if (t != NULL)
		hx_list_unlink(&t->run_link);
	return t;
}

static struct hx_thread *t_steal(struct hx_runq *rq, unsigned cpu)
{
	struct hx_thread *t = fault == NEVER_STEALS ? NULL : first(rq, cpu);

	if (t != NULL && fault == STEALS_NOT_READY)
		return hx_thread_self();
	if (t != NULL)
		hx_list_unlink(&t->run_link);
	return t;
}

static enum hx_tick t_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	account_of(current)->used_ns += ran_ns;
	return holds && account_of(current)->used_ns >= quota_ns ? HX_TICK_OFF : HX_TICK_GO_ON;
}

static void t_leave(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns,
		    enum hx_enqueue_why why)
{
	account_of(current)->used_ns += ran_ns;
}

static const struct hx_sched_ops t_ops = {
	.abi = HX_SCHED_ABI, .name = "broken", .init = t_init, .admit = t_admit,
	.enqueue = t_enqueue, .dequeue = t_dequeue, .pick = t_pick, .tick = t_tick,
	.leave = t_leave, .steal = t_steal,
};

/* What it finds wrong itself. */
static bool t_holds(struct hx_runq *rq)
{
	return fault != CONFUSED || rq->n_ready < 3;
}

static const struct hx_sched_check t_check = { .name = "broken", .holds = t_holds };
HX_SCHED_CHECK(t_check);

static void hold_and_release_as_worked_out(void **state)
{
	struct test_run r;

	fault = FINE;
	holds = true;
	r = run_text(&t_ops, "length 100ms thread a { program { run 12ms mark } }");
	/* 0-5, held to 25, 25-30, held to 50, 50-52: the CPU idles though a is ready. */
	assert_int_equal(r.err, 0);
	assert_int_equal(time_on(&r, 0, 0), 0);
	assert_int_equal(time_on(&r, 0, 1), 25 * MS);
	assert_int_equal(time_on(&r, 0, 2), 50 * MS);
	assert_int_equal(response_of(&r, 0, 0), 52 * MS);
	assert_int_equal(r.s->cpus[0].wasted_ns, 0);	/* held is not waiting */
	run_end(&r);
}

static void idle_cpus_steal_and_pinned_threads_stay(void **state)
{
	struct test_run r;

	fault = FINE;
	holds = false;
	r = run_text(&t_ops, "cpus 2 length 100ms "
		"thread pinned { count 4 intent affinity=0,1 flags=pinned"
		" program { run 10ms mark } }"
		"thread free { arrival 1ms count 4 program { run 10ms mark } }");
	/* Two pinned ones and two free ones at each CPU: 40 ms on both. */
	assert_int_equal(r.err, 0);
	assert_int_equal(r.s->cpus[0].idle_ns, 60 * MS);
	assert_int_equal(r.s->cpus[1].idle_ns, 60 * MS);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(r.s->threads[i].n_moved, 0);
	run_end(&r);
	r = run_text(&t_ops, "cpus 2 length 100ms "
		"thread a { intent affinity=0 program { run 30ms mark } }"
		"thread b { program { run 10ms } }"
		"thread c { intent affinity=0,1 arrival 1ms count 2 program { run 10ms mark } }");
	/* a on 0, b on 1; c0 waits at 0, c1 at 1. At 10 b ends, c1 runs; at 20 CPU 1 steals c0. */
	assert_int_equal(r.err, 0);
	assert_int_equal(time_on(&r, 2, 0), 20 * MS);
	assert_int_equal(r.s->threads[2].n_moved, 1);
	assert_int_equal(r.s->threads[2].cpu, 1);
	run_end(&r);
}

struct expected {
	enum fault fault;
	bool holds;
	const char *words;
};

static const struct expected expected[] = {
	{ LOSES, false, "lost" },
	{ PICKS_TWICE, false, "not ready" },
	{ GIVES_NONE, false, "lost" },
	{ COUNTS_HELD_WRONG, true, "held" },
	{ FORGETS_KICK, true, "invariant 3" },
	{ STEALS_PINNED, false, "where it may not run" },
	{ STEALS_NOT_READY, false, "gave away thread" },
	{ NEVER_STEALS, false, "invariant 4" },
	{ LEAKS, false, "keeps" },
	{ LEAVES_TIMER, false, "frees a timer that runs" },
	{ ALLOCATES_LOCKED, false, "allocates with a run queue's lock" },
	{ LOCKS_TWICE, true, "takes the lock of run queue" },
	{ KICKS_UNLOCKED, true, "without its lock" },
	{ CONFUSED, false, "an invariant of its own" },
};

static void random_events_find_every_fault(void **state)
{
	struct random_options o = { .cpus = 2, .seed = hx_test_seed(), .n_events = 100000 };

	quota_ns = MS / 4;	/* most are held, so CPUs idle */
	for (size_t i = 0; i < HX_ARRAY_LEN(expected); i++) {
		char error[SIM_ERROR_MAX] = "";
		struct random_reached r;

		fault = expected[i].fault;
		holds = expected[i].holds;
		n_enqueued = 0;
		if (random_run(&t_ops, &o, &r, error) == 0)
			fail_msg("fault %d was not seen", (int)fault);
		if (strstr(error, expected[i].words) == NULL)
			fail_msg("fault %d: \"%s\" and not \"%s\"", (int)fault, error,
				 expected[i].words);
	}
}

static void random_events_accuse_nobody_falsely(void **state)
{
	struct random_options o = { .seed = hx_test_seed(), .n_events = 30000 };
	char error[SIM_ERROR_MAX] = "";
	struct random_reached r;

	fault = FINE;
	quota_ns = MS / 4;
	for (unsigned k = 0; k < 6; k++) {
		holds = k % 2 != 0;
		o.cpus = 1u << k / 2;
		o.alloc_fails_in = k < 2 ? 0 : ALLOC_FAILS_IN;
		if (random_run(&t_ops, &o, &r, error) != 0)
			fail_msg("%u CPUs: %s", 1u << k / 2, error);
		assert_true(r.n_switches > 5000 && (r.most_held > 10) == holds);
		assert_true((r.n_moved > 100) == (k >= 2));
	}
}

static void a_thread_held_for_ever_starves_and_counts_as_late(void **state)
{
	struct test_run r;

	fault = NEVER_RELEASES;
	quota_ns = 5 * MS;
	holds = true;
	r = run_text(&t_ops, "length 100ms thread a { program { run 12ms mark due 50ms } }");
	assert_int_equal(r.err, 0);
	assert_int_equal(r.s->measured[0].n_marks, 0);
	assert_int_equal(r.s->measured[0].n_missed, 1);
	assert_int_equal(r.s->measured[0].response.v[0], 100 * MS);
	run_end(&r);
}

/* A leaking provider leaks in its test too. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:t_init\nleak:t_admit\nleak:t_enqueue\n";
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hold_and_release_as_worked_out),
		cmocka_unit_test(idle_cpus_steal_and_pinned_threads_stay),
		cmocka_unit_test(random_events_find_every_fault),
		cmocka_unit_test(random_events_accuse_nobody_falsely),
		cmocka_unit_test(a_thread_held_for_ever_starves_and_counts_as_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
