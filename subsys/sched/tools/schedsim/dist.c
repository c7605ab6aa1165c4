// SPDX-License-Identifier: MIT
/*
 * Random numbers and distributions. Only additions, multiplications and divisions of doubles, in a
 * fixed order: the library's log() and exp() differ in the last bit between processors, and a
 * workload must come out the same everywhere.
 * Source: Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014 (splitmix64).
 */
#include "workload.h"
#include <string.h>

#define LN2	0.69314718055994530942
#define LN_TERMS	18	/* (sqrt(2)-1)/(sqrt(2)+1) to the 37th is below 2^-93 */
#define EXP_TERMS	20	/* ln2 to the 20th over 20! is below 2^-71 */

uint64_t rng_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint64_t rng_below(uint64_t *state, uint64_t n)
{
	return (uint64_t)((unsigned __int128)rng_next(state) * n >> 64);
}

uint64_t rng_mix(uint64_t a, uint64_t b)
{
	uint64_t state = a ^ rng_next(&b);

	return rng_next(&state);
}

/* x = m 2^e with m in [1, 2); ln m = 2 atanh((m - 1) / (m + 1)), m brought to about 1 first. */
double dist_ln(double x)
{
	uint64_t bits;
	double y, y2, power, sum = 0;
	int e, i;

	memcpy(&bits, &x, sizeof(bits));
	e = (int)(bits >> 52 & 0x7ff) - 1023;
	bits = (bits & 0xfffffffffffff) | (uint64_t)1023 << 52;
	memcpy(&x, &bits, sizeof(x));
	if (x > 1.41421356237309504880) {
		x /= 2;
		e++;
	}
	y = (x - 1) / (x + 1);
	y2 = y * y;
	power = y;
	for (i = 0; i < LN_TERMS; i++) {
		sum += power / (2 * i + 1);
		power *= y2;
	}
	return 2 * sum + e * LN2;
}

/* e^x = e^r 2^-n with r in (-ln2, 0]. */
double dist_exp(double x)
{
	double term = 1, sum = 1;
	unsigned n = 0;
	int i;

	if (x < -700)
		return 0;
	n = (unsigned)(-x / LN2);
	x += n * LN2;
	for (i = 1; i < EXP_TERMS; i++) {
		term *= x / i;
		sum += term;
	}
	while (n-- > 0)
		sum /= 2;
	return sum;
}

/* In (0, 1]. */
static double unit(uint64_t *state)
{
	return (double)((rng_next(state) >> 11) + 1) / 9007199254740992.0;
}

static uint64_t capped(double value, double greatest)
{
	return (uint64_t)(value < greatest ? value : greatest);
}

uint64_t dist_draw(const struct dist *d, uint64_t *state)
{
	switch (d->kind) {
	case DIST_CONST:
		return d->a;
	case DIST_UNIFORM:
		return d->a + rng_below(state, d->b - d->a + 1);
	case DIST_EXP:
		return capped(-(double)d->a * dist_ln(unit(state)),
			      d->b != 0 ? (double)d->b : 20.0 * (double)d->a);
	case DIST_PARETO:
		return capped((double)d->a * (1 / dist_exp(dist_ln(unit(state)) / d->alpha)),
			      d->b != 0 ? (double)d->b : 1000.0 * (double)d->a);
	}
	return d->a;
}
