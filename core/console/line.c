// SPDX-License-Identifier: MIT
/* What both ways of typing a line share: beginning anew, and how a line ends. */
#include <hx/base.h>

#include "console_priv.h"

void edit_reset(struct console_line *l)
{
	*l = (struct console_line){ .skip_lf = l->skip_lf };
}

bool edit_ends(struct console_line *l, uint8_t byte, enum edit_event *event)
{
	bool after_cr = l->skip_lf;

	l->skip_lf = byte == '\r';
	*event = byte == CTRL('C') ? EDIT_CANCEL : EDIT_LINE;
	if (byte == '\n' && after_cr)
		*event = EDIT_NONE;	/* CR LF is one end of line */
	return byte == '\r' || byte == '\n' || byte == CTRL('C');
}
