// SPDX-License-Identifier: MIT
/*
 * /proc/init: the computed order, one component a line, with what it needs and gives and its state.
 */
#include <hx/base.h>
#include <hx/core/names.h>
#include <hx/core/text.h>

#include "init_priv.h"

#define COMPONENTS_MAX	64	/* for the size bound of the node; the order has no bound itself */
#define LINE_BYTES_MAX	256

static const char phases[HX_PHASE_COUNT][8] = { "boot", "early", "core", "late", "runtime" };
static const char healths[][9] = { "healthy", "degraded", "failed" };

/* Words are separated by commas here: a blank ends a value. */
static void show_words(struct hx_text *out, const char *key, const char *words)
{
	bool gap = false, any = false;

	hx_text_puts(out, key);
	for (; words != NULL && *words != '\0'; words++) {
		if (*words == ' ') {
			gap = any;
			continue;
		}
		if (gap)
			hx_text_puts(out, ",");
		hx_text_write(out, words, 1);
		gap = false;
		any = true;
	}
	if (!any)
		hx_text_puts(out, "-");
}

static int init_show(struct hx_text *out, const struct hx_node_args *args)
{
	const struct init_graph *g = init_graph();

	for (size_t i = 0; i < g->n_order; i++) {
		const struct hx_component *c = g->order[i];
		enum hx_health health = c->health == NULL ? HX_HEALTHY : c->health();

		hx_text_printf(out, "name=%s phase=%s version=%u", c->name, phases[c->phase],
			       c->version);
		show_words(out, " needs=", c->needs);
		show_words(out, " gives=", c->gives);
		if (i < init_n_up())
			hx_text_printf(out, " state=up health=%s\n",
				       (unsigned)health < HX_ARRAY_LEN(healths) ?
				       healths[health] : "failed");
		else
			hx_text_puts(out, " state=down\n");
	}
	return 0;
}

static const struct hx_node init_node = {
	.path = "/proc/init", .help = "components in their order, with needs, gives, state",
	.rights = HX_NODE_READ, .max_bytes = COMPONENTS_MAX * LINE_BYTES_MAX, .show = init_show,
};
HX_NODE(init_node);
