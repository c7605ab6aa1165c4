/* SPDX-License-Identifier: MIT */
/*
 * What every frame allocator must do behind core's front, on whole machines of several sizes:
 * zones, reserves, runs for devices, poison, bad frees.
 */
#include "frames_suite.h"

#define CPUS	4u
#define ALL	(HX_FRAMES_REUSES | HX_FRAMES_KNOWS_RUNS)

static int front_up(void **state)
{
	ops = *state;
	hx_frames_set_poison(false);	/* it would touch all memory of the large machines */
	return 0;
}

static int front_down(void **state)
{
	hx_percpu()->cpu = 0;
	hx_frames_set_poison(true);
	hx_frames_stop();
	hx_host_stop();
	return 0;
}

static void machine(uint64_t mem_bytes)
{
	struct hx_host_params p = { .mem_bytes = mem_bytes };
	const struct hx_boot_info *info;

	assert_int_equal(hx_host_start(&p, &info), 0);
	assert_int_equal(hx_frames_start(ops, info), 0);
}

/* All there is of one order, reserves included. */
static uint64_t take_all(unsigned order, hx_paddr_t *got, uint64_t n_max)
{
	static const unsigned flags[] = { HX_FRAMES_ANY, HX_FRAMES_DMA32, HX_FRAMES_DMA };
	uint64_t n = 0;

	for (unsigned i = 0; i < HX_ARRAY_LEN(flags); i++) {
		while (n < n_max && hx_frames_alloc(order, flags[i], &got[n]) == 0)
			n++;
	}
	return n;
}

static void front_run(uint64_t mem_bytes, const struct hx_mem_range *holes, unsigned n_holes)
{
	struct hx_host_params p = { .mem_bytes = mem_bytes, .holes = holes, .n_holes = n_holes };
	const struct hx_boot_info *info;
	uint64_t usable = 0, n, total, n_free;
	static hx_paddr_t got[4096];
	hx_paddr_t pa;

	hx_host_stop();
	assert_int_equal(hx_host_start(&p, &info), 0);
	assert_int_equal(hx_frames_start(ops, info), 0);
	for (uint32_t i = 0; i < info->n_mem; i++) {
		if (info->mem[i].type == HX_MEM_USABLE)
			usable += (info->mem[i].end - info->mem[i].start) >> HX_PAGE_SHIFT;
	}
	total = hx_frames_total();
	assert_true(total <= usable);
	assert_true(total + total / 256 + 64 > usable);		/* metadata is small */
	assert_int_equal(hx_frames_n_free(), total);
	assert_int_equal(hx_frames_check(), 0);

	/* The wanted zone or a lower one, never a higher. */
	assert_int_equal(hx_frames_alloc(0, HX_FRAMES_DMA, &pa), 0);
	assert_true(pa < 16 * HX_MIB && pa != 0);
	assert_int_equal(hx_frames_free(pa, 0), 0);
	assert_int_equal(hx_frames_alloc(1, HX_FRAMES_DMA32 | HX_FRAMES_ZERO, &pa), 0);
	assert_true(pa < 4 * HX_GIB);
	for (size_t i = 0; i < 2 * HX_PAGE_SIZE; i++)
		assert_int_equal(((uint8_t *)hx_phys_to_virt(pa))[i], 0);
	assert_int_equal(hx_frames_free(pa, 1), 0);
	assert_int_equal(hx_frames_alloc(HX_FRAMES_MAX_ORDER + 1, 0, &pa), -HX_EINVAL);

	/* Single pages go through the cache and still merge when large blocks are wanted. */
	n_free = hx_frames_n_free();
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(hx_frames_alloc(0, 0, &got[i]), 0);
	assert_int_equal(hx_frames_n_free(), n_free - 300);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(hx_frames_free(got[i], 0), 0);
	assert_int_equal(hx_frames_n_free(), n_free);
	n = take_all(HX_FRAMES_MAX_ORDER, got, HX_ARRAY_LEN(got));
	/* A zone's ends, its metadata and each hole may spoil a block or two. */
	assert_true((n + 3 * 3 + 2 * n_holes) * 1024 >= total);
	while (n-- > 0)
		assert_int_equal(hx_frames_free(got[n], HX_FRAMES_MAX_ORDER), 0);
	assert_int_equal(hx_frames_n_free(), total);
	assert_int_equal(hx_frames_check(), 0);
	hx_frames_stop();
	assert_int_equal(hx_frames_alloc(0, 0, &pa), -HX_ENOMEM);
}

