// SPDX-License-Identifier: MIT
/* /proc/ports: who has which I/O ports. */
#include <hx/core/names.h>

#include "resources_priv.h"

#define ROWS_MAX	48u
#define ROW_BYTES	128u	/* two words, two numbers and what stands before them */

static int ports_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct res_ports_row row;
	unsigned i;

	for (i = 0; i < ROWS_MAX && res_ports_at(i, &row); i++)
		hx_text_printf(out, "first=%#x last=%#x name=%s holder=%s\n", row.first,
			       row.first + row.n - 1, row.name, row.holder);
	if (i == ROWS_MAX && res_ports_at(i, &row))
		hx_text_puts(out, "more=yes\n");
	return 0;
}

static const struct hx_node ports_node = {
	.path = "/proc/ports", .help = "I/O ports that somebody has, and who",
	.rights = HX_NODE_READ, .max_bytes = ROWS_MAX * ROW_BYTES + ROW_BYTES, .show = ports_show,
};
HX_NODE(ports_node);
