// SPDX-License-Identifier: MIT
/* Order: bands, deadlines, shares, and that nobody starves. Rules are off. */
#include "dis_driver.h"
#include "../hot.h"

static int setup(void **state)
{
	int err = sim_setup(state);

	sim_no_rules();
	return err;
}

static void bands_come_in_order(void **state)
{
	static const unsigned order[] = {
		HX_INTENT_CRITICAL, HX_INTENT_REALTIME, HX_INTENT_SOFT_REALTIME,
		HX_INTENT_INTERACTIVE, HX_INTENT_IDLE,
	};
	struct hx_intent i;

	for (unsigned k = 0; k < HX_ARRAY_LEN(order); k++) {
		i = sim_intent(order[HX_ARRAY_LEN(order) - 1 - k]);
		sim_jobs[order[HX_ARRAY_LEN(order) - 1 - k]].burst_ns = MS;
		sim_jobs[order[HX_ARRAY_LEN(order) - 1 - k]].sleep_ns = 10000 * MS;
		sim_create(order[HX_ARRAY_LEN(order) - 1 - k], &i);
		assert_ptr_equal(sim_current, &sim_jobs[order[HX_ARRAY_LEN(order) - 1 - k]].t);
	}
	for (unsigned k = 0; k < HX_ARRAY_LEN(order); k++) {
		assert_ptr_equal(sim_current, &sim_jobs[order[k]].t);
		sim_run(MS);
	}
	assert_null(sim_current);
}

/* 0 ms: A (D 30) starts; 1 ms: B (D 5) preempts; 2 ms: C (D 60) waits. */
static void earliest_deadline_runs_first(void **state)
{
	static const unsigned deadline_ms[] = { 30, 5, 60 };
	struct hx_intent i = sim_intent(HX_INTENT_REALTIME);

	for (unsigned k = 0; k < 3; k++) {
		i.runtime_ns = 3 * MS;
		i.deadline_ns = i.period_ns = deadline_ms[k] * MS;
		sim_jobs[k].burst_ns = 2 * MS;
		sim_jobs[k].period_ns = i.period_ns;
		sim_create(k, &i);
		assert_ptr_equal(sim_current, &sim_jobs[k == 0 ? 0 : 1].t);
		sim_run(MS);
	}
	assert_ptr_equal(sim_current, &sim_jobs[0].t);	/* B is done */
	sim_run(MS);
	assert_ptr_equal(sim_current, &sim_jobs[2].t);
}

/* Total use 0.95, mixed classes, background load: no deadline is missed. */
static void promised_deadlines_are_kept_under_load(void **state)
{
	static const struct { unsigned run, period; } set[] = {
		{ 3, 10 }, { 4, 20 }, { 9, 36 }, { 10, 50 },
	};
	struct hx_intent i, hog = sim_intent(HX_INTENT_INTERACTIVE);

	sim_create(10, &hog);
	for (unsigned k = 0; k < HX_ARRAY_LEN(set); k++) {
		i = sim_intent(k % 2 == 0 ? HX_INTENT_REALTIME : HX_INTENT_SOFT_REALTIME);
		i.runtime_ns = set[k].run * MS;
		i.deadline_ns = i.period_ns = set[k].period * MS;
		/* A little less than promised: a tick may find it late. */
		sim_jobs[k].burst_ns = i.runtime_ns - MS / 100;
		sim_jobs[k].period_ns = i.period_ns;
		sim_create(k, &i);
	}
	sim_run(20000 * MS);
	for (unsigned k = 0; k < HX_ARRAY_LEN(set); k++) {
		assert_int_equal(sim_jobs[k].n_late, 0);
		assert_true(sim_jobs[k].n_wakes > 390);
		assert_int_equal(sim_dis(k)->s.n_missed, 0);
	}
	assert_true(sim_jobs[10].ran_ns > 800 * MS);	/* the 5 % are left */
}

