/* SPDX-License-Identifier: MIT */
/*
 * The kernel's map at run time: the areas, mapping pages into them and taking them out, looking.
 * Source: Intel SDM vol. 3, 4.5 (paging), 4.10.4 (invalidation).
 */
#include "pt_priv.h"

#define MODULES_48	0xffffe00000000000ull
#define WINDOW_PAGES	17u		/* 64 KiB at any offset */

uintptr_t hx_hhdm_base = HHDM_48;

static uintptr_t device_used = (WINDOW_PAGES + 1) * HX_PAGE_SIZE;

struct hx_area_bounds hx_mmu_area(enum hx_area area)
{
	static const struct hx_area_bounds bounds[HX_AREA_COUNT] = {
		[HX_AREA_HEAP] = { HHDM_48 + HHDM_48_BYTES, DEVICE_48 },
		[HX_AREA_DEVICE] = { DEVICE_48, MODULES_48 },
		[HX_AREA_MODULES] = { MODULES_48, MODULES_48 + (16ull << 40) },
		/* The last page of the address space stays out: its end would be 0. */
		[HX_AREA_STACKS] = { HX_STACKS_START, -HX_PAGE_SIZE },
	};
	struct hx_area_bounds b = bounds[area];

	if (area == HX_AREA_STACKS)
		b.start = hx_x86_boot_stack_top();
	else
		b = (struct hx_area_bounds){ pt_scaled(b.start), pt_scaled(b.end) };
	return b;
}

void hx_mmu_set_table_source(const struct hx_mmu_table_source *src)
{
	pt.source = src;
}

static bool in_an_area(uintptr_t va, size_t n_pages)
{
	for (unsigned a = 0; a < HX_AREA_COUNT; a++) {
		struct hx_area_bounds b = hx_mmu_area(a);

		if (va >= b.start && va < b.end)
			return n_pages <= (b.end - va) >> HX_PAGE_SHIFT;
	}
	return false;
}

/* Make the tables for a run and see that nothing is mapped: after this, mapping cannot fail. */
static int prepare(uintptr_t va, size_t n_pages)
{
	while (n_pages != 0) {
		unsigned found;
		uint64_t *e = pt_entry(va, 0, true, &found);
		size_t n = TABLE_ENTRIES - (va >> HX_PAGE_SHIFT) % TABLE_ENTRIES;

		if (e == NULL)
			return -HX_ENOMEM;
		n = hx_min_u64(n, n_pages);
		for (size_t i = 0; i < n; i++)
			if (e[i] != 0)
				return -HX_EEXIST;
		va += n << HX_PAGE_SHIFT;
		n_pages -= n;
	}
	return 0;
}

void hx_mmu_set_hooks(const struct hx_mmu_hooks *hooks)
{
	if (HX_ENABLED(SMP))
		pt.hooks = hooks;
}

int hx_mmu_map(uintptr_t va, hx_paddr_t pa, size_t n_pages, unsigned flags)
{
	uint64_t rights = flags & HX_MAP_EXEC ? RIGHTS_X : RIGHTS_R;
	hx_irqflags_t irq;
	int err;

	if (((va | pa) & (HX_PAGE_SIZE - 1)) != 0 || !in_an_area(va, n_pages) ||
	    pa > pt.phys_limit || n_pages > (pt.phys_limit - pa) >> HX_PAGE_SHIFT ||
	    (flags & (HX_MAP_WRITE | HX_MAP_EXEC)) == (HX_MAP_WRITE | HX_MAP_EXEC))
		return -HX_EINVAL;
	rights |= (flags & HX_MAP_WRITE ? PTE_W : 0) | (flags & HX_MAP_UNCACHED ? PTE_UC : 0);
	irq = pt_lock();
	err = prepare(va, n_pages);
	if (err == 0)
		err = pt_map_run(va, pa, n_pages << HX_PAGE_SHIFT, rights, 0);
	pt_unlock(irq);
	return err;
}

