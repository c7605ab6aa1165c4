// SPDX-License-Identifier: MIT
/*
 * The basic verbs. Everything they show or do goes through the tree; only ping, quit, help and
 * leaving have no node.
 */
#include <hx/base.h>
#include <hx/config/core_cmdline.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>
#include <hx/hal/power.h>

#include "console_priv.h"

#define TAIL_LINES	10
#define LOG_LINES	20
#define ACK_MAX		192	/* bytes of a node's answer */

enum basic_verb {
	V_CAT, V_ECHO, V_HELP, V_LOG, V_LS, V_PING, V_POWEROFF, V_QUIT, V_REBOOT, V_TAIL,
};

/* In the order of enum basic_verb; one text each, without pointers. */
static const char basic_usages[] =
	"cat PATH\0echo PATH TEXT\0help [VERB|PATH]\0log [LINES]\0ls PATH\0ping\0poweroff\0quit\0"
	"reboot\0tail PATH [LINES]\0";
static const char basic_helps[] =
	"show a node or a file\0"
	"send one line to a node or a file\0"
	"what there is, or what one of them does\0"
	"the end of the kernel log\0"
	"list a directory\0"
	"answer\0"
	"shut down and leave\0"
	"end this session: forget history, begin anew\0"
	"shut down and start again\0"
	"the end of a node or a file\0";

static const uint8_t basic_args[][2] = {
	[V_CAT] = { 1, 1 }, [V_ECHO] = { 2, HX_CONSOLE_ARGS_MAX }, [V_HELP] = { 0, 1 },
	[V_LOG] = { 0, 1 }, [V_LS] = { 1, 1 }, [V_TAIL] = { 1, 2 },
};

bool verb_basic_next(struct verb_walk *w, struct verb_row *row)
{
	if (w->idx == 0) {
		w->text = basic_usages;
		w->help = HX_ENABLED(HELP_TEXTS) ? basic_helps : "";
	}
	if (w->idx == HX_ARRAY_LEN(basic_args))
		return false;
	*row = (struct verb_row){
		.usage = w->text, .help = w->help, .basic = w->idx,
		.min_args = basic_args[w->idx][0], .max_args = basic_args[w->idx][1],
	};
	w->text += hx_strlen(w->text) + 1;
	if (HX_ENABLED(HELP_TEXTS))
		w->help += hx_strlen(w->help) + 1;
	w->idx++;
	return true;
}

/* A directory may be written with a '/' at its end. */
static const char *trim_path(char *path)
{
	size_t n = hx_strlen(path);

	if (n > 1 && path[n - 1] == '/')
		path[n - 1] = '\0';
	return path;
}

/* Answers when the first byte of the body comes, so that an error before it can still say ERR. */
struct lazy {
	struct hx_text text;
	struct hx_call *c;
	const char *path;
	uint64_t skip_lines;	/* counted up by count_put(), down by lazy_put() */
	bool in_line;
};

static void lazy_answer(struct lazy *l)
{
	if (!l->c->answered)
		hx_call_ok(l->c, "path=%s", l->path);
}

static void lazy_put(struct hx_text *t, const char *bytes, size_t n)
{
	struct lazy *l = t->arg;

	lazy_answer(l);
	for (; l->skip_lines > 0 && n > 0; bytes++, n--)
		l->skip_lines -= *bytes == '\n';
	hx_text_write(hx_call_body(l->c), bytes, n);
}

static void show_entry(struct hx_text *out, const struct hx_name_stat *st, const char *name)
{
	hx_text_printf(out, "%c%c%c%c %llu %s%s\n", st->is_dir ? 'd' : '-',
		       st->rights & HX_NODE_READ ? 'r' : '-',
		       st->rights & HX_NODE_WRITE ? 'w' : '-',
		       st->rights & HX_NODE_APPEND ? 'a' : '-',
		       (unsigned long long)st->size_bytes, name, st->is_dir ? "/" : "");
}

static void list(struct hx_call *c, const char *path)
{
	char name[HX_NAME_MAX];
	struct hx_name_stat st;
	unsigned i;
	int err = hx_tree()->stat(path, &st);

	if (err != 0) {
		hx_call_err(c, err, NULL);
		return;
	}
	hx_call_ok(c, "path=%s", path);
	if (!st.is_dir) {
		show_entry(hx_call_body(c), &st, hx_strrchr(path, '/') + 1);
		return;
	}
	hx_call_body(c);
	for (i = 0; (err = hx_tree()->list(path, i, name, &st)) == 0; i++) {
		show_entry(hx_call_body(c), &st, name);
		hx_resched_point();
	}
	if (err != -HX_ENOENT)
		hx_call_cut(c, err);
}