static void admission_refuses_more_than_95_percent(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_REALTIME);
	struct hx_heap_stats before, after;

	i.runtime_ns = 50 * MS;
	i.deadline_ns = i.period_ns = 100 * MS;
	sim_create(0, &i);
	i.runtime_ns = 45 * MS;
	sim_create(1, &i);
	i.runtime_ns = 1 * MS;
	assert_int_equal(sim_try_create(2, &i), -HX_ENOSPC);	/* its memory is kept */
	hx_heap_stats(&before);
	assert_int_equal(sim_try_create(2, &i), -HX_ENOSPC);
	hx_heap_stats(&after);
	assert_int_equal(before.used_bytes, after.used_bytes);
	/* A change of intent is asked for, too, and refused as a whole; less is always possible. */
	i.runtime_ns = 46 * MS;
	assert_int_equal(sim_change(1, &i, HX_PRIO_DEFAULT), -HX_ENOSPC);
	assert_int_equal(sim_jobs[1].own.runtime_ns, 45 * MS);
	i.runtime_ns = 40 * MS;
	assert_int_equal(sim_change(1, &i, HX_PRIO_DEFAULT), 0);
	i.runtime_ns = 5 * MS;
	sim_create(3, &i);
}

static void cpu_is_shared_by_weights(void **state)
{
	static const struct { unsigned class; int nice; unsigned shares, weight; } want[] = {
		{ HX_INTENT_INTERACTIVE, 0, 0, 2048 }, { HX_INTENT_SERVER, 0, 0, 1024 },
		{ HX_INTENT_BATCH, 0, 0, 512 }, { HX_INTENT_BACKGROUND, 0, 0, 128 },
		{ HX_INTENT_SERVER, 5, 0, 335 }, { HX_INTENT_SERVER, -3, 0, 1991 },
		{ HX_INTENT_SERVER, 0, 3000, 3000 },
	};
	uint64_t sum = 0;

	for (unsigned k = 0; k < HX_ARRAY_LEN(want); k++) {
		struct hx_intent i = sim_intent(want[k].class);

		i.nice = (int8_t)want[k].nice;
		i.budget_kind = want[k].shares != 0 ? HX_BUDGET_SHARES : HX_BUDGET_UNLIMITED;
		i.budget = want[k].shares;
		sim_create(k, &i);
		sum += want[k].weight;
	}
	sim_run(60000 * MS);
	for (unsigned k = 0; k < HX_ARRAY_LEN(want); k++) {
		uint64_t fair = 60000 * MS * want[k].weight / sum;

		/* Nobody is off by more than two slices. */
		assert_in_range(sim_jobs[k].ran_ns, fair - 2 * sim_dis(k)->p.slice_ns,
				fair + 2 * sim_dis(k)->p.slice_ns);
	}
	assert_int_equal(sim_idle_ns, 0);
}

/* Against ten interactive hogs a background thread waits, but not for ever. */
static void nobody_starves_among_the_fair(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_INTERACTIVE);

	for (unsigned k = 0; k < 10; k++)
		sim_create(k, &i);
	i = sim_intent(HX_INTENT_BACKGROUND);
	i.nice = 19;
	sim_create(10, &i);
	sim_measure();
	sim_run(120000 * MS);
	assert_true(sim_jobs[10].ran_ns > 0);
	/* Each of the ten grows older by its request of 200 ms in 400 ms, and by its slices. */
	assert_true(sim_jobs[10].worst_wait_ns < 120000 * MS);
	assert_true(sim_jobs[10].n_runs >= 1);
}

/* Interactive threads that wake all the time do not push a hog aside for ever. */
static void wakers_do_not_starve_a_hog(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_INTERACTIVE);

	for (unsigned k = 0; k < 20; k++) {
		sim_jobs[k].burst_ns = 3 * MS;
		sim_jobs[k].sleep_ns = 2 * MS + k * 1000;
		sim_create(k, &i);
	}
	i = sim_intent(HX_INTENT_BATCH);
	sim_create(20, &i);
	sim_run(20000 * MS);
	/* Its weight is 512 of 20 * 2048 + 512; the wakers cannot use less than all. */
	assert_true(sim_jobs[20].ran_ns > 20000 * MS * 512 / (20 * 2048 + 512) * 8 / 10);
	assert_true(sim_jobs[20].worst_wait_ns < 10000 * MS);
}

