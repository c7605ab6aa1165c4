// SPDX-License-Identifier: MIT
/* Ways that are about I/O ports (CONFIG_RESOURCES): the two of the clock that keeps the date. */
#include <hx/core/resources.h>
#include <hx/hal/reg.h>

#include "breaker_priv.h"

#define CLOCK		0x70u
#define REGISTER_D	0x0du

static struct hx_res_ports ports, more;

int no_break_port_take(void)
{
	return hx_res_ports_take(NULL, &ports, "clock", CLOCK, 2);
}

int no_break_port_more(void)
{
	return hx_res_ports_take(NULL, &more, "more", CLOCK + 2, 2);
}

int no_break_port_give(void)
{
	hx_res_ports_give(&ports);
	return 0;
}

int no_break_port_read(void)
{
	static const struct hx_reg_window clock = { .base = CLOCK, .is_port = true };

	hx_reg_write8(&clock, 0, REGISTER_D);
	return hx_reg_read8(&clock, 1) == 0xff ? -HX_ENODEV : 0;
}
