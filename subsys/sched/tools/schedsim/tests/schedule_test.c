// SPDX-License-Identifier: MIT
/* The simulated core against schedules worked out by hand. Switches cost nothing unless said. */
#include "sim_test.h"

static void first_come_first_served_makes_a_convoy(void **state)
{
	struct test_run r = run_text(sched_named("coop"), "length 100ms "
		"thread a { program { run 10ms mark } }"
		"thread b { arrival 1ms program { run 2ms mark } }"
		"thread c { arrival 2ms program { run 1ms mark } }");

	assert_int_equal(r.err, 0);
	assert_int_equal(time_on(&r, 0, 0), 0);
	assert_int_equal(time_on(&r, 1, 0), 10 * MS);
	assert_int_equal(time_on(&r, 2, 0), 12 * MS);
	assert_int_equal(response_of(&r, 0, 0), 10 * MS);
	assert_int_equal(response_of(&r, 1, 0), 11 * MS);
	assert_int_equal(response_of(&r, 2, 0), 11 * MS);
	assert_int_equal(r.s->threads[1].waited_ns, 9 * MS);
	assert_int_equal(r.s->threads[2].ended_ns, 13 * MS);
	assert_int_equal(r.s->cpus[0].idle_ns, 87 * MS);
	run_end(&r);
}

static void round_robin_takes_turns_of_a_slice(void **state)
{
	struct test_run r = run_text(sched_named("rr"), "length 100ms "
		"thread t { count 2 slice 5ms program { run 12ms mark } }");

	/* 0-5 a, 5-10 b, 10-15 a, 15-20 b, 20-22 a, 22-24 b */
	assert_int_equal(r.err, 0);
	for (unsigned k = 0; k < 2; k++) {
		assert_int_equal(time_on(&r, 0, k), k * 10 * MS);
		assert_int_equal(time_on(&r, 1, k), k * 10 * MS + 5 * MS);
	}
	assert_int_equal(time_on(&r, 0, 2), 20 * MS);
	assert_int_equal(time_on(&r, 1, 2), 22 * MS);
	assert_int_equal(response_of(&r, 0, 0), 22 * MS);
	assert_int_equal(response_of(&r, 1, 0), 24 * MS);
	assert_int_equal(r.s->cpus[0].rq.n_switches, 7);	/* the last one to idle */
	run_end(&r);
}

static void switches_cost_the_cpu_and_not_the_thread(void **state)
{
	struct test_run r = run_text(sched_named("rr"), "length 100ms switch_cost 100us "
		"thread t { count 2 slice 5ms program { run 7ms mark } }");

	assert_int_equal(r.err, 0);
	assert_int_equal(r.s->threads[0].ran_ns, 7 * MS);
	assert_int_equal(r.s->threads[1].ran_ns, 7 * MS);
	assert_int_equal(r.s->cpus[0].cost_ns, 400 * HX_NS_PER_US);	/* a b a b */
	assert_int_equal(response_of(&r, 1, 0), 14 * MS + 400 * HX_NS_PER_US);
	run_end(&r);
}

static const char pathfinder[] = "length 100ms mutex m %s "
	"thread low { priority 130 program { lock m run 10ms unlock m mark } }"
	"thread middle { arrival 2ms priority 120 program { run 50ms mark } }"
	"thread high { arrival 3ms priority 110 program { lock m run 1ms unlock m mark } }";

static void inversion_lasts_as_long_as_the_middle_runs(void **state)
{
	char text[512];
	struct test_run r;

	snprintf(text, sizeof(text), pathfinder, "");
	r = run_text(sched_named("prio"), text);
	/* low 0-2, middle 2-52 but for a moment of high, low 52-60, high 60-61 */
	assert_int_equal(r.err, 0);
	assert_int_equal(response_of(&r, 2, 0), 58 * MS);
	assert_int_equal(response_of(&r, 1, 0), 50 * MS);
	run_end(&r);
}

static void inheritance_ends_it(void **state)
{
	char text[512];
	struct test_run r;

	snprintf(text, sizeof(text), pathfinder, "inherit");
	r = run_text(sched_named("prio"), text);
	/* low 0-2, middle 2-3, low 3-11 as urgent as high, high 11-12, middle 12-61 */
	assert_int_equal(r.err, 0);
	assert_int_equal(response_of(&r, 2, 0), 9 * MS);
	assert_int_equal(response_of(&r, 1, 0), 59 * MS);
	assert_int_equal(r.s->threads[0].t.prio, 130);	/* what was lent is given back */
	run_end(&r);
}

