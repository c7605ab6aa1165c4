/* SPDX-License-Identifier: MIT */
/*
 * What the sanitizers of core/sanitize ask of the rest of the kernel: a call before anything else,
 * and the marks of who may touch which memory. Everything here is nothing when they are left out.
 *
 * The heap's own code (core/mem/heap.c and the providers) keeps KASAN informed; other code needs
 * nothing from this header. The providers themselves are not instrumented: they keep their lists in
 * the very blocks that nobody else may touch.
 */
#ifndef HX_CORE_SANITIZE_H
#define HX_CORE_SANITIZE_H

#include <hx/base.h>
#include <hx/config/core_sanitize.h>

struct hx_boot_info;

/* Why bytes may not be touched; what the shadow holds for eight of them. */
enum hx_kasan_tag {
	HX_KASAN_GLOBAL = 0xf9,		/* behind a global variable */
	HX_KASAN_BEYOND = 0xfa,		/* behind a heap block */
	HX_KASAN_FREED = 0xfb,		/* a heap block after its free */
};

#define HX_KASAN_REDZONE	16u	/* bytes that no one may touch after each heap block */

/* The workers of the inline functions below. */
void hx_stack_guard_set_(const struct hx_boot_info *info);
void hx_kasan_poison_(uintptr_t start, size_t n, enum hx_kasan_tag tag);
void hx_kasan_unpoison_(uintptr_t start, size_t n);
size_t hx_kasan_accessible_(uintptr_t start, size_t n);

/**
 * hx_stack_guard_init() - choose this boot's secret word for the stack protector.
 * @info: with the entropy
 *
 * Returns: nothing.
 * Context: first thing in hx_main(): no function that has its guard on the stack may return over
 *          this call, since its word would no longer match.
 * Locks:   none.
 * Owner:   -
 * Cost:    a few instructions.
 * Source:  Cowan et al., StackGuard (USENIX Security 1998).
 */
static HX_ALWAYS_INLINE void hx_stack_guard_init(const struct hx_boot_info *info)
{
	if (HX_ENABLED(STACK_PROTECTOR))
		hx_stack_guard_set_(info);
}

/**
 * hx_kasan_poison() - from now on nobody may touch these bytes; hx_kasan_unpoison() - they may.
 * @ptr: first byte in the direct map or the image; others are ignored. Multiple of 8
 * @n:   bytes; poison covers whole groups of 8, unpoison leaves the last group open up to byte n
 * @tag: why
 *
 * Returns: nothing.
 * Context: any but NMI.
 * Locks:   one of rank HX_RANK_LEAF, when a piece of shadow is touched for the first time.
 * Owner:   -
 * Cost:    O(n / 8); nothing with CONFIG_KASAN off.
 * Source:  Serebryany et al., AddressSanitizer (USENIX ATC 2012), 3.
 */
static inline void hx_kasan_poison(const void *ptr, size_t n, enum hx_kasan_tag tag)
{
	if (HX_ENABLED(KASAN))
		hx_kasan_poison_((uintptr_t)ptr, n, tag);
}

static inline void hx_kasan_unpoison(const void *ptr, size_t n)
{
	if (HX_ENABLED(KASAN))
		hx_kasan_unpoison_((uintptr_t)ptr, n);
}

/* What to ask the heap's provider for, so that a redzone fits behind a block. */
static inline size_t hx_kasan_padded(size_t size_bytes)
{
	return HX_ENABLED(KASAN) ? size_bytes + HX_KASAN_REDZONE : size_bytes;
}

/* Mark a new block: its user may touch size_bytes of the usable ones. */
static inline void hx_kasan_block(const void *ptr, size_t size_bytes, size_t usable)
{
	size_t whole = hx_align_up(size_bytes, 8);

	/* In this order: a last group that is open only in part needs its shadow to exist. */
	if (usable > whole)
		hx_kasan_poison((const char *)ptr + whole, usable - whole, HX_KASAN_BEYOND);
	hx_kasan_unpoison(ptr, size_bytes);
}

/* How many of the n bytes from ptr on may be touched, counted up to the first that may not. */
static inline size_t hx_kasan_accessible(const void *ptr, size_t n)
{
	return HX_ENABLED(KASAN) ? hx_kasan_accessible_((uintptr_t)ptr, n) : n;
}

#endif
