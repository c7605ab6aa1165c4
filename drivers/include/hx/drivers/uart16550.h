/* SPDX-License-Identifier: MIT */
/*
 * The 16550: registers, and what all its drivers do alike. They differ in how they learn that
 * something is due.
 * Source: National Semiconductor PC16550D data sheet, section 8 (registers).
 */
#ifndef HX_DRIVERS_UART16550_H
#define HX_DRIVERS_UART16550_H

#include <hx/base.h>
#include <hx/config/core_slot.h>
#include <hx/core/lock.h>
#include <hx/core/serial_class.h>
#include <hx/hal/cpu.h>

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
	LCR_8N1 = 0x03, LCR_STOP_2 = 0x04, LCR_PARITY = 0x08, LCR_EVEN = 0x10, LCR_DLAB = 0x80,
	MCR_DTR = 0x01, MCR_RTS = 0x02, MCR_OUT2 = 0x08, MCR_LOOP = 0x10,
	LSR_DATA = 0x01, LSR_OVERRUN = 0x02, LSR_TX_READY = 0x20, LSR_TX_IDLE = 0x40,
};

#define UART_CLOCK_BAUD	115200u	/* 1.8432 MHz / 16 */
/* A byte takes 87 us at 115,200 baud and a read of a port about 1 us; 16 bytes take 1,400 reads. */
#define UART_WAIT_READS	100000u

static inline uint8_t uart_get(const struct hx_serial_chip *c, enum uart_register r)
{
	return HX_IN_MODULE ? hx_serial_lent_read(c, r) : hx_reg_read8(&c->regs, r);
}

static inline void uart_put(const struct hx_serial_chip *c, enum uart_register r, uint8_t value)
{
	if (HX_IN_MODULE)
		hx_serial_lent_write(c, r, value);
	else
		hx_reg_write8(&c->regs, r, value);
}

static inline bool uart_scratch_holds(const struct hx_serial_chip *c, uint8_t value)
{
	uart_put(c, UART_SCRATCH, value);
	return uart_get(c, UART_SCRATCH) == value;
}

/*
 * An empty bus reads as ones (or as the last value written). So: the scratch register must hold two
 * patterns, and in loop-back the modem outputs DTR, RTS, OUT1, OUT2 must come back as DSR, CTS, RI,
 * DCD. Bytes that wait in the FIFO stay.
 */
static inline bool uart_present(struct hx_serial_chip *c)
{
	uint8_t mcr, msr;

	if (!uart_scratch_holds(c, 0x5a) || !uart_scratch_holds(c, 0xa5))
		return false;
	mcr = uart_get(c, UART_MCR);
	uart_put(c, UART_MCR, MCR_LOOP | MCR_OUT2 | MCR_RTS);
	msr = uart_get(c, UART_MSR) & 0xf0;
	uart_put(c, UART_MCR, mcr & ~MCR_LOOP);
	return msr == 0x90;	/* DCD and CTS, neither RI nor DSR */
}

/* Reading the line status clears the overrun bit, so every read goes through here and counts. */
static inline uint8_t uart_status(struct hx_serial_chip *c)
{
	uint8_t lsr = uart_get(c, UART_LSR);

	if (HX_UNLIKELY(lsr & LSR_OVERRUN))
		c->n_overruns++;	/* at least one byte; the chip does not say how many */
	return lsr;
}

static inline uint8_t uart_format(const struct hx_serial_state *st)
{
	return (uint8_t)((st->data_bits - 5u) | (st->stop_bits == 2 ? LCR_STOP_2 : 0) |
			 (st->parity != 0 ? LCR_PARITY : 0) | (st->parity == 2 ? LCR_EVEN : 0));
}

/* The divisor as it is. The format is written before and after: DLAB may have been left on. */
static inline unsigned uart_divisor(const struct hx_serial_chip *c, uint8_t format)
{
	unsigned divisor;

	uart_put(c, UART_LCR, format | LCR_DLAB);
	divisor = uart_get(c, UART_DATA) | (unsigned)uart_get(c, UART_IER) << 8;
	uart_put(c, UART_LCR, format);
	return divisor;
}