static void front_works_from_2_mib_to_6_gib(void **state)
{
	static const uint64_t mib[] = { 2, 32, 256, 3072, 6144 };

	for (unsigned i = 0; i < HX_ARRAY_LEN(mib); i++)
		front_run(mib[i] << 20, NULL, 0);
}

static void front_works_with_holes_in_every_zone(void **state)
{
	static const struct hx_mem_range holes[] = {
		{ .start = 3 * HX_MIB, .end = 3 * HX_MIB + 4096, .type = HX_MEM_RESERVED },
		{ .start = 15 * HX_MIB + 4096, .end = 17 * HX_MIB, .type = HX_MEM_MMIO },
		{ .start = 100 * HX_MIB, .end = 100 * HX_MIB + 3 * 4096, .type = HX_MEM_BAD },
		{ .start = 5 * HX_GIB, .end = 5 * HX_GIB + 4096, .type = HX_MEM_RESERVED },
	};

	front_run(6 * HX_GIB, holes, HX_ARRAY_LEN(holes));
}

/* Every page of a small machine, taken and given back. */
static void front_exhausts_and_recovers(void **state)
{
	struct hx_host_params p = { .mem_bytes = 32 * HX_MIB };
	const struct hx_boot_info *info;
	static hx_paddr_t got[32 * 256];
	static uint8_t seen[32 * 256];
	hx_paddr_t eight, one;
	uint64_t n;

	hx_host_stop();
	assert_int_equal(hx_host_start(&p, &info), 0);
	assert_int_equal(hx_frames_start(ops, info), 0);
	memset(seen, 0, sizeof(seen));
	n = take_all(0, got, HX_ARRAY_LEN(got));
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(seen[got[i] >> HX_PAGE_SHIFT]++, 0);
	assert_int_equal(n, hx_frames_total());
	assert_int_equal(hx_frames_n_free(), 0);
	/* Single pages that lie in core's cache merge when a larger block is wanted. */
	for (uint64_t i = 0; i < n; i++) {
		if (got[i] >= 8 * HX_MIB && got[i] < 8 * HX_MIB + 8 * HX_PAGE_SIZE)
			assert_int_equal(hx_frames_free(got[i], 0), 0);
	}
	assert_int_equal(hx_frames_n_free(), 8);
	assert_int_equal(hx_frames_alloc(3, HX_FRAMES_DMA, &eight), 0);
	assert_int_equal(eight, 8 * HX_MIB);
	assert_int_equal(hx_frames_free(eight, 3), 0);
	for (unsigned i = 0; i < 8; i++)	/* each of them is single again */
		assert_int_equal(hx_frames_alloc(0, HX_FRAMES_DMA, &one), 0);
	while (n-- > 0)
		assert_int_equal(hx_frames_free(got[n], 0), 0);
	assert_int_equal(hx_frames_n_free(), hx_frames_total());
	assert_int_equal(hx_frames_check(), 0);
	for (unsigned i = 0; i < HX_ZONE_COUNT; i++) {
		const struct hx_zone *z = hx_frames_zone(i);

		assert_int_equal(z->n_min_free, 0);	/* the low-water mark saw it */
	}
	hx_frames_stop();
}

static void refused(hx_paddr_t pa, unsigned order, int err)
{
	const char *words = err == -HX_EEXIST ? "double free" : "foreign free";

	if (HX_ENABLED(DEBUG_ASSERT))
		assert_true(HX_TEST_ENDS(HX_TEST_BUG, words, hx_frames_free(pa, order)));
	else
		assert_int_equal(hx_frames_free(pa, order), err);
}