void verb_show_node(struct hx_call *c, const char *path, uint64_t skip_lines)
{
	struct lazy l = { .text = { .put = lazy_put, .arg = &l }, .c = c, .path = path,
			  .skip_lines = skip_lines };
	int err = hx_tree()->show(path, &l.text);

	if (err == -HX_EISDIR && c->argc == 1) {
		list(c, path);		/* a verb whose node is a directory */
		return;
	}
	if (err != 0 && !c->answered) {
		hx_call_err(c, err, NULL);
		return;
	}
	lazy_answer(&l);
	hx_call_body(c);
	if (err != 0)
		hx_call_cut(c, err);
}

/* An optional number of lines. False: answered. */
static bool get_lines(struct hx_call *c, int arg, uint64_t *n)
{
	if (c->argc <= arg || hx_parse_u64(c->argv[arg], UINT32_MAX, n) == 0)
		return true;
	hx_call_err(c, -HX_EINVAL, "number");
	return false;
}

/* The text is made twice: how many lines there are is known only at its end. */
static void count_put(struct hx_text *t, const char *bytes, size_t n)
{
	struct lazy *l = t->arg;

	/* A line counts from its first byte on; the last one may lack its end. */
	for (; n > 0; bytes++, n--) {
		l->skip_lines += !l->in_line;
		l->in_line = *bytes != '\n';
	}
}

static void run_tail(struct hx_call *c)
{
	uint64_t n = TAIL_LINES;
	struct lazy l = { .text = { .put = count_put, .arg = &l } };
	const char *path = trim_path(c->argv[1]);
	int err;

	if (!get_lines(c, 2, &n))
		return;
	err = hx_tree()->show(path, &l.text);
	if (err != 0)
		hx_call_err(c, err, NULL);
	else
		verb_show_node(c, path, l.skip_lines > n ? l.skip_lines - n : 0);
}

static void run_log(struct hx_call *c)
{
	uint64_t n = LOG_LINES, next = hx_log_next_seq();

	if (!get_lines(c, 1, &n))
		return;
	hx_call_ok(c, "next=%llu", (unsigned long long)next);
	hx_log_show(hx_call_body(c), next > n ? next - n : 0, n);
}

static void run_echo(struct hx_call *c)
{
	const char *path = trim_path(c->argv[1]);
	char ack[ACK_MAX];
	struct hx_text_buf answer;
	int err;

	hx_text_buf_init(&answer, ack, sizeof(ack));
	err = hx_tree()->take(path, c->rest, &answer.text);
	hx_audit("console", path, c->rest, err);
	if (err != 0)
		hx_call_err(c, err, ack);
	else
		hx_call_ok(c, "path=%s%s%s", path, *ack != '\0' ? " " : "", ack);
}

static void show_row(struct hx_text *out, const struct verb_row *row)
{
	const char *help = row->help;

	/* A verb without its own help shows a node, which has one; a directory has none. */
	if (help == NULL && hx_names_help(row->node, &help) != 0)
		help = "what there is";
	hx_text_printf(out, "%-20s%s\n", row->usage, help);
}

static void run_help(struct hx_call *c)
{
	struct verb_row row, last;
	const char *help;
	int err;

	if (c->argc == 1) {
		hx_call_ok(c, "%s", "");
		for (bool any = verb_row_next(NULL, &row); any; any = verb_row_next(&last, &row)) {
			show_row(hx_call_body(c), &row);
			last = row;
		}
		return;
	}
	if (c->argv[1][0] == '/') {
		err = hx_names_help(c->argv[1], &help);
		if (err != 0) {
			hx_call_err(c, err, NULL);
			return;
		}
		hx_call_ok(c, "path=%s", c->argv[1]);
		hx_text_printf(hx_call_body(c), "%s\n", help);
	} else if (verb_row_find(c->argv[1], hx_strlen(c->argv[1]), &row)) {
		hx_call_ok(c, "verb=%.*s", (int)verb_name_len(&row), row.usage);
		show_row(hx_call_body(c), &row);
	} else {
		hx_call_err(c, -HX_ENOENT, "unknown-verb");
	}
}

void verb_basic_run(unsigned basic, struct hx_call *c)
{
	switch ((enum basic_verb)basic) {
	case V_CAT:
		verb_show_node(c, trim_path(c->argv[1]), 0);
		return;
	case V_ECHO:
		run_echo(c);
		return;
	case V_HELP:
		run_help(c);
		return;
	case V_LOG:
		run_log(c);
		return;
	case V_LS:
		list(c, trim_path(c->argv[1]));
		return;
	case V_TAIL:
		run_tail(c);
		return;
	case V_PING: case V_QUIT: case V_POWEROFF: case V_REBOOT:
		break;
	}
	hx_call_ok(c, "%s", "");
	if (basic == V_QUIT)
		session_quit();
	if (basic == V_POWEROFF || basic == V_REBOOT) {
		hx_audit("console", c->argv[0], "", 0);
		session_drain();
		if (basic == V_REBOOT)
			hx_restart();
		hx_shutdown(HX_EXIT_OK);
	}
}
