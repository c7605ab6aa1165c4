/* SPDX-License-Identifier: MIT */
/*
 * The 16550 of fake_uart.h. After each access the interrupt output is computed anew from what is
 * enabled and what is due, and a rising edge raises the line, as on an ISA bus.
 */
#include "fake_uart.h"
#include <string.h>

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };

#define IER_RX		0x01u
#define IER_TX		0x02u
#define IER_LINE	0x04u
#define IIR_NONE	0x01u
#define IIR_TX		0x02u
#define IIR_RX		0x04u
#define IIR_LINE	0x06u
#define IIR_FIFO	0xc0u
#define FCR_ENABLE	0x01u
#define FCR_CLEAR_RX	0x02u
#define FCR_CLEAR_TX	0x04u
#define LCR_DLAB	0x80u
#define MCR_OUT2	0x08u	/* gates the interrupt output on a PC */
#define MCR_LOOP	0x10u
#define LSR_DATA	0x01u
#define LSR_OVERRUN	0x02u
#define LSR_THR_EMPTY	0x20u
#define LSR_IDLE	0x40u
#define MSR_PRESENT	0xb0u	/* CTS, DSR, DCD: somebody is at the other end */

static unsigned fifo_size(const struct fake_uart *u)
{
	return u->fcr & FCR_ENABLE ? FAKE_UART_FIFO : 1;
}

/* What IIR shows; the order is the data sheet's priority. */
static uint8_t cause(const struct fake_uart *u)
{
	if ((u->ier & IER_LINE) && u->overrun)
		return IIR_LINE;
	if ((u->ier & IER_RX) && u->n_rx > 0)
		return IIR_RX;
	if ((u->ier & IER_TX) && u->thre_pending)
		return IIR_TX;
	return IIR_NONE;
}

static void update_line(struct fake_uart *u)
{
	bool up = cause(u) != IIR_NONE && (u->mcr & MCR_OUT2);
	bool rises = up && !u->line_is_up;

	u->line_is_up = up;
	if (rises && u->line != HX_IRQ_NONE)
		hx_host_irq_raise(u->line);
}

static void take_in(struct fake_uart *u, uint8_t byte)
{
	if (u->n_rx == fifo_size(u))
		u->overrun = true;
	else
		u->rx[u->n_rx++] = byte;
}

static void put_out(struct fake_uart *u, size_t n)
{
	while (n-- > 0 && u->n_tx > 0) {
		if (u->n_sent < FAKE_UART_SENT_MAX)
			u->sent[u->n_sent++] = (char)u->tx[0];
		memmove(&u->tx[0], &u->tx[1], --u->n_tx);
	}
	if (u->n_tx == 0)
		u->thre_pending = true;
}

static void write_data(struct fake_uart *u, uint8_t byte)
{
	u->thre_pending = false;
	if (u->mcr & MCR_LOOP) {
		take_in(u, byte);
		u->thre_pending = true;
		return;
	}
	if (u->n_tx == fifo_size(u))
		u->n_lost++;
	else
		u->tx[u->n_tx++] = byte;
	if (!u->held)
		put_out(u, u->n_tx);
}

static uint8_t read_data(struct fake_uart *u)
{
	uint8_t byte = u->rx[0];

	if (u->n_rx == 0) {
		u->n_read_empty++;
		return 0;
	}
	memmove(&u->rx[0], &u->rx[1], --u->n_rx);
	return byte;
}