/* Bad frees are named (debug builds stop), counted, and change nothing. */
static void front_refuses_bad_frees(void **state)
{
	struct hx_host_params p = { .mem_bytes = 32 * HX_MIB };
	const struct hx_boot_info *info;
	hx_paddr_t one, four;
	uint64_t n_free, n_refused;

	hx_host_stop();
	assert_int_equal(hx_host_start(&p, &info), 0);
	assert_int_equal(hx_frames_start(ops, info), 0);
	assert_int_equal(hx_frames_alloc(0, 0, &one), 0);
	assert_int_equal(hx_frames_alloc(2, 0, &four), 0);
	assert_int_equal(hx_frames_free(one, 0), 0);
	n_free = hx_frames_n_free();
	n_refused = hx_frames_n_refused();
	refused(one, 0, -HX_EEXIST);
	refused(four, 1, -HX_EINVAL);
	refused(four + HX_PAGE_SIZE, 0, -HX_EINVAL);
	refused(four + 8, 2, -HX_EINVAL);
	refused(0, 0, -HX_EINVAL);
	refused(1ull << 60, 0, -HX_EINVAL);
	refused(four, 99, -HX_EINVAL);
	refused(hx_virt_to_phys(hx_frames_zone(0)->meta), 0, -HX_EINVAL);
	assert_int_equal(hx_frames_n_free(), n_free);
	assert_int_equal(hx_frames_n_refused(), n_refused + 8);
	assert_int_equal(hx_frames_free(four, 2), 0);
	assert_int_equal(hx_frames_check(), 0);
	hx_frames_stop();
}

/* What could use higher memory leaves each low zone its reserve; who needs the zone gets it. */
static void low_zones_keep_a_reserve(void **state)
{
	static hx_paddr_t got[64 * 256];
	struct hx_zone *dma;
	uint64_t n = 0, n_low = 0;

	if (CONFIG_FRAMES_RESERVE == 0)
		skip();
	machine(64 * HX_MIB);
	dma = hx_frames_zone(HX_ZONE_DMA);
	assert_true(dma->n_reserve > 0 && dma->n_reserve < dma->n_pages / 2 + 1);
	while (hx_frames_alloc(0, HX_FRAMES_ANY, &got[n]) == 0)
		n_low += got[n++] < 16 * HX_MIB;
	assert_int_equal(dma->n_free + dma->n_cached, dma->n_reserve);
	assert_int_equal(hx_frames_n_free(), dma->n_reserve);
	assert_int_equal(n_low, dma->n_pages - dma->n_reserve);	/* the order of fall-back */
	for (uint64_t i = 0; i < n - n_low; i++)
		assert_true(got[i] >= 16 * HX_MIB);
	while (hx_frames_alloc(0, HX_FRAMES_DMA, &got[n]) == 0)
		n++;
	assert_int_equal(n, hx_frames_total());
	/* A cached page of the low zone is part of the reserve too. */
	assert_int_equal(hx_frames_free(got[n - 1], 0), 0);
	assert_int_equal(hx_frames_alloc(0, HX_FRAMES_ANY, &got[n - 1]), -HX_ENOMEM);
	assert_int_equal(hx_frames_alloc(0, HX_FRAMES_DMA, &got[n - 1]), 0);
	while (n-- > 0)
		assert_int_equal(hx_frames_free(got[n], 0), 0);
	assert_int_equal(hx_frames_check(), 0);
}

