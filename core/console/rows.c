// SPDX-License-Identifier: MIT
/*
 * The line being typed when it takes more than one row of the terminal.
 *
 * edit.c changes the line and draws it with BS and blanks, which is right within one row. A line
 * that may be longer than any terminal is narrow goes through three states:
 *
 *	PLAIN --a key that edits--> ASKED --the terminal's answer--> KNOWN --the line's end--> PLAIN
 *
 * PLAIN: text that is appended is just echoed, in as many rows as the terminal makes of it; scripts
 * never get further. ASKED: the width was asked for (the cursor's column after going far right);
 * keys change the line, nothing is drawn. KNOWN: each change draws all rows anew. A terminal that
 * does not answer in time gets no more sequences: its lines are drawn by edit.c alone.
 *
 * Cells are counted from the start of the prompt: cell n is in row n / width. KNOWN keeps the
 * terminal's cursor where the line's is, and never behind a full row, where a terminal may or may
 * not have wrapped: a blank behind it makes it wrap.
 */
#include <hx/base.h>
#include <hx/core/string.h>
#include <hx/core/text.h>

#include "console_priv.h"

#define NARROW		40u		/* cells that every terminal has in a row */
#define WIDTH_MAX	999u
#define ANSWER_NS	(250 * 1000000ull)
#define ASK		"\0337\033[999C\033[6n\0338"	/* save, right, where am I, restore */

/* Written by the session; by who logs, while the session waits for input. */
static struct {
	enum { PLAIN, ASKED, KNOWN } state;
	bool is_dumb;			/* has not answered */
	bool at_end;			/* ASKED: nothing was behind the cursor */
	unsigned width;			/* KNOWN */
	unsigned from;			/* ASKED, KNOWN: the cell of the terminal's cursor */
	enum { IDLE, ESCAPE, ROW, COLUMN } report;	/* how much of an answer is there */
	unsigned number;
} rows;

static void put_nothing(struct hx_text *t, const char *bytes, size_t n)
{
}

static struct hx_text nowhere = { .put = put_nothing };

static unsigned cell_of(const struct console_line *l, unsigned at)
{
	return (unsigned)PROMPT_CELLS + edit_cells(l, 0, at);
}

static bool is_long(const struct console_line *l, unsigned more)
{
	return cell_of(l, l->len) + more >= NARROW;
}

/* The terminal's cursor is behind `total` cells, and goes to the line's. */
static void go_back(const struct console_line *l, unsigned total, struct hx_text *out)
{
	unsigned to = cell_of(l, l->cursor);
	unsigned up = total / rows.width - to / rows.width;

	rows.from = to;
	if (to == total)
		return;
	if (up > 0)
		hx_text_printf(out, "\033[%uA", up);
	hx_text_puts(out, "\r");
	if (to % rows.width > 0)
		hx_text_printf(out, "\033[%uC", to % rows.width);
}

static void wrap(unsigned total, struct hx_text *out)
{
	if (total % rows.width == 0)
		hx_text_puts(out, " \r");
}

/* All rows anew. */
static void redraw(const struct console_line *l, struct hx_text *out)
{
	unsigned total = cell_of(l, l->len), row = rows.from / rows.width;

	if (row > 0)
		hx_text_printf(out, "\033[%uA", row);
	hx_text_puts(out, "\r" CONSOLE_PROMPT);
	hx_text_write(out, l->text, l->len);
	wrap(total, out);
	hx_text_puts(out, "\033[J");
	go_back(l, total, out);
}

static void ask(const struct console_line *l, struct hx_text *out)
{
	rows.state = ASKED;
	rows.from = cell_of(l, l->cursor);
	rows.at_end = l->cursor == l->len;
	hx_text_puts(out, ASK);
}

static void answered(const struct console_line *l, struct hx_text *out)
{
	rows.is_dumb = false;
	if (rows.state != ASKED)
		return;		/* too late: the line has ended */
	rows.width = rows.number;
	rows.state = KNOWN;
	if (rows.at_end && rows.from % rows.width == 0)
		rows.from--;	/* not wrapped yet */
	redraw(l, out);
}

