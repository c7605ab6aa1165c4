/* SPDX-License-Identifier: MIT */
/*
 * Kernel address space: the direct map of all RAM, the fixed areas, and mapping pages into them.
 */
#ifndef HX_HAL_MMU_H
#define HX_HAL_MMU_H

#include <hx/base.h>
#include <hx/hal/arch/mmu.h>
#include <hx/hal/cpu.h>

enum hx_map_flags {
	HX_MAP_READ = 0,	/* always readable */
	HX_MAP_WRITE = 1 << 0,
	HX_MAP_EXEC = 1 << 1,	/* never together with WRITE: refused */
	HX_MAP_UNCACHED = 1 << 2,	/* device registers */
	/* Of address spaces (<hx/hal/space.h>) only: */
	HX_MAP_NOACCESS = 1 << 3,	/* the page stays, but every access faults */
	HX_MAP_TAG0 = 1 << 4,		/* two bits that the owner of the space keeps with a page */
	HX_MAP_TAG1 = 1 << 5,
	HX_MAP_ACCESSED = 1 << 6,	/* told by queries; ignored when mapping */
	HX_MAP_DIRTY = 1 << 7,		/* the same */
};

enum hx_area {
	HX_AREA_HEAP,		/* kernel heap */
	HX_AREA_DEVICE,		/* device registers, framebuffers */
	HX_AREA_MODULES,	/* loaded modules */
	HX_AREA_STACKS,		/* thread stacks, a guard page below each */
	HX_AREA_COUNT,
};

struct hx_area_bounds {
	uintptr_t start, end;	/* half open */
};

/**
 * hx_mmu_area() - where an area lies.
 * @area: which
 *
 * Returns: its bounds, page aligned.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a table look-up.
 * Source:  architecture: "Memory map".
 */
struct hx_area_bounds hx_mmu_area(enum hx_area area);

/*
 * The direct map. pa must be RAM that the boot memory map lists (usable, ACPI, module or boot; not
 * the image, which has its own mapping); O(1), any context.
 */
extern uintptr_t hx_hhdm_base;

static inline void *hx_phys_to_virt(hx_paddr_t pa)
{
	return (void *)(hx_hhdm_base + (uintptr_t)pa);
}

static inline hx_paddr_t hx_virt_to_phys(const void *hhdm_address)
{
	return (hx_paddr_t)((uintptr_t)hhdm_address - hx_hhdm_base);
}

/*
 * Where page-table pages come from once frames exist: core/mem registers itself. Before that the
 * hal takes them from its boot reserve. take returns one zero-filled page or 0; give takes it back.
 */
struct hx_mmu_table_source {
	hx_paddr_t (*take)(void);
	void (*give)(hx_paddr_t page);
};

/**
 * hx_mmu_set_table_source() - tell where page-table pages come from.
 * @src: kept for ever
 *
 * Returns: nothing.
 * Context: boot.
 * Locks:   none.
 * Owner:   @src stays the caller's. Tables of the kernel's areas are never given back.
 * Cost:    one store.
 * Source:  -
 */
void hx_mmu_set_table_source(const struct hx_mmu_table_source *src);

/*
 * From <hx/hal/arch/mmu.h>, inline:
 *   HX_TLB_RANGE_MAX   pages up to which they are forgotten one by one
 *   void hx_tlb_flush(uintptr_t va, size_t n_pages)   this CPU forgets what it knows about a range,
 *                      of global pages too; any context
 */

/*
 * What several CPUs need when the kernel's map changes; core/smp registers itself before it starts
 * the second one. Until then interrupts off is the lock.
 */
struct hx_mmu_hooks {
	hx_irqflags_t (*lock)(void);		/* interrupts off, nobody else changes the map */
	void (*unlock)(hx_irqflags_t flags);
	void (*flush)(uintptr_t va, size_t n_pages);	/* on all CPUs; called without the lock */
};

/**
 * hx_mmu_set_hooks() - tell how several CPUs change one map (CONFIG_SMP).
 * @hooks: kept; NULL: one CPU again
 *
 * Returns: nothing.
 * Context: boot, while one CPU runs.
 * Locks:   none.
 * Owner:   @hooks stays the caller's.
 * Cost:    one store.
 * Source:  -
 */
