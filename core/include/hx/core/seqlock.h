/* SPDX-License-Identifier: MIT */
/*
 * Data that is read without writing a single byte: readers look at a number before and after, and
 * read again if a writer was there. For a few words that change seldom, without pointers that a
 * writer might make invalid.
 *
 *	do {						flags = hx_seq_write_lock(&l);
 *		n = hx_seq_read_begin(&l);		a = ..., b = ...;
 *		x = a, y = b;				hx_seq_write_unlock(&l, flags);
 *	} while (hx_seq_read_again(&l, n));
 *
 * Source: Lameter, "Effective Synchronization on Linux/NUMA Systems" (2005); Boehm (MSPC 2012) for
 * the fences.
 */
#ifndef HX_CORE_SEQLOCK_H
#define HX_CORE_SEQLOCK_H

#include <hx/core/lock.h>

struct hx_seqlock {
	struct hx_spinlock lock;	/* of writers */
	uint32_t number;		/* a odd: a writer is at work */
	uint32_t reserved;
};

#define HX_SEQLOCK_INIT(name_, rank_)	{ HX_SPINLOCK_INIT(name_, rank_), 0, 0 }

/* Any context, NMI too unless it interrupts the writer. Waits while a writer is at work. */
static inline uint32_t hx_seq_read_begin(const struct hx_seqlock *l)
{
	uint32_t n;

	while (HX_UNLIKELY((n = __atomic_load_n(&l->number, __ATOMIC_ACQUIRE)) & 1))
		hx_cpu_relax();
	return n;
}

/* True: what was read since hx_seq_read_begin() gave n is worth nothing. */
static inline bool hx_seq_read_again(const struct hx_seqlock *l, uint32_t n)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return HX_UNLIKELY(__atomic_load_n(&l->number, __ATOMIC_RELAXED) != n);
}

/* Interrupts off, because one that reads would wait for ever. */
static inline hx_irqflags_t hx_seq_write_lock(struct hx_seqlock *l)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&l->lock);

	__atomic_store_n(&l->number, l->number + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return flags;
}

static inline void hx_seq_write_unlock(struct hx_seqlock *l, hx_irqflags_t flags)
{
	__atomic_store_n(&l->number, l->number + 1, __ATOMIC_RELEASE);
	hx_spin_unlock_irqrestore(&l->lock, flags);
}

#endif
