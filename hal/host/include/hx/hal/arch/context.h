/* SPDX-License-Identifier: MIT */
/*
 * A saved flow in a process: its stack pointer (the registers that a call preserves lie on its
 * stack), and what the sanitizers must be told when stacks change.
 */
#ifndef HX_HAL_ARCH_CONTEXT_H
#define HX_HAL_ARCH_CONTEXT_H

#include <hx/base.h>

/* A signal frame with AVX-512 state is 3.5 KiB, and sanitized code uses three times the stack. */
#define HX_CONTEXT_STACK_MIN	((size_t)32 << 10)

struct hx_context {
	void *sp;			/* at 0: switch.S */
	void *fake_stack;		/* AddressSanitizer's, while the flow does not run */
	const void *stack;		/* lowest byte; the boot flow's: NULL until it switches */
	size_t stack_bytes;
	uint32_t save_depth;		/* open hx_irq_save() of this flow */
	uint32_t reserved;
};

#endif