void hx_mmu_set_hooks(const struct hx_mmu_hooks *hooks);

/**
 * hx_mmu_map() - map physical memory into an area.
 * @va:      page aligned, inside one area of hx_mmu_area(), not mapped yet
 * @pa:      page aligned
 * @n_pages: how many pages
 * @flags:   HX_MAP_*
 *
 * Returns: 0; -HX_EINVAL misaligned, outside an area or the CPU's physical range, or WRITE with
 *          EXEC; -HX_EEXIST something is mapped there; -HX_ENOMEM no table page. On error nothing
 *          is mapped.
 * Context: boot or thread.
 * Locks:   the map's (HX_RANK_KMAP), by hx_mmu_hooks; and those of the table source.
 * Owner:   the caller owns the pages and the range.
 * Cost:    O(n_pages), about 10 instructions a page; a table page now and then.
 * Source:  Intel SDM vol. 3, 4.5.
 */
HX_MUST_CHECK int hx_mmu_map(uintptr_t va, hx_paddr_t pa, size_t n_pages, unsigned flags);

/**
 * hx_mmu_unmap() - undo hx_mmu_map(), and have all CPUs forget it.
 * @va:      as mapped
 * @n_pages: how many; every one must be mapped
 *
 * Returns: nothing.
 * Context: boot or thread.
 * Locks:   the map's (HX_RANK_KMAP), by hx_mmu_hooks; let go before it waits for other CPUs.
 * Owner:   the pages are the caller's again.
 * Cost:    O(n_pages), about 40 instructions a page.
 * Source:  Intel SDM vol. 3, 4.10.4.
 */
void hx_mmu_unmap(uintptr_t va, size_t n_pages);

/**
 * hx_mmu_protect() - give mapped pages other rights (CONFIG_MMU_PROTECT; rooms select it).
 * @va:      page aligned, inside one area
 * @n_pages: how many; those that are not mapped stay so
 * @flags:   HX_MAP_*
 *
 * Returns: 0; -HX_EINVAL misaligned, outside an area, or WRITE with EXEC: nothing happened.
 * Context: boot or thread.
 * Locks:   none; interrupts are off meanwhile.
 * Owner:   unchanged.
 * Cost:    O(n_pages), about 40 instructions a page; then no CPU has the old rights.
 * Source:  Intel SDM vol. 3, 4.10.4.
 */
HX_MUST_CHECK int hx_mmu_protect(uintptr_t va, size_t n_pages, unsigned flags);

/**
 * hx_mmu_query() - what an address maps to.
 * @va:    any address
 * @pa:    receives the physical address of that byte; untouched on error
 * @flags: receives HX_MAP_*; untouched on error
 *
 * Returns: 0; -HX_ENOENT nothing is mapped there.
 * Context: any, even NMI: it only reads tables.
 * Locks:   none.
 * Owner:   -
 * Cost:    four loads.
 * Source:  Intel SDM vol. 3, 4.5.
 */
HX_MUST_CHECK int hx_mmu_query(uintptr_t va, hx_paddr_t *pa, unsigned *flags);

/**
 * hx_mmu_map_device() - map device registers, uncached, for ever.
 * @pa:         first byte, at any alignment
 * @size_bytes: how many
 *
 * Returns: where they are; NULL no space, no table page or no such physical address.
 * Context: boot or thread; may be called before frames exist.
 * Locks:   as hx_mmu_map().
 * Owner:   the mapping stays.
 * Cost:    as hx_mmu_map().
 * Source:  Intel SDM vol. 3, 12.5 (memory types).
 */
void *hx_mmu_map_device(hx_paddr_t pa, size_t size_bytes);

/**
 * hx_mmu_walk() - show all mappings of the kernel half, neighbours of one kind merged.
 * @visit: called for each range, in order; page_bytes is the page size used there
 * @arg:   passed on
 *
 * Returns: nothing.
 * Context: boot or thread; mappings made meanwhile may be missed.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(table entries in use).
 * Source:  -
 */
void hx_mmu_walk(void (*visit)(void *arg, uintptr_t start, uintptr_t end, size_t page_bytes,
			       unsigned flags), void *arg);

#endif
