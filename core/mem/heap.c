/* SPDX-License-Identifier: MIT */
/*
 * Kernel memory by the byte: the way from a caller to the provider in the slot "heap". Checks what
 * every provider would have to check (sizes, products, alignments) and names bad frees. What a
 * debug build does around each block is in heap_around.c. Not here: any policy of where a block
 * goes.
 */
#include <hx/config/core_lib.h>
#include <hx/config/core_mem.h>
#include <hx/config/core_slot.h>
#include <hx/config/subsys_memory.h>
#include <hx/core/assert.h>
#include <hx/core/heap.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/slot.h>
#include <hx/hal/mem.h>
#include <sole_heap.h>

#include "heap_ups.h"

const struct hx_heap_ops *heap_current;
static uint64_t heap_n_refused;		/* atomic */
void (*heap_listen)(const void *ptr, int why);

static inline const struct hx_heap_ops *heap_ops(void)
{
	return hx_heap_is_sole ? hx_heap_sole : heap_current;
}

static void *heap_take_none(size_t size_bytes)
{
	return NULL;
}

void *(*hx_heap_take_)(size_t size_bytes) = heap_take_none;

/* For the functions below, whose caller is the one who asks. */
static inline void *heap_take_for(size_t size_bytes, const void *site)
{
	if (size_bytes - 1 >= HX_HEAP_MAX_BYTES)	/* 0 wraps to the largest */
		return NULL;
	return HX_ENABLED(HEAP_WATCH) && hx_heap_take_ == heap_around_alloc ?
		heap_around_take(size_bytes, 0, site) : hx_heap_take_(size_bytes);
}

void *hx_heap_take_checked_(size_t size_bytes)
{
	return heap_take_for(size_bytes, __builtin_return_address(0));
}

static inline void *heap_zalloc(size_t size_bytes, const void *site)
{
	void *p = heap_take_for(size_bytes, site);

	return p != NULL ? memset(p, 0, size_bytes) : NULL;
}

void *hx_zalloc(size_t size_bytes)
{
	return heap_zalloc(size_bytes, __builtin_return_address(0));
}

void *hx_calloc(size_t n, size_t size_bytes)
{
	size_t total;

	return __builtin_mul_overflow(n, size_bytes, &total) ? NULL :
		heap_zalloc(total, __builtin_return_address(0));
}

void *hx_alloc_aligned(size_t size_bytes, size_t align)
{
	if (!hx_is_pow2(align) || align > HX_PAGE_SIZE || size_bytes - 1 >= HX_HEAP_MAX_BYTES)
		return NULL;
	if (align <= HX_HEAP_ALIGN)
		return heap_take_for(size_bytes, __builtin_return_address(0));
	return HX_ENABLED(HEAP_AROUND) ?
		heap_around_take(size_bytes, align, __builtin_return_address(0)) :
		HX_ENABLED(HEAP_LOADED) ? heap_loaded_take(size_bytes, align) :
		heap_ops()->alloc_aligned(size_bytes, align);
}

static HX_ALWAYS_INLINE int heap_report(const void *ptr, int why)
{
	const char *what = why == -HX_EEXIST ? "double" : "foreign";

	__atomic_fetch_add(&heap_n_refused, 1, __ATOMIC_RELAXED);
	if (heap_listen != NULL)
		heap_listen(ptr, why);
	else if (HX_ENABLED(DEBUG_ASSERT))
		hx_bug("heap: %s free of %p", what, ptr);
	else
		hx_error("mem", "heap: %s free of %p refused", what, ptr);
	return why;
}

HX_COLD int hx_heap_refuse(const void *ptr, int why)
{
	int err;

	if (HX_ENABLED(SLOT_SWAP) && heap_swap_free((void *)(uintptr_t)ptr, &err))
		return err;
	return heap_report(ptr, why);
}

void hx_heap_set_refusal(void (*listen)(const void *ptr, int why))
{
	heap_listen = listen;
}

/* Before the heap is up. */
static int heap_give_none(void *ptr)
{
	return ptr == NULL ? 0 : hx_heap_refuse(ptr, -HX_EINVAL);
}

int (*hx_heap_give_)(void *ptr) = heap_give_none;

static int heap_around_give(void *ptr)
{
	if (!heap_around_free(ptr))
		return 0;
	return HX_ENABLED(HEAP_LOADED) || (HX_ENABLED(SLOT_SWAP) && heap_is_routed) ?
		heap_give_routed(ptr) : heap_current->free(ptr);
}

void hx_heap_free_(void *ptr)
{
	if (HX_ENABLED(SLOT_SWAP)) {
		hx_heap_give_(ptr);
		return;
	}
	if (HX_ENABLED(HEAP_AROUND) && !heap_around_free(ptr))
		return;
	heap_ops()->free(ptr);
}

size_t hx_alloc_size(const void *ptr)
{
	return HX_ENABLED(HEAP_AROUND) ? heap_around_size(ptr) :
	       HX_ENABLED(SLOT_SWAP) ? heap_swap_size_of(ptr) : heap_ops()->size_of(ptr);
}