static void inheritance_goes_through_chains(void **state)
{
	struct test_run r = run_text(sched_named("prio"), "length 100ms mutex a inherit "
		"mutex b inherit "
		"thread low { priority 130 program { lock a run 10ms unlock a mark } }"
		"thread link { arrival 1ms priority 125"
		" program { lock b lock a run 1ms unlock a unlock b mark } }"
		"thread middle { arrival 2ms priority 120 program { run 50ms mark } }"
		"thread high { arrival 3ms priority 110"
		" program { lock b run 1ms unlock b mark } }");

	/* low 0-2, middle 2-3, low 3-11, link 11-12, high 12-13 */
	assert_int_equal(r.err, 0);
	assert_int_equal(response_of(&r, 3, 0), 10 * MS);
	assert_int_equal(time_on(&r, 2, 1), 13 * MS);
	run_end(&r);
}

static void semaphores_hand_over_and_keep_the_time_of_the_post(void **state)
{
	struct test_run r = run_text(sched_named("coop"), "length 100ms semaphore s 0 "
		"source dev posts s every 10ms burst 2 until 10ms "
		"thread w { program { loop 2 { wait s run 3ms mark } } }");

	/* Both are posted at 10 ms: done at 13 and at 16. */
	assert_int_equal(r.err, 0);
	assert_int_equal(response_of(&r, 0, 0), 3 * MS);
	assert_int_equal(response_of(&r, 0, 1), 6 * MS);
	run_end(&r);
}

static void sleeps_end_at_ticks_unless_timers_are_exact(void **state)
{
	static const char text[] = "length 50ms timers %s "
				   "thread t { program { sleep 2500us mark } }";
	char buf[128];
	struct test_run r;

	snprintf(buf, sizeof(buf), text, "tick");
	r = run_text(sched_named("coop"), buf);
	assert_int_equal(time_on(&r, 0, 1), 3 * MS);
	assert_int_equal(response_of(&r, 0, 0), 500 * HX_NS_PER_US);
	run_end(&r);
	snprintf(buf, sizeof(buf), text, "exact");
	r = run_text(sched_named("coop"), buf);
	assert_int_equal(time_on(&r, 0, 1), 2500 * HX_NS_PER_US);
	assert_int_equal(response_of(&r, 0, 0), 0);
	run_end(&r);
}

static void late_periodic_threads_miss_each_beat(void **state)
{
	struct test_run r = run_text(sched_named("coop"), "length 100ms "
		"thread p { program { forever { every 10ms run 1ms mark due 5ms } } }"
		"thread hog { arrival 25ms program { run 100ms } }");

	/* Beats at 10 and 20 are met; those of 30 to 90 not: one that is due, six behind it. */
	assert_int_equal(r.err, 0);
	assert_int_equal(r.s->measured[0].n_marks, 2);
	assert_int_equal(r.s->measured[0].n_missed, 7);
	run_end(&r);
}

static void jobs_back_to_back_begin_at_the_mark_before(void **state)
{
	struct test_run r = run_text(sched_named("coop"), "length 100ms "
		"thread t { program { loop 2 { run 10ms mark }"
		" sleep 10ms run 5ms io 10ms mark } }");

	assert_int_equal(r.err, 0);
	assert_int_equal(response_of(&r, 0, 0), 10 * MS);
	assert_int_equal(response_of(&r, 0, 1), 10 * MS);
	assert_int_equal(response_of(&r, 0, 2), 15 * MS);	/* from 30: io is part of the job */
	run_end(&r);
}

static void yield_lets_the_others_go_first(void **state)
{
	struct test_run r = run_text(sched_named("coop"), "length 50ms "
		"thread a { program { run 1ms yield run 1ms mark } }"
		"thread b { program { run 5ms mark } }");

	assert_int_equal(r.err, 0);
	assert_int_equal(response_of(&r, 0, 0), 7 * MS);
	assert_int_equal(response_of(&r, 1, 0), 6 * MS);
	run_end(&r);
}

static void two_cpus_take_two_threads(void **state)
{
	struct test_run r = run_text(sched_named("coop"), "cpus 2 length 50ms "
		"thread t { count 2 program { run 10ms mark } }"
		"thread there { intent affinity=1 program { run 5ms mark } }");

	assert_int_equal(r.err, 0);
	assert_int_equal(response_of(&r, 0, 0), 10 * MS);
	assert_int_equal(response_of(&r, 1, 0), 10 * MS);
	assert_int_equal(response_of(&r, 2, 0), 15 * MS);	/* not on CPU 0, which is free */
	assert_int_equal(r.s->threads[2].cpu, 1);
	run_end(&r);
}

static void expect_failure(const char *text, const char *words)
{
	struct test_run r = run_text(sched_named("rr"), text);

	assert_int_equal(r.err, -HX_EINVAL);
	if (strstr(r.s->error, words) == NULL)
		fail_msg("\"%s\" and not \"%s\"", r.s->error, words);
	run_end(&r);
}

