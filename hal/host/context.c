/* SPDX-License-Identifier: MIT */
/*
 * Flows of execution on stacks of our own, with AddressSanitizer told of every change of stack.
 */
#include "host_priv.h"
#include <hx/hal/context.h>

/* What a new flow's stack holds for host_switch() to take off; see the drawing in switch.S. */
struct first_frame {
	uint32_t mxcsr;
	uint32_t x87_cw;
	uint64_t r15, r14, r13, r12, rbx, rbp;
	void (*ret)(void);
	uint64_t outermost;	/* in place of a return address: the walk of callers ends here */
};

_Static_assert(sizeof(struct first_frame) == 72, "layout of switch.S");

#define MXCSR_AT_RESET	0x1f80u		/* all exceptions masked, round to nearest */
#define X87_CW_AT_START	0x037fu

/* The flow that was left by the switch in progress; the flow entered completes its record. */
static struct hx_context *left;
/* Where the flow that switched the machine on has its stack, once its first switch told. */
static struct { const void *stack; size_t size_bytes; } boot;
static bool away_from_boot;	/* another flow runs */

void hx_context_init(struct hx_context *ctx, void *stack, size_t size_bytes,
		     void (*entry)(void *arg), void *arg)
{
	struct first_frame *f;
	uintptr_t top = (uintptr_t)stack + size_bytes;

	if (size_bytes < HX_CONTEXT_STACK_MIN || size_bytes % 16 != 0 || (uintptr_t)stack % 16 != 0)
		hx_host_violation("flow with a stack of %zu bytes at %p: at least %zu, aligned "
				  "to 16", size_bytes, stack, HX_CONTEXT_STACK_MIN);
	if (__asan_unpoison_memory_region != NULL)
		__asan_unpoison_memory_region(stack, size_bytes);
	/* 80 = the frame and 8: after `ret` the stack is aligned to 16, as before a call. */
	f = (struct first_frame *)(top - 80);
	*f = (struct first_frame){
		.mxcsr = MXCSR_AT_RESET, .x87_cw = X87_CW_AT_START,
		.rbx = (uintptr_t)entry, .r12 = (uintptr_t)arg, .ret = host_flow_start,
	};
	*ctx = (struct hx_context){ .sp = f, .stack = stack, .stack_bytes = size_bytes };
}

/* In the flow just entered: tell the sanitizer, and note where the flow left has its stack. */
static void arrive(void *fake_stack)
{
	const void *bottom = NULL;
	size_t size = 0;

	if (__sanitizer_finish_switch_fiber == NULL)
		return;
	__sanitizer_finish_switch_fiber(fake_stack, &bottom, &size);
	if (left->stack == NULL) {
		left->stack = bottom;
		left->stack_bytes = size;
		boot.stack = bottom;
		boot.size_bytes = size;
	}
}

void host_flow_entered(void)
{
	away_from_boot = true;
	arrive(NULL);
}

void host_flow_returned(void)
{
	hx_host_violation("the first function of a flow returned");
}

void hx_context_switch(struct hx_context *from, struct hx_context *to)
{
	if (hx_irq_are_enabled())
		hx_host_violation("switch of flows with interrupts on");
	from->save_depth = hx_host_cpu.save_depth;
	hx_host_cpu.save_depth = to->save_depth;
	left = from;
	if (__sanitizer_start_switch_fiber != NULL)
		__sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_bytes);
	host_switch(&from->sp, to->sp);
	arrive(from->fake_stack);
	away_from_boot = from->stack != boot.stack;
}

void hx_context_fini(struct hx_context *ctx)
{
	if (ctx->stack != NULL && ctx->stack != boot.stack &&
	    __asan_unpoison_memory_region != NULL)
		__asan_unpoison_memory_region(ctx->stack, ctx->stack_bytes);
	*ctx = (struct hx_context){ .sp = NULL };
}

/* After a longjmp() to the first flow the sanitizer still believes in the stack that was left. */
void host_context_recover(void)
{
	if (away_from_boot && boot.stack != NULL) {
		__sanitizer_start_switch_fiber(NULL, boot.stack, boot.size_bytes);
		__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
	}
	away_from_boot = false;
}

void host_context_reset(void)
{
	host_context_recover();
	boot.stack = NULL;
	left = NULL;
}
