/* SPDX-License-Identifier: MIT */
/*
 * How another CPU comes from real mode to C: a page that hx_cpu_prepare() copies below 1 MiB, where
 * a start-up interrupt can begin, with what it needs filled in behind it (struct ap_page, smp.c).
 *
 *	real mode, cs = page / 16 -> protected mode, 32 bits -> long mode on the page's own tables,
 *	which show the page where it is and the kernel where it always is -> hx_x86_ap_main(cpu)
 *
 * The code runs at an address that it learns from cs; every address is a distance from ebp. Many
 * CPUs may be here at once: each finds its number by its APIC id and takes it out of the table, so
 * that it is taken once, by the CPU or by hx_cpu_withdraw(). Who finds none halts and touches
 * nothing.
 * Source: Intel SDM vol. 3, 9.4 (MP initialization), 10.8.5 (IA-32e mode); vol. 2, CPUID (initial
 * APIC id).
 */
#define ARGS		0x100
#define ARG_CR3		(ARGS + 0)
#define ARG_CR4		(ARGS + 4)
#define ARG_EFER	(ARGS + 8)
#define ARG_ENTRY	(ARGS + 16)
#define ARG_GDT		(ARGS + 24)
#define ARG_FAR32	(ARGS + 30)
#define ARG_FAR64	(ARGS + 36)
#define CPU_OF		0x200		/* a byte for each APIC id */
#define STACKS		0x300		/* eight bytes for each CPU */

	.section .rodata.hx_ap, "a"
	.globl hx_x86_ap_page, hx_x86_ap_page_end
	.balign 16
	.code16
hx_x86_ap_page:
	cli
	cld
	xorl	%ebp, %ebp
	movw	%cs, %bp
	movw	%bp, %ds
	shll	$4, %ebp
	movl	$1, %eax
	cpuid
	shrl	$24, %ebx		/* this CPU's APIC id */
	xorl	%eax, %eax
	xchgb	%al, CPU_OF(%bx)	/* taken once; 0: nobody waits for us, or not any more */
	testb	%al, %al
	jz	1f
	movl	%eax, %edi
	lgdtl	ARG_GDT
	movl	$0x11, %eax		/* PE ET */
	movl	%eax, %cr0
	ljmpl	*ARG_FAR32
1:	hlt
	jmp	1b

	.org	hx_x86_ap_page + 0x60	/* smp.c: AP_CODE32 */
	.code32
	movl	$0x10, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	ARG_CR4(%ebp), %eax
	movl	%eax, %cr4
	movl	ARG_CR3(%ebp), %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx
	movl	ARG_EFER(%ebp), %eax
	xorl	%edx, %edx
	wrmsr
	movl	$0x80010033, %eax	/* PG WP NE ET MP PE */
	movl	%eax, %cr0
	ljmpl	*ARG_FAR64(%ebp)

	.org	hx_x86_ap_page + 0xa0	/* smp.c: AP_CODE64 */
	.code64
	movl	%ebp, %ebp
	movl	%edi, %edi
	movq	STACKS(%rbp, %rdi, 8), %rsp
	movq	ARG_ENTRY(%rbp), %rax
	xorl	%ebp, %ebp
	pushq	%rbp			/* the end of every backtrace */
	jmp	*%rax
	.org	hx_x86_ap_page + ARGS
hx_x86_ap_page_end:
	.section .note.GNU-stack, "", @progbits
