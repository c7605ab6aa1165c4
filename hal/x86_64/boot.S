/* SPDX-License-Identifier: MIT */
/*
 * From the loader to C: two 32-bit entries (Multiboot2, PVH), one road into 64-bit mode.
 *
 * The loader puts the image at physical 1 MiB with .bss zeroed (System V ABI: p_memsz past p_filesz
 * is zero). Three early tables show the first megabytes at 0 (identity) and, through the same page
 * directory, at 0xffffffff80000000: so C runs at its link address from the start, and the final
 * tables, the slide and the relocation are C's. No absolute address may be used in 32-bit code of a
 * position-independent image; %ebp holds the physical base and everything is a difference to it.
 * Sources: Multiboot2 specification 2.0, 3.1; Xen PVH boot ABI; Intel SDM vol. 3, 10.8.5.
 */
#include <hx/config/hal_x86_64.h>
#include "la57.h"

#define PHYS		0x100000	/* of hx_image_start; link.ld says the same */
#define MB2_MAGIC	0xe85250d6
#define MB2_TAG(type, flags, size) .balign 8; .short type, flags; .long size

	.section .boot, "ax"
	.code32
base:
	.balign 8
header:
	.long MB2_MAGIC, 0, header_end - header
	.long -(MB2_MAGIC + (header_end - header))
	MB2_TAG(3, 0, 12)			/* entry address */
	.long PHYS + hx_x86_mb2_entry - base
	MB2_TAG(5, 1, 20)			/* framebuffer, optional: any size and depth */
	.long 0, 0, 0
	MB2_TAG(6, 1, 8)			/* modules on page boundaries, optional */
	MB2_TAG(0, 0, 8)
header_end:

	.globl hx_x86_mb2_entry
hx_x86_mb2_entry:				/* eax = magic, ebx = information */
	movl	%eax, %esi
	rdtsc
	jmp	1f
hx_x86_pvh_entry:				/* ebx = hvm_start_info */
	rdtsc
	xorl	%esi, %esi
1:	cld
	movl	$PHYS, %ebp
	leal	(hx_x86_boot_stack_end - base)(%ebp), %esp
	pushl	%edx
	pushl	%eax				/* 64 bits: the cycles at the first instruction */
	pushl	%ebx

	movl	$0x80000000, %eax
	cpuid
	cmpl	$0x80000001, %eax
	jb	no_long_mode
	movl	$0x80000001, %eax
	cpuid
	notl	%edx
	testl	$(1 << 29 | 1 << 20), %edx	/* long mode, no-execute */
	jnz	no_long_mode

	leal	(hx_boot_pages - base)(%ebp), %edi
	leal	0x1003(%edi), %eax
	movl	%eax, (%edi)			/* PML4[0] and [511] */
	movl	%eax, 0xff8(%edi)
	leal	0x2003(%edi), %eax
	movl	%eax, 0x1000(%edi)		/* PDPT[0] and [510] */
	movl	%eax, 0x1ff0(%edi)
	leal	(hx_image_end - base)(%ebp), %ecx
	shrl	$21, %ecx
	leal	0x2000(%edi), %edx
	movl	$0x83, %eax			/* present, writable, 2 MiB */
2:	movl	%eax, (%edx)
	addl	$0x200000, %eax
	addl	$8, %edx
	decl	%ecx
	jns	2b

	ROOT_TABLE				/* edi = for CR3, eax = for CR4 */
	movl	%edi, %cr3
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx		/* EFER: NXE, LME */
	rdmsr
	orl	$0x900, %eax
	wrmsr
	popl	%ebx
	movl	$0x80010033, %eax		/* PG WP NE ET MP PE */
	movl	%eax, %cr0
	lgdt	(gdt_pointer - base)(%ebp)
	ljmp	$8, $(PHYS + long_mode - base)

	/* The one thing to say before C: without long mode and NX this kernel cannot run. */
no_long_mode:
	leal	(no_long_mode_text - base)(%ebp), %esi
	movl	$(no_long_mode_end - no_long_mode_text), %ecx
	movw	$0x3f8, %dx
	rep outsb
	movb	$0x13, %al			/* HX_EXIT_INIT_FAILED */
	outb	%al, $0xf4
3:	cli
	hlt
	jmp	3b
no_long_mode_text:
	.ascii	"helix: cannot boot: this CPU has no 64-bit mode or no NX\r\n"
no_long_mode_end:

	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.short	gdt_pointer - gdt - 1
	.long	PHYS + gdt - base

	.code64
long_mode:
	movl	$0x10, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%eax, %eax			/* whatever the loader left there */
	movl	%eax, %fs
	movl	%eax, %gs
	lldt	%ax
	movl	%esp, %esp
	popq	%rdx				/* entry cycles */
	leaq	at_link_address(%rip), %rax
	movq	$-0x80000000, %rcx
	addq	%rcx, %rsp
	addq	%rcx, %rax
	jmp	*%rax
at_link_address:
	movl	%esi, %edi			/* magic, or 0 */
	movl	%ebx, %esi
	xorl	%ebp, %ebp
	call	hx_x86_boot_early
	ud2

/*
 * hx_x86_boot_switch(rdi root, rsi stack top, rdx entry, rcx arg): the final tables need not show
 * the code that loads them, because the slide moved it; so step through the identity map.
 */
	.globl hx_x86_boot_switch
hx_x86_boot_switch:
	leaq	4f(%rip), %rax
	movq	$-0x80000000, %r8
	subq	%r8, %rax
	jmp	*%rax
4:	movq	%rdi, %cr3
	movq	%rsi, %rsp
	movq	%rcx, %rdi
	xorl	%ebp, %ebp
	pushq	%rbp				/* the end of every backtrace */
	jmp	*%rdx

	/* QEMU reads eight bytes at the four-byte aligned descriptor. */
	.section .note.pvh, "a", @note
	.balign 4
	.long	4, 8, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.quad	PHYS + hx_x86_pvh_entry - base

	.section .bss.hx_boot_stack, "aw", @nobits
	.balign 4096
	.skip	CONFIG_BOOT_STACK_KIB * 1024
	.balign 4096				/* whole pages, whatever was asked for */
hx_x86_boot_stack_end:
	.section .note.GNU-stack, "", @progbits
