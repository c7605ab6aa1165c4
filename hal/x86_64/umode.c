/* SPDX-License-Identifier: MIT */
/*
 * User mode: entering it, and exceptions of it that nobody resolved.
 *
 * 1 Ways in. The TSS names the stack that the CPU takes when it leaves ring 3; the descriptor table
 *   has two more segments. No way in but exceptions and interrupts: a system call is an invalid
 *   instruction here, as long as nobody switches it on.
 * 2 What user mode can change and the kernel must not trust: every general register; flags (the
 *   gates clear TF and NT, trap.S clears DF and AC); segment registers, which the kernel does not
 *   use but for GS, whose base umode_asm.h exchanges. A user who loads GS makes its base 0, which
 *   is what it has to be.
 * 3 What is not kept apart: floating-point registers. CR0.EM makes them an exception.
 * Source: Intel SDM vol. 3, 2.5 (CR0.EM), 5.8, 6.12.1, 7.7.
 */
#include <hx/hal/cpu.h>
#include <hx/hal/space.h>
#include <hx/hal/trap.h>
#include <hx/hal/umode.h>

#include "x86_priv.h"

#define MSR_KERNEL_GS_BASE	0xc0000102u
#define CR0_EM			(1ull << 2)
#define RING_MASK		3u
#define FRAME_RIP		5u	/* words below the top: ss rsp rflags cs rip */
#define NOWHERE			((uint64_t)-HX_PAGE_SIZE)	/* canonical, not the user's */
#define VECTORS_OF_MACHINE	(1u << 2 | 1u << HX_VECTOR_DF | 1u << 18)	/* NMI, #MC */

static hx_user_upcall_t upcall;

void hx_x86_umode_init_cpu(void)
{
	uint64_t cr0;

	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 | CR0_EM));
	hx_wrmsr(MSR_KERNEL_GS_BASE, 0);	/* the user's, while the kernel runs */
}

void hx_trap_set_user_upcall(hx_user_upcall_t fn)
{
	upcall = fn;
}

bool hx_trap_is_user(const struct hx_trap_frame *f)
{
	return (f->cs & RING_MASK) != 0;
}

int hx_user_enter(const struct hx_user_start *start, uintptr_t stack_top)
{
	if (start->pc >= hx_mmu_user_end() || start->sp > hx_mmu_user_end())
		return -HX_EINVAL;
	hx_irq_disable();
	hx_user_set_stack(stack_top);
	hx_x86_user_enter(start);
}

void hx_user_stop(uintptr_t stack_top)
{
	((volatile uint64_t *)stack_top)[-(int)FRAME_RIP] = NOWHERE;
}

static int error_of(unsigned vector)
{
	switch (vector) {
	case 0: case 4: case 16: case 19:	/* #DE #OF #MF #XM */
		return -HX_ERANGE;
	case 6: case 7:				/* #UD #NM */
		return -HX_ENOSYS;
	case 13:				/* #GP */
		return -HX_EPERM;
	default:
		return -HX_EFAULT;
	}
}

void hx_x86_user_trap(struct hx_trap_frame *f, int err)
{
	unsigned vector = hx_trap_vector(f);

	/* What the machine reports is not the thread's doing, and comes on a stack of its own. */
	if (!hx_trap_is_user(f) || upcall == NULL || (VECTORS_OF_MACHINE >> vector & 1) != 0)
		return;
	hx_irq_enable();
	upcall(f, err != 0 ? err : error_of(vector));
	hx_irq_disable();
}
