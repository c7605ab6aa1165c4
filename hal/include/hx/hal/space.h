/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: page tables of their own below the user end, the kernel's above it. With
 * CONFIG_MMU_SPACES only (rooms select it).
 *
 * 1 Concepts. A space is a table of the highest level. Its upper half has the entries of the
 *   kernel's table, copied; when the kernel gets a new one, every space gets it at once, before
 *   anybody can use it. So there are neither a few hundred KiB of tables made in advance nor a
 *   fault that copies entries later: such a fault could hit the very stack it needs.
 * 2 Who may change a space: its owner, one change at a time (the owner's lock). Faults, other CPUs
 *   and hx_mmu_switch() only read it.
 * 3 Translations. A change counts the space's generation up and calls the shoot-down; CPUs that
 *   have the space loaded flush at once, all others compare generations when they load it. With
 *   PCIDs a CPU keeps translations of the spaces it ran last; a tag belongs to one identity of a
 *   space, and identities are never used twice.
 */
#ifndef HX_HAL_SPACE_H
#define HX_HAL_SPACE_H

#include <hx/base.h>
#include <hx/hal/cpu.h>
#include <hx/hal/mmu.h>

/* Field keys: c constant after init, a atomic, l the owner's lock, k the kernel map's lock. */
struct hx_mmu_space {
	hx_paddr_t root;			/* c */
	uint64_t id;				/* c from 1, never used again */
	uint64_t generation;			/* a flushes so far */
	uint64_t cpus;				/* a bit per CPU that has it loaded, used or not */
	uint32_t n_tables;			/* l pages of tables, the root included */
	uint32_t is_dying;			/* a who has it loaded leaves it */
	struct hx_mmu_space *next, **link;	/* k all spaces */
	uint8_t tag[HX_CPUS_MAX];		/* o the slot that each CPU gave it last */
};

/* One mapped page of any size. */
struct hx_mmu_page {
	uintptr_t va;
	hx_paddr_t pa;
	size_t bytes;
	unsigned flags;				/* HX_MAP_* */
};

typedef void (*hx_mmu_visit_t)(void *arg, const struct hx_mmu_page *page);

/**
 * hx_mmu_levels() - how many levels the page tables have.
 * hx_mmu_user_end() - past the last address a space can map.
 * hx_mmu_tags() - how many spaces' translations a CPU can keep; 0: no PCIDs.
 *
 * Returns: 4 or 5; 2^47 or 2^56, less a page; the number.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a load.
 * Source:  Intel SDM vol. 3, 4.5, 4.10.1.
 */
unsigned hx_mmu_levels(void);
uintptr_t hx_mmu_user_end(void);
unsigned hx_mmu_tags(void);

/**
 * hx_mmu_space_init() - an empty space.
 * @s: filled
 *
 * Returns: 0; -HX_ENOMEM no table page.
 * Context: thread or boot, after frames exist.
 * Locks:   the kernel map's.
 * Owner:   the caller keeps @s where it is until hx_mmu_space_fini().
 * Cost:    one page, about 1,500 instructions.
 * Source:  -
 */
HX_MUST_CHECK int hx_mmu_space_init(struct hx_mmu_space *s);

/**
 * hx_mmu_space_fini() - take it off every CPU and give its tables back.
 * @s: nothing is mapped in it any more, or what is needs no giving back
 *
 * Returns: nothing.
 * Context: thread, interrupts on: it waits for CPUs that have it loaded.
 * Locks:   the kernel map's.
 * Owner:   @s is the caller's alone.
 * Cost:    O(tables), 512 looks each.
 * Source:  -
 */
void hx_mmu_space_fini(struct hx_mmu_space *s);

/**
 * hx_mmu_space_map() - map physical memory, with the largest pages that fit.
 * @s:       the space
 * @va:      page aligned, from one page up, below hx_mmu_user_end()
 * @pa:      page aligned; 2 MiB or 1 GiB pages are taken where both addresses and length allow
 * @n_pages: how many of 4 KiB
 * @flags:   HX_MAP_*
 *
 * Returns: 0; -HX_EINVAL misaligned, outside, or WRITE with EXEC; -HX_EEXIST something is mapped in
 *          the range; -HX_ENOMEM no table page. On error nothing is mapped.
 * Context: thread.
 * Locks:   the owner's.
 * Owner:   the caller owns the pages.
 * Cost:    about 100 instructions for one page where the table is there.
 * Source:  Intel SDM vol. 3, 4.5.
 */
HX_MUST_CHECK int hx_mmu_space_map(struct hx_mmu_space *s, uintptr_t va, hx_paddr_t pa,
				   size_t n_pages, unsigned flags);

/**
 * hx_mmu_space_unmap() - take pages out; no CPU has a translation when the visits begin.
 * @s:       the space
 * @va:      page aligned, below hx_mmu_user_end()
 * @n_pages: how many of 4 KiB; those that are not mapped are passed over
 * @visit:   called for each page that was mapped, in order; NULL: nobody wants to know
 * @arg:     passed on
 *
 * Returns: 0; -HX_EINVAL misaligned, outside, or an end cuts a large page (split it first): nothing
 *          happened.
 * Context: thread.
 * Locks:   the owner's.
 * Owner:   the pages are the caller's again.
 * Cost:    O(n_pages), less over holes: some 20 instructions a page, and a flush for 32 of them.
 * Source:  Intel SDM vol. 3, 4.10.4.
 */
HX_MUST_CHECK int hx_mmu_space_unmap(struct hx_mmu_space *s, uintptr_t va, size_t n_pages,
				     hx_mmu_visit_t visit, void *arg);

/**
 * hx_mmu_space_protect() - change the flags of mapped pages.
 * @s:       the space
 * @va:      page aligned, below hx_mmu_user_end()
 * @n_pages: how many of 4 KiB; those that are not mapped stay so
 * @clear:   HX_MAP_* to take away (HX_MAP_ACCESSED and HX_MAP_DIRTY too: that is how use is told)
 * @set:     HX_MAP_* to add
 *
 * Returns: 0; -HX_EINVAL misaligned, outside, WRITE with EXEC would result, or an end cuts a large
 *          page: nothing happened.
 * Context: thread.
 * Locks:   the owner's.
 * Owner:   unchanged.
 * Cost:    O(n_pages), and one flush if an entry lost something.
 * Source:  Intel SDM vol. 3, 4.8 (accessed and dirty flags), 4.10.4.
 */
HX_MUST_CHECK int hx_mmu_space_protect(struct hx_mmu_space *s, uintptr_t va, size_t n_pages,
				       unsigned clear, unsigned set);

/**
 * hx_mmu_space_replace() - let a mapped page show other memory, in one step.
 * @s:     the space
 * @page:  va inside a mapped page; pa, aligned to that page's size, and flags are the new ones
 *
 * Returns: 0; -HX_ENOENT nothing is mapped there; -HX_EINVAL misaligned, or WRITE with EXEC.
 * Context: thread.
 * Locks:   the owner's.
 * Owner:   the old page is the caller's again when this returns: no CPU has a translation.
 * Cost:    a walk and a flush.
 * Source:  Intel SDM vol. 3, 4.10.4.
 */
HX_MUST_CHECK int hx_mmu_space_replace(struct hx_mmu_space *s, const struct hx_mmu_page *page);

/**
 * hx_mmu_space_split() - cut the large page around an address into pages of the next smaller size.
 * @s:   the space
 * @va:  below hx_mmu_user_end()
 * @set: HX_MAP_* to add to each of the 512
 *
 * Returns: 0, also if no large page is there; -HX_ENOMEM no table page.
 * Context: thread.
 * Locks:   the owner's.
 * Owner:   unchanged.
 * Cost:    512 stores and a flush.
 * Source:  Intel SDM vol. 3, 4.10.2.3 (why the old translation must go).
 */
HX_MUST_CHECK int hx_mmu_space_split(struct hx_mmu_space *s, uintptr_t va, unsigned set);

/**
 * hx_mmu_space_query() - the page around an address.
 * @s:    the space
 * @va:   any address
 * @page: receives it; untouched on error
 *
 * Returns: 0; -HX_ENOENT nothing is mapped there.
 * Context: any, while nobody changes the space.
 * Locks:   the owner's.
 * Owner:   -
 * Cost:    four or five loads.
 * Source:  Intel SDM vol. 3, 4.5.
 */
HX_MUST_CHECK int hx_mmu_space_query(const struct hx_mmu_space *s, uintptr_t va,
				     struct hx_mmu_page *page);

/**
 * hx_mmu_space_has_table() - whether pages of 4 KiB are or were mapped in this 2 MiB.
 * @s:  the space
 * @va: any address of them
 *
 * Returns: true if there is a table: a page of 2 MiB cannot be mapped then.
 * Context: as hx_mmu_space_query().
 * Locks:   the owner's.
 * Owner:   -
 * Cost:    three or four loads.
 * Source:  -
 */
bool hx_mmu_space_has_table(const struct hx_mmu_space *s, uintptr_t va);

/**
 * hx_mmu_space_walk() - visit the mapped pages of a range, in order.
 * @s:     the space
 * @va:    page aligned
 * @end:   page aligned, half open
 * @visit: called for each page that begins in the range; may change its entry, not the tables
 * @arg:   passed on
 *
 * Returns: nothing.
 * Context: thread.
 * Locks:   the owner's.
 * Owner:   -
 * Cost:    O(pages), less over holes.
 * Source:  -
 */
void hx_mmu_space_walk(const struct hx_mmu_space *s, uintptr_t va, uintptr_t end,
		       hx_mmu_visit_t visit, void *arg);

/**
 * hx_mmu_space_trim() - give back the tables that a range does not need any more.
 * @s:     the space
 * @start: the range begins here; nothing is mapped in it
 * @end:   half open
 * @low:   nothing is mapped from here to @start either
 * @high:  nor from @end to here: tables that lie wholly between @low and @high go
 *
 * Returns: nothing.
 * Context: thread.
 * Locks:   the owner's.
 * Owner:   -
 * Cost:    O(entries of tables in the range); a flush if a table goes.
 * Source:  Intel SDM vol. 3, 4.10.3 (cached upper entries); Linux free_pgtables().
 */
void hx_mmu_space_trim(struct hx_mmu_space *s, uintptr_t start, uintptr_t end, uintptr_t low,
		       uintptr_t high);

/**
 * hx_mmu_switch() - load a space on this CPU.
 * @s: the space; NULL: the kernel's own tables
 *
 * Returns: nothing; loaded already, it does nothing.
 * Context: interrupts off.
 * Locks:   none.
 * Owner:   the space must not be finished while a thread that wants it may run here.
 * Cost:    about 40 instructions; without PCIDs every translation of the old space is lost.
 * Source:  Intel SDM vol. 3, 4.10.4.1 (MOV to CR3); the generations: Linux arch/x86/mm/tlb.c.
 */
void hx_mmu_switch(struct hx_mmu_space *s);

/**
 * hx_mmu_loaded() - what this CPU has loaded.
 *
 * Returns: the space; NULL: the kernel's own tables.
 * Context: any; preemption off, if the answer is to stay true.
 * Locks:   none.
 * Owner:   borrowed.
 * Cost:    a load.
 * Source:  -
 */
struct hx_mmu_space *hx_mmu_loaded(void);

/* Has every CPU that may hold translations of the range forget them, and returns when all have:
 * each of them calls hx_mmu_flush_local(). space NULL: the kernel's. */
typedef void (*hx_mmu_shootdown_t)(const struct hx_mmu_space *space, uintptr_t va, size_t n_pages);

/**
 * hx_mmu_set_shootdown() - who tells the other CPUs.
 * @fn: called for each flush, this CPU's included; NULL: this CPU alone, as at boot. Of a space the
 *      CPUs in space->cpus are concerned, of the kernel all
 *
 * Returns: nothing.
 * Context: boot.
 * Locks:   none.
 * Owner:   -
 * Cost:    a store.
 * Source:  -
 */
void hx_mmu_set_shootdown(hx_mmu_shootdown_t fn);

/**
 * hx_mmu_flush_local() - forget translations on this CPU.
 * @s:       the space; NULL: the kernel's
 * @va:      page aligned
 * @n_pages: how many; above 32 all translations of the space go
 *
 * Returns: nothing. A space that this CPU has not loaded needs nothing; one that is ending is left.
 * Context: any but NMI, interrupts off.
 * Locks:   none.
 * Owner:   -
 * Cost:    one INVLPG a page.
 * Source:  Intel SDM vol. 3, 4.10.4.1.
 */
void hx_mmu_flush_local(const struct hx_mmu_space *s, uintptr_t va, size_t n_pages);

#endif
