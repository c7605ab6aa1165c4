/* SPDX-License-Identifier: MIT */
/*
 * Random numbers that come out the same for the same seed.
 * Source: Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014 (splitmix64).
 */
#include "hx_test.h"

uint64_t hx_test_seed(void)
{
	const char *text = getenv("HX_TEST_SEED");

	return text != NULL ? strtoull(text, NULL, 0) : 1;
}

uint64_t hx_test_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* The upper half of a product spreads evenly enough: the error is below n / 2^64. */
uint64_t hx_test_random_below(uint64_t *state, uint64_t n)
{
	return (uint64_t)((unsigned __int128)hx_test_random(state) * n >> 64);
}
