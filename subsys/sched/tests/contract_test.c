// SPDX-License-Identifier: MIT
/*
 * What every scheduler promises, whatever its order: each thread that is enqueued comes out exactly
 * once, wherever it stands, with what it was promised.
 */
#include "sched_suite.h"

static hx_irqflags_t lock_flags;

/* Tests of single operations hold the lock as core does. */
static int locked_up(void **state)
{
	suite_up(state);
	lock_flags = hx_runq_lock(&rq);
	return 0;
}

static int locked_down(void **state)
{
	while (rq.n_ready != rq.n_held) {
		current = pick();
		leave(HX_LEAVE_EXIT);
	}
	current = NULL;
	hx_runq_unlock(&rq, lock_flags);
	return suite_down(state);
}

static void empty_pick_is_null(void **state)
{
	assert_null(ops->pick(&rq));
	give(0, HX_ENQUEUE_NEW);
	current = pick();
	assert_int_equal(index_of(current), 0);
	leave(HX_LEAVE_BLOCK);
	assert_null(ops->pick(&rq));
}

static void each_comes_out_exactly_once(void **state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < N_THREADS; i++) {
		threads[i].prio = (uint8_t)((i * 37) % (HX_PRIO_LOWEST + 1));
		give(i, HX_ENQUEUE_NEW);
	}
	while ((current = pick()) != NULL) {
		leave(HX_LEAVE_BLOCK);
		n++;
	}
	assert_int_equal(n, N_THREADS);
}

static void dequeue_works_at_any_place(void **state)
{
	for (unsigned i = 0; i < 7; i++) {
		give(i, HX_ENQUEUE_NEW);
		take(i);
	}
	for (unsigned out = 0; out < 7; out++) {
		for (unsigned i = 0; i < 7; i++)
			give(i, HX_ENQUEUE_WAKE);
		take(out);
		for (unsigned n = 0; n < 6; n++) {
			current = pick();
			assert_int_not_equal(index_of(current), out);
			leave(HX_LEAVE_BLOCK);
		}
		assert_null(pick());
	}
}

static void dequeued_threads_come_back_changed_and_moved(void **state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < N_THREADS; i++)
		give(i, HX_ENQUEUE_NEW);
	for (unsigned i = 0; i < N_THREADS; i += 2) {
		take(i);
		threads[i].prio = (uint8_t)(HX_PRIO_LOWEST - i);
		if (ops->changed != NULL && i % 4 == 0)
			ops->changed(&rq, &threads[i]);
		give(i, i % 4 == 0 ? HX_ENQUEUE_CHANGE : HX_ENQUEUE_MOVE);
	}
	for (; has_next(); n++) {
		current = pick();
		leave(HX_LEAVE_BLOCK);
	}
	assert_int_equal(n, N_THREADS);
}

/* The boot thread: running, admitted, never enqueued. */
static void boot_thread_is_first_heard_of_while_it_runs(void **state)
{
	for (unsigned how = 0; how < 3; how++) {
		hx_runq_unlock(&rq, lock_flags);
		if (ops->admit != NULL)
			ops->admit(&threads[how], NULL);
		memset(threads[how].sched_priv, 0, sizeof(threads[how].sched_priv));
		assert_int_equal(thread_ask(how, NULL), 0);
		lock_flags = hx_runq_lock(&rq);
		current = &threads[how];
		current->state = HX_THREAD_RUNNING;
		give(10 + how, HX_ENQUEUE_NEW);
		if (ops->preempts != NULL)
			ops->preempts(&rq, &threads[10 + how], current);
		if (how == 0 && ops->changed != NULL)
			ops->changed(&rq, current);
		if (how <= 1 && ops->tick != NULL)
			ops->tick(&rq, current, MS);
		leave(HX_ENQUEUE_YIELD);
		give(how, HX_ENQUEUE_YIELD);
		for (unsigned n = 0; n < 2; n++) {
			current = pick();
			assert_non_null(current);
			leave(HX_LEAVE_BLOCK);
		}
		assert_null(pick());
	}
}

