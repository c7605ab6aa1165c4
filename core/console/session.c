// SPDX-License-Identifier: MIT
/*
 * Whom the console talks to: the terminal, from prompt to prompt, and the lines of helix.exec.
 */
#include <hx/base.h>
#include <hx/config/top.h>
#include <hx/core/cmdline.h>
#include <hx/core/console_dev.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/string.h>
#include <hx/hal/boot_info.h>
#include <hx/hal/power.h>

#include "console_priv.h"

#define READ_BYTES	64

static struct console_session session;

HX_WORD(exec, "helix.exec", "\"line; line\": console lines to run at boot");
HX_WORD(poweroff, "helix.poweroff", "leave at the first prompt: after helix.exec");

void session_flush(struct console_session *s)
{
	if (s->used > 0)
		hx_console_dev_write(hx_console_dev_active(), s->buf, s->used);
	s->used = 0;
}

/* A line is given away when it ends: what others print meanwhile, the log above all, comes between
 * lines, and after the echo of the one that it is about. */
static void session_put(struct hx_text *t, const char *bytes, size_t n)
{
	struct console_session *s = t->arg;

	for (; n > 0; n--, bytes++) {
		if (*bytes == '\n')
			s->buf[s->used++] = '\r';
		s->buf[s->used++] = *bytes;
		if (*bytes == '\n' || s->used + 2 > sizeof(s->buf))
			session_flush(s);
	}
}

void session_init(struct console_session *s)
{
	s->out = (struct hx_text){ .put = session_put, .arg = s };
	s->used = 0;
	s->line.skip_lf = false;
	edit_reset(&s->line);
	if (HX_ENABLED(CONSOLE_ROWS))
		rows_reset();
}

void session_quit(void)
{
	if (HX_ENABLED(CONSOLE_HISTORY))
		history_clear();
}

void session_drain(void)
{
	struct hx_console_dev *d = hx_console_dev_active();

	session_flush(&session);
	d->flush(d);
}

void session_prompt(struct console_session *s)
{
	hx_text_puts(&s->out, CONSOLE_PROMPT);
	line_show(&s->line, &s->out);
}

static void log_hook(bool before)
{
	edit_make_room(&session, before);
}

static void end_line(struct console_session *s)
{
	struct console_line *l = &s->line;

	hx_text_puts(&s->out, "\n");
	l->text[l->len] = '\0';
	if (l->overflow) {
		call_parse_error(&s->out, "too-long");
	} else if (l->bad) {
		call_parse_error(&s->out, "not-text");
	} else {
		/* Before it runs: "quit" forgets it as well. */
		if (HX_ENABLED(CONSOLE_HISTORY))
			history_add(l->text);
		(void)hx_console_execute(l->text, l->len, &s->out);
	}
	edit_reset(l);
	session_prompt(s);
}

static void browse(struct console_session *s, bool up)
{
	const char *text;

	if (!HX_ENABLED(CONSOLE_HISTORY))
		return;
	s->line.text[s->line.len] = '\0';
	text = history_move(up, s->line.text);
	if (text != NULL)
		line_replace(&s->line, text, &s->out);
}

void session_byte(struct console_session *s, uint8_t byte)
{
	bool redraw = false;
	enum edit_event event = line_byte(&s->line, byte, &s->out);

	switch (event) {
	case EDIT_NONE:
		break;
	case EDIT_LINE:
		end_line(s);
		break;
	case EDIT_CANCEL:
		hx_text_puts(&s->out, "^C\n");
		edit_reset(&s->line);
		redraw = true;
		break;
	case EDIT_REDRAW:
		redraw = true;
		break;
	case EDIT_UP: case EDIT_DOWN:
		browse(s, event == EDIT_UP);
		break;
	case EDIT_TAB:
		if (HX_ENABLED(CONSOLE_COMPLETION))
			redraw = complete(&s->line, &s->out);
		break;
	}
	s->line.tabbed = event == EDIT_TAB;
	if (redraw)
		session_prompt(s);
}

static void exec_line(const char *line, size_t len)
{
	while (len > 0 && *line == ' ') {
		line++;
		len--;
	}
	if (len == 0)
		return;
	hx_text_puts(&session.out, CONSOLE_PROMPT);
	hx_text_write(&session.out, line, len);
	hx_text_puts(&session.out, "\n");
	(void)hx_console_execute(line, len, &session.out);
}

/* Lines are separated by ';' outside of quotes. */
static void exec_run(void)
{
	static char lines[HX_BOOT_CMDLINE_MAX];
	const char *line = lines, *p;
	bool quoted = false;

	if (hx_cmdline_get("helix.exec", lines, sizeof(lines)) > 0) {
		for (p = lines; *p != '\0'; p++) {
			if (*p == '\\' && quoted && p[1] != '\0')
				p++;
			else if (*p == '"')
				quoted = !quoted;
			else if (*p == ';' && !quoted) {
				exec_line(line, (size_t)(p - line));
				line = p + 1;
			}
		}
		exec_line(line, (size_t)(p - line));
	}
}

static const struct hx_job exec_job = { .name = "exec", .order = 30, .run = exec_run };
HX_JOB(exec_job);

static void console_run(void)
{
	char bytes[READ_BYTES];

	if (hx_console_dev_missing() != NULL)
		hx_warn("console", "there is no console %s", hx_console_dev_missing());
	/* SeaBIOS leaves terminals so that they do not begin a new row when one is full. */
	if (HX_ENABLED(CONSOLE_ROWS) && !HX_ENABLED(ARCH_HOST))
		hx_text_puts(&session.out, "\033[?7h");
	session_prompt(&session);
	session_flush(&session);
	hx_boot_prompt_reached();	/* benchmarks hang here: they come before poweroff */
	if (hx_cmdline_has("helix.poweroff")) {
		session_drain();
		hx_shutdown(HX_EXIT_OK);
	}
	for (;;) {
		struct hx_console_dev *d = hx_console_dev_active();
		hx_ssize_t n, i;

		if (HX_ENABLED(CONSOLE_EDITING))
			session.waiting = true;
		n = hx_console_dev_read(d, bytes, sizeof(bytes),
					HX_ENABLED(CONSOLE_ROWS) ? rows_timeout() : HX_FOREVER);
		if (HX_ENABLED(CONSOLE_EDITING))
			session.waiting = false;
		if (HX_ENABLED(CONSOLE_ROWS) && n == -HX_ETIMEDOUT)
			rows_give_up(&session.line, &session.out);
		for (i = 0; i < n; i++)
			session_byte(&session, (uint8_t)bytes[i]);
		session_flush(&session);
	}
}

static const struct hx_job console_job = { .name = "console", .order = 90, .run = console_run };
HX_JOB(console_job);

static int console_init(void)
{
	session_init(&session);
	if (HX_ENABLED(CONSOLE_EDITING))
		hx_console_dev_set_log_hook(log_hook);
	return 0;
}

HX_COMPONENT(console) = {
	.name = "console", .phase = HX_PHASE_RUNTIME, .version = 1,
	.needs = "names devices",
	.init = console_init,
};
