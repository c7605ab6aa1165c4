/* SPDX-License-Identifier: MIT */
/*
 * Bits in an array of 64-bit words.
 */
#ifndef HX_CORE_BITMAP_H
#define HX_CORE_BITMAP_H

#include <hx/base.h>

#define HX_BITMAP_WORDS(n_bits)	(((n_bits) + 63) / 64)

static inline bool hx_bitmap_test(const uint64_t *map, size_t bit)
{
	return (map[bit / 64] >> (bit % 64)) & 1;
}

static inline void hx_bitmap_set(uint64_t *map, size_t bit)
{
	map[bit / 64] |= 1ull << (bit % 64);
}

static inline void hx_bitmap_clear(uint64_t *map, size_t bit)
{
	map[bit / 64] &= ~(1ull << (bit % 64));
}

/**
 * hx_bitmap_set_range() - set bits [start, start + n)
 * hx_bitmap_clear_range() - clear them
 * @map:   the words
 * @start: first bit
 * @n:     bits; 0 is allowed
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   the caller's for the map.
 * Owner:   -
 * Cost:    O(n / 64).
 * Source:  -
 */
void hx_bitmap_set_range(uint64_t *map, size_t start, size_t n);
void hx_bitmap_clear_range(uint64_t *map, size_t start, size_t n);

/**
 * hx_bitmap_count() - how many of the first n_bits are set
 * @map:    the words
 * @n_bits: bits to look at; what lies behind them in the last word is ignored
 *
 * Returns: the number.
 * Context: any.
 * Locks:   the caller's for the map.
 * Owner:   -
 * Cost:    O(n_bits / 64), about 15 instructions a word.
 * Source:  Warren, Hacker's Delight, 5-1.
 */
size_t hx_bitmap_count(const uint64_t *map, size_t n_bits);

/**
 * hx_bitmap_find_set() - first set bit at or after start
 * hx_bitmap_find_clear() - first clear bit at or after start
 * @map:    the words
 * @n_bits: bits in the map
 * @start:  where to begin; may be past the end
 *
 * Returns: the bit, or n_bits: none.
 * Context: any.
 * Locks:   the caller's for the map.
 * Owner:   -
 * Cost:    O(distance / 64).
 * Source:  -
 */
size_t hx_bitmap_find_set(const uint64_t *map, size_t n_bits, size_t start);
size_t hx_bitmap_find_clear(const uint64_t *map, size_t n_bits, size_t start);

/**
 * hx_bitmap_find_clear_run() - first run of clear bits at or after start
 * @map:    the words
 * @n_bits: bits in the map
 * @start:  where to begin
 * @run:    bits in a row, at least 1
 * @align:  the run begins at a multiple of this power of two
 *
 * Returns: its first bit, or n_bits: none.
 * Context: any.
 * Locks:   the caller's for the map.
 * Owner:   -
 * Cost:    O(number of runs + distance / 64).
 * Source:  first fit: Knuth, TAOCP vol. 1, 2.5.
 */
size_t hx_bitmap_find_clear_run(const uint64_t *map, size_t n_bits, size_t start, size_t run,
				size_t align);

#endif
