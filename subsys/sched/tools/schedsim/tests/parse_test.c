// SPDX-License-Identifier: MIT
/* Reading workload files: what they mean, and what is said about those that mean nothing. */
#include "sim_test.h"
#include <dirent.h>

static const char good[] =
	"# What it is about\n"
	"cpus 4 length 2s tick_hz 250 switch_cost 3us seed 7 balance 50ms timers exact\n"
	"mutex disk inherit\nmutex log\nsemaphore req 2\n"
	"source net posts req every exp(5ms) burst 3 from 10ms until 1s\n"
	"thread worker {\n"
	"  count 3 arrival uniform(1ms, 2ms) stagger 10ms priority 99 slice 4ms\n"
	"  intent class=interactive latency=bounded:2ms:5ms budget=quota:1ms/10ms\n"
	"         energy=saving flags=low_latency|migratable affinity=0,2 nice=-5\n"
	"         latency_nice=3 group=2 runtime=1ms deadline=4ms period=10ms\n"
	"  program {\n"
	"    wait req run pareto(1ms, 1.5, 9ms) lock disk io 500us unlock disk mark due 7ms\n"
	"    loop 3 { yield forever { sleep 1.5ms post req } }\n"
	"    priority 120 intent class=batch every 10ms exit\n"
	"  }\n"
	"}\n"
	"watch worker\n";

static void everything_is_read(void **state)
{
	struct workload *w = workload_of(good);
	const struct spec *s = &w->specs[0];
	const struct hx_intent *i = &s->intent;

	assert_string_equal(w->name, "test");
	assert_string_equal(w->about, "What it is about");
	assert_int_equal(w->cpus, 4);
	assert_int_equal(w->length_ns, 2000 * MS);
	assert_int_equal(w->tick_hz, 250);
	assert_int_equal(w->switch_ns, 3000);
	assert_int_equal(w->seed, 7);
	assert_int_equal(w->balance_ns, 50 * MS);
	assert_true(w->timers_exact && w->mutexes[0].inherits && !w->mutexes[1].inherits);
	assert_int_equal(w->sems[0].count, 2);
	assert_int_equal(w->sources[0].every.kind, DIST_EXP);
	assert_int_equal(w->sources[0].burst.a, 3);
	assert_int_equal(w->sources[0].until_ns, 1000 * MS);
	assert_int_equal(s->count, 3);
	assert_int_equal(s->prio, 99);
	assert_int_equal(s->slice_ns, 4 * MS);
	assert_int_equal(s->stagger_ns, 10 * MS);
	assert_int_equal(i->class, HX_INTENT_INTERACTIVE);
	assert_int_equal(i->latency, HX_LATENCY_BOUNDED);
	assert_int_equal(i->latency_max_ns, 5 * MS);
	assert_int_equal(i->budget_kind, HX_BUDGET_QUOTA);
	assert_int_equal(i->quota_ns, MS);
	assert_int_equal(i->budget_period_ns, 10 * MS);
	assert_int_equal(i->energy, HX_ENERGY_SAVING);
	assert_int_equal(i->flags, HX_INTENT_LOW_LATENCY | HX_INTENT_MIGRATABLE);
	assert_int_equal(i->affinity, 5);
	assert_int_equal(i->nice, -5);
	assert_int_equal(i->latency_nice, 3);
	assert_int_equal(i->group, 2);
	assert_int_equal(i->deadline_ns, 4 * MS);
	assert_int_equal(i->period_ns, 10 * MS);
	assert_true(w->watched[0]);
	workload_free(w);
}

static void programs_are_flat(void **state)
{
	static const enum op_kind want[] = {
		OP_WAIT, OP_RUN, OP_LOCK, OP_IO, OP_UNLOCK, OP_MARK, OP_LOOP, OP_YIELD, OP_LOOP,
		OP_SLEEP, OP_POST, OP_AGAIN, OP_AGAIN, OP_PRIORITY, OP_INTENT, OP_EVERY, OP_EXIT,
	};
	struct workload *w = workload_of(good);
	const struct spec *s = &w->specs[0];

	assert_int_equal(s->n_ops, HX_ARRAY_LEN(want));
	for (unsigned i = 0; i < s->n_ops; i++)
		assert_int_equal(s->ops[i].kind, want[i]);
	assert_int_equal(s->ops[11].idx, 9);	/* the inner loop goes back behind its head */
	assert_int_equal(s->ops[12].idx, 7);
	assert_int_equal(s->ops[9].time.a, 1500 * HX_NS_PER_US);
	assert_int_equal(s->ops[5].n, 7 * MS);
	assert_int_equal(s->ops[5].line, 13);
	assert_int_equal(w->intents[s->ops[14].idx].class, HX_INTENT_BATCH);
	workload_free(w);
}

