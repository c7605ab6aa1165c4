// SPDX-License-Identifier: MIT
/* The policy engine: each condition is seen to hold and not to, each action is seen to work. */
#include "dis_driver.h"
#include <hx/core/frames.h>

static int setup(void **state)
{
	int err = sim_setup(state);

	sim_no_rules();
	return err;
}

/* ---- conditions */

static struct hx_dis_view view;

static bool holds(const char *condition)
{
	char line[256];
	struct dis_rule r;
	struct dis_syntax_error e;

	snprintf(line, sizeof(line), "rule x when %s do preempt", condition);
	if (dis_rule_parse(line, &r, &e) != 0)
		fail_msg("%s: column %u: %s", condition, e.column, e.why);
	return dis_rule_holds(&r, &view);
}

static bool is_thread_7(const struct hx_dis_view *v)
{
	return v->thread_id == 7;
}

static void conditions_see_what_they_name(void **state)
{
	static const struct { const char *yes, *no; } pairs[] = {
		{ "load > 79%", "load > 80%" }, { "load >= 80", "load < 80" },
		{ "memory = 40%", "memory != 40%" }, { "iowait <= 5", "iowait < 5" },
		{ "runnable > 11", "runnable > 12" },
		{ "time 08:00-18:00", "time 18:00-19:00" },
		{ "time 22:00-12:01", "time 22:00-12:00" },
		{ "class batch", "class server" }, { "urgency >= 50", "urgency > 50" },
		{ "urgency > -1", "urgency < 0" }, { "runtime > 4s", "runtime > 5s" },
		{ "wait >= 1500ms", "wait > 1500ms" }, { "usage > 90", "usage > 91" },
		{ "flag borrow", "flag pinned" }, { "age < 1h", "age > 1h" },
		{ "all(load > 1, wait > 1s)", "all(load > 1, wait > 2s)" },
		{ "any(load < 1, wait > 1s)", "any(load < 1, wait > 2s)" },
		{ "not(class server)", "not(class batch)" },
		{ "all(any(class server, class batch), not(flag pinned))",
		  "all(any(class server, class idle), not(flag pinned))" },
		{ "any(not(load > 1), all(load > 1, memory > 1))",
		  "any(not(load > 1), all(load > 1, memory > 50), flag pinned)" },
		{ "custom(is_thread_7)", "not(custom(is_thread_7))" },
	};
	static struct hx_dis_hook hook = { .name = "is_thread_7", .holds = is_thread_7 };

	assert_int_equal(hx_dis_hook_register(&hook), 0);
	view = (struct hx_dis_view){
		.thread_id = 7, .class = HX_INTENT_BATCH, .urgency = 50,
		.flags = HX_INTENT_BORROW, .usage_permille = 915, .ran_ns = 5000 * MS,
		.wait_ns = 1500 * MS, .age_ns = 60000 * MS, .load_percent = 80,
		.memory_percent = 40, .iowait_percent = 5, .n_runnable = 12,
		.time_of_day_s = 12 * 3600,
	};
	for (size_t i = 0; i < HX_ARRAY_LEN(pairs); i++) {
		if (!holds(pairs[i].yes))
			fail_msg("does not hold: %s", pairs[i].yes);
		if (holds(pairs[i].no))
			fail_msg("holds: %s", pairs[i].no);
	}
}

static void hooks_are_checked(void **state)
{
	static struct hx_dis_hook both = { .name = "both", .holds = is_thread_7,
					   .act = (void (*)(const struct hx_dis_view *))1 };
	static struct hx_dis_hook none = { .name = "none" };
	static struct hx_dis_hook bad = { .name = "a b", .holds = is_thread_7 };
	static struct hx_dis_hook digit = { .name = "1a", .holds = is_thread_7 };
	static struct hx_dis_hook one = { .name = "one", .holds = is_thread_7 };
	static struct hx_dis_hook same = { .name = "one", .holds = is_thread_7 };

	assert_int_equal(hx_dis_hook_register(&both), -HX_EINVAL);
	assert_int_equal(hx_dis_hook_register(&none), -HX_EINVAL);
	assert_int_equal(hx_dis_hook_register(&bad), -HX_EINVAL);
	assert_int_equal(hx_dis_hook_register(&digit), -HX_EINVAL);
	assert_int_equal(hx_dis_hook_register(&one), 0);
	assert_int_equal(hx_dis_hook_register(&same), -HX_EEXIST);
}

