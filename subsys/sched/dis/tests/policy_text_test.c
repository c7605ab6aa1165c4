// SPDX-License-Identifier: MIT
/*
 * The rule language and the lines of /sched/policy: what is read is written again as the same rule;
 * what is wrong is named with its column and changes nothing; noise does no harm.
 */
#include "dis_driver.h"

#define N_NOISE		200000u
#define LINE_MAX_BYTES	512u

static bool parse(const char *line, struct dis_rule *r, struct dis_syntax_error *e)
{
	return dis_rule_parse(line, r, e) == 0;
}

static void print(const struct dis_rule *r, char buf[LINE_MAX_BYTES])
{
	struct hx_text_buf b;

	hx_text_buf_init(&b, buf, LINE_MAX_BYTES);
	dis_rule_print(&b.text, r);
	assert_true(b.text.total < LINE_MAX_BYTES);
}

static void canonical_lines_come_back_as_they_are(void **state)
{
	static const char *const lines[] = {
		"rule a prio 0 scope global when load < 30% do scale 200%",
		"rule b prio 1000 scope class batch cooldown 1s when wait > 1ms do adjust -20",
		"rule c prio 7 scope group 65535 when urgency = -100 do urgency 127",
		"rule d prio 7 scope task 4294967295 cooldown 1500ms when age >= 1ns do preempt",
		"rule e prio 1 scope global when time 22:05-06:30 do slice 100us, nopreempt",
		"rule f prio 1 scope global when all(any(load > 1%, not(flag borrow)), class idle) "
		"do boost -20 for 5s, throttle 50% for 100ms, affinity 0xff, pin 63",
		"rule g prio 1 scope global when runnable != 12 do migrate, queue idle, "
		"class critical, budget 1%",
		"rule h prio 1 scope global when usage <= 100% do boost +227 for 1us",
	};
	struct dis_syntax_error e;
	struct dis_rule r;
	char buf[LINE_MAX_BYTES];

	for (size_t i = 0; i < HX_ARRAY_LEN(lines); i++) {
		if (!parse(lines[i], &r, &e))
			fail_msg("%s: column %u: %s", lines[i], e.column, e.why);
		print(&r, buf);
		assert_string_equal(buf, lines[i]);
	}
}

static void free_form_is_understood(void **state)
{
	struct dis_syntax_error e;
	struct dis_rule r;
	char buf[LINE_MAX_BYTES];

	assert_true(parse("  rule\tx   when all( load>30,wait>=2min )do adjust 5 ,slice 2ms  ", &r,
			  &e));
	print(&r, buf);
	assert_string_equal(buf, "rule x prio 0 scope global when all(load > 30%, wait >= 120s) "
			    "do adjust +5, slice 2ms");
}

