/* SPDX-License-Identifier: MIT */
/*
 * For boot.S: how many levels the page tables have from the first one on, since long mode cannot
 * change it. In: edi = the early tables, PML4 first. Out: edi = the root, eax = CR4; ecx, edx and
 * ebx are lost. The fourth early table becomes the PML5, both halves showing the PML4.
 * Source: Intel SDM vol. 3, 4.1.2 (LA57 before paging), vol. 2 CPUID 7.0:ECX[16].
 */
	.macro ROOT_TABLE
	.if	CONFIG_LA57
	xorl	%eax, %eax
	cpuid
	cmpl	$7, %eax
	jb	5f
	movl	$7, %eax
	xorl	%ecx, %ecx
	cpuid
	testl	$(1 << 16), %ecx
	jz	5f
	leal	3(%edi), %eax
	addl	$0x3000, %edi
	movl	%eax, (%edi)			/* PML5[0] and [511] */
	movl	%eax, 0xff8(%edi)
	movl	$0x1020, %eax			/* LA57 PAE */
	jmp	6f
	.endif
5:	movl	$0x20, %eax			/* PAE */
6:
	.endm
