/* SPDX-License-Identifier: MIT */
/*
 * What another frame allocator has to know of a page (CONFIG_FRAMES_SWAP).
 */
#include "bitmap_priv.h"

static bool bitmap_all_free(const struct bitmap *b, uint64_t bit, unsigned order)
{
	uint64_t end = bit + (1ull << order);

	return hx_bitmap_find_clear(b->free, end, bit) == end &&
	       hx_bitmap_find_set(b->head, end, bit) == end;
}

static uint8_t bitmap_look(const struct hx_zone *z, hx_pfn_t pfn)
{
	const struct bitmap *b = bitmap_of(z);
	uint64_t bit = pfn - b->base, n_bits = b->n_words * 64;
	bool is_free = hx_bitmap_test(b->free, bit);
	unsigned k = 0;

	if (is_free == hx_bitmap_test(b->head, bit))
		return HX_PAGE_NONE;
	/* The map is as long as the largest runs, so that an aligned one does not leave it. */
	for (; k < HX_FRAMES_MAX_ORDER && (bit & (1ull << k)) == 0; k++) {
		uint64_t next = bit + (1ull << k);

		if (is_free ? !bitmap_all_free(b, next, k)
			    : next >= n_bits || hx_bitmap_test(b->free, next) ||
			      hx_bitmap_test(b->head, next))
			break;
	}
	return (uint8_t)((is_free ? HX_PAGE_FREE : HX_PAGE_TAKEN) | k);
}

static void bitmap_drop(struct hx_zone *z, hx_pfn_t pfn, uint8_t run)
{
	struct bitmap *b = bitmap_of(z);

	hx_bitmap_set_range(b->free, pfn - b->base, 1ull << (run & HX_PAGE_ORDER));
	hx_bitmap_set_range(b->head, pfn - b->base, 1ull << (run & HX_PAGE_ORDER));
}

static void bitmap_adopt(struct hx_zone *z, hx_pfn_t pfn, uint8_t run)
{
	struct bitmap *b = bitmap_of(z);

	hx_bitmap_clear_range(b->head, pfn - b->base, 1ull << (run & HX_PAGE_ORDER));
	if ((run & HX_PAGE_CACHED) == HX_PAGE_FREE)
		return;
	hx_bitmap_clear_range(b->free, pfn - b->base, 1ull << (run & HX_PAGE_ORDER));
	hx_bitmap_set(b->head, pfn - b->base);
}

static const struct hx_frames_swap_ops bitmap_swap_ops = {
	.abi = HX_FRAMES_SWAP_ABI, .name = "bitmap",
	.look = bitmap_look, .drop = bitmap_drop, .adopt = bitmap_adopt,
};
HX_FRAMES_SWAP(bitmap_swap_ops);
