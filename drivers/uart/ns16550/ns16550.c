// SPDX-License-Identifier: MIT
/*
 * The 16550 that interrupts when something is due.
 */
#include <hx/drivers/uart16550.h>

static int ns16550_want(struct hx_serial_chip *c, unsigned bits)
{
	c->wants = bits;
	uart_put(c, UART_IER, (bits & HX_SERIAL_IN ? IER_RX | IER_LINE : 0) |
			      (bits & HX_SERIAL_ROOM ? IER_TX : 0));
	return 0;
}

static int ns16550_pending(struct hx_serial_chip *c)
{
	return (uart_get(c, UART_IIR) & IIR_NONE) == 0;
}

/* Edge-triggered lines must not be left high, or they never rise again. */
static int ns16550_rearm(struct hx_serial_chip *c)
{
	uart_put(c, UART_IER, 0);
	return ns16550_want(c, c->wants);
}

const struct hx_serial_ops hx_serial_ns16550_ops = {
	.abi = HX_SERIAL_ABI, .name = "ns16550", .present = uart_present,
	.load = uart_load, .save = HX_ENABLED(SLOT_SWAP) ? uart_save : NULL, .look = uart_look,
	.get = uart_take, .put = uart_give, .want = ns16550_want, .pending = ns16550_pending,
	.rearm = ns16550_rearm,
};
HX_SERIAL_CLASS(hx_serial_ns16550_ops);
