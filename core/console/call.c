// SPDX-License-Identifier: MIT
/*
 * Answers: one acknowledgement, then perhaps a body and END, whatever the verb does.
 */
#include <hx/base.h>
#include <hx/core/assert.h>
#include <hx/core/init.h>
#include <hx/core/string.h>
#include <stdarg.h>

#include "console_priv.h"

#define END		"END"
#define END_BYTES	(sizeof(END) - 1)
#define HELD_NONE	UINT8_MAX	/* not at the start of a line */

const char *hx_console_reason(int err)
{
	switch (-err) {
	case HX_EAGAIN: case HX_EBUSY: case HX_EINTR: case HX_ETIMEDOUT: case HX_EDEADLK:
		return "busy";
	case HX_ENOMEM: case HX_ENFILE: case HX_ENOSPC: case HX_EFBIG: case HX_EOVERFLOW:
		return "quota";
	case HX_ENOENT: case HX_ENODEV: case HX_EIO: case HX_EPIPE: case HX_EBADMSG:
	case HX_EBADF: case HX_ECANCELED:
		return "cut";
	default:
		return "policy";
	}
}

/* What is written here stays on the acknowledgement's line, a blank ahead of it. */
static void ack_put(struct hx_text *t, const char *bytes, size_t n)
{
	struct hx_text *out = t->arg;

	if (n > 0 && t->total == 0)
		hx_text_write(out, " ", 1);
	for (; n > 0; bytes++, n--)
		hx_text_write(out, (unsigned char)*bytes < ' ' ? "?" : bytes, 1);
}

/* "OK VERB" or "ERR VERB", and a sink for the rest. False: answered already. */
static bool ack_begin(struct hx_call *c, struct hx_text *ack, const char *word)
{
	if (hx_never(c->answered))
		return false;
	c->answered = true;
	*ack = (struct hx_text){ .put = ack_put, .arg = c->out };
	hx_text_printf(c->out, "%s %s", word, c->argv[0]);
	return true;
}

void hx_call_ok(struct hx_call *c, const char *fmt, ...)
{
	struct hx_text ack;
	va_list ap;

	if (!ack_begin(c, &ack, "OK"))
		return;
	va_start(ap, fmt);
	hx_text_vprintf(&ack, fmt, ap);
	va_end(ap);
	hx_text_puts(c->out, "\n");
}

void hx_call_err(struct hx_call *c, int err, const char *detail)
{
	struct hx_text ack;

	if (!ack_begin(c, &ack, "ERR"))
		return;
	c->result = err;
	if (detail == NULL || *detail == '\0')
		detail = hx_strerror(err);
	hx_text_printf(&ack, "reason=%s %s%s", hx_console_reason(err),
		       hx_strncmp(detail, "detail=", 7) == 0 ? "" : "detail=", detail);
	hx_text_puts(c->out, "\n");
}

void call_parse_error(struct hx_text *out, const char *detail)
{
	hx_text_printf(out, "ERR PARSE reason=policy detail=%s\n", detail);
}

/* Bytes that need no look: neither control characters nor the end of a line. */
static size_t plain_run(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && (unsigned char)s[i] >= ' ' && s[i] != 0x7f)
		i++;
	return i;
}

/* At the start of a line bytes of END are held back until they cannot become it any more. */
static void body_put(struct hx_text *t, const char *s, size_t n)
{
	struct hx_call *c = t->arg;

	while (n > 0) {
		size_t run;

		if (c->held < END_BYTES && *s == END[c->held]) {
			c->held++;
			s++;
			n--;
			continue;
		}
		if (c->held != HELD_NONE) {
			if ((c->held == END_BYTES && *s == '\n') || (c->held == 0 && *s == '\\'))
				hx_text_write(c->out, "\\", 1);
			hx_text_write(c->out, END, c->held);
			c->held = HELD_NONE;
		}
		run = plain_run(s, n);
		hx_text_write(c->out, s, run);
		s += run;
		n -= run;
		if (n == 0)
			break;
		hx_text_write(c->out, *s == '\n' || *s == '\t' ? s : "?", 1);
		if (*s == '\n')
			c->held = 0;
		s++;
		n--;
	}
}

struct hx_text *hx_call_body(struct hx_call *c)
{
	if (!c->has_body) {
		c->has_body = true;
		c->body = (struct hx_text){ .put = body_put, .arg = c };
	}
	return &c->body;
}

static void end_line(struct hx_call *c)
{
	if (c->held != 0)
		hx_text_write(&c->body, "\n", 1);
}

void hx_call_cut(struct hx_call *c, int err)
{
	c->result = err;
	end_line(c);
	hx_text_printf(c->out, "\\CUT reason=%s detail=%s\n", hx_console_reason(err),
		       hx_strerror(err));
}

void call_finish(struct hx_call *c)
{
	if (hx_never(!c->answered))
		hx_call_err(c, -HX_EIO, "no-answer");
	if (!c->has_body)
		return;
	end_line(c);
	hx_text_puts(c->out, END "\n");
}