static const struct { const char *line; unsigned column; const char *why; } wrong_lines[] = {
	{ "", 1, "expected 'rule'" },
	{ "rules x", 1, "expected 'rule'" },
	{ "rule", 5, "expected the rule's name" },
	{ "rule 9x when load > 1 do preempt", 6, "expected the rule's name" },
	{ "rule a_name_that_is_much_too_long when load > 1 do preempt", 6,
	  "expected the rule's name" },
	{ "rule x prio 1001 when load > 1 do preempt", 13,
	  "expected a priority, 0 to 1000" },
	{ "rule x scope all when load > 1 do preempt", 14,
	  "expected a scope: global, class, group or task" },
	{ "rule x scope group 65536 when load > 1 do preempt", 20, "expected a number" },
	{ "rule x cooldown 5 when load > 1 do preempt", 18,
	  "expected a unit: ns, us, ms, s, min or h" },
	{ "rule x if load > 1 do preempt", 8, "expected 'when'" },
	{ "rule x when lode > 1 do preempt", 13, "expected a condition" },
	{ "rule x when load 1 do preempt", 18, "expected a comparison: < <= > >= = !=" },
	{ "rule x when load > 101 do preempt", 20, "expected a percentage, 0 to 100" },
	{ "rule x when load > -1 do preempt", 20, "expected a percentage, 0 to 100" },
	{ "rule x when urgency > 128 do preempt", 23,
	  "expected an urgency, -100 to 127, or a step of up to 227" },
	{ "rule x when wait > 367d do preempt", 23,
	  "expected a unit: ns, us, ms, s, min or h" },
	{ "rule x when wait > 9999h do preempt", 20,
	  "expected a duration: 10ms, 2s, 5min; at most a year" },
	{ "rule x when time 24:00-01:00 do preempt", 18, "expected a time of day, HH:MM" },
	{ "rule x when time 23:00 do preempt", 24, "expected '-' and when it ends" },
	{ "rule x when class daemon do preempt", 19, "expected a class" },
	{ "rule x when flag x do preempt", 18, "expected a flag of an intent" },
	{ "rule x when custom(nobody) do preempt", 20, "no such predicate is registered" },
	{ "rule x when all load > 1 do preempt", 17, "expected '('" },
	{ "rule x when all(load > 1 do preempt", 26, "expected ',' or ')'" },
	{ "rule x when not(load > 1, load > 2) do preempt", 25, "expected ')'" },
	{ "rule x when all() do preempt", 17, "expected a condition" },
	{ "rule x when all(load>1,load>1,load>1,load>1,load>1,load>1,load>1,load>1) do "
	  "preempt", 66, "more than 8 conditions" },
	{ "rule x when load > 1 preempt", 22, "expected 'do'" },
	{ "rule x when load > 1 do", 24, "expected an action" },
	{ "rule x when load > 1 do sleep", 25, "expected an action" },
	{ "rule x when load > 1 do boost -5", 33, "expected 'for'" },
	{ "rule x when load > 1 do slice 3s", 31, "a slice is 100us to 2s" },
	{ "rule x when load > 1 do affinity 0", 34, "the mask names no CPU" },
	{ "rule x when load > 1 do affinity 0x1ffffffffffffffff", 34,
	  "expected a mask of CPUs" },
	{ "rule x when load > 1 do pin 64", 29, "expected a CPU, 0 to 63" },
	{ "rule x when load > 1 do budget 0", 32, "expected a percentage, 1 to 100" },
	{ "rule x when load > 1 do custom nobody", 32, "no such action is registered" },
	{ "rule x when load > 1 do preempt, preempt, preempt, preempt, preempt", 61,
	  "more than 4 actions" },
	{ "rule x when load > 1 do preempt now", 33,
	  "expected ',' and an action, or the end" },
};

static void errors_name_column_and_reason(void **state)
{
	for (size_t i = 0; i < HX_ARRAY_LEN(wrong_lines); i++) {
		struct dis_rule r, was;
		struct dis_syntax_error e = { .column = 0 };

		memset(&r, 0x5a, sizeof(r));
		was = r;
		if (parse(wrong_lines[i].line, &r, &e))
			fail_msg("taken: %s", wrong_lines[i].line);
		if (e.column != wrong_lines[i].column || strcmp(e.why, wrong_lines[i].why) != 0)
			fail_msg("%s: column %u: %s", wrong_lines[i].line, e.column, e.why);
		assert_memory_equal(&r, &was, sizeof(r));
	}
}

/* Correct words in a random order, cut and with random bytes: it is taken, and then printing and
 * reading it again gives the same text, or it is refused with a column inside the line. */
