// SPDX-License-Identifier: MIT
/*
 * The log's ring: records in, records out, under one lock that can never deadlock its own CPU.
 *
 * Locking. An ordinary spinlock would hang when an NMI or a panic logs while this CPU is inside the
 * ring. So the lock word holds the owner: finding ourselves there means that we interrupted our own
 * critical section, and then we do without (a writer counts a lost line, a reader in a panic reads
 * what is there, with every length checked). It is a leaf: nothing is called while it is held.
 * A CPU that was stopped while it had the lock gives it back to nobody: waiting has an end, too.
 */
#include <hx/base.h>
#include <hx/config/hal_common.h>
#include <hx/core/string.h>
#include <hx/hal/cpu.h>
#include <hx/hal/percpu.h>

#include "log_priv.h"

#define PATIENCE	(1u << 24)	/* looks; a record takes some hundred instructions */

static volatile uint32_t log_owner;	/* CPU number + 1; 0: free */

static bool log_lock(hx_irqflags_t *flags)
{
	uint32_t me, tries = 0;

	*flags = hx_irq_save();
	me = hx_percpu()->cpu + 1;
	while (HX_ENABLED(ONE_CPU) || tries++ < PATIENCE) {
		uint32_t seen = 0;

		if (__atomic_compare_exchange_n(&log_owner, &seen, me, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
		if (seen == me)
			return false;
		hx_cpu_relax();
	}
	return false;
}

static void log_unlock(bool locked, hx_irqflags_t flags)
{
	if (locked)
		__atomic_store_n(&log_owner, 0, __ATOMIC_RELEASE);
	hx_irq_restore(flags);
}

static uint32_t ring_in(struct log_ring *r, uint32_t pos, const void *from, uint32_t n)
{
	uint32_t at = pos & (r->size_bytes - 1), first = r->size_bytes - at;

	if (first > n)
		first = n;
	memcpy(r->buf + at, from, first);
	if (HX_UNLIKELY(first < n))
		memcpy(r->buf, (const uint8_t *)from + first, n - first);
	return pos + n;
}

static uint32_t ring_out(const struct log_ring *r, uint32_t pos, void *to, uint32_t n)
{
	uint32_t at = pos & (r->size_bytes - 1), first = r->size_bytes - at;

	if (first > n)
		first = n;
	memcpy(to, r->buf + at, first);
	memcpy((uint8_t *)to + first, r->buf, n - first);
	return pos + n;
}

static uint32_t record_bytes(const struct log_header *h)
{
	return sizeof(*h) + h->area_len + h->len;
}

bool log_ring_put(struct log_ring *r, struct log_header *h, const char *area, const char *text)
{
	uint32_t bytes = record_bytes(h), pos;
	hx_irqflags_t flags;
	bool locked = log_lock(&flags);

	if (HX_UNLIKELY(!locked)) {
		__atomic_fetch_add(&r->n_lost, 1, __ATOMIC_RELAXED);
		hx_irq_restore(flags);
		return false;
	}
	while (r->size_bytes - (r->head - r->tail) < bytes) {
		struct log_header old;

		ring_out(r, r->tail, &old, sizeof(old));
		r->tail += record_bytes(&old);
	}
	if (HX_UNLIKELY(r->n_lost != 0))
		r->next_seq += __atomic_exchange_n(&r->n_lost, 0, __ATOMIC_RELAXED);
	h->seq = r->next_seq++;
	pos = ring_in(r, r->head, h, sizeof(*h));
	pos = ring_in(r, pos, area, h->area_len);
	r->head = ring_in(r, pos, text, h->len);
	log_unlock(true, flags);
	return true;
}

bool log_ring_next(struct log_ring *r, uint32_t *pos, uint64_t *seq, struct log_line *out)
{
	hx_irqflags_t flags;
	bool locked = log_lock(&flags), found = false;

	/* The record there was overwritten, or this is the first call: begin with the oldest. */
	if (r->head - *pos > r->head - r->tail)
		*pos = r->tail;
	while (!found && r->head - *pos >= sizeof(out->h)) {
		uint32_t at = ring_out(r, *pos, &out->h, sizeof(out->h));

		if (out->h.len > HX_LOG_TEXT_MAX || out->h.area_len > LOG_AREA_MAX)
			break;		/* half-written, seen without the lock in a panic */
		*pos += record_bytes(&out->h);
		if (out->h.seq < *seq)
			continue;
		at = ring_out(r, at, out->area, out->h.area_len);
		ring_out(r, at, out->text, out->h.len);
		out->area[out->h.area_len] = '\0';
		out->text[out->h.len] = '\0';
		*seq = out->h.seq + 1;
		found = true;
	}
	log_unlock(locked, flags);
	return found;
}

uint64_t log_ring_next_seq(struct log_ring *r)
{
	hx_irqflags_t flags;
	bool locked = log_lock(&flags);
	uint64_t seq = r->next_seq;

	log_unlock(locked, flags);
	return seq;
}
