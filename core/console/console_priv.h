/* SPDX-License-Identifier: MIT */
/*
 * The console inside, from bytes to answers:
 *
 *	device -> session -> edit (a line) -> execute (words) -> verbs -> call (answer, body)
 *	                  (rows) ^ history, completion
 *
 * One session runs at a time, on the console thread; nothing here is shared, so nothing is locked.
 */
#ifndef HX_CORE_CONSOLE_PRIV_H
#define HX_CORE_CONSOLE_PRIV_H

#include <hx/base.h>
#include <hx/config/core_console.h>
#include <hx/core/console.h>

#define CONSOLE_PROMPT	"helix> "
#define PROMPT_CELLS	(sizeof(CONSOLE_PROMPT) - 1)

#define CTRL(letter)	((letter) & 0x1f)
#define DEL		0x7f

/* ---- call.c */
void call_parse_error(struct hx_text *out, const char *detail);
void call_finish(struct hx_call *c);	/* a missing answer, the end of the body */

/* ---- execute.c: one verb, whichever table it stands in */
struct verb_row {
	const char *usage;		/* its first word is the name */
	const char *help;		/* NULL: the node's */
	const char *node;		/* only shows this node; NULL: no */
	unsigned min_args, max_args;
	unsigned basic;			/* number of the basic verb */
	const struct hx_verb *verb;	/* registered by another room; NULL: no */
	unsigned later;			/* its place if it came while the kernel runs; 0: no */
};
/* A walk over all tables: start from { 0 }. */
struct verb_walk {
	unsigned idx;		/* of the row to come, in its table */
	unsigned table;
	const char *text;	/* next in the table's texts */
	const char *help;
};
/* False past the last. Rows whose node is not there are included. */
bool verb_walk_next(struct verb_walk *w, struct verb_row *row);
bool verb_row_is_there(const struct verb_row *row);
/* Bytes of the name: up to the first blank of the usage. */
size_t verb_name_len(const struct verb_row *row);
/* The next name in byte order after `after` (NULL: the first) among those that are there. */
bool verb_row_next(const struct verb_row *after, struct verb_row *row);
bool verb_row_find(const char *name, size_t len, struct verb_row *row);

/* ---- verbs.c */
bool verb_basic_next(struct verb_walk *w, struct verb_row *row);
void verb_basic_run(unsigned basic, struct hx_call *c);
void verb_show_node(struct hx_call *c, const char *path, uint64_t skip_lines);

/* ---- verbs_later.c, with CONFIG_CONSOLE_VERBS_LATER */
bool verb_later_next(struct verb_walk *w, struct verb_row *row);
void verb_later_run(const struct verb_row *row, struct hx_call *c);

/* ---- edit.c: the line being typed */
struct console_line {
	char text[HX_LINE_MAX + 1];	/* not NUL-terminated while edited */
	uint16_t len, cursor;		/* bytes */
	uint16_t shown;			/* the bytes before it are on the screen; <= cursor */
	uint8_t utf8_left;		/* bytes that the character at `shown` still lacks */
	uint8_t escape;			/* state in an escape sequence */
	uint8_t param;			/* its number */
	bool skip_lf;			/* the byte before was CR */
	bool bad;			/* holds a byte that no line may hold */
	bool overflow;			/* longer than HX_LINE_MAX */
	bool tabbed;			/* the key before was a tab */
};

enum edit_event {
	EDIT_NONE,
	EDIT_LINE,		/* the line is complete */
	EDIT_CANCEL,		/* ^C: forget it */
	EDIT_REDRAW,		/* write prompt and line again */
	EDIT_UP, EDIT_DOWN, EDIT_TAB,
};

static inline bool edit_is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Characters, not bytes, in [from, to): cells on the screen. */
static inline unsigned edit_cells(const struct console_line *l, unsigned from, unsigned to)
{
	unsigned n = 0;

	for (; from < to; from++)
		n += !edit_is_continuation(l->text[from]);
	return n;
}

/* ---- line.c */
void edit_reset(struct console_line *l);	/* a new line; keeps skip_lf */
enum edit_event edit_byte(struct console_line *l, uint8_t byte, struct hx_text *out);

/* ---- edit.c, or edit_basic.c, which has the first and the last */
enum edit_event edit_key(struct console_line *l, uint8_t byte, struct hx_text *out);
void edit_insert(struct console_line *l, const char *bytes, size_t n, struct hx_text *out);
void edit_replace(struct console_line *l, const char *text, struct hx_text *out);
void edit_show(const struct console_line *l, struct hx_text *out);	/* behind a prompt */

/* ---- rows.c, with CONFIG_CONSOLE_ROWS: the same four, for lines of any length */
enum edit_event rows_byte(struct console_line *l, uint8_t byte, struct hx_text *out);
void rows_insert(struct console_line *l, const char *bytes, size_t n, struct hx_text *out);
void rows_replace(struct console_line *l, const char *text, struct hx_text *out);
void rows_show(const struct console_line *l, struct hx_text *out);
/* How long to wait for input at most; when that is over: the terminal does not answer. */
hx_ns_t rows_timeout(void);
void rows_give_up(const struct console_line *l, struct hx_text *out);
void rows_reset(void);

static inline enum edit_event line_byte(struct console_line *l, uint8_t byte, struct hx_text *out)
{
	return HX_ENABLED(CONSOLE_ROWS) ? rows_byte(l, byte, out) : edit_byte(l, byte, out);
}

static inline void line_insert(struct console_line *l, const char *bytes, size_t n,
			       struct hx_text *out)
{
	if (HX_ENABLED(CONSOLE_ROWS))
		rows_insert(l, bytes, n, out);
	else
		edit_insert(l, bytes, n, out);
}

static inline void line_replace(struct console_line *l, const char *text, struct hx_text *out)
{
	if (HX_ENABLED(CONSOLE_ROWS))
		rows_replace(l, text, out);
	else
		edit_replace(l, text, out);
}

static inline void line_show(const struct console_line *l, struct hx_text *out)
{
	if (HX_ENABLED(CONSOLE_ROWS))
		rows_show(l, out);
	else
		edit_show(l, out);
}

/* ---- history.c, with CONFIG_CONSOLE_HISTORY */
void history_add(const char *text);
void history_clear(void);
/* One step to older (up) or newer lines; `current` is kept for the way back. NULL: no further. */
const char *history_move(bool up, const char *current);

/* ---- complete.c, with CONFIG_CONSOLE_COMPLETION */
/* True: candidates were listed below the line, it must be drawn again. */
bool complete(struct console_line *l, struct hx_text *out);

/* ---- session.c */
struct console_session {
	struct hx_text out;		/* buffered, LF becomes CR LF */
	struct console_line line;
	volatile bool waiting;		/* for input: the line stands still */
	size_t used;
	char buf[256];
};
void session_init(struct console_session *s);
/* One byte from the terminal: edit, and when a line is complete, execute and prompt again. */
void session_byte(struct console_session *s, uint8_t byte);
void session_prompt(struct console_session *s);
void session_flush(struct console_session *s);
/* In edit.c. Around a line of the log: out of the way of the input; the input again below it. */
void edit_make_room(const struct console_session *s, bool before);
/* For "quit": history forgotten. */
void session_quit(void);
/* For "poweroff": everything written so far has left the machine. */
void session_drain(void);

#endif
