// SPDX-License-Identifier: MIT
/*
 * The line being typed: one byte in, some bytes out to the terminal.
 *
 * Only BS, blanks and the text itself are written, so a script that types plain text sees a plain
 * echo, and any terminal will do; the one escape sequence is ^L, which clears the screen.
 * Characters are code points, taken to be one cell wide. All of this is for a line that fits into
 * one row; rows.c draws longer ones.
 *
 * Bytes that no line may hold mark the line as bad; it is then refused when it ends. So garbage
 * never runs, and never vanishes without an answer.
 */
#include <hx/base.h>
#include <hx/core/console_dev.h>
#include <hx/core/string.h>

#include "console_priv.h"

enum escape_state { ESCAPE_NONE, ESCAPE_START, ESCAPE_CSI, ESCAPE_SS3 };

static void repeat(struct hx_text *out, const char *s, unsigned n)
{
	while (n-- > 0)
		hx_text_puts(out, s);
}

/* Write what is behind the cursor, blank out `gone` cells behind that, and come back. */
static void draw_tail(const struct console_line *l, unsigned gone, struct hx_text *out)
{
	hx_text_write(out, l->text + l->cursor, l->len - l->cursor);
	repeat(out, " ", gone);
	repeat(out, "\b", edit_cells(l, l->cursor, l->len) + gone);
}

static void move_to(struct console_line *l, unsigned to, struct hx_text *out)
{
	if (to < l->cursor)
		repeat(out, "\b", edit_cells(l, to, l->cursor));
	else
		hx_text_write(out, l->text + l->cursor, to - l->cursor);
	l->cursor = l->shown = (uint16_t)to;
}

static unsigned prev_char(const struct console_line *l, unsigned at)
{
	while (at > 0 && edit_is_continuation(l->text[--at]))
		;
	return at;
}

static unsigned next_char(const struct console_line *l, unsigned at)
{
	while (at < l->len && edit_is_continuation(l->text[++at]))
		;
	return at < l->len ? at : l->len;
}

/* Delete [from, to), which the cursor touches or is in. */
static void erase(struct console_line *l, unsigned from, unsigned to, struct hx_text *out)
{
	unsigned gone = edit_cells(l, from, to);

	if (from == to)
		return;
	move_to(l, from, out);
	memmove(l->text + from, l->text + to, l->len - to);
	l->len -= (uint16_t)(to - from);
	draw_tail(l, gone, out);
}

/* Show what was inserted and not drawn yet: in the middle of a line only whole characters are. */
static void settle(struct console_line *l, struct hx_text *out)
{
	l->utf8_left = 0;
	if (l->shown == l->cursor)
		return;
	hx_text_write(out, l->text + l->shown, l->cursor - l->shown);
	l->shown = l->cursor;
	draw_tail(l, 0, out);
}

/* How many bytes must follow this one to make a character. */
static unsigned bytes_to_come(uint8_t byte)
{
	return byte < 0xc0 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
}

static void insert_byte(struct console_line *l, uint8_t byte, struct hx_text *out)
{
	if (l->len == HX_LINE_MAX)
		l->overflow = true;
	if (l->overflow)
		return;
	if (edit_is_continuation((char)byte) && l->utf8_left > 0)
		l->utf8_left--;
	else
		settle(l, out);
	memmove(l->text + l->cursor + 1, l->text + l->cursor, l->len - l->cursor);
	l->text[l->cursor++] = (char)byte;
	l->len++;
	if (!edit_is_continuation((char)byte))
		l->utf8_left = (uint8_t)bytes_to_come(byte);
	if (l->utf8_left == 0 || l->cursor == l->len)
		hx_text_write(out, l->text + l->shown, l->cursor - l->shown);
	else
		return;
	l->shown = l->cursor;
	if (l->cursor < l->len)
		draw_tail(l, 0, out);
}

void edit_insert(struct console_line *l, const char *bytes, size_t n, struct hx_text *out)
{
	while (n-- > 0)
		insert_byte(l, (uint8_t)*bytes++, out);
}

void edit_replace(struct console_line *l, const char *text, struct hx_text *out)
{
	erase(l, 0, l->len, out);
	edit_insert(l, text, hx_strlen(text), out);
}

void edit_show(const struct console_line *l, struct hx_text *out)
{
	hx_text_write(out, l->text, l->len);
	repeat(out, "\b", edit_cells(l, l->cursor, l->len));
}

