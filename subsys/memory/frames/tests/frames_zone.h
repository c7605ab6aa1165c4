/* SPDX-License-Identifier: MIT */
/*
 * A zone made by hand over the frame allocator on trial, and a model of whose its pages are.
 */
#ifndef FRAMES_ZONE_H
#define FRAMES_ZONE_H

#include "frames_suite.h"

#define BASE_PFN	0x801u		/* odd on purpose: not aligned to any order above 0 */
#define MAX_PAGES	6000u
#define ALL		(HX_FRAMES_REUSES | HX_FRAMES_KNOWS_RUNS)
#define MACHINE_BYTES	((uint64_t)64 << 20)

struct range {
	hx_pfn_t start, end;
};

static struct hx_zone zone;
static uint8_t owner[MAX_PAGES + 1];	/* the model: 0 free, 1 taken, 2 hole */

static inline int machine_on(void **state)
{
	struct hx_host_params p = { .mem_bytes = MACHINE_BYTES, .seed = 1 };
	const struct hx_boot_info *info;

	ops = *state;
	rng_state = hx_test_seed();
	return hx_host_start(&p, &info);
}

static inline int machine_off(void **state)
{
	free(zone.meta);
	zone.meta = NULL;
	hx_host_stop();
	return 0;
}

/* A zone of the given free ranges (page numbers relative to BASE_PFN). */
static inline void make_zone(const struct range *r, unsigned n)
{
	memset(&zone, 0, sizeof(zone));
	memset(owner, 2, sizeof(owner));
	zone.name = "test";
	zone.start = BASE_PFN + r[0].start;
	zone.end = BASE_PFN + r[n - 1].end;
	zone.n_span = zone.end - zone.start;
	zone.meta_bytes = ops->meta_bytes(zone.n_span);
	zone.meta = malloc(zone.meta_bytes);
	memset(zone.meta, 0x5a, zone.meta_bytes);	/* init() may not count on zeroes */
	assert_int_equal(ops->init(&zone), 0);
	for (unsigned i = 0; i < n; i++) {
		ops->add_range(&zone, BASE_PFN + r[i].start, BASE_PFN + r[i].end);
		zone.n_pages += r[i].end - r[i].start;
		memset(owner + r[i].start, 0, r[i].end - r[i].start);
	}
	zone.n_free = zone.n_pages;
}

static inline void check_zone(void)
{
	uint64_t by_order[HX_FRAMES_MAX_ORDER + 1] = { 0 }, n = 0;

	if (ops->check != NULL)
		assert_int_equal(ops->check(&zone), 0);
	if (ops->count_free == NULL)
		return;
	ops->count_free(&zone, by_order);
	for (unsigned k = 0; k <= HX_FRAMES_MAX_ORDER; k++)
		n += by_order[k] << k;
	assert_int_equal(n, zone.n_free);
}

/* Take a block, check the answer against the model, fill it so that overlaps with links show. */
static inline int take(unsigned order, hx_pfn_t *pfn)
{
	uint64_t n = 1ull << order;
	int err = ops->alloc(&zone, order, pfn);

	if (err != 0) {
		assert_int_equal(err, -HX_ENOMEM);
		return err;
	}
	assert_int_equal(*pfn & (n - 1), 0);
	assert_true(*pfn >= zone.start && *pfn + n <= zone.end);
	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(owner[*pfn - BASE_PFN + i], 0);
		owner[*pfn - BASE_PFN + i] = 1;
	}
	memset(hx_phys_to_virt(*pfn << HX_PAGE_SHIFT), 0xa5, HX_PAGE_SIZE);
	zone.n_free -= n;
	return 0;
}

static inline void give(hx_pfn_t pfn, unsigned order)
{
	assert_int_equal(ops->free(&zone, pfn, order), 0);
	memset(owner + (pfn - BASE_PFN), 0, 1u << order);
	zone.n_free += 1ull << order;
}

static inline uint64_t drain(unsigned order, hx_pfn_t *pfns)
{
	uint64_t n = 0;

	while (take(order, &pfns[n]) == 0)
		n++;
	return n;
}

/* How many blocks of an order the model can still give: aligned, all free. */
static inline uint64_t model_blocks(unsigned order)
{
	uint64_t n = 0, size = 1ull << order;

	hx_pfn_t end = BASE_PFN + MAX_PAGES;

	for (hx_pfn_t p = hx_align_up(BASE_PFN, size); p + size <= end; p += size) {
		uint64_t i = 0;

		while (i < size && owner[p - BASE_PFN + i] == 0)
			i++;
		n += i == size;
	}
	return n;
}

static const struct range plain[] = { { 0, MAX_PAGES } };
static const struct range holed[] = { { 3, 4 }, { 7, 64 }, { 65, 1500 }, { 1501, 1502 },
				      { 1600, 4097 }, { 5000, 5999 } };

#endif
