/* SPDX-License-Identifier: MIT */
/*
 * Kernel memory by the byte: the way from a caller to the provider in the slot "heap". Checks what
 * every provider would have to check (sizes, products, alignments), makes the k-th allocation fail
 * when a test asks for it, and names bad frees. What is not here: any policy of where a block goes.
 */
#include <hx/config/core_lib.h>
#include <hx/config/core_mem.h>
#include <hx/config/subsys_memory.h>
#include <hx/core/assert.h>
#include <hx/core/fault.h>
#include <hx/core/heap.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/sanitize.h>
#include <hx/core/slot.h>
#include <hx/hal/mem.h>
#include <sole_heap.h>

#include "mem_priv.h"

static const struct hx_heap_ops *heap_current;
static uint64_t heap_fail_k;		/* atomic; 0: disarmed */
static uint64_t heap_n_refused;		/* atomic */
static void (*heap_listen)(const void *ptr, int why);	/* tests only; NULL: none */

/* All that is built in, unless a test says otherwise. */
unsigned heap_watching = (HX_ENABLED(HEAP_REDZONES) ? HX_HEAP_REDZONES : 0) |
			 (HX_ENABLED(MEM_LEAKS) ? HX_HEAP_SITES : 0);

static inline const struct hx_heap_ops *heap_ops(void)
{
	return hx_heap_is_sole ? hx_heap_sole : heap_current;
}

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

/* A new block, or NULL, on its way to the caller. */
static inline void *heap_mark(void *p, size_t size_bytes)
{
	if (HX_ENABLED(KASAN) && p != NULL)
		hx_kasan_block(p, size_bytes, heap_ops()->size_of(p));
	return p;
}

static void *heap_take_none(size_t size_bytes)
{
	return NULL;
}

/* With everything that a build may want done around the provider; site: who asks. */
static inline void *heap_take_with(size_t size_bytes, size_t align, const void *site)
{
	size_t padded = hx_kasan_padded(size_bytes);
	void *p;

	if (HX_ENABLED(FAULT_INJECTION) && heap_must_fail())
		return NULL;
	if (HX_ENABLED(HEAP_WATCH) && heap_watching != 0)
		padded += HX_WATCH_EXTRA;
	p = align <= HX_HEAP_ALIGN ? heap_ops()->alloc(padded) :
				     heap_ops()->alloc_aligned(padded, align);
	if (HX_ENABLED(HEAP_WATCH) && p != NULL && heap_watching != 0)
		heap_watch_mark(p, size_bytes, heap_ops()->size_of(p), (uintptr_t)site);
	return heap_mark(p, size_bytes);
}

static void *heap_take_watched(size_t size_bytes)
{
	return heap_take_with(size_bytes, 0, __builtin_return_address(0));
}

void *(*hx_heap_take_)(size_t size_bytes) = heap_take_none;

/* For the functions below, whose caller is the one who asks. */
static inline void *heap_take_for(size_t size_bytes, const void *site)
{
	if (!HX_ENABLED(HEAP_WATCH))
		return hx_heap_take_checked_(size_bytes);
	if (size_bytes - 1 >= HX_HEAP_MAX_BYTES || hx_heap_take_ == heap_take_none)
		return NULL;
	return heap_take_with(size_bytes, 0, site);
}

void *hx_heap_take_checked_(size_t size_bytes)
{
	if (size_bytes - 1 >= HX_HEAP_MAX_BYTES)	/* 0 wraps to the largest */
		return NULL;
	return HX_ENABLED(HEAP_WATCH) ? heap_take_for(size_bytes, __builtin_return_address(0)) :
					hx_heap_take_(size_bytes);
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
	return heap_take_with(size_bytes, align, __builtin_return_address(0));
}

HX_COLD int hx_heap_refuse(const void *ptr, int why)
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

void hx_heap_set_refusal(void (*listen)(const void *ptr, int why))
{
	heap_listen = listen;
}

HX_COLD void (*heap_listener(void))(const void *ptr, int why)
{
	return heap_listen;
}

HX_COLD void heap_walk(void (*visit)(void *arg, void *ptr, size_t usable), void *arg)
{
	if (heap_current != NULL && heap_current->walk != NULL)
		heap_current->walk(visit, arg);
}

HX_COLD unsigned hx_heap_set_watch(unsigned watch)
{
	unsigned was = heap_watching;

	hx_verify(heap_current == NULL);
	heap_watching = watch & ((HX_ENABLED(HEAP_REDZONES) ? HX_HEAP_REDZONES : 0) |
				 (HX_ENABLED(MEM_LEAKS) ? HX_HEAP_SITES : 0));
	return was;
}

void hx_free(void *ptr)
{
	if (HX_ENABLED(KASAN)) {	/* before: afterwards it may be somebody else's */
		size_t usable = heap_ops()->size_of(ptr);

		if (usable != 0)
			hx_kasan_poison(ptr, usable, HX_KASAN_FREED);
	}
	if (HX_ENABLED(HEAP_WATCH) && heap_watching != 0) {
		size_t usable = heap_ops()->size_of(ptr);

		if (usable != 0)
			heap_watch_free(ptr, usable);
	}
	heap_ops()->free(ptr);
}

size_t hx_alloc_size(const void *ptr)
{
	if (HX_ENABLED(HEAP_WATCH) && heap_watching != 0) {
		size_t usable = heap_ops()->size_of(ptr);

		return usable != 0 ? heap_watch_size(ptr, usable) : 0;
	}
	return hx_kasan_accessible(ptr, heap_ops()->size_of(ptr));
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
	if (heap_current != NULL)
		heap_current->stats(out);
}

uint64_t hx_heap_n_refused(void)
{
	return __atomic_load_n(&heap_n_refused, __ATOMIC_RELAXED);
}

const char *hx_heap_provider(void)
{
	return heap_current != NULL ? heap_current->name : "";
}

HX_COLD void hx_heap_show(struct hx_text *out)
{
	if (heap_current != NULL && heap_current->show != NULL)
		heap_current->show(out);
}

HX_COLD int hx_heap_check(void)
{
	return heap_current != NULL && heap_current->check != NULL ? heap_current->check() : 0;
}

static HX_COLD int heap_check_ops(const void *p)
{
	const struct hx_heap_ops *ops = p;

	return ops->init != NULL && ops->alloc != NULL && ops->alloc_aligned != NULL &&
	       ops->free != NULL && ops->size_of != NULL && ops->stats != NULL &&
	       ops->fini != NULL ? 0 : -HX_EINVAL;
}

static const struct hx_kind heap_kind = {
	.slot = "heap", .abi = HX_HEAP_ABI, .default_name = CONFIG_HEAP_DEFAULT_NAME,
	.first = (const void *const *)__start_hx_heap_classes,
	.last = (const void *const *)__stop_hx_heap_classes,
	.check = heap_check_ops, .current = (const void **)&heap_current,
};
HX_KIND(heap_kind);

HX_COLD int hx_heap_start(const struct hx_heap_ops *ops)
{
	int err = ops->init();

	heap_current = err == 0 ? ops : NULL;
	if (err == 0)
		hx_heap_take_ = HX_ENABLED(FAULT_INJECTION) || HX_ENABLED(KASAN) ||
				(HX_ENABLED(HEAP_WATCH) && heap_watching != 0) ?
					heap_take_watched : ops->alloc;
	return err;
}

HX_COLD void hx_heap_stop(void)
{
	hx_heap_take_ = heap_take_none;
	heap_current->fini();
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
