// SPDX-License-Identifier: MIT
/*
 * The 16550 that never interrupts and is asked: for machines whose interrupt line is broken.
 */
#include <hx/drivers/uart16550.h>

/* At 115,200 baud the FIFO of 16 bytes is full after 1.4 ms. */
#define POLL_NS	1000000u

/* The interrupts stay off: what is wanted is remembered. */
static int poll_want(struct hx_serial_chip *c, unsigned bits)
{
	c->wants = bits;
	return 0;
}

static int poll_pending(struct hx_serial_chip *c)
{
	return ((unsigned)uart_look(c) & c->wants) != 0;
}

static int poll_rearm(struct hx_serial_chip *c)
{
	return 0;
}

const struct hx_serial_ops hx_serial_ns16550_poll_ops = {
	.abi = HX_SERIAL_ABI, .name = "ns16550_poll", .poll_ns = POLL_NS, .present = uart_present,
	.load = uart_load, .save = HX_ENABLED(SLOT_SWAP) ? uart_save : NULL, .look = uart_look,
	.get = uart_take, .put = uart_give, .want = poll_want, .pending = poll_pending,
	.rearm = poll_rearm,
};
HX_SERIAL_CLASS(hx_serial_ns16550_poll_ops);
