/* SPDX-License-Identifier: MIT */
/*
 * The way through a gate, and back without the function's help. The record on the stack is struct
 * hx_border, low addresses first:
 *
 *	prev n_held held[6] gate target refused preempt_off,irq_depth | rflags r15 r14 r13 r12 rbx
 *	rbp | caller's address
 *
 * On the usual way back the callee has kept rbx, rbp and r12 to r15, so nothing is loaded again.
 */
#include "percpu_asm.h"

#define CURRENT		8		/* offsets in struct hx_percpu; border.c checks them */
#define GATE		64		/* in struct hx_border */
#define FLAGS		96
#define LINK_AT		4		/* in struct hx_border_gate */
#define LANDED		8

	.text
	.globl hx_border_call, hx_x86_border_enter, hx_border_return, hx_border_leave
	.globl hx_x86_border_unwind

/* rdi gate, rsi refused, rdx target, rcx arg */
	.balign 16
hx_border_call:
	movq	%rdi, %r10
	movq	%rsi, %rax
	movq	%rdx, %r11
	movq	%rcx, %rdi

/* r10 gate, r11 target, rax what is answered if the gate is closed; arguments in their places */
hx_x86_border_enter:
	cmpl	$0, (%r10)
	jne	1f
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushfq
	pushq	PERCPU(0)		/* preempt_off and irq_depth */
	pushq	%rax
	pushq	%r11
	pushq	%r10
	subq	$48, %rsp
	pushq	$0
	movl	LINK_AT(%r10), %eax
	addq	PERCPU(CURRENT), %rax
	pushq	(%rax)
	movq	%rsp, (%rax)
	call	*%r11
hx_border_return:
	movq	GATE(%rsp), %rcx
	movl	LINK_AT(%rcx), %ecx
	addq	PERCPU(CURRENT), %rcx
	popq	(%rcx)
	leave
1:	ret

/* rdi: the record */
hx_border_leave:
	movq	%rdi, %rsp
/* rsp: the record; it is linked no more */
hx_x86_border_unwind:
	movq	%rsp, %rdi
	movq	GATE(%rsp), %rax
	xorl	%ebp, %ebp
	call	*LANDED(%rax)
	addq	$FLAGS, %rsp
	popfq
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret

	.section .note.GNU-stack, "", @progbits