static inline void uart_set_line(struct hx_serial_chip *c, uint8_t format, unsigned divisor)
{
	/* What was sent at the old speed must be out before. */
	for (unsigned i = 0; i < UART_WAIT_READS && (uart_status(c) & LSR_TX_IDLE) == 0; i++)
		hx_cpu_relax();
	uart_put(c, UART_LCR, format | LCR_DLAB);
	uart_put(c, UART_DATA, (uint8_t)divisor);
	uart_put(c, UART_IER, (uint8_t)(divisor >> 8));
	uart_put(c, UART_LCR, format);
}

static inline int uart_load(struct hx_serial_chip *c, const struct hx_serial_state *st)
{
	uint8_t format = uart_format(st);
	unsigned divisor;

	if (st->baud == 0 || st->baud > UART_CLOCK_BAUD || UART_CLOCK_BAUD % st->baud != 0)
		return -HX_ENOTSUP;
	divisor = UART_CLOCK_BAUD / st->baud;
	/* No loop-back here: it would cut off what is on the line. At boot present() has looked. */
	if (HX_ENABLED(SLOT_SWAP) && (!uart_scratch_holds(c, 0x5a) || !uart_scratch_holds(c, 0xa5)))
		return -HX_ENODEV;
	uart_put(c, UART_LCR, uart_get(c, UART_LCR) & ~LCR_DLAB);
	uart_put(c, UART_IER, 0);
	c->n_in = st->n_in;
	c->n_out = st->n_out;
	c->n_overruns = st->n_overruns;
	if (!HX_ENABLED(SLOT_SWAP) || uart_get(c, UART_LCR) != format ||
	    uart_divisor(c, format) != divisor)
		uart_set_line(c, format, divisor);
	/* No FIFO reset: what was typed before is kept. */
	uart_put(c, UART_FCR, FCR_ENABLE | FCR_TRIGGER_8);
	c->fifo_bytes = (uart_get(c, UART_IIR) & IIR_FIFO) == IIR_FIFO ? 16 : 1;
	/* OUT2 lets the interrupt out on a PC. */
	uart_put(c, UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
	c->wants = 0;
	return 0;
}

static inline int uart_save(struct hx_serial_chip *c, struct hx_serial_state *st)
{
	uint8_t format = uart_get(c, UART_LCR) & ~LCR_DLAB;
	unsigned divisor = uart_divisor(c, format);

	/* IER shares an address with the divisor: it is as it was. */
	if (divisor == 0)
		return -HX_ENODEV;
	*st = (struct hx_serial_state){
		.version = HX_SERIAL_STATE, .baud = UART_CLOCK_BAUD / divisor,
		.data_bits = (uint8_t)(5 + (format & 3)), .stop_bits = format & LCR_STOP_2 ? 2 : 1,
		.parity = format & LCR_PARITY ? (format & LCR_EVEN ? 2 : 1) : 0,
		.n_in = c->n_in, .n_out = c->n_out, .n_overruns = c->n_overruns,
	};
	return 0;
}

static inline int uart_look(struct hx_serial_chip *c)
{
	uint8_t lsr = uart_status(c);

	return (lsr & LSR_DATA ? HX_SERIAL_IN : 0) | (lsr & LSR_TX_READY ? HX_SERIAL_ROOM : 0) |
	       (lsr & LSR_TX_IDLE ? HX_SERIAL_IDLE : 0);
}

static inline int uart_take(struct hx_serial_chip *c, uint8_t *bytes, unsigned n)
{
	unsigned i;

	for (i = 0; i < n && (uart_status(c) & LSR_DATA); i++) {
		bytes[i] = uart_get(c, UART_DATA);
		c->n_in++;
	}
	return (int)i;
}

static inline int uart_give(struct hx_serial_chip *c, const uint8_t *bytes, unsigned n)
{
	unsigned i, room = n < c->fifo_bytes ? n : c->fifo_bytes;

	if (room == 0 || !(uart_status(c) & LSR_TX_READY))
		return 0;
	for (i = 0; i < room; i++) {
		uart_put(c, UART_DATA, bytes[i]);
		c->n_out++;
	}
	return (int)room;
}

#endif
