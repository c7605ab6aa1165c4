/* SPDX-License-Identifier: MIT */
/*
 * Entries of an address space's page tables on x86_64, and the translations the CPU keeps; names
 * and meaning in <hx/hal/paging.h>. The flags of HX_MAP_* lie so that shifts move them into place.
 *
 *	63 NX | 51..12 address | 10 9 tags | 7 large | 6 dirty | 5 accessed | 4 3 uncached |
 *	2 user | 1 write | 0 present
 *
 * Source: Intel SDM vol. 3, 4.5, 4.10.4.1.
 */
#ifndef HX_HAL_ARCH_PAGING_H
#define HX_HAL_ARCH_PAGING_H

#include <hx/config/hal_paging.h>
#include <hx/config/hal_x86_64.h>
#include <hx/hal/mmu.h>
#include <hx/hal/tlb_way.h>

#define HX_PTE_LEVEL_MAX	2u

#define HX_X86_PTE_P		(1ull << 0)
#define HX_X86_PTE_W		(1ull << 1)
#define HX_X86_PTE_U		(1ull << 2)
#define HX_X86_PTE_UC		(3ull << 3)
#define HX_X86_PTE_PS		(1ull << 7)
#define HX_X86_PTE_NX		(1ull << 63)
#define HX_X86_PTE_ADDR		0x000ffffffffff000ull
#define HX_X86_CR4_PGE		(1ull << 7)
#define HX_X86_CR4_LA57		(1ull << 12)
#define HX_X86_CR4_PCIDE	(1ull << 17)
#define HX_X86_CR3_KEEP		(1ull << 63)	/* with PCIDs: the tag's translations stay */

extern bool hx_x86_has_pcid __attribute__((visibility("hidden")));	/* CR4.PCIDE is on */
extern enum hx_tlb_way hx_x86_tlb_way __attribute__((visibility("hidden")));
extern bool hx_x86_has_la57 __attribute__((visibility("hidden")));	/* CR4.LA57 is on */

static inline unsigned hx_paging_levels(void)
{
	return HX_ENABLED(LA57) && hx_x86_has_la57 ? 5 : 4;
}

/* Bits of CR4: five levels cannot change any more; tags from now on, where CR3 holds tag 0. The
 * words of CPUID as hx_tlb_way_of() wants them. */
static inline uint64_t hx_x86_paging_bits(uint32_t leaf_1c, uint32_t leaf_1d, uint32_t leaf_7b)
{
	uint64_t bits = HX_ENABLED(LA57) && hx_x86_has_la57 ? HX_X86_CR4_LA57 : 0;

	if (HX_ENABLED(TLB_SHOOTDOWN))
		hx_x86_tlb_way = hx_tlb_way_of(leaf_1c, leaf_1d, HX_ENABLED(MMU_SPACES) ?
					       leaf_7b : 0);
	if (!HX_ENABLED(MMU_SPACES) || !hx_tlb_can_have_tags(leaf_1c, leaf_1d))
		return bits;
	hx_x86_has_pcid = true;
	return bits | HX_X86_CR4_PCIDE;
}

static inline uint64_t hx_pte_page(hx_paddr_t pa, unsigned flags, unsigned level)
{
	uint64_t e = pa | HX_X86_PTE_U | (flags & HX_MAP_WRITE) << 1 |
		     (uint64_t)(flags & (HX_MAP_TAG0 | HX_MAP_TAG1)) << 5 |
		     (flags & (HX_MAP_ACCESSED | HX_MAP_DIRTY)) >> 1;

	e |= flags & HX_MAP_NOACCESS ? 0 : HX_X86_PTE_P;
	e |= flags & HX_MAP_EXEC ? 0 : HX_X86_PTE_NX;
	e |= flags & HX_MAP_UNCACHED ? HX_X86_PTE_UC : 0;
	return e | (level > 0 ? HX_X86_PTE_PS : 0);
}

static inline uint64_t hx_pte_table(hx_paddr_t pa)
{
	return pa | HX_X86_PTE_P | HX_X86_PTE_W | HX_X86_PTE_U;
}

static inline bool hx_pte_is_page(uint64_t e, unsigned level)
{
	return level == 0 || (e & HX_X86_PTE_PS) != 0;
}

static inline hx_paddr_t hx_pte_address(uint64_t e)
{
	return e & HX_X86_PTE_ADDR;
}

static inline unsigned hx_pte_flags(uint64_t e)
{
	unsigned low = (unsigned)e;

	return (low >> 1 & HX_MAP_WRITE) | (low >> 5 & (HX_MAP_TAG0 | HX_MAP_TAG1)) |
	       (low << 1 & (HX_MAP_ACCESSED | HX_MAP_DIRTY)) |
	       (e & HX_X86_PTE_NX ? 0 : HX_MAP_EXEC) | (low & HX_X86_PTE_P ? 0 : HX_MAP_NOACCESS) |
	       (low & HX_X86_PTE_UC ? HX_MAP_UNCACHED : 0);
}

static inline bool hx_tlb_has_tags(void)
{
	return hx_x86_has_pcid;
}

static inline void hx_tlb_load(hx_paddr_t root, unsigned tag, bool keep)
{
	uint64_t cr3 = root | tag | (keep ? HX_X86_CR3_KEEP : 0);

	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

static inline void hx_tlb_forget(uintptr_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void hx_tlb_forget_all(void)
{
	static const struct { uint64_t tag, va; } all = { 0, 0 };
	uint64_t cr4, cr3;

	if (hx_x86_tlb_way == HX_TLB_BY_INVPCID) {
		__asm__ volatile("invpcid %1, %0" : : "r"(2ul), "m"(all) : "memory");
		return;
	}
	__asm__ volatile("mov %%cr4, %0; mov %%cr3, %1" : "=r"(cr4), "=r"(cr3));
	if (hx_x86_tlb_way == HX_TLB_BY_PGE)
		__asm__ volatile("mov %0, %%cr4; mov %1, %%cr4"
				 : : "r"(cr4 ^ HX_X86_CR4_PGE), "r"(cr4) : "memory");
	else
		__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

#endif
