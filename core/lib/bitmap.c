/* SPDX-License-Identifier: MIT */
/*
 * Searching and filling bitmaps a word at a time.
 */
#include <hx/core/bitmap.h>
#include <hx/hal/mem.h>

/* The bits of word idx that lie in [start, end). */
static uint64_t word_mask(size_t idx, size_t start, size_t end)
{
	size_t first = idx * 64;
	uint64_t mask = ~0ull;

	if (start > first)
		mask &= ~0ull << (start - first);
	if (end - first < 64)
		mask &= (1ull << (end - first)) - 1;
	return mask;
}

/* Words [*first, *last) lie wholly in [start, end); at most one partial word is on each side. */
static void whole_words(size_t start, size_t end, size_t *first, size_t *last)
{
	*first = HX_BITMAP_WORDS(start);
	*last = hx_max_u64(end / 64, *first);
}

void hx_bitmap_set_range(uint64_t *map, size_t start, size_t n)
{
	size_t first, last, end = start + n;

	whole_words(start, end, &first, &last);
	if (start / 64 < first && n != 0)
		map[start / 64] |= word_mask(start / 64, start, end);
	memset(map + first, 0xff, (last - first) * sizeof(map[0]));
	if (last * 64 < end)
		map[last] |= word_mask(last, start, end);
}

void hx_bitmap_clear_range(uint64_t *map, size_t start, size_t n)
{
	size_t first, last, end = start + n;

	whole_words(start, end, &first, &last);
	if (start / 64 < first && n != 0)
		map[start / 64] &= ~word_mask(start / 64, start, end);
	memset(map + first, 0, (last - first) * sizeof(map[0]));
	if (last * 64 < end)
		map[last] &= ~word_mask(last, start, end);
}

/* Bit by bit in parallel: pairs, nibbles, bytes, then the sum of the bytes (Warren, Hacker's
 * Delight, 5-1). The popcnt instruction is not in the base instruction set. */
static unsigned word_count(uint64_t x)
{
	x -= (x >> 1) & 0x5555555555555555;
	x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return (x * 0x0101010101010101) >> 56;
}

size_t hx_bitmap_count(const uint64_t *map, size_t n_bits)
{
	size_t i, n = 0;

	for (i = 0; i < HX_BITMAP_WORDS(n_bits); i++)
		n += word_count(map[i] & word_mask(i, 0, n_bits));
	return n;
}

/* The first bit in [start, n_bits) that differs from those of `other`, which is all 0 or all 1. */
static size_t find_not(const uint64_t *map, size_t n_bits, size_t start, uint64_t other)
{
	uint64_t word;
	size_t i;

	if (start >= n_bits)
		return n_bits;
	i = start / 64;
	word = (map[i] ^ other) & (~0ull << (start % 64));
	while (word == 0) {
		if (++i == HX_BITMAP_WORDS(n_bits))
			return n_bits;
		word = map[i] ^ other;
	}
	return hx_min_u64(i * 64 + (unsigned)__builtin_ctzll(word), n_bits);
}

size_t hx_bitmap_find_set(const uint64_t *map, size_t n_bits, size_t start)
{
	return find_not(map, n_bits, start, 0);
}

size_t hx_bitmap_find_clear(const uint64_t *map, size_t n_bits, size_t start)
{
	return find_not(map, n_bits, start, ~0ull);
}

size_t hx_bitmap_find_clear_run(const uint64_t *map, size_t n_bits, size_t start, size_t run,
				size_t align)
{
	size_t at = start, end;

	for (;;) {
		at = hx_bitmap_find_clear(map, n_bits, at);
		if (at == n_bits)	/* also keeps the rounding below from wrapping */
			return n_bits;
		at = hx_align_up(at, align);
		if (at >= n_bits || run > n_bits - at)
			return n_bits;
		end = hx_bitmap_find_set(map, at + run, at);
		if (end == at + run)
			return at;
		at = end;
	}
}
