/* SPDX-License-Identifier: MIT */
/*
 * The line editor, driven by key bytes into a model of a terminal: after every key the screen shows
 * exactly the line, and its cursor stands where the line's does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../console_priv.h"

/* ---- a terminal: rows of characters, each up to 4 bytes; no width limit */

#define ROWS	4
#define COLS	600

static struct {
	char cell[ROWS][COLS][5];
	unsigned row, col, n_escapes;
	char partial[5];	/* of a character whose bytes are not all there */
	unsigned n_partial, want;
	char escape[8];
	unsigned n_escape;
} term;

static void term_blank(void)
{
	for (unsigned r = 0; r < ROWS; r++)
		for (unsigned c = 0; c < COLS; c++)
			strcpy(term.cell[r][c], " ");
}

static void term_clear(void)
{
	memset(&term, 0, sizeof(term));
	term_blank();
}

static void term_char(const char *s, unsigned n)
{
	assert_true(term.col < COLS - 1);
	memcpy(term.cell[term.row][term.col], s, n);
	term.cell[term.row][term.col++][n] = '\0';
}

static void term_byte(uint8_t b)
{
	if (term.n_escape > 0) {
		term.escape[term.n_escape++] = (char)b;
		assert_true(term.n_escape < sizeof(term.escape));
		if (b >= '@' && b != '[') {
			bool home = strncmp(term.escape, "\033[H", 3) == 0;

			assert_true(home || strncmp(term.escape, "\033[2J", 4) == 0);
			if (home)
				term.row = term.col = 0;
			else
				term_blank();
			term.n_escape = 0;
			term.n_escapes++;
		}
		return;
	}
	if (term.n_partial > 0) {
		assert_int_equal(b & 0xc0, 0x80);	/* never in the middle of a character */
		term.partial[term.n_partial++] = (char)b;
		if (term.n_partial == term.want) {
			term_char(term.partial, term.want);
			term.n_partial = 0;
		}
	} else if (b == '\b') {
		assert_true(term.col > 0);
		term.col--;
	} else if (b == '\r') {
		term.col = 0;
	} else if (b == '\n') {
		term.row++;
		assert_true(term.row < ROWS);
	} else if (b == 0x1b) {
		memset(term.escape, 0, sizeof(term.escape));
		term.escape[term.n_escape++] = (char)b;
	} else if (b >= 0xc0) {
		term.want = b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
		term.partial[term.n_partial++] = (char)b;
	} else {
		assert_true(b >= ' ' && b < 0x7f);
		term_char((const char *)&b, 1);
	}
}

static void term_put(struct hx_text *t, const char *bytes, size_t n)
{
	while (n-- > 0)
		term_byte((uint8_t)*bytes++);
}

static struct hx_text out = { .put = term_put };

static const char *screen(void)
{
	static char text[COLS * 4];
	size_t n;

	text[0] = '\0';
	for (unsigned c = 0; c < COLS; c++)
		strcat(text, term.cell[term.row][c]);
	for (n = strlen(text); n > 0 && text[n - 1] == ' '; n--)
		;
	text[n] = '\0';
	return text;
}

static unsigned chars(const char *s, size_t n)
{
	unsigned k = 0;

	for (; n > 0; s++, n--)
		k += ((unsigned char)*s & 0xc0) != 0x80;
	return k;
}

static struct console_line line;

static const char *text(void)
{
	static char copy[HX_LINE_MAX + 1];

	memcpy(copy, line.text, line.len);
	copy[line.len] = '\0';
	return copy;
}

static void check_screen(void)
{
	char trimmed[HX_LINE_MAX + 1];
	size_t n;

	assert_true(line.len <= HX_LINE_MAX);
	assert_true(line.cursor <= line.len && line.shown <= line.cursor);
	if (line.utf8_left > 0)
		return;		/* in the middle of a character there is nothing to see yet */
	strcpy(trimmed, text());
	for (n = strlen(trimmed); n > 0 && trimmed[n - 1] == ' '; n--)
		;
	trimmed[n] = '\0';
	assert_string_equal(screen(), trimmed);
	assert_int_equal(term.col, chars(line.text, line.cursor));
}

static enum edit_event keys(const char *s)
{
	enum edit_event e = EDIT_NONE;

	for (; *s != '\0'; s++) {
		e = edit_byte(&line, (uint8_t)*s, &out);
		check_screen();
	}
	return e;
}

static int setup(void **state)
{
	memset(&line, 0, sizeof(line));
	term_clear();
	return 0;
}

#define LEFT	"\033[D"
#define RIGHT	"\033[C"
#define HOME	"\033[H"
#define END_	"\033[F"
#define DELETE	"\033[3~"

