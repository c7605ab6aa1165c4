// SPDX-License-Identifier: MIT
/* The arithmetic of a token bucket, exact for all rates and times. */
#include <hx/core/resources_io.h>

#include "bucket.h"

/* Seconds of debt that somebody may wait for, and that of the request which made them. */
#define DEBT_S	(HX_RES_IO_WAIT_NS / HX_NS_PER_S + 1)

/* rate * ns / 1e9 with the fraction carried, ns below a second: rate = q * 1e9 + s, so the products
 * stay below 2^63. */
static uint64_t gain_of_part(struct hx_res_bucket *b, uint64_t rate, uint64_t ns)
{
	uint64_t q = rate / HX_NS_PER_S, s = rate % HX_NS_PER_S;
	uint64_t part = s * ns + b->frac;

	b->frac = (uint32_t)(part % HX_NS_PER_S);
	return q * ns + part / HX_NS_PER_S;
}

void res_bucket_fill(struct hx_res_bucket *b, uint64_t rate, hx_ns_t now_ns)
{
	int64_t depth = res_bucket_depth(rate);
	int64_t least = -(int64_t)(DEBT_S * res_bucket_bite(rate));
	uint64_t room, s, gain;

	b->level = b->level < least ? least : b->level > depth ? depth : b->level;
	if (now_ns <= b->at_ns)		/* the clocks of two CPUs */
		return;
	s = (now_ns - b->at_ns) / HX_NS_PER_S;
	gain = (now_ns - b->at_ns) % HX_NS_PER_S;
	b->at_ns = now_ns;
	rate = hx_min_u64(rate, RES_RATE_MAX);
	room = (uint64_t)(depth - b->level);
	gain = gain_of_part(b, rate, gain);
	if (gain < room && (s == 0 || rate <= (room - gain) / s))
		gain += s * rate;
	else
		gain = room;
	if (gain < room) {
		b->level += (int64_t)gain;
		return;
	}
	b->level = depth;
	b->frac = 0;
}

hx_ns_t res_bucket_wait_ns(const struct hx_res_bucket *b, uint64_t rate)
{
	uint64_t debt, s;

	if (rate == 0)
		return RES_NEVER;	/* whatever is left in it */
	if (b->level >= 0)
		return 0;
	rate = hx_min_u64(rate, RES_RATE_MAX);
	debt = (uint64_t)-b->level;
	s = debt / rate;
	debt %= rate;
	for (; rate >> 33 != 0; rate >>= 1)	/* so that the product fits */
		debt = (debt >> 1) + 1;
	/* debt and level are at most DEBT_S bites: s is below 2^16. */
	return s * HX_NS_PER_S + (debt * HX_NS_PER_S + rate - 1) / rate;
}
