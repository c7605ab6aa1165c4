// SPDX-License-Identifier: MIT
/* /proc/watchdog: whether there is one, and how it is fed. */
#include <hx/core/heal.h>
#include <hx/core/names.h>
#include <hx/core/text.h>

#include "i6300esb_priv.h"

static int watchdog_show(struct hx_text *out, const struct hx_node_args *args)
{
	if (esb.regs == 0)
		hx_text_puts(out, "name=i6300esb state=absent\n");
	else
		hx_text_printf(out, "name=i6300esb state=running timeout_ms=%u fed=%llu "
			       "hungry=%llu\n", CONFIG_WATCHDOG_I6300ESB_S * 1000u,
			       (unsigned long long)__atomic_load_n(&esb.n_fed, __ATOMIC_RELAXED),
			       (unsigned long long)__atomic_load_n(&esb.n_hungry,
								   __ATOMIC_RELAXED));
	return 0;
}

static const struct hx_node watchdog_node = {
	.path = "/proc/watchdog", .help = "the hardware watchdog, and how often it was fed",
	.rights = HX_NODE_READ, .max_bytes = 128, .show = watchdog_show,
};
HX_NODE(watchdog_node);
