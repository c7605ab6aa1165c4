// SPDX-License-Identifier: MIT
/*
 * Schedulers hand their state over: what walk shows, that a new instance goes on where the old one
 * was, and that it goes on at all whatever stands in a record.
 */
#include "sched_suite.h"
#include <hx/core/sched_state.h>

#define ROUNDS		200u
#define LAG_OFF_NS	(2 * (int64_t)MS)	/* where the mean of all moves a little */
#define GARBAGE_ROUNDS	2000u

static uint64_t rnd;
static const struct hx_sched_state_ops *state;
static struct hx_sched_state saved[N_THREADS];
static unsigned order[N_THREADS], n_shown;

static uint64_t below(uint64_t n)
{
	return hx_test_random_below(&rnd, n);
}

static void find_state(void)
{
	const struct hx_sched_state_ops *const *it;

	state = NULL;
	HX_SECTION_FOREACH(it, hx_sched_states) {
		if (strcmp((*it)->name, ops->name) == 0)
			state = *it;
	}
	assert_non_null(state);
	assert_int_equal(state->abi, HX_SCHED_STATE_ABI);
	assert_int_equal(state->version, HX_SCHED_STATE_VERSION);
	assert_true(state->walk != NULL && state->save != NULL && state->load != NULL);
}

static void show(void *arg, struct hx_thread *t)
{
	assert_in_range(index_of(t), 0, N_THREADS - 1);
	assert_int_equal(t->state, HX_THREAD_READY);
	assert_true(n_shown < N_THREADS);
	for (unsigned i = 0; i < n_shown; i++)
		assert_int_not_equal(order[i], index_of(t));
	order[n_shown++] = index_of(t);
}

/* Each that is enqueued, once. */
static void walk(void)
{
	n_shown = 0;
	state->walk(&rq, show, NULL);
	assert_int_equal(n_shown, rq.n_ready);
	for (unsigned i = 0; i < n_shown; i++)
		assert_true(queued[order[i]]);
}

static void save_all(struct hx_sched_state to[N_THREADS])
{
	memset(to, 0, N_THREADS * sizeof(to[0]));
	for (unsigned i = 0; i < N_THREADS; i++)
		state->save(&rq, &threads[i], &to[i]);
}

/* As core does it, from one instance to another of the same policy. Order: of the walk before. */
static void replace(const struct hx_sched_state from[N_THREADS])
{
	hx_irqflags_t flags;
	unsigned i;

	for (i = 0; i < N_THREADS && ops->admit != NULL; i++)
		ops->admit(&threads[i], NULL);
	if (ops->fini != NULL)
		ops->fini(&rq);
	rq.priv = NULL;
	rq.n_held = 0;
	hx_list_init(&rq.ready);
	assert_int_equal(ops->init(&rq), 0);
	for (i = 0; i < N_THREADS; i++) {
		const struct hx_intent *intent = threads[i].intent;

		memset(threads[i].sched_priv, 0x5a, sizeof(threads[i].sched_priv));
		threads[i].intent = NULL;
		assert_true(ops->admit == NULL || ops->admit(&threads[i], intent) == 0);
		threads[i].intent = intent;
	}
	flags = hx_runq_lock(&rq);
	for (i = 0; i < n_shown; i++)
		state->load(&rq, &threads[order[i]], &from[order[i]]);
	for (i = 0; i < N_THREADS; i++) {
		if (!queued[i])
			state->load(&rq, &threads[i], &from[i]);
	}
	if (state->loaded != NULL)
		state->loaded(&rq);
	assert_true(rq.n_held <= rq.n_ready);
	must_leave = current;
	hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
	hx_runq_unlock(&rq, flags);
}

static void random_life(unsigned n_events)
{
	while (n_events-- > 0) {
		unsigned i = (unsigned)below(N_THREADS), kind = (unsigned)below(100);

		if (kind < 40 && !queued[i] && &threads[i] != current)
			play_ready(i, threads[i].state == HX_THREAD_NEW ? HX_ENQUEUE_NEW
				      : HX_ENQUEUE_WAKE);
		else if (kind < 55 && current != NULL)
			play_block();
		else if (kind < 90)
			play_run(1 + below(5 * MS));
		else if (current != NULL)
			play_yield();
	}
}

static void random_terms(void)
{
	for (unsigned i = 0; i < N_THREADS; i++) {
		struct hx_intent want;

		hx_intent_init(&want);
		want.nice = (int8_t)(HX_NICE_MIN + (int)below(40));
		if (below(4) == 0) {
			want.runtime_ns = (1 + below(10)) * (MS / 10);
			want.deadline_ns = want.period_ns = want.runtime_ns * (20 + below(60));
		}
		if (play_intent(i, &want) != 0) {
			hx_intent_init(&want);
			assert_int_equal(play_intent(i, &want), 0);
		}
	}
}

static int64_t capped(int64_t lag_ns)
{
	const int64_t most = (int64_t)(100 * MS);

	return lag_ns > most ? most : lag_ns < -most ? -most : lag_ns;
}

/* The same order, and the same state. */
static void it_goes_on_where_it_was(void **arg)
{
	static struct hx_sched_state after[N_THREADS];
	unsigned before[N_THREADS], n;

	find_state();
	rnd = hx_test_seed();
	random_terms();
	for (unsigned round = 0; round < ROUNDS; round++) {
		random_life(100);
		walk();
		n = n_shown;
		memcpy(before, order, sizeof(before));
		save_all(saved);
		replace(saved);
		walk();
		assert_int_equal(n_shown, n);
		if (ops->promises & HX_SCHED_FIFO)
			assert_memory_equal(order, before, n * sizeof(order[0]));
		save_all(after);
		for (unsigned i = 0; i < N_THREADS; i++) {
			if (threads[i].state == HX_THREAD_NEW)
				continue;
			assert_int_equal(after[i].has & saved[i].has, saved[i].has);
			assert_int_equal(after[i].used_ns, saved[i].used_ns);
			assert_int_equal(after[i].level, saved[i].level);
			assert_int_equal(after[i].budget_ns, saved[i].budget_ns);
			assert_true(llabs((long long)(capped(after[i].lag_ns) -
						      capped(saved[i].lag_ns))) <= LAG_OFF_NS);
		}
		play_preempt();
	}
	play_drain();
}

/* Nothing in a record can do more than put a thread at the wrong place for a while. */
static void garbage_is_survived(void **arg)
{
	find_state();
	rnd = hx_test_seed();
	random_terms();
	for (unsigned round = 0; round < GARBAGE_ROUNDS; round++) {
		random_life(20);
		walk();
		for (unsigned i = 0; i < N_THREADS; i++) {
			uint64_t *words = (uint64_t *)&saved[i];

			for (unsigned w = 0; w < sizeof(saved[i]) / 8; w++)
				words[w] = below(3) == 0 ? 0 : below(2) == 0 ? ~0ull >> below(64)
					   : hx_test_random(&rnd);
		}
		replace(saved);
		walk();
		play_preempt();
	}
	play_drain();
}

static const struct CMUnitTest tests[] = {
	CASE(it_goes_on_where_it_was), CASE(garbage_is_survived),
};

int main(void)
{
	return suite_run(tests, HX_ARRAY_LEN(tests));
}
