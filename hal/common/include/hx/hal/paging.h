/* SPDX-License-Identifier: MIT */
/*
 * Between the address spaces in hal/paging and the machine: what a machine must bring, and what it
 * calls. Floors above the hal do not include this. The machine's <hx/hal/arch/paging.h> has:
 *
 *	hx_paging_levels()		4 or 5
 *	HX_PTE_LEVEL_MAX		highest level that a page can have: 1 is 2 MiB, 2 is 1 GiB
 *	hx_pte_page(pa, flags, level)	an entry that is a page; never 0
 *	hx_pte_table(pa)		an entry that is a table
 *	hx_pte_is_page(e, level)	of an entry that is not 0
 *	hx_pte_address(e)		of a page or table
 *	hx_pte_flags(e)			HX_MAP_* of a page
 *	hx_tlb_has_tags()		whether translations of several spaces can be kept
 *	hx_tlb_load(root, tag, keep)	load a root table; keep: the tag's translations may stay
 *	hx_tlb_forget(va)		of the loaded space and of the kernel
 *	hx_tlb_forget_all()		all there are
 */
#ifndef HX_HAL_PAGING_H
#define HX_HAL_PAGING_H

#include <hx/hal/space.h>

/* ---- the machine's */

/**
 * hx_paging_root() - the kernel's own root table.
 * hx_paging_take() - a zero-filled page for a table; 0: there is none.
 * hx_paging_give() - take it back.
 * hx_paging_lock() - nobody else changes the kernel's map from here
 * hx_paging_unlock() - to here.
 * hx_paging_has_1g() - whether pages of 1 GiB work.
 * @pa:    the page
 * @flags: from hx_paging_lock()
 *
 * Returns: as said.
 * Context: thread or boot; what the lock returns goes to the unlock, interrupts are off between.
 * Locks:   the kernel map's.
 * Owner:   taken pages are the caller's.
 * Cost:    small; take clears a page.
 * Source:  -
 */
hx_paddr_t hx_paging_root(void);
hx_paddr_t hx_paging_take(void);
void hx_paging_give(hx_paddr_t pa);
hx_irqflags_t hx_paging_lock(void);
void hx_paging_unlock(hx_irqflags_t flags);
bool hx_paging_has_1g(void);

/* ---- hal/paging's */

/**
 * hx_space_kernel_entry() - the kernel's root table has a new entry: every space gets it.
 * @idx:   which
 * @value: the entry
 *
 * Returns: nothing.
 * Context: with the kernel map's lock held, before the entry is used.
 * Locks:   the caller's.
 * Owner:   -
 * Cost:    O(spaces); happens a few dozen times in the life of a kernel.
 * Source:  Linux sync_global_pgds().
 */
void hx_space_kernel_entry(unsigned idx, uint64_t value);

/**
 * hx_tlb_reset() - no CPU has anything loaded, and there is nobody to tell.
 * hx_space_reset() - there is no space.
 *
 * Returns: nothing.
 * Context: a machine that can be switched off and on, when it is.
 * Locks:   none.
 * Owner:   -
 * Cost:    a few stores for each CPU.
 * Source:  -
 */
void hx_tlb_reset(void);
void hx_space_reset(void);

/**
 * hx_mmu_flush() - a change was made: no CPU may use the old translations any more.
 * @s:       the space, whose generation counts up; NULL: the kernel's
 * @va:      page aligned
 * @n_pages: how many
 *
 * Returns: when all CPUs have forgotten them.
 * Context: thread or boot.
 * Locks:   those under which the change was made.
 * Owner:   -
 * Cost:    hx_mmu_flush_local(), and the other CPUs that have it loaded.
 * Source:  -
 */
void hx_mmu_flush(struct hx_mmu_space *s, uintptr_t va, size_t n_pages);

#endif
