/* SPDX-License-Identifier: MIT */
/*
 * The final page tables, built once at boot: image, stacks, direct map. hx_x86_mmu_build() runs on
 * boot.S's tables, hx_x86_mmu_live() on the new ones.
 */
#include <hx/hal/mem.h>

#include "pt_priv.h"

#define SPARE_TABLES	4u

const void *hx_x86_early_map(hx_paddr_t pa, size_t size)
{
	uint64_t *pdpt = (uint64_t *)pt_boot_table(1);

	if (size > HX_GIB || pa > SIZE(3) - size)
		return NULL;
	for (hx_paddr_t at = hx_align_down(pa, SIZE(1)); at < pa + size; at += SIZE(1)) {
		uint64_t *e = &pdpt[at >> SHIFT(2)], *pd;

		if (*e == 0) {
			if (pt.n_taken == LOADED_TABLES)
				return NULL;
			*e = pt_boot_table(HX_EARLY_TABLES + pt.n_taken++) | PTE_P | PTE_W;
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
		if (r->end > pt.phys_limit)
			return -HX_EOVERFLOW;
		err = pt_map_run(hx_hhdm_base + start, start, r->end - start, RIGHTS_W, max_level);
	}
	return err;
}

static HX_NOINLINE int map_image_part(const char *start, const char *end, uint64_t rights,
					  uint64_t slide)
{
	return pt_map_run((uintptr_t)start + slide, pt_image_phys(start, 0),
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
	hx_paddr_t pa = pt_image_phys(hx_boot_pages.ist, 0);
	uintptr_t boot = hx_x86_ist_top(HX_IST_COUNT - 1) + HX_PAGE_SIZE;
	int err = 0;

	for (unsigned i = HX_IST_DOUBLE_FAULT; i < HX_IST_COUNT && err == 0; i++) {
		err = pt_map_run(hx_x86_ist_top(i) - HX_IST_BYTES, pa, HX_IST_BYTES, RIGHTS_W, 0);
		pa += HX_IST_BYTES;
	}
	if (err == 0)
		err = pt_map_run(boot, pa, hx_x86_boot_stack_top() - boot, RIGHTS_W, 0);
	return err;
}

/* The first free RAM above the image, for tables that do not fit into the image's own pages. */
static void find_reserve(const struct hx_boot_info *info)
{
	for (uint32_t i = 0; i < info->n_mem; i++) {
		const struct hx_mem_range *r = &info->mem[i];

		if (r->type == HX_MEM_USABLE && r->start >= info->kernel_phys) {
			pt.reserve = pt.reserve_next = r->start;
			pt.reserve_end = r->end;
			return;
		}
	}
}

int hx_x86_mmu_build(uint64_t slide, hx_paddr_t *root_out)
{
	const struct hx_boot_info *info = &hx_x86_boot;
	int err;

	hx_x86_has_la57 = HX_ENABLED(LA57) && (hx_cr4() & HX_CR4_LA57) != 0;
	hx_hhdm_base = pt_scaled(HHDM_48);
	pt.phys_limit = hx_min_u64(1ull << (hx_cpuid(0x80000008, 0).a & 0xff), pt_hhdm_bytes());
	find_reserve(info);
	pt.root = pt_take();
	if (pt.root == 0)
		return -HX_ENOMEM;
	err = map_image(slide);
	if (err == 0)
		err = map_stacks();
	if (err == 0)
		err = map_hhdm(info);
	/* boot_switch goes on in the identity map until it jumps to the slid image. */
	table_at(pt.root)[0] = pt_boot_table(pt_levels() == 5 ? 0 : 1) | PTE_P | PTE_W;
	*root_out = pt.root;
	return err;
}

int hx_x86_mmu_live(void)
{
	uint64_t spare;

	pt.table_base = hx_hhdm_base;
	table_at(pt.root)[0] = 0;
	__asm__ volatile("mov %0, %%cr3" : : "r"(pt.root) : "memory");
	/* Keep a few for mappings before core/mem registers a source. */
	spare = pt.n_taken < LOADED_TABLES ? 0 : SPARE_TABLES * HX_PAGE_SIZE;
	pt.reserve_end = hx_min_u64(pt.reserve_end, pt.reserve_next + spare);
	return hx_memmap_add(&hx_x86_boot, pt.reserve, pt.reserve_end, HX_MEM_BOOT);
}