static void runs_are_as_long_as_asked_aligned_and_low(void **state)
{
	static const hx_paddr_t limits[] = { 0, 16 * HX_MIB, 1 * HX_GIB, 4 * HX_GIB, 5 * HX_GIB };
	hx_paddr_t pa;

	if (!HX_ENABLED(FRAMES_RUNS) || ops->split == NULL)
		skip();
	machine(6 * HX_GIB);
	for (unsigned i = 0; i < HX_ARRAY_LEN(limits); i++) {
		for (size_t n = 1; n <= 1024; n += 1 + n / 3) {
			size_t align = HX_PAGE_SIZE << (n * 7 + i) % 11;
			uint64_t n_free = hx_frames_n_free();

			assert_int_equal(hx_frames_alloc_run(n, align, limits[i], 0, &pa), 0);
			assert_int_equal(pa % align, 0);
			assert_true(limits[i] == 0 || pa + n * HX_PAGE_SIZE <= limits[i]);
			assert_int_equal(hx_frames_n_free(), n_free - n);
			memset(hx_phys_to_virt(pa), 0x77, HX_PAGE_SIZE);
			assert_int_equal(hx_frames_free_run(pa, n), 0);
			assert_int_equal(hx_frames_n_free(), n_free);
		}
	}
	assert_int_equal(hx_frames_alloc_run(3, 0, 0, HX_FRAMES_ZERO, &pa), 0);
	for (size_t i = 0; i < 3 * HX_PAGE_SIZE; i++)
		assert_int_equal(((uint8_t *)hx_phys_to_virt(pa))[i], 0);
	assert_int_equal(hx_frames_free_run(pa, 3), 0);
	assert_int_equal(hx_frames_alloc_run(0, 0, 0, 0, &pa), -HX_EINVAL);
	assert_int_equal(hx_frames_alloc_run(1025, 0, 0, 0, &pa), -HX_EINVAL);
	assert_int_equal(hx_frames_alloc_run(1, 3 * HX_PAGE_SIZE, 0, 0, &pa), -HX_EINVAL);
	assert_int_equal(hx_frames_alloc_run(1, 8 * HX_MIB, 0, 0, &pa), -HX_EINVAL);
	assert_int_equal(hx_frames_alloc_run(1, 0, 1 * HX_MIB, 0, &pa), -HX_EINVAL);
	assert_int_equal(hx_frames_alloc_run(1, 0, 0, HX_FRAMES_DMA, &pa), -HX_EINVAL);
	assert_int_equal(hx_frames_free_run(pa, 0), -HX_EINVAL);
	assert_int_equal(hx_frames_check(), 0);
}

/* Runs side by side do not overlap, until there are none, and all of it comes back. */
static void runs_exhaust_and_recover(void **state)
{
	static hx_paddr_t got[16 * 256];
	static uint8_t len[16 * 256];
	uint64_t total, n = 0;

	if (!HX_ENABLED(FRAMES_RUNS) || ops->split == NULL)
		skip();
	machine(16 * HX_MIB);
	total = hx_frames_n_free();
	for (uint8_t pages = 13; pages > 0; pages--) {
		while (hx_frames_alloc_run(pages, 0, 0, 0, &got[n]) == 0) {
			for (size_t i = 0; i < pages; i++)
				*(uint64_t *)hx_phys_to_virt(got[n] + i * HX_PAGE_SIZE) = n;
			len[n++] = pages;
		}
	}
	assert_int_equal(hx_frames_n_free(), 0);
	while (n-- > 0) {
		for (size_t i = 0; i < len[n]; i++)
			assert_int_equal(*(uint64_t *)hx_phys_to_virt(got[n] + i * HX_PAGE_SIZE),
					 n);
		assert_int_equal(hx_frames_free_run(got[n], len[n]), 0);
	}
	assert_int_equal(hx_frames_n_free(), total);
	assert_int_equal(hx_frames_check(), 0);
}

/* A page that is written to after it was freed is named when it is given out again. */
static void poison_finds_writes_after_free(void **state)
{
	static const unsigned offsets[] = { 16, 24, 2000, 4080, 4088 };
	hx_paddr_t pa, again;		/* not in a CPU's cache: last in, first out */
	uint64_t found;

	if (!HX_ENABLED(FRAMES_POISON))
		skip();
	machine(32 * HX_MIB);
	hx_frames_set_poison(true);
	for (unsigned i = 0; i < HX_ARRAY_LEN(offsets); i++) {
		uint8_t *page;

		assert_int_equal(hx_frames_alloc(0, HX_FRAMES_DMA, &pa), 0);
		page = hx_phys_to_virt(pa);
		memset(page, 0, HX_PAGE_SIZE);
		found = hx_frames_n_poisoned();
		assert_int_equal(hx_frames_free(pa, 0), 0);
		assert_int_equal(hx_frames_alloc(0, HX_FRAMES_DMA, &again), 0);
		assert_int_equal(hx_frames_n_poisoned(), found);
		assert_int_equal(hx_frames_free(again, 0), 0);
		page = hx_phys_to_virt(again);
		page[offsets[i]] ^= 1;
		if (HX_ENABLED(DEBUG_ASSERT))
			assert_true(HX_TEST_ENDS(HX_TEST_BUG, "written to after it was freed",
						 (void)!hx_frames_alloc(0, HX_FRAMES_DMA, &pa)));
		else
			assert_int_equal(hx_frames_alloc(0, HX_FRAMES_DMA, &pa), 0);
		assert_int_equal(hx_frames_n_poisoned(), found + 1);
		/* The page was taken all the same; in debug builds only the caller was cut off. */
		assert_int_equal(hx_frames_free(again, 0), 0);
	}
	assert_int_equal(hx_frames_alloc(4, HX_FRAMES_ZERO, &pa), 0);
	for (size_t i = 0; i < 16 * HX_PAGE_SIZE; i++)
		assert_int_equal(((uint8_t *)hx_phys_to_virt(pa))[i], 0);
	assert_int_equal(hx_frames_free(pa, 4), 0);
	assert_int_equal(hx_frames_check(), 0);
}

