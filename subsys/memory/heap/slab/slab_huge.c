/* SPDX-License-Identifier: MIT */
/*
 * Heap "slab": blocks above 4 MiB, and with CONFIG_HEAP_GUARDS all from CONFIG_HEAP_GUARDS_KIB on:
 * single pages side by side in the kernel's heap area, with a page before and behind that faults.
 * To map and to unmap them sleeps. So they are given only to those who may; one that is freed where
 * nobody may (an interrupt, under a spinlock) is put on the list `dead` and goes when somebody next
 * takes one where he may.
 *
 *	|guard|   first page      | … |      last page|guard|	with HEAP_GUARDS: the end of
 *	            ^ block, size_bytes to the end ---^		the block is that of its pages
 */
#include <hx/config/core_mem.h>
#include <hx/vm/kva.h>

#include "slab_priv.h"

#define NEAR_MAX	100000u		/* blocks looked at: lists may be rings by then */

/* Also before there are threads: then a mutex is free. */
bool slab_huge_may(void)
{
	return hx_percpu()->irq_depth == 0 && hx_percpu()->preempt_off == 0 && hx_irq_are_enabled();
}

void slab_huge_unmap(void *ptr)
{
	hx_kva_free(hx_align_down((uintptr_t)ptr, HX_PAGE_SIZE));
}

void slab_huge_bury(void)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);
	struct slab_run *run = slab_heap.dead;

	slab_heap.dead = NULL;
	for (const struct slab_run *r = run; r != NULL; r = r->next)
		slab_count_locked(-slab_run_pages_bytes(r));
	hx_spin_unlock_irqrestore(&slab_lock, irq);
	while (run != NULL) {
		struct slab_run *next = run->next;

		slab_huge_unmap(run->ptr);
		slab_free(run);
		run = next;
	}
}

int slab_huge_map(struct slab_run *run, size_t size_bytes, size_t align)
{
	size_t bytes = hx_align_up(size_bytes, HX_PAGE_SIZE), off = 0;
	hx_irqflags_t irq;
	uintptr_t va;

	if (!slab_huge_may())
		return -HX_ENOMEM;
	slab_huge_bury();
	if (hx_kva_alloc(HX_AREA_HEAP, bytes, HX_MAP_WRITE, &va) != 0)
		return -HX_ENOMEM;
	if (HX_ENABLED(HEAP_GUARDS))
		off = hx_align_down(bytes - size_bytes, align);
	irq = hx_spin_lock_irqsave(&slab_lock);
	run->ptr = (void *)(va + off);
	run->size_bytes = bytes - off;
	run->is_huge = true;
	slab_run_enter_locked(run);
	slab_count_locked((int64_t)bytes);
	hx_spin_unlock_irqrestore(&slab_lock, irq);
	return 0;
}

/* How far an address is from a block; 0: in it. */
static uintptr_t run_distance(const struct slab_run *r, uintptr_t address)
{
	uintptr_t start = (uintptr_t)r->ptr, end = start + r->size_bytes;

	return address < start ? start - address : address >= end ? address - end + 1 : 0;
}

/* In a panic, perhaps because of these very lists. */
HX_COLD const void *slab_huge_near(uintptr_t address, size_t *usable)
{
	uintptr_t nearest = 2 * HX_PAGE_SIZE;
	const void *found = NULL;

	for (unsigned i = 0, n = 0; i < SLAB_RUNS; i++) {
		for (const struct slab_run *r = slab_heap.runs[i]; r != NULL && n < NEAR_MAX;
		     r = r->next, n++) {
			if (!r->is_huge || run_distance(r, address) >= nearest)
				continue;
			nearest = run_distance(r, address);
			found = r->ptr;
			*usable = r->size_bytes;
		}
	}
	return found;
}