/* What the engine really fills in. */
static void views_are_filled_in_from_the_system(void **state)
{
	struct hx_dis_view v;
	hx_paddr_t pa;

	assert_int_equal(hx_frames_alloc(10, 0, &pa), 0);	/* 4 of 16 MiB */
	sim_create(0, NULL);
	sim_create(1, NULL);
	sim_run(2000 * MS);
	dis_view_make(sim_dis(0), hx_now_ns(), &v);
	assert_int_equal(v.thread_id, 1);
	assert_int_equal(v.class, HX_INTENT_SERVER);
	assert_int_equal(v.n_runnable, 2);
	assert_in_range(v.load_percent, 99, 100);
	assert_int_equal(v.age_ns, 2000 * MS);
	assert_int_equal(v.ran_ns, sim_dis(0)->s.ran_ns);
	assert_in_range(v.usage_permille, 300, 700);
	assert_in_range(v.memory_percent, 24, 30);
	assert_int_equal(hx_frames_free(pa, 10), 0);
	assert_int_equal(v.time_of_day_s, 3);
	assert_int_equal(hx_dis_set_time_of_day(86400), -HX_ERANGE);
	assert_int_equal(hx_dis_set_time_of_day(86399), 0);
	sim_run(1000 * MS);
	dis_view_make(sim_dis(0), hx_now_ns(), &v);
	assert_int_equal(v.time_of_day_s, 0);
	assert_int_equal(hx_dis_set_time_of_day(0), 0);
}

/* ---- actions */

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
	assert_true(sim_jobs[0].ran_ns > 3 * sim_jobs[1].ran_ns);
}

