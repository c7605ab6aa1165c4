// SPDX-License-Identifier: MIT
/*
 * Every provider that is linked in: random events with the invariants checked after each, and the
 * shipped workloads. SCHEDSIM_EVENTS in the environment makes it long; `schedsim --random 1000000`
 * is the same without sanitizers.
 */
#include "sim_test.h"

#define EVENTS	20000u	/* for each provider and number of CPUs */

static const struct hx_sched_ops *ops;		/* the one under test */

static void survives_random_events(void **state)
{
	const char *text = getenv("SCHEDSIM_EVENTS");
	uint64_t n = text != NULL ? strtoull(text, NULL, 10) : EVENTS;

	for (unsigned cpus = 1; cpus <= 4; cpus *= 2) {
		struct random_options o = {
			.cpus = cpus, .alloc_fails_in = ALLOC_FAILS_IN, .seed = hx_test_seed(),
			.n_events = n,
		};
		char error[SIM_ERROR_MAX] = "";
		struct random_reached r;

		if (random_run(ops, &o, &r, error) != 0)
			fail_msg("%u CPUs: %s", cpus, error);
		/* The events did reach what there is to reach. */
		assert_true(r.n_switches > n / 10 && r.most_ready > 5);
		assert_true(ops->tick == NULL || r.n_preempted > n / 100);
		assert_true(ops->steal == NULL || cpus == 1 || r.n_moved > n / 1000);
		/* Who allocates for each thread was refused memory, and lived on. */
		assert_true(strcmp(ops->name, "dis") != 0 || r.n_alloc_failed > n / 2000);
	}
}

static void keeps_every_invariant_in_the_shipped_workloads(void **state)
{
	static const char *const names[] = {
		"audio", "control", "convoy", "gaming", "hog_and_editor", "inversion", "overload",
		"sleepers", "starvation", "webserver",
	};

	for (size_t i = 0; i < HX_ARRAY_LEN(names); i++) {
		struct sim_options o = { .ops = ops, .check = true };
		char path[512], error[WL_ERROR_MAX] = "";
		struct workload *w;
		struct sim *s;

		snprintf(path, sizeof(path), "%s/workloads/%s.wl", SCHEDSIM_DIR, names[i]);
		assert_int_equal(workload_load(path, &w, error), 0);
		w->length_ns = 1000 * MS;
		if (sim_run(w, &o, &s) != 0)
			fail_msg("%s: %s", names[i], s->error);
		sim_free(s);
		workload_free(w);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_random_events),
		cmocka_unit_test(keeps_every_invariant_in_the_shipped_workloads),
	};
	const struct hx_sched_ops *const *it;
	unsigned n = 0;
	int failed = 0;

	HX_SECTION_FOREACH(it, hx_sched_classes) {
		ops = *it;
		n++;
		failed += cmocka_run_group_tests_name(ops->name, tests, NULL, NULL);
	}
	return failed + (n == 0);
}
