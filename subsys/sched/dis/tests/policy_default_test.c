// SPDX-License-Identifier: MIT
/* The default rules and the other ready-made sets, each in its situation. */
#include "dis_driver.h"

static int setup(void **state)
{
	int err = sim_setup(state);

	sim_no_rules();
	return err;
}

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
		TEST(default_starvation_prevention),
		TEST(default_cpu_hog_penalty),
		TEST(default_interactive_boost),
		TEST(default_background_throttle),
		TEST(policy_templates_do_what_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
