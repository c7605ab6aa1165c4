/* SPDX-License-Identifier: MIT */
/*
 * Frame allocator "buddy": blocks of 2^order pages, aligned to their size. A block splits into two
 * buddies, whose page numbers differ in one bit; two free buddies merge again.
 *
 *	z->state	one byte per page: FREE|order or TAKEN|order at the first page of a block,
 *			NONE at all others and in holes. CACHED single pages are core's, and taken
 *			for us
 *	list[order]	free blocks, linked through their first bytes (the direct map reaches them)
 *
 * Invariants: (1) a page is in at most one block; (2) a block on list[k] has state FREE|k, and no
 * other page has it; (3) two free buddies of one order below the largest never exist together.
 *
 * Source: Knuth, TAOCP vol. 1, 2.5. Differs: the state is beside the pages, not in them, so that a
 * wild write into a free page cannot forge a state.
 */
#include <hx/config/core_mem.h>

#include "buddy_priv.h"

static size_t buddy_meta_bytes(uint64_t n_pages)
{
	return n_pages;
}

static HX_COLD int buddy_init(struct hx_zone *z)
{
	z->state = z->meta;
	memset(z->state, HX_PAGE_NONE, z->n_span);
	return 0;
}

static HX_COLD void buddy_add_range(struct hx_zone *z, hx_pfn_t start, hx_pfn_t end)
{
	while (start < end) {
		unsigned order = hx_log2_floor(end - start);

		if (order > HX_FRAMES_MAX_ORDER)
			order = HX_FRAMES_MAX_ORDER;
		if (start != 0 && order > (unsigned)__builtin_ctzll(start))
			order = (unsigned)__builtin_ctzll(start);
		buddy_release(z, start, order);
		start += 1ull << order;
	}
}

static int buddy_alloc(struct hx_zone *z, unsigned order, hx_pfn_t *pfn)
{
	struct buddy *b = buddy_of(z);
	uint64_t fit = b->nonempty >> order;
	unsigned k;
	hx_pfn_t p;

	if (fit == 0)
		return -HX_ENOMEM;
	k = order + (unsigned)__builtin_ctzll(fit);
	p = hx_virt_to_phys(b->list[k]) >> HX_PAGE_SHIFT;
	buddy_remove(z, p, k);
	while (k-- > order)	/* keep the lower half, so that memory fills from below */
		buddy_insert(z, p + (1ull << k), k);
	z->state[p - z->start] = (uint8_t)(HX_PAGE_TAKEN | order);
	*pfn = p;
	return 0;
}

static void buddy_split(struct hx_zone *z, hx_pfn_t pfn, unsigned order)
{
	uint8_t *state = &z->state[pfn - z->start];

	state[0] = (uint8_t)(HX_PAGE_TAKEN | (order - 1));
	state[1ull << (order - 1)] = (uint8_t)(HX_PAGE_TAKEN | (order - 1));
}

/* Why a page is not the start of a taken block of this order: in a free block, or anything else. */
static HX_COLD int buddy_why(const struct hx_zone *z, hx_pfn_t pfn)
{
	for (unsigned k = 0; k <= HX_FRAMES_MAX_ORDER; k++) {
		hx_pfn_t head = hx_align_down(pfn, 1ull << k);
		uint8_t s;

		if (head < z->start)
			break;
		s = z->state[head - z->start];
		if (s == HX_PAGE_NONE)
			continue;
		/* The nearest block start below; it may end before pfn. */
		if ((s & HX_PAGE_CACHED) == HX_PAGE_TAKEN ||
		    pfn - head >= 1ull << (s & HX_PAGE_ORDER))
			return -HX_EINVAL;
		return -HX_EEXIST;
	}
	return -HX_EINVAL;
}

static int buddy_free(struct hx_zone *z, hx_pfn_t pfn, unsigned order)
{
	if (z->state[pfn - z->start] != (HX_PAGE_TAKEN | order))
		return buddy_why(z, pfn);
	z->state[pfn - z->start] = HX_PAGE_NONE;
	buddy_release(z, pfn, order);
	return 0;
}

static HX_COLD void buddy_count_free(const struct hx_zone *z,
				     uint64_t by_order[HX_FRAMES_MAX_ORDER + 1])
{
	memcpy(by_order, buddy_of(z)->n_blocks, sizeof(buddy_of(z)->n_blocks));
}

static HX_COLD int buddy_check(const struct hx_zone *z)
{
	const struct buddy *b = buddy_of(z);
	uint64_t n_free = 0, n_heads = 0, n_linked = 0;

	for (unsigned k = 0; k <= HX_FRAMES_MAX_ORDER; k++) {
		const struct buddy_link *l, *prev = NULL;
		uint64_t n = 0;

		for (l = b->list[k]; l != NULL; prev = l, l = l->next, n++) {
			hx_pfn_t pfn = hx_virt_to_phys(l) >> HX_PAGE_SHIFT;
			hx_pfn_t other = pfn ^ (1ull << k);

			if (l->prev != prev || pfn - z->start >= z->n_span || n > z->n_pages ||
			    z->state[pfn - z->start] != (HX_PAGE_FREE | k))
				return -HX_EBADMSG;	/* invariant 2 */
			if (k < HX_FRAMES_MAX_ORDER && other - z->start < z->n_span &&
			    z->state[other - z->start] == (HX_PAGE_FREE | k))
				return -HX_EBADMSG;	/* invariant 3 */
		}
		if (n != b->n_blocks[k] || (n != 0) != ((b->nonempty >> k) & 1))
			return -HX_EBADMSG;
		n_free += n << k;
		n_linked += n;
	}
	for (uint64_t i = 0; i < z->n_span; i++)
		n_heads += (z->state[i] & HX_PAGE_CACHED) == HX_PAGE_FREE;
	return n_free == z->n_free && n_heads == n_linked ? 0 : -HX_EBADMSG;
}

const struct hx_frames_ops hx_frames_buddy_ops = {
	.abi = HX_FRAMES_ABI, .promises = HX_FRAMES_REUSES | HX_FRAMES_KNOWS_RUNS,
	.name = "buddy", .meta_bytes = buddy_meta_bytes,
	.init = buddy_init, .add_range = buddy_add_range, .alloc = buddy_alloc,
	.free = buddy_free, .split = HX_ENABLED(FRAMES_RUNS) ? buddy_split : NULL,
	.count_free = buddy_count_free,
	.check = HX_ENABLED(MEM_CHECK) ? buddy_check : NULL,
};
HX_FRAMES_CLASS(hx_frames_buddy_ops);
