/* SPDX-License-Identifier: MIT */
/*
 * A whole session: bytes from a terminal in, the exact transcript out; history, completion, limits,
 * and a hundred thousand bytes of garbage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hx/core/console_dev.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/hal/boot_info.h>

#include "../console_priv.h"

#define P	"helix> "

static int show_nothing(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_puts(out, "text\n");
	return 0;
}

/* A line of the log in the middle of the answer. */
static int show_and_log(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_puts(out, "first\n");
	hx_error("test", "told");
	hx_text_puts(out, "second\n");
	return 0;
}

static const struct hx_node n_log = { .path = "/told", .help = "for this test",
	.rights = HX_NODE_READ, .max_bytes = 64, .show = show_and_log };
HX_NODE(n_log);

#define NODE(ident, path_) \
	static const struct hx_node ident = { .path = (path_), .help = "for this test", \
		.rights = HX_NODE_READ, .max_bytes = 64, .show = show_nothing }; \
	HX_NODE(ident)
NODE(n_a, "/zz/alpha");
NODE(n_b, "/zz/alpine");
NODE(n_c, "/zz/beta/one");
NODE(n_d, "/zz/\303\244x");
NODE(n_e, "/zz/\303\266y");

static char got[4 << 20];	/* what the terminal received since the last look */
static size_t n_got;

static void dev_write(struct hx_console_dev *d, const char *bytes, size_t n)
{
	assert_true(n_got + n < sizeof(got));
	memcpy(got + n_got, bytes, n);
	n_got += n;
	got[n_got] = '\0';
}

static hx_ssize_t dev_read(struct hx_console_dev *d, char *bytes, size_t n, hx_ns_t timeout_ns)
{
	return -HX_ETIMEDOUT;
}

static void dev_flush(struct hx_console_dev *d)
{
}

static struct hx_console_dev dev = {
	.name = "test", .write = dev_write, .read = dev_read, .flush = dev_flush,
};
static struct console_session session;

