/* SPDX-License-Identifier: MIT */
/*
 * Leaving: the ways a kernel ends, with the code a test harness reads.
 */
#ifndef HX_HAL_POWER_H
#define HX_HAL_POWER_H

#include <hx/base.h>

enum hx_exit_code {		/* written to the debug-exit port (0xF4) where it exists */
	HX_EXIT_OK = 0x10,
	HX_EXIT_TESTS_FAILED = 0x11,
	HX_EXIT_PANIC = 0x12,
	HX_EXIT_INIT_FAILED = 0x13,
};

/**
 * hx_hal_exit() - end the run through the debug-exit device; without one power off (HX_EXIT_OK) and
 *                 else halt.
 * @code: what a test harness reads
 *
 * Returns: never.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    the kernel.
 * Source:  QEMU, isa-debug-exit: the process ends with (code << 1) | 1.
 */
HX_NORETURN void hx_hal_exit(enum hx_exit_code code);

/**
 * hx_hal_reboot() - start the machine again, by every means in turn.
 *
 * Returns: never.
 * Context: any but NMI.
 * Locks:   none.
 * Owner:   -
 * Cost:    the kernel.
 * Source:  ACPI 6.4, 4.8.3.6 (reset register).
 */
HX_NORETURN void hx_hal_reboot(void);

#endif
