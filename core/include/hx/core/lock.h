/* SPDX-License-Identifier: MIT */
/*
 * Spinlocks, with ranks. Only take a lock of a rank higher than any you hold; debug builds
 * (CONFIG_DEBUG_LOCKS) check that, recursion, and unlocking what is not held.
 *
 *   hx_spin_lock / hx_spin_unlock               thread context, data not touched by interrupts
 *   hx_spin_lock_irqsave / hx_spin_unlock_irqrestore   data that interrupts touch as well
 *
 * While a spinlock is held there is no preemption and no sleeping.
 */
#ifndef HX_CORE_LOCK_H
#define HX_CORE_LOCK_H

#include <hx/base.h>
#include <hx/config/core_border.h>
#include <hx/config/core_lib.h>
#include <hx/config/hal_common.h>
#include <hx/hal/cpu.h>
#include <hx/hal/percpu.h>

/* The global order, outermost first; docs/design/locking.md explains each. At most 31. */
enum hx_lock_rank {
	HX_RANK_NONE,		/* not checked for order (tests) */
	HX_RANK_VFS_MOUNTS,
	HX_RANK_VFS_NODE,
	HX_RANK_NAMES,
	HX_RANK_SLOT,
	HX_RANK_DEVICE,
	HX_RANK_CONSOLE,
	HX_RANK_STACKS,
	HX_RANK_THREADS,	/* the table of all threads; interrupts may come */
	HX_RANK_HEAP,
	HX_RANK_KMAP,		/* the kernel's page tables */
	HX_RANK_ZONE,		/* frames */
	HX_RANK_WAIT,		/* wait queues */
	HX_RANK_INHERIT,	/* priority inheritance */
	HX_RANK_RUNQ,
	HX_RANK_TIMERS,
	HX_RANK_DRIVER,		/* a device's registers */
	HX_RANK_CAP_OBJECT,	/* the capabilities of an object */
	HX_RANK_CAP_TABLE,	/* a holder's slots */
	HX_RANK_LOG,
	HX_RANK_LEAF,
	HX_RANK_COUNT,
};

/*
 * locked is 0 when free. With several CPUs it has parts: held, which the holder clears with one
 * store; closed, which the first of the waiting CPUs sets when it has waited for long; and tail,
 * the last of the CPUs that wait in a queue, in the order in which they came.
 */
struct hx_spinlock {
	union {
		volatile uint32_t locked;
		struct {
			union {
				volatile uint16_t state;	/* held and closed */
				struct {
					volatile uint8_t held, closed;
				};
			};
			volatile uint16_t tail;
		};
	};
	uint32_t rank;			/* constant: enum hx_lock_rank */
	const char *name;		/* constant, for reports */
};

#define HX_SPINLOCK_INIT(name_, rank_)	{ { .locked = 0 }, .rank = (rank_), .name = (name_) }

/* A lock in memory that HX_SPINLOCK_INIT cannot reach; free. */
static inline void hx_spin_init(struct hx_spinlock *l, const char *name, enum hx_lock_rank rank)
{
	l->locked = 0;
	l->rank = rank;
	l->name = name;
}

/**
 * hx_lock_debug_acquire() - check that l may be taken now, and note that this CPU has it
 * hx_lock_debug_release() - check that this CPU has it, and forget it
 * hx_lock_debug_contended() - count that somebody had to wait
 * hx_lock_debug_is_held() - whether this CPU has it
 * hx_lock_debug_taken() - which ranks this CPU took since it was last asked
 * hx_lock_debug_stop() - check nothing from now on: the kernel is ending
 * @l: the lock
 *
 * Returns: is_held: true if so; taken: a bit for each rank, without HX_RANK_NONE; others nothing,
 *          but hx_bug() with names if a rule is broken.
 * Context: any; only with CONFIG_DEBUG_LOCKS, from the functions below.
 * Locks:   none: each CPU's list is its own, with interrupts off.
 * Owner:   -
 * Cost:    acquire and release about 30 instructions each.
 * Source:  FreeBSD witness(4); SerenityOS LockRank.
 */
