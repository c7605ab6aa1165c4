/* SPDX-License-Identifier: MIT */
/*
 * Entries of an address space's page tables on the host, and the translations its model of a CPU
 * keeps; names and meaning in <hx/hal/paging.h>.
 *
 *	address | 10 page, not table | 9..2 HX_MAP_* | 0 used
 */
#ifndef HX_HAL_ARCH_PAGING_H
#define HX_HAL_ARCH_PAGING_H

#include <hx/hal/mmu.h>

#define HX_PTE_LEVEL_MAX	2u

#define HX_HOST_PTE_USED	1ull
#define HX_HOST_PTE_PAGE	(1ull << 10)
#define HX_HOST_PTE_FLAGS	2
#define HX_HOST_PTE_ADDR	(~(uint64_t)(HX_PAGE_SIZE - 1))

static inline uint64_t hx_pte_page(hx_paddr_t pa, unsigned flags, unsigned level)
{
	return pa | HX_HOST_PTE_USED | HX_HOST_PTE_PAGE | (uint64_t)flags << HX_HOST_PTE_FLAGS;
}

static inline uint64_t hx_pte_table(hx_paddr_t pa)
{
	return pa | HX_HOST_PTE_USED;
}

static inline bool hx_pte_is_page(uint64_t e, unsigned level)
{
	return (e & HX_HOST_PTE_PAGE) != 0;
}

static inline hx_paddr_t hx_pte_address(uint64_t e)
{
	return e & HX_HOST_PTE_ADDR;
}

static inline unsigned hx_pte_flags(uint64_t e)
{
	return e >> HX_HOST_PTE_FLAGS & 0xff;
}

/* user.c */
unsigned hx_paging_levels(void);
bool hx_tlb_has_tags(void);
void hx_tlb_load(hx_paddr_t root, unsigned tag, bool keep);
void hx_tlb_forget(uintptr_t va);
void hx_tlb_forget_all(void);

#endif
