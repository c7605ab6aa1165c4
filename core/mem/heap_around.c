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

#define ZONE_LEAST	16u		/* bytes behind each block that are filled */

HX_FAULT_POINT(heap_alloc, "heap.alloc", "hx_alloc() finds no memory");
HX_FAULT_POINT_OF(heap_free, "heap.free", HX_FAULT_LEAK, "hx_free() keeps the block");
HX_FAULT_POINT_OF(heap_zone, "heap.zone", HX_FAULT_FLIP, "a bit behind a new block changes");

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
	const struct hx_heap_ops *ops = heap_current;	/* one, also if another comes meanwhile */
	size_t usable;
	void *p;

	if (HX_ENABLED(FAULT_INJECTION) && heap_must_fail())
		return NULL;
	p = HX_ENABLED(HEAP_LOADED) ? heap_loaded_take(padded, align) :
	    align <= HX_HEAP_ALIGN ? ops->alloc(padded) : ops->alloc_aligned(padded, align);
	if (p == NULL)
		return NULL;
	usable = HX_ENABLED(HEAP_LOADED) ? heap_size_of(p) : ops->size_of(p);
	if (heap_is_watched())
		heap_watch_mark(p, size_bytes, usable, (uintptr_t)site);
	if (HX_ENABLED(HEAP_REDZONES) && hx_fault_hits("heap.zone"))
		hx_fault_flip((char *)p + size_bytes, ZONE_LEAST);
	if (HX_ENABLED(KASAN))
		hx_kasan_block(p, size_bytes, usable);
	return p;
}

void *heap_around_alloc(size_t size_bytes)
{
	return heap_around_take(size_bytes, 0, __builtin_return_address(0));
}

/* Before it is given back: afterwards it may be somebody else's. */
bool heap_around_free(void *ptr)
{
	size_t usable = heap_is_watched() || HX_ENABLED(KASAN) ? heap_size_of(ptr) : 0;

	if (ptr != NULL && hx_fault_hits("heap.free"))
		return false;
	if (usable == 0)
		return true;
	if (HX_ENABLED(KASAN))
		hx_kasan_poison(ptr, usable, HX_KASAN_FREED);
	if (heap_is_watched())
		heap_watch_free(ptr, usable);
	return true;
}

size_t heap_around_size(const void *ptr)
{
	size_t usable = heap_size_of(ptr);

	if (usable != 0 && heap_is_watched())
		return heap_watch_size(ptr, usable);
	return hx_kasan_accessible(ptr, usable);
}