static int setup(void **state)
{
	static struct hx_boot_info info;

	hx_boot_start(&info);
	assert_int_equal(hx_console_dev_register(&dev), 0);
	session_init(&session);
	session_quit();
	n_got = 0;
	got[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	hx_console_dev_unregister(&dev);
	return 0;
}

static void type_bytes(const char *s, size_t n)
{
	while (n-- > 0)
		session_byte(&session, (uint8_t)*s++);
	session_flush(&session);
}

static const char *type(const char *s)
{
	n_got = 0;
	got[0] = '\0';
	type_bytes(s, strlen(s));
	return got;
}

static void transcript(void **state)
{
	session_prompt(&session);
	session_flush(&session);
	assert_string_equal(got, P);
	assert_string_equal(type("ping\r"), "ping\r\nOK PING\r\n" P);
	assert_string_equal(type("\r"), "\r\n" P);
	assert_string_equal(type("ping\r\nping\nping\r"), "ping\r\nOK PING\r\n" P
			    "ping\r\nOK PING\r\n" P "ping\r\nOK PING\r\n" P);
	assert_string_equal(type("cat /zz/alpha\r"),
			    "cat /zz/alpha\r\nOK CAT path=/zz/alpha\r\ntext\r\nEND\r\n" P);
	assert_string_equal(type("bogus\r"),
			    "bogus\r\nERR PARSE reason=policy detail=unknown-verb\r\n" P);
}

/* The log comes between lines, and after the echo of the line that it is about. */
static void log_comes_between_lines(void **state)
{
	assert_string_equal(type("cat /told\r"), "cat /told\r\nOK CAT path=/told\r\nfirst\r\n"
			    "error test: told\r\nsecond\r\nEND\r\n" P);
}

static void cancel_forgets_the_line(void **state)
{
	assert_string_equal(type("pin\003"), "pin^C\r\n" P);
	assert_string_equal(type("\003"), "^C\r\n" P);
	assert_string_equal(type("ping\r"), "ping\r\nOK PING\r\n" P);
}

static void long_line_is_consumed_whole(void **state)
{
	char line[600], expect[700];

	memset(line, 'x', sizeof(line));
	line[599] = '\r';
	n_got = 0;
	type_bytes(line, sizeof(line));
	sprintf(expect, "%.256s\r\nERR PARSE reason=policy detail=too-long\r\n" P, line);
	assert_string_equal(got, expect);
	assert_string_equal(type("ping\r"), "ping\r\nOK PING\r\n" P);
	/* Exactly at the limit it is only an unknown verb. */
	line[256] = '\r';
	n_got = 0;
	type_bytes(line, 257);
	assert_non_null(strstr(got, "detail=unknown-verb"));
}

static void bad_bytes_are_answered(void **state)
{
	assert_string_equal(type("pin\177ng\303\244\177\r"),
			    "pin\b \bng\303\244\b \b\r\nOK PING\r\n" P);
	assert_string_equal(type("x\025ping\r"), "x\b \bping\r\nOK PING\r\n" P);
	assert_string_equal(type("pi\002ng\r"),
			    "ping\r\nERR PARSE reason=policy detail=not-text\r\n" P);
	assert_string_equal(type("ping \xff\r"),
			    "ping \xff\r\nERR PARSE reason=policy detail=not-text\r\n" P);
	n_got = 0;
	type_bytes("p\0ing\r", 6);
	assert_string_equal(got, "ping\r\nERR PARSE reason=policy detail=not-text\r\n" P);
}

static void clear_screen_redraws(void **state)
{
	if (!HX_ENABLED(CONSOLE_EDITING))
		skip();
	assert_string_equal(type("pi\033[D\f"), "pi\b\033[H\033[2J" P "pi\b");
	assert_string_equal(type("\005ng\r"), "ing\r\nOK PING\r\n" P);
}

static void make_room(bool before)
{
	if (HX_ENABLED(CONSOLE_EDITING))
		edit_make_room(&session, before);
}

/* The rows of a log line between two pieces of what is typed. */
static const char *log_comes(void)
{
	n_got = 0;
	got[0] = '\0';
	session.waiting = true;
	make_room(true);
	hx_console_dev_write_text("warn x: y\n", 10);
	make_room(false);
	session.waiting = false;
	return got;
}

static void log_line_leaves_the_input_alone(void **state)
{
	if (!HX_ENABLED(CONSOLE_EDITING))
		skip();
	assert_string_equal(log_comes(), "warn x: y\r\n");	/* nothing typed: as ever */
	type("png");
	assert_string_equal(log_comes(), "\r\nwarn x: y\r\n" P "png");
	type("\033[D\033[D");
	assert_string_equal(log_comes(), "ng\r\nwarn x: y\r\n" P "png\b\b");
	assert_string_equal(type("i\r"), "ing\b\b\r\nOK PING\r\n" P);
	type("ping");
	make_room(true);	/* the session is busy: its output is its own */
	assert_string_equal(got, "ping");
	type("\r");
}

static void history_goes_back_and_forth(void **state)
{
	if (CONFIG_CONSOLE_HISTORY < 4)
		skip();
	type("ping\rcat /zz/alpha\rcat /zz/alpha\r\r");
	type("dra\033[A");
	assert_string_equal(type("\r") + 2, "OK CAT path=/zz/alpha\r\ntext\r\nEND\r\n" P);
	assert_non_null(strstr(type("\033[A\033[A\r"), "\r\nOK PING\r\n"));
	/* The line being typed comes back; beyond the ends nothing happens. */
	type("half");
	type("\033[A\033[A\033[A\033[A\033[A\033[A\033[A");
	type("\033[B\033[B\033[B\033[B\033[B\033[B\033[B");
	assert_string_equal(type("x\r"), "x\r\nERR PARSE reason=policy detail=unknown-verb\r\n" P);
	assert_string_equal(type("\033[A"), "halfx");
	type("\003");
}

static void history_is_a_bounded_ring(void **state)
{
	char line[16];
	unsigned i;

	if (CONFIG_CONSOLE_HISTORY == 0)
		skip();
	for (i = 0; i < 3 * CONFIG_CONSOLE_HISTORY + 1; i++) {
		sprintf(line, "cmd%u\r", i);
		type(line);
	}
	for (i = 0; i < 2 * CONFIG_CONSOLE_HISTORY; i++)
		type("\033[A");
	sprintf(line, "cmd%u\r\n", 2 * CONFIG_CONSOLE_HISTORY + 1);
	n_got = 0;
	type_bytes("\001\005", 2);
	assert_non_null(strstr(got, strtok(line, "\r")));
}

static void quit_forgets(void **state)
{
	type("ping\r");
	assert_string_equal(type("quit\r"), "quit\r\nOK QUIT\r\n" P);
	if (CONFIG_CONSOLE_HISTORY == 0)
		return;
	assert_string_equal(type("\033[A"), "");
	assert_string_equal(type("\r"), "\r\n" P);
}

static void completion(void **state)
{
	if (!HX_ENABLED(CONSOLE_COMPLETION))
		skip();
	assert_string_equal(type("pin\t"), "ping ");
	assert_string_equal(type("\r"), "\r\nOK PING\r\n" P);
	assert_string_equal(type("cat /zz/b\t"), "cat /zz/beta/");
	assert_string_equal(type("\t"), "one ");
	type("\003");
	/* What all share first, then nothing, then the list and the line again. */
	assert_string_equal(type("cat /zz/a\t"), "cat /zz/alp");
	assert_string_equal(type("\t"), "\r\nalpha\r\nalpine\r\n" P "cat /zz/alp");
	assert_string_equal(type("h\t"), "ha ");
	assert_string_equal(type("\r"), "\r\nOK CAT path=/zz/alpha\r\ntext\r\nEND\r\n" P);
	/* Nothing to complete: nothing happens. */
	assert_string_equal(type("xyzzy\t\t"), "xyzzy");
	type("\003");
	assert_string_equal(type("cat zz\t\t"), "cat zz");
	type("\003");
	assert_string_equal(type("cat /none/\t\t"), "cat /none/");
	type("\003");
	/* Characters that share their first byte are not cut in two. */
	assert_string_equal(type("ls /zz/\t\t"),
			    "ls /zz/\r\nalpha\r\nalpine\r\nbeta/\r\n\303\244x\r\n"
			    "\303\266y\r\n" P "ls /zz/");
	type("\003");
	/* In the middle of a line. */
	type("pin x\033[D\033[D\t");
	assert_string_equal(type("\r"), "\r\nERR PING reason=policy detail=usage\r\n" P);
}

/* Garbage never crashes, never runs, and each line end gives at most one answer and one prompt. */
static void garbage(void **state)
{
	uint32_t seed = 12345;
	unsigned i, ends = 0, acks = 0, prompts = 0;
	uint8_t last = 0;
	char *p;

	n_got = 0;
	for (i = 0; i < 100000; i++) {
		uint8_t b;

		seed = seed * 1664525u + 1013904223u;
		b = (uint8_t)(seed >> 24);
		if (i % 3 == 0)
			b = (uint8_t)"abcps /\"\\\033[A;~\t\r\n \177\b"[(seed >> 8) % 20];
		ends += b == '\r' || (b == '\n' && last != '\r');
		last = b;
		session_byte(&session, b);
	}
	type_bytes("\003\n", 2);
	ends++;
	for (p = got; (p = strstr(p, "\n")) != NULL; p++)
		acks += strncmp(p, "\nOK ", 4) == 0 || strncmp(p, "\nERR ", 5) == 0;
	for (p = got; (p = strstr(p, P)) != NULL; p++)
		prompts++;
	assert_true(acks > 100);
	assert_true(acks <= ends);
	assert_true(prompts >= ends);
	assert_string_equal(got + n_got - strlen(P), P);
	assert_string_equal(type("ping\r"), "ping\r\nOK PING\r\n" P);
}

static void binary_without_ends_is_one_line(void **state)
{
	uint32_t seed = 9;
	unsigned i;

	n_got = 0;
	for (i = 0; i < 10000; i++) {
		uint8_t b;

		seed = seed * 1664525u + 1013904223u;
		b = (uint8_t)(seed >> 24);
		session_byte(&session, b < ' ' ? 'x' : b);
	}
	assert_null(strstr(got, P));
	type_bytes("\r", 1);
	assert_non_null(strstr(got, "\r\nERR PARSE reason=policy detail=too-long\r\n" P));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(transcript, setup, teardown),
		cmocka_unit_test_setup_teardown(log_comes_between_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(cancel_forgets_the_line, setup, teardown),
		cmocka_unit_test_setup_teardown(long_line_is_consumed_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_bytes_are_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(clear_screen_redraws, setup, teardown),
		cmocka_unit_test_setup_teardown(log_line_leaves_the_input_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(history_goes_back_and_forth, setup, teardown),
		cmocka_unit_test_setup_teardown(history_is_a_bounded_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(quit_forgets, setup, teardown),
		cmocka_unit_test_setup_teardown(completion, setup, teardown),
		cmocka_unit_test_setup_teardown(garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(binary_without_ends_is_one_line, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