void hx_lock_debug_acquire(struct hx_spinlock *l);
void hx_lock_debug_release(struct hx_spinlock *l);
void hx_lock_debug_contended(struct hx_spinlock *l);
bool hx_lock_debug_is_held(const struct hx_spinlock *l);
uint32_t hx_lock_debug_taken(void);
void hx_lock_debug_stop(void);

struct hx_text;

/**
 * hx_lock_debug_show() - the spinlocks that a CPU holds, one a line.
 * @out: where to
 * @cpu: this one, or one that stands still
 *
 * Returns: nothing.
 * Context: a panic; only with CONFIG_DEBUG_LOCKS.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(locks held).
 * Source:  -
 */
void hx_lock_debug_show(struct hx_text *out, unsigned cpu);

/**
 * hx_spin_wait() - take a lock that somebody else holds: the slow end of hx_spin_lock()
 * @l: the lock
 *
 * Returns: when it is taken.
 * Context: as hx_spin_lock(); on one CPU the holder would have to be interrupted code, so it is a
 *          deadlock there, which CONFIG_DEBUG_LOCKS reports.
 * Locks:   takes l. First come, first served, but for those who find it free on the way in, until
 *          the first one in the queue closes it to them.
 * Owner:   -
 * Cost:    as long as those before hold it, each spinning on a cache line of its own.
 * Source:  Mellor-Crummey and Scott (TOCS 1991); queue behind a lock word, and taking it on the
 *          way in: Linux, qspinlock and its paravirtual form.
 */
void hx_spin_wait(struct hx_spinlock *l);

/* What kind of lock an address in hx_border.held[] is. */
enum hx_border_lock { HX_BORDER_SPIN, HX_BORDER_MUTEX, HX_BORDER_READ, HX_BORDER_WRITE };

/**
 * hx_border_took() - the running call has a lock now
 * hx_border_gave() - and no longer
 * hx_border_acquire() - take a lock and note it
 * hx_border_try() - take a spinlock if it is free, and note it
 * hx_border_release() - the end of that
 * @lock: its address, a multiple of 4
 * @kind: what it is
 *
 * The last three are what the functions of locks below are in code of modules. Taking and noting
 * are one step there: such code may lose the right to be executed at any instruction.
 *
 * Returns: try: whether it was free; others nothing.
 * Context: took, gave: any; others as the lock's own functions.
 * Locks:   none but @lock.
 * Owner:   -
 * Cost:    about 10 instructions, and the lock's.
 * Source:  -
 */
void hx_border_took(const void *lock, enum hx_border_lock kind);
void hx_border_gave(const void *lock);
void hx_border_acquire(void *lock, enum hx_border_lock kind);
bool hx_border_try(struct hx_spinlock *lock);
void hx_border_release(void *lock, enum hx_border_lock kind);

/* Code of modules is compiled with this as 1. */
#ifndef HX_IN_MODULE
#define HX_IN_MODULE	0
#endif

/* True: it is done, as code of a module has it. The lock is looked at first, so that an address
 * which is none faults here, and is the module's fault. */
static inline bool hx_lock_noted_(void *lock, enum hx_border_lock kind)
{
	if (!HX_ENABLED(BORDERS) || !HX_IN_MODULE)
		return false;
	(void)*(volatile uint32_t *)lock;
	hx_border_acquire(lock, kind);
	return true;
}

static inline bool hx_lock_let_go_(void *lock, enum hx_border_lock kind)
{
	if (!HX_ENABLED(BORDERS) || !HX_IN_MODULE)
		return false;
	(void)*(volatile uint32_t *)lock;
	hx_border_release(lock, kind);
	return true;
}

/*
 * Called again and again by whoever spins, for what must not wait until the lock is free: other
 * CPUs may hold it and wait for this one to forget translations. Set by core/smp.
 */
extern void (*hx_spin_poll)(void);

/*
 * Called now and then by who has spun for long, perhaps with interrupts off: whoever holds the lock
 * may never let go of it. Takes no lock. Set by core/thread.
 */
extern void (*hx_spin_long)(void);

