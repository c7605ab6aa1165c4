/* SPDX-License-Identifier: MIT */
/*
 * Heaps that were in the slot (CONFIG_SLOT_SWAP), as heap_swap.c and heap_loaded.c see them.
 *
 * A heap that is built in stays up once it was in the slot. A loaded one goes with its module, so
 * each call into one is counted while it runs (CONFIG_HEAP_LOADED): a place of the table is entered
 * and left. Its heap goes while nobody is inside and no block of it lives.
 */
#ifndef HX_MEM_HEAP_UPS_H
#define HX_MEM_HEAP_UPS_H

#include <hx/core/lock.h>
#include <hx/core/slot.h>
#include <hx/hal/cpu.h>

#include "mem_priv.h"

#define HEAPS_MAX	8u

enum heap_up_state { HEAP_GONE, HEAP_UP, HEAP_LEAVING };

/* Field keys: c constant while it is up, a atomic, l heap_ups_lock. */
struct heap_up {
	const struct hx_heap_ops *ops;		/* c */
	const struct hx_heap_swap_ops *more;	/* c NULL: size_of() is exact, nothing to trim */
	int64_t n_left;				/* a */
	uint32_t turn;				/* a how often it came or went */
	uint32_t n_inside;			/* a calls that run, where heaps are loaded */
	enum heap_up_state state;		/* a */
	bool is_drained;			/* l */
	bool is_loaded;				/* c */
	bool is_failed;				/* a thrown out: what it gave is lost */
	char name[HX_SLOT_NAME_MAX];		/* c */
};

extern struct hx_spinlock heap_ups_lock;
extern const struct hx_kind heap_kind;

/* The idx-th place of the table; NULL past the last one. */
struct heap_up *heap_up_at(unsigned idx);
/* The place of a heap; NULL: it is not up. */
struct heap_up *heap_up_of(const void *ops);
/* The place of the heap in the slot. */
struct heap_up *heap_up_now(void);
/* Frees and allocations go the ways that the heaps now ask for. */
void heap_ups_route_locked(void);
/* Blocks of a heap that is not in the slot; it gives memory back when there are none. Entered. */
uint64_t heap_up_settle(struct heap_up *h);

/* Without loaded heaps all places that are there stay. */
static inline bool heap_up_enter(struct heap_up *h)
{
	enum heap_up_state state;

	if (!HX_ENABLED(HEAP_LOADED))
		return true;
	for (;; hx_cpu_relax()) {
		__atomic_fetch_add(&h->n_inside, 1, __ATOMIC_SEQ_CST);
		state = __atomic_load_n(&h->state, __ATOMIC_SEQ_CST);
		if (state == HEAP_UP)
			return true;
		__atomic_fetch_sub(&h->n_inside, 1, __ATOMIC_SEQ_CST);
		if (state == HEAP_GONE)
			return false;
		/* Leaving is decided with interrupts off, so on another CPU, and soon. */
	}
}

static inline void heap_up_leave(struct heap_up *h)
{
	if (HX_ENABLED(HEAP_LOADED))
		__atomic_fetch_sub(&h->n_inside, 1, __ATOMIC_SEQ_CST);
}

/* Each heap that is up, entered; who breaks out leaves it. */
struct heap_up *heap_up_next(unsigned *idx);
#define HEAP_UP_FOREACH(h_, i_) \
	for (unsigned i_ = 0; (h_ = heap_up_next(&i_)) != NULL; heap_up_leave(h_))

#endif
