/* SPDX-License-Identifier: MIT */
/*
 * The byte ring: two counters that run freely, so that full and empty differ without a spare byte.
 */
#include <hx/core/ring.h>
#include <hx/hal/mem.h>

#define RING_SIZE_MAX	(1ull << 31)	/* so that head - tail never wraps past "used" */

int hx_ring_init(struct hx_ring *r, void *buf, size_t size_bytes)
{
	if (buf == NULL || !hx_is_pow2(size_bytes) || size_bytes > RING_SIZE_MAX)
		return -HX_EINVAL;
	*r = (struct hx_ring){ .buf = buf, .size_bytes = size_bytes };
	return 0;
}

size_t hx_ring_used(const struct hx_ring *r)
{
	return __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) -
	       __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
}

size_t hx_ring_free(const struct hx_ring *r)
{
	return r->size_bytes - hx_ring_used(r);
}

size_t hx_ring_put(struct hx_ring *r, const void *bytes, size_t n)
{
	uint32_t at = r->head & (r->size_bytes - 1);
	size_t to_end = r->size_bytes - at;

	n = hx_min_u64(n, hx_ring_free(r));
	memcpy(r->buf + at, bytes, hx_min_u64(n, to_end));
	if (n > to_end)
		memcpy(r->buf, (const uint8_t *)bytes + to_end, n - to_end);
	/* Release: a consumer that sees the new head sees the bytes too. */
	__atomic_store_n(&r->head, r->head + (uint32_t)n, __ATOMIC_RELEASE);
	return n;
}

size_t hx_ring_get(struct hx_ring *r, void *bytes, size_t n)
{
	uint32_t at = r->tail & (r->size_bytes - 1);
	size_t to_end = r->size_bytes - at;

	n = hx_min_u64(n, hx_ring_used(r));
	memcpy(bytes, r->buf + at, hx_min_u64(n, to_end));
	if (n > to_end)
		memcpy((uint8_t *)bytes + to_end, r->buf, n - to_end);
	/* Release: a producer that sees the new tail may overwrite what was read before it. */
	__atomic_store_n(&r->tail, r->tail + (uint32_t)n, __ATOMIC_RELEASE);
	return n;
}

bool hx_ring_put_byte(struct hx_ring *r, uint8_t byte)
{
	return hx_ring_put(r, &byte, 1) == 1;
}

int hx_ring_get_byte(struct hx_ring *r)
{
	uint8_t byte;

	return hx_ring_get(r, &byte, 1) == 1 ? byte : -HX_EAGAIN;
}
