/* SPDX-License-Identifier: MIT */
/*
 * A spinlock that many may hold to read, or one to write. For data that is read often, by several
 * CPUs at a time, for long enough that waiting for each other would show; else a plain spinlock is
 * quicker. Ranks and rules are a spinlock's. If interrupts take one, even to read only, everybody
 * takes it with interrupts off, since a reader waits behind a writer that waits.
 */
#ifndef HX_CORE_RWLOCK_H
#define HX_CORE_RWLOCK_H

#include <hx/core/lock.h>

#define HX_RW_WRITING	0x001u		/* the low byte: a writer has it */
#define HX_RW_WAITING	0x100u		/* the first in the queue is a writer */
#define HX_RW_READER	0x200u		/* so much for each reader */

struct hx_rwlock {
	union {
		volatile uint32_t word;
		volatile uint8_t writing;
	};
	uint32_t reserved;
	struct hx_spinlock queue;	/* who waits holds or waits for it; names the lock, too */
};

#define HX_RWLOCK_INIT(name_, rank_)	{ { 0 }, 0, HX_SPINLOCK_INIT(name_, rank_) }

/* A lock in memory that HX_RWLOCK_INIT cannot reach; free. */
static inline void hx_rw_init(struct hx_rwlock *l, const char *name, enum hx_lock_rank rank)
{
	l->word = 0;
	hx_spin_init(&l->queue, name, rank);
}

/**
 * hx_rw_read_wait() - take a lock to read that a writer has or waits for: the slow end
 * hx_rw_write_wait() - take a lock to write that somebody has
 * @l: the lock; hx_rw_read_wait(): the caller has counted itself as a reader already
 *
 * Returns: when it is taken.
 * Context: preemption or interrupts off, from the functions below.
 * Locks:   takes l. Readers and writers that wait come in the order in which they came.
 * Owner:   -
 * Cost:    as long as those before hold it.
 * Source:  Linux, qrwlock: a queue lock in front of a word.
 */
void hx_rw_read_wait(struct hx_rwlock *l);
void hx_rw_write_wait(struct hx_rwlock *l);

static inline void hx_rw_read_acquire_(struct hx_rwlock *l)
{
	if (hx_lock_noted_(l, HX_BORDER_READ))
		return;
	if (HX_ENABLED(DEBUG_LOCKS))
		hx_lock_debug_acquire(&l->queue);
	if (!HX_ENABLED(ONE_CPU) &&
	    HX_UNLIKELY(__atomic_fetch_add(&l->word, HX_RW_READER, __ATOMIC_ACQUIRE) &
			(HX_RW_WRITING | HX_RW_WAITING)))
		hx_rw_read_wait(l);
	__asm__ volatile("" ::: "memory");
}

static inline void hx_rw_read_release_(struct hx_rwlock *l)
{
	if (hx_lock_let_go_(l, HX_BORDER_READ))
		return;
	__asm__ volatile("" ::: "memory");
	if (HX_ENABLED(DEBUG_LOCKS))
		hx_lock_debug_release(&l->queue);
	if (!HX_ENABLED(ONE_CPU))
		__atomic_fetch_sub(&l->word, HX_RW_READER, __ATOMIC_RELEASE);
}

static inline void hx_rw_write_acquire_(struct hx_rwlock *l)
{
	uint32_t was = 0;

	if (hx_lock_noted_(l, HX_BORDER_WRITE))
		return;
	if (HX_ENABLED(DEBUG_LOCKS))
		hx_lock_debug_acquire(&l->queue);
	if (!HX_ENABLED(ONE_CPU) &&
	    HX_UNLIKELY(!__atomic_compare_exchange_n(&l->word, &was, HX_RW_WRITING, false,
						     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
		hx_rw_write_wait(l);
	__asm__ volatile("" ::: "memory");
}

static inline void hx_rw_write_release_(struct hx_rwlock *l)
{
	if (hx_lock_let_go_(l, HX_BORDER_WRITE))
		return;
	__asm__ volatile("" ::: "memory");
	if (HX_ENABLED(DEBUG_LOCKS))
		hx_lock_debug_release(&l->queue);
	if (!HX_ENABLED(ONE_CPU))
		__atomic_store_n(&l->writing, 0, __ATOMIC_RELEASE);
}

static inline void hx_rw_read_lock(struct hx_rwlock *l)
{
	hx_preempt_disable();
	hx_rw_read_acquire_(l);
}

static inline void hx_rw_read_unlock(struct hx_rwlock *l)
{
	hx_rw_read_release_(l);
	hx_preempt_enable();
}

static inline void hx_rw_write_lock(struct hx_rwlock *l)
{
	hx_preempt_disable();
	hx_rw_write_acquire_(l);
}

static inline void hx_rw_write_unlock(struct hx_rwlock *l)
{
	hx_rw_write_release_(l);
	hx_preempt_enable();
}

static inline hx_irqflags_t hx_rw_read_lock_irqsave(struct hx_rwlock *l)
{
	hx_irqflags_t flags = hx_irq_save();

	hx_rw_read_acquire_(l);
	return flags;
}

static inline void hx_rw_read_unlock_irqrestore(struct hx_rwlock *l, hx_irqflags_t flags)
{
	hx_rw_read_release_(l);
	hx_irq_restore(flags);
}

static inline hx_irqflags_t hx_rw_write_lock_irqsave(struct hx_rwlock *l)
{
	hx_irqflags_t flags = hx_irq_save();

	hx_rw_write_acquire_(l);
	return flags;
}

static inline void hx_rw_write_unlock_irqrestore(struct hx_rwlock *l, hx_irqflags_t flags)
{
	hx_rw_write_release_(l);
	hx_irq_restore(flags);
}

#endif
