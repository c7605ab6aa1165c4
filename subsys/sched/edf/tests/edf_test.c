// SPDX-License-Identifier: MIT
/*
 * EDF's own promises: what does not fit is refused; what was admitted meets its deadlines, whatever
 * one of them does; who overruns gets its bandwidth and no more; the rest goes to the background.
 */
#include "../../tests/sched_suite.h"

#define N_SETS		60u
#define SET_RUN_NS	(5 * HX_NS_PER_S)
#define ROGUE		(N_THREADS - 1)
#define BACKGROUND	(N_THREADS - 2)

static uint64_t rnd;

static uint64_t below(uint64_t n)
{
	return hx_test_random_below(&rnd, n);
}

static struct hx_intent terms(uint64_t runtime_ns, uint64_t deadline_ns, uint64_t period_ns)
{
	struct hx_intent want;

	hx_intent_init(&want);
	want.class = HX_INTENT_REALTIME;
	want.runtime_ns = runtime_ns;
	want.deadline_ns = deadline_ns;
	want.period_ns = period_ns;
	return want;
}

/* ---- admission */

static void nineteen_twentieths_are_admitted(void **state)
{
	struct hx_intent twentieth = terms(MS, 20 * MS, 20 * MS);
	struct hx_intent little = terms(MS, 50 * MS, HX_NS_PER_S);

	for (unsigned i = 0; i < 19; i++)
		assert_int_equal(play_intent(i, &twentieth), 0);
	assert_int_equal(play_intent(19, &twentieth), -HX_ENOSPC);
	assert_int_equal(play_intent(19, &little), -HX_ENOSPC);	/* by its density, 2 % */
	/* Refused, everything is as before; and it fits when another one ends. */
	assert_int_equal(threads[19].intent->deadline_ns, 0);
	ops->admit(&threads[3], NULL);
	assert_int_equal(play_intent(19, &twentieth), 0);
	assert_int_equal(play_intent(20, &little), -HX_ENOSPC);
	assert_int_equal(play_intent(19, &hx_intent_default), 0);
	assert_int_equal(play_intent(20, &little), 0);
}

static void new_terms_replace_the_old(void **state)
{
	struct hx_intent half = terms(5 * MS, 10 * MS, 10 * MS);
	struct hx_intent more = terms(9 * MS, 10 * MS, 10 * MS);
	struct hx_intent all = terms(10 * MS, 10 * MS, 10 * MS);

	assert_int_equal(play_intent(0, &half), 0);
	assert_int_equal(play_intent(0, &more), 0);	/* not 50 % + 90 % */
	assert_int_equal(play_intent(0, &all), -HX_ENOSPC);
	assert_int_equal(play_intent(1, &half), -HX_ENOSPC);
	assert_int_equal(play_intent(0, &half), 0);
	assert_int_equal(play_intent(1, &half), -HX_ENOSPC);
	assert_int_equal(play_intent(0, &hx_intent_default), 0);
	assert_int_equal(play_intent(1, &more), 0);
}

static void times_of_any_size_are_admitted_or_refused(void **state)
{
	uint64_t huge = UINT64_MAX / 2;
	struct hx_intent want = terms(huge / 2, huge, UINT64_MAX);

	assert_int_equal(play_intent(0, &want), 0);
	assert_int_equal(play_intent(1, &want), -HX_ENOSPC);
	want = terms(10000, huge, UINT64_MAX);
	assert_int_equal(play_intent(1, &want), 0);
}

/* ---- deadlines */

/* An honest thread has a job of its run time in each period. */
struct honest {
	uint64_t runtime_ns, deadline_ns, period_ns;
	hx_ns_t release;		/* of the job at hand, or the next one */
	uint64_t done_at;		/* got when that job is done */
	hx_ns_t worst_late_ns;
	unsigned n_jobs;
	bool busy;
};

static struct honest honest[N_THREADS];
static unsigned n_honest;

/* In each step, before the tick: jobs that are done, and late ones. */
static void watch_jobs(void)
{
	for (unsigned i = 0; i < n_honest; i++) {
		struct honest *h = &honest[i];
		hx_ns_t due = h->release + h->deadline_ns;

		if (!h->busy)
			continue;
		if (hx_now_ns() > due)
			h->worst_late_ns = hx_max_u64(h->worst_late_ns, hx_now_ns() - due);
		if (got_now(i) < h->done_at)
			continue;
		h->busy = false;
		h->release += h->period_ns;
		h->n_jobs++;
		if (current == &threads[i])
			play_block();
	}
}

static void release_jobs(void)
{
	for (unsigned i = 0; i < n_honest; i++) {
		struct honest *h = &honest[i];

		if (h->busy || hx_now_ns() < h->release)
			continue;
		h->busy = true;
		h->done_at = got_now(i) + h->runtime_ns;
		if (!queued[i] && current != &threads[i])
			play_ready(i, h->n_jobs == 0 ? HX_ENQUEUE_NEW : HX_ENQUEUE_WAKE);
	}
}

