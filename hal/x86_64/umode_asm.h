/* SPDX-License-Identifier: MIT */
/*
 * For assembly: user mode has a GS base of its own where the kernel's finds the CPU's area. Whoever
 * comes from there, or goes there, exchanges the two; so does, on its way in, what may interrupt
 * between the two instructions of another entry: double fault, NMI and machine check look at the
 * register itself. In a kernel without user mode, or for one CPU, all of this is nothing.
 * Source: Intel SDM vol. 2 (SWAPGS); for the exceptions with own stacks: Linux paranoid_entry.
 */
#include <hx/config/hal_common.h>
#include <hx/config/hal_paging.h>

#define MSR_GS_BASE		0xc0000101
#define EARLY_VECTORS		((1 << 2) | (1 << 8) | (1 << 18))

	.set	USER_GS, CONFIG_SMP * CONFIG_USER_MODE

/* cs: offset of the interrupted code segment from rsp. */
	.macro GS_EXCHANGE cs
	.if	USER_GS
	testb	$3, \cs(%rsp)
	jz	7771f
	swapgs
7771:
	.endif
	.endm

/* After all registers of an exception are saved. ebx: 1 if GS_LEAVE has to exchange. */
	.macro GS_ENTER cs, vector
	.if	USER_GS
	xorl	%ebx, %ebx
	testb	$3, \cs(%rsp)
	jnz	7772f
	movzbl	\vector(%rsp), %eax
	movl	$EARLY_VECTORS, %ecx
	btl	%eax, %ecx
	jnc	7773f
	movl	$MSR_GS_BASE, %ecx
	rdmsr
	testl	%edx, %edx		/* the kernel's is negative */
	js	7773f
	movl	$1, %ebx
7772:	swapgs
7773:
	.endif
	.endm

	.macro GS_LEAVE
	.if	USER_GS
	testl	%ebx, %ebx
	jz	7774f
	swapgs
7774:
	.endif
	.endm