static void real_time_leaves_5_percent(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_REALTIME);

	sim_create(0, &i);
	i = sim_intent(HX_INTENT_SERVER);
	sim_create(1, &i);
	sim_run(20000 * MS);
	assert_in_range(sim_jobs[1].ran_ns, 900 * MS, 1100 * MS);
	assert_true(sim_jobs[1].worst_wait_ns < 1000 * MS);
	/* Alone, it may have everything. */
	i = sim_intent(HX_INTENT_IDLE);
	assert_int_equal(sim_change(1, &i, HX_PRIO_DEFAULT), 0);
	sim_measure();
	sim_run(5000 * MS);
	assert_int_equal(sim_jobs[1].ran_ns, 0);
}

static void critical_is_never_capped(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_CRITICAL);

	sim_create(1, NULL);
	sim_create(0, &i);
	sim_measure();
	sim_run(5000 * MS);
	assert_int_equal(sim_jobs[0].ran_ns, 5000 * MS);
}

static void idle_runs_only_alone(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_IDLE);

	sim_create(0, &i);
	sim_create(1, &i);
	sim_jobs[2].burst_ns = 50 * MS;
	sim_jobs[2].sleep_ns = 50 * MS;
	sim_create(2, NULL);
	sim_run(10000 * MS);
	assert_in_range(sim_jobs[2].ran_ns, 4990 * MS, 5010 * MS);
	assert_true(sim_jobs[2].worst_wait_ns == 0);
	/* In turn, a second each. */
	assert_in_range(sim_jobs[0].ran_ns, 1900 * MS, 3100 * MS);
	assert_int_equal(sim_jobs[0].ran_ns + sim_jobs[1].ran_ns + sim_jobs[2].ran_ns, 10000 * MS);
}

static void interactive_answers_at_once_under_batch_load(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_BATCH);

	for (unsigned k = 0; k < 8; k++)
		sim_create(k, &i);
	i = sim_intent(HX_INTENT_INTERACTIVE);
	sim_jobs[8].burst_ns = 2 * MS;
	sim_jobs[8].sleep_ns = 30 * MS;
	sim_create(8, &i);
	sim_run(10000 * MS);
	assert_true(sim_jobs[8].n_wakes > 300);
	assert_true(sim_jobs[8].worst_wait_ns <= MS);
}

/* Woken after a long sleep each is owed nothing for it, and those before it keep what they have. */
static void arrivals_do_not_move_virtual_time_back(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_BATCH);
	uint64_t v;

	sim_create(20, &i);
	i = sim_intent(HX_INTENT_INTERACTIVE);
	for (unsigned k = 0; k < 20; k++) {
		sim_jobs[k].burst_ns = MS;
		sim_jobs[k].sleep_ns = 500 * MS + k;
		sim_create(k, &i);
	}
	sim_run(500 * MS);	/* all twenty sleep, and then come at once */
	assert_ptr_equal(sim_current, &sim_jobs[20].t);
	v = dis_virtual_now(sim_queue());
	for (unsigned n = 0; n < 3000; n++) {
		sim_run(MS);
		assert_false(dis_before(dis_virtual_now(sim_queue()), v));
		v = dis_virtual_now(sim_queue());
	}
	/* Nobody of them was ahead of the others: they went one after the other. */
	for (unsigned k = 0; k < 20; k++)
		assert_true(sim_jobs[k].worst_response_ns <= 21 * MS);
}