static void boost_ends_after_its_time(void **state)
{
	two_hogs();
	sim_rule("rule x scope task 1 cooldown 1h when load >= 0% do boost -20 for 500ms");
	sim_run(50 * MS);
	assert_int_equal(sim_dis(0)->boost, -20);
	sim_measure();
	sim_run(400 * MS);
	assert_true(sim_jobs[0].ran_ns > 3 * sim_jobs[1].ran_ns);
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

static void affinity_pin_and_migrate_decide_who_is_stolen(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_BACKGROUND);

	sim_create(0, &i);
	sim_create(1, NULL);	/* runs: the other one waits */
	assert_ptr_equal(sim_current, &sim_jobs[1].t);
	force("affinity 0x5");
	while (sim_current == &sim_jobs[0].t)
		sim_run(MS);
	assert_null(steal(1));
	assert_ptr_equal(steal(2), &sim_jobs[0].t);
	force("pin 3");
	while (sim_current == &sim_jobs[0].t)
		sim_run(MS);
	assert_null(steal(2));
	assert_null(steal(3));		/* pinned: not moved at all */
	assert_int_equal(sim_dis(0)->p.affinity, 8);
	i.flags = HX_INTENT_PINNED;
	sim_no_rules();
	sim_change(0, &i, HX_PRIO_DEFAULT);
	while (sim_current == &sim_jobs[0].t)
		sim_run(MS);
	assert_null(steal(1));
	force("migrate");
	while (sim_current == &sim_jobs[0].t)
		sim_run(MS);
	assert_ptr_equal(steal(1), &sim_jobs[0].t);
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

/* ---- in force, scopes, conflicts */

static void effects_end_with_the_condition_and_never_pile_up(void **state)
{
	two_hogs();
	sim_rule("rule x scope task 1 cooldown 100ms when age < 3s do adjust +20");
	for (unsigned n = 0; n < 25; n++) {
		sim_run(100 * MS);
		assert_int_equal(sim_dis(0)->p.urgency, 30);
	}
	sim_run(1000 * MS);
	assert_int_equal(sim_dis(0)->p.urgency, 10);
	assert_int_equal(sim_dis(0)->active, 0);
}

static void scopes_choose_the_threads(void **state)
{
	static const char *const lines[] = {
		"rule a scope class batch when load >= 0% do adjust +1",
		"rule b scope group 5 when load >= 0% do adjust +2",
		"rule c scope task 3 when load >= 0% do adjust +4",
		"rule d scope global when load >= 0% do adjust +8",
	};
	static const int want[] = { 50 + 1 + 8, 10 + 2 + 8, 10 + 4 + 8, 10 + 8 };
	struct hx_intent i = sim_intent(HX_INTENT_BATCH);

	sim_create(0, &i);
	i = sim_intent(HX_INTENT_SERVER);
	i.group = 5;
	sim_create(1, &i);
	sim_create(2, NULL);
	sim_create(3, NULL);
	sim_rules(lines, HX_ARRAY_LEN(lines));
	sim_run(100 * MS);
	for (unsigned k = 0; k < 4; k++)
		assert_int_equal(sim_dis(k)->p.urgency, want[k]);
}

static void first_rule_by_priority_wins(void **state)
{
	static const char *const lines[] = {
		"rule low prio 10 when load >= 0% do slice 3ms, class batch",
		"rule high prio 20 when load >= 0% do slice 5ms",
	};

	sim_create(0, NULL);
	sim_rules(lines, HX_ARRAY_LEN(lines));
	sim_run(50 * MS);
	assert_int_equal(sim_dis(0)->p.slice_ns, 5 * MS);
	assert_int_equal(sim_dis(0)->p.class, HX_INTENT_BATCH);
}

static void ready_threads_are_all_looked_at(void **state)
{
	for (unsigned k = 0; k < SIM_THREADS; k++)
		sim_create(k, NULL);
	sim_rule("rule x when load >= 0% do adjust +1");
	sim_run((SIM_THREADS / DIS_LOOKS_MAX + 2) * 10 * MS);
	for (unsigned k = 0; k < SIM_THREADS; k++)
		assert_int_equal(sim_dis(k)->p.urgency, 11);
	assert_true(dis_check(sim_queue()));
}

static void events_are_kept_within_a_bound(void **state)
{
	struct dis_event e[DIS_EVENTS_MAX];
	uint64_t fired, events;
	unsigned n;

	two_hogs();
	sim_rule("rule x cooldown 10ms when load >= 0% do adjust +1");
	sim_run(2000 * MS);
	dis_policy_count(&fired, &events);
	assert_true(events > DIS_EVENTS_MAX);
	n = dis_policy_events(e, DIS_EVENTS_MAX);
	assert_int_equal(n, DIS_EVENTS_MAX);
	for (unsigned k = 1; k < n; k++)
		assert_true(e[k].at_ns >= e[k - 1].at_ns);
	assert_string_equal(e[n - 1].rule, "x");
	assert_true(e[n - 1].fired);
}

/* ---- the default rules, each in its situation */

static void defaults(const char *name)
{
	unsigned n;
	const char *const *lines = dis_policy_lines(name, &n);

	assert_non_null(lines);
	sim_rules(lines, n);
}

static bool is_in_force(unsigned i, const char *rule)
{
	struct dis_rules *set = test_calloc(1, sizeof(*set));
	bool is = false;

	dis_policy_get(set);
	for (unsigned k = 0; k < set->n; k++)
		if (strcmp(set->rule[k].name, rule) == 0)
			is = (sim_dis(i)->active >> k & 1) != 0;
	test_free(set);
	return is;
}

static void default_starvation_prevention(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_CRITICAL);
	bool seen = false;

	defaults("default");
	sim_create(0, &i);		/* nobody else gets anything */
	sim_create(1, NULL);
	for (unsigned n = 0; n < 200; n++) {
		sim_run(10 * MS);
		if (is_in_force(1, "starvation_prevention")) {
			seen = true;
			assert_in_range(hx_now_ns() - sim_dis(1)->s.ready_ns, 1001 * MS, 2100 * MS);
			assert_int_equal(sim_dis(1)->overlay.adjust, -20);
		}
	}
	assert_true(seen);
	/* It runs; half a second after the rule fired it is as before. */
	sim_leave(HX_LEAVE_EXIT);
	sim_run(1000 * MS);
	assert_false(is_in_force(1, "starvation_prevention"));
}

