/* SPDX-License-Identifier: MIT */
/* The way to user mode. The way back is an exception like others (trap.S). */
#include "umode_asm.h"

#define USER_DATA	0x2b		/* selectors with ring 3; x86_priv.h says the same */
#define USER_CODE	0x33
#define RFLAGS_USER	0x202		/* interrupts on, no I/O */

	.text
/* hx_x86_user_enter(rdi struct hx_user_start): never returns. Interrupts are off. */
	.globl hx_x86_user_enter
hx_x86_user_enter:
	pushq	$USER_DATA
	pushq	8(%rdi)
	pushq	$RFLAGS_USER
	pushq	$USER_CODE
	pushq	(%rdi)
	movq	24(%rdi), %rsi
	movq	16(%rdi), %rdi
	xorl	%eax, %eax		/* nothing of the kernel's goes along */
	xorl	%ebx, %ebx
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	xorl	%ebp, %ebp
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d
	xorl	%r12d, %r12d
	xorl	%r13d, %r13d
	xorl	%r14d, %r14d
	xorl	%r15d, %r15d
	GS_EXCHANGE 8
	iretq

	.section .note.GNU-stack, "", @progbits
