/* SPDX-License-Identifier: MIT */
/*
 * The way in and out: 32 exceptions through one full frame, interrupts through a short one, and the
 * context switch.
 *
 * Stack after entry, low addresses first; struct hx_trap_frame is this picture:
 *
 *	exception:  cr2 r15 r14 r13 r12 rbx | rbp r11 … rax | error,vector | rip cs rflags rsp ss
 *	interrupt:                            rbp r11 … rax | line         | rip cs rflags rsp ss
 *
 * An interrupt saves what the C calling convention lets the handler destroy, plus rbp for the
 * backtrace; a thread switch inside the exit up-call saves the rest. Both frames leave the stack
 * 16-byte aligned at the call. Source: Intel SDM vol. 3, 6.14; System V ABI AMD64, 3.2.
 */
#include "smap.h"
#include "percpu_asm.h"
#include "umode_asm.h"

#define NEED_RESCHED	16		/* offset in struct hx_percpu; trap.c checks it */
#define LAPIC_EOI	0xb0
#define FRAME_VECTOR	132		/* offsets in struct hx_trap_frame; trap.c checks them */
#define FRAME_CS	144

	.text
	/* Four bytes each, so that all reach what follows them with a short jump. */
	.macro EXCEPTIONS from, to, way
	.set	vec, \from
	.rept	\to - \from + 1
	pushq	$vec
	jmp	\way
	.set	vec, vec + 1
	.endr
	.endm

	.globl hx_x86_exception_stubs
	.balign 16
hx_x86_exception_stubs:
	EXCEPTIONS 0, 7, without_error
	EXCEPTIONS 8, 8, with_error
	EXCEPTIONS 9, 9, without_error
	EXCEPTIONS 10, 14, with_error
	EXCEPTIONS 15, 16, without_error
	EXCEPTIONS 17, 17, with_error
	EXCEPTIONS 18, 20, without_error
	EXCEPTIONS 21, 21, with_error
	EXCEPTIONS 22, 28, without_error
	EXCEPTIONS 29, 30, with_error
	EXCEPTIONS 31, 31, without_error
	.org	hx_x86_exception_stubs + 32 * 4	/* an error if one became longer */
without_error:
	pushq	(%rsp)			/* an error code of 0 below the vector */
	movq	$0, 8(%rsp)
with_error:
	xchgq	%rax, (%rsp)		/* the vector; rax to where the frame has it */
	movb	$1, %ah
	movl	%eax, 12(%rsp)		/* upper half of the error code's word */
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%cr2, %rax
	pushq	%rax
	cld
	CLAC					/* a copy of user memory may be interrupted */
	GS_ENTER FRAME_CS, FRAME_VECTOR
	movq	%rsp, %rdi
	call	hx_x86_trap_dispatch
	GS_LEAVE
	addq	$8, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	jmp	leave

	/* Lines 0 to 31: seven bytes each. The frequent lines, the kernel's own, are the rest. */
	.globl hx_x86_irq_stubs_low, hx_x86_irq_stubs_high
hx_x86_irq_stubs_low:
	.set	line, 0
	.rept	32
	pushq	$line
	.byte	0xe9			/* jmp, always in its long form */
	.long	interrupt - . - 4
	.set	line, line + 1
	.endr
	.balign 16
hx_x86_irq_stubs_high:
	.rept	32
	pushq	$line
	jmp	interrupt
	.set	line, line + 1
	.endr
	.org	hx_x86_irq_stubs_high + 32 * 4
interrupt:
	GS_EXCHANGE 16
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%rbp
	cld
	CLAC
	movl	80(%rsp), %edi
	leaq	-48(%rsp), %rsi
	call	*hx_x86_irq_upcall(%rip)
	movq	hx_x86_lapic(%rip), %rax
	movl	$0, LAPIC_EOI(%rax)
	cmpl	$0, PERCPU(NEED_RESCHED)
	jne	resched
leave:
	popq	%rbp
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rax
	addq	$8, %rsp
	GS_EXCHANGE 8
	.globl hx_x86_spurious_stub
	.if	!CONFIG_LINE_CONTROL
hx_x86_spurious_stub:
	.endif
	iretq
resched:
	call	*hx_x86_irq_exit_upcall(%rip)
	jmp	leave
	.if	CONFIG_LINE_CONTROL
hx_x86_spurious_stub:
	lock incq hx_x86_n_spurious(%rip)
	iretq
	.endif

/* hx_context_switch(rdi from, rsi to): 15 instructions. */
	.globl hx_context_switch
	.balign 16
hx_context_switch:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	(%rsi), %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret

/* hx_context_init() sends a new flow here: rbx = entry, r12 = arg, rbp = 0 ends the backtrace. */
	.globl hx_x86_context_start
hx_x86_context_start:
	movq	%r12, %rdi
	jmp	*%rbx

	.section .note.GNU-stack, "", @progbits
