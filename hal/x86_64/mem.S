/* SPDX-License-Identifier: MIT */
/*
 * memcpy, memmove, memset, memcmp. The string instructions move eight bytes per step, which is the
 * fewest instructions this CPU needs; from eight bytes on, the tail is one overlapping store.
 * Semantics: ISO C. Source: Intel optimization manual, 3.7.6 (REP string operations).
 */
	.text
	.globl memcpy, memmove, memset, memcmp
	.balign 16
memmove:
	movq	%rdi, %rax
	subq	%rsi, %rax
	cmpq	%rdx, %rax		/* dst inside [src, src + n): copy from the end */
	jb	backwards
memcpy:
	movq	%rdi, %rax
	movq	%rdx, %rcx
	cmpq	$8, %rdx
	jb	1f
	/* The tail is read before anything is written and stored last: an overlap is memmove's. */
	movq	-8(%rsi,%rdx), %r8
	leaq	-8(%rdi,%rdx), %r9
	shrq	$3, %rcx
	rep movsq
	movq	%r8, (%r9)
	ret
1:	rep movsb
	ret
backwards:
	movq	%rdi, %rax
	movq	%rdx, %rcx
	leaq	-8(%rsi,%rdx), %rsi
	leaq	-8(%rdi,%rdx), %rdi
	std
	shrq	$3, %rcx
	rep movsq
	addq	$7, %rsi
	addq	$7, %rdi
	movl	%edx, %ecx
	andl	$7, %ecx
	rep movsb
	cld
	ret

	.balign 16
memset:
	movq	%rdi, %r8
	movzbl	%sil, %eax
	movq	%rdx, %rcx
	cmpq	$8, %rdx
	jb	2f
	movabsq	$0x0101010101010101, %rsi
	imulq	%rsi, %rax
	movq	%rax, -8(%rdi,%rdx)
	shrq	$3, %rcx
	rep stosq
	movq	%r8, %rax
	ret
2:	rep stosb
	movq	%r8, %rax
	ret

	.balign 16
memcmp:
	subq	$8, %rdx
	jb	4f
3:	movq	(%rdi), %rax
	movq	(%rsi), %rcx
	cmpq	%rcx, %rax
	jne	6f
	addq	$8, %rdi
	addq	$8, %rsi
	subq	$8, %rdx
	jae	3b
4:	addq	$8, %rdx		/* 0..7 bytes left */
	movq	%rdx, %rcx
	xorl	%eax, %eax		/* sets ZF, so that no bytes compare equal */
	repe cmpsb
	je	5f
	movzbl	-1(%rdi), %eax
	movzbl	-1(%rsi), %ecx
	subl	%ecx, %eax
5:	ret
6:	bswapq	%rax			/* the lowest differing byte decides */
	bswapq	%rcx
	cmpq	%rcx, %rax
	sbbl	%eax, %eax
	orl	$1, %eax
	ret

	.section .note.GNU-stack, "", @progbits
