/* SPDX-License-Identifier: MIT */
/*
 * The PC around the CPU: first serial port as polled console, register windows, and the ways out.
 * Source: PC16550D datasheet; QEMU docs/specs (isa-debug-exit); ACPI 6.4, 4.8.3.6 (reset register).
 */
#include <hx/config/hal_x86_64.h>
#include <hx/hal/earlycon.h>
#include <hx/hal/irq.h>
#include <hx/hal/mmu.h>
#include <hx/hal/power.h>
#include <hx/hal/reg.h>

#include "x86_priv.h"

#define COM1		0x3f8
#define COM1_ISA_IRQ	4
#define UART_LINE	5
#define LINE_RX_READY	0x01
#define LINE_TX_EMPTY	0x20
#define LINE_NO_UART	0xff
#define UART_FIFO	16		/* bytes it takes when empty */
#define LOCK_TRIES	(1u << 26)	/* a line at 115,200 baud takes up to 20 ms */
#define TX_TRIES	100000		/* of a UART that never gets empty: then drop */

#define DEBUG_EXIT_PORT	0xf4

void hx_x86_earlycon_init(void)
{
	static const uint8_t steps[][2] = {
		{ 1, 0x00 },				/* no interrupts */
		{ 3, 0x80 }, { 0, 1 }, { 1, 0 },	/* divisor 1: 115200 baud */
		{ 3, 0x03 },				/* 8 bits, no parity, 1 stop */
		{ 2, 0x07 }, { 4, 0x0b },		/* FIFOs on and clear; DTR RTS OUT2 */
	};

	for (unsigned i = 0; i < HX_ARRAY_LEN(steps); i++)
		hx_outb(COM1 + steps[i][0], steps[i][1]);
}

static void put_byte(uint8_t byte)
{
	static unsigned room;

	for (unsigned i = 0; room == 0 && i < TX_TRIES; i++) {
		uint8_t line = hx_inb(COM1 + UART_LINE);

		if (line == LINE_NO_UART)
			return;
		room = line & LINE_TX_EMPTY ? UART_FIFO : 0;
	}
	if (room == 0)
		return;
	room--;
	hx_outb(COM1, byte);
}

/*
 * With several CPUs a piece of text is written as a whole. Who finds itself the owner interrupted
 * its own writing (NMI, panic), and who waits for too long goes on without: text must come out.
 * Returns whether it is ours to give back.
 */
static uint32_t earlycon_owner;		/* a CPU + 1 */

static bool earlycon_lock(void)
{
	uint32_t me = hx_percpu()->cpu + 1;

	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		uint32_t seen = 0;

		if (__atomic_compare_exchange_n(&earlycon_owner, &seen, me, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
		if (seen == me)
			return false;
		hx_cpu_relax();
	}
	return false;
}

static void write_text(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n')
			put_byte('\r');
		put_byte((uint8_t)bytes[i]);
	}
}

void hx_earlycon_write(const char *bytes, size_t n)
{
	hx_irqflags_t irq;
	bool locked;

	if (!HX_ENABLED(SMP) || hx_x86_lapic == 0) {	/* one CPU, or GS is not set up yet */
		write_text(bytes, n);
		return;
	}
	irq = hx_irq_save();
	locked = earlycon_lock();
	write_text(bytes, n);
	if (locked)
		__atomic_store_n(&earlycon_owner, 0, __ATOMIC_RELEASE);
	hx_irq_restore(irq);
}

int hx_earlycon_getc(void)
{
	uint8_t line = hx_inb(COM1 + UART_LINE);

	if (line == LINE_NO_UART || (line & LINE_RX_READY) == 0)
		return -HX_EAGAIN;
	return hx_inb(COM1);
}

uint8_t hx_reg_read8(const struct hx_reg_window *w, unsigned offset)
{
	return w->is_port ? hx_inb((uint16_t)(w->base + offset)) :
			    *(volatile uint8_t *)(w->base + offset);
}

void hx_reg_write8(const struct hx_reg_window *w, unsigned offset, uint8_t value)
{
	if (w->is_port)
		hx_outb((uint16_t)(w->base + offset), value);
	else
		*(volatile uint8_t *)(w->base + offset) = value;
}

uint32_t hx_reg_read32(const struct hx_reg_window *w, unsigned offset)
{
	return w->is_port ? hx_inl((uint16_t)(w->base + offset)) : *hx_mmio(w->base, offset);
}

void hx_reg_write32(const struct hx_reg_window *w, unsigned offset, uint32_t value)
{
	if (w->is_port)
		hx_outl((uint16_t)(w->base + offset), value);
	else
		*hx_mmio(w->base, offset) = value;
}

int hx_platform_uart(unsigned idx, struct hx_reg_window *w, uint32_t *line)
{
	if (idx != 0 || hx_inb(COM1 + UART_LINE) == LINE_NO_UART)
		return -HX_ENODEV;
	*w = (struct hx_reg_window){ .base = COM1, .is_port = true };
	return hx_irq_line_for_isa(COM1_ISA_IRQ, line);
}

static void outw(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

/* The debug-exit device ends QEMU here. Without it: soft-off as QEMU wires it, then halt. */
HX_NORETURN void hx_hal_exit(enum hx_exit_code code)
{
	hx_irq_disable();
	hx_outb(DEBUG_EXIT_PORT, (uint8_t)code);
	if (code == HX_EXIT_OK) {
		outw(0x604, 0x2000);	/* PM1a control: SLP_EN, type 0 */
		outw(0xb004, 0x2000);
	}
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void reset_by_acpi(void)
{
	const struct hx_acpi *acpi;
	volatile uint8_t *reg;

	if (!HX_ENABLED(ACPI) || hx_x86_acpi(&acpi) != 0 || acpi->reset_address == 0)
		return;
	if (acpi->reset_space == 1) {
		hx_outb((uint16_t)acpi->reset_address, acpi->reset_value);
		return;
	}
	reg = hx_mmu_map_device(acpi->reset_address, 1);
	if (reg != NULL)
		*reg = acpi->reset_value;
}

HX_NORETURN void hx_hal_reboot(void)
{
	static const struct { uint16_t limit; uint64_t base; } HX_PACKED no_idt = { 0, 0 };

	hx_irq_disable();
	reset_by_acpi();
	hx_outb(0xcf9, 2);		/* chipset reset control */
	hx_outb(0xcf9, 6);
	hx_outb(0x64, 0xfe);		/* keyboard controller: pulse the reset line */
	__asm__ volatile("lidt %0; int3" : : "m"(no_idt));	/* no handler: triple fault */
	for (;;)
		__asm__ volatile("cli; hlt");
}