/* The next moment at which something is due that the driver does not know of. */
static hx_ns_t next_event(hx_ns_t end)
{
	for (unsigned i = 0; i < n_honest; i++) {
		const struct honest *h = &honest[i];

		if (!h->busy)
			end = hx_min_u64(end, h->release);
		else if (current == &threads[i])
			end = hx_min_u64(end, hx_now_ns() + h->done_at - got_now(i));
	}
	return end;
}

static void play_jobs(hx_ns_t ns)
{
	hx_ns_t end = hx_now_ns() + ns;

	each_step = watch_jobs;
	while (hx_now_ns() < end) {
		release_jobs();
		play_step(hx_max_u64(next_event(end), hx_now_ns() + 1));
	}
	each_step = NULL;
}

/* A random set that fills 95 %, or nearly; times are whole multiples of `grain`. */
static void make_set(uint64_t grain, bool constrained)
{
	struct hx_intent want;

	memset(honest, 0, sizeof(honest));
	n_honest = 0;
	for (unsigned tries = 0; tries < 30 && n_honest < 12; tries++) {
		struct honest *h = &honest[n_honest];

		h->period_ns = (4 + below(60)) * MS;
		h->runtime_ns = grain * (1 + below(h->period_ns / grain / 4));
		h->deadline_ns = h->period_ns;
		if (constrained)
			h->deadline_ns -= below((h->period_ns - h->runtime_ns) / MS + 1) * MS;
		want = terms(h->runtime_ns, h->deadline_ns, h->period_ns);
		h->release = hx_now_ns() + below(20) * MS;
		n_honest += play_intent(n_honest, &want) == 0;
	}
	assert_true(n_honest > 0);
}

static void drop_set(void)
{
	for (unsigned i = 0; i < n_honest; i++)
		honest[i].busy = false;
	play_drain();
	for (unsigned i = 0; i < N_THREADS; i++) {
		ops->admit(&threads[i], NULL);
		thread_fresh(i);
		assert_int_equal(thread_ask(i, NULL), 0);
	}
}

static void rogue_and_background(uint64_t grain)
{
	uint64_t period_ns = (5 + below(40)) * MS;
	struct hx_intent want = terms(hx_max_u64(period_ns / 4 / grain, 1) * grain, period_ns,
				      period_ns);

	assert_int_equal(play_intent(ROGUE, &want), 0);
	play_ready(ROGUE, HX_ENQUEUE_NEW);	/* it never waits */
	play_ready(BACKGROUND, HX_ENQUEUE_NEW);	/* nor does this one, without a deadline */
}

static uint64_t most_of(unsigned i, hx_ns_t ns)
{
	const struct hx_intent *w = threads[i].intent;

	return (ns / w->period_ns + 1) * w->runtime_ns;
}

/* Budgets that end at ticks: not one nanosecond late. */
static void admitted_threads_never_miss_while_one_overruns(void **state)
{
	unsigned n_jobs = 0;

	rnd = hx_test_seed();
	for (unsigned s = 0; s < N_SETS; s++) {
		hx_ns_t began = hx_now_ns();

		rogue_and_background(MS);
		make_set(MS, s % 2 == 1);
		play_jobs(SET_RUN_NS);
		for (unsigned i = 0; i < n_honest; i++) {
			n_jobs += honest[i].n_jobs;
			if (honest[i].worst_late_ns != 0)
				fail_msg("set %u: thread %u of %u, %llu of %llu in %llu ms, "
					 "was %llu us late", s, i, n_honest,
					 (unsigned long long)(honest[i].runtime_ns / MS),
					 (unsigned long long)(honest[i].deadline_ns / MS),
					 (unsigned long long)(honest[i].period_ns / MS),
					 (unsigned long long)(honest[i].worst_late_ns / US));
		}
		assert_true(got_now(ROGUE) <= most_of(ROGUE, hx_now_ns() - began));
		assert_true(got_now(BACKGROUND) > SET_RUN_NS / 100 * 4);
		drop_set();
	}
	assert_true(n_jobs > N_SETS * 100);
}

/* Budgets that end anywhere: each overrun is by HX_TICK_IN_LATE_NS, and paid back; others slip by
 * no more than one of each thread. */
static void budgets_that_end_between_ticks_make_nobody_late(void **state)
{
	rnd = hx_test_seed();
	for (unsigned s = 0; s < N_SETS; s++) {
		rogue_and_background(MS / 10);
		make_set(MS / 10, s % 2 == 1);
		play_jobs(SET_RUN_NS);
		for (unsigned i = 0; i < n_honest; i++)
			assert_in_range(honest[i].worst_late_ns, 0,
					(n_honest + 1) * HX_TICK_IN_LATE_NS);
		drop_set();
	}
}

/* ---- servers */

static void overrunner_is_held_and_the_cpu_idles(void **state)
{
	struct hx_intent want = terms(2 * MS, 10 * MS, 10 * MS);

	assert_int_equal(play_intent(0, &want), 0);
	play_ready(0, HX_ENQUEUE_NEW);
	for (unsigned period = 0; period < 100; period++) {
		assert_ptr_equal(current, &threads[0]);
		play_run(2 * MS);
		assert_null(current);
		assert_int_equal(rq.n_held, 1);
		assert_int_equal(rq.n_ready, 1);
		assert_null(ops->steal(&rq, 1));
		play_run(8 * MS);
	}
	assert_int_equal(got[0], 200 * MS);
}

