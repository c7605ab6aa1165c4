/* SPDX-License-Identifier: MIT */
/*
 * Lines of several rows, on a model of a terminal that wraps late, as real ones do: after every key
 * the rows on the screen are the prompt and the line, and nothing else, and the cursor stands where
 * the line's does. On any width, with answers that come at once, late, or never.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../console_priv.h"

#define ROWS	64
#define COLS	1000

/* ---- the terminal */

static struct {
	char cell[ROWS][COLS][5];
	unsigned width, row, col;	/* col == width: the next character wraps */
	unsigned saved_row, saved_col;
	char partial[5], escape[16], answer[32];
	unsigned n_partial, want, n_escape, n_asked, n_used;	/* rows written so far */
} term;

static void blank(unsigned row, unsigned col)
{
	for (; row < term.n_used; row++, col = 0)
		for (; col < term.width; col++)
			strcpy(term.cell[row][col], " ");
}

static void term_start(unsigned width)
{
	memset(&term, 0, sizeof(term));
	term.width = width;
	term.n_used = ROWS;
	blank(0, 0);
	term.n_used = 1;
}

static void character(const char *s, unsigned n)
{
	if (term.col == term.width) {
		term.col = 0;
		term.row++;
		assert_true(term.row < ROWS);
	}
	term.n_used = (unsigned)hx_max_u64(term.n_used, term.row + 1);
	memcpy(term.cell[term.row][term.col], s, n);
	term.cell[term.row][term.col++][n] = '\0';
}

static void sequence(void)
{
	unsigned n = (unsigned)strtoul(term.escape + 2, NULL, 10);
	char last = term.escape[term.n_escape - 1];

	if (term.escape[1] != '[') {
		assert_true(last == '7' || last == '8');
		if (last == '7')
			term.saved_row = term.row, term.saved_col = term.col;
		else
			term.row = term.saved_row, term.col = term.saved_col;
	} else if (last == 'A') {
		assert_true(n > 0 && n <= term.row);	/* never above where the prompt began */
		term.row -= n;
	} else if (last == 'B') {
		term.row += n;
	} else if (last == 'C') {
		term.col = hx_min_u64(term.col + n, term.width - 1);
	} else if (last == 'H') {
		term.row = term.col = 0;
	} else if (last == 'J') {
		assert_true(term.col < term.width);	/* terminals disagree what goes then */
		if (n == 2)
			blank(0, 0);
		else
			blank(term.row, term.col);
	} else {
		assert_true(last == 'n' && n == 6);
		snprintf(term.answer, sizeof(term.answer), "\033[%u;%uR", term.row + 1,
			 term.col + 1);
		term.n_asked++;
	}
	term.n_escape = 0;
}

static void term_byte(uint8_t b)
{
	if (term.n_escape > 0) {
		term.escape[term.n_escape++] = (char)b;
		assert_true(term.n_escape < sizeof(term.escape));
		if (term.n_escape > 2 ? b >= '@' : b != '[')
			sequence();
	} else if (b == 0x1b) {
		memset(term.escape, 0, sizeof(term.escape));
		term.escape[term.n_escape++] = (char)b;
	} else if (b == '\b') {
		assert_true(term.col > 0 && term.col < term.width);	/* not while it waits */
		term.col--;
	} else if (b == '\r') {
		term.col = 0;
	} else if (b == '\n') {
		term.col = 0;
		term.row++;
		assert_true(term.row < ROWS);
	} else if (term.n_partial > 0 || b >= 0xc0) {
		term.want = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : b >= 0xc0 ? 2 : term.want;
		term.partial[term.n_partial++] = (char)b;
		if (term.n_partial == term.want) {
			character(term.partial, term.want);
			term.n_partial = 0;
		}
	} else {
		assert_true(b >= ' ' && b < 0x7f);
		character((const char *)&b, 1);
	}
}

static void term_put(struct hx_text *t, const char *bytes, size_t n)
{
	while (n-- > 0)
		term_byte((uint8_t)*bytes++);
}

static struct hx_text out = { .put = term_put };

/* ---- a session on it */

static struct console_line line;
static unsigned first;		/* the prompt's row */
static bool answers;

static void start(unsigned width)
{
	term_start(width);
	memset(&line, 0, sizeof(line));
	rows_reset();
	answers = true;
	first = 0;
	hx_text_puts(&out, CONSOLE_PROMPT);
	rows_show(&line, &out);
}

