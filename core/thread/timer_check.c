// SPDX-License-Identifier: MIT
/*
 * Who cancels a timer may have to wait for its function, so it must hold no lock that the
 * function takes, nor, by the order of ranks, any of a higher rank. With CONFIG_DEBUG_LOCKS it is
 * noted which ranks each function took when it ran, and each cancel is checked against that: a
 * mistake shows the first time, and not when both meet by chance on two CPUs.
 */
#include <hx/core/assert.h>

#include "thread_priv.h"

#define FUNCTIONS_MAX	32u	/* one more is not checked */

/* Field key: a atomic. */
static struct {
	timer_fn_t fn;		/* a NULL: free; once set, for good */
	uint32_t ranks;		/* a */
} timer_fns[FUNCTIONS_MAX];

/* The entry of fn, made if need be; NULL: no room. */
static uint32_t *timer_ranks_of(timer_fn_t fn)
{
	for (unsigned i = 0; i < FUNCTIONS_MAX; i++) {
		timer_fn_t seen = NULL;

		if (__atomic_compare_exchange_n(&timer_fns[i].fn, &seen, fn, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED) || seen == fn)
			return &timer_fns[i].ranks;
	}
	return NULL;
}

void timer_note(timer_fn_t fn, uint32_t ranks)
{
	uint32_t *known = timer_ranks_of(fn);

	if (known != NULL)
		__atomic_fetch_or(known, ranks, __ATOMIC_RELAXED);
}

void timer_check_forget(uintptr_t start, size_t bytes)
{
	for (unsigned i = 0; i < FUNCTIONS_MAX; i++)
		if ((uintptr_t)__atomic_load_n(&timer_fns[i].fn, __ATOMIC_RELAXED) - start < bytes)
			__atomic_store_n(&timer_fns[i].ranks, 0, __ATOMIC_RELAXED);
}

void timer_check(timer_fn_t fn)
{
	const uint32_t *known = fn != NULL ? timer_ranks_of(fn) : NULL;
	uint32_t ranks = known != NULL ? __atomic_load_n(known, __ATOMIC_RELAXED) : 0;
	uint32_t held = hx_percpu()->locks_held & ~(1u << HX_RANK_NONE);

	if (ranks != 0 && held >> __builtin_ctz(ranks) != 0)
		hx_bug("a timer is cancelled while holding a lock of rank %u; its function takes "
		       "one of rank %u", 31u - (unsigned)__builtin_clz(held),
		       (unsigned)__builtin_ctz(ranks));
}
