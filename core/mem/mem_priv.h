/* SPDX-License-Identifier: MIT */
/*
 * The room's parts as they see each other.
 */
#ifndef HX_MEM_PRIV_H
#define HX_MEM_PRIV_H

#include <hx/config/core_mem.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>

/* heap.c */
extern unsigned heap_watching;		/* enum hx_heap_watch; constant while a heap is up */
void heap_walk(void (*visit)(void *arg, void *ptr, size_t usable), void *arg);
void (*heap_listener(void))(const void *ptr, int why);	/* NULL: none */

/* frames.c: single pages of a zone that core keeps, all CPUs' together. */
uint64_t frames_n_cached(const struct hx_zone *z);
/* One taken run becomes two of the next lower order. */
bool frames_can_split(void);
void frames_split(hx_pfn_t pfn, unsigned order);

/* frames_poison.c, linked with CONFIG_FRAMES_POISON. */
extern bool frames_poison_off;		/* tests */
static inline bool frames_poisons(void)
{
	return HX_ENABLED(FRAMES_POISON) && !frames_poison_off;
}

void frames_poison_fill(hx_pfn_t pfn, unsigned order);	/* just given back, lock held */
void frames_poison_check(hx_pfn_t pfn, unsigned order);	/* just taken */

/* heap_watch.c, linked with CONFIG_HEAP_WATCH. Blocks are live and their provider's usable bytes
 * include HX_WATCH_EXTRA. */
#define HX_WATCH_EXTRA	48u
void heap_watch_mark(void *block, size_t size_bytes, size_t usable, uintptr_t site);
size_t heap_watch_size(const void *block, size_t usable);	/* as asked for */
void heap_watch_free(void *block, size_t usable);		/* just before it is given back */

#endif
