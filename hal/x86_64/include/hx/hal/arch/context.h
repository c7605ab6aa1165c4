/* SPDX-License-Identifier: MIT */
/*
 * A saved flow on x86_64: its stack pointer. The six callee-saved registers and the address to go
 * on at lie on its own stack, below what the flow had pushed:
 *
 *	sp -> r15 r14 r13 r12 rbx rbp return-address ...
 */
#ifndef HX_HAL_ARCH_CONTEXT_H
#define HX_HAL_ARCH_CONTEXT_H

#include <hx/base.h>

#define HX_CONTEXT_STACK_MIN	1024u	/* bytes; enough to start, interrupts need more */

struct hx_context {
	uintptr_t sp;
};

#endif
