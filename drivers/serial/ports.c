// SPDX-License-Identifier: MIT
/* The I/O ports of the chips, taken for the kernel: nobody else gets them (CONFIG_RESOURCES). */
#include <hx/core/resources.h>

#include "serial_priv.h"

static struct hx_res_ports claims[CONFIG_SERIAL_PORTS];

int serial_ports_take(unsigned idx, const struct hx_reg_window *w)
{
	claims[idx].n = 0;
	return w->is_port ? hx_res_ports_take(NULL, &claims[idx], "serial", (uint32_t)w->base,
					      HX_SERIAL_REGS) : 0;
}

void serial_ports_give(unsigned idx)
{
	if (claims[idx].n != 0)
		hx_res_ports_give(&claims[idx]);
}
