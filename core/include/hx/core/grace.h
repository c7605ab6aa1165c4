/* SPDX-License-Identifier: MIT */
/*
 * Readers that never wait and never write: what they found stays there until they are done, because
 * who takes it away waits for a grace period before it frees it.
 *
 *	hx_read_begin();				old = p;
 *	x = hx_read_pointer(&p);			hx_publish_pointer(&p, new);
 *	... use x, do not sleep ...			hx_grace_wait();
 *	hx_read_end();					free(old);
 *
 * A section of a reader is a stretch without preemption; code with interrupts off or with a
 * spinlock is in one as well. A CPU has passed when it took an interrupt outside of any, or idled.
 * With one CPU a thread that may sleep knows that nobody is in a section: there is nothing to wait
 * for.
 */
#ifndef HX_CORE_GRACE_H
#define HX_CORE_GRACE_H

#include <hx/config/hal_common.h>
#include <hx/core/lock.h>

static inline void hx_read_begin(void)
{
	hx_preempt_disable();
}

static inline void hx_read_end(void)
{
	hx_preempt_enable();
}

/* Load a pointer that may be published meanwhile; what it points at is seen as it was published. */
#define hx_read_pointer(p)		__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define hx_publish_pointer(p, value)	__atomic_store_n((p), (value), __ATOMIC_RELEASE)

/* Something to do after a grace period. Embed it in what is to be freed. */
struct hx_grace {
	struct hx_grace *next;
	void (*fn)(struct hx_grace *g);
};

#if CONFIG_SMP

/**
 * hx_grace_wait() - wait until every reader that may have seen the old state is done.
 *
 * Returns: when each CPU was outside of readers' sections at some moment after the call.
 * Context: thread, may sleep; no lock held, not in a section.
 * Locks:   none.
 * Owner:   -
 * Cost:    an interrupt to each other CPU; a tick more for each time one is in a section just then.
 * Source:  McKenney and Slingwine (PDCS 1998), read-copy update; here each CPU is asked instead of
 *          counting its switches, so the scheduler pays nothing. Model: test/models/grace.pml.
 */
void hx_grace_wait(void);

/**
 * hx_grace_call() - have something done after a grace period.
 * @g:  in what is to be freed; unlinked, so that no new reader finds it
 * @fn: called once in a thread of this room, may sleep
 *
 * Returns: nothing; many calls share one grace period.
 * Context: thread, may sleep; not in a section.
 * Locks:   HX_RANK_WAIT.
 * Owner:   @g is this room's until @fn is called.
 * Cost:    a wake-up if nothing waited before.
 * Source:  as hx_grace_wait().
 */
void hx_grace_call(struct hx_grace *g, void (*fn)(struct hx_grace *g));

/**
 * hx_grace_release_memory() - have done what waits in some memory, or with a function in it.
 * @start: its first byte
 * @bytes: its size
 *
 * For whoever takes code away, one at a time. What waits is called, by the caller of this; what is
 * asked for there until this returns is not, or a function that always asks anew would never end.
 *
 * Returns: how many there were. None of their functions runs any more.
 * Context: as hx_grace_wait(), and not in such a function.
 * Locks:   as hx_grace_call(); none while a function runs.
 * Owner:   the memory is the caller's alone, as far as such calls are concerned.
 * Cost:    a grace period, and the functions.
 * Source:  -
 */
unsigned hx_grace_release_memory(uintptr_t start, size_t bytes);

#else

static inline void hx_grace_wait(void)
{
}

static inline void hx_grace_call(struct hx_grace *g, void (*fn)(struct hx_grace *g))
{
	fn(g);
}

static inline unsigned hx_grace_release_memory(uintptr_t start, size_t bytes)
{
	return 0;
}

#endif
#endif
