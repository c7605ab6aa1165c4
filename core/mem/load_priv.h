/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the heap under load share: slots with blocks that threads and interrupts
 * replace. Each file that includes this has its own.
 */
#ifndef HX_MEM_LOAD_PRIV_H
#define HX_MEM_LOAD_PRIV_H

#include <hx/core/heap.h>
#include <hx/core/thread.h>
#include <hx/hal/timer.h>

#define THREADS		8u
#define SLOTS		200u
#define TICK_NS		1000000u

/* At the start of each block in a slot; the last byte of the block is the size's lowest. */
struct mark {
	size_t size;
	uintptr_t self;
};

static void *slots[SLOTS];		/* atomic */
static uint32_t n_broken, n_fired;	/* atomic */
static bool is_over;			/* atomic */

static inline uint32_t next_random(uint64_t *rnd)
{
	*rnd = *rnd * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*rnd >> 33);
}

/* A new block into a slot; what was there, from whomever, is looked at and given back. */
static inline void replace(uint64_t *rnd, bool by_nothing)
{
	size_t most = next_random(rnd) % 8 != 0 ? 200 : 3000;
	size_t size = sizeof(struct mark) + 1 + next_random(rnd) % most;
	struct mark *m = by_nothing ? NULL : hx_alloc(size);

	if (m != NULL) {
		*m = (struct mark){ size, (uintptr_t)m };
		((uint8_t *)m)[size - 1] = (uint8_t)size;
	}
	m = __atomic_exchange_n(&slots[next_random(rnd) % SLOTS], m, __ATOMIC_ACQ_REL);
	if (m == NULL)
		return;
	if (m->self != (uintptr_t)m || ((uint8_t *)m)[m->size - 1] != (uint8_t)m->size ||
	    hx_alloc_size(m) < m->size)
		__atomic_fetch_add(&n_broken, 1, __ATOMIC_RELAXED);
	hx_free(m);
}

/* In an interrupt, wherever that comes: in the middle of an allocation, perhaps. */
static inline void replace_some(struct hx_timer *timer)
{
	static uint64_t rnd = 99;

	for (unsigned n = 0; n < 20; n++)
		replace(&rnd, n % 4 == 0);
	__atomic_fetch_add(&n_fired, 1, __ATOMIC_RELAXED);
	if (!__atomic_load_n(&is_over, __ATOMIC_RELAXED))
		hx_timer_start(timer, hx_now_ns() + TICK_NS / 4);
}

#endif