/* It runs, waits, yields and changes its terms as it likes: never more than its part. */
static void no_trick_gets_more_than_the_bandwidth(void **state)
{
	rnd = hx_test_seed();
	for (unsigned s = 0; s < 20; s++) {
		uint64_t runtime_ns = (1 + below(30)) * MS / 10;
		uint64_t deadline_ns = runtime_ns + below(20 * MS);
		struct hx_intent want = terms(runtime_ns, deadline_ns,
					      deadline_ns + below(2) * 10 * MS);
		hx_ns_t began = hx_now_ns(), ran;

		assert_int_equal(play_intent(0, &want), deadline_ns * 95 < runtime_ns * 100 ?
				 -HX_ENOSPC : 0);
		if (threads[0].intent->deadline_ns == 0)
			continue;
		play_ready(BACKGROUND, HX_ENQUEUE_NEW);
		play_ready(0, HX_ENQUEUE_NEW);
		for (unsigned n = 0; n < 20000; n++) {
			unsigned kind = (unsigned)below(8);

			if (kind == 0 && current == &threads[0])
				play_block();
			else if (kind == 1 && current == &threads[0])
				play_yield();
			else if (kind == 2)
				assert_int_equal(play_intent(0, &want), 0);
			else if (kind == 3)
				play_prio(0, (uint8_t)below(HX_PRIO_LOWEST + 1));
			else if (kind < 6 && !queued[0] && current != &threads[0])
				play_wake(0);
			else
				play_run(below(2 * MS));
		}
		ran = hx_now_ns() - began;
		assert_true(got_now(0) <= ran / deadline_ns * runtime_ns + 2 * runtime_ns +
			    runtime_ns * (ran % deadline_ns) / deadline_ns + TICK_NS);
		drop_set();
	}
}

/* Each time it runs nearly to the tick after its budget, and sleeps over its deadline. */
static void running_into_the_tick_is_paid_back(void **state)
{
	struct hx_intent want = terms(MS + 100 * US, 10 * MS, 10 * MS);
	uint64_t ran;

	assert_int_equal(play_intent(0, &want), 0);
	play_ready(0, HX_ENQUEUE_NEW);
	while (hx_now_ns() < 10 * HX_NS_PER_S) {
		ran = got_now(0);
		while (current == &threads[0] && got_now(0) < ran + MS + 900 * US)
			play_run(50 * US);
		if (current == &threads[0])
			play_block();
		play_run(next_tick - hx_now_ns() + 10 * MS);
		if (!queued[0] && current != &threads[0])
			play_wake(0);
	}
	assert_in_range(got[0], 900 * MS, 10 * HX_NS_PER_S * 11 / 100 + 2 * MS);
}

static void earlier_deadlines_preempt_later_ones(void **state)
{
	struct hx_intent near = terms(MS, 10 * MS, 10 * MS), far = terms(5 * MS, 50 * MS, 50 * MS);

	assert_int_equal(play_intent(0, &far), 0);
	assert_int_equal(play_intent(1, &near), 0);
	play_ready(2, HX_ENQUEUE_NEW);
	play_ready(0, HX_ENQUEUE_NEW);
	assert_ptr_equal(current, &threads[0]);		/* before the background */
	play_ready(1, HX_ENQUEUE_NEW);
	assert_ptr_equal(current, &threads[1]);
	play_block();
	assert_ptr_equal(current, &threads[0]);
	play_prio(2, 0);
	assert_ptr_equal(current, &threads[0]);		/* no priority beats a deadline */
	play_block();
	assert_ptr_equal(current, &threads[2]);
}

static void held_thread_that_gives_its_deadline_up_runs(void **state)
{
	struct hx_intent want = terms(2 * MS, 100 * MS, 100 * MS);

	assert_int_equal(play_intent(0, &want), 0);
	play_ready(0, HX_ENQUEUE_NEW);
	play_run(5 * MS);
	assert_int_equal(rq.n_held, 1);
	assert_int_equal(play_intent(0, &hx_intent_default), 0);
	assert_ptr_equal(current, &threads[0]);
	assert_int_equal(rq.n_held, 0);
}

static const struct CMUnitTest tests[] = {
	CASE(nineteen_twentieths_are_admitted),
	CASE(new_terms_replace_the_old),
	CASE(times_of_any_size_are_admitted_or_refused),
	CASE(admitted_threads_never_miss_while_one_overruns),
	CASE(budgets_that_end_between_ticks_make_nobody_late),
	CASE(overrunner_is_held_and_the_cpu_idles),
	CASE(no_trick_gets_more_than_the_bandwidth),
	CASE(running_into_the_tick_is_paid_back),
	CASE(earlier_deadlines_preempt_later_ones),
	CASE(held_thread_that_gives_its_deadline_up_runs),
};

int main(void)
{
	return suite_run(tests, HX_ARRAY_LEN(tests));
}
