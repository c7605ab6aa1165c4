// SPDX-License-Identifier: MIT
/*
 * What a thread does, as a flat list of steps: a loop is a LOOP at its head and an AGAIN that goes
 * back behind it.
 */
#include "parse.h"
#include <string.h>

#define RUN_MAX		(1000 * HX_NS_PER_S)
#define LOOP_MAX	1000000000u

/* The next step; valid until the one after it is added. */
static struct op *add(struct parser *p, struct spec *s, enum op_kind kind, unsigned line)
{
	struct op *op;

	if (s->n_ops == WL_OPS_MAX)
		lex_fail(&p->l, &p->l.now, "a program has at most %u steps", WL_OPS_MAX);
	if ((s->n_ops & (s->n_ops - 1)) == 0)
		s->ops = xgrow(s->ops, s->n_ops == 0 ? 1 : 2 * s->n_ops, sizeof(*s->ops));
	op = &s->ops[s->n_ops++];
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	op->line = line;
	return op;
}

static void parse_mark(struct parser *p, struct op *op)
{
	if (lex_take(&p->l, "due"))
		op->n = lex_time(&p->l, 1, RUN_MAX);
}

static unsigned add_intent(struct parser *p)
{
	struct workload *w = p->w;
	struct token at = p->l.now;
	struct hx_intent i;

	parse_intent(p, &i);
	if ((i.affinity & workload_cpus(w)) == 0)
		lex_fail(&p->l, &at, "the affinity names no CPU of this machine");
	w->intents = xgrow(w->intents, w->n_intents + 1, sizeof(*w->intents));
	w->intents[w->n_intents] = i;
	return w->n_intents++;
}

static void parse_block(struct parser *p, struct spec *s, unsigned depth);

static void parse_loop(struct parser *p, struct spec *s, const struct token *at, uint64_t times,
		       unsigned depth)
{
	unsigned head = s->n_ops;
	struct op *op;

	if (depth == WL_DEPTH_MAX)
		lex_fail(&p->l, at, "more than %u loops within each other", WL_DEPTH_MAX);
	op = add(p, s, OP_LOOP, at->line);
	op->n = times;
	op->depth = depth;
	parse_block(p, s, depth + 1);
	if (s->n_ops == head + 1)
		lex_fail(&p->l, at, "a loop around nothing");
	op = add(p, s, OP_AGAIN, at->line);
	op->idx = head + 1;
	op->depth = depth;
}

/* A statement that takes a span of time, or waits for one. */
static bool parse_timed(struct parser *p, struct spec *s, unsigned line)
{
	struct lexer *l = &p->l;
	enum op_kind kind = lex_is(l, "run") ? OP_RUN : lex_is(l, "sleep") ? OP_SLEEP :
			    lex_is(l, "io") ? OP_IO : OP_EVERY;
	struct dist time;

	if (kind == OP_EVERY && !lex_is(l, "every"))
		return false;
	lex_step(l);
	time = lex_dist(l, kind == OP_EVERY ? 1 : 0, RUN_MAX);
	add(p, s, kind, line)->time = time;
	return true;
}

static bool parse_sync(struct parser *p, struct spec *s, unsigned line)
{
	struct lexer *l = &p->l;
	enum op_kind kind;
	unsigned idx;

	if (lex_is(l, "lock"))
		kind = OP_LOCK;
	else if (lex_is(l, "unlock"))
		kind = OP_UNLOCK;
	else if (lex_is(l, "wait"))
		kind = OP_WAIT;
	else if (lex_is(l, "post"))
		kind = OP_POST;
	else
		return false;
	lex_step(l);
	idx = kind == OP_LOCK || kind == OP_UNLOCK ? parse_mutex(p) : parse_sem(p);
	add(p, s, kind, line)->idx = idx;
	return true;
}

static void parse_statement(struct parser *p, struct spec *s, unsigned depth)
{
	struct lexer *l = &p->l;
	struct token at = l->now;
	uint64_t n;

	if (parse_timed(p, s, at.line) || parse_sync(p, s, at.line))
		return;
	if (lex_take(l, "yield")) {
		add(p, s, OP_YIELD, at.line);
	} else if (lex_take(l, "exit")) {
		add(p, s, OP_EXIT, at.line);
	} else if (lex_take(l, "mark")) {
		parse_mark(p, add(p, s, OP_MARK, at.line));
	} else if (lex_take(l, "forever")) {
		parse_loop(p, s, &at, 0, depth);
	} else if (lex_take(l, "loop")) {
		n = lex_number(l, 1, LOOP_MAX, "how often a loop runs");
		parse_loop(p, s, &at, n, depth);
	} else if (lex_take(l, "priority")) {
		n = lex_number(l, 0, 139, "a priority");
		add(p, s, OP_PRIORITY, at.line)->n = n;
	} else if (lex_take(l, "intent")) {
		n = add_intent(p);
		add(p, s, OP_INTENT, at.line)->idx = (unsigned)n;
	} else if (at.text[0] == '\0') {
		lex_fail(l, &at, "the file ends within a program");
	} else {
		lex_fail(l, &at, "'%s' is no statement", at.text);
	}
}

static void parse_block(struct parser *p, struct spec *s, unsigned depth)
{
	lex_expect(&p->l, "{");
	while (!lex_take(&p->l, "}"))
		parse_statement(p, s, depth);
}

void parse_program(struct parser *p, struct spec *s)
{
	parse_block(p, s, 0);
}
