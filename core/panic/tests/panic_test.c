// SPDX-License-Identifier: MIT
/*
 * The report of a panic, on the host machine: the first one is told in full, one inside it in a
 * line, a third not at all; each leaves with the exit code of a panic. The cases build on each
 * other, because a kernel panics only once.
 */
#include <hx_test.h>

#include <hx/core/console_dev.h>
#include <hx/core/log.h>
#include <hx/core/panic.h>
#include <hx/hal/earlycon.h>
#include <hx/hal/power.h>
#include <hx/hal/trap.h>

#define INVALID_OPCODE	6
#define EXIT_TEXT	"18"

_Static_assert(HX_EXIT_PANIC == 18, "the text above");

static int setup(void **state)
{
	int err = hx_test_machine_setup(state);

	hx_panic_init();
	hx_test_console_capture();
	return err;
}

/* A console whose driver still holds a line, and logs while it sends it. */
static unsigned n_flushes;

static void held_write(struct hx_console_dev *d, const char *bytes, size_t n)
{
	fail_msg("a line of the log went to a console that nobody empties");
}

static hx_ssize_t held_read(struct hx_console_dev *d, char *bytes, size_t n, hx_ns_t timeout_ns)
{
	return -HX_ETIMEDOUT;
}

static void held_flush(struct hx_console_dev *d)
{
	if (n_flushes++ == 0)
		hx_earlycon_write("held line\n", 10);
	hx_error("test", "sending");
}

static struct hx_console_dev held = {
	.name = "held", .write = held_write, .read = held_read, .flush = held_flush,
};

/* Each of the texts stands in the output, one behind the other. */
static void expect_in_order(const char *const *texts, size_t n)
{
	const char *at = hx_test_console_text();

	for (size_t i = 0; i < n; i++) {
		const char *found = strstr(at, texts[i]);

		if (found == NULL)
			fail_msg("no \"%s\" in: %s", texts[i], at);
		at = found + strlen(texts[i]);
	}
}

static void first_is_told_in_full(void **state)
{
	static const char *const texts[] = {
		"held line\n", "error test: sending\n", "\nPANIC: ",
		"(#UD) in the kernel\n", "exception: ", "registers:\n", "thread: ",
		"cpu 0", "callers:\n  at 0x", "\n  by 0x", "log:\n", "a line to remember 4711",
	};

	hx_error("test", "a line to remember %d", 4711);
	assert_int_equal(hx_console_dev_register(&held), 0);
	assert_true(HX_TEST_ENDS(HX_TEST_EXIT, EXIT_TEXT, hx_trap_provoke(INVALID_OPCODE)));
	expect_in_order(texts, HX_ARRAY_LEN(texts));
	assert_int_equal(n_flushes, 1);
	assert_non_null(strstr(hx_test_console_text(), "held line\n"));
	assert_null(strstr(strstr(hx_test_console_text(), "held line\n") + 1, "held line"));
}

static void second_is_told_in_a_line(void **state)
{
	static const char *const texts[] = {
		"\nPANIC: sum is 5\n", "while reporting the first one\n",
	};

	hx_test_console_clear();
	assert_true(HX_TEST_ENDS(HX_TEST_EXIT, EXIT_TEXT, hx_panic("sum is %d", 5)));
	expect_in_order(texts, HX_ARRAY_LEN(texts));
	assert_null(strstr(hx_test_console_text(), "callers"));
}

static void third_is_silent(void **state)
{
	hx_test_console_clear();
	assert_true(HX_TEST_ENDS(HX_TEST_EXIT, EXIT_TEXT, hx_panic("once more")));
	assert_string_equal(hx_test_console_text(), "");
}

static int teardown(void **state)
{
	return hx_test_machine_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_is_told_in_full),
		cmocka_unit_test(second_is_told_in_a_line),
		cmocka_unit_test(third_is_silent),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
