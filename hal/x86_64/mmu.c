/* SPDX-License-Identifier: MIT */
/*
 * Kernel page tables: four levels, built once at boot, extended page by page at run time.
 *
 * 1 Concepts. Everything is one loop, map_run(): it fills entries of the largest page that address,
 *   length and CPU allow. A table page is seen at table_base + its physical address: 0 (the early
 *   identity map) while booting, the direct map (HHDM) afterwards.
 * 2 Where table pages come from, in this order: the pages that the image brings along, zeroed by
 *   the loader (so they cost no instructions); while booting, a reserve taken from the memory map;
 *   later, the three early tables; then the source that core/mem registers.
 * 3 Locking. One CPU: the map changes with interrupts off.
 * 4 Invariants. (1) No entry is writable and executable. (2) Page 0 and the user half are empty
 *   once live. (3) The image's boot pages (tables, stacks) have no image address: they
 *   are guards of what lies around them.
 * Source: Intel SDM vol. 3, 4.5 (4-level paging), 4.10.4 (invalidation).
 */
#include <hx/config/hal_x86_64.h>
#include <hx/hal/mem.h>
#include <hx/hal/mmu.h>

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

#define HHDM_START	0xffff800000000000ull
#define HHDM_BYTES	(64ull << 40)
#define DEVICE_START	0xffffd00000000000ull
#define SPARE_TABLES	4u
#define WINDOW_PAGES	17u		/* 64 KiB at any offset */

#define RIGHTS_X	(PTE_P | PTE_AD | PTE_G)
#define RIGHTS_R	(PTE_P | PTE_AD | PTE_G | PTE_NX)
#define RIGHTS_W	(PTE_P | PTE_AD | PTE_G | PTE_NX | PTE_W)

__attribute__((section(".bss.hx_boot_pages"), aligned(4096))) struct hx_boot_pages hx_boot_pages;

uintptr_t hx_hhdm_base = HHDM_START;

static hx_paddr_t root;			/* c once live */
static uintptr_t table_base;		/* c once live; 0 while booting */
static uint64_t phys_limit;		/* c once live; past the last physical address */
static uintptr_t device_next = DEVICE_START + WINDOW_PAGES * HX_PAGE_SIZE;
static const struct hx_mmu_table_source *source;
static struct {
	unsigned next;			/* page of hx_boot_pages.tables */
	unsigned recycled;		/* early tables given out again */
	hx_paddr_t reserve, reserve_next, reserve_end;
} pool = { .next = HX_EARLY_TABLES };

static hx_paddr_t image_phys(const void *p, uint64_t slide)
{
	return (uintptr_t)p - slide - HX_IMAGE_OFFSET;
}

static uint64_t *table_at(hx_paddr_t pa)
{
	return (uint64_t *)(table_base + pa);
}

static hx_paddr_t boot_table(unsigned i)
{
	return image_phys(hx_boot_pages.tables[i], hx_x86_boot.kernel_virt -
			  (uintptr_t)hx_x86_boot.kernel_phys - HX_IMAGE_OFFSET);
}

static hx_paddr_t table_take(void)
{
	hx_paddr_t pa;

	if (pool.next < HX_BOOT_TABLES)
		return boot_table(pool.next++);
	if (pool.reserve_next < pool.reserve_end) {
		pa = pool.reserve_next;
		if (table_base == 0 && hx_x86_early_map(pa, HX_PAGE_SIZE) == NULL)
			return 0;
		pool.reserve_next += HX_PAGE_SIZE;
	} else if (table_base != 0 && pool.recycled < HX_EARLY_TABLES) {
		pa = boot_table(pool.recycled++);
	} else {
		return source != NULL ? source->take() : 0;
	}
	memset(table_at(pa), 0, HX_PAGE_SIZE);
	return pa;
}

/*
 * The entry for va at a level, or the entry above it where the way ends: nothing there, or a large
 * page. *found is the level of what is returned. With create, missing tables are made; NULL: there
 * is no page for one.
 */
