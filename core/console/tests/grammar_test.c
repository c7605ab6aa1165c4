/* SPDX-License-Identifier: MIT */
/*
 * The grammar, line by line: what is typed and the exact answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <hx/config/core_cmdline.h>
#include <hx/core/console.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/hal/boot_info.h>

/* ---- nodes and verbs of this test */

static int show_text(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_puts(out, (const char *)(uintptr_t)args->node->cookie);
	return 0;
}

static int show_fails(struct hx_text *out, const struct hx_node_args *args)
{
	return -HX_EBUSY;
}

static int show_breaks(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_puts(out, "half a li");
	return -HX_EIO;
}

/* In pieces of one byte: the body must not depend on how it is written. */
static int show_bytes(struct hx_text *out, const struct hx_node_args *args)
{
	static const char text[] = "END\nEN\n\\x\nE\nENDE\nEND";

	for (const char *p = text; *p != '\0'; p++)
		hx_text_write(out, p, 1);
	return 0;
}

static char taken[300];

static int take_line(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	if (strcmp(line, "bad") == 0) {
		hx_text_puts(ack, "detail=bad-word word=1");
		return -HX_EINVAL;
	}
	if (strcmp(line, "full") == 0)
		return -HX_ENOSPC;
	if (strcmp(line, "quiet") != 0)
		hx_text_printf(ack, "len=%zu", strlen(line));
	strcpy(taken, line);
	return 0;
}

#define NODE(ident, path_, show_, text_) \
	static struct hx_node ident = { .path = (path_), .help = "help of " path_, \
		.rights = HX_NODE_READ, .max_bytes = 4096, .show = (show_) }; \
	HX_NODE(ident); \
	static const char ident##_text[] = text_
NODE(n_one, "/g/one", show_text, "a line\n");
NODE(n_two, "/g/two", show_text, "l1\nl2\nl3\nl4");
NODE(n_none, "/g/none", show_text, "");
NODE(n_many, "/g/many", show_text, "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n");
NODE(n_ctrl, "/g/ctrl", show_text, "a\tb\033[2Jc\r\n\x7f\xc3\xa4\n");
NODE(n_trap, "/g/trap", show_text, "OK CAT\nERR CAT\nEND\n END\nEND \n\\\n\\CUT\n");
NODE(n_end, "/g/end", show_bytes, "");
NODE(n_busy, "/g/busy", show_fails, "");
NODE(n_break, "/g/break", show_breaks, "");
NODE(n_quoted, "/g/a b", show_text, "blank\n");
static const struct hx_node n_ctl = { .path = "/g/ctl", .help = "takes", .rights = HX_NODE_APPEND,
				      .take = take_line };
HX_NODE(n_ctl);

static int setup(void **state)
{
	static struct hx_boot_info info;

	hx_boot_start(&info);
	hx_log_set_console_level(HX_LOG_ERROR);
	n_one.cookie = (uintptr_t)n_one_text;
	n_two.cookie = (uintptr_t)n_two_text;
	n_none.cookie = (uintptr_t)n_none_text;
	n_many.cookie = (uintptr_t)n_many_text;
	n_ctrl.cookie = (uintptr_t)n_ctrl_text;
	n_trap.cookie = (uintptr_t)n_trap_text;
	n_end.cookie = (uintptr_t)n_end_text;
	n_busy.cookie = (uintptr_t)n_busy_text;
	n_break.cookie = (uintptr_t)n_break_text;
	n_quoted.cookie = (uintptr_t)n_quoted_text;
	return 0;
}

static void run_args(struct hx_call *c)
{
	struct hx_text *body;

	hx_call_ok(c, "argc=%d", c->argc);
	body = hx_call_body(c);
	for (int i = 0; i < c->argc; i++)
		hx_text_printf(body, "[%s]\n", c->argv[i]);
	hx_text_printf(body, "rest=[%s]\n", c->rest);
}

