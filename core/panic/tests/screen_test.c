// SPDX-License-Identifier: MIT
/*
 * A whole panic on the host machine with a screen of characters: the screen has the lines that the
 * console got, wrapped and cut, and is written once, after the console has everything.
 */
#include "hx_test.h"

#include <hx/core/panic.h>
#include <hx/hal/screen.h>

#include "panic_priv.h"

#define COLUMNS	60u
#define ROWS	20u

static uint8_t cells[ROWS * COLUMNS * 2];
static struct hx_screen screen = {
	.bytes = cells, .width = COLUMNS, .height = ROWS, .pitch_bytes = 2 * COLUMNS,
	.ink = 0x1f, .kind = HX_SCREEN_CHARACTERS, .cell_bytes = 2,
};

/* The text of a row without the blanks behind it. */
static const char *row_text(unsigned row)
{
	static char text[COLUMNS + 1];
	size_t n = 0;

	for (unsigned i = 0; i < COLUMNS; i++) {
		text[i] = (char)cells[2 * (row * COLUMNS + i)];
		if (text[i] != ' ')
			n = i + 1;
	}
	text[n] = '\0';
	return text;
}

static void draw(const char *text, uint32_t n_cut)
{
	const struct screen_text t = { .bytes = text, .used = strlen(text), .n_cut = n_cut };

	memset(cells, 0xaa, sizeof(cells));
	screen_draw(&screen, &t);
}

static void long_lines_are_wrapped(void **state)
{
	char text[512];
	int w = COLUMNS + 1, e = COLUMNS;

	snprintf(text, sizeof(text), "first\n\tsecond\n\n%0*d\n%0*d\nlast", w, 1, e, 2);
	draw(text, 0);
	assert_string_equal(row_text(0), "first");
	assert_string_equal(row_text(1), " second");
	assert_string_equal(row_text(2), "");
	assert_int_equal(strspn(row_text(3), "0"), COLUMNS);
	assert_string_equal(row_text(4), "1");
	assert_int_equal(strlen(row_text(5)), COLUMNS);	/* just a row: no empty one behind it */
	assert_string_equal(row_text(6), "last");
	for (unsigned row = 7; row < ROWS; row++)
		assert_string_equal(row_text(row), "");
}

static void what_just_fits_needs_no_note(void **state)
{
	char text[8 * ROWS] = "";

	for (unsigned row = 0; row < ROWS; row++)
		strcat(text, "line\n");
	draw(text, 0);
	assert_string_equal(row_text(ROWS - 1), "line");
	draw(text, 1);		/* something was cut off before */
	assert_string_equal(row_text(ROWS - 2), "line");
	assert_memory_equal(row_text(ROWS - 1), "-- 2 lines more: serial line", 28);
	strcat(text, "one\nmore\n");
	draw(text, 0);
	assert_string_equal(row_text(ROWS - 2), "line");
	assert_memory_equal(row_text(ROWS - 1), "-- 3 lines more: serial line", 28);
}

static void too_small_a_screen_is_left_alone(void **state)
{
	screen.width = 19;
	draw("text\n", 0);
	assert_int_equal(cells[0], 0xaa);
	screen.width = COLUMNS;
	screen.height = 3;
	draw("text\n", 0);
	assert_int_equal(cells[0], 0xaa);
	screen.height = ROWS;
}

static int machine_on(void **state)
{
	int err = hx_test_machine_setup(state);

	hx_panic_init();
	hx_test_console_capture();
	hx_host_set_screen(&screen);
	return err;
}

/* Each row is the next part of what the console got; the report does not fit. */
static void screen_has_what_the_console_has(void)
{
	const char *at;
	unsigned n_left = 0, told;

	at = strstr(hx_test_console_text(), "PANIC: 0000");
	assert_non_null(at);
	for (unsigned row = 0; row < ROWS - 1; row++) {
		const char *shown = row_text(row);
		size_t len = strcspn(at, "\n");

		len = len < COLUMNS ? len : COLUMNS;
		assert_int_equal(strlen(shown), len);
		assert_memory_equal(shown, at, len);
		at += len;
		at += *at == '\n';
	}
	for (; *at != '\0'; at++)
		n_left += *at == '\n';
	assert_true(n_left >= 3);
	assert_int_equal(sscanf(row_text(ROWS - 1), "-- %u lines more: serial line", &told), 1);
	assert_int_equal(told, n_left);
}

static void panic_is_on_the_screen_too(void **state)
{
	memset(cells, 0xaa, sizeof(cells));
	assert_true(HX_TEST_ENDS(HX_TEST_EXIT, "18",
				 hx_panic("%0200d\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm", 7)));
	screen_has_what_the_console_has();
}

static void second_panic_leaves_the_screen(void **state)
{
	memset(cells, 0xaa, sizeof(cells));
	assert_true(HX_TEST_ENDS(HX_TEST_EXIT, "18", hx_panic("again")));
	assert_int_equal(cells[0], 0xaa);
}

int main(void)
{
	const struct CMUnitTest text[] = {
		cmocka_unit_test(long_lines_are_wrapped),
		cmocka_unit_test(what_just_fits_needs_no_note),
		cmocka_unit_test(too_small_a_screen_is_left_alone),
	};
	const struct CMUnitTest panic[] = {
		cmocka_unit_test(panic_is_on_the_screen_too),
		cmocka_unit_test(second_panic_leaves_the_screen),
	};

	return cmocka_run_group_tests(text, NULL, NULL) +
	       cmocka_run_group_tests(panic, machine_on, hx_test_machine_teardown);
}
