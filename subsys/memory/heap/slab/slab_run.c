/* SPDX-License-Identifier: MIT */
/*
 * Heap "slab": blocks above SLAB_LARGE_MAX. Up to 4 MiB they are runs of pages from the frame
 * allocator; longer ones, with CONFIG_HEAP_SLAB_HUGE, and those with guard pages, with
 * CONFIG_HEAP_GUARDS, come from slab_huge.c. Each has an entry, itself a small block, in a hash
 * table by address.
 */
#include <hx/config/core_mem.h>
#include <hx/config/subsys_memory_heap_slab.h>
#include <hx/core/assert.h>
#include <hx/core/frames.h>
#include <hx/hal/mmu.h>

#include "slab_priv.h"

_Static_assert(sizeof(struct slab_run) == 32, "an entry is a block of the second class");

static struct slab_run **run_bucket(const void *ptr)
{
	return &slab_heap.runs[((uintptr_t)ptr >> HX_PAGE_SHIFT) % SLAB_RUNS];
}

void slab_run_enter_locked(struct slab_run *run)
{
	struct slab_run **bucket = run_bucket(run->ptr);

	hx_assert_held(&slab_lock);
	run->next = *bucket;
	*bucket = run;
	slab_heap.run_bytes += run->size_bytes;
}

/* Take a block's entry out of the table; NULL: there is none. */
static struct slab_run *run_leave_locked(const void *ptr)
{
	struct slab_run **at = run_bucket(ptr), *run;

	hx_assert_held(&slab_lock);
	while (*at != NULL && (*at)->ptr != ptr)
		at = &(*at)->next;
	run = *at;
	if (run != NULL) {
		*at = run->next;
		slab_heap.run_bytes -= run->size_bytes;
	}
	return run;
}

/* As many pages as needed, if the frame allocator can cut its runs, else a power of two. */
static int run_take(struct slab_run *run, size_t n_pages)
{
	size_t more = 1ull << hx_log2_ceil(n_pages);
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);
	int err = -HX_ENOTSUP;
	hx_paddr_t pa;

	if (HX_ENABLED(FRAMES_RUNS))
		err = slab_pages_locked(n_pages, &pa);
	if (err == -HX_ENOTSUP) {
		n_pages = more;
		err = slab_pages_locked(n_pages, &pa);
	}
	if (err == 0) {
		run->ptr = hx_phys_to_virt(pa);
		run->size_bytes = n_pages * HX_PAGE_SIZE;
		run->is_huge = false;
		slab_run_enter_locked(run);
	} else {
		slab_heap.n_failed++;
	}
	hx_spin_unlock_irqrestore(&slab_lock, irq);
	return err;
}

static void run_give(const struct slab_run *run)
{
	size_t n_pages = run->size_bytes >> HX_PAGE_SHIFT;

	if (HX_ENABLED(FRAMES_RUNS))
		hx_frames_free_run(hx_virt_to_phys(run->ptr), n_pages);
	else
		hx_frames_free(hx_virt_to_phys(run->ptr), hx_log2_floor(n_pages));
}

static HX_COLD void run_count_failed(void)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);

	slab_heap.n_failed++;
	hx_spin_unlock_irqrestore(&slab_lock, irq);
}

/* Pages side by side; where they have guards, single ones. What cannot have those does without. */
static int run_find(struct slab_run *run, size_t size_bytes, size_t align)
{
	size_t n_pages = (size_bytes + HX_PAGE_SIZE - 1) >> HX_PAGE_SHIFT;

	if (HX_ENABLED(HEAP_SLAB_HUGE) && n_pages > 1u << HX_FRAMES_MAX_ORDER) {
		if (slab_huge_map(run, size_bytes, align) == 0)
			return 0;
		run_count_failed();
		return -HX_ENOMEM;
	}
	if (HX_ENABLED(HEAP_GUARDS) && size_bytes >= CONFIG_HEAP_GUARDS_KIB * HX_KIB &&
	    slab_huge_map(run, size_bytes, align) == 0)
		return 0;
	return run_take(run, n_pages);
}

void *slab_alloc_run(size_t size_bytes, size_t align)
{
	struct slab_run *run = slab_alloc(sizeof(*run));

	if (run == NULL)
		return NULL;
	if (run_find(run, size_bytes, align) == 0)
		return run->ptr;
	slab_free(run);
	return NULL;
}

int slab_free_run(void *ptr)
{
	bool may_sleep = HX_ENABLED(HEAP_SLAB_HUGE) && slab_huge_may();
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);
	struct slab_run *run = run_leave_locked(ptr);
	bool is_huge = HX_ENABLED(HEAP_SLAB_HUGE) && run != NULL && run->is_huge;

	if (is_huge && !may_sleep) {
		run->next = slab_heap.dead;
		slab_heap.dead = run;
	} else if (run != NULL) {
		slab_count_locked(-slab_run_pages_bytes(run));
		if (!is_huge)
			run_give(run);
	}
	hx_spin_unlock_irqrestore(&slab_lock, irq);
	if (run == NULL)
		return hx_heap_refuse(ptr, -HX_EINVAL);
	if (is_huge && !may_sleep)
		return 0;
	if (is_huge)
		slab_huge_unmap(ptr);
	return slab_free(run);
}

size_t slab_size_of_run(const void *ptr)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);
	const struct slab_run *run = *run_bucket(ptr);
	size_t size;

	while (run != NULL && run->ptr != ptr)
		run = run->next;
	size = run != NULL ? run->size_bytes : 0;
	hx_spin_unlock_irqrestore(&slab_lock, irq);
	return size;
}

/* ---- all of them */

HX_COLD bool slab_is_run_entry(const void *block)
{
	const struct slab_run *r;

	for (unsigned i = 0; i < SLAB_RUNS; i++) {
		for (r = slab_heap.runs[i]; r != NULL; r = r->next) {
			if (r == block)
				return true;
		}
	}
	for (r = slab_heap.dead; r != NULL && r != block;)
		r = r->next;
	return r != NULL;
}

HX_COLD void slab_runs_visit(void (*visit)(void *arg, void *ptr, size_t usable), void *arg)
{
	for (unsigned i = 0; i < SLAB_RUNS; i++) {
		for (const struct slab_run *r = slab_heap.runs[i]; r != NULL; r = r->next)
			visit(arg, r->ptr, r->size_bytes);
	}
}

HX_COLD void slab_runs_fini(void)
{
	for (unsigned i = 0; i < SLAB_RUNS; i++) {
		for (const struct slab_run *r = slab_heap.runs[i]; r != NULL; r = r->next) {
			if (HX_ENABLED(HEAP_SLAB_HUGE) && r->is_huge)
				slab_huge_unmap(r->ptr);
			else
				run_give(r);
		}
		slab_heap.runs[i] = NULL;
	}
	if (HX_ENABLED(HEAP_SLAB_HUGE))
		slab_huge_bury();
}