/* Longer than its slice: urgency lasts until it is a request ahead of its share, and no longer. */
static void credit_lasts_over_a_slice_and_not_for_ever(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_BATCH);

	for (unsigned k = 0; k < 3; k++)
		sim_create(k, &i);
	sim_run(300 * MS);
	i = sim_intent(HX_INTENT_INTERACTIVE);
	i.latency = HX_LATENCY_TARGET;
	i.latency_ns = 10 * MS;			/* a slice of 5 ms */
	sim_jobs[3].burst_ns = 12 * MS;
	sim_jobs[3].sleep_ns = 300 * MS;
	sim_create(3, &i);
	sim_run(5000 * MS);
	assert_true(sim_jobs[3].n_wakes > 10);
	assert_true(sim_jobs[3].worst_response_ns <= 13 * MS);
	sim_jobs[3].burst_ns = 0;		/* from now on it computes */
	sim_run(400 * MS);
	sim_measure();
	sim_run(10000 * MS);
	/* 2048 of 2048 + 3 * 512 */
	assert_in_range(sim_jobs[3].ran_ns, 5400 * MS, 6000 * MS);
}

static void yield_lets_the_others_run(void **state)
{
	unsigned seen = 0;

	for (unsigned k = 0; k < 5; k++)
		sim_create(k, NULL);
	for (unsigned n = 0; n < 5; n++) {
		seen |= 1u << (sim_current->id - 1);
		sim_yield();
	}
	assert_int_equal(seen, 31);
	/* Also to one that is far behind. */
	sim_run(3 * MS);
	for (unsigned n = 0; n < 100; n++) {
		struct hx_thread *was = sim_current;

		sim_yield();
		assert_ptr_not_equal(sim_current, was);
	}
}

static void cooperative_gives_way_to_its_class(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_BATCH);

	i.flags = HX_INTENT_COOPERATIVE;
	sim_create(0, &i);
	i.flags = 0;
	sim_run(5 * MS);
	sim_create(1, &i);
	assert_ptr_equal(sim_current, &sim_jobs[1].t);	/* at once, no slice to wait for */
}

/* Whoever saves power does not interrupt: a switch costs some. It waits for the slice's end. */
static void power_prefer_does_not_preempt_when_woken(void **state)
{
	static const uint32_t flags[] = { 0, HX_INTENT_POWER_PREFER };

	for (unsigned k = 0; k < 2; k++) {
		struct hx_intent i = sim_intent(HX_INTENT_BATCH);

		sim_create(2 * k, &i);
		sim_run(3 * MS);
		i = sim_intent(HX_INTENT_INTERACTIVE);
		i.flags = flags[k];
		sim_create(2 * k + 1, &i);
		assert_ptr_equal(sim_current, &sim_jobs[k == 0 ? 1 : 2].t);
		for (unsigned n = 0; n < 2; n++) {
			while (sim_current != &sim_jobs[2 * k + n].t)
				sim_run(MS);
			sim_leave(HX_LEAVE_EXIT);
		}
	}
}

static void no_preempt_lasts_for_a_slice(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_SOFT_REALTIME);

	i.flags = HX_INTENT_NO_PREEMPT;
	sim_create(0, &i);
	i = sim_intent(HX_INTENT_CRITICAL);
	sim_create(1, &i);
	assert_ptr_equal(sim_current, &sim_jobs[0].t);
	sim_run(5 * MS);	/* its slice is 4 ms */
	assert_ptr_equal(sim_current, &sim_jobs[1].t);
}

static void slices_are_the_class_s(void **state)
{
	for (unsigned c = HX_INTENT_INTERACTIVE; c <= HX_INTENT_BACKGROUND; c++) {
		struct hx_intent i = sim_intent(c);
		struct hx_thread *first;
		uint64_t start;

		sim_create(2 * c, &i);
		sim_create(2 * c + 1, &i);
		while (sim_current->intent->class != c)
			sim_run(MS);
		first = sim_current;
		while (sim_current == first)
			sim_run(MS);
		first = sim_current;
		start = hx_now_ns();
		while (sim_current == first)
			sim_run(MS);
		assert_in_range(hx_now_ns() - start, sim_dis(2 * c)->p.slice_ns - MS,
				sim_dis(2 * c)->p.slice_ns + MS);
		sim_measure();
		for (unsigned k = 2 * c; k <= 2 * c + 1; k++) {
			while (sim_current != &sim_jobs[k].t)
				sim_run(MS);
			sim_leave(HX_LEAVE_EXIT);
		}
	}
}

