/* SPDX-License-Identifier: MIT */
/* New rights for pages of the kernel's areas: what loads code writes it first and runs it then. */
#include "pt_priv.h"

static bool in_one_area(uintptr_t va, size_t n_pages)
{
	for (unsigned a = 0; a < HX_AREA_COUNT; a++) {
		struct hx_area_bounds b = hx_mmu_area(a);

		if (va >= b.start && va < b.end)
			return n_pages <= (b.end - va) >> HX_PAGE_SHIFT;
	}
	return false;
}

int hx_mmu_protect(uintptr_t va, size_t n_pages, unsigned flags)
{
	uint64_t rights = (flags & HX_MAP_EXEC ? RIGHTS_X : RIGHTS_R) |
			  (flags & HX_MAP_WRITE ? PTE_W : 0) |
			  (flags & HX_MAP_UNCACHED ? PTE_UC : 0);
	hx_irqflags_t irq;

	if ((va & (HX_PAGE_SIZE - 1)) != 0 || !in_one_area(va, n_pages) ||
	    (flags & (HX_MAP_WRITE | HX_MAP_EXEC)) == (HX_MAP_WRITE | HX_MAP_EXEC))
		return -HX_EINVAL;
	irq = pt_lock();
	for (size_t i = 0; i < n_pages; i++) {
		uintptr_t at = va + (i << HX_PAGE_SHIFT);
		unsigned found;
		uint64_t *e = pt_entry(at, 0, false, &found);

		if (*e != 0)
			*e = (*e & PTE_ADDR) | rights;
		pt_forget_alone(at);
	}
	pt_unlock(irq);
	pt_forget(va, n_pages);
	return 0;
}