static void errors_name_line_column_and_reason(void **state)
{
	static const struct { const char *text, *error; } cases[] = {
		{ "", "x:1:1: there is no thread in it" },
		{ "cpus 1\n\n  cups 2", "x:3:3: 'cups' begins no line that is known" },
		{ "cpus 65", "x:1:6: the number of CPUs is 1..64" },
		{ "cpus two", "x:1:6: expected the number of CPUs, found 'two'" },
		{ "cpus", "x:1:5: expected the number of CPUs, and the file ends here" },
		{ "length 5", "x:1:8: '5': a time ends in ns, us, ms or s" },
		{ "length 5min", "x:1:8: '5min': a time ends in ns, us, ms or s" },
		{ "length 99999999999999999999s", "here a time is" },
		{ "length 2h", "a time ends in" },
		{ "\t@", "x:1:2: no word begins with the byte 0x40" },
		{ "mutex a mutex a", "x:1:15: the name 'a' is taken" },
		{ "source s posts r every 1ms", "x:1:16: no semaphore 'r' was declared above" },
		{ "semaphore r source s posts r burst 2 cpus 1", "the source 's' lacks 'every'" },
		{ "thread t {", "x:1:11: '' is no property of a thread" },
		{ "thread t { }", "x:1:8: the thread 't' has no program" },
		{ "thread t { program { run } }",
		  "x:1:26: expected a time, such as 5ms, found '}'" },
		{ "thread t { program { run 1ms", "x:1:29: the file ends within a program" },
		{ "thread t { program { jump } }", "x:1:22: 'jump' is no statement" },
		{ "thread t { program { lock m } }", "x:1:27: no mutex 'm' was declared above" },
		{ "thread t { program { run uniform(5ms, 1ms) } }",
		  "x:1:39: the greatest is below the least" },
		{ "thread t { program { run pareto(5ms, 0) } }", "x:1:38: expected the shape" },
		{ "thread t { program { loop 2 { } } }", "x:1:22: a loop around nothing" },
		{ "thread t { intent class=king program { exit } }",
		  "x:1:25: the class 'king' is none of: realtime soft_realtime" },
		{ "thread t { intent nice=-21 program { exit } }",
		  "x:1:19: this intent: nice is -20..19" },
		{ "thread t { intent nice=-2147483649 program { exit } }", "nice is -128..127" },
		{ "thread t { intent class=realtime program { exit } }",
		  "x:1:19: this intent: real time needs a deadline or a greatest latency" },
		{ "cpus 2 thread t { program { intent affinity=2 exit } }",
		  "x:1:36: the affinity names no CPU of this machine" },
		{ "thread t { intent affinity=3 program { exit } }",
		  "x:1:1: the affinity of 't' names no CPU of this machine" },
		{ "thread t { program { exit } } thread t { program { exit } }",
		  "x:1:38: there is a thread 't' already" },
		{ "thread abcdefghijklmnopqrstu { }", "is longer than 19" },
		{ "watch t", "x:1:7: no thread 't' was declared above" },
		{ "thread t { count 9000 program { exit } } "
		  "thread u { count 9000 program { exit } }",
		  "more than 10000 threads" },
		{ "thread t { program { forever { forever { forever { forever { forever { "
		  "forever { forever { forever { forever { yield } } } } } } } } } } }",
		  "more than 8 loops" },
	};

	for (size_t i = 0; i < HX_ARRAY_LEN(cases); i++) {
		char error[WL_ERROR_MAX] = "";
		struct workload *w = NULL;

		assert_int_equal(workload_parse("x", cases[i].text, strlen(cases[i].text), &w,
						error), -HX_EINVAL);
		assert_null(w);
		if (strstr(error, cases[i].error) == NULL)
			fail_msg("\"%s\": \"%s\" and not \"%s\"", cases[i].text, error,
				 cases[i].error);
	}
}

/* Whatever bytes: an answer, and if it is a workload, one within its limits. */
static void noise_is_answered(void **state)
{
	uint64_t rnd = hx_test_seed();
	unsigned n_good = 0;

	for (unsigned n = 0; n < 20000; n++) {
		char text[sizeof(good)], error[WL_ERROR_MAX] = "";
		size_t len = hx_test_random_below(&rnd, 8) == 0 ?
			     hx_test_random_below(&rnd, sizeof(good)) : sizeof(good) - 1;
		struct workload *w = NULL;

		memcpy(text, good, sizeof(good));
		for (uint64_t k = hx_test_random_below(&rnd, 4); k > 0; k--) {
			size_t at = hx_test_random_below(&rnd, sizeof(good) - 1);

			text[at] = hx_test_random_below(&rnd, 2) ? (char)hx_test_random(&rnd) :
				   good[hx_test_random_below(&rnd, sizeof(good) - 1)];
		}
		if (workload_parse("noise", text, len, &w, error) == 0) {
			n_good++;
			assert_in_range(w->cpus, 1, WL_CPUS_MAX);
			assert_in_range(w->n_threads, 1, WL_THREADS_MAX);
			workload_free(w);
		} else {
			assert_int_equal(strncmp(error, "noise:", 6), 0);
		}
	}
	assert_in_range(n_good, 1, 15000);
}

static void files_that_cannot_be_read_are_named(void **state)
{
	char error[WL_ERROR_MAX];
	struct workload *w;

	assert_int_equal(workload_load("/nowhere/a.wl", &w, error), -HX_ENOENT);
	assert_string_equal(error, "/nowhere/a.wl: cannot be read");
}

static void shipped_workloads_are_ten_and_say_what_to_look_for(void **state)
{
	DIR *d = opendir(SCHEDSIM_DIR "/workloads");
	const struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		char path[512], error[WL_ERROR_MAX] = "";
		struct workload *w;
		unsigned n_watched = 0;

		if (strstr(e->d_name, ".wl") == NULL)
			continue;
		snprintf(path, sizeof(path), "%s/workloads/%s", SCHEDSIM_DIR, e->d_name);
		if (workload_load(path, &w, error) != 0)
			fail_msg("%s", error);
		for (unsigned i = 0; i < w->n_specs; i++)
			n_watched += w->watched[i];
		assert_true(n_watched > 0 && w->about[0] != '\0');
		workload_free(w);
		n++;
	}
	closedir(d);
	assert_true(n >= 10);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_read),
		cmocka_unit_test(programs_are_flat),
		cmocka_unit_test(errors_name_line_column_and_reason),
		cmocka_unit_test(noise_is_answered),
		cmocka_unit_test(files_that_cannot_be_read_are_named),
		cmocka_unit_test(shipped_workloads_are_ten_and_say_what_to_look_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
