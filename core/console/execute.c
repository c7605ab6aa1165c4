// SPDX-License-Identifier: MIT
/*
 * One line: check it whole, cut it into words, find its verb, run it.
 *
 *	line  = blanks [ word { blanks word } ] blanks
 *	word  = bytes without blanks and '"'  |  '"' { byte | '\"' | '\\' } '"'
 */
#include <hx/base.h>
#include <hx/config/core_names.h>
#include <hx/core/string.h>

#include "console_priv.h"

/* Verbs that only show a node, as one text without pointers (each would cost a relocation). */
static const char node_verbs[] =
	"boot\0/proc/boot\0"		"cmdline\0/proc/cmdline\0"	"config\0/proc/config\0"
	"cpus\0/proc/cpus\0"		"frames\0/mem/frames\0"		"heap\0/mem/heap\0"
	"init\0/proc/init\0"		"irq\0/proc/interrupts\0"	"locks\0/proc/locks\0"
	"mem\0/mem/zones\0"		"ps\0/proc/threads\0"		"sched\0/sched/status\0"
	"slots\0/slots\0"		"uptime\0/proc/uptime\0"	"version\0/proc/version\0";
/* Those that need no STATE_NODES, and those that need no THREAD_NODES either. */
static const char thread_verbs[] =
	"cmdline\0/proc/cmdline\0"	"config\0/proc/config\0"	"ps\0/proc/threads\0"
	"sched\0/sched/status\0"	"uptime\0/proc/uptime\0"	"version\0/proc/version\0";
static const char few_verbs[] =
	"cmdline\0/proc/cmdline\0"	"config\0/proc/config\0"	"version\0/proc/version\0";

static bool node_verb_next(struct verb_walk *w, struct verb_row *row)
{
	if (w->idx++ == 0)
		w->text = HX_ENABLED(STATE_NODES) ? node_verbs :
			  HX_ENABLED(THREAD_NODES) ? thread_verbs : few_verbs;
	if (*w->text == '\0')
		return false;
	*row = (struct verb_row){ .usage = w->text };
	w->text += hx_strlen(w->text) + 1;
	row->node = w->text;
	w->text += hx_strlen(w->text) + 1;
	return true;
}

static bool registered_next(struct verb_walk *w, struct verb_row *row)
{
	const struct hx_verb *v;

	if (w->idx >= (size_t)(__stop_hx_verbs - __start_hx_verbs))
		return false;
	v = __start_hx_verbs[w->idx++];
	*row = (struct verb_row){ .usage = v->usage, .help = v->help, .node = v->node,
				  .min_args = v->min_args, .max_args = v->max_args, .verb = v };
	return true;
}

bool verb_walk_next(struct verb_walk *w, struct verb_row *row)
{
	for (; w->table < (HX_ENABLED(CONSOLE_VERBS_LATER) ? 4 : 3); w->table++, w->idx = 0) {
		if (w->table == 0 ? verb_basic_next(w, row) :
		    w->table == 1 ? node_verb_next(w, row) :
		    HX_ENABLED(CONSOLE_VERBS_LATER) && w->table == 3 ? verb_later_next(w, row) :
		    registered_next(w, row))
			return true;
	}
	return false;
}

bool verb_row_is_there(const struct verb_row *row)
{
	struct hx_name_stat st;

	return row->node == NULL || hx_tree()->stat(row->node, &st) == 0;
}

size_t verb_name_len(const struct verb_row *row)
{
	size_t n = 0;

	while (row->usage[n] != '\0' && row->usage[n] != ' ')
		n++;
	return n;
}

static int compare_names(const struct verb_row *a, const struct verb_row *b)
{
	size_t na = verb_name_len(a), nb = verb_name_len(b);
	int order = hx_strncmp(a->usage, b->usage, na < nb ? na : nb);

	return order != 0 ? order : (int)na - (int)nb;
}