static void default_cpu_hog_penalty(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_BATCH);

	defaults("default");
	sim_create(0, NULL);
	sim_run(2000 * MS);
	assert_true(is_in_force(0, "cpu_hog_penalty"));
	assert_int_equal(sim_dis(0)->p.urgency, 20);
	sim_leave(HX_LEAVE_EXIT);
	i.flags = HX_INTENT_HIGH_THROUGHPUT;	/* may */
	sim_create(1, &i);
	sim_run(2000 * MS);
	assert_false(is_in_force(1, "cpu_hog_penalty"));
}

static void default_interactive_boost(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_INTERACTIVE);
	unsigned n = 0;

	defaults("default");
	sim_jobs[0].burst_ns = 13 * MS;
	sim_jobs[0].sleep_ns = 90 * MS;
	sim_create(0, &i);
	for (; n < 3000 && !is_in_force(0, "interactive_boost"); n++)
		sim_run(MS);
	assert_true(is_in_force(0, "interactive_boost"));
	assert_int_equal(sim_dis(0)->overlay.scale_percent, 200);
	sim_create(1, NULL);			/* load goes to 100 */
	sim_run(3000 * MS);
	assert_false(is_in_force(0, "interactive_boost"));
}

static void default_background_throttle(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_BACKGROUND);

	defaults("default");
	sim_create(0, &i);
	sim_create(1, NULL);
	sim_run(5000 * MS);
	assert_true(is_in_force(0, "background_throttle"));
	assert_int_equal(sim_dis(0)->p.urgency, 120);
	assert_int_equal(sim_dis(0)->overlay.scale_percent, 25);
}

static void policy_templates_do_what_they_say(void **state)
{
	struct hx_intent i = sim_intent(HX_INTENT_BATCH);
	uint64_t slice;

	for (unsigned k = 0; k < dis_n_policy_templates; k++)
		defaults(dis_policy_templates[k]);
	assert_int_equal(dis_n_policy_templates, 6);	/* default and five */
	defaults("power_save");
	i.flags = HX_INTENT_POWER_PREFER;
	sim_create(0, &i);
	sim_run(1000 * MS);
	sim_measure();
	sim_run(10000 * MS);
	assert_in_range(sim_jobs[0].ran_ns, 4900 * MS, 5100 * MS);
	slice = sim_dis(0)->p.slice_ns;
	assert_int_equal(sim_change(0, NULL, HX_PRIO_DEFAULT), 0);
	defaults("batch");
	sim_run(1500 * MS);
	assert_int_equal(sim_dis(0)->overlay.scale_percent, 100);	/* load is above 50 */
	assert_true(slice > 0);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, sim_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(conditions_see_what_they_name),
		TEST(hooks_are_checked),
		TEST(views_are_filled_in_from_the_system),
		TEST(urgency_sets_level_and_band),
		TEST(adjust_changes_the_share),
		TEST(boost_ends_after_its_time),
		TEST(slice_and_scale_change_the_slice),
		TEST(affinity_pin_and_migrate_decide_who_is_stolen),
		TEST(queue_and_class_move_a_thread),
		TEST(budget_and_throttle_limit_the_cpu),
		TEST(preempt_makes_way_and_nopreempt_stays),
		TEST(custom_action_is_called_once_per_firing),
		TEST(effects_end_with_the_condition_and_never_pile_up),
		TEST(scopes_choose_the_threads),
		TEST(first_rule_by_priority_wins),
		TEST(ready_threads_are_all_looked_at),
		TEST(events_are_kept_within_a_bound),
		TEST(default_starvation_prevention),
		TEST(default_cpu_hog_penalty),
		TEST(default_interactive_boost),
		TEST(default_background_throttle),
		TEST(policy_templates_do_what_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
