/* SPDX-License-Identifier: MIT */
/*
 * Page tables as the files that make them share them: the entry, its bits, and the walk. tables.c
 * has the walk and where table pages come from, mmu_boot.c builds the final map, mmu.c changes it
 * at run time.
 *
 *	63 NX | 51..12 address | 8 global | 7 large page | 4..3 uncached | 1 write | 0 present
 *
 * Source: Intel SDM vol. 3, 4.5 (4-level and 5-level paging).
 */
#ifndef HX_PT_PRIV_H
#define HX_PT_PRIV_H

#include <hx/config/hal_common.h>
#include <hx/config/hal_paging.h>
#include <hx/config/hal_x86_64.h>
#include <hx/hal/arch/paging.h>
#include <hx/hal/paging.h>

#include "x86_priv.h"

#define PTE_P		(1ull << 0)
#define PTE_W		(1ull << 1)
#define PTE_UC		(3ull << 3)	/* PWT PCD: PAT entry 3, uncached */
#define PTE_AD		(3ull << 5)	/* set at once, so that the CPU never has to */
#define PTE_PS		(1ull << 7)
#define PTE_G		(1ull << 8)
#define PTE_NX		(1ull << 63)
#define PTE_ADDR	0x000ffffffffff000ull

#define SHIFT(level)	(12u + 9u * (level))
#define SIZE(level)	(1ull << SHIFT(level))
#define TABLE_ENTRIES	512u

#define LOADED_TABLES	(HX_BOOT_TABLES - HX_EARLY_TABLES)	/* zeroed by the loader, for us */

#define HHDM_48		0xffff800000000000ull
#define HHDM_48_BYTES	(64ull << 40)

/*
 * The device area: first the window of hx_x86_window(), then what hx_mmu_map_device() mapped, a
 * guard page behind each; with a screen not from 512 MiB to 1 GiB, which is its place (screen.c),
 * because the table of that GiB is there anyway.
 */
#define DEVICE_48	0xffffd00000000000ull
#define SCREEN_AT	(512 * HX_MIB)
#define SCREEN_BYTES	(512 * HX_MIB)

#define RIGHTS_X	(PTE_P | PTE_AD | PTE_G)
#define RIGHTS_R	(PTE_P | PTE_AD | PTE_G | PTE_NX)
#define RIGHTS_W	(PTE_P | PTE_AD | PTE_G | PTE_NX | PTE_W)

#pragma GCC visibility push(hidden)

struct pt_state {
	hx_paddr_t root;	/* c once live */
	uintptr_t table_base;	/* c once live; 0 while booting: tables are seen at their address */
	uint64_t phys_limit;	/* c once live; past the last physical address */
	const struct hx_mmu_table_source *source;
	const struct hx_mmu_hooks *hooks;	/* NULL: one CPU */
	unsigned n_taken;	/* pages of hx_boot_pages.tables, behind those of boot.S */
	unsigned recycled;	/* early tables given out again */
	hx_paddr_t reserve, reserve_next, reserve_end;
};
extern struct pt_state pt;

static inline unsigned pt_levels(void)
{
	return hx_paging_levels();
}

/*
 * An address of the memory map as it is written for 48 bits. With 57 bits each region is 512 times
 * as large and starts 512 times as far from the end; only the image and the stacks stay.
 */
static inline uintptr_t pt_scaled(uintptr_t at_48_bits)
{
	return at_48_bits << (9 * (pt_levels() - 4));
}

static inline uint64_t pt_hhdm_bytes(void)
{
	return HHDM_48_BYTES << (9 * (pt_levels() - 4));
}

static inline uint64_t *table_at(hx_paddr_t pa)
{
	return (uint64_t *)(pt.table_base + pa);
}

static inline hx_paddr_t pt_image_phys(const void *p, uint64_t slide)
{
	return (uintptr_t)p - slide - HX_IMAGE_OFFSET;
}

/* Nobody else changes the kernel's map in between: with one CPU running, interrupts off. */
static inline hx_irqflags_t pt_lock(void)
{
	return HX_ENABLED(SMP) && pt.hooks != NULL ? pt.hooks->lock() : hx_irq_save();
}

static inline void pt_unlock(hx_irqflags_t flags)
{
	if (HX_ENABLED(SMP) && pt.hooks != NULL)
		pt.hooks->unlock(flags);
	else
		hx_irq_restore(flags);
}

/* More than this CPU's INVLPG is needed when the kernel's map loses something. */
static inline bool pt_is_shared(void)
{
	return HX_ENABLED(TLB_SHOOTDOWN) || (HX_ENABLED(SMP) && pt.hooks != NULL);
}

/* A page has lost its mapping: in a kernel that has nobody to tell, forget it at once, else after
 * the lock was let go, and everywhere. */
static inline void pt_forget_alone(uintptr_t va)
{
	if (!pt_is_shared())
		__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void pt_forget(uintptr_t va, size_t n_pages)
{
	if (HX_ENABLED(SMP) && pt.hooks != NULL)
		pt.hooks->flush(va, n_pages);
	else if (HX_ENABLED(TLB_SHOOTDOWN))
		hx_mmu_flush(NULL, va, n_pages);
}

/* Page i of the tables that the image brings along. */
hx_paddr_t pt_boot_table(unsigned i);
/* A zero-filled page for a table; 0: there is none. */
hx_paddr_t pt_take(void);
/*
 * The entry for va at a level, or the entry above it where the way ends: nothing there, or a large
 * page. *found is the level of what is returned. With create, missing tables are made; NULL: there
 * is no page for one.
 */
uint64_t *pt_entry(uintptr_t va, unsigned level, bool create, unsigned *found);
/* Fill entries with the largest pages that address, length and max_level allow. */
HX_MUST_CHECK int pt_map_run(uintptr_t va, hx_paddr_t pa, uint64_t bytes, uint64_t rights,
			     unsigned max_level);

#pragma GCC visibility pop

#endif