static const struct { const char *keys, *line; unsigned cursor; } table[] = {
	{ "abc", "abc", 3 },
	{ "abc" LEFT "X", "abXc", 3 },
	{ "abc" LEFT LEFT LEFT LEFT "X", "Xabc", 1 },
	{ "abc" HOME "X" END_ "Y", "XabcY", 5 },
	{ "abc\001X\005Y", "XabcY", 5 },
	{ "abc\033[1~X\033[4~Y", "XabcY", 5 },
	{ "abc\033[7~X\033[8~Y", "XabcY", 5 },
	{ "abc\033OHX\033OFY", "XabcY", 5 },
	{ "abc" RIGHT "d", "abcd", 4 },
	{ "abc\010", "ab", 2 }, { "abc\177\177", "a", 1 }, { "\177\177a", "a", 1 },
	{ "abc" LEFT "\177", "ac", 1 },
	{ "abc" HOME DELETE, "bc", 0 }, { "abc" DELETE, "abc", 3 },
	{ "abc" HOME "\177", "abc", 0 },
	{ "abcdef" LEFT LEFT "\013", "abcd", 4 },
	{ "abcdef" LEFT LEFT "\025", "ef", 0 },
	{ "abc\013\025", "", 0 },
	{ "one two three\027", "one two ", 8 },
	{ "one two  \027", "one ", 4 },
	{ "one two" LEFT LEFT "\027", "one wo", 4 },
	{ "\027", "", 0 },
	{ "a b" LEFT LEFT " ", "a  b", 2 },
	/* characters of several bytes are one step */
	{ "\303\244\303\266" LEFT "x", "\303\244x\303\266", 3 },
	{ "a\342\202\254b" LEFT LEFT "x", "ax\342\202\254b", 2 },
	{ "a\342\202\254\177", "a", 1 },
	{ "\342\202\254" HOME DELETE "z", "z", 1 },
	{ "ab" LEFT "\342\202\254", "a\342\202\254b", 4 },
	{ "ab" LEFT "\360\237\230\200x", "a\360\237\230\200xb", 6 },
	{ "ab" HOME "\303\244\303\266\177", "\303\244ab", 2 },
	{ "\303\244 \303\266\303\274\027", "\303\244 ", 3 },
	/* sequences that mean nothing here are swallowed */
	{ "a\033[5~b", "ab", 2 }, { "a\033[1;5Cb", "ab", 2 }, { "a\033OPb", "ab", 2 },
	{ "a\033[Zb", "ab", 2 }, { "a\033xb", "axb", 3 }, { "a\033\033[D" "b", "ba", 1 },
	{ "a\033[3" "\177" "b", "b", 1 },
};

static void keys_make_lines(void **state)
{
	for (unsigned i = 0; i < HX_ARRAY_LEN(table); i++) {
		setup(NULL);
		keys(table[i].keys);
		if (strcmp(text(), table[i].line) != 0 || line.cursor != table[i].cursor)
			fail_msg("row %u: '%s' at %u", i, text(), line.cursor);
		assert_false(line.bad || line.overflow);
		assert_int_equal(term.n_escapes, 0);
	}
}

static char raw[4096];
static size_t n_raw;

static void raw_put(struct hx_text *t, const char *bytes, size_t n)
{
	assert_true(n_raw + n < sizeof(raw));
	memcpy(raw + n_raw, bytes, n);
	n_raw += n;
	raw[n_raw] = '\0';
}

/* What a script sees: plain text comes back as it is, byte by byte. */
static void plain_text_is_a_plain_echo(void **state)
{
	static const char typed[] = "echo /x \"\303\244\342\202\254 y\" z";
	struct hx_text sink = { .put = raw_put };

	n_raw = 0;
	for (const char *p = typed; *p != '\0'; p++) {
		edit_byte(&line, (uint8_t)*p, &sink);
		assert_int_equal(n_raw, p - typed + 1);
	}
	assert_string_equal(raw, typed);
	assert_int_equal(edit_byte(&line, '\r', &sink), EDIT_LINE);
	assert_string_equal(raw, typed);
	assert_string_equal(text(), typed);
}

static void each_line_end_counts_once(void **state)
{
	assert_int_equal(edit_byte(&line, '\r', &out), EDIT_LINE);
	assert_int_equal(edit_byte(&line, '\n', &out), EDIT_NONE);
	assert_int_equal(edit_byte(&line, '\n', &out), EDIT_LINE);
	assert_int_equal(edit_byte(&line, '\r', &out), EDIT_LINE);
	assert_int_equal(edit_byte(&line, '\r', &out), EDIT_LINE);
	edit_reset(&line);
	assert_int_equal(edit_byte(&line, '\n', &out), EDIT_NONE);
	assert_int_equal(edit_byte(&line, 'a', &out), EDIT_NONE);
	assert_int_equal(edit_byte(&line, '\n', &out), EDIT_LINE);
	assert_int_equal(edit_byte(&line, '\n', &out), EDIT_LINE);
}

static void line_end_ends_an_escape_sequence(void **state)
{
	assert_int_equal(keys("a\033\r"), EDIT_LINE);
	assert_int_equal(keys("a\033[\r"), EDIT_LINE);
	assert_int_equal(keys("a\033[3\n\n"), EDIT_LINE);
	assert_int_equal(keys("a\033O\003"), EDIT_CANCEL);
}

