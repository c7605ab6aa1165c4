// SPDX-License-Identifier: MIT
/* What both ways of typing a line share: beginning anew, and how a line ends. */
#include <hx/base.h>

#include "console_priv.h"

void edit_reset(struct console_line *l)
{
	*l = (struct console_line){ .skip_lf = l->skip_lf };
}

enum edit_event edit_byte(struct console_line *l, uint8_t byte, struct hx_text *out)
{
	bool after_cr = l->skip_lf;

	l->skip_lf = byte == '\r';
	if (byte == '\n' && after_cr)
		return EDIT_NONE;	/* CR LF is one end of line */
	if (byte == '\r' || byte == '\n')
		return EDIT_LINE;
	return byte == CTRL('C') ? EDIT_CANCEL : edit_key(l, byte, out);
}
