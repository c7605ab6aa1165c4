/* SPDX-License-Identifier: MIT */
/*
 * Kernel page tables: four levels, or five (CONFIG_LA57), in pages of 512 entries.
 *
 * 1 Concepts. Everything is one loop, pt_map_run(): it fills entries of the largest page that
 *   address, length and CPU allow. A table page is seen at table_base + its physical address: 0
 *   (the early identity map) while booting, the direct map (HHDM) afterwards.
 * 2 Where table pages come from, in this order: the pages that the image brings along, zeroed by
 *   the loader (so they cost no instructions); while booting, a reserve taken from the memory map;
 *   later, the early tables; then the source that core/mem registers.
 * 3 Locking. One CPU: the map changes with interrupts off.
 * 4 Invariants. (1) No entry is writable and executable. (2) Page 0 and the user half are empty
 *   once live, but in an address space. (3) The image's boot pages (tables, stacks) have no image
 *   address: they are guards of what lies around them. (4) A new entry of the top table is entered
 *   into every address space before it is used.
 * Source: Intel SDM vol. 3, 4.5 (4-level and 5-level paging).
 */
#include <hx/hal/mem.h>
#include <hx/hal/paging.h>

#include "pt_priv.h"

__attribute__((section(".bss.hx_boot_pages"), aligned(4096))) struct hx_boot_pages hx_boot_pages;

struct pt_state pt;
bool hx_x86_has_la57;

hx_paddr_t pt_boot_table(unsigned i)
{
	return pt_image_phys(hx_boot_pages.tables[i], hx_x86_boot.kernel_virt -
			     (uintptr_t)hx_x86_boot.kernel_phys - HX_IMAGE_OFFSET);
}

hx_paddr_t pt_take(void)
{
	hx_paddr_t pa;

	if (pt.n_taken < LOADED_TABLES)
		return pt_boot_table(HX_EARLY_TABLES + pt.n_taken++);
	if (pt.reserve_next < pt.reserve_end) {
		pa = pt.reserve_next;
		if (pt.table_base == 0 && hx_x86_early_map(pa, HX_PAGE_SIZE) == NULL)
			return 0;
		pt.reserve_next += HX_PAGE_SIZE;
	} else if (pt.table_base != 0 && pt.recycled < HX_EARLY_TABLES) {
		pa = pt_boot_table(pt.recycled++);
	} else {
		return pt.source != NULL ? pt.source->take() : 0;
	}
	memset(table_at(pa), 0, HX_PAGE_SIZE);
	return pa;
}

uint64_t *pt_entry(uintptr_t va, unsigned level, bool create, unsigned *found)
{
	hx_paddr_t table = pt.root;

	for (unsigned l = pt_levels() - 1; ; l--) {
		uint64_t *e = &table_at(table)[va >> SHIFT(l) & (TABLE_ENTRIES - 1)];

		*found = l;
		if (l == level || (*e & PTE_PS) != 0)
			return e;
		if (*e == 0) {
			hx_paddr_t pa = create ? pt_take() : 0;

			if (pa == 0)
				return create ? NULL : e;
			*e = pa | PTE_P | PTE_W;
			if (HX_ENABLED(MMU_SPACES) && l == pt_levels() - 1)
				hx_space_kernel_entry((unsigned)(e - table_at(pt.root)), *e);
		}
		table = *e & PTE_ADDR;
	}
}

/* n entries of pages that lie side by side. Four a round: booting fills about a thousand. */
static void fill(uint64_t *e, uint64_t n, uint64_t value, uint64_t step)
{
	for (; n >= 4; n -= 4, e += 4) {
		e[0] = value;
		e[1] = value += step;
		e[2] = value += step;
		e[3] = value += step;
		value += step;
	}
	for (; n != 0; n--, value += step)
		*e++ = value;
}

int pt_map_run(uintptr_t va, hx_paddr_t pa, uint64_t bytes, uint64_t rights,
	       unsigned max_level)
{
	while (bytes != 0) {
		unsigned level = max_level, found;
		uint64_t *e, n;

		while (level > 0 && (((va | pa) & (SIZE(level) - 1)) != 0 || bytes < SIZE(level)))
			level--;
		e = pt_entry(va, level, true, &found);
		if (e == NULL)
			return -HX_ENOMEM;
		n = hx_min_u64(TABLE_ENTRIES - (va >> SHIFT(level) & (TABLE_ENTRIES - 1)),
			       bytes >> SHIFT(level));
		fill(e, n, pa | rights | (level > 0 ? PTE_PS : 0), SIZE(level));
		n <<= SHIFT(level);
		va += n;
		pa += n;
		bytes -= n;
	}
	return 0;
}