static void steal_honours_affinity_and_pins(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_SERVER);
	struct hx_thread *t;
	hx_irqflags_t flags;

	sim_create(0, NULL);			/* runs */
	i.affinity = 1;
	sim_create(1, &i);			/* not CPU 1 */
	i.affinity = HX_AFFINITY_ANY;
	i.flags = HX_INTENT_PINNED;
	sim_create(2, &i);			/* not moved */
	flags = hx_runq_lock(&sim_rq);
	assert_null(sim_ops->steal(&sim_rq, 1));
	hx_runq_unlock(&sim_rq, flags);
	sim_create(3, NULL);
	i.flags = HX_INTENT_MIGRATABLE;
	sim_create(4, &i);
	flags = hx_runq_lock(&sim_rq);
	t = sim_ops->steal(&sim_rq, 1);
	assert_ptr_equal(t, &sim_jobs[4].t);	/* it said that it may */
	sim_ops->enqueue(&sim_rq, t, HX_ENQUEUE_MOVE);
	assert_ptr_equal(sim_ops->steal(&sim_rq, 65), NULL);
	assert_true(dis_check(sim_queue()));
	hx_runq_unlock(&sim_rq, flags);
}

static void priority_of_the_thread_counts(void **state)
{
	sim_create(0, NULL);
	sim_jobs[1].t.prio = HX_PRIO_DEFAULT - 1;
	sim_create(1, NULL);
	assert_ptr_equal(sim_current, &sim_jobs[1].t);
	sim_jobs[2].t.prio = HX_PRIO_DEFAULT + 1;
	sim_create(2, NULL);
	assert_ptr_equal(sim_current, &sim_jobs[1].t);
	assert_int_equal(sim_change(2, NULL, HX_PRIO_DEFAULT - 2), 0);
	assert_ptr_equal(sim_current, &sim_jobs[2].t);
	assert_int_equal(sim_change(2, NULL, HX_PRIO_LOWEST), 0);
	assert_ptr_equal(sim_current, &sim_jobs[1].t);
	assert_int_equal(sim_change(2, NULL, 40), 0);	/* real time */
	assert_ptr_equal(sim_current, &sim_jobs[2].t);
	assert_int_equal(sim_dis(2)->p.band, DIS_RT);
}

static void show_says_who_is_ready(void **state)
{
	char buf[1024];
	struct hx_text_buf b;
	hx_irqflags_t flags;

	for (unsigned k = 0; k < 5; k++)
		sim_create(k, NULL);
	hx_text_buf_init(&b, buf, sizeof(buf));
	flags = hx_runq_lock(&sim_rq);
	sim_ops->show(&sim_rq, &b.text);
	hx_runq_unlock(&sim_rq, flags);
	assert_true(b.text.total < sizeof(buf));
	assert_non_null(strstr(buf, "fair=4 "));
	assert_non_null(strstr(buf, "class=server ready=4\n"));
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, sim_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(bands_come_in_order),
		TEST(earliest_deadline_runs_first),
		TEST(promised_deadlines_are_kept_under_load),
		TEST(admission_refuses_more_than_95_percent),
		TEST(cpu_is_shared_by_weights),
		TEST(nobody_starves_among_the_fair),
		TEST(wakers_do_not_starve_a_hog),
		TEST(real_time_leaves_5_percent),
		TEST(critical_is_never_capped),
		TEST(idle_runs_only_alone),
		TEST(interactive_answers_at_once_under_batch_load),
		TEST(arrivals_do_not_move_virtual_time_back),
		TEST(credit_lasts_over_a_slice_and_not_for_ever),
		TEST(yield_lets_the_others_run),
		TEST(cooperative_gives_way_to_its_class),
		TEST(power_prefer_does_not_preempt_when_woken),
		TEST(no_preempt_lasts_for_a_slice),
		TEST(slices_are_the_class_s),
		TEST(steal_honours_affinity_and_pins),
		TEST(priority_of_the_thread_counts),
		TEST(show_says_who_is_ready),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