static void events(void **state)
{
	assert_int_equal(keys("ab\003"), EDIT_CANCEL);
	assert_int_equal(keys("\t"), EDIT_TAB);
	assert_int_equal(keys("\033[A"), EDIT_UP);
	assert_int_equal(keys("\033[B"), EDIT_DOWN);
	assert_int_equal(keys("\033OA"), EDIT_UP);
}

static void clear_screen_asks_for_a_redraw(void **state)
{
	keys("abc" LEFT);
	assert_int_equal(edit_byte(&line, '\f', &out), EDIT_REDRAW);
	assert_int_equal(term.n_escapes, 2);
	edit_show(&line, &out);
	check_screen();
}

static void limit_is_exact_and_sticks(void **state)
{
	for (unsigned i = 0; i < HX_LINE_MAX; i++)
		keys("x");
	assert_int_equal(line.len, HX_LINE_MAX);
	assert_false(line.overflow);
	keys("yyy\177" LEFT HOME "z");
	assert_true(line.overflow);
	assert_int_equal(line.len, HX_LINE_MAX);
	keys("\025");
	assert_false(line.overflow);
	assert_int_equal(line.len, 0);
	keys("ok");
	assert_string_equal(text(), "ok");
}

static void other_control_bytes_spoil_the_line(void **state)
{
	static const char good[] = "\001\003\005\010\t\n\013\014\r\025\027\033";

	for (unsigned b = 0; b < ' '; b++) {
		setup(NULL);
		edit_byte(&line, (uint8_t)b, &out);
		assert_int_equal(line.bad, b == 0 || strchr(good, (int)b) == NULL);
	}
	setup(NULL);
	keys("ab\002");
	assert_true(line.bad);
	keys("c");
	assert_true(line.bad);
	keys("\025");
	assert_false(line.bad);
}

static void replace_redraws(void **state)
{
	keys("some long text" HOME RIGHT);
	edit_replace(&line, "\303\244b", &out);
	check_screen();
	assert_string_equal(text(), "\303\244b");
	edit_replace(&line, "", &out);
	check_screen();
	assert_string_equal(text(), "");
}

/* Any keys in any order: the screen stays true, against an independent model of the line. */
struct model {
	char ch[HX_LINE_MAX][5];
	unsigned n, at;
};

static void model_key(struct model *m, unsigned key, const char *ch)
{
	switch (key) {
	case 0:
		m->at -= m->at > 0;
		break;
	case 1:
		m->at += m->at < m->n;
		break;
	case 2:
		m->at = 0;
		break;
	case 3:
		m->at = m->n;
		break;
	case 4:
		if (m->at == 0)
			break;
		m->at--;
		__attribute__((fallthrough));
	case 5:
		if (m->at == m->n)
			break;
		memmove(m->ch[m->at], m->ch[m->at + 1], (m->n - m->at - 1) * 5);
		m->n--;
		break;
	case 6:
		m->n = m->at;
		break;
	case 7:
		memmove(m->ch[0], m->ch[m->at], (m->n - m->at) * 5);
		m->n -= m->at;
		m->at = 0;
		break;
	default:
		memmove(m->ch[m->at + 1], m->ch[m->at], (m->n - m->at) * 5);
		strcpy(m->ch[m->at++], ch);
		m->n++;
		break;
	}
}

static void random_keys_against_a_model(void **state)
{
	static const char *const key[] = {
		LEFT, RIGHT, HOME, END_, "\177", DELETE, "\013", "\025",
	};
	static const char *const ch[] = {
		"a", "b", " ", "\303\244", "\342\202\254", "\360\237\230\200",
	};
	struct model m = { .n = 0 };
	uint32_t seed = 42;

	for (unsigned round = 0; round < 20000; round++) {
		char expect[HX_LINE_MAX * 4] = "";
		unsigned k, c;

		seed = seed * 1664525u + 1013904223u;
		k = (seed >> 16) % 40;
		c = (seed >> 24) % HX_ARRAY_LEN(ch);
		if (k >= 8 && line.len + 4 > HX_LINE_MAX)
			k = 7;
		if ((k == 6 || k == 7) && line.len + 4 <= HX_LINE_MAX && (seed >> 8) % 8 != 0)
			k = 8;
		model_key(&m, k, ch[c]);
		keys(k < 8 ? key[k] : ch[c]);
		for (unsigned i = 0; i < m.n; i++)
			strcat(expect, m.ch[i]);
		assert_string_equal(text(), expect);
		assert_int_equal(chars(line.text, line.cursor), m.at);
	}
	assert_int_equal(term.n_escapes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(keys_make_lines, setup),
		cmocka_unit_test_setup(plain_text_is_a_plain_echo, setup),
		cmocka_unit_test_setup(each_line_end_counts_once, setup),
		cmocka_unit_test_setup(line_end_ends_an_escape_sequence, setup),
		cmocka_unit_test_setup(events, setup),
		cmocka_unit_test_setup(clear_screen_asks_for_a_redraw, setup),
		cmocka_unit_test_setup(limit_is_exact_and_sticks, setup),
		cmocka_unit_test_setup(other_control_bytes_spoil_the_line, setup),
		cmocka_unit_test_setup(replace_redraws, setup),
		cmocka_unit_test_setup(random_keys_against_a_model, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