/* 0..5 on CPU 0; then to CPU 1, where it waits for the other's slice; back at 15 and behind b. */
static void a_running_thread_moves_when_its_affinity_changes(void **state)
{
	struct test_run r = run_text(sched_named("rr"), "cpus 2 "
		"thread a { program { run 5ms intent affinity=1 run 5ms intent affinity=0 run 1ms"
		" mark } }"
		"thread other { intent affinity=1 program { run 8ms } }"
		"thread b { intent affinity=0 arrival 2ms program { run 20ms } }");

	assert_int_equal(r.err, 0);
	assert_int_equal(time_on(&r, 0, 0), 0);
	assert_int_equal(time_on(&r, 2, 0), 5 * MS);	/* b has CPU 0 at once */
	assert_int_equal(time_on(&r, 0, 1), 8 * MS);
	assert_int_equal(time_on(&r, 0, 2), 15 * MS);	/* b's slice of 10 ms is over */
	assert_int_equal(response_of(&r, 0, 0), 16 * MS);
	assert_int_equal(r.s->threads[0].n_moved, 2);
	run_end(&r);
}

static void programs_that_break_rules_are_named(void **state)
{
	expect_failure("thread t { program { forever { yield } } }",
		       "without any time passing");
	expect_failure("semaphore s thread t { program { forever { post s } } }",
		       "without any time passing (line 1)");
	expect_failure("mutex m thread t { program { unlock m } }", "which it does not hold");
	expect_failure("mutex m thread t { program { lock m lock m } }", "in a circle");
	expect_failure("mutex m thread t { program { lock m } }", "ends and holds mutex m");
	expect_failure("mutex a mutex b "
		       "thread t { slice 1ms program { lock a run 5ms lock b } }"
		       "thread u { slice 1ms program { lock b run 50ms lock a } }", "in a circle");
}

/* Everything that a run writes, as one text. */
static char *all_output(const char *name, const struct hx_sched_ops *ops)
{
	struct run_report *report = xalloc(1, sizeof(*report));
	char path[512], error[WL_ERROR_MAX], *text = NULL;
	struct trace trace = { .n = 0 };
	struct sim_options o = { .ops = ops, .trace = &trace };
	struct workload *w;
	struct sim *s;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	snprintf(path, sizeof(path), "%s/workloads/%s", SCHEDSIM_DIR, name);
	assert_int_equal(workload_load(path, &w, error), 0);
	w->length_ns = 500 * MS;
	assert_int_equal(sim_run(w, &o, &s), 0);
	report_make(s, report);
	report_text(s, report, f);
	report_json(s, report, f);
	trace_csv(s, f);
	trace_json(s, f);
	svg_gantt(s, 0, s->now, f);
	svg_latency(s, f);
	fclose(f);
	sim_free(s);
	free(trace.v);
	free(report);
	workload_free(w);
	return text;
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
	const struct hx_sched_ops *const *it;

	HX_SECTION_FOREACH(it, hx_sched_classes) {
		char *a = all_output("webserver.wl", *it), *b = all_output("webserver.wl", *it);

		assert_string_equal(a, b);
		assert_true(strlen(a) > 10000);
		free(a);
		free(b);
	}
}

static void what_threads_ask_for_does_not_depend_on_the_scheduler(void **state)
{
	static const char text[] = "length 10s thread t { count 5 program { loop 20 { "
		"run exp(3ms) sleep exp(3ms) } } }";
	struct test_run a = run_text(sched_named("rr"), text);
	struct test_run b = run_text(sched_named("coop"), text);

	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(a.s->threads[i].t.state, HX_THREAD_DEAD);
		assert_int_equal(a.s->threads[i].ran_ns, b.s->threads[i].ran_ns);
	}
	run_end(&a);
	run_end(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_come_first_served_makes_a_convoy),
		cmocka_unit_test(round_robin_takes_turns_of_a_slice),
		cmocka_unit_test(switches_cost_the_cpu_and_not_the_thread),
		cmocka_unit_test(inversion_lasts_as_long_as_the_middle_runs),
		cmocka_unit_test(inheritance_ends_it),
		cmocka_unit_test(inheritance_goes_through_chains),
		cmocka_unit_test(semaphores_hand_over_and_keep_the_time_of_the_post),
		cmocka_unit_test(sleeps_end_at_ticks_unless_timers_are_exact),
		cmocka_unit_test(late_periodic_threads_miss_each_beat),
		cmocka_unit_test(jobs_back_to_back_begin_at_the_mark_before),
		cmocka_unit_test(yield_lets_the_others_go_first),
		cmocka_unit_test(two_cpus_take_two_threads),
		cmocka_unit_test(a_running_thread_moves_when_its_affinity_changes),
		cmocka_unit_test(programs_that_break_rules_are_named),
		cmocka_unit_test(the_same_seed_gives_the_same_bytes),
		cmocka_unit_test(what_threads_ask_for_does_not_depend_on_the_scheduler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
