// SPDX-License-Identifier: MIT
/* The actions of rules: each is seen to take effect, and to end. */
#include "dis_driver.h"

static int setup(void **state)
{
	int err = sim_setup(state);

	sim_no_rules();
	return err;
}

/* A rule for thread 1 that holds at once; two looks later it is in force. */
static void force(const char *action)
{
	char line[256];

	snprintf(line, sizeof(line), "rule x scope task 1 when load >= 0%% do %s", action);
	sim_rule(line);
	sim_run(50 * MS);
}

/* Two equal hogs, the first of which is to be changed. */
static void two_hogs(void)
{
	sim_create(0, NULL);
	sim_create(1, NULL);
	sim_run(20 * MS);
}

static void urgency_sets_level_and_band(void **state)
{
	two_hogs();
	force("urgency -30");
	assert_int_equal(sim_dis(0)->p.urgency, -30);
	assert_int_equal(sim_dis(0)->p.band, DIS_RT);
	sim_measure();
	sim_run(1000 * MS);
	assert_true(sim_jobs[0].ran_ns > 900 * MS);
}

static void adjust_changes_the_share(void **state)
{
	two_hogs();
	force("adjust -20");
	assert_int_equal(sim_dis(0)->p.urgency, -10);
	assert_int_equal(sim_dis(0)->p.band, DIS_FAIR);	/* nobody is made real time by it */
	sim_measure();
	sim_run(3000 * MS);
	/* 1.25 ^ 2 */
	assert_in_range(sim_jobs[0].ran_ns * 100 / sim_jobs[1].ran_ns, 140, 175);
}

static void boost_ends_after_its_time(void **state)
{
	two_hogs();
	sim_rule("rule x scope task 1 cooldown 1h when load >= 0% do boost -20 for 3s");
	sim_run(50 * MS);
	assert_int_equal(sim_dis(0)->boost, -20);
	sim_measure();
	sim_run(2900 * MS);
	/* 1.25 ^ 2 */
	assert_in_range(sim_jobs[0].ran_ns * 100 / sim_jobs[1].ran_ns, 140, 175);
	sim_run(200 * MS);
	assert_int_equal(sim_dis(0)->boost, 0);
	assert_int_equal(sim_dis(0)->p.urgency, 10);
	sim_measure();
	sim_run(3000 * MS);
	assert_in_range(sim_jobs[0].ran_ns, 1300 * MS, 1700 * MS);
}

static void slice_and_scale_change_the_slice(void **state)
{
	two_hogs();
	force("slice 7ms");
	assert_int_equal(sim_dis(0)->p.slice_ns, 7 * MS);
	force("slice 10ms, scale 50%, scale 50%");
	assert_int_equal(sim_dis(0)->p.slice_ns, 2500000);
	force("slice 1ms, scale 0%");
	assert_int_equal(sim_dis(0)->p.slice_ns, DIS_SLICE_MIN_NS);
	sim_no_rules();
	sim_run(50 * MS);
	assert_true(sim_dis(0)->p.slice_ns >= 20 * MS);
}

static struct hx_thread *steal(unsigned cpu)
{
	hx_irqflags_t flags = hx_runq_lock(&sim_rq);
	struct hx_thread *t = sim_ops->steal(&sim_rq, cpu);

	if (t != NULL)
		sim_ops->enqueue(&sim_rq, t, HX_ENQUEUE_MOVE);
	hx_runq_unlock(&sim_rq, flags);
	return t;
}

/* Until the first thread waits. */
static void let_wait(void)
{
	while (sim_current == &sim_jobs[0].t)
		sim_run(MS);
}

static void affinity_and_pin_decide_who_is_stolen(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_BACKGROUND);

	sim_create(0, &i);
	sim_create(1, NULL);	/* runs: the other one waits */
	assert_ptr_equal(sim_current, &sim_jobs[1].t);
	force("affinity 0x5");
	let_wait();
	assert_null(steal(1));
	assert_ptr_equal(steal(2), &sim_jobs[0].t);
	force("pin 3");
	let_wait();
	assert_null(steal(2));
	assert_null(steal(3));		/* pinned: not moved at all */
	assert_int_equal(sim_dis(0)->p.affinity, 8);
}

/* A rule narrows what the intent allows; what it forbids core would call a broken scheduler. */
static void no_rule_moves_a_thread_against_its_intent(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_BACKGROUND);

	i.affinity = 3;
	sim_create(0, &i);
	sim_create(1, NULL);
	force("affinity 0xf");
	let_wait();
	assert_null(steal(2));
	assert_ptr_equal(steal(1), &sim_jobs[0].t);
	i.flags = HX_INTENT_PINNED;
	assert_int_equal(sim_change(0, &i, HX_PRIO_DEFAULT), 0);
	force("migrate");
	let_wait();
	assert_null(steal(1));
	i = sim_intent(HX_INTENT_REALTIME);
	i.runtime_ns = MS;
	i.deadline_ns = i.period_ns = 10 * MS;
	assert_int_equal(sim_change(0, &i, HX_PRIO_DEFAULT), 0);
	let_wait();
	assert_null(steal(1));		/* its time was promised here */
}

