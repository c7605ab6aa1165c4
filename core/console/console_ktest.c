// SPDX-License-Identifier: MIT
/*
 * The console in the booted kernel, with the nodes that this image really has.
 */
#include <hx/config/core_names.h>
#include <hx/core/ktest.h>
#include <hx/core/string.h>

#include "console_priv.h"

static char answer[1024];

static int ask(const char *line)
{
	struct hx_text_buf b;

	hx_text_buf_init(&b, answer, sizeof(answer));
	return hx_console_execute(line, hx_strlen(line), &b.text);
}

HX_KTEST(console_answers_are_exact)
{
	hx_expect(t, ask("PING") == 0 && hx_strcmp(answer, "OK PING\n") == 0);
	hx_expect(t, ask("cat /nowhere") == -HX_ENOENT);
	hx_expect(t, hx_strcmp(answer, "ERR CAT reason=cut detail=ENOENT\n") == 0);
	hx_expect(t, ask("no such verb") == -HX_EPROTO);
	hx_expect(t, hx_strcmp(answer, "ERR PARSE reason=policy detail=unknown-verb\n") == 0);
	hx_expect(t, ask("ls /log") == 0);
	hx_expect(t, hx_glob("OK LS path=/log\n*-r-- * kernel\n*END\n", answer));
	if (!HX_ENABLED(STATE_NODES))
		return;
	hx_expect(t, ask("ls /slots") == 0);
	hx_expect(t, hx_glob("OK LS path=/slots\n*d--- 0 scheduler/\n*END\n", answer));
	hx_expect(t, ask("cat /slots/scheduler/state") == 0);
	hx_expect(t, hx_glob("OK CAT path=/slots/scheduler/state\nstate=active\nEND\n", answer));
}

HX_KTEST(console_every_verb_has_a_help_line)
{
	struct verb_walk w = { 0 };
	struct verb_row row;
	unsigned n = 0;

	while (verb_walk_next(&w, &row)) {
		struct verb_row found;

		hx_expect(t, verb_name_len(&row) > 0);
		hx_expect(t, row.help != NULL || row.node != NULL);
		if (!verb_row_is_there(&row))
			continue;
		/* Two rows of one name would hide each other. */
		hx_expect(t, verb_row_find(row.usage, verb_name_len(&row), &found) &&
			  found.usage == row.usage);
		n++;
	}
	hx_expect(t, n >= 10);
}
