// SPDX-License-Identifier: MIT
/*
 * The chip itself: is it there, set it up, its status, its interrupt mask. No queues here.
 */
#include <hx/base.h>
#include <hx/hal/cpu.h>

#include "serial_priv.h"

#define DIVISOR_115200	1	/* 1.8432 MHz / 16 / 115,200 */
/* A byte takes 87 us at 115,200 baud and a read of a port about 1 us; 16 bytes take 1,400 reads. */
#define WAIT_READS	100000

static uint8_t get(const struct hx_reg_window *w, enum uart_register r)
{
	return hx_reg_read8(w, r);
}

static void put(const struct hx_reg_window *w, enum uart_register r, uint8_t value)
{
	hx_reg_write8(w, r, value);
}

static bool scratch_holds(const struct hx_reg_window *w, uint8_t value)
{
	put(w, UART_SCRATCH, value);
	return get(w, UART_SCRATCH) == value;
}

/*
 * An empty bus reads as ones (or as the last value written). So: the scratch register must hold two
 * patterns, and in loop-back the modem outputs DTR, RTS, OUT1, OUT2 must come back as DSR, CTS, RI,
 * DCD. Neither touches the data: bytes that wait in the FIFO stay.
 */
bool uart_is_there(const struct hx_reg_window *w)
{
	uint8_t mcr, msr;

	if (!scratch_holds(w, 0x5a) || !scratch_holds(w, 0xa5))
		return false;
	mcr = get(w, UART_MCR);
	put(w, UART_MCR, MCR_LOOP | MCR_OUT2 | MCR_RTS);
	msr = get(w, UART_MSR) & 0xf0;
	put(w, UART_MCR, mcr & ~MCR_LOOP);
	return msr == 0x90;	/* DCD and CTS, neither RI nor DSR */
}

uint8_t uart_status(struct serial *s)
{
	uint8_t lsr = get(&s->regs, UART_LSR);

	if (HX_UNLIKELY(lsr & LSR_OVERRUN))
		s->dev.n_dropped_in++;	/* at least one byte; the chip does not say how many */
	return lsr;
}

bool uart_wait(struct serial *s, uint8_t bits)
{
	unsigned i;

	for (i = 0; i < WAIT_READS; i++) {
		if (uart_status(s) & bits)
			return true;
		hx_cpu_relax();
	}
	return false;
}

void uart_interrupts(struct serial *s, uint8_t clear, uint8_t set)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&s->regs_lock);
	uint8_t ier = (s->ier & ~clear) | set;

	if (ier != s->ier) {
		s->ier = ier;
		put(&s->regs, UART_IER, ier);
	}
	hx_spin_unlock_irqrestore(&s->regs_lock, flags);
}

void uart_rearm(struct serial *s)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&s->regs_lock);

	put(&s->regs, UART_IER, 0);
	put(&s->regs, UART_IER, s->ier);
	hx_spin_unlock_irqrestore(&s->regs_lock, flags);
}

void uart_setup(struct serial *s)
{
	const struct hx_reg_window *w = &s->regs;

	/* What the early console sent must be out before the speed is set again. */
	uart_wait(s, LSR_TX_IDLE);
	put(w, UART_IER, 0);
	put(w, UART_LCR, LCR_DLAB);
	put(w, UART_DATA, DIVISOR_115200);
	put(w, UART_IER, 0);
	put(w, UART_LCR, LCR_8N1);
	/* No FIFO reset: what was typed during the boot is kept. */
	put(w, UART_FCR, FCR_ENABLE | FCR_TRIGGER_8);
	s->fifo_bytes = (get(w, UART_IIR) & IIR_FIFO) == IIR_FIFO ? 16 : 1;
	put(w, UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);	/* OUT2 lets the interrupt out on a PC */
}