static void migrate_lifts_a_pin_and_goes_first(void **state)
{
	static const char *const lines[] = {
		"rule free prio 2 scope task 1 when load >= 0% do migrate",
		"rule pinned prio 1 scope task 1 when load >= 0% do pin 0",
	};

	sim_create(1, NULL);
	sim_create(2, NULL);	/* has waited for longer than the first by the time it is asked */
	sim_run(5 * MS);
	sim_create(0, NULL);
	sim_rules(lines, HX_ARRAY_LEN(lines));
	sim_run(50 * MS);
	while (sim_current != &sim_jobs[1].t)
		sim_run(MS);
	assert_ptr_equal(steal(1), &sim_jobs[0].t);
	sim_no_rules();
	sim_run(50 * MS);
	while (sim_current != &sim_jobs[0].t)
		sim_run(MS);
	assert_ptr_not_equal(steal(1), &sim_jobs[0].t);
}

static void queue_and_class_move_a_thread(void **state)
{
	two_hogs();
	force("queue idle");
	sim_measure();
	sim_run(1000 * MS);
	assert_int_equal(sim_jobs[0].ran_ns, 0);
	force("queue realtime");
	sim_measure();
	sim_run(1000 * MS);
	assert_true(sim_jobs[0].ran_ns > 900 * MS);
	force("class background");
	assert_int_equal(sim_dis(0)->p.class, HX_INTENT_BACKGROUND);
	assert_int_equal(sim_dis(0)->p.urgency, 100);
	force("queue fair, class critical");
	assert_int_equal(sim_dis(0)->p.class, HX_INTENT_CRITICAL);
	assert_int_equal(sim_dis(0)->p.band, DIS_FAIR);
}

static void budget_and_throttle_limit_the_cpu(void **state)
{
	sim_create(0, NULL);
	force("budget 25%");
	sim_measure();
	sim_run(10000 * MS);
	assert_in_range(sim_jobs[0].ran_ns, 2450 * MS, 2550 * MS);
	sim_no_rules();
	sim_run(200 * MS);
	assert_int_equal(dis_n_limited, 0);
	sim_rule("rule x cooldown 1h when load >= 0% do throttle 10% for 3s");
	sim_run(500 * MS);
	sim_measure();
	sim_run(2000 * MS);
	assert_in_range(sim_jobs[0].ran_ns, 190 * MS, 210 * MS);
	sim_run(1000 * MS);
	sim_measure();
	sim_run(1000 * MS);
	assert_int_equal(sim_jobs[0].ran_ns, 1000 * MS);	/* it is over */
	assert_int_equal(dis_n_limited, 0);
}

static void preempt_makes_way_and_nopreempt_stays(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_INTERACTIVE);
	unsigned before;

	two_hogs();
	sim_run(2000 * MS);
	sim_measure();
	sim_run(2000 * MS);
	before = sim_jobs[0].n_runs;
	force("preempt");
	sim_measure();
	sim_run(2000 * MS);
	assert_true(sim_jobs[0].n_runs > 3 * before);	/* each 10 ms instead of each slice */
	force("nopreempt");
	while (sim_current != &sim_jobs[0].t)
		sim_run(MS);
	sim_create(2, &i);
	assert_ptr_equal(sim_current, &sim_jobs[0].t);
	sim_no_rules();
	sim_run(200 * MS);
	while (sim_current != &sim_jobs[0].t)
		sim_run(MS);
	sim_create(3, &i);
	assert_ptr_equal(sim_current, &sim_jobs[3].t);
}

static unsigned n_called;

static void count_call(const struct hx_dis_view *v)
{
	assert_int_equal(v->thread_id, 1);
	n_called++;
}

static void custom_action_is_called_once_per_firing(void **state)
{
	static struct hx_dis_hook hook = { .name = "count_call", .act = count_call };

	assert_int_equal(hx_dis_hook_register(&hook), 0);
	two_hogs();
	n_called = 0;
	sim_rule("rule x scope task 1 cooldown 1s when load >= 0% do custom count_call");
	sim_run(5500 * MS);
	assert_in_range(n_called, 5, 6);	/* the cooldown holds */
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, sim_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(urgency_sets_level_and_band),
		TEST(adjust_changes_the_share),
		TEST(boost_ends_after_its_time),
		TEST(slice_and_scale_change_the_slice),
		TEST(affinity_and_pin_decide_who_is_stolen),
		TEST(no_rule_moves_a_thread_against_its_intent),
		TEST(migrate_lifts_a_pin_and_goes_first),
		TEST(queue_and_class_move_a_thread),
		TEST(budget_and_throttle_limit_the_cpu),
		TEST(preempt_makes_way_and_nopreempt_stays),
		TEST(custom_action_is_called_once_per_firing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
