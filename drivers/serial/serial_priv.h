/* SPDX-License-Identifier: MIT */
/*
 * The 16550's registers and what the driver keeps for each port.
 * Source: National Semiconductor PC16550D data sheet, section 8 (registers).
 */
#ifndef HX_DRIVERS_SERIAL_PRIV_H
#define HX_DRIVERS_SERIAL_PRIV_H

#include <hx/base.h>
#include <hx/config/core_resources.h>
#include <hx/config/drivers_serial.h>
#include <hx/core/console_dev.h>
#include <hx/core/irq.h>
#include <hx/core/lock.h>
#include <hx/core/ring.h>
#include <hx/core/wait.h>
#include <hx/hal/reg.h>

enum uart_register {
	UART_DATA = 0,		/* receive buffer, transmit holding; divisor low with LCR_DLAB */
	UART_IER = 1,		/* interrupts wanted; divisor high with LCR_DLAB */
	UART_IIR = 2,		/* read: why it interrupts */
	UART_FCR = 2,		/* write: FIFO control */
	UART_LCR = 3, UART_MCR = 4, UART_LSR = 5, UART_MSR = 6, UART_SCRATCH = 7,
};

enum uart_bits {
	IER_RX = 0x01, IER_TX = 0x02, IER_LINE = 0x04,
	IIR_NONE = 0x01, IIR_FIFO = 0xc0,
	FCR_ENABLE = 0x01, FCR_TRIGGER_8 = 0x80,
	LCR_8N1 = 0x03, LCR_DLAB = 0x80,
	MCR_DTR = 0x01, MCR_RTS = 0x02, MCR_OUT2 = 0x08, MCR_LOOP = 0x10,
	LSR_DATA = 0x01, LSR_OVERRUN = 0x02, LSR_TX_READY = 0x20, LSR_TX_IDLE = 0x40,
};

#define SERIAL_NAME_MAX	8
/* From Kconfig, rounded down to a power of two. */
#define SERIAL_POW2(n)	(1u << (31 - __builtin_clz(n)))

/* Field keys: c constant while up, x rx.lock, t tx.lock, g regs_lock. */
struct serial {
	struct hx_reg_window regs;	/* c */
	uint32_t line;			/* c */
	unsigned fifo_bytes;		/* c 16, or 1 on an 8250 */
	struct hx_spinlock regs_lock;	/* rank HX_RANK_DRIVER, inside rx.lock and tx.lock */
	uint8_t ier;			/* g what IER holds */
	bool throttled;			/* x receive interrupts are off: the queue is full */
	bool rx_waits;			/* x input was in the chip when a reader looked last */
	struct hx_wait_queue rx, tx;
	struct hx_ring rx_ring;		/* x */
	struct hx_ring tx_ring;		/* t */
	struct hx_irq_action action;
	struct hx_console_dev dev;
	char name[SERIAL_NAME_MAX];	/* c */
	uint8_t rx_buf[SERIAL_POW2(CONFIG_SERIAL_RX_BYTES)];	/* x */
	uint8_t tx_buf[SERIAL_POW2(CONFIG_SERIAL_TX_BYTES)];	/* t */
};

/* ports.c, with CONFIG_RESOURCES: nobody else gets that window. As hx_res_ports_take(). */
int serial_ports_take(unsigned idx, const struct hx_reg_window *w);
void serial_ports_give(unsigned idx);

/* uart.c */
bool uart_is_there(const struct hx_reg_window *w);
void uart_setup(struct serial *s);
/* Line status; reading it clears the overrun bit, so every read goes through here and counts. */
uint8_t uart_status(struct serial *s);
/* Poll until one of the status bits is set. False: the device hangs. */
bool uart_wait(struct serial *s, uint8_t bits);
/* Interrupts wanted: first clear, then set. */
void uart_interrupts(struct serial *s, uint8_t clear, uint8_t set);
/* Take the interrupt line down and up: what is still pending makes a new edge. */
void uart_rearm(struct serial *s);

#endif
