// SPDX-License-Identifier: MIT
/*
 * Lines typed before, in a ring. While somebody looks back, the line being typed waits in the slot
 * of the next one.
 *
 *	lines:  … n-2  n-1 | n (the line being typed)        n = n_added; browsing at n - back
 */
#include <hx/base.h>
#include <hx/core/string.h>

#include "console_priv.h"

#define SLOTS	(CONFIG_CONSOLE_HISTORY + 1)

static char lines[SLOTS][HX_LINE_MAX + 1];
static unsigned n_added, n_kept, back;

static char *line_at(unsigned n)
{
	return lines[n % SLOTS];
}

void history_add(const char *text)
{
	back = 0;
	if (*text == '\0' || (n_kept > 0 && hx_strcmp(line_at(n_added - 1), text) == 0))
		return;
	hx_strlcpy(line_at(n_added++), text, sizeof(lines[0]));
	if (n_kept < CONFIG_CONSOLE_HISTORY)
		n_kept++;
}

void history_clear(void)
{
	memset(lines, 0, sizeof(lines));
	n_added = n_kept = back = 0;
}

const char *history_move(bool up, const char *current)
{
	if (up ? back == n_kept : back == 0)
		return NULL;
	if (back == 0)
		hx_strlcpy(line_at(n_added), current, sizeof(lines[0]));
	back += up ? 1u : -1u;
	return line_at(n_added - back);
}