/* Called when preemption is possible again and one is due. Set by core/thread; until then it does
 * nothing. */
extern void (*hx_preempt_point)(void);

static inline void hx_preempt_disable(void)
{
	hx_percpu_preempt_off_();
	__asm__ volatile("" ::: "memory");
}

static inline void hx_preempt_enable(void)
{
	__asm__ volatile("" ::: "memory");
	if (HX_LIKELY(hx_percpu_preempt_on_()) && HX_UNLIKELY(hx_percpu()->need_resched))
		hx_preempt_point();
}

/* True: it was free, and is ours now. On one CPU preemption or interrupts are off by now, so nobody
 * can come between the load and the store. */
static inline bool hx_spin_try_(struct hx_spinlock *l)
{
	uint32_t was = 0;

	if (!HX_ENABLED(ONE_CPU))
		return __atomic_compare_exchange_n(&l->locked, &was, 1, false, __ATOMIC_ACQUIRE,
						   __ATOMIC_RELAXED);
	was = l->locked;
	l->locked = 1;
	__asm__ volatile("" ::: "memory");
	return was == 0;
}

static inline void hx_spin_acquire_(struct hx_spinlock *l)
{
	if (hx_lock_noted_(l, HX_BORDER_SPIN))
		return;
	if (HX_ENABLED(DEBUG_LOCKS))
		hx_lock_debug_acquire(l);
	if (HX_ENABLED(ONE_CPU)) {
		/* Nobody else can hold it: only a bug, which the line above sees, could. */
		l->locked = 1;
		__asm__ volatile("" ::: "memory");
	} else if (HX_UNLIKELY(!hx_spin_try_(l))) {
		hx_spin_wait(l);
	}
}

static inline void hx_spin_release_(struct hx_spinlock *l)
{
	if (hx_lock_let_go_(l, HX_BORDER_SPIN))
		return;
	if (HX_ENABLED(DEBUG_LOCKS))
		hx_lock_debug_release(l);
	if (HX_ENABLED(ONE_CPU))
		__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
	else
		__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

static inline void hx_spin_lock(struct hx_spinlock *l)
{
	hx_preempt_disable();
	hx_spin_acquire_(l);
}

static inline void hx_spin_unlock(struct hx_spinlock *l)
{
	hx_spin_release_(l);
	hx_preempt_enable();
}

static inline hx_irqflags_t hx_spin_lock_irqsave(struct hx_spinlock *l)
{
	hx_irqflags_t flags = hx_irq_save();

	hx_spin_acquire_(l);
	return flags;
}

/* False: somebody holds it, nothing happened. For short fast paths that end in a call of the slow
 * one: with no call in the middle, the compiler need not save registers. */
static inline bool hx_spin_trylock_irqsave(struct hx_spinlock *l, hx_irqflags_t *flags)
{
	*flags = hx_irq_save();
	if (HX_ENABLED(BORDERS) && HX_IN_MODULE) {
		if (hx_border_try(l))
			return true;
	} else if (HX_LIKELY(hx_spin_try_(l))) {
		if (HX_ENABLED(DEBUG_LOCKS))
			hx_lock_debug_acquire(l);
		return true;
	}
	hx_irq_restore(*flags);
	return false;
}

static inline void hx_spin_unlock_irqrestore(struct hx_spinlock *l, hx_irqflags_t flags)
{
	hx_spin_release_(l);
	hx_irq_restore(flags);
}

/* With CONFIG_DEBUG_LOCKS: this CPU holds l. Else: somebody does. For hx_assert_held(). */
static inline bool hx_spin_is_held(const struct hx_spinlock *l)
{
	return HX_ENABLED(DEBUG_LOCKS) ? hx_lock_debug_is_held(l) : l->locked != 0;
}

/* For the last report: what it takes and holds no longer counts. */
static inline void hx_lock_check_stop(void)
{
	if (HX_ENABLED(DEBUG_LOCKS))
		hx_lock_debug_stop();
}

#define hx_assert_held(l)	hx_assert(hx_spin_is_held(l))

#endif
