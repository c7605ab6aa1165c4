/* SPDX-License-Identifier: MIT */
/*
 * Exceptions on purpose, for the machine and for the process on one. Each faulting instruction but
 * int3 is two bytes long, so that a test can go on behind it (hx_trap_resume_pc()); after it, the
 * function returns. All of it may be copied elsewhere, up to hx_trap_provoke_end, and run there.
 */
	.cfi_sections .debug_frame
	.text
	.globl	hx_trap_provoke
	.type	hx_trap_provoke, @function
/* void hx_trap_provoke(unsigned vector) */
hx_trap_provoke:
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	cmpl	$14, %edi
	je	page_fault
	cmpl	$13, %edi
	je	general_protection
	cmpl	$8, %edi
	je	double_fault
	cmpl	$6, %edi
	je	invalid_opcode
	cmpl	$3, %edi
	je	breakpoint
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	divl	%ecx
provoked:
	popq	%rbp
	.cfi_remember_state
	.cfi_def_cfa rsp, 8
	retq
	.cfi_restore_state
breakpoint:
	int3
	jmp	provoked
invalid_opcode:
	ud2
	jmp	provoked
general_protection:
	movabsq	$0x8000000000000000, %rax	/* not canonical */
	movl	%eax, (%rax)
	jmp	provoked
page_fault:
	movl	$0x1000, %eax			/* no process has anything there */
	movl	%eax, (%rax)
	jmp	provoked
double_fault:
	pushq	%rax				/* down to the guard page: no stack is left */
	jmp	double_fault
	.cfi_endproc
	.size	hx_trap_provoke, . - hx_trap_provoke

	.globl	hx_trap_touch, hx_trap_touched, hx_trap_provoke_end
	.type	hx_trap_touch, @function
/*
 * void hx_trap_touch(uintptr_t va, unsigned how): 0 read, 1 write, 2 go there, 3 count down from
 * it, 4 the same with what user mode may set: its data segment everywhere, and AC, NT and DF.
 */
hx_trap_touch:
	.cfi_startproc
	cmpl	$3, %esi
	je	touch_spin
	ja	touch_all
	cmpl	$2, %esi
	je	touch_go
	testl	%esi, %esi
	jne	touch_write
	movb	(%rdi), %al
	retq
touch_write:
	movb	%sil, (%rdi)
hx_trap_touched:
	retq
touch_go:
	jmpq	*%rdi
touch_all:
	movl	$0x2b, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %fs
	movl	%eax, %gs
	pushq	$0x44602
	popfq
touch_spin:
	decq	%rdi
	jne	touch_spin
	retq
	.cfi_endproc
	.size	hx_trap_touch, . - hx_trap_touch
hx_trap_provoke_end:

	.section .note.GNU-stack, "", @progbits