static uint64_t *entry_of(uintptr_t va, unsigned level, bool create, unsigned *found)
{
	hx_paddr_t table = root;

	for (unsigned l = 3; ; l--) {
		uint64_t *e = &table_at(table)[va >> SHIFT(l) & (TABLE_ENTRIES - 1)];

		*found = l;
		if (l == level || ((*e & PTE_PS) != 0 && l < 3))
			return e;
		if (*e == 0) {
			hx_paddr_t pa = create ? table_take() : 0;

			if (pa == 0)
				return create ? NULL : e;
			*e = pa | PTE_P | PTE_W;
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

static int map_run(uintptr_t va, hx_paddr_t pa, uint64_t bytes, uint64_t rights,
		   unsigned max_level)
{
	while (bytes != 0) {
		unsigned level = max_level, found;
		uint64_t *e, n;

		while (level > 0 && (((va | pa) & (SIZE(level) - 1)) != 0 || bytes < SIZE(level)))
			level--;
		e = entry_of(va, level, true, &found);
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

/* ---- boot */

const void *hx_x86_early_map(hx_paddr_t pa, size_t size)
{
	uint64_t *pdpt = (uint64_t *)boot_table(1);

	if (size > HX_GIB || pa > SIZE(3) - size)
		return NULL;
	for (hx_paddr_t at = hx_align_down(pa, SIZE(1)); at < pa + size; at += SIZE(1)) {
		uint64_t *e = &pdpt[at >> SHIFT(2)], *pd;

		if (*e == 0) {
			if (pool.next == HX_BOOT_TABLES)
				return NULL;
			*e = boot_table(pool.next++) | PTE_P | PTE_W;
		}
		pd = (uint64_t *)(*e & PTE_ADDR);
		pd[at >> SHIFT(1) & (TABLE_ENTRIES - 1)] = at | PTE_P | PTE_W | PTE_PS;
	}
	return (const void *)(uintptr_t)pa;
}

static bool is_ram(const struct hx_mem_range *r)
{
	return r->type == HX_MEM_USABLE || r->type == HX_MEM_ACPI || r->type == HX_MEM_MODULE ||
	       r->type == HX_MEM_BOOT;
}

static int map_hhdm(const struct hx_boot_info *info)
{
	unsigned max_level = hx_x86_has(W_81D, 26) ? 2 : 1;	/* pages of 1 GiB */
	int err = 0;

	for (uint32_t i = 0; i < info->n_mem && err == 0; i++) {
		const struct hx_mem_range *r = &info->mem[i];
		hx_paddr_t start = r->start;

		if (!is_ram(r))
			continue;
		while (i + 1 < info->n_mem && is_ram(r + 1) && r[1].start == r->end)
			r++, i++;
		if (r->end > phys_limit)
			return -HX_EOVERFLOW;
		err = map_run(HHDM_START + start, start, r->end - start, RIGHTS_W, max_level);
	}
	return err;
}

static int map_image_part(const char *start, const char *end, uint64_t rights, uint64_t slide)
{
	return map_run((uintptr_t)start + slide, image_phys(start, 0),
		       hx_align_up((uintptr_t)end, HX_PAGE_SIZE) - (uintptr_t)start, rights, 0);
}

static int map_image(uint64_t slide)
{
	int err = map_image_part(hx_image_start, hx_text_end, RIGHTS_X, slide);

	if (err == 0)
		err = map_image_part(hx_rodata_start, hx_rodata_end, RIGHTS_R, slide);
	if (err == 0)
		err = map_image_part(hx_data_start, hx_data_end, RIGHTS_W, slide);
	if (err == 0)
		err = map_image_part(hx_bss_start, hx_bss_end, RIGHTS_W, slide);
	if (err == 0)
		err = map_image_part(hx_symtab_start, hx_image_end, RIGHTS_R, slide);
	return err;
}

/*
 * From HX_STACKS_START up, a guard page below each:
 *	guard | IST 1 | guard | IST 2 | guard | IST 3 | guard | boot stack || HX_AREA_STACKS …
 */
uintptr_t hx_x86_ist_top(enum hx_ist ist)
{
	return HX_STACKS_START + ist * (HX_PAGE_SIZE + HX_IST_BYTES);
}

uintptr_t hx_x86_boot_stack_top(void)
{
	return hx_x86_ist_top(HX_IST_COUNT - 1) + HX_PAGE_SIZE +
	       hx_align_up(CONFIG_BOOT_STACK_KIB * HX_KIB, HX_PAGE_SIZE);
}

static int map_stacks(void)
{
	hx_paddr_t pa = image_phys(hx_boot_pages.ist, 0);
	uintptr_t boot = hx_x86_ist_top(HX_IST_COUNT - 1) + HX_PAGE_SIZE;
	int err = 0;

	for (unsigned i = HX_IST_DOUBLE_FAULT; i < HX_IST_COUNT && err == 0; i++) {
		err = map_run(hx_x86_ist_top(i) - HX_IST_BYTES, pa, HX_IST_BYTES, RIGHTS_W, 0);
		pa += HX_IST_BYTES;
	}
	if (err == 0)
		err = map_run(boot, pa, hx_x86_boot_stack_top() - boot, RIGHTS_W, 0);
	return err;
}

/* The first free RAM above the image, for tables that do not fit into the image's own pages. */
static void find_reserve(const struct hx_boot_info *info)
{
	for (uint32_t i = 0; i < info->n_mem; i++) {
		const struct hx_mem_range *r = &info->mem[i];

		if (r->type == HX_MEM_USABLE && r->start >= info->kernel_phys) {
			pool.reserve = pool.reserve_next = r->start;
			pool.reserve_end = r->end;
			return;
		}
	}
}

int hx_x86_mmu_build(uint64_t slide, hx_paddr_t *root_out)
{
	const struct hx_boot_info *info = &hx_x86_boot;
	int err;

	phys_limit = hx_min_u64(1ull << (hx_cpuid(0x80000008, 0).a & 0xff), HHDM_BYTES);
	find_reserve(info);
	root = table_take();
	if (root == 0)
		return -HX_ENOMEM;
	err = map_image(slide);
	if (err == 0)
		err = map_stacks();
	if (err == 0)
		err = map_hhdm(info);
	/* boot_switch goes on in the identity map until it jumps to the slid image. */
	table_at(root)[0] = boot_table(1) | PTE_P | PTE_W;
	*root_out = root;
	return err;
}

int hx_x86_mmu_live(void)
{
	uint64_t spare;

	table_base = HHDM_START;
	table_at(root)[0] = 0;
	__asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory");
	/* Keep a few for mappings before core/mem registers a source. */
	spare = pool.next < HX_BOOT_TABLES ? 0 : SPARE_TABLES * HX_PAGE_SIZE;
	pool.reserve_end = hx_min_u64(pool.reserve_end, pool.reserve_next + spare);
	return hx_memmap_add(&hx_x86_boot, pool.reserve, pool.reserve_end, HX_MEM_BOOT);
}

/* ---- run time */

struct hx_area_bounds hx_mmu_area(enum hx_area area)
{
	static const struct hx_area_bounds bounds[HX_AREA_COUNT] = {
		[HX_AREA_HEAP] = { 0xffffc00000000000, 0xffffd00000000000 },
		[HX_AREA_DEVICE] = { DEVICE_START, 0xffffe00000000000 },
		[HX_AREA_MODULES] = { 0xffffe00000000000, 0xfffff00000000000 },
		/* The last page of the address space stays out: its end would be 0. */
		[HX_AREA_STACKS] = { HX_STACKS_START, -HX_PAGE_SIZE },
	};
	struct hx_area_bounds b = bounds[area];

	if (area == HX_AREA_STACKS)
		b.start = hx_x86_boot_stack_top();
	return b;
}

void hx_mmu_set_table_source(const struct hx_mmu_table_source *src)
{
	source = src;
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
		uint64_t *e = entry_of(va, 0, true, &found);
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

int hx_mmu_map(uintptr_t va, hx_paddr_t pa, size_t n_pages, unsigned flags)
{
	uint64_t rights = flags & HX_MAP_EXEC ? RIGHTS_X : RIGHTS_R;
	hx_irqflags_t irq;
	int err;

	if (((va | pa) & (HX_PAGE_SIZE - 1)) != 0 || !in_an_area(va, n_pages) || pa > phys_limit ||
	    n_pages > (phys_limit - pa) >> HX_PAGE_SHIFT ||
	    (flags & (HX_MAP_WRITE | HX_MAP_EXEC)) == (HX_MAP_WRITE | HX_MAP_EXEC))
		return -HX_EINVAL;
	rights |= (flags & HX_MAP_WRITE ? PTE_W : 0) | (flags & HX_MAP_UNCACHED ? PTE_UC : 0);
	irq = hx_irq_save();
	err = prepare(va, n_pages);
	if (err == 0)
		err = map_run(va, pa, n_pages << HX_PAGE_SHIFT, rights, 0);
	hx_irq_restore(irq);
	return err;
}

void hx_mmu_unmap(uintptr_t va, size_t n_pages)
{
	hx_irqflags_t irq = hx_irq_save();

	for (; n_pages != 0; n_pages--, va += HX_PAGE_SIZE) {
		unsigned found;

		*entry_of(va, 0, false, &found) = 0;
		__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
	}
	hx_irq_restore(irq);
}

static unsigned flags_of(uint64_t e)
{
	return (e & PTE_W ? HX_MAP_WRITE : 0) | (e & PTE_NX ? 0 : HX_MAP_EXEC) |
	       (e & PTE_UC ? HX_MAP_UNCACHED : 0);
}

int hx_mmu_query(uintptr_t va, hx_paddr_t *pa, unsigned *flags)
{
	unsigned level;
	uint64_t *e;

	if ((uint64_t)((int64_t)va << 16 >> 16) != va)
		return -HX_ENOENT;
	e = entry_of(va, 0, false, &level);
	if (*e == 0)
		return -HX_ENOENT;
	*pa = (*e & PTE_ADDR & ~(SIZE(level) - 1)) | (va & (SIZE(level) - 1));
	*flags = flags_of(*e);
	return 0;
}

void hx_mmu_walk(void (*visit)(void *arg, uintptr_t start, uintptr_t end, size_t page_bytes,
			       unsigned flags), void *arg)
{
	uintptr_t start = 0, end = 0, va = HHDM_START;
	size_t page = 0;
	unsigned flags = 0;

	do {
		unsigned level;
		uint64_t e = *entry_of(va, 0, false, &level);

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
	uintptr_t va = device_next;

	if (size_bytes > HHDM_BYTES ||
	    hx_mmu_map(va, pa - offset, n_pages, HX_MAP_WRITE | HX_MAP_UNCACHED) != 0)
		return NULL;
	device_next += n_pages << HX_PAGE_SHIFT;
	return (void *)(va + offset);
}

const void *hx_x86_window(hx_paddr_t pa, size_t size)
{
	static hx_paddr_t shown;
	static size_t n_shown;
	size_t offset = pa & (HX_PAGE_SIZE - 1);
	size_t n_pages = (offset + size + HX_PAGE_SIZE - 1) >> HX_PAGE_SHIFT;

	if (size > (WINDOW_PAGES - 1) * HX_PAGE_SIZE)
		return NULL;
	if (pa - offset != shown || n_pages > n_shown) {
		hx_mmu_unmap(DEVICE_START, n_shown);
		n_shown = 0;
		if (hx_mmu_map(DEVICE_START, pa - offset, n_pages, HX_MAP_READ) != 0)
			return NULL;
		shown = pa - offset;
		n_shown = n_pages;
	}
	return (const void *)(DEVICE_START + offset);
}