static bool is_in(const struct hx_zone *z, hx_paddr_t pa)
{
	return (pa >> HX_PAGE_SHIFT) - z->start < z->n_span;
}

/* Pages of a zone in the CPUs' caches, when n of it are taken. */
static uint64_t in_cpu_caches(const struct hx_zone *z, uint64_t n_taken)
{
	return z->n_pages - z->n_free - z->n_cached - n_taken;
}

/* A pair of a low page that comes from a CPU's cache moves nothing in the zone. */
static void low_pages_have_caches_too(void)
{
	const struct hx_zone *dma = hx_frames_zone(HX_ZONE_DMA);
	hx_paddr_t pa, again;
	uint64_t n_free;

	assert_int_equal(hx_frames_check(), 0);		/* empties all caches */
	assert_int_equal(in_cpu_caches(dma, 0), 0);
	hx_percpu()->cpu = 1;
	assert_int_equal(hx_frames_alloc(0, HX_FRAMES_DMA, &pa), 0);
	assert_true(is_in(dma, pa));
	if (dma->n_cache_max == 0) {
		assert_int_equal(hx_frames_free(pa, 0), 0);
		return;
	}
	assert_int_equal(in_cpu_caches(dma, 1), HX_FRAMES_CACHE / 2);
	n_free = dma->n_free;
	assert_int_equal(hx_frames_free(pa, 0), 0);
	assert_int_equal(hx_frames_alloc(0, HX_FRAMES_DMA, &again), 0);
	assert_int_equal(again, pa);
	hx_percpu()->cpu = 2;		/* has none of its own, and leaves the other's alone */
	assert_int_equal(hx_frames_free(again, 0), 0);
	refused(again, 0, -HX_EEXIST);
	assert_int_equal(dma->n_free + dma->n_cached, n_free);
	assert_int_equal(in_cpu_caches(dma, 0), HX_FRAMES_CACHE / 2 + 1);
	/* More are given back than a cache holds: half of it goes to the provider. */
	for (unsigned i = 0; i < 2; i++) {
		static hx_paddr_t many[3 * HX_FRAMES_CACHE];

		for (unsigned k = 0; k < HX_ARRAY_LEN(many); k++)
			assert_int_equal(hx_frames_alloc(0, HX_FRAMES_DMA, &many[k]), 0);
		for (unsigned k = 0; k < HX_ARRAY_LEN(many); k++)
			assert_int_equal(hx_frames_free(many[k], 0), 0);
		assert_in_range(in_cpu_caches(dma, 0), HX_FRAMES_CACHE / 2, 2 * HX_FRAMES_CACHE);
	}
}

/* Pages taken on one CPU and given back on another; what the caches hold is not lost when memory
 * runs out, and a page in a cache is still known as free. In all zones. */
