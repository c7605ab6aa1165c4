// SPDX-License-Identifier: MIT
/* The policy engine: each condition is seen to hold and not to; scopes, cooldowns, conflicts. */
#include "dis_driver.h"
#include <hx/core/frames.h>

static int setup(void **state)
{
	int err = sim_setup(state);

	sim_no_rules();
	return err;
}

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

/* Two equal hogs, the first of which is to be changed. */
static void two_hogs(void)
{
	sim_create(0, NULL);
	sim_create(1, NULL);
	sim_run(20 * MS);
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

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, sim_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(conditions_see_what_they_name),
		TEST(hooks_are_checked),
		TEST(views_are_filled_in_from_the_system),
		TEST(effects_end_with_the_condition_and_never_pile_up),
		TEST(scopes_choose_the_threads),
		TEST(first_rule_by_priority_wins),
		TEST(ready_threads_are_all_looked_at),
		TEST(events_are_kept_within_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
