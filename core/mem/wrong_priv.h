/* SPDX-License-Identifier: MIT */
/*
 * For tests: a frame allocator, "test-wrong", which is buddy until it is told to be wrong, in one
 * of many ways.
 */
#ifndef HX_MEM_WRONG_PRIV_H
#define HX_MEM_WRONG_PRIV_H

#include <hx/core/string.h>

#include "frames_share.h"

enum wrong_way {
	WRONG_NOT,
	GIVES_TWICE,		/* a page that is out */
	GIVES_OUTSIDE, GIVES_FAR,	/* one behind the zone, and one anywhere */
	GIVES_METADATA,		/* its own */
	GIVES_CROOKED,		/* not aligned */
	GIVES_NOTHING,		/* though something is free */
	GIVES_NONSENSE,		/* an error that is none */
	TAKES_TWICE,		/* what is free already */
	TAKES_WRONG_ORDER,
	TAKES_NOTHING,		/* what is out */
	COUNTS_ONE_MORE,
	IS_BROKEN,		/* as it says itself */
	LOOKS_WRONG,		/* a word of a page that is out */
	LOSES,			/* a run that goes over */
	WRONG_WAYS,
};

/* Key: a atomic. */
static enum wrong_way wrong_way;	/* a */
static uint32_t wrong_after;		/* a calls of that kind until then */
static uint32_t n_wrong;		/* a how often it was */
static uint32_t n_asked;		/* a calls of any kind */
static hx_pfn_t wrong_last;		/* what it gave last, if that is out; 0: none */

static const struct hx_frames_ops *buddy_ops(void)
{
	const struct hx_frames_ops *const *it;

	HX_SECTION_FOREACH(it, hx_frames_classes)
		if (hx_strcmp((*it)->name, "buddy") == 0)
			return *it;
	return NULL;
}

static const struct hx_frames_swap_ops *buddy_more(void)
{
	return frames_swap_more(buddy_ops());
}

static bool is_wrong_now(enum wrong_way way)
{
	__atomic_fetch_add(&n_asked, 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&wrong_way, __ATOMIC_RELAXED) != way ||
	    __atomic_fetch_sub(&wrong_after, 1, __ATOMIC_RELAXED) != 1)
		return false;
	__atomic_fetch_add(&n_wrong, 1, __ATOMIC_RELAXED);
	return true;
}

static inline void go_wrong(enum wrong_way way, uint32_t after)
{
	__atomic_store_n(&n_wrong, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&wrong_after, after, __ATOMIC_RELAXED);
	__atomic_store_n(&wrong_way, way, __ATOMIC_RELAXED);
}

static size_t wrong_meta_bytes(uint64_t n_pages)
{
	return buddy_ops()->meta_bytes(n_pages);
}

static int wrong_init(struct hx_zone *z)
{
	return buddy_ops()->init(z);
}

static void wrong_add_range(struct hx_zone *z, hx_pfn_t start, hx_pfn_t end)
{
	buddy_ops()->add_range(z, start, end);
}

static int wrong_alloc(struct hx_zone *z, unsigned order, hx_pfn_t *pfn)
{
	int err = buddy_ops()->alloc(z, order, pfn);

	if (err != 0)
		return err;
	if (wrong_last != 0 && wrong_last - z->start < z->n_span && is_wrong_now(GIVES_TWICE))
		*pfn = hx_align_down(wrong_last, 1ull << order);
	else
		wrong_last = *pfn;
	if (is_wrong_now(GIVES_OUTSIDE))
		*pfn = hx_align_up(z->end, 1ull << order);
	if (is_wrong_now(GIVES_FAR))
		*pfn = 1ull << 51;
	if (is_wrong_now(GIVES_METADATA))
		*pfn = hx_align_down(hx_virt_to_phys(z->meta) >> HX_PAGE_SHIFT, 1ull << order);
	if (order > 0 && is_wrong_now(GIVES_CROOKED))
		*pfn += 1;
	return order == 0 && is_wrong_now(GIVES_NOTHING) ? -HX_ENOMEM :
	       is_wrong_now(GIVES_NONSENSE) ? -HX_EIO : 0;
}

static int wrong_free(struct hx_zone *z, hx_pfn_t pfn, unsigned order)
{
	int err = buddy_ops()->free(z, pfn, order);

	if (wrong_last - pfn < 1ull << order)
		wrong_last = 0;
	if (err == 0)
		return is_wrong_now(TAKES_NOTHING) ? -HX_EINVAL : 0;
	return (err == -HX_EEXIST && is_wrong_now(TAKES_TWICE)) ||
	       (err == -HX_EINVAL && is_wrong_now(TAKES_WRONG_ORDER)) ? 0 : err;
}

static void wrong_split(struct hx_zone *z, hx_pfn_t pfn, unsigned order)
{
	buddy_ops()->split(z, pfn, order);
}

static void wrong_count(const struct hx_zone *z, uint64_t by_order[HX_FRAMES_MAX_ORDER + 1])
{
	buddy_ops()->count_free(z, by_order);
	by_order[0] += is_wrong_now(COUNTS_ONE_MORE);
}

static int wrong_check(const struct hx_zone *z)
{
	const struct hx_frames_ops *buddy = buddy_ops();

	return is_wrong_now(IS_BROKEN) ? -HX_EBADMSG : buddy->check != NULL ? buddy->check(z) : 0;
}

static uint8_t wrong_look(const struct hx_zone *z, hx_pfn_t pfn)
{
	uint8_t run = buddy_more()->look(z, pfn);

	return (run & HX_PAGE_CACHED) == HX_PAGE_TAKEN && is_wrong_now(LOOKS_WRONG) ? HX_PAGE_FREE
										    : run;
}

static void wrong_drop(struct hx_zone *z, hx_pfn_t pfn, uint8_t run)
{
	buddy_more()->drop(z, pfn, run);
}

static void wrong_adopt(struct hx_zone *z, hx_pfn_t pfn, uint8_t run)
{
	if (!is_wrong_now(LOSES))
		buddy_more()->adopt(z, pfn, run);
}

static const struct hx_frames_ops wrong_frames_ops = {
	.abi = HX_FRAMES_ABI, .promises = HX_FRAMES_REUSES | HX_FRAMES_KNOWS_RUNS,
	.name = "test-wrong", .meta_bytes = wrong_meta_bytes, .init = wrong_init,
	.add_range = wrong_add_range, .alloc = wrong_alloc, .free = wrong_free,
	.split = wrong_split, .count_free = wrong_count, .check = wrong_check,
};
HX_FRAMES_CLASS(wrong_frames_ops);

static const struct hx_frames_swap_ops wrong_frames_swap_ops = {
	.abi = HX_FRAMES_SWAP_ABI, .name = "test-wrong",
	.look = wrong_look, .drop = wrong_drop, .adopt = wrong_adopt,
};
HX_FRAMES_SWAP(wrong_frames_swap_ops);

#endif
