/* SPDX-License-Identifier: MIT */
/*
 * The two maps, for the allocator and for what moves pages to and from another one.
 */
#ifndef BITMAP_PRIV_H
#define BITMAP_PRIV_H

#include <hx/core/bitmap.h>
#include <hx/core/frames_class.h>

#define RUN_MAX		(1ull << HX_FRAMES_MAX_ORDER)
#define WORD_ORDER	6u	/* log2 of the pages in one word */

/* In zone->priv. Field key: c constant after init, l zone->lock. */
struct bitmap {
	uint64_t *free, *head;			/* c the maps; the words are l */
	hx_pfn_t base;				/* c page of bit 0 */
	uint64_t n_words;			/* c without the guard word */
	uint64_t hint[HX_FRAMES_MAX_ORDER + 1];	/* l word where the last run of an order was */
};
_Static_assert(sizeof(struct bitmap) <= sizeof(((struct hx_zone *)0)->priv), "fits the zone");

static struct bitmap *bitmap_of(const struct hx_zone *z)
{
	return (struct bitmap *)(uintptr_t)z->priv;
}

#endif