/* The screen from the prompt's row on is the prompt and the line. */
static void check_screen(void)
{
	unsigned at = 0, total = (unsigned)PROMPT_CELLS + edit_cells(&line, 0, line.len);
	unsigned cursor = (unsigned)PROMPT_CELLS + edit_cells(&line, 0, line.cursor);
	char want[5];

	if (rows_timeout() != HX_FOREVER || line.utf8_left > 0)
		return;		/* drawn when the answer comes, the character is whole */
	for (unsigned cell = 0; cell < total + 3 * term.width; cell++) {
		unsigned n = 1;

		if (cell < PROMPT_CELLS) {
			snprintf(want, sizeof(want), "%c", CONSOLE_PROMPT[cell]);
		} else if (cell < total) {
			while (at + n < line.len && edit_is_continuation(line.text[at + n]))
				n++;
			memcpy(want, line.text + at, n);
			want[n] = '\0';
			at += n;
		} else {
			strcpy(want, " ");
		}
		assert_string_equal(term.cell[first + cell / term.width][cell % term.width], want);
	}
	/* Behind a full row it may wait to wrap, if nothing was edited. */
	if (term.col == term.width)
		assert_int_equal((term.row - first + 1) * term.width, cursor);
	else
		assert_int_equal((term.row - first) * term.width + term.col, cursor);
}

static enum edit_event keys(const char *s)
{
	enum edit_event e = EDIT_NONE;
	char answer[sizeof(term.answer)];

	for (; *s != '\0'; s++) {
		e = rows_byte(&line, (uint8_t)*s, &out);
		if (e == EDIT_REDRAW) {
			first = term.row;
			hx_text_puts(&out, CONSOLE_PROMPT);
			rows_show(&line, &out);
		}
		if (e != EDIT_LINE && e != EDIT_CANCEL)
			check_screen();
	}
	if (answers && term.answer[0] != '\0') {
		strcpy(answer, term.answer);
		term.answer[0] = '\0';
		keys(answer);
	}
	return e;
}

#define LEFT	"\033[D"
#define RIGHT	"\033[C"
#define HOME	"\033[H"
#define END_	"\033[F"
#define DELETE	"\033[3~"

static void type(unsigned n)
{
	char c[2] = "";

	for (unsigned i = 0; i < n; i++) {
		c[0] = (char)('a' + i % 26);
		keys(c);
	}
}

static const unsigned widths[] = { 40, 41, 80, 132, 7 + 60, 7 + 61 };

static void plain_text_asks_nothing(void **state)
{
	for (unsigned i = 0; i < HX_ARRAY_LEN(widths); i++) {
		start(widths[i]);
		type(HX_LINE_MAX);
		assert_int_equal(term.n_asked, 0);
		assert_int_equal(keys("\r"), EDIT_LINE);
		assert_int_equal(term.n_asked, 0);
	}
}

static void short_line_is_edited_without_asking(void **state)
{
	start(40);
	type(31);
	keys(LEFT LEFT "\177" HOME DELETE END_ "\027");
	assert_int_equal(term.n_asked, 0);
}

/* Each width, each length around the ends of its rows. */
static void long_line_is_drawn_in_its_rows(void **state)
{
	for (unsigned i = 0; i < HX_ARRAY_LEN(widths); i++) {
		for (unsigned n = 33; n < 200; n += n % widths[i] < widths[i] - 12 ? 5 : 1) {
			start(widths[i]);
			type(n);
			keys(LEFT);
			assert_int_equal(term.n_asked, 1);
			keys("X" HOME "Y" DELETE END_ "z\177\177" LEFT LEFT LEFT "\303\244\013");
			keys(END_ "0123456789");
			assert_int_equal(term.n_asked, 1);
			assert_int_equal(keys(HOME "\r"), EDIT_LINE);
			/* What follows begins below the last row. */
			assert_true((term.row - first + 1) * widths[i] >=
				    PROMPT_CELLS + edit_cells(&line, 0, line.len));
		}
	}
}