static uint8_t read_iir(struct fake_uart *u)
{
	uint8_t iir = cause(u);

	if (iir == IIR_TX)
		u->thre_pending = false;	/* reading the cause is what tells it */
	return iir | (u->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static uint8_t read_lsr(struct fake_uart *u)
{
	uint8_t lsr = (u->n_rx > 0 ? LSR_DATA : 0) | (u->overrun ? LSR_OVERRUN : 0) |
		      (u->n_tx == 0 ? LSR_THR_EMPTY | LSR_IDLE : 0);

	u->overrun = false;
	return lsr;
}

static uint32_t uart_read(struct hx_host_device *d, unsigned offset, unsigned width)
{
	struct fake_uart *u = HX_CONTAINER_OF(d, struct fake_uart, dev);
	bool dlab = (u->lcr & LCR_DLAB) != 0;
	uint8_t value = 0;

	switch (offset) {
	case REG_DATA:
		value = dlab ? u->dll : read_data(u);
		break;
	case REG_IER:
		value = dlab ? u->dlm : u->ier;
		break;
	case REG_IIR_FCR:
		value = read_iir(u);
		break;
	case REG_LCR:
		value = u->lcr;
		break;
	case REG_MCR:
		value = u->mcr;
		break;
	case REG_LSR:
		value = read_lsr(u);
		break;
	case REG_MSR:	/* looped back: the outputs of MCR appear as the inputs */
		value = u->mcr & MCR_LOOP ? (uint8_t)((u->mcr & 0x0c) << 4 | (u->mcr & 1) << 5 |
						      (u->mcr & 2) << 3) : MSR_PRESENT;
		break;
	case REG_SCR:
		value = u->scr;
		break;
	}
	update_line(u);
	return value;
}

static void write_fcr(struct fake_uart *u, uint8_t value)
{
	if ((u->fcr ^ value) & FCR_ENABLE)
		value |= FCR_CLEAR_RX | FCR_CLEAR_TX;	/* changing the mode empties both */
	if (value & FCR_CLEAR_RX)
		u->n_rx = 0;
	if (value & FCR_CLEAR_TX)
		u->n_tx = 0;
	u->fcr = value & ~(FCR_CLEAR_RX | FCR_CLEAR_TX);
}

static void write_ier(struct fake_uart *u, uint8_t value)
{
	/* Enabling the transmit interrupt while the transmitter is empty interrupts at once. */
	if ((value & IER_TX) && !(u->ier & IER_TX) && u->n_tx == 0)
		u->thre_pending = true;
	u->ier = value & 0x0f;
}

static void uart_write(struct hx_host_device *d, unsigned offset, uint32_t value, unsigned width)
{
	struct fake_uart *u = HX_CONTAINER_OF(d, struct fake_uart, dev);
	bool dlab = (u->lcr & LCR_DLAB) != 0;
	uint8_t byte = (uint8_t)value;

	switch (offset) {
	case REG_DATA:
		if (dlab)
			u->dll = byte;
		else
			write_data(u, byte);
		break;
	case REG_IER:
		if (dlab)
			u->dlm = byte;
		else
			write_ier(u, byte);
		break;
	case REG_IIR_FCR:
		write_fcr(u, byte);
		break;
	case REG_LCR:
		u->lcr = byte;
		break;
	case REG_MCR:
		u->mcr = byte & 0x1f;
		u->n_looped += (byte & MCR_LOOP) != 0;
		break;
	case REG_SCR:
		u->scr = byte;
		break;
	}
	update_line(u);
}

int fake_uart_init(struct fake_uart *u, uint16_t port, uint32_t line)
{
	struct hx_reg_window window = { .base = port, .is_port = true };
	int err;

	*u = (struct fake_uart){
		.dev = { .base = port, .size = FAKE_UART_PORTS, .is_port = true,
			 .read = uart_read, .write = uart_write },
		.line = line, .dll = 12,
	};
	err = hx_host_plug(&u->dev);
	if (err != 0)
		return err;
	err = hx_host_add_uart(&window, line);
	if (err != 0)
		hx_host_unplug(&u->dev);
	return err;
}

void fake_uart_receive(struct fake_uart *u, const char *bytes, size_t n)
{
	while (n-- > 0) {
		take_in(u, (uint8_t)*bytes++);
		update_line(u);
	}
}

void fake_uart_drain(struct fake_uart *u, size_t n)
{
	put_out(u, n);
	update_line(u);
}

unsigned fake_uart_divisor(const struct fake_uart *u)
{
	return (unsigned)u->dlm << 8 | u->dll;
}
