/* SPDX-License-Identifier: MIT */
/*
 * A saved flow of execution: what a thread is when it does not run. The layout is the machine's
 * (<hx/hal/arch/context.h> defines struct hx_context); floors above only hold it.
 */
#ifndef HX_HAL_CONTEXT_H
#define HX_HAL_CONTEXT_H

#include <hx/base.h>
#include <hx/hal/arch/context.h>

/**
 * hx_context_init() - prepare a flow that starts in a function.
 * @ctx:        filled
 * @stack:      lowest byte of the stack
 * @size_bytes: its size, at least HX_CONTEXT_STACK_MIN, multiple of 16
 * @entry:      first function; must not return
 * @arg:        its argument
 *
 * Returns: nothing; bad sizes are the caller's bug (asserted).
 * Context: any.
 * Locks:   none.
 * Owner:   the caller keeps @stack alive while the flow lives.
 * Cost:    a few stores.
 * Source:  System V ABI, AMD64 supplement, 3.2 (callee-saved registers).
 */
void hx_context_init(struct hx_context *ctx, void *stack, size_t size_bytes,
		     void (*entry)(void *arg), void *arg);

/**
 * hx_context_switch() - save this flow into @from and continue @to.
 * @from: receives the running flow
 * @to:   a flow saved by this function or made by hx_context_init()
 *
 * Returns: when another flow switches back to @from.
 * Context: interrupts off; the new flow starts with interrupts off as well and must enable them.
 * Locks:   the caller's run queue lock passes to the new flow.
 * Owner:   unchanged.
 * Cost:    about 20 instructions.
 * Source:  -
 */
void hx_context_switch(struct hx_context *from, struct hx_context *to);

/**
 * hx_context_fini() - end a flow that does not run and never will again.
 * @ctx: made by hx_context_init()
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   the stack is the caller's to reuse.
 * Cost:    a store; on the host it forgets the sanitizers' state of the stack.
 * Source:  -
 */
void hx_context_fini(struct hx_context *ctx);

#endif
