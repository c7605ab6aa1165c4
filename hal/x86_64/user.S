/* SPDX-License-Identifier: MIT */
/*
 * Copying between kernel and user memory. Every instruction that touches user memory is in the
 * table of fixups (FAULTS); a fault that nobody resolves goes on at 9: with -HX_EFAULT.
 * Source: Intel SDM vol. 3, 4.6.1; Intel optimization manual, 3.7.6 (REP string operations).
 */
#include "smap.h"

#define EFAULT	14

	.macro FAULTS at
	.pushsection hx_fixups, "a"
	.balign 4
	.long	\at - ., 9f - .
	.popsection
	.endm

	.text
/* hx_x86_user_copy(rdi dst, rsi src, rdx n): 0 or -HX_EFAULT */
	.globl hx_x86_user_copy
	.balign 16
hx_x86_user_copy:
	STAC
	movq	%rdx, %rcx
	shrq	$3, %rcx
	FAULTS	1f
	FAULTS	2f
1:	rep movsq
	movl	%edx, %ecx
	andl	$7, %ecx
2:	rep movsb
	CLAC
	xorl	%eax, %eax
	ret
9:	CLAC
	movl	$-EFAULT, %eax
	ret

/* hx_x86_user_clear(rdi dst, rsi n): 0 or -HX_EFAULT */
	.globl hx_x86_user_clear
	.balign 16
hx_x86_user_clear:
	STAC
	xorl	%eax, %eax
	movq	%rsi, %rcx
	shrq	$3, %rcx
	FAULTS	1f
	FAULTS	2f
1:	rep stosq
	movl	%esi, %ecx
	andl	$7, %ecx
2:	rep stosb
	CLAC
	ret
9:	CLAC
	movl	$-EFAULT, %eax
	ret

/* hx_x86_user_strncpy(rdi dst, rsi src, rdx n): bytes before the NUL, n if none, or -HX_EFAULT */
	.globl hx_x86_user_strncpy
	.balign 16
hx_x86_user_strncpy:
	STAC
	xorl	%eax, %eax
	FAULTS	2f
1:	cmpq	%rdx, %rax
	je	3f
2:	movb	(%rsi,%rax), %cl
	movb	%cl, (%rdi,%rax)
	incq	%rax
	testb	%cl, %cl
	jne	1b
	decq	%rax
3:	CLAC
	ret
9:	CLAC
	movq	$-EFAULT, %rax
	ret

	.section .note.GNU-stack, "", @progbits
