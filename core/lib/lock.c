/* SPDX-License-Identifier: MIT */
/*
 * The slow ends of a spinlock: waiting, and the call made when preemption is possible again.
 */
#include <hx/core/lock.h>

static void preempt_none(void)
{
	/* Before threads exist there is nobody to switch to. */
}

void (*hx_preempt_point)(void) = preempt_none;

/* Only read while waiting: writing would take the cache line away from the holder each time. */
void hx_spin_wait(struct hx_spinlock *l)
{
	if (HX_ENABLED(DEBUG_LOCKS))
		hx_lock_debug_contended(l);
	do {
		while (l->locked != 0)
			hx_cpu_relax();
	} while (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE) != 0);
}