static void cpus_share_what_their_caches_hold(void **state)
{
	static hx_paddr_t got[32 * 256];
	uint64_t total, n = 0, n_low = 0, rng = 1;

	machine(32 * HX_MIB);
	total = hx_frames_total();
	for (unsigned step = 0; step < 100000; step++) {
		uint64_t what = hx_test_random_below(&rng, 100);

		hx_percpu()->cpu = (uint32_t)hx_test_random_below(&rng, CPUS);
		if (what < 50 && n < 2000) {
			unsigned flags = what < 20 ? HX_FRAMES_DMA : HX_FRAMES_ANY;

			if (hx_frames_alloc(0, flags, &got[n]) == 0)
				n_low += is_in(hx_frames_zone(HX_ZONE_DMA), got[n++]);
		} else if (n > 0) {
			uint64_t i = hx_test_random_below(&rng, n);

			assert_int_equal(hx_frames_free(got[i], 0), 0);
			got[i] = got[--n];
		}
		assert_int_equal(hx_frames_n_free(), total - n);
	}
	assert_true(n_low > 10000);
	while (n > 0)
		assert_int_equal(hx_frames_free(got[--n], 0), 0);
	low_pages_have_caches_too();
	hx_percpu()->cpu = 1;
	assert_int_equal(hx_frames_alloc(0, 0, &got[0]), 0);
	assert_int_equal(hx_frames_free(got[0], 0), 0);
	hx_percpu()->cpu = 2;
	refused(got[0], 0, -HX_EEXIST);
	n = take_all(0, got, HX_ARRAY_LEN(got));	/* on this CPU alone */
	assert_int_equal(n, total);
	while (n > 0)
		assert_int_equal(hx_frames_free(got[--n], 0), 0);
	assert_int_equal(hx_frames_check(), 0);
	n = take_all(HX_FRAMES_MAX_ORDER, got, HX_ARRAY_LEN(got));
	assert_true((n + 6) * 1024 >= total);		/* all of them merged */
	while (n > 0)
		assert_int_equal(hx_frames_free(got[--n], HX_FRAMES_MAX_ORDER), 0);
}

/* Also where nothing is reused: every page of every zone once, the low ones last. */
static void every_page_is_given_once(void **state)
{
	static hx_paddr_t got[64 * 256];
	static uint8_t seen[64 * 256];
	uint64_t n, total;

	machine(64 * HX_MIB);
	total = hx_frames_total();
	memset(seen, 0, sizeof(seen));
	n = take_all(0, got, HX_ARRAY_LEN(got));
	assert_int_equal(n, total);
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(seen[got[i] >> HX_PAGE_SHIFT]++, 0);
	assert_int_equal(hx_frames_n_free(), 0);
	while (n-- > 0)				/* in the reverse order nothing is lost */
		assert_int_equal(hx_frames_free(got[n], 0), 0);
	assert_int_equal(hx_frames_n_free(), total);
	assert_int_equal(hx_frames_check(), 0);
}

/* A run for a device, of any number of pages, aligned, below a limit. */
static void device_runs_are_aligned_and_below_the_limit(void **state)
{
	hx_paddr_t pa;

	if (!HX_ENABLED(FRAMES_RUNS))
		skip();
	machine(64 * HX_MIB);
	for (size_t n = 1; n < 300; n += 1 + n / 2) {
		uint64_t n_free = hx_frames_n_free();

		assert_int_equal(hx_frames_alloc_run(n, 64 * HX_KIB, 16 * HX_MIB, HX_FRAMES_ZERO,
						     &pa), 0);
		assert_true(pa % (64 * HX_KIB) == 0 && pa + n * HX_PAGE_SIZE <= 16 * HX_MIB);
		assert_true(hx_frames_n_free() <= n_free - n);
		for (size_t i = 0; i < n * HX_PAGE_SIZE; i += 512)
			assert_int_equal(*(uint8_t *)hx_phys_to_virt(pa + i), 0);
	}
	assert_int_equal(hx_frames_check(), 0);
}

int main(void)
{
	static const struct suite_case cases[] = {
		CASE_IF(ALL, front_works_from_2_mib_to_6_gib),
		CASE_IF(ALL, front_works_with_holes_in_every_zone),
		CASE_IF(ALL, front_exhausts_and_recovers),
		CASE_IF(ALL, front_refuses_bad_frees),
		CASE(every_page_is_given_once),
		CASE(device_runs_are_aligned_and_below_the_limit),
		CASE(low_zones_keep_a_reserve),
		CASE_IF(ALL, runs_are_as_long_as_asked_aligned_and_low),
		CASE_IF(ALL, runs_exhaust_and_recover),
		CASE(poison_finds_writes_after_free),
		CASE_IF(ALL, cpus_share_what_their_caches_hold),
	};

	return suite_run(cases, HX_ARRAY_LEN(cases), front_up, front_down);
}
