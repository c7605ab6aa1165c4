/* SPDX-License-Identifier: MIT */
/*
 * How an x86 CPU forgets all translations: decided once, by what CPUID says, never by trying.
 *
 * INVPCID is one instruction that keeps CR4 as it is; it is used where tags (PCIDs) are, because
 * hypervisors that hide tags do not always hide it as well, and then do not carry it out. A change
 * of CR4.PGE drops global pages and those of all tags; a CPU without global pages has none of both,
 * and loading CR3 does. Source: Intel SDM vol. 2, INVPCID; vol. 3, 4.10.4.1.
 */
#ifndef HX_HAL_TLB_WAY_H
#define HX_HAL_TLB_WAY_H

#include <hx/base.h>

enum hx_tlb_way { HX_TLB_BY_CR3, HX_TLB_BY_PGE, HX_TLB_BY_INVPCID };

#define HX_CPUID_1C_PCID	(1u << 17)
#define HX_CPUID_1D_PGE		(1u << 13)
#define HX_CPUID_7B_INVPCID	(1u << 10)

/* Tags need global pages too: without them the kernel's would be kept once for each tag. */
static inline bool hx_tlb_can_have_tags(uint32_t leaf_1c, uint32_t leaf_1d)
{
	return (leaf_1c & HX_CPUID_1C_PCID) != 0 && (leaf_1d & HX_CPUID_1D_PGE) != 0;
}

/* leaf_1c, leaf_1d: ECX and EDX of leaf 1; leaf_7b: EBX of leaf 7, 0 if there is none. */
static inline enum hx_tlb_way hx_tlb_way_of(uint32_t leaf_1c, uint32_t leaf_1d, uint32_t leaf_7b)
{
	if (hx_tlb_can_have_tags(leaf_1c, leaf_1d) && (leaf_7b & HX_CPUID_7B_INVPCID) != 0)
		return HX_TLB_BY_INVPCID;
	return leaf_1d & HX_CPUID_1D_PGE ? HX_TLB_BY_PGE : HX_TLB_BY_CR3;
}

#endif
