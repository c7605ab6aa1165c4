/* SPDX-License-Identifier: MIT */
/*
 * A 16550 UART that a driver cannot tell from a real one by its registers, and that keeps account
 * of what a driver must not do. Sending takes no time, unless the line is held; then the transmit
 * FIFO fills up and empties by hand.
 * Source: National Semiconductor PC16550D data sheet, section 8 (registers) and 8.11 (FIFO).
 */
#ifndef FAKE_UART_H
#define FAKE_UART_H

#include <hx/hal/host.h>
#include <hx/hal/irq.h>

#define FAKE_UART_FIFO		16u
#define FAKE_UART_SENT_MAX	8192u
#define FAKE_UART_PORTS		8u

struct fake_uart {
	struct hx_host_device dev;
	uint32_t line;
	uint8_t ier, lcr, mcr, scr, fcr, dll, dlm;
	uint8_t rx[FAKE_UART_FIFO], tx[FAKE_UART_FIFO];
	unsigned n_rx, n_tx;
	bool overrun;			/* a byte came while the receive FIFO was full */
	bool thre_pending;		/* the transmitter became empty and nobody was told yet */
	bool line_is_up;		/* the interrupt output */
	bool held;			/* bytes stay in the FIFO until fake_uart_drain() */
	char sent[FAKE_UART_SENT_MAX + 1];	/* NUL-terminated */
	size_t n_sent;
	unsigned n_lost;		/* misuse: written while the transmit FIFO was full */
	unsigned n_looped;		/* MCR was written with the loop on: the line was cut */
	unsigned n_read_empty;		/* misuse: RBR read while there was nothing */
};

/* Plug one in at a port; the platform reports it with this line. 0, -HX_EBUSY, -HX_ENFILE. */
HX_MUST_CHECK int fake_uart_init(struct fake_uart *u, uint16_t port, uint32_t line);
/* Bytes arrive; those beyond the FIFO are lost and set the overrun bit. Interrupts if asked to. */
void fake_uart_receive(struct fake_uart *u, const char *bytes, size_t n);
/* Let up to n held bytes out on the line. */
void fake_uart_drain(struct fake_uart *u, size_t n);
unsigned fake_uart_divisor(const struct fake_uart *u);	/* 115200 / baud */

#endif