/* ESC [ row ; column R. True: this byte was the last of an answer. */
static bool report_byte(uint8_t byte)
{
	bool is_digit = byte >= '0' && byte <= '9', ends = false;

	if (byte == CTRL('[')) {
		rows.report = ESCAPE;
	} else if (rows.report == ESCAPE && byte == '[') {
		rows.report = ROW;
	} else if (rows.report == ROW && byte == ';') {
		rows.report = COLUMN;
		rows.number = 0;
	} else if (rows.report == COLUMN && is_digit && rows.number <= WIDTH_MAX) {
		rows.number = rows.number * 10 + (byte - '0');
	} else if (rows.report != ROW || !is_digit) {
		ends = rows.report == COLUMN && byte == 'R' && rows.number <= WIDTH_MAX &&
		       rows.number > PROMPT_CELLS;
		rows.report = IDLE;
	}
	return ends;
}

static bool ends_line(uint8_t byte)
{
	return byte == '\r' || byte == '\n' || byte == CTRL('C');
}

/* The line ends: what comes next begins below its last row. */
static void leave(const struct console_line *l, struct hx_text *out)
{
	unsigned down;

	if (rows.state == ASKED) {
		hx_text_puts(out, "\n" CONSOLE_PROMPT);
		hx_text_write(out, l->text, l->len);
	} else if (rows.state == KNOWN) {
		down = cell_of(l, l->len) / rows.width - rows.from / rows.width;
		if (down > 0)
			hx_text_printf(out, "\033[%uB", down);
	}
	rows.state = PLAIN;
}

static bool appends(const struct console_line *l, uint8_t byte)
{
	return byte >= ' ' && byte != DEL && l->escape == 0 && l->cursor == l->len;
}

enum edit_event rows_byte(struct console_line *l, uint8_t byte, struct hx_text *out)
{
	bool has_answer = report_byte(byte), at_end = appends(l, byte);
	enum edit_event event;

	if (ends_line(byte))
		leave(l, out);
	if (rows.state == PLAIN && !ends_line(byte) && !at_end && !rows.is_dumb && is_long(l, 1))
		ask(l, out);
	if (rows.state == PLAIN ||
	    (rows.state == KNOWN && at_end && byte < 0x80 && l->utf8_left == 0)) {
		event = edit_byte(l, byte, out);
		if (rows.state == KNOWN) {
			rows.from = cell_of(l, l->len);
			wrap(rows.from, out);
		}
		if (has_answer)
			answered(l, out);
		return event;
	}
	event = edit_byte(l, byte, &nowhere);
	if (event == EDIT_REDRAW)
		hx_text_puts(out, "\033[H\033[2J");
	else if (has_answer)
		answered(l, out);
	else if (rows.state == KNOWN && l->escape == 0 && event == EDIT_NONE && l->utf8_left == 0)
		redraw(l, out);
	return event;
}

void rows_insert(struct console_line *l, const char *bytes, size_t n, struct hx_text *out)
{
	if (rows.state == PLAIN && l->cursor < l->len && !rows.is_dumb && is_long(l, (unsigned)n))
		ask(l, out);
	if (rows.state == PLAIN) {
		edit_insert(l, bytes, n, out);
		return;
	}
	edit_insert(l, bytes, n, &nowhere);
	if (rows.state == KNOWN)
		redraw(l, out);
}

void rows_replace(struct console_line *l, const char *text, struct hx_text *out)
{
	edit_replace(l, text, rows.state == PLAIN ? out : &nowhere);
	if (rows.state == KNOWN)
		redraw(l, out);
}

void rows_show(const struct console_line *l, struct hx_text *out)
{
	unsigned total = cell_of(l, l->len);

	if (rows.state == PLAIN) {
		edit_show(l, out);
		return;
	}
	hx_text_write(out, l->text, l->len);
	if (rows.state == KNOWN) {
		wrap(total, out);
		go_back(l, total, out);
	} else {
		rows.from = total;
		rows.at_end = true;
	}
}

hx_ns_t rows_timeout(void)
{
	return rows.state == ASKED ? ANSWER_NS : HX_FOREVER;
}

void rows_give_up(const struct console_line *l, struct hx_text *out)
{
	if (rows.state != ASKED)
		return;
	rows.state = PLAIN;
	rows.is_dumb = true;
	hx_text_puts(out, "\n" CONSOLE_PROMPT);
	edit_show(l, out);
}

void rows_reset(void)
{
	rows.state = PLAIN;
	rows.is_dumb = false;
	rows.report = IDLE;
}
