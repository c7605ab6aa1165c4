/* SPDX-License-Identifier: MIT */
/*
 * Frame allocator "bitmap": two bits per page say everything.
 *
 *	free head
 *	  0   0		inside an allocation, not its first page
 *	  0   1		first page of an allocation
 *	  1   0		free
 *	  1   1		hole: never given to us
 *
 * So an allocation ends where the next page is not 00, and a free with the wrong order, of a page
 * inside a run, of a hole or of a free page shows in the bits. Both maps have one guard word of
 * holes at their end, so that looking one page past a run stays inside.
 *
 * Bit 0 stands for the zone's start rounded down to the largest run: aligned runs are then aligned
 * in the map. The search is next fit with one hint per order; O(pages / 64) when nothing fits.
 */
#include <hx/config/core_mem.h>
#include <hx/hal/mem.h>

#include "bitmap_priv.h"

static uint64_t bitmap_words(uint64_t n_pages)
{
	return hx_align_up(n_pages, RUN_MAX) / 64;
}

static size_t bitmap_meta_bytes(uint64_t n_pages)
{
	/* The start may lie anywhere in its first run: one run more, and the two guard words. */
	return (bitmap_words(n_pages + RUN_MAX) + 1) * 2 * sizeof(uint64_t);
}

static HX_COLD int bitmap_init(struct hx_zone *z)
{
	struct bitmap *b = bitmap_of(z);

	b->base = hx_align_down(z->start, RUN_MAX);
	b->n_words = bitmap_words(z->end - b->base);
	b->free = z->meta;
	b->head = b->free + b->n_words + 1;
	memset(z->meta, 0xff, (b->n_words + 1) * 2 * sizeof(uint64_t));
	return 0;
}

static HX_COLD void bitmap_add_range(struct hx_zone *z, hx_pfn_t start, hx_pfn_t end)
{
	struct bitmap *b = bitmap_of(z);

	hx_bitmap_clear_range(b->head, start - b->base, end - start);
}

/* The free pages of word w at which an aligned run of 2^order starts; order 0..WORD_ORDER. */
static uint64_t bitmap_runs(const struct bitmap *b, uint64_t w, unsigned order)
{
	static const uint64_t starts[WORD_ORDER + 1] = {
		~0ull, 0x5555555555555555, 0x1111111111111111, 0x0101010101010101,
		0x0001000100010001, 0x0000000100000001, 1,
	};
	uint64_t m = b->free[w] & ~b->head[w];

	for (unsigned k = 0; k < order && m != 0; k++)
		m &= m >> (1u << k);
	return m & starts[order];
}

/* Whether the aligned words [w, w + n) are all free. */
static bool bitmap_words_free(const struct bitmap *b, uint64_t w, uint64_t n)
{
	for (uint64_t i = w; i < w + n; i++) {
		if ((b->free[i] & ~b->head[i]) != ~0ull)
			return false;
	}
	return true;
}

/* The pages of a run inside each of its words: one word up to order 6, more above. */
static uint64_t bitmap_mask(unsigned order, uint64_t bit, uint64_t *n_words)
{
	*n_words = order <= WORD_ORDER ? 1 : 1ull << (order - WORD_ORDER);
	if (order >= WORD_ORDER)
		return ~0ull;
	return ((1ull << (1u << order)) - 1) << (bit % 64);
}

static void bitmap_take(struct bitmap *b, uint64_t bit, unsigned order)
{
	uint64_t n_words, mask = bitmap_mask(order, bit, &n_words);

	for (uint64_t w = bit / 64; n_words > 0; n_words--, w++)
		b->free[w] &= ~mask;
	hx_bitmap_set(b->head, bit);
}

static int bitmap_alloc(struct hx_zone *z, unsigned order, hx_pfn_t *pfn)
{
	struct bitmap *b = bitmap_of(z);
	unsigned in_word = order < WORD_ORDER ? order : WORD_ORDER;
	uint64_t step = 1ull << (order - in_word);
	uint64_t w = b->hint[order];

	for (uint64_t left = b->n_words; left > 0; left -= step) {
		uint64_t m = bitmap_runs(b, w, in_word);

		if (m != 0 && (step == 1 || bitmap_words_free(b, w, step))) {
			uint64_t bit = w * 64 + (uint64_t)__builtin_ctzll(m);

			b->hint[order] = w;
			bitmap_take(b, bit, order);
			*pfn = b->base + bit;
			return 0;
		}
		w += step;
		if (w == b->n_words)
			w = 0;
	}
	return -HX_ENOMEM;
}

