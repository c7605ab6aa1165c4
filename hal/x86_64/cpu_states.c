/* SPDX-License-Identifier: MIT */
/*
 * What another CPU does: the interrupt that nobody can switch off, and where an interrupt came.
 * Source: Intel SDM vol. 3, 6.7 (NMI), 6.14.2 (what an interrupt pushes), 11.6.1.
 */
#include <hx/hal/mmu.h>
#include <hx/hal/smp.h>

#include "x86_priv.h"

#define ICR_NMI		(4u << 8 | 1u << 14)
#define FRAME_WORDS	5u		/* rip cs rflags rsp ss */
#define LOOK_WORDS	128u
#define FLAGS_FIXED	2u		/* bit 1 of rflags is always set */

void hx_cpu_nmi(unsigned cpu)
{
	hx_x86_ipi(cpu, ICR_NMI);
}

/* The CPU's own part of the frame looks like nothing else on a stack of the kernel. */
uintptr_t hx_interrupted_pc(void)
{
	const uint64_t *sp = __builtin_frame_address(0);
	hx_paddr_t pa;
	unsigned flags;

	for (unsigned i = 0; i < LOOK_WORDS; i++, sp++) {
		if (hx_mmu_query((uintptr_t)(sp + FRAME_WORDS), &pa, &flags) != 0)
			return 0;
		if (sp[1] == HX_SEL_CODE && sp[4] == HX_SEL_DATA && (sp[2] & FLAGS_FIXED) != 0 &&
		    sp[3] > (uintptr_t)sp && sp[3] - (uintptr_t)sp < 256)
			return sp[0];
	}
	return 0;
}
