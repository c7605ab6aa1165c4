// SPDX-License-Identifier: MIT
/*
 * Schedulers hand their state over: what they list, that a new instance goes on where the old one
 * was, that it goes on at all whatever stands in a record, and that they use no more of a thread
 * than they say.
 */
#include "sched_suite.h"
#include <hx/core/sched_state.h>

#define ROUNDS		200u
#define LAG_OFF_NS	(2 * (int64_t)MS)	/* where the mean of all moves a little */
#define GARBAGE_ROUNDS	2000u

static uint64_t rnd;
static const struct hx_sched_state_ops *state;
static struct hx_sched_record saved[N_THREADS];
static struct hx_thread *listed[N_THREADS + 2];
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
	assert_true(state->list != NULL && state->save_all != NULL && state->load_all != NULL);
	assert_true(state->n_words <= HX_ARRAY_LEN(threads[0].sched_priv));
}

/* Each that is enqueued, once; and no more of them than have room. */
static void list(void)
{
	unsigned room = (unsigned)below(rq.n_ready + 1), i, k;

	for (i = 0; i < HX_ARRAY_LEN(listed); i++)
		listed[i] = NULL;
	assert_int_equal(state->list(&rq, listed, room), room);
	assert_null(listed[room]);
	n_shown = (unsigned)state->list(&rq, listed, rq.n_ready + 1);
	assert_int_equal(n_shown, rq.n_ready);
	assert_null(listed[n_shown]);
	for (i = 0; i < n_shown; i++) {
		order[i] = index_of(listed[i]);
		assert_in_range(order[i], 0, N_THREADS - 1);
		assert_int_equal(listed[i]->state, HX_THREAD_READY);
		assert_true(queued[order[i]]);
		for (k = 0; k < i; k++)
			assert_int_not_equal(order[k], order[i]);
	}
}

/* The ready ones in the order of the list before, then the others. */
static void in_order(struct hx_sched_record of[N_THREADS],
		     struct hx_sched_record *records[N_THREADS])
{
	unsigned i, n;

	for (n = 0; n < n_shown; n++)
		records[n] = &of[order[n]];
	for (i = 0; i < N_THREADS; i++) {
		of[i].t = &threads[i];
		if (!queued[i])
			records[n++] = &of[i];
	}
	assert_int_equal(n, N_THREADS);
}

static void save_all(struct hx_sched_record to[N_THREADS])
{
	struct hx_sched_record *records[N_THREADS];

	memset(to, 0, N_THREADS * sizeof(to[0]));
	in_order(to, records);
	state->save_all(&rq, records, n_shown);
	state->save_all(&rq, records + n_shown, N_THREADS - n_shown);
	for (unsigned i = 0; i < N_THREADS; i++)
		assert_int_equal(to[i].state.has & ~state->fields, 0);
}

/* What it does not call its own nobody keeps for it. */
static void nothing_else_was_used(void)
{
	const size_t first = state->n_words * sizeof(threads[0].sched_priv[0]);

	for (unsigned i = 0; i < N_THREADS; i++) {
		const uint8_t *bytes = (const uint8_t *)threads[i].sched_priv;

		for (size_t k = first; k < sizeof(threads[i].sched_priv); k++)
			assert_int_equal(bytes[k], THREAD_GARBAGE);
	}
}

/* As core does it, from one instance to another of the same policy: the ready ones at once and then
 * the others, or some at a time. */
static void replace(struct hx_sched_record from[N_THREADS])
{
	struct hx_sched_record *records[N_THREADS];
	const bool in_parts = below(4) == 0;
	hx_irqflags_t flags;
	unsigned i, n;

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

		memset(threads[i].sched_priv, THREAD_GARBAGE, sizeof(threads[i].sched_priv));
		threads[i].intent = NULL;
		assert_true(ops->admit == NULL || ops->admit(&threads[i], intent) == 0);
		threads[i].intent = intent;
	}
	flags = hx_runq_lock(&rq);
	in_order(from, records);
	for (i = 0; i < N_THREADS; i += n) {
		n = i < n_shown ? n_shown - i : N_THREADS - i;
		if (in_parts)
			n = 1 + (unsigned)below(n);
		state->load_all(&rq, &records[i], n);
	}
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
	static struct hx_sched_record after[N_THREADS];
	const struct hx_sched_state *was, *is;
	unsigned before[N_THREADS], n;

	find_state();
	rnd = hx_test_seed();
	random_terms();
	for (unsigned round = 0; round < ROUNDS; round++) {
		random_life(100);
		nothing_else_was_used();
		list();
		n = n_shown;
		memcpy(before, order, sizeof(before));
		save_all(saved);
		replace(saved);
		list();
		assert_int_equal(n_shown, n);
		if (ops->promises & HX_SCHED_FIFO)
			assert_memory_equal(order, before, n * sizeof(order[0]));
		save_all(after);
		for (unsigned i = 0; i < N_THREADS; i++) {
			if (threads[i].state == HX_THREAD_NEW)
				continue;
			was = &saved[i].state;
			is = &after[i].state;
			assert_int_equal(is->has & was->has, was->has);
			assert_int_equal(is->used_ns, was->used_ns);
			assert_int_equal(is->level, was->level);
			assert_int_equal(is->budget_ns, was->budget_ns);
			assert_true(llabs((long long)(capped(is->lag_ns) - capped(was->lag_ns))) <=
				    LAG_OFF_NS);
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
		list();
		for (unsigned i = 0; i < N_THREADS; i++) {
			uint64_t *words = (uint64_t *)&saved[i].state;

			for (unsigned w = 0; w < sizeof(saved[i].state) / 8; w++)
				words[w] = below(3) == 0 ? 0 : below(2) == 0 ? ~0ull >> below(64)
					   : hx_test_random(&rnd);
		}
		replace(saved);
		list();
		nothing_else_was_used();
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
