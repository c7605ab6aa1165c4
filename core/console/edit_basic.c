// SPDX-License-Identifier: MIT
/*
 * The line being typed, without CONFIG_CONSOLE_EDITING: text, backspace, ^U and ^C, nothing else.
 * Bytes that no line may hold mark the line as bad, as in edit.c.
 */
#include <hx/base.h>
#include <hx/core/text.h>

#include "console_priv.h"

void edit_show(const struct console_line *l, struct hx_text *out)
{
	hx_text_write(out, l->text, l->len);
}

/* Take the last character away: all bytes of it. */
static void rub_out(struct console_line *l, struct hx_text *out)
{
	if (l->len == 0)
		return;
	while (--l->len > 0 && edit_is_continuation(l->text[l->len]))
		;
	hx_text_puts(out, "\b \b");
}

enum edit_event edit_key(struct console_line *l, uint8_t byte, struct hx_text *out)
{
	if (byte == CTRL('U')) {
		while (l->len > 0)
			rub_out(l, out);
		edit_reset(l);
	} else if (l->overflow) {
		return EDIT_NONE;
	} else if (byte == CTRL('H') || byte == DEL) {
		rub_out(l, out);
	} else if (byte < ' ') {
		l->bad = true;
	} else if (l->len == HX_LINE_MAX) {
		l->overflow = true;
	} else {
		l->text[l->len++] = (char)byte;
		hx_text_write(out, (const char *)&byte, 1);
	}
	return EDIT_NONE;
}
