/* SPDX-License-Identifier: MIT */
/*
 * Time: a counter with a known frequency, and one event source per CPU.
 */
#ifndef HX_HAL_TIMER_H
#define HX_HAL_TIMER_H

#include <hx/base.h>

/**
 * hx_hal_timer_init() - learn the frequencies of the counter and of the event source.
 * @waited_cycles: receives the cycles spent waiting for a reference clock; 0 if it was told
 *
 * Returns: 0; -HX_ENODEV no timer, or no reference clock.
 * Context: boot, interrupts off, once.
 * Locks:   none.
 * Owner:   -
 * Cost:    about 1 ms if it has to measure.
 * Source:  Intel SDM vol. 3, 18.7.3; IA-PC HPET 1.0a.
 */
HX_MUST_CHECK int hx_hal_timer_init(uint64_t *waited_cycles);

/**
 * hx_hal_timer_reference() - against what it was measured.
 *
 * Returns: "cpuid", "hpet", "pit", "host"; "none" before hx_hal_timer_init().
 * Context: any.
 * Locks:   none.
 * Owner:   constant text.
 * Cost:    one load.
 * Source:  -
 */
const char *hx_hal_timer_reference(void);

/**
 * hx_cycles_hz() - counts of hx_cycles() per second.
 * hx_cycles_to_ns() - a number of counts as time.
 * hx_ns_to_cycles() - a time as a number of counts.
 * hx_now_ns() - time since the kernel's first instruction.
 * @cycles: counts
 * @ns:     nanoseconds
 *
 * Returns: the value, rounded down; no overflow within 580 years. All are 0 before
 *          hx_hal_timer_init().
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a multiplication; hx_now_ns() a counter read more.
 * Source:  fixed-point reciprocal, 32 and 30 fractional bits.
 */
uint64_t hx_cycles_hz(void);
hx_ns_t hx_cycles_to_ns(uint64_t cycles);
uint64_t hx_ns_to_cycles(hx_ns_t ns);
hx_ns_t hx_now_ns(void);

/**
 * hx_timer_line() - the line (hx/hal/irq.h) on which the event source interrupts.
 *
 * Returns: the line.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    none.
 * Source:  -
 */
uint32_t hx_timer_line(void);

/**
 * hx_timer_periodic() - interrupt again and again, from now on.
 * hx_timer_oneshot() - interrupt once.
 * hx_timer_stop() - interrupt no more; one under way may still arrive.
 * @hz:       times a second, not 0
 * @delay_ns: from now; at least 1 us; longer than the hardware counts means its longest
 *
 * Each replaces what was set before.
 *
 * Returns: nothing.
 * Context: any, after hx_hal_timer_init().
 * Locks:   none; the timer is this CPU's.
 * Owner:   core's time keeping.
 * Cost:    two device writes.
 * Source:  Intel SDM vol. 3, 11.5.4.
 */
void hx_timer_periodic(uint32_t hz);
void hx_timer_oneshot(hx_ns_t delay_ns);
void hx_timer_stop(void);

#endif