void hx_mmu_unmap(uintptr_t va, size_t n_pages)
{
	hx_irqflags_t irq = pt_lock();

	for (size_t i = 0; i < n_pages; i++) {
		unsigned found;

		*pt_entry(va + (i << HX_PAGE_SHIFT), 0, false, &found) = 0;
		pt_forget_alone(va + (i << HX_PAGE_SHIFT));
	}
	pt_unlock(irq);
	pt_forget(va, n_pages);
}

static unsigned flags_of(uint64_t e)
{
	return (e & PTE_W ? HX_MAP_WRITE : 0) | (e & PTE_NX ? 0 : HX_MAP_EXEC) |
	       (e & PTE_UC ? HX_MAP_UNCACHED : 0);
}

int hx_mmu_query(uintptr_t va, hx_paddr_t *pa, unsigned *flags)
{
	unsigned level, unused = 64 - SHIFT(pt_levels());
	uint64_t *e;

	if ((uint64_t)((int64_t)va << unused >> unused) != va)
		return -HX_ENOENT;
	e = pt_entry(va, 0, false, &level);
	if (*e == 0)
		return -HX_ENOENT;
	*pa = (*e & PTE_ADDR & ~(SIZE(level) - 1)) | (va & (SIZE(level) - 1));
	*flags = flags_of(*e);
	return 0;
}

void hx_mmu_walk(void (*visit)(void *arg, uintptr_t start, uintptr_t end, size_t page_bytes,
			       unsigned flags), void *arg)
{
	uintptr_t start = 0, end = 0, va = hx_hhdm_base;
	size_t page = 0;
	unsigned flags = 0;

	do {
		unsigned level;
		uint64_t e = *pt_entry(va, 0, false, &level);

		if (e != 0 && end == va && start != end && page == SIZE(level) &&
		    flags == flags_of(e)) {
			end += page;
		} else if (e != 0 || (start != end && end == va)) {
			if (start != end)
				visit(arg, start, end, page, flags);
			start = end = va;
			page = SIZE(level);
			flags = flags_of(e);
			end += e != 0 ? page : 0;
		}
		va += SIZE(level);
	} while (va != 0);
	if (start != end)
		visit(arg, start, end, page, flags);
}

void *hx_mmu_map_device(hx_paddr_t pa, size_t size_bytes)
{
	size_t offset = pa & (HX_PAGE_SIZE - 1);
	size_t n_pages = (offset + size_bytes + HX_PAGE_SIZE - 1) >> HX_PAGE_SHIFT;
	size_t bytes = (n_pages + 1) << HX_PAGE_SHIFT;
	uintptr_t va = pt_scaled(DEVICE_48);

	if (size_bytes > HHDM_48_BYTES)
		return NULL;
	if (HX_ENABLED(SCREEN))
		hx_x86_screen_pass(&device_used, bytes);
	if (HX_ENABLED(SMP)) {
		va += __atomic_fetch_add(&device_used, bytes, __ATOMIC_RELAXED);
	} else {
		va += device_used;
		device_used += bytes;
	}
	if (hx_mmu_map(va, pa - offset, n_pages, HX_MAP_WRITE | HX_MAP_UNCACHED) != 0)
		return NULL;
	return (void *)(va + offset);
}

const void *hx_x86_window(hx_paddr_t pa, size_t size)
{
	static hx_paddr_t shown;
	static size_t n_shown;
	size_t offset = pa & (HX_PAGE_SIZE - 1);
	size_t n_pages = (offset + size + HX_PAGE_SIZE - 1) >> HX_PAGE_SHIFT;
	uintptr_t va = pt_scaled(DEVICE_48);

	if (size > (WINDOW_PAGES - 1) * HX_PAGE_SIZE)
		return NULL;
	if (pa - offset != shown || n_pages > n_shown) {
		hx_mmu_unmap(va, n_shown);
		n_shown = 0;
		if (hx_mmu_map(va, pa - offset, n_pages, HX_MAP_READ) != 0)
			return NULL;
		shown = pa - offset;
		n_shown = n_pages;
	}
	return (const void *)(va + offset);
}