static void noise_does_no_harm(void **state)
{
	static const char *const words[] = {
		"rule", "x", "prio", "scope", "cooldown", "when", "do", "load", ">", "<", "30%",
		"(", ")", ",", "all", "any", "not", "class", "batch", "flag", "borrow", "wait",
		"1ms", "5s", "adjust", "-20", "boost", "for", "slice", "10ms", "affinity",
		"0xff", "pin", "3", "global", "task", "time", "08:00-18:00", "urgency",
		"custom", "throttle", "50%",
	};
	const char *env = getenv("HX_TEST_EVENTS");
	unsigned n_lines = env != NULL ? (unsigned)strtoul(env, NULL, 0) : N_NOISE, n_taken = 0;
	uint64_t rnd = hx_test_seed();

	for (unsigned n = 0; n < n_lines; n++) {
		char line[LINE_MAX_BYTES], first[LINE_MAX_BYTES], second[LINE_MAX_BYTES];
		struct dis_syntax_error e;
		struct dis_rule r, again;
		size_t len;

		/* One in two begins well, so that the far end is reached, too. */
		strcpy(line, n % 2 == 0 ? "rule x when load > 1 do preempt" : "");
		if (n % 4 == 0)
			strcpy(line, "rule x when ");
		for (unsigned k = (unsigned)hx_test_random_below(&rnd, 14); k > 0; k--) {
			strcat(line, words[hx_test_random_below(&rnd, HX_ARRAY_LEN(words))]);
			strcat(line, hx_test_random_below(&rnd, 8) != 0 ? " " : "");
		}
		len = strlen(line);
		if (len > 0 && hx_test_random_below(&rnd, 4) == 0)
			line[hx_test_random_below(&rnd, len)] = (char)hx_test_random(&rnd);
		if (!parse(line, &r, &e)) {
			assert_in_range(e.column, 1, strlen(line) + 1);
			assert_non_null(e.why);
			continue;
		}
		n_taken++;
		print(&r, first);
		assert_true(parse(first, &again, &e));
		print(&again, second);
		assert_string_equal(first, second);
	}
	assert_true(n_taken > n_lines / 1000);
	print_message("%u of %u lines were rules\n", n_taken, n_lines);
}

/* ---- the node's lines */

static char ack[256];

static int take(const char *line)
{
	struct hx_text_buf b;

	hx_text_buf_init(&b, ack, sizeof(ack));
	return dis_policy_take(line, &b.text);
}

static const char *show(void)
{
	static char buf[16384];
	struct hx_text_buf b;

	hx_text_buf_init(&b, buf, sizeof(buf));
	dis_policy_show(&b.text);
	assert_true(b.text.total < sizeof(buf));
	return buf;
}

static void rules_are_read_and_replaced(void **state)
{
	assert_non_null(strstr(show(), "rule starvation_prevention prio 100 scope global cooldown "
			       "500ms when wait > 1s do adjust -20\n"));
	assert_int_equal(take("clear"), 0);
	assert_string_equal(show(), "");
	assert_int_equal(take("rule b prio 1 when load > 1 do preempt"), 0);
	assert_int_equal(take("rule a prio 5 when load > 2 do preempt"), 0);
	assert_string_equal(ack, "rules=2 staged=0");
	assert_string_equal(show(), "rule a prio 5 scope global when load > 2% do preempt\n"
			    "rule b prio 1 scope global when load > 1% do preempt\n");
	assert_int_equal(take("rule b prio 9 when load > 3 do migrate"), 0);	/* in its place */
	assert_string_equal(show(), "rule b prio 9 scope global when load > 3% do migrate\n"
			    "rule a prio 5 scope global when load > 2% do preempt\n");
	assert_int_equal(take("drop b"), 0);
	assert_int_equal(take("drop b"), -HX_ENOENT);
	assert_string_equal(ack, "detail=no-such-rule");
	assert_int_equal(take("template default"), 0);
	assert_string_equal(ack, "rules=5 staged=0");
	assert_int_equal(take("template none"), -HX_ENOENT);
}

