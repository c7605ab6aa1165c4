/* SPDX-License-Identifier: MIT */
/*
 * A token bucket: bytes that run in at a rate, up to a tenth of a second's worth, and are taken
 * out. Pure arithmetic: no clock, no lock, nothing below 64 bits is lost.
 *
 * Whoever finds the bucket not in debt takes what he wants, so that a request is whole, and who
 * comes next waits until the debt is paid. In any time t no more goes out than depth + rate * t and
 * one request.
 */
#ifndef HX_CORE_RESOURCES_BUCKET_H
#define HX_CORE_RESOURCES_BUCKET_H

#include <hx/core/resources.h>

#define RES_RATE_MAX	(1ull << 58)	/* bytes per second: above, as if it were this */
#define RES_BITE	4096u		/* a request may have so much, however low the rate */
#define RES_NEVER	UINT64_MAX

/* A request is at most this: what comes in a second. */
static inline uint64_t res_bucket_bite(uint64_t rate)
{
	return hx_max_u64(hx_min_u64(rate, RES_RATE_MAX), RES_BITE);
}

/* What the bucket holds when it is full. */
static inline int64_t res_bucket_depth(uint64_t rate)
{
	return (int64_t)hx_max_u64(hx_min_u64(rate, RES_RATE_MAX) / 10, RES_BITE);
}

/* Let in what came since it was last looked at. A debt that is older than the rate, from when it
 * was higher, is cut to what this rate could have let happen. */
void res_bucket_fill(struct hx_res_bucket *b, uint64_t rate, hx_ns_t now_ns);

/* How long until it is not in debt; RES_NEVER. Rounded up. */
hx_ns_t res_bucket_wait_ns(const struct hx_res_bucket *b, uint64_t rate);

/* n: at most RES_BITE or a second's worth, whichever is more; back: some of it. */
static inline void res_bucket_take(struct hx_res_bucket *b, uint64_t n)
{
	b->level -= (int64_t)n;
}

static inline void res_bucket_give(struct hx_res_bucket *b, uint64_t n)
{
	b->level += (int64_t)n;
}

#endif