bool verb_row_next(const struct verb_row *after, struct verb_row *row)
{
	struct verb_walk w = { 0 };
	struct verb_row r;
	bool any = false;

	while (verb_walk_next(&w, &r)) {
		if ((after != NULL && compare_names(&r, after) <= 0) ||
		    (any && compare_names(&r, row) >= 0) || !verb_row_is_there(&r))
			continue;
		*row = r;
		any = true;
	}
	return any;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool verb_row_find(const char *name, size_t len, struct verb_row *row)
{
	struct verb_walk w = { 0 };
	size_t n;

	while (verb_walk_next(&w, row)) {
		if (verb_name_len(row) != len)
			continue;
		for (n = 0; n < len && lower(name[n]) == row->usage[n]; n++)
			;
		if (n == len && verb_row_is_there(row))
			return true;
	}
	return false;
}

/* Cut the word at *at, in place. NULL and *tag: malformed. *at ends behind it. */
static char *next_word(char **at, const char **tag)
{
	char *from = *at, *to = from, *word = from;
	bool quoted = *from == '"';

	*tag = "quote";
	for (from += quoted; *from != '\0' && *from != (quoted ? '"' : ' '); from++) {
		if (*from == '"')
			return NULL;
		if (quoted && *from == '\\' && (from[1] == '"' || from[1] == '\\'))
			from++;
		*to++ = *from;
	}
	if (quoted && (*from++ != '"' || (*from != ' ' && *from != '\0')))
		return NULL;
	*at = *from == '\0' ? from : from + 1;
	*to = '\0';
	return word;
}

/* Words of the line. NULL, or the tag of what is wrong. */
static const char *parse(struct hx_call *c, char *line, char *raw)
{
	const char *tag;
	char *at = line;

	for (;;) {
		while (*at == ' ')
			at++;
		if (*at == '\0')
			return NULL;
		if (c->argc == HX_CONSOLE_ARGS_MAX)
			return "too-many-words";
		if (c->argc == 2)
			c->rest = raw + (at - line);
		c->argv[c->argc] = next_word(&at, &tag);
		if (c->argv[c->argc++] == NULL)
			return tag;
	}
}

static void run(struct hx_call *c, const struct verb_row *row)
{
	unsigned n_args = (unsigned)c->argc - 1;

	if (n_args < row->min_args || n_args > row->max_args) {
		hx_call_err(c, -HX_EINVAL, "usage");
		return;
	}
	if (c->argc == 3)
		c->rest = c->argv[2];	/* one argument: without its quotes */
	if (row->node != NULL)
		verb_show_node(c, row->node, 0);
	else if (HX_ENABLED(CONSOLE_VERBS_LATER) && row->later != 0)
		verb_later_run(row, c);
	else if (row->verb != NULL)
		row->verb->run(c);
	else
		verb_basic_run(row->basic, c);
}

int hx_console_execute(const char *line, size_t len, struct hx_text *out)
{
	char words[HX_LINE_MAX + 1], raw[HX_LINE_MAX + 1], *p;
	struct hx_call c = { .out = out, .rest = "" };
	const char *tag = NULL;
	struct verb_row row;

	while (len > 0 && line[len - 1] == ' ')
		len--;
	if (len > HX_LINE_MAX)
		tag = "too-long";
	else if (!hx_utf8_is_text(line, len))
		tag = "not-text";
	if (tag == NULL) {
		memcpy(words, line, len);
		words[len] = '\0';
		memcpy(raw, words, len + 1);
		tag = parse(&c, words, raw);
		if (tag == NULL && c.argc == 0)
			return 0;
	}
	if (tag == NULL && !verb_row_find(c.argv[0], hx_strlen(c.argv[0]), &row))
		tag = "unknown-verb";
	if (tag != NULL) {
		call_parse_error(out, tag);
		return -HX_EPROTO;
	}
	for (p = c.argv[0]; *p != '\0'; p++) {
		if (lower(*p) == *p && *p >= 'a' && *p <= 'z')
			*p = (char)(*p - ('a' - 'A'));
	}
	run(&c, &row);
	call_finish(&c);
	return c.result;
}
