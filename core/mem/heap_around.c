/* SPDX-License-Identifier: MIT */
/*
 * What a build may want done around each block, whatever the provider: fail when a test asks for
 * it, mark what may be touched (KASAN), watch what lies behind (heap_watch.c). Only in builds that
 * want any of it: CONFIG_HEAP_AROUND.
 */
#include <hx/config/core_lib.h>
#include <hx/core/fault.h>
#include <hx/core/sanitize.h>

#include "mem_priv.h"

static uint64_t heap_fail_k;		/* atomic; 0: disarmed */

static bool heap_must_fail(void)
{
	if (hx_fault_hits("heap.alloc"))
		return true;
	return HX_UNLIKELY(heap_fail_k != 0) &&
	       __atomic_sub_fetch(&heap_fail_k, 1, __ATOMIC_RELAXED) == 0;
}

uint64_t hx_heap_fail_at(uint64_t k)
{
	uint64_t left = heap_fail_k;

	heap_fail_k = k;
	return left;
}

static inline bool heap_is_watched(void)
{
	return HX_ENABLED(HEAP_WATCH) && heap_watching != 0;
}

void *heap_around_take(size_t size_bytes, size_t align, const void *site)
{
	size_t padded = hx_kasan_padded(size_bytes) + (heap_is_watched() ? HX_WATCH_EXTRA : 0);
	void *p;

	if (HX_ENABLED(FAULT_INJECTION) && heap_must_fail())
		return NULL;
	p = align <= HX_HEAP_ALIGN ? heap_current->alloc(padded) :
				     heap_current->alloc_aligned(padded, align);
	if (p == NULL)
		return NULL;
	if (heap_is_watched())
		heap_watch_mark(p, size_bytes, heap_current->size_of(p), (uintptr_t)site);
	if (HX_ENABLED(KASAN))
		hx_kasan_block(p, size_bytes, heap_current->size_of(p));
	return p;
}

void *heap_around_alloc(size_t size_bytes)
{
	return heap_around_take(size_bytes, 0, __builtin_return_address(0));
}

/* Before it is given back: afterwards it may be somebody else's. */
void heap_around_free(void *ptr)
{
	size_t usable = heap_is_watched() || HX_ENABLED(KASAN) ? heap_current->size_of(ptr) : 0;

	if (usable == 0)
		return;
	if (HX_ENABLED(KASAN))
		hx_kasan_poison(ptr, usable, HX_KASAN_FREED);
	if (heap_is_watched())
		heap_watch_free(ptr, usable);
}

size_t heap_around_size(const void *ptr)
{
	size_t usable = heap_current->size_of(ptr);

	if (usable != 0 && heap_is_watched())
		return heap_watch_size(ptr, usable);
	return hx_kasan_accessible(ptr, usable);
}