static void steal_gives_only_what_that_cpu_may_run(void **state)
{
	struct hx_intent want;
	unsigned n = 0, i;

	if (ops->steal == NULL)
		skip();
	assert_null(ops->steal(&rq, 1));
	for (i = 0; i < N_THREADS; i++) {
		hx_intent_init(&want);
		want.affinity = i % 4 == 0 ? 1 : i % 4 == 1 ? 6 : HX_AFFINITY_ANY;
		want.flags = i % 4 == 2 ? HX_INTENT_PINNED : 0;
		threads[i].own_intent = want;	/* no promise is asked for */
		give(i, HX_ENQUEUE_NEW);
	}
	for (; (i = index_of(ops->steal(&rq, 2))) != NOBODY; n++) {
		assert_true(i % 4 == 1 || i % 4 == 3);
		gone(i, HX_THREAD_BLOCKED);
	}
	assert_int_equal(n, N_THREADS / 2);	/* somebody may go: it is not refused */
	assert_null(ops->steal(&rq, 1));
	assert_null(ops->steal(&rq, 64));
	for (n = 0; (i = index_of(ops->steal(&rq, 0))) != NOBODY; n++) {
		assert_int_equal(i % 4, 0);
		gone(i, HX_THREAD_BLOCKED);
	}
	assert_int_equal(n, N_THREADS / 4);
	for (n = 0; has_next(); n++) {		/* the pinned ones are there still */
		current = pick();
		assert_int_equal(index_of(current) % 4, 2);
		leave(HX_LEAVE_BLOCK);
	}
	assert_int_equal(n, N_THREADS / 4);
}

static void show_writes_lines(void **state)
{
	char buf[1024];
	struct hx_text_buf b;

	if (ops->show == NULL)
		skip();
	for (unsigned i = 0; i < 10; i++)
		give(i, HX_ENQUEUE_NEW);
	hx_text_buf_init(&b, buf, sizeof(buf));
	ops->show(&rq, &b.text);
	assert_true(b.text.total > 0 && b.text.total < sizeof(buf));
	assert_int_equal(buf[b.text.total - 1], '\n');
	assert_int_equal(rq.n_ready, 10);
}

/* ---- without a run queue from setup */

static const struct hx_intent deadline_intent = {
	.class = HX_INTENT_REALTIME, .affinity = HX_AFFINITY_ANY,
	.runtime_ns = 2 * MS, .deadline_ns = 10 * MS, .period_ns = 10 * MS,
};

/* Everything that may allocate, and its end. */
static int admit_and_end(void)
{
	static const struct hx_intent *const wants[] = {
		&hx_intent_default, &deadline_intent, &hx_intent_default,
	};
	int err;

	memset(&rq, 0, sizeof(rq));
	hx_spin_init(&rq.lock, "runq", HX_RANK_RUNQ);
	hx_list_init(&rq.ready);
	err = ops->init(&rq);
	if (err != 0)
		return err;
	thread_fresh(0);
	for (unsigned i = 0; err == 0 && i < HX_ARRAY_LEN(wants) && ops->admit != NULL; i++) {
		err = ops->admit(&threads[0], wants[i]);
		if (err == 0)
			threads[0].intent = wants[i];
	}
	if (ops->admit != NULL && threads[0].intent != NULL)
		ops->admit(&threads[0], NULL);
	if (ops->fini != NULL)
		ops->fini(&rq);
	return err;
}

static void init_admit_and_fini_balance_even_without_memory(void **state)
{
	struct hx_heap_stats before, after;

	hx_test_machine(16 * HX_MIB);
	hx_test_start("heap time");
	hx_heap_stats(&before);
	assert_int_equal(admit_and_end(), 0);
	hx_heap_stats(&after);
	assert_int_equal(after.used_bytes, before.used_bytes);
	/* The helper wants at least one allocation; a provider may need none. */
	if (after.n_allocs != before.n_allocs)
		hx_test_each_alloc_fails(ops->name, admit_and_end);
	hx_test_machine_end();
}

#define LOCKED(f)	{ .name = #f, .test_func = (f), .setup_func = locked_up, \
			  .teardown_func = locked_down }

static const struct CMUnitTest tests[] = {
	LOCKED(empty_pick_is_null),
	LOCKED(each_comes_out_exactly_once),
	LOCKED(dequeue_works_at_any_place),
	LOCKED(dequeued_threads_come_back_changed_and_moved),
	LOCKED(boot_thread_is_first_heard_of_while_it_runs),
	LOCKED(steal_gives_only_what_that_cpu_may_run),
	LOCKED(show_writes_lines),
	cmocka_unit_test(init_admit_and_fini_balance_even_without_memory),
};

int main(void)
{
	return suite_run(tests, HX_ARRAY_LEN(tests));
}
