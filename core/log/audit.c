// SPDX-License-Identifier: MIT
/*
 * The audit log: who sent which line to which node, and what came of it. A ring of its own, so that
 * no flood of ordinary lines can push a control action out. Compiled in with CONFIG_LOG_AUDIT_KIB.
 */
#include <hx/base.h>
#include <hx/core/log.h>
#include <hx/core/names.h>
#include <hx/core/printf.h>

#include "log_priv.h"

static uint8_t audit_buf[LOG_RING_BYTES(CONFIG_LOG_AUDIT_KIB)];
static struct log_ring audit_ring = { .buf = audit_buf, .size_bytes = sizeof(audit_buf) };

void hx_audit(const char *who, const char *node, const char *line, int result)
{
	char text[HX_LOG_TEXT_MAX + 1];
	int n = hx_snprintf(text, sizeof(text), "node=%s result=%d line=%s", node, result, line);

	log_add(&audit_ring, HX_LOG_INFO, who, text, n);
}

static int audit_show(struct hx_text *out, const struct hx_node_args *args)
{
	uint32_t pos = audit_ring.tail - 1;
	struct log_line line;
	uint64_t seq = 0;

	while (log_ring_next(&audit_ring, &pos, &seq, &line)) {
		log_show_stamp(out, &line.h);
		log_clean(line.text);
		hx_text_printf(out, "who=%s %s\n", line.area, line.text);
	}
	return 0;
}

static const struct hx_node audit_node = {
	.path = "/log/audit", .help = "control actions: who sent which line to which node",
	.rights = HX_NODE_READ, .max_bytes = LOG_SHOW_MAX_BYTES(CONFIG_LOG_AUDIT_KIB),
	.show = audit_show,
};
HX_NODE(audit_node);