void *hx_realloc(void *ptr, size_t size_bytes)
{
	size_t usable;
	void *p;

	if (ptr == NULL)
		return heap_take_for(size_bytes, __builtin_return_address(0));
	if (size_bytes - 1 >= HX_HEAP_MAX_BYTES)
		return NULL;
	usable = hx_alloc_size(ptr);
	if (usable == 0) {
		if (HX_ENABLED(HEAP_LOADED) && heap_loaded_lost(ptr))
			return NULL;
		if (HX_ENABLED(SLOT_SWAP))
			heap_report(ptr, -HX_EINVAL);
		else
			hx_heap_refuse(ptr, -HX_EINVAL);
		return NULL;
	}
	if (size_bytes <= usable && size_bytes > usable / 2)
		return ptr;
	p = heap_take_for(size_bytes, __builtin_return_address(0));
	if (p == NULL)
		return NULL;
	memcpy(p, ptr, hx_min_u64(usable, size_bytes));
	hx_free(ptr);
	return p;
}

HX_COLD void hx_heap_stats(struct hx_heap_stats *out)
{
	memset(out, 0, sizeof(*out));
	if (HX_ENABLED(SLOT_SWAP))
		heap_swap_stats(out);
	else if (heap_current != NULL)
		heap_current->stats(out);
}

uint64_t hx_heap_n_refused(void)
{
	return __atomic_load_n(&heap_n_refused, __ATOMIC_RELAXED);
}

const char *hx_heap_provider(void)
{
	return heap_current == NULL ? "" :
	       HX_ENABLED(HEAP_LOADED) ? heap_up_now()->name : heap_current->name;
}

HX_COLD void hx_heap_show(struct hx_text *out)
{
	struct heap_up *h = HX_ENABLED(HEAP_LOADED) && heap_current != NULL ? heap_up_now() : NULL;

	if (h != NULL && !heap_up_enter(h))
		return;			/* it went just now */
	if (heap_current != NULL && heap_current->show != NULL)
		heap_current->show(out);
	if (h != NULL)
		heap_up_leave(h);
}

HX_COLD int hx_heap_check(void)
{
	if (HX_ENABLED(SLOT_SWAP))
		return heap_swap_check();
	return heap_current != NULL && heap_current->check != NULL ? heap_current->check() : 0;
}

static HX_COLD int heap_check_ops(const void *p)
{
	const struct hx_heap_ops *ops = p;

	return ops->init != NULL && ops->alloc != NULL && ops->alloc_aligned != NULL &&
	       ops->free != NULL && ops->size_of != NULL && ops->stats != NULL &&
	       ops->fini != NULL ? 0 : -HX_EINVAL;
}

const struct hx_kind heap_kind = {
	.slot = "heap", .abi = HX_HEAP_ABI, .default_name = CONFIG_HEAP_DEFAULT_NAME,
	.first = (const void *const *)__start_hx_heap_classes,
	.last = (const void *const *)__stop_hx_heap_classes,
	.check = heap_check_ops, .current = (const void **)&heap_current,
	.swap = HX_ENABLED(SLOT_SWAP) && !hx_heap_is_sole ? &heap_swap_class : NULL,
};
HX_KIND(heap_kind);

/* What hx_free() calls, then what hx_alloc() calls: nobody gets a block that cannot be freed. */
static HX_ALWAYS_INLINE void set_ways(const struct hx_heap_ops *ops)
{
	/* Else hx_heap_free_() calls the provider. */
	if (!HX_ENABLED(OPTIMIZE_SIZE) || HX_ENABLED(SLOT_SWAP))
		__atomic_store_n(&hx_heap_give_, HX_ENABLED(HEAP_AROUND) ? heap_around_give :
				 HX_ENABLED(SLOT_SWAP) && heap_is_routed ? heap_give_routed :
				 ops->free, __ATOMIC_RELEASE);
	__atomic_store_n(&hx_heap_take_, HX_ENABLED(HEAP_AROUND) ? heap_around_alloc :
			 HX_ENABLED(HEAP_LOADED) && heap_up_now()->is_loaded ? heap_loaded_alloc :
			 ops->alloc, __ATOMIC_RELEASE);
}

void heap_set_ways(void)
{
	set_ways(heap_current);
}

HX_COLD int hx_heap_start(const struct hx_heap_ops *ops)
{
	int err = ops->init();

	heap_current = err == 0 ? ops : NULL;
	if (err != 0)
		return err;
	if (HX_ENABLED(SLOT_SWAP))
		heap_swap_start(ops);
	set_ways(ops);
	return 0;
}

HX_COLD void hx_heap_stop(void)
{
	hx_heap_take_ = heap_take_none;
	if (HX_ENABLED(SLOT_SWAP))
		heap_swap_stop();
	else
		heap_current->fini();
	/* Not before: what a block was mapped with goes back with it. */
	if (!HX_ENABLED(OPTIMIZE_SIZE) || HX_ENABLED(SLOT_SWAP))
		hx_heap_give_ = heap_give_none;
	heap_current = NULL;
}

static HX_COLD int heap_init(void)
{
	int err = hx_slot_select(&heap_kind);

	return err == 0 ? hx_heap_start(heap_current) : err;
}

static HX_COLD enum hx_health heap_health(void)
{
	return hx_heap_n_refused() == 0 ? HX_HEALTHY : HX_DEGRADED;
}

HX_COMPONENT(heap) = {
	.name = "heap", .phase = HX_PHASE_EARLY, .version = 1, .needs = "frames kasan?",
	.init = heap_init, .shutdown = hx_heap_stop, .health = heap_health,
};
