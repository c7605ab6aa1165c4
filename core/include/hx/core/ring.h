/* SPDX-License-Identifier: MIT */
/*
 * Byte ring of power-of-two size. head and tail run freely and are masked on use; bytes used =
 * head - tail. One producer and one consumer may run at the same time without a lock (the producer
 * writes only head, the consumer only tail, with release/acquire); more need the caller's lock.
 */
#ifndef HX_CORE_RING_H
#define HX_CORE_RING_H

#include <hx/base.h>

/* Field keys: c constant after init, p written by the producer, t by the consumer (taker). */
struct hx_ring {
	uint8_t *buf;		/* c */
	uint32_t size_bytes;	/* c power of two, at most 2^31 */
	uint32_t head;		/* p */
	uint32_t tail;		/* t */
	uint32_t reserved;
};

/**
 * hx_ring_init() - an empty ring over a buffer
 * @r:          filled in
 * @buf:        the buffer
 * @size_bytes: of buf: a power of two, 1..2^31
 *
 * Returns: 0; -HX_EINVAL no buffer, or a size that is no power of two or too large.
 * Context: any.
 * Locks:   none.
 * Owner:   the caller keeps buf alive while the ring is used.
 * Cost:    a few stores.
 * Source:  -
 */
HX_MUST_CHECK int hx_ring_init(struct hx_ring *r, void *buf, size_t size_bytes);

/**
 * hx_ring_used() - bytes that can be taken out now
 * hx_ring_free() - bytes that can be put in now
 * @r: the ring
 *
 * Returns: bytes. Used can only grow for the consumer, free only for the producer; for others it is
 *          a snapshot.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    two loads.
 * Source:  -
 */
size_t hx_ring_used(const struct hx_ring *r);
size_t hx_ring_free(const struct hx_ring *r);

/**
 * hx_ring_put() - copy bytes in, as many as fit
 * hx_ring_put_byte() - copy one byte in
 * @r:     the ring
 * @bytes: what to put in
 * @n:     how many
 * @byte:  the one byte
 *
 * Returns: how many fitted; false: full.
 * Context: any; one producer at a time.
 * Locks:   none.
 * Owner:   bytes are copied.
 * Cost:    O(n).
 * Source:  Lamport, Proving the Correctness of Multiprocess Programs (1977), 4.
 */
size_t hx_ring_put(struct hx_ring *r, const void *bytes, size_t n);
bool hx_ring_put_byte(struct hx_ring *r, uint8_t byte);

/**
 * hx_ring_get() - take bytes out, as many as there are
 * hx_ring_get_byte() - take one byte out
 * @r:     the ring
 * @bytes: receives them
 * @n:     how many at most
 *
 * Returns: how many there were; the byte, or -HX_EAGAIN: empty.
 * Context: any; one consumer at a time.
 * Locks:   none.
 * Owner:   the caller has bytes.
 * Cost:    O(n).
 * Source:  as hx_ring_put().
 */
size_t hx_ring_get(struct hx_ring *r, void *bytes, size_t n);
int hx_ring_get_byte(struct hx_ring *r);

#endif
