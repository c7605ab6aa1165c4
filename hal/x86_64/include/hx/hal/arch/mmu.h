/* SPDX-License-Identifier: MIT */
/*
 * Forgetting translations on this CPU. Included by <hx/hal/mmu.h> only.
 * Source: Intel SDM vol. 3, 4.10.4.1 (INVLPG; writing CR4.PGE forgets global ones too).
 */
#ifndef HX_HAL_ARCH_MMU_H
#define HX_HAL_ARCH_MMU_H

#include <hx/base.h>

#define HX_TLB_RANGE_MAX	32u	/* INVLPG costs about as much as refilling a few entries */
#define HX_X86_CR4_PGE		(1ull << 7)

static inline void hx_tlb_flush(uintptr_t va, size_t n_pages)
{
	uint64_t cr4;

	if (n_pages <= HX_TLB_RANGE_MAX) {
		for (; n_pages != 0; n_pages--, va += HX_PAGE_SIZE)
			__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
		return;
	}
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 ^ HX_X86_CR4_PGE) : "memory");
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

#endif
