// SPDX-License-Identifier: MIT
/* /proc/interrupts: one line for each handler. */
#include <hx/core/names.h>
#include <hx/core/text.h>
#include <hx/hal/irq.h>

#include "irq_priv.h"

static int irq_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct hx_irq_action a;
	uint32_t line;
	unsigned idx;

	for (line = 0; line < HX_IRQ_LINES; line++) {
		for (idx = 0; irq_snapshot(line, idx, &a); idx++)
			hx_text_printf(out, "line=%u count=%llu name=%s\n", line,
				       (unsigned long long)a.count, a.name);
	}
	hx_text_printf(out, "unclaimed=%llu\n", (unsigned long long)irq_n_unclaimed());
	return 0;
}

static const struct hx_node irq_node = {
	.path = "/proc/interrupts", .help = "interrupts taken, by line and handler",
	.rights = HX_NODE_READ, .max_bytes = 4096, .show = irq_show,
};
HX_NODE(irq_node);
