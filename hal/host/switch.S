/* SPDX-License-Identifier: MIT */
/*
 * The switch itself: registers that a call preserves go onto the old stack and come off the new
 * one. Source: System V ABI, AMD64 supplement, 3.2.1 and 3.2.3 (rbx, rbp, r12-r15, MXCSR, x87 CW).
 *
 * A saved stack, from sp up:  mxcsr, x87 cw | r15 r14 r13 r12 rbx rbp | return address
 */
	.text
	.globl	host_switch
	.type	host_switch, @function
/* void host_switch(void **from_sp, void *to_sp) */
host_switch:
	.cfi_startproc
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	subq	$8, %rsp
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	addq	$8, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	retq
	.cfi_endproc
	.size	host_switch, . - host_switch

	.globl	host_flow_start
	.type	host_flow_start, @function
/* First code of a flow made by hx_context_init(): rbx = entry, r12 = arg, rbp = 0. */
host_flow_start:
	.cfi_startproc
	.cfi_undefined rip
	callq	host_flow_entered
	movq	%r12, %rdi
	callq	*%rbx
	callq	host_flow_returned
	ud2
	.cfi_endproc
	.size	host_flow_start, . - host_flow_start

	.section .note.GNU-stack, "", @progbits
