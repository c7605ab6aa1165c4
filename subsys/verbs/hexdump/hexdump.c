// SPDX-License-Identifier: MIT
/* hexdump PATH [BYTES]: what a node or a file says, as numbers and characters. */
#include <hx/core/console.h>
#include <hx/core/names.h>
#include <hx/core/string.h>

#define LINE	16u

/* A sink that makes lines of what comes. It answers with the first byte, so that an error before it
 * is an ERR. */
struct dump {
	struct hx_text text;
	struct hx_call *c;
	uint64_t at, left;	/* of the next byte; bytes still to be shown */
	uint8_t line[LINE];
};

static void dump_answer(struct dump *d)
{
	if (!d->c->answered)
		hx_call_ok(d->c, "path=%s", d->c->argv[1]);
}

static void dump_line(struct dump *d, unsigned n)
{
	struct hx_text *out = hx_call_body(d->c);
	unsigned i;

	hx_text_printf(out, "%08llx ", (unsigned long long)(d->at - n));
	for (i = 0; i < LINE; i++) {
		if (i % 8 == 0)
			hx_text_puts(out, " ");
		if (i < n)
			hx_text_printf(out, "%02x ", d->line[i]);
		else
			hx_text_puts(out, "   ");
	}
	hx_text_puts(out, " |");
	for (i = 0; i < n; i++) {
		char c = d->line[i] >= ' ' && d->line[i] < 0x7f ? (char)d->line[i] : '.';

		hx_text_write(out, &c, 1);
	}
	hx_text_puts(out, "|\n");
}

static void dump_put(struct hx_text *t, const char *bytes, size_t n)
{
	struct dump *d = t->arg;

	dump_answer(d);
	for (; n > 0 && d->left > 0; n--, bytes++, d->left--) {
		d->line[d->at % LINE] = (uint8_t)*bytes;
		if (++d->at % LINE == 0)
			dump_line(d, LINE);
	}
}

static void hexdump_run(struct hx_call *c)
{
	struct dump d = { .text = { .put = dump_put, .arg = &d }, .c = c, .left = UINT64_MAX };
	int err;

	if (c->argc > 2 && hx_parse_u64(c->argv[2], UINT64_MAX, &d.left) != 0) {
		hx_call_err(c, -HX_EINVAL, "number");
		return;
	}
	err = hx_tree()->show(c->argv[1], &d.text);
	if (err != 0 && !c->answered) {
		hx_call_err(c, err, NULL);
		return;
	}
	dump_answer(&d);
	if (d.at % LINE != 0)
		dump_line(&d, (unsigned)(d.at % LINE));
	hx_call_body(c);
	if (err != 0)
		hx_call_cut(c, err);
}

static const struct hx_verb hexdump_verb = {
	.name = "hexdump", .usage = "hexdump PATH [BYTES]",
	.help = "a node or a file as numbers, 16 bytes a line",
	.min_args = 1, .max_args = 2, .run = hexdump_run,
};
HX_VERB(hexdump_verb);
