// SPDX-License-Identifier: MIT
/* Tests are picked by name, run once each, and told in TAP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "../ktest_priv.h"

static unsigned n_runs;

static void passes(struct hx_ktest_run *t)
{
	n_runs++;
	hx_expect(t, n_runs > 0);
}

static void fails_twice(struct hx_ktest_run *t)
{
	n_runs++;
	hx_expect(t, n_runs == 0);
	hx_require(t, n_runs > 1000);
	n_runs = 0;			/* not reached */
}

static void skips(struct hx_ktest_run *t)
{
	n_runs++;
	hx_ktest_skip(t, "no such device");
}

static void fails_then_skips(struct hx_ktest_run *t)
{
	hx_expect(t, n_runs == 77);
	hx_ktest_skip(t, "cannot go on");
}

static const struct hx_ktest a = { "area_passes", passes };
static const struct hx_ktest b = { "area_fails", fails_twice };
static const struct hx_ktest c = { "other_skips", skips };
static const struct hx_ktest d = { "other_both", fails_then_skips };
static const struct hx_ktest *const all[] = { &a, &b, &c, &d };

static char shown[1024];

static struct ktest_set set_of(const char *glob)
{
	return (struct ktest_set){ all, all + HX_ARRAY_LEN(all), glob };
}

static void run_set(const char *glob, struct ktest_sum *sum)
{
	struct ktest_set set = set_of(glob);
	const struct hx_ktest *const *at = set.first;
	const struct hx_ktest *test;
	struct hx_ktest_run run;
	struct hx_text_buf out;
	unsigned number = 0;

	n_runs = 0;
	memset(sum, 0, sizeof(*sum));
	hx_text_buf_init(&out, shown, sizeof(shown));
	tap_plan(&out.text, ktest_count(&set));
	while ((test = ktest_next(&set, &at)) != NULL) {
		ktest_run(test, &run, sum);
		tap_result(&out.text, ++number, test->name, &run);
	}
	tap_sum(&out.text, sum);
}

/* How many of the four a list picks, and the first of them. */
static unsigned picked(const char *glob, const char *first)
{
	struct ktest_set set = set_of(glob);
	const struct hx_ktest *const *at = set.first;
	const struct hx_ktest *test = ktest_next(&set, &at);

	assert_string_equal(test != NULL ? test->name : "", first);
	return ktest_count(&set);
}

static void lists_of_patterns_pick(void **state)
{
	char longest[KTEST_GLOB_MAX + 8];

	assert_int_equal(picked("all", "area_passes"), 4);
	assert_int_equal(picked("other*,area_f*", "area_fails"), 3);
	assert_int_equal(picked("-area_p*", "area_fails"), 3);
	assert_int_equal(picked("all,-area*,area_f*", "area_fails"), 3);
	assert_int_equal(picked("-area*,-other*", ""), 0);
	assert_int_equal(picked("area*,-*", ""), 0);
	assert_int_equal(picked(",,other_skips,", "other_skips"), 1);
	assert_int_equal(picked("", ""), 0);
	assert_int_equal(picked("-", "area_passes"), 4);
	memset(longest, '*', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(picked(longest, ""), 0);
	longest[sizeof(longest) - 8] = ',';
	assert_int_equal(picked(longest, "area_passes"), 4);
}

static void tap_tells_all_results(void **state)
{
	struct ktest_sum sum;
	const char *lines[] = {
		"1..4\nok 1 - area_passes\nnot ok 2 - area_fails # tap_test.c:",
		": n_runs == 0\nok 3 - other_skips # SKIP no such device\nnot ok 4 - other_both # ",
		": n_runs == 77\n# passed=1 failed=2 skipped=1\n",
	};
	const char *at = shown;

	run_set("all", &sum);
	for (size_t i = 0; i < HX_ARRAY_LEN(lines); i++) {
		at = strstr(at, lines[i]);
		assert_non_null(at);
	}
	assert_ptr_equal(strstr(shown, lines[0]), shown);
	assert_int_equal(sum.n_failed, 2);
	assert_int_equal(n_runs, 3);
}

static void require_leaves_the_test(void **state)
{
	struct hx_ktest_run run;
	struct ktest_sum sum = { 0 };

	n_runs = 5;
	ktest_run(&b, &run, &sum);
	assert_int_equal(n_runs, 6);
	assert_int_equal(run.n_failed, 2);
	assert_non_null(strstr(run.why, "n_runs == 0"));	/* the first one is kept */
}

static void glob_picks_by_name(void **state)
{
	struct ktest_sum sum;

	run_set("area_*", &sum);
	assert_non_null(strstr(shown, "1..2\n"));
	assert_null(strstr(shown, "other"));
	run_set("other_skips", &sum);
	assert_non_null(strstr(shown, "1..1\nok 1 - other_skips"));
}

static void glob_that_matches_nothing_counts_none(void **state)
{
	struct ktest_set set = set_of("nosuch*");

	assert_int_equal(ktest_count(&set), 0);
}

static void reason_is_cut_not_overrun(void **state)
{
	struct hx_ktest_run run;
	struct ktest_sum sum = { 0 };
	char what[2 * HX_KTEST_WHY_MAX];

	memset(what, 'x', sizeof(what) - 1);
	what[sizeof(what) - 1] = '\0';
	ktest_run(&a, &run, &sum);
	hx_ktest_fail(&run, "f.c", 1, what);
	assert_int_equal(strlen(run.why), HX_KTEST_WHY_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_patterns_pick),
		cmocka_unit_test(tap_tells_all_results),
		cmocka_unit_test(require_leaves_the_test),
		cmocka_unit_test(glob_picks_by_name),
		cmocka_unit_test(glob_that_matches_nothing_counts_none),
		cmocka_unit_test(reason_is_cut_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
