/* SPDX-License-Identifier: MIT */
/*
 * Device registers, whether they sit in memory or behind I/O ports, so that one driver serves both.
 * The host hal routes them to a fake device that a test installs.
 */
#ifndef HX_HAL_REG_H
#define HX_HAL_REG_H

#include <hx/base.h>

struct hx_reg_window {
	uintptr_t base;		/* port number, or mapped address */
	bool is_port;
};

/**
 * hx_reg_read8() - read an 8-bit register.
 * hx_reg_write8() - write an 8-bit register.
 * hx_reg_read32() - read a 32-bit register.
 * hx_reg_write32() - write a 32-bit register.
 * @w:      the device's window
 * @offset: of the register in it, bytes; aligned to the register's size
 * @value:  what to write
 *
 * Returns: what the device answers; all ones where there is none.
 * Context: any.
 * Locks:   the device's, if it has one.
 * Owner:   the driver of the device.
 * Cost:    one access.
 * Source:  -
 */
uint8_t hx_reg_read8(const struct hx_reg_window *w, unsigned offset);
void hx_reg_write8(const struct hx_reg_window *w, unsigned offset, uint8_t value);
uint32_t hx_reg_read32(const struct hx_reg_window *w, unsigned offset);
void hx_reg_write32(const struct hx_reg_window *w, unsigned offset, uint32_t value);

/**
 * hx_platform_uart() - the 16550 serial ports that the platform is known to have.
 * @idx:  0, 1, … until it fails
 * @w:    receives the window of registers
 * @line: receives the interrupt line; untouched on error
 *
 * Returns: 0; -HX_ENODEV no such port, or no interrupt for it.
 * Context: boot or thread, after hx_hal_irq_init().
 * Locks:   none.
 * Owner:   the driver that asks first.
 * Cost:    one device read.
 * Source:  PC convention: COM1 at 0x3f8, interrupt 4.
 */
HX_MUST_CHECK int hx_platform_uart(unsigned idx, struct hx_reg_window *w, uint32_t *line);

/**
 * hx_platform_ports() - the I/O ports that the hal uses itself. Only with CONFIG_RESOURCES.
 * @idx:   0, 1, … until it fails
 * @first: receives the first port of a range
 * @n:     receives how many
 * @name:  receives what they are, valid for ever; all three untouched on error
 *
 * Returns: 0; -HX_ENODEV there are no more.
 * Context: any.
 * Locks:   none.
 * Owner:   the hal.
 * Cost:    a few stores.
 * Source:  IBM PC/AT technical reference: 8259A and 8254.
 */
HX_MUST_CHECK int hx_platform_ports(unsigned idx, uint32_t *first, uint32_t *n, const char **name);

#endif
