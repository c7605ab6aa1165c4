/* SPDX-License-Identifier: MIT */
/*
 * What the name space shows of memory: /mem/zones, /mem/frames, /mem/heap, /mem/map.
 */
#include <hx/config/core_mem.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/init.h>
#include <hx/core/names.h>
#include <hx/hal/boot_info.h>
#include <hx/hal/mmu.h>

#include "mem_priv.h"

static HX_COLD int zones_show(struct hx_text *out, const struct hx_node_args *args)
{
	for (unsigned i = 0; i < HX_ZONE_COUNT; i++) {
		const struct hx_zone *z = hx_frames_zone(i);
		uint64_t n_free = z->n_free + frames_n_cached(z);
		uint64_t n_min = hx_min_u64(z->n_min_free, n_free);

		hx_text_printf(out, "zone=%s start_bytes=%ju end_bytes=%ju pages=%ju free=%ju "
			       "free_min=%ju reserve=%ju meta_bytes=%zu\n", z->name,
			       z->start << HX_PAGE_SHIFT, z->end << HX_PAGE_SHIFT,
			       z->n_pages, n_free, n_min, z->n_reserve, z->meta_bytes);
	}
	return 0;
}

static HX_COLD int frames_show(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_printf(out, "provider=%s pages=%ju free=%ju refused=%ju page_bytes=%zu",
		       hx_frames_provider(), hx_frames_total(), hx_frames_n_free(),
		       hx_frames_n_refused(), HX_PAGE_SIZE);
	if (HX_ENABLED(FRAMES_POISON))
		hx_text_printf(out, " poisoned=%ju", hx_frames_n_poisoned());
	hx_text_puts(out, "\n");
	for (unsigned i = 0; i < HX_ZONE_COUNT; i++) {
		struct hx_zone *z = hx_frames_zone(i);
		uint64_t by_order[HX_FRAMES_MAX_ORDER + 1];

		if (z->n_pages == 0)
			continue;
		hx_frames_count_free(z, by_order);
		hx_text_printf(out, "zone=%s cached=%ju", z->name, frames_n_cached(z));
		for (unsigned k = 0; k <= HX_FRAMES_MAX_ORDER; k++)
			hx_text_printf(out, " order%u=%ju", k, by_order[k]);
		hx_text_puts(out, "\n");
	}
	return 0;
}

static HX_COLD int heap_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct hx_heap_stats s;

	hx_heap_stats(&s);
	hx_text_printf(out, "provider=%s reserved_bytes=%ju used_bytes=%ju used_max_bytes=%ju "
		       "allocs=%ju frees=%ju failed=%ju refused=%ju\n", hx_heap_provider(),
		       s.reserved_bytes, s.used_bytes, s.used_max_bytes,
		       s.n_allocs, s.n_frees, s.n_failed,
		       hx_heap_n_refused());
	if (HX_ENABLED(HEAP_REDZONES))
		hx_text_printf(out, "redzones=on damaged_now=%ju damaged=%ju\n", hx_heap_sweep(),
			       hx_heap_n_damaged());
	hx_heap_show(out);
	return 0;
}

static HX_COLD void map_visit(void *arg, uintptr_t start, uintptr_t end, size_t page_bytes,
			      unsigned flags)
{
	hx_text_printf(arg, "map start=0x%jx end=0x%jx page_bytes=%zu rights=r%c%c%s\n",
		       (uintmax_t)start, (uintmax_t)end, page_bytes,
		       flags & HX_MAP_WRITE ? 'w' : '-', flags & HX_MAP_EXEC ? 'x' : '-',
		       flags & HX_MAP_UNCACHED ? " cache=off" : "");
}

static HX_COLD int map_show(struct hx_text *out, const struct hx_node_args *args)
{
	static const char *const type[] = {
		[HX_MEM_USABLE] = "usable", [HX_MEM_RESERVED] = "reserved", [HX_MEM_ACPI] = "acpi",
		[HX_MEM_NVS] = "nvs", [HX_MEM_BAD] = "bad", [HX_MEM_KERNEL] = "kernel",
		[HX_MEM_MODULE] = "module", [HX_MEM_BOOT] = "boot", [HX_MEM_MMIO] = "mmio",
	};
	static const char *const area[HX_AREA_COUNT] = {
		[HX_AREA_HEAP] = "heap", [HX_AREA_DEVICE] = "device",
		[HX_AREA_MODULES] = "modules", [HX_AREA_STACKS] = "stacks",
	};
	const struct hx_boot_info *info = hx_boot_info();

	for (uint32_t i = 0; i < info->n_mem; i++) {
		const struct hx_mem_range *r = &info->mem[i];

		hx_text_printf(out, "ram start=0x%jx end=0x%jx type=%s\n", r->start,
			       r->end, r->type < HX_ARRAY_LEN(type) ? type[r->type] : "unknown");
	}
	for (unsigned i = 0; i < HX_AREA_COUNT; i++) {
		struct hx_area_bounds b = hx_mmu_area(i);

		hx_text_printf(out, "area name=%s start=0x%jx end=0x%jx\n", area[i],
			       (uintmax_t)b.start, (uintmax_t)b.end);
	}
	hx_mmu_walk(map_visit, out);
	return 0;
}

static const struct hx_node zones_node = {
	.path = "/mem/zones", .help = "memory zones: span, pages, free pages, low-water mark",
	.rights = HX_NODE_READ, .max_bytes = 1024, .show = zones_show,
};
HX_NODE(zones_node);

static const struct hx_node frames_node = {
	.path = "/mem/frames", .help = "frame allocator: totals, and free blocks by order",
	.rights = HX_NODE_READ, .max_bytes = 2048, .show = frames_show,
};
HX_NODE(frames_node);

static const struct hx_node heap_node = {
	.path = "/mem/heap", .help = "kernel heap: totals, and what its provider shows",
	.rights = HX_NODE_READ, .max_bytes = 4096, .show = heap_show,
};
HX_NODE(heap_node);

static const struct hx_node map_node = {
	.path = "/mem/map", .help = "ranges of the boot map, the kernel's areas, then its mappings",
	.rights = HX_NODE_READ, .max_bytes = 32768, .show = map_show,
};
HX_NODE(map_node);
