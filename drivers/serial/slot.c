// SPDX-License-Identifier: MIT
/*
 * The slot "serial": who drives the ports, and what a module may reach of them.
 */
#include <hx/config/drivers_uart.h>

#include "serial_priv.h"

const struct hx_serial_ops *serial_current;
const struct hx_serial_ops *serial_first;

static int check_ops(const void *p)
{
	const struct hx_serial_ops *ops = p;

	if (HX_ENABLED(SLOT_SWAP) && ops->save == NULL)
		return -HX_EINVAL;
	return ops->present != NULL && ops->load != NULL && ops->look != NULL &&
	       ops->get != NULL && ops->put != NULL && ops->want != NULL &&
	       ops->pending != NULL && ops->rearm != NULL ? 0 : -HX_EINVAL;
}

const struct hx_kind serial_kind = {
	.slot = "serial", .abi = HX_SERIAL_ABI, .default_name = CONFIG_UART_DEFAULT_NAME,
	.first = (const void *const *)__start_hx_serial_classes,
	.last = (const void *const *)__stop_hx_serial_classes,
	.check = check_ops, .current = (const void **)&serial_current,
	.swap = HX_ENABLED(SLOT_SWAP) ? &serial_swap_class : NULL,
};
HX_KIND(serial_kind);

/* ---- registers for drivers that are modules; CONFIG_MODULES */

/* A chip of a port whose driver is being called just now. */
static const struct hx_reg_window *lent(const struct hx_serial_chip *c, unsigned reg)
{
	struct serial *s;

	for (unsigned i = 0; (s = serial_port(i)) != NULL; i++)
		for (unsigned k = 0; k < SERIAL_CHIPS; k++)
			if (c == &s->chips[k] && reg < HX_SERIAL_REGS && s->chip_lock.locked != 0)
				return &s->regs;
	return NULL;
}

uint8_t hx_serial_lent_read(const struct hx_serial_chip *c, unsigned reg)
{
	const struct hx_reg_window *w = lent(c, reg);

	return w != NULL ? hx_reg_read8(w, reg) : UINT8_MAX;
}

void hx_serial_lent_write(const struct hx_serial_chip *c, unsigned reg, uint8_t value)
{
	const struct hx_reg_window *w = lent(c, reg);

	if (w != NULL)
		hx_reg_write8(w, reg, value);
}