static void a_wrong_line_changes_nothing(void **state)
{
	char before[16384];

	strcpy(before, show());
	assert_int_equal(take("rule x when load > 1 do preempt, sleep"), -HX_EINVAL);
	assert_string_equal(ack, "detail=syntax column=34 reason=\"expected an action\"");
	assert_int_equal(take("rule starvation_prevention when"), -HX_EINVAL);
	assert_int_equal(take("commit"), -HX_EINVAL);
	assert_string_equal(show(), before);
}

static void a_set_is_replaced_as_a_whole(void **state)
{
	char before[16384];
	unsigned generation = dis_policy_generation;

	strcpy(before, show());
	assert_int_equal(take("begin"), 0);
	assert_int_equal(take("begin"), -HX_EBUSY);
	assert_int_equal(take("rule a when load > 2 do preempt"), 0);
	assert_string_equal(ack, "rules=1 staged=1");
	assert_int_equal(take("rule b when"), -HX_EINVAL);	/* the others stay staged */
	assert_string_equal(show(), before);
	assert_int_equal(dis_policy_generation, generation);
	assert_int_equal(take("commit"), 0);
	assert_string_equal(show(), "rule a prio 0 scope global when load > 2% do preempt\n");
	assert_int_equal(take("begin"), 0);
	assert_int_equal(take("abort"), 0);
	assert_string_equal(show(), "rule a prio 0 scope global when load > 2% do preempt\n");
}

static void a_full_set_refuses_one_more(void **state)
{
	char line[80];

	assert_int_equal(take("clear"), 0);
	for (unsigned n = 0; n < DIS_RULES_MAX; n++) {
		snprintf(line, sizeof(line), "rule r%u when load > 1 do preempt", n);
		assert_int_equal(take(line), 0);
	}
	assert_int_equal(take("rule more when load > 1 do preempt"), -HX_ENOSPC);
	assert_string_equal(ack, "detail=full max=32");
	assert_int_equal(take("rule r0 prio 3 when load > 1 do preempt"), 0);
	assert_int_equal(take("template default"), -HX_ENOSPC);
	assert_null(strstr(show(), "starvation"));	/* not even a part of it */
}

static void the_clock_is_set_by_a_line(void **state)
{
	struct hx_dis_view v;

	sim_create(0, NULL);
	assert_int_equal(take("clock 13:45"), 0);
	dis_view_make(sim_dis(0), hx_now_ns(), &v);
	assert_int_equal(v.time_of_day_s, 13 * 3600 + 45 * 60);
	assert_int_equal(take("clock 24:00"), -HX_EINVAL);
	assert_int_equal(take("clock 1:000"), -HX_EINVAL);
	assert_int_equal(take("clock"), -HX_EINVAL);
	assert_int_equal(hx_dis_set_time_of_day(0), 0);
}

static void nothing_is_taken_while_not_in_use(void **state)
{
	struct hx_runq rq = { .n_ready = 0 };

	hx_test_machine(16 * HX_MIB);
	hx_test_start("heap time");
	assert_int_equal(take("clear"), -HX_ENODEV);
	assert_string_equal(show(), "");
	hx_spin_init(&rq.lock, "runq", HX_RANK_RUNQ);
	assert_int_equal(hx_sched_dis_ops.init(&rq), 0);
	assert_int_equal(take("clear"), 0);
	hx_sched_dis_ops.fini(&rq);
	assert_int_equal(take("clear"), -HX_ENODEV);
	hx_test_machine_end();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SIM_TEST(canonical_lines_come_back_as_they_are),
		SIM_TEST(free_form_is_understood),
		SIM_TEST(errors_name_column_and_reason),
		SIM_TEST(noise_does_no_harm),
		SIM_TEST(rules_are_read_and_replaced),
		SIM_TEST(a_wrong_line_changes_nothing),
		SIM_TEST(a_set_is_replaced_as_a_whole),
		SIM_TEST(a_full_set_refuses_one_more),
		SIM_TEST(the_clock_is_set_by_a_line),
		cmocka_unit_test(nothing_is_taken_while_not_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