static int bitmap_free(struct hx_zone *z, hx_pfn_t pfn, unsigned order)
{
	struct bitmap *b = bitmap_of(z);
	uint64_t bit = pfn - b->base, end = bit + (1ull << order);
	uint64_t n_words, mask = bitmap_mask(order, bit, &n_words), w = bit / 64;

	if (hx_bitmap_test(b->free, bit))
		return hx_bitmap_test(b->head, bit) ? -HX_EINVAL : -HX_EEXIST;
	if (!hx_bitmap_test(b->head, bit))
		return -HX_EINVAL;	/* inside a run */
	if (!hx_bitmap_test(b->free, end) && !hx_bitmap_test(b->head, end))
		return -HX_EINVAL;	/* the run goes on: the order is too small */
	hx_bitmap_clear(b->head, bit);
	for (uint64_t i = w; i < w + n_words; i++) {
		if (((b->free[i] | b->head[i]) & mask) != 0) {	/* it ends before: too big */
			hx_bitmap_set(b->head, bit);
			return -HX_EINVAL;
		}
	}
	for (uint64_t i = w; i < w + n_words; i++)
		b->free[i] |= mask;
	return 0;
}

static void bitmap_split(struct hx_zone *z, hx_pfn_t pfn, unsigned order)
{
	struct bitmap *b = bitmap_of(z);

	hx_bitmap_set(b->head, pfn - b->base + (1ull << (order - 1)));
}

/* Counts each free page once, in the largest aligned run that it is part of. */
static HX_COLD void bitmap_count_free(const struct hx_zone *z,
				      uint64_t by_order[HX_FRAMES_MAX_ORDER + 1])
{
	const struct bitmap *b = bitmap_of(z);
	uint64_t bit = 0, n_bits = b->n_words * 64;

	while (bit < n_bits) {
		unsigned order = bit == 0 ? HX_FRAMES_MAX_ORDER : (unsigned)__builtin_ctzll(bit);
		uint64_t w = bit / 64;

		if (order > HX_FRAMES_MAX_ORDER)
			order = HX_FRAMES_MAX_ORDER;
		for (; order > WORD_ORDER; order--) {
			if (bitmap_words_free(b, w, 1ull << (order - WORD_ORDER)))
				break;
		}
		while (order > 0 && order <= WORD_ORDER &&
		       !((bitmap_runs(b, w, order) >> (bit % 64)) & 1))
			order--;
		if (order > 0 || (bitmap_runs(b, w, 0) >> (bit % 64)) & 1)
			by_order[order]++;
		bit += 1ull << order;
	}
}

static uint64_t bitmap_count(uint64_t word)
{
	return hx_bitmap_count(&word, 64);
}

static HX_COLD int bitmap_check(const struct hx_zone *z)
{
	const struct bitmap *b = bitmap_of(z);
	uint64_t n_free = 0, n_holes = 0;

	for (uint64_t w = 0; w < b->n_words; w++) {
		n_free += bitmap_count(b->free[w] & ~b->head[w]);
		n_holes += bitmap_count(b->free[w] & b->head[w]);
	}
	if (b->free[b->n_words] != ~0ull || b->head[b->n_words] != ~0ull)
		return -HX_EBADMSG;	/* the guard words */
	if (n_free != z->n_free || n_holes != b->n_words * 64 - z->n_pages)
		return -HX_EBADMSG;
	return 0;
}

const struct hx_frames_ops hx_frames_bitmap_ops = {
	.abi = HX_FRAMES_ABI, .promises = HX_FRAMES_REUSES | HX_FRAMES_KNOWS_RUNS,
	.name = "bitmap", .meta_bytes = bitmap_meta_bytes,
	.init = bitmap_init, .add_range = bitmap_add_range, .alloc = bitmap_alloc,
	.free = bitmap_free, .split = HX_ENABLED(FRAMES_RUNS) ? bitmap_split : NULL,
	.count_free = bitmap_count_free,
	.check = HX_ENABLED(MEM_CHECK) ? bitmap_check : NULL,
};
HX_FRAMES_CLASS(hx_frames_bitmap_ops);
