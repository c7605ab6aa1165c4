/* SPDX-License-Identifier: MIT */
/*
 * The console that always works: polled, no locks, no memory. For boot, panic, and as the console
 * of last resort.
 */
#ifndef HX_HAL_EARLYCON_H
#define HX_HAL_EARLYCON_H

#include <hx/base.h>

/**
 * hx_earlycon_write() - send bytes, waiting for the device; a newline goes out as CR LF.
 * @bytes: what to send
 * @n:     how many
 *
 * Returns: nothing; without a device the bytes are lost.
 * Context: any, even NMI.
 * Locks:   none: output of two contexts may mix.
 * Owner:   -
 * Cost:    about 10 instructions a byte; as slow as the line.
 * Source:  PC16550D datasheet.
 */
void hx_earlycon_write(const char *bytes, size_t n);

/**
 * hx_earlycon_getc() - take a received byte.
 *
 * Returns: 0..255; -HX_EAGAIN there is none now. Never waits.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    two device reads.
 * Source:  PC16550D datasheet.
 */
HX_MUST_CHECK int hx_earlycon_getc(void);

#endif
