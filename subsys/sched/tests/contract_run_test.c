// SPDX-License-Identifier: MIT
/*
 * Schedulers at work on a CPU in virtual time: threads that run, wait, yield, end, change their
 * priority and their intent, and move, in random order; what was promised is looked at after each
 * event. And that equals share.
 *
 * HX_TEST_EVENTS=<n> says how many events, HX_TEST_SEED=<n> which.
 */
#include "sched_suite.h"

#define N_EVENTS	1000000u
#define SHARE_RUN_NS	(30 * HX_NS_PER_S)
#define SHARE_ERROR_NS	(2 * HX_NS_PER_S)	/* the longest round of MLFQ's bottom is 1.3 s */

static uint64_t rnd;
static bool started[N_THREADS];

static uint64_t below(uint64_t n)
{
	return hx_test_random_below(&rnd, n);
}

static void random_intent(unsigned i)
{
	static const uint16_t shares[] = { 1, 15, 500, 1024, 2000, 10000 };
	struct hx_intent want;
	int err;

	hx_intent_init(&want);
	want.nice = (int8_t)(HX_NICE_MIN + (int)below(40));
	want.latency_nice = (int8_t)(HX_NICE_MIN + (int)below(40));
	want.affinity = below(3) == 0 ? 2 : HX_AFFINITY_ANY;
	want.flags = below(4) == 0 ? HX_INTENT_PINNED : 0;
	if (below(3) == 0) {
		want.budget_kind = HX_BUDGET_SHARES;
		want.budget = shares[below(HX_ARRAY_LEN(shares))];
	}
	if (below(4) == 0) {
		want.runtime_ns = (1 + below(40)) * (MS / 10);
		want.deadline_ns = want.runtime_ns + below(30 * MS);
		want.period_ns = want.deadline_ns + below(2) * below(30 * MS);
	}
	err = play_intent(i, &want);
	if (err != 0)	/* there is no CPU time left to promise */
		assert_int_equal(err, -HX_ENOSPC);
}

static void start_or_wake(unsigned i)
{
	if (queued[i] || &threads[i] == current)
		return;
	play_ready(i, !started[i] ? HX_ENQUEUE_NEW : HX_ENQUEUE_WAKE);
	started[i] = true;
}

static void end_current(void)
{
	started[index_of(current)] = false;
	play_exit();
}

static void steal_one(void)
{
	unsigned i;

	if (ops->steal == NULL)
		return;
	i = play_steal(1 + (unsigned)below(2));
	if (i == NOBODY)
		return;
	assert_false(threads[i].intent->flags & HX_INTENT_PINNED);
	assert_true(threads[i].intent->affinity & 6);
	play_ready(i, HX_ENQUEUE_MOVE);		/* there and back again */
}

static void random_event(void)
{
	unsigned i = (unsigned)below(N_THREADS), kind = (unsigned)below(100);

	if (kind < 35)
		start_or_wake(i);
	else if (kind < 60 && current != NULL)
		play_block();
	else if (kind < 75)
		play_run(1 + below(3 * MS));
	else if (kind < 85 && current != NULL)
		play_yield();
	else if (kind < 88 && started[i])
		play_prio(i, (uint8_t)below(HX_PRIO_LOWEST + 1));
	else if (kind < 92 && started[i])
		random_intent(i);
	else if (kind < 94 && current != NULL)
		end_current();
	else if (kind < 98)
		steal_one();
	else
		play_run(below(100));
}

static void check_counts(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < N_THREADS; i++)
		n += queued[i];
	assert_int_equal(rq.n_ready, n);
	assert_true(rq.n_held <= rq.n_ready);
	assert_true(current != NULL || !has_next());
}

static void a_million_events_break_no_promise(void **state)
{
	const char *text = getenv("HX_TEST_EVENTS");
	uint64_t n_events = text != NULL ? strtoull(text, NULL, 0) : N_EVENTS;

	rnd = hx_test_seed();
	memset(started, 0, sizeof(started));
	for (uint64_t n = 0; n < n_events; n++) {
		random_event();
		check_counts();
	}
	play_drain();
}

/* Threads that always run get the same, whoever comes and goes beside them. */
static void expect_equal_shares(unsigned n_hogs, unsigned n_sleepers)
{
	hx_ns_t start = hx_now_ns();
	uint64_t total = 0;

	for (unsigned i = 0; i < n_hogs + n_sleepers; i++)
		play_ready(i, HX_ENQUEUE_NEW);
	while (hx_now_ns() - start < SHARE_RUN_NS) {
		play_run(below(5 * MS));
		if (current != NULL && index_of(current) >= n_hogs)
			play_block();
		for (unsigned i = n_hogs; i < n_hogs + n_sleepers; i++) {
			if (!queued[i] && &threads[i] != current && below(10) == 0)
				play_wake(i);
		}
	}
	for (unsigned i = 0; i < n_hogs; i++)
		total += got[i];
	for (unsigned i = 0; i < n_hogs; i++) {
		uint64_t part = total / n_hogs;

		if (got[i] + SHARE_ERROR_NS < part || got[i] > part + SHARE_ERROR_NS)
			fail_msg("%s: hog %u of %u got %llu ms of %llu", ops->name, i, n_hogs,
				 (unsigned long long)(got[i] / MS),
				 (unsigned long long)(part / MS));
	}
	play_drain();
}

static void equal_hogs_get_equal_time(void **state)
{
	if (ops->tick == NULL)
		skip();
	rnd = hx_test_seed();
	expect_equal_shares(4, 0);
}

static void equal_hogs_get_equal_time_among_sleepers(void **state)
{
	if (ops->tick == NULL)
		skip();
	rnd = hx_test_seed();
	expect_equal_shares(3, 6);
}

static void idle_cpu_takes_whoever_wakes(void **state)
{
	for (unsigned i = 0; i < 100; i++) {
		play_ready(i % 5, i < 5 ? HX_ENQUEUE_NEW : HX_ENQUEUE_WAKE);
		assert_ptr_equal(current, &threads[i % 5]);
		play_run(3 * MS);
		assert_ptr_equal(current, &threads[i % 5]);
		play_block();
		assert_null(current);
		play_run(MS / 2);
	}
}

static const struct CMUnitTest tests[] = {
	CASE(a_million_events_break_no_promise),
	CASE(equal_hogs_get_equal_time),
	CASE(equal_hogs_get_equal_time_among_sleepers),
	CASE(idle_cpu_takes_whoever_wakes),
};

int main(void)
{
	return suite_run(tests, HX_ARRAY_LEN(tests));
}
