// SPDX-License-Identifier: MIT
/*
 * Where kernel tests are asked for: the kernel word helix.tests= (runs them as the first job, then
 * leaves with the result as exit code) and the verb "test".
 *
 * The job prints each line as its test ends, so that the last line before a hang or a panic names
 * the test before the guilty one. The verb must answer first whether all passed: it runs all, then
 * speaks.
 */
#include <hx/base.h>
#include <hx/config/core_resources.h>
#include <hx/core/cmdline.h>
#include <hx/core/console.h>
#include <hx/core/console_dev.h>
#include <hx/core/heap.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/printf.h>
#include <hx/hal/power.h>

#include "ktest_priv.h"

#define LINE_MAX	256	/* of TAP, sent to the console in one piece */
#define ANSWER_MAX	96	/* three numbers of ten digits and their names */

HX_WORD(tests, "helix.tests",
	"all|[-]<glob>[,...]: run these kernel tests (-: but not those), then leave");

static struct ktest_set set_of(const char *glob)
{
	return (struct ktest_set){ __start_hx_ktests, __stop_hx_ktests, glob };
}

static void say(struct hx_text_buf *line)
{
	hx_console_dev_write_text(line->buf, line->used);
	hx_text_buf_init(line, line->buf, line->size);
}

static void tests_job(void)
{
	char glob[KTEST_GLOB_MAX], text[LINE_MAX];
	const struct hx_ktest *const *at = __start_hx_ktests;
	struct ktest_set set = set_of(glob);
	const struct hx_ktest *test;
	struct ktest_sum sum = { 0 };
	struct hx_ktest_run run;
	struct hx_text_buf line;
	unsigned number = 0, n;
	int len = hx_cmdline_get("helix.tests", glob, sizeof(glob));

	if (len == -HX_ENOENT)
		return;
	if (HX_ENABLED(RESOURCES))
		ktest_around = &ktest_books;
	n = ktest_count(&set);
	hx_text_buf_init(&line, text, sizeof(text));
	tap_plan(&line.text, n);
	say(&line);
	if (len < 0 || n == 0) {
		hx_error("test", "helix.tests=%s names no test", glob);
		hx_shutdown(HX_EXIT_TESTS_FAILED);
	}
	while ((test = ktest_next(&set, &at)) != NULL) {
		ktest_run(test, &run, &sum);
		tap_result(&line.text, ++number, test->name, &run);
		say(&line);
	}
	tap_sum(&line.text, &sum);
	say(&line);
	hx_shutdown(sum.n_failed == 0 ? HX_EXIT_OK : HX_EXIT_TESTS_FAILED);
}

static const struct hx_job tests_row = { .name = "tests", .order = 10, .run = tests_job };
HX_JOB(tests_row);

static void answer(struct hx_call *c, const struct ktest_sum *sum)
{
	char detail[ANSWER_MAX];

	if (sum->n_failed == 0) {
		hx_call_ok(c, "passed=%u failed=0 skipped=%u", sum->n_passed, sum->n_skipped);
		return;
	}
	hx_snprintf(detail, sizeof(detail), "detail=tests-failed passed=%u failed=%u skipped=%u",
		    sum->n_passed, sum->n_failed, sum->n_skipped);
	hx_call_err(c, -HX_EIO, detail);
}

static void test_verb(struct hx_call *c)
{
	struct ktest_set set = set_of(c->argc > 1 ? c->argv[1] : "all");
	const struct hx_ktest *const *at = set.first;
	const struct hx_ktest *test;
	struct ktest_sum sum = { 0 };
	struct hx_ktest_run *runs;
	unsigned number = 0, n = ktest_count(&set);

	if (n == 0) {
		hx_call_err(c, -HX_ENOENT, "no-test");
		return;
	}
	runs = hx_calloc(n, sizeof(*runs));
	if (runs == NULL) {
		hx_call_err(c, -HX_ENOMEM, "memory");
		return;
	}
	if (HX_ENABLED(RESOURCES))
		ktest_around = &ktest_books;
	while ((test = ktest_next(&set, &at)) != NULL)
		ktest_run(test, &runs[number++], &sum);
	answer(c, &sum);
	tap_plan(hx_call_body(c), n);
	at = set.first;
	for (number = 0; (test = ktest_next(&set, &at)) != NULL; number++)
		tap_result(hx_call_body(c), number + 1, test->name, &runs[number]);
	tap_sum(hx_call_body(c), &sum);
	hx_free(runs);
}

static const struct hx_verb test_row = {
	.name = "test", .usage = "test [GLOB]", .help = "run kernel tests, answer in TAP",
	.min_args = 0, .max_args = 1, .run = test_verb,
};
HX_VERB(test_row);
