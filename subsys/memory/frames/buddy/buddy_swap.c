/* SPDX-License-Identifier: MIT */
/*
 * What another frame allocator has to know of a page (CONFIG_FRAMES_SWAP).
 */
#include "buddy_priv.h"

static uint8_t buddy_look(const struct hx_zone *z, hx_pfn_t pfn)
{
	uint8_t s = z->state[pfn - z->start];

	if (s != HX_PAGE_NONE)
		return s;
	/* In a free block, perhaps: its first page is below. */
	for (unsigned k = 1; k <= HX_FRAMES_MAX_ORDER; k++) {
		hx_pfn_t head = hx_align_down(pfn, 1ull << k);

		if (head < z->start)
			break;
		s = z->state[head - z->start];
		if ((s & HX_PAGE_CACHED) == HX_PAGE_FREE && (s & HX_PAGE_ORDER) >= k)
			return (uint8_t)(HX_PAGE_FREE | __builtin_ctzll(pfn));
	}
	return HX_PAGE_NONE;
}

static void buddy_drop(struct hx_zone *z, hx_pfn_t pfn, uint8_t run)
{
	if ((run & HX_PAGE_CACHED) == HX_PAGE_FREE)
		buddy_remove(z, pfn, run & HX_PAGE_ORDER);
	else
		z->state[pfn - z->start] = HX_PAGE_NONE;
}

static void buddy_adopt(struct hx_zone *z, hx_pfn_t pfn, uint8_t run)
{
	if ((run & HX_PAGE_CACHED) == HX_PAGE_FREE)
		buddy_release(z, pfn, run & HX_PAGE_ORDER);
	else
		z->state[pfn - z->start] = run;
}

static const struct hx_frames_swap_ops buddy_swap_ops = {
	.abi = HX_FRAMES_SWAP_ABI, .name = "buddy",
	.look = buddy_look, .drop = buddy_drop, .adopt = buddy_adopt,
};
HX_FRAMES_SWAP(buddy_swap_ops);