static void run_refuse(struct hx_call *c)
{
	hx_call_err(c, -HX_ETIMEDOUT, "later");
}

static const struct hx_verb args_verb = { .name = "args", .usage = "args [WORD…]", .help = "words",
					  .min_args = 0, .max_args = 15, .run = run_args };
static const struct hx_verb refuse_verb = { .name = "refuse", .usage = "refuse", .help = "refuses",
					    .run = run_refuse };
static const struct hx_verb one_verb = { .name = "one", .usage = "one", .help = "the one",
					 .node = "/g/one" };
static const struct hx_verb gone_verb = { .name = "gone", .usage = "gone", .help = "has no node",
					  .node = "/g/gone" };
HX_VERB(args_verb);
HX_VERB(refuse_verb);
HX_VERB(one_verb);
HX_VERB(gone_verb);

/* ---- the table */

#define PARSE(tag)	"ERR PARSE reason=policy detail=" tag "\n"

static const struct { const char *line, *answer; } table[] = {
	/* nothing */
	{ "", "" }, { " ", "" }, { "     ", "" },
	/* verbs: case, blanks, unknown */
	{ "ping", "OK PING\n" }, { "PING", "OK PING\n" }, { "PiNg", "OK PING\n" },
	{ "  ping  ", "OK PING\n" }, { "\"ping\"", "OK PING\n" },
	{ "pin", PARSE("unknown-verb") }, { "pingg", PARSE("unknown-verb") },
	{ "\"\"", PARSE("unknown-verb") }, { "gone", PARSE("unknown-verb") },
	{ "/g/one", PARSE("unknown-verb") }, { ";", PARSE("unknown-verb") },
	{ "ping;ping", PARSE("unknown-verb") }, { "\xc3\xa4", PARSE("unknown-verb") },
	/* bytes */
	{ "ping\t", PARSE("not-text") }, { "ping\x01", PARSE("not-text") },
	{ "ping\x7f", PARSE("not-text") }, { "ping \xff", PARSE("not-text") },
	{ "ping \xc3", PARSE("not-text") }, { "ping \xed\xa0\x80", PARSE("not-text") },
	{ "a\nb", PARSE("not-text") },
	/* number of words */
	{ "ping now", "ERR PING reason=policy detail=usage\n" },
	{ "ls", "ERR LS reason=policy detail=usage\n" },
	{ "ls / /", "ERR LS reason=policy detail=usage\n" },
	{ "cat", "ERR CAT reason=policy detail=usage\n" },
	{ "echo /g/ctl", "ERR ECHO reason=policy detail=usage\n" },
	{ "one more", "ERR ONE reason=policy detail=usage\n" },
	{ "a 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", PARSE("too-many-words") },
	{ "args 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
	  "OK ARGS argc=16\n[ARGS]\n[2]\n[3]\n[4]\n[5]\n[6]\n[7]\n[8]\n[9]\n[10]\n[11]\n[12]\n"
	  "[13]\n[14]\n[15]\n[16]\nrest=[3 4 5 6 7 8 9 10 11 12 13 14 15 16]\nEND\n" },
	/* quotes */
	{ "args a  b", "OK ARGS argc=3\n[ARGS]\n[a]\n[b]\nrest=[b]\nEND\n" },
	{ "args \"a b\" c", "OK ARGS argc=3\n[ARGS]\n[a b]\n[c]\nrest=[c]\nEND\n" },
	{ "args \"\" x", "OK ARGS argc=3\n[ARGS]\n[]\n[x]\nrest=[x]\nEND\n" },
	{ "args \"a\\\"b\" \"c\\\\d\"",
	  "OK ARGS argc=3\n[ARGS]\n[a\"b]\n[c\\d]\nrest=[c\\d]\nEND\n" },
	{ "args \"a\\nb\"", "OK ARGS argc=2\n[ARGS]\n[a\\nb]\nrest=[]\nEND\n" },
	{ "args a\\b", "OK ARGS argc=2\n[ARGS]\n[a\\b]\nrest=[]\nEND\n" },
	{ "args it's", "OK ARGS argc=2\n[ARGS]\n[it's]\nrest=[]\nEND\n" },
	{ "args x a  \"b c\"   d ", "OK ARGS argc=5\n[ARGS]\n[x]\n[a]\n[b c]\n[d]\n"
	  "rest=[a  \"b c\"   d]\nEND\n" },
	{ "args \"", PARSE("quote") }, { "args \"a", PARSE("quote") },
	{ "args a\"b\"", PARSE("quote") }, { "args \"a\"b", PARSE("quote") },
	{ "args \"a\"\"b\"", PARSE("quote") }, { "args \"a\\\"", PARSE("quote") },
	{ "args a\"", PARSE("quote") }, { "ping \"", PARSE("quote") },
	/* cat */
	{ "cat /g/one", "OK CAT path=/g/one\na line\nEND\n" },
	{ "cat /g/one/", "OK CAT path=/g/one\na line\nEND\n" },
	{ "cat \"/g/a b\"", "OK CAT path=/g/a b\nblank\nEND\n" },
	{ "cat /g/two", "OK CAT path=/g/two\nl1\nl2\nl3\nl4\nEND\n" },
	{ "cat /g/none", "OK CAT path=/g/none\nEND\n" },
	{ "cat /g/ctrl", "OK CAT path=/g/ctrl\na\tb?[2Jc?\n?\xc3\xa4\nEND\n" },
	{ "cat /g/trap",
	  "OK CAT path=/g/trap\nOK CAT\nERR CAT\n\\END\n END\nEND \n\\\\\n\\\\CUT\nEND\n" },
	{ "cat /g/end", "OK CAT path=/g/end\n\\END\nEN\n\\\\x\nE\nENDE\n\\END\nEND\n" },
	{ "cat /g/busy", "ERR CAT reason=busy detail=EBUSY\n" },
	{ "cat /g/break", "OK CAT path=/g/break\nhalf a li\n\\CUT reason=cut detail=EIO\nEND\n" },
	{ "cat /g/missing", "ERR CAT reason=cut detail=ENOENT\n" },
	{ "cat /g", "ERR CAT reason=policy detail=EISDIR\n" },
	{ "cat /", "ERR CAT reason=policy detail=EISDIR\n" },
	{ "cat g/one", "ERR CAT reason=policy detail=EINVAL\n" },
	{ "cat /g/../g/one", "ERR CAT reason=policy detail=EINVAL\n" },
	{ "cat /g//one", "ERR CAT reason=policy detail=EINVAL\n" },
	{ "cat /g/ctl", "ERR CAT reason=policy detail=EACCES\n" },
	{ "cat /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  "ERR CAT reason=policy detail=ENAMETOOLONG\n" },
	{ "one", "OK ONE path=/g/one\na line\nEND\n" },
	/* ls */
	{ "ls /g", "OK LS path=/g\n-r-- 4096 a b\n-r-- 4096 break\n-r-- 4096 busy\n---a 0 ctl\n"
	  "-r-- 4096 ctrl\n-r-- 4096 end\n-r-- 4096 many\n-r-- 4096 none\n-r-- 4096 one\n"
	  "-r-- 4096 trap\n-r-- 4096 two\nEND\n" },
	{ "ls /g/one", "OK LS path=/g/one\n-r-- 4096 one\nEND\n" },
	{ "ls /g/missing", "ERR LS reason=cut detail=ENOENT\n" },
	{ "ls g", "ERR LS reason=policy detail=EINVAL\n" },
	/* tail */
	{ "tail /g/two", "OK TAIL path=/g/two\nl1\nl2\nl3\nl4\nEND\n" },
	{ "tail /g/two 2", "OK TAIL path=/g/two\nl3\nl4\nEND\n" },
	{ "tail /g/many", "OK TAIL path=/g/many\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\nEND\n" },
	{ "tail /g/many 0", "OK TAIL path=/g/many\nEND\n" },
	{ "tail /g/many 99", "OK TAIL path=/g/many\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\nEND\n" },
	{ "tail /g/many x", "ERR TAIL reason=policy detail=number\n" },
	{ "tail /g/many -1", "ERR TAIL reason=policy detail=number\n" },
	{ "tail /g/missing", "ERR TAIL reason=cut detail=ENOENT\n" },
	/* echo */
	{ "echo /g/ctl hello", "OK ECHO path=/g/ctl len=5\n" },
	{ "echo /g/ctl hello  world", "OK ECHO path=/g/ctl len=12\n" },
	{ "echo /g/ctl \"hello  world\"", "OK ECHO path=/g/ctl len=12\n" },
	{ "echo /g/ctl \"\"", "OK ECHO path=/g/ctl len=0\n" },
	{ "echo /g/ctl quiet", "OK ECHO path=/g/ctl\n" },
	{ "echo /g/ctl bad", "ERR ECHO reason=policy detail=bad-word word=1\n" },
	{ "echo /g/ctl full", "ERR ECHO reason=quota detail=ENOSPC\n" },
	{ "echo /g/one x", "ERR ECHO reason=policy detail=EACCES\n" },
	{ "echo /g x", "ERR ECHO reason=policy detail=EISDIR\n" },
	{ "echo /none x", "ERR ECHO reason=cut detail=ENOENT\n" },
	/* the rest */
	{ "refuse", "ERR REFUSE reason=busy detail=later\n" },
	{ "log x", "ERR LOG reason=policy detail=number\n" },
	{ "log 4294967296", "ERR LOG reason=policy detail=number\n" },
	{ "help ping", "OK HELP verb=ping\nping                answer\nEND\n" },
	{ "help one", "OK HELP verb=one\none                 the one\nEND\n" },
	{ "help /g/one", "OK HELP path=/g/one\nhelp of /g/one\nEND\n" },
	{ "help /g", "ERR HELP reason=policy detail=EISDIR\n" },
	{ "help me", "ERR HELP reason=cut detail=unknown-verb\n" },
	{ "quit", "OK QUIT\n" },
};

static char answer[1 << 16];

static int execute(const char *line, size_t len)
{
	struct hx_text_buf b;

	hx_text_buf_init(&b, answer, sizeof(answer));
	return hx_console_execute(line, len, &b.text);
}

static void every_line_has_its_exact_answer(void **state)
{
	unsigned i;

	for (i = 0; i < HX_ARRAY_LEN(table); i++) {
		int err = execute(table[i].line, strlen(table[i].line));

		/* A help text that is not compiled in leaves its line empty. */
		if (!HX_ENABLED(HELP_TEXTS) && strncmp(table[i].line, "help ", 5) == 0)
			continue;
		if (strcmp(answer, table[i].answer) != 0)
			fail_msg("line '%s' answers:\n%s---- not:\n%s----", table[i].line, answer,
				 table[i].answer);
		assert_int_equal(err == 0, strncmp(answer, "ERR", 3) != 0 &&
				 strstr(answer, "\n\\CUT ") == NULL);
	}
	assert_true(HX_ARRAY_LEN(table) >= 60);
}

static void line_need_not_end_in_nul(void **state)
{
	assert_int_equal(execute("pingpong", 4), 0);
	assert_string_equal(answer, "OK PING\n");
	assert_int_equal(execute("ping\0", 5), -HX_EPROTO);
	assert_string_equal(answer, PARSE("not-text"));
}

static void length_limit_is_in_bytes(void **state)
{
	char line[HX_LINE_MAX + 2];

	memset(line, 'a', sizeof(line));
	memcpy(line, "args ", 5);
	assert_int_equal(execute(line, HX_LINE_MAX), 0);
	assert_int_equal(execute(line, HX_LINE_MAX + 1), -HX_EPROTO);
	assert_string_equal(answer, PARSE("too-long"));
	memset(line, ' ', sizeof(line));
	memcpy(line, "ping", 4);
	assert_int_equal(execute(line, sizeof(line)), 0);
	assert_string_equal(answer, "OK PING\n");
}

static void parse_errors_change_nothing(void **state)
{
	static const char *const bad[] = {
		"echo /g/ctl \"x", "echo /g/ctl a\"b", "echo /g/ctl \xff", "echo /g/ctl x\ty",
	};

	strcpy(taken, "before");
	for (unsigned i = 0; i < HX_ARRAY_LEN(bad); i++) {
		assert_int_equal(execute(bad[i], strlen(bad[i])), -HX_EPROTO);
		assert_string_equal(taken, "before");
	}
}

static void echo_is_audited(void **state)
{
	if (!HX_ENABLED(LOG_AUDIT_KIB))
		skip();
	execute("echo /g/ctl first \"of two\"", 26);
	assert_string_equal(taken, "first \"of two\"");
	execute("echo /g/ctl bad", 15);
	execute("cat /log/audit", 14);
	assert_non_null(strstr(answer, "who=console node=/g/ctl result=0 line=first \"of two\"\n"));
	assert_non_null(strstr(answer, "who=console node=/g/ctl result=-22 line=bad\n"));
}

static void log_shows_the_last_lines(void **state)
{
	char expect[64];

	for (int i = 0; i < 30; i++)
		hx_log(HX_LOG_INFO, "t", "entry %d", i);
	assert_int_equal(execute("log 2", 5), 0);
	sprintf(expect, "OK LOG next=%llu\nseq=", (unsigned long long)hx_log_next_seq());
	assert_int_equal(strncmp(answer, expect, strlen(expect)), 0);
	assert_null(strstr(answer, "entry 27\n"));
	assert_non_null(strstr(answer, "entry 28\n"));
	assert_non_null(strstr(answer, "entry 29\nEND\n"));
	assert_int_equal(execute("log", 3), 0);
	assert_null(strstr(answer, "entry 9\n"));
	assert_non_null(strstr(answer, "entry 10\n"));
}

static void help_lists_what_is_there_in_order(void **state)
{
	char last[32] = "", *line;
	unsigned n = 0;

	assert_int_equal(execute("help", 4), 0);
	assert_int_equal(strncmp(answer, "OK HELP\n", 8), 0);
	assert_non_null(strstr(answer, "\nEND\n"));
	assert_null(strstr(answer, "\ngone"));
	for (line = strtok(answer + 8, "\n"); strcmp(line, "END") != 0; line = strtok(NULL, "\n")) {
		char name[32];

		assert_int_equal(sscanf(line, "%31s", name), 1);
		assert_true(strcmp(last, name) < 0);
		strcpy(last, name);
		n++;
	}
	assert_true(n >= 14);
}

static void reasons_are_a_closed_set(void **state)
{
	for (int err = 1; err < 140; err++) {
		const char *r = hx_console_reason(-err);

		assert_true(strcmp(r, "busy") == 0 || strcmp(r, "quota") == 0 ||
			    strcmp(r, "cut") == 0 || strcmp(r, "policy") == 0);
	}
	assert_string_equal(hx_console_reason(-HX_EAGAIN), "busy");
	assert_string_equal(hx_console_reason(-HX_ENOMEM), "quota");
	assert_string_equal(hx_console_reason(-HX_ENOENT), "cut");
	assert_string_equal(hx_console_reason(-HX_EACCES), "policy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_has_its_exact_answer),
		cmocka_unit_test(line_need_not_end_in_nul),
		cmocka_unit_test(length_limit_is_in_bytes),
		cmocka_unit_test(parse_errors_change_nothing),
		cmocka_unit_test(echo_is_audited),
		cmocka_unit_test(log_shows_the_last_lines),
		cmocka_unit_test(help_lists_what_is_there_in_order),
		cmocka_unit_test(reasons_are_a_closed_set),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
