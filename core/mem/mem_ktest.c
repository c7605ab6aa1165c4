/* SPDX-License-Identifier: MIT */
/*
 * Memory in the booted kernel: the real map, the real page tables, whatever providers were chosen.
 */
#include <hx/config/core_lib.h>
#include <hx/config/core_mem.h>
#include <hx/config/core_names.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/init.h>
#include <hx/core/ktest.h>
#include <hx/core/names.h>
#include <hx/core/stack.h>
#include <hx/core/string.h>
#include <hx/hal/boot_info.h>
#include <hx/hal/mmu.h>

#define PAGES	200u

static bool is_usable(hx_paddr_t pa, uint64_t size_bytes)
{
	const struct hx_boot_info *info = hx_boot_info();

	for (uint32_t i = 0; i < info->n_mem; i++) {
		const struct hx_mem_range *r = &info->mem[i];

		if (r->type == HX_MEM_USABLE && pa >= r->start && pa + size_bytes <= r->end)
			return true;
	}
	return false;
}

HX_KTEST(frames_come_from_usable_memory)
{
	for (unsigned order = 0; order <= 5; order++) {
		uint64_t size = HX_PAGE_SIZE << order, n_free = hx_frames_n_free();
		hx_paddr_t pa;

		hx_require(t, hx_frames_alloc(order, HX_FRAMES_ZERO, &pa) == 0);
		hx_expect(t, pa % size == 0 && pa != 0);
		hx_expect(t, is_usable(pa, size));
		hx_expect(t, *(uint64_t *)hx_phys_to_virt(pa + size - 8) == 0);
		memset(hx_phys_to_virt(pa), 0xa5, size);
		if (hx_frames_reuses())		/* else some are left out for the alignment */
			hx_expect(t, hx_frames_n_free() == n_free - (1ull << order));
		n_free = hx_frames_n_free() + (1ull << order);
		hx_expect(t, hx_frames_free(pa, order) == 0);
		hx_expect(t, hx_frames_n_free() == n_free);
	}
	hx_expect(t, hx_frames_check() == 0);
}

HX_KTEST(frames_do_not_overlap)
{
	static hx_paddr_t pages[PAGES];
	unsigned n = 0;

	while (n < PAGES && hx_frames_alloc(0, HX_FRAMES_ANY, &pages[n]) == 0) {
		*(hx_paddr_t *)hx_phys_to_virt(pages[n]) = pages[n];
		n++;
	}
	hx_expect(t, n == PAGES || hx_frames_n_free() == 0);
	for (unsigned i = 0; i < n; i++) {
		hx_expect(t, *(hx_paddr_t *)hx_phys_to_virt(pages[i]) == pages[i]);
		hx_expect(t, hx_frames_free(pages[i], 0) == 0);
	}
}

HX_KTEST(frames_zones_are_respected)
{
	hx_paddr_t pa;

	if (hx_frames_zone(HX_ZONE_DMA)->n_free != 0) {	/* a machine may have none left */
		hx_require(t, hx_frames_alloc(0, HX_FRAMES_DMA, &pa) == 0);
		hx_expect(t, pa < 16 * HX_MIB);
		hx_expect(t, hx_frames_free(pa, 0) == 0);
	}
	hx_require(t, hx_frames_alloc(0, HX_FRAMES_DMA32, &pa) == 0);
	hx_expect(t, pa < 4 * HX_GIB);
	hx_expect(t, hx_frames_free(pa, 0) == 0);
}

HX_KTEST(heap_blocks_keep_their_bytes)
{
	static const uint16_t sizes[] = { 1, 16, 60, 64, 200, 1000, 2048, 4096, 6000 };
	uint8_t *p[HX_ARRAY_LEN(sizes)];

	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		p[i] = hx_alloc(sizes[i]);
		if (p[i] == NULL && sizes[i] > HX_PAGE_SIZE)
			continue;	/* a heap may have a largest block */
		hx_require(t, p[i] != NULL && (uintptr_t)p[i] % HX_HEAP_ALIGN == 0);
		memset(p[i], (int)i + 1, sizes[i]);
	}
	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		if (p[i] == NULL)
			continue;
		hx_expect(t, p[i][0] == i + 1 && p[i][sizes[i] - 1] == i + 1);
		hx_expect(t, hx_alloc_size(p[i]) >= sizes[i]);
		hx_free(p[i]);
		hx_expect(t, hx_alloc_size(p[i]) == 0);
	}
	hx_expect(t, hx_heap_check() == 0);
}

HX_KTEST(heap_figures_add_up)
{
	struct hx_heap_stats a, b;
	bool exact = false;
	void *p;

	/* Others may allocate in between, but not each time. */
	for (unsigned i = 0; i < 1000 && !exact; i++) {
		hx_heap_stats(&a);
		p = hx_alloc(100);
		hx_heap_stats(&b);
		exact = b.used_bytes >= a.used_bytes + 100 && b.n_allocs == a.n_allocs + 1;
		hx_free(p);
		hx_heap_stats(&b);
		exact = exact && b.used_bytes == a.used_bytes && b.n_frees == a.n_frees + 1;
	}
	hx_expect(t, exact);
}

