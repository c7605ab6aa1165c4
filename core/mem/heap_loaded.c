// SPDX-License-Identifier: MIT
/*
 * Heaps that are modules (CONFIG_HEAP_LOADED). While one is in the slot, hx_alloc() comes through
 * here, because a thread that has read a function of a module and has not entered it yet could
 * find it gone: here it counts itself first, and then looks.
 *
 * A heap that is built in stands behind: it gives what the loaded one cannot, and takes over when
 * that one fails. A failed one is known by its free(), which answers a NULL with 0 as long as it is
 * well (a border answers with an error). Its blocks keep their bytes and are lost when they are
 * freed, because nobody knows any more where they begin and end.
 */
#include <hx/core/assert.h>
#include <hx/core/init.h>
#include <hx/core/printf.h>
#include <hx/core/swap.h>

#include "heap_ups.h"

static uint32_t n_failed;		/* a heaps that were thrown out since boot */
static uint64_t n_lost;			/* a blocks of theirs that were freed */

uint64_t heap_loaded_n_lost(void)
{
	return __atomic_load_n(&n_lost, __ATOMIC_RELAXED);
}

/* The heap that booted has the first place, and is built in. */
static struct heap_up *behind(void)
{
	return heap_up_at(0);
}

/* It answers nothing any more: the one behind it takes the slot. */
static HX_COLD void throw_out(struct heap_up *h)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&heap_ups_lock);
	bool is_new = !h->is_failed, was_in_slot = h->ops == heap_current;

	h->is_failed = true;
	h->is_drained = true;
	if (is_new)
		__atomic_fetch_add(&n_failed, 1, __ATOMIC_RELAXED);
	if (was_in_slot) {
		__atomic_fetch_add(&behind()->turn, 1, __ATOMIC_RELEASE);
		__atomic_fetch_add(&h->turn, 1, __ATOMIC_RELEASE);
		__atomic_store_n(&heap_current, behind()->ops, __ATOMIC_RELEASE);
	}
	heap_ups_route_locked();
	hx_spin_unlock_irqrestore(&heap_ups_lock, irq);
	if (is_new && was_in_slot)
		hx_swap_failed(&heap_kind, h->ops, behind()->ops, "it answers nothing", 0);
}

/* Whoever broke in one may not have thrown it out yet, or nobody has asked it for a block since. */
static HX_COLD void throw_out_failed(void)
{
	struct heap_up *h;

	HEAP_UP_FOREACH(h, i) {
		if (h->is_loaded && h->ops->free(NULL) != 0)
			throw_out(h);
	}
}

bool heap_loaded_lost(const void *ptr)
{
	if (ptr == NULL)
		return false;
	if (__atomic_load_n(&n_failed, __ATOMIC_RELAXED) == 0)
		throw_out_failed();
	if (__atomic_load_n(&n_failed, __ATOMIC_RELAXED) == 0)
		return false;
	__atomic_fetch_add(&n_lost, 1, __ATOMIC_RELAXED);
	return true;
}

static void *take_of(struct heap_up *h, size_t size_bytes, size_t align)
{
	return align <= HX_HEAP_ALIGN ? h->ops->alloc(size_bytes) :
					h->ops->alloc_aligned(size_bytes, align);
}

void *heap_loaded_take(size_t size_bytes, size_t align)
{
	struct heap_up *h;
	void *p;

	do {
		h = heap_up_now();	/* one that is gone has left the slot before */
	} while (!heap_up_enter(h));
	p = take_of(h, size_bytes, align);
	if (HX_UNLIKELY(p == NULL) && h->is_loaded) {
		if (h->ops->free(NULL) != 0)
			throw_out(h);
		p = take_of(behind(), size_bytes, align);
	}
	heap_up_leave(h);
	return p;
}

void *heap_loaded_alloc(size_t size_bytes)
{
	return heap_loaded_take(size_bytes, 0);
}

/* From up to gone, if it has no block and nobody is inside; with interrupts off. */
static bool may_leave(struct heap_up *h)
{
	struct hx_heap_stats s = { 0 };
	hx_irqflags_t irq = hx_irq_save();
	bool goes;

	__atomic_store_n(&h->state, HEAP_LEAVING, __ATOMIC_SEQ_CST);
	goes = __atomic_load_n(&h->n_inside, __ATOMIC_SEQ_CST) == 0;
	if (goes && !h->is_failed) {
		h->ops->stats(&s);
		goes = s.n_allocs == s.n_frees;
	}
	__atomic_store_n(&h->state, goes ? HEAP_GONE : HEAP_UP, __ATOMIC_SEQ_CST);
	hx_irq_restore(irq);
	return goes;
}

int heap_loaded_release(const void *ops)
{
	struct heap_up *h = heap_up_of(ops);

	if (h == NULL)
		return 0;
	if (!h->is_loaded || ops == heap_current)
		return -HX_EBUSY;
	if (h->ops->free(NULL) != 0)
		throw_out(h);		/* it failed while it was out of the slot */
	if (!h->is_failed && heap_up_settle(h) != 0)
		return -HX_EBUSY;
	if (!may_leave(h))
		return -HX_EBUSY;
	if (!h->is_failed)
		h->ops->fini();
	return 0;
}