static unsigned word_start(const struct console_line *l)
{
	unsigned at = l->cursor;

	while (at > 0 && l->text[at - 1] == ' ')
		at--;
	while (at > 0 && l->text[at - 1] != ' ')
		at--;
	return at;
}

/* The last byte of ESC [ … or ESC O …. */
static enum edit_event escape_end(struct console_line *l, uint8_t byte, struct hx_text *out)
{
	l->escape = ESCAPE_NONE;
	if (byte == '~')	/* ESC [ 1 ~ and friends: as the letters of the other terminals */
		byte = l->param == 1 || l->param == 7 ? 'H' : l->param == 4 || l->param == 8 ? 'F' :
		       l->param == 3 ? DEL : 0;
	switch (byte) {
	case 'A':
		return EDIT_UP;
	case 'B':
		return EDIT_DOWN;
	case 'C':
		move_to(l, next_char(l, l->cursor), out);
		break;
	case 'D':
		move_to(l, prev_char(l, l->cursor), out);
		break;
	case 'F':
		move_to(l, l->len, out);
		break;
	case 'H':
		move_to(l, 0, out);
		break;
	case DEL:
		erase(l, l->cursor, next_char(l, l->cursor), out);
		break;
	}
	return EDIT_NONE;
}

/* Inside an escape sequence. False: the sequence is over and the byte is not part of it. */
static bool escape_byte(struct console_line *l, uint8_t byte, struct hx_text *out,
			enum edit_event *event)
{
	if (l->escape == ESCAPE_START && (byte == '[' || byte == 'O')) {
		l->escape = byte == '[' ? ESCAPE_CSI : ESCAPE_SS3;
		l->param = 0;
		return true;
	}
	if (l->escape == ESCAPE_START || byte < ' ' || byte >= DEL) {
		l->escape = ESCAPE_NONE;
		return false;
	}
	if (byte >= '@')
		*event = escape_end(l, byte, out);
	else if (byte >= '0' && byte <= '9')
		l->param = (uint8_t)(l->param * 10 + (byte - '0'));
	return true;
}

static enum edit_event control(struct console_line *l, uint8_t byte, struct hx_text *out)
{
	switch (byte) {
	case CTRL('A'):
		move_to(l, 0, out);
		break;
	case CTRL('E'):
		move_to(l, l->len, out);
		break;
	case CTRL('H'): case DEL:
		erase(l, prev_char(l, l->cursor), l->cursor, out);
		break;
	case CTRL('I'):
		return EDIT_TAB;
	case CTRL('K'):
		erase(l, l->cursor, l->len, out);
		break;
	case CTRL('U'):
		erase(l, 0, l->cursor, out);
		l->bad = l->overflow = false;
		break;
	case CTRL('W'):
		erase(l, word_start(l), l->cursor, out);
		break;
	case CTRL('L'):
		hx_text_puts(out, "\033[H\033[2J");
		return EDIT_REDRAW;
	case CTRL('['):
		l->escape = ESCAPE_START;
		break;
	default:
		l->bad = true;
		break;
	}
	return EDIT_NONE;
}

enum edit_event edit_key(struct console_line *l, uint8_t byte, struct hx_text *out)
{
	enum edit_event event = EDIT_NONE;

	if (l->escape != ESCAPE_NONE && escape_byte(l, byte, out, &event))
		return event;
	if (byte >= ' ' && byte != DEL) {
		insert_byte(l, byte, out);
		return EDIT_NONE;
	}
	/* What was cut off at the limit is gone: only starting anew can mend the line. */
	if (l->overflow && byte != CTRL('U'))
		return EDIT_NONE;
	if (l->overflow)
		move_to(l, l->len, out);
	settle(l, out);
	return control(l, byte, out);
}

static void raw_put(struct hx_text *t, const char *bytes, size_t n)
{
	hx_console_dev_write_text(bytes, n);
}

/*
 * Around a line of the log that comes while somebody types: it gets rows of its own, and prompt and
 * input stand below it again. Whoever logs runs this; while the session waits for input nobody
 * changes its line, and the worst that a byte arriving on another CPU can do is a stale row.
 */
void edit_make_room(const struct console_session *s, bool before)
{
	struct hx_text out = { .put = raw_put };
	const struct console_line *l = &s->line;

	if (!s->waiting || l->len == 0)
		return;
	if (before) {
		hx_text_write(&out, l->text + l->cursor, l->len - l->cursor);
		hx_text_puts(&out, "\n");
	} else {
		hx_text_puts(&out, CONSOLE_PROMPT);
		line_show(l, &out);
	}
}
