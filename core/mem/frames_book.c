// SPDX-License-Identifier: MIT
/*
 * What core itself knows of each page of a zone while it believes a frame allocator not yet:
 *
 *	free head
 *	  0   0		inside a run that is out, not its first page
 *	  0   1		first page of a run that is out
 *	  1   0		free
 *	  1   1		hole
 *
 * A run that is out ends where the next page is not 00. Nobody is asked for any of this, and it
 * lies in pages of its own: what is written here is what core was told and has believed.
 */
#include <hx/core/bitmap.h>
#include <hx/core/string.h>
#include <hx/hal/mem.h>

#include "frames_share.h"

size_t frames_book_bytes(uint64_t n_pages)
{
	return 2 * HX_BITMAP_WORDS(n_pages) * sizeof(uint64_t);
}

void frames_book_init(struct frames_book *b, void *room, const struct hx_zone *z)
{
	b->free = room;
	b->head = b->free + HX_BITMAP_WORDS(z->n_span);
	b->start = z->start;
	b->end = z->end;
	memset(room, 0xff, frames_book_bytes(z->n_span));
}

static bool all_free(const struct frames_book *b, size_t at, size_t end)
{
	return hx_bitmap_find_clear(b->free, end, at) == end &&
	       hx_bitmap_find_set(b->head, end, at) == end;
}

/* The page behind the run that begins at this one. */
static size_t run_end(const struct frames_book *b, size_t at)
{
	size_t end = hx_min_u64(b->end - b->start, at + FRAMES_BLOCK);

	end = hx_bitmap_find_set(b->free, end, at + 1);
	return hx_bitmap_find_set(b->head, end, at + 1);
}

bool frames_book_is_free(const struct frames_book *b, hx_pfn_t pfn, unsigned order)
{
	return all_free(b, pfn - b->start, pfn - b->start + (1ull << order));
}

uint8_t frames_book_look(const struct frames_book *b, hx_pfn_t pfn, hx_pfn_t end)
{
	size_t at = pfn - b->start;
	bool is_free = hx_bitmap_test(b->free, at);
	unsigned k = 0;

	if (is_free == hx_bitmap_test(b->head, at))
		return HX_PAGE_NONE;
	if (!is_free)
		return (uint8_t)(HX_PAGE_TAKEN | hx_log2_floor(run_end(b, at) - at));
	while (k < HX_FRAMES_MAX_ORDER && (pfn & (1ull << k)) == 0 && 2ull << k <= end - pfn &&
	       all_free(b, at + (1ull << k), at + (2ull << k)))
		k++;
	return (uint8_t)(HX_PAGE_FREE | k);
}

void frames_book_adopt(struct frames_book *b, hx_pfn_t pfn, uint8_t run)
{
	size_t at = pfn - b->start, n = 1ull << (run & HX_PAGE_ORDER);

	hx_bitmap_clear_range(b->head, at, n);
	if ((run & HX_PAGE_CACHED) == HX_PAGE_FREE) {
		hx_bitmap_set_range(b->free, at, n);
	} else {
		hx_bitmap_clear_range(b->free, at, n);
		hx_bitmap_set(b->head, at);
	}
}

void frames_book_split(struct frames_book *b, hx_pfn_t pfn, unsigned order)
{
	hx_bitmap_set(b->head, pfn - b->start + (1ull << (order - 1)));
}

int frames_book_give(struct frames_book *b, hx_pfn_t pfn, unsigned order)
{
	size_t at = pfn - b->start, n = 1ull << order;

	if (hx_bitmap_test(b->free, at))
		return hx_bitmap_test(b->head, at) ? -HX_EINVAL : -HX_EEXIST;
	if (!hx_bitmap_test(b->head, at) || run_end(b, at) != at + n)
		return -HX_EINVAL;
	hx_bitmap_clear(b->head, at);
	hx_bitmap_set_range(b->free, at, n);
	return 0;
}
