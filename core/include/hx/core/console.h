/* SPDX-License-Identifier: MIT */
/*
 * The console: one line in, one acknowledgement out, exact enough for scripts; the grammar is in
 * docs/guide/console.md. Verbs are rows in a table; one that shows state names the node it reads.
 */
#ifndef HX_CORE_CONSOLE_H
#define HX_CORE_CONSOLE_H

#include <hx/base.h>
#include <hx/core/names.h>
#include <hx/core/text.h>

#define HX_CONSOLE_ARGS_MAX	16

/* One line being executed. */
struct hx_call {
	int argc;				/* argv[0] is the verb, upper case */
	char *argv[HX_CONSOLE_ARGS_MAX];
	const char *rest;			/* text after the first argument, as typed (echo) */
	struct hx_text *out;			/* where answer and body go */
	bool answered;				/* the acknowledgement was sent */
	bool has_body;				/* END will follow */
	/* The console's own. */
	uint8_t held;				/* bytes of "END" held back */
	int result;				/* 0, or the error that was answered */
	struct hx_text body;
};

/**
 * hx_call_ok() - acknowledge: the line is understood and done, or its body follows.
 * @c:   the call; not answered yet
 * @fmt: "key=value …"; what comes out empty adds nothing ("%s", "")
 *
 * Returns: nothing. A second answer is dropped (asserted in debug builds).
 * Context: thread, inside a verb.
 * Locks:   none.
 * Owner:   -
 * Cost:    formatting.
 * Source:  -
 */
void hx_call_ok(struct hx_call *c, const char *fmt, ...) HX_PRINTF(2, 3);

/**
 * hx_call_err() - refuse: nothing was done.
 * @c:      the call; not answered yet
 * @err:    negative error; its class is the reason
 * @detail: a short tag, or "detail=<tag> key=value …"; NULL or "": the error's name
 *
 * Returns: nothing. A second answer is dropped (asserted in debug builds).
 * Context: thread, inside a verb.
 * Locks:   none.
 * Owner:   -
 * Cost:    formatting.
 * Source:  -
 */
void hx_call_err(struct hx_call *c, int err, const char *detail);

/**
 * hx_call_body() - where the body goes, after hx_call_ok().
 * @c: the call
 *
 * The sink keeps the body apart from the grammar: a line that is END or starts with a backslash
 * gets a backslash in front, control characters other than LF and TAB become '?', and the console
 * adds a missing last LF and the line END.
 *
 * Returns: the sink; valid until the verb returns.
 * Context: thread, inside a verb.
 * Locks:   none.
 * Owner:   the console.
 * Cost:    about 5 instructions per byte written.
 * Source:  RFC 5321, 4.5.2 (transparency); ours marks with a backslash.
 */
struct hx_text *hx_call_body(struct hx_call *c);

/**
 * hx_call_cut() - the body cannot be finished: it ends with a line "\CUT reason=… detail=…".
 * @c:   the call, with a body
 * @err: negative error
 *
 * Returns: nothing.
 * Context: thread, inside a verb.
 * Locks:   none.
 * Owner:   -
 * Cost:    formatting.
 * Source:  -
 */
void hx_call_cut(struct hx_call *c, int err);

struct hx_verb {
	const char *name;	/* lower case */
	const char *usage;	/* "ls PATH" */
	const char *help;	/* one line */
	const char *node;	/* a verb that only shows a node: its path; run is then NULL */
	int min_args, max_args;	/* without the verb */
	void (*run)(struct hx_call *c);
};

HX_SECTION_BOUNDS(hx_verbs, struct hx_verb);
#define HX_VERB(verb)	HX_REGISTER(hx_verbs, verb, struct hx_verb, &(verb))

/**
 * hx_verb_register() - a verb comes while the kernel runs (CONFIG_CONSOLE_VERBS_LATER).
 * hx_verb_unregister() - and goes.
 * @v: as for HX_VERB(); its name is letters a to z, its texts have at most 95 bytes
 *
 * Returns: register: 0; -HX_EINVAL a text or a number of it; -HX_EEXIST a verb of that name is
 *          there; -HX_ENFILE 32 came later and are there. unregister: nothing.
 * Context: thread, may sleep; unregister not inside the verb.
 * Locks:   one of rank LEAF.
 * Owner:   @v stays the caller's, and stays until unregister returns: nobody is inside then.
 * Cost:    O(verbs).
 * Source:  -
 */
HX_MUST_CHECK int hx_verb_register(const struct hx_verb *v);
void hx_verb_unregister(const struct hx_verb *v);

/**
 * hx_console_execute() - execute one line and write the whole answer.
 * @line: without its end; need not be NUL-terminated
 * @len:  its bytes
 * @out:  receives acknowledgement and body, lines ended by LF
 *
 * A line of blanks answers nothing.
 *
 * Returns: 0 if it answered OK (or nothing); else the negative error behind the ERR or the \CUT:
 *          -HX_EPROTO for ERR PARSE, or what the verb answered.
 * Context: thread, may sleep.
 * Locks:   none held.
 * Owner:   -
 * Cost:    the verb's; about 600 bytes of stack.
 * Source:  -
 */
int hx_console_execute(const char *line, size_t len, struct hx_text *out);

/**
 * hx_console_reason() - the class of an error, as an answer gives it.
 * @err: negative error
 *
 * Returns: "busy", "quota", "cut" or "policy"; docs/guide/console.md has the table.
 * Context: any.
 * Locks:   none.
 * Owner:   constant string.
 * Cost:    a few comparisons.
 * Source:  -
 */
const char *hx_console_reason(int err);

#endif