HX_KTEST(heap_kth_allocation_fails)
{
	void *p;

	if (!HX_ENABLED(FAULT_INJECTION)) {
		hx_ktest_skip(t, "needs CONFIG_FAULT_INJECTION");
		return;
	}
	hx_heap_fail_at(1);
	p = hx_alloc(32);
	hx_heap_fail_at(0);
	hx_expect(t, p == NULL);
	p = hx_alloc(32);
	hx_expect(t, p != NULL);
	hx_free(p);
}

HX_KTEST(stack_has_a_guard_page)
{
	hx_paddr_t pa;
	unsigned flags;
	size_t size;
	void *stack;

	hx_require(t, hx_stack_alloc(&stack, &size) == 0);
	memset(stack, 0x55, size);
	hx_expect(t, hx_mmu_query((uintptr_t)stack, &pa, &flags) == 0);
	hx_expect(t, (flags & (HX_MAP_WRITE | HX_MAP_EXEC)) == HX_MAP_WRITE);
	hx_expect(t, hx_mmu_query((uintptr_t)stack - 1, &pa, &flags) == -HX_ENOENT);
	hx_expect(t, hx_mmu_query((uintptr_t)stack + size, &pa, &flags) == -HX_ENOENT);
	hx_expect(t, hx_stack_is_guard((uintptr_t)stack - 1));
	hx_expect(t, !hx_stack_is_guard((uintptr_t)stack));
	hx_stack_free(stack);
}

struct map_seen {
	unsigned n, n_bad, n_exec;
};

static void map_look(void *arg, uintptr_t start, uintptr_t end, size_t page_bytes, unsigned flags)
{
	struct map_seen *seen = arg;

	seen->n++;
	seen->n_exec += (flags & HX_MAP_EXEC) != 0;
	seen->n_bad += start >= end || (flags & HX_MAP_WRITE && flags & HX_MAP_EXEC);
}

HX_KTEST(mem_nothing_is_writable_and_executable)
{
	struct map_seen seen = { 0 };
	hx_paddr_t pa;
	unsigned flags;

	hx_mmu_walk(map_look, &seen);
	hx_expect(t, seen.n > 0);
	hx_expect(t, seen.n_bad == 0);
	hx_expect(t, hx_mmu_query((uintptr_t)map_look, &pa, &flags) == 0 && flags & HX_MAP_EXEC);
	hx_expect(t, hx_mmu_query((uintptr_t)hx_phys_to_virt(hx_boot_info()->kernel_phys), &pa,
				  &flags) != 0 || !(flags & HX_MAP_EXEC));
}

static char node_text[33 * 1024];

/* What a node says, into node_text. False: it has nothing to say, or too much. */
static bool node_read(const char *path)
{
	struct hx_text_buf b;

	hx_text_buf_init(&b, node_text, sizeof(node_text));
	return hx_names_show(path, &b.text) == 0 && b.text.total > 0 &&
	       b.text.total < sizeof(node_text);
}

/* The sum of all numbers behind " key=" in node_text. */
static uint64_t node_sum(const char *key)
{
	size_t len = hx_strlen(key);
	uint64_t sum = 0;

	for (const char *p = node_text; (p = hx_strchr(p, ' ')) != NULL; p++) {
		const char *d = p + 1 + len;
		uint64_t n = 0;

		if (hx_strncmp(p + 1, key, len) != 0 || *d != '=')
			continue;
		while (*++d >= '0' && *d <= '9')
			n = n * 10 + (uint64_t)(*d - '0');
		sum += n;
	}
	return sum;
}

HX_KTEST(mem_nodes_tell_the_truth)
{
	struct hx_heap_stats s;
	void *p;

	if (!HX_ENABLED(STATE_NODES)) {
		hx_ktest_skip(t, "needs CONFIG_STATE_NODES");
		return;
	}
	hx_require(t, node_read("/mem/frames"));
	hx_expect(t, node_sum("pages") == hx_frames_total());
	hx_expect(t, node_sum("order0") + node_sum("order10") * 1024 <= hx_frames_total());
	hx_require(t, node_read("/mem/zones"));
	hx_expect(t, node_sum("pages") == hx_frames_total());
	hx_expect(t, node_sum("free_min") <= node_sum("free"));
	p = hx_alloc(3000);
	hx_require(t, p != NULL && node_read("/mem/heap"));
	hx_heap_stats(&s);
	hx_expect(t, node_sum("used_bytes") == s.used_bytes);
	hx_expect(t, node_sum("used_max_bytes") >= s.used_bytes);
	hx_expect(t, node_sum("allocs") == s.n_allocs && node_sum("frees") == s.n_frees);
	hx_expect(t, node_read("/mem/map"));
	if (HX_ENABLED(MEM_LEAKS)) {
		uint64_t before;

		hx_require(t, node_read("/mem/leaks"));
		before = node_sum("blocks");
		hx_free(p);
		hx_require(t, node_read("/mem/leaks"));
		hx_expect(t, node_sum("blocks") == before - 1);
		return;
	}
	hx_free(p);
}