static void keys_before_the_answer_are_not_lost(void **state)
{
	start(40);
	type(100);
	answers = false;
	keys(LEFT LEFT "X" HOME "Y");
	assert_int_equal(term.n_asked, 1);
	answers = true;
	keys("Z");
	assert_memory_equal(line.text, "YZabc", 5);
	assert_memory_equal(line.text + line.len - 3, "Xuv", 3);
	check_screen();
}

static void line_that_ends_before_the_answer_is_shown_whole(void **state)
{
	char late[sizeof(term.answer)];

	start(40);
	type(100);
	answers = false;
	assert_int_equal(keys("\177\177!\r"), EDIT_LINE);
	first = term.row - (PROMPT_CELLS + line.len - 1) / 40;
	line.cursor = line.len;
	check_screen();
	/* It comes while the next one is typed, and means nothing then. */
	strcpy(late, term.answer);
	term_start(40);
	edit_reset(&line);
	first = 0;
	hx_text_puts(&out, CONSOLE_PROMPT);
	rows_show(&line, &out);
	keys("ab");
	keys(late);
	keys("c");
	assert_int_equal(line.len, 3);
}

static void terminal_without_an_answer_is_asked_once(void **state)
{
	start(500);
	type(50);
	answers = false;
	keys(LEFT);
	assert_true(rows_timeout() < HX_FOREVER);
	first = term.row + 1;
	rows_give_up(&line, &out);
	assert_true(rows_timeout() == HX_FOREVER);
	check_screen();
	keys("X" HOME "Y" END_ "\177");
	assert_int_equal(term.n_asked, 1);
}

static void history_and_clear_screen_keep_the_rows(void **state)
{
	char text[201];

	memset(text, 'h', 200);
	text[200] = '\0';
	start(40);
	type(60);
	keys(LEFT);
	rows_replace(&line, text, &out);
	check_screen();
	rows_replace(&line, "short", &out);
	check_screen();
	type(80);
	keys(LEFT "\f" "more");
	rows_insert(&line, "inserted", 8, &out);
	check_screen();
	keys(HOME);
	rows_insert(&line, "in front", 8, &out);
	check_screen();
}

static void senseless_answers_are_ignored(void **state)
{
	static const char *const bad[] = {
		"\033[1;0R", "\033[1;2R", "\033[1;7R", "\033[R", "\033[80R", "\033[1;99999R",
		"\033[1;80C", "\033[1;;R",
	};

	for (unsigned i = 0; i < HX_ARRAY_LEN(bad); i++) {
		start(40);
		type(60);
		answers = false;
		keys(LEFT);
		keys(bad[i]);
		assert_true(rows_timeout() < HX_FOREVER);
		keys(term.answer);
		assert_true(rows_timeout() == HX_FOREVER);
		check_screen();
	}
}

static void random_keys_keep_the_screen(void **state)
{
	static const char *const key[] = {
		LEFT, RIGHT, HOME, END_, "\177", DELETE, "\013", "\025", "\027", "\f", "\033",
		"\033[",
		"a", "b", " ", "\303\244", "\342\202\254", "\360\237\230\200", "cdefgh", "x y z",
		"0123456789012345678901234567890123456789",
	};
	uint32_t seed = 7;

	for (unsigned round = 0; round < 20000; round++) {
		unsigned k;

		if (round % 200 == 0)
			start(widths[round / 200 % HX_ARRAY_LEN(widths)]);
		seed = seed * 1664525u + 1013904223u;
		k = (seed >> 16) % (HX_ARRAY_LEN(key) + 6);
		k = k < HX_ARRAY_LEN(key) ? k : 12;
		if ((k == 6 || k == 7) && (seed >> 8) % 4 != 0)
			k = 20;
		answers = (seed >> 5) % 4 != 0;
		if (line.len + 50 < HX_LINE_MAX || k < 10)
			keys(key[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_asks_nothing),
		cmocka_unit_test(short_line_is_edited_without_asking),
		cmocka_unit_test(long_line_is_drawn_in_its_rows),
		cmocka_unit_test(keys_before_the_answer_are_not_lost),
		cmocka_unit_test(line_that_ends_before_the_answer_is_shown_whole),
		cmocka_unit_test(terminal_without_an_answer_is_asked_once),
		cmocka_unit_test(history_and_clear_screen_keep_the_rows),
		cmocka_unit_test(senseless_answers_are_ignored),
		cmocka_unit_test(random_keys_keep_the_screen),
	};

	return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
