/* SPDX-License-Identifier: MIT */
/*
 * The room's parts as they see each other.
 */
#ifndef HX_MEM_PRIV_H
#define HX_MEM_PRIV_H

#include <hx/config/core_lib.h>
#include <hx/config/core_mem.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>

/* heap.c */
extern const struct hx_heap_ops *heap_current;
extern void (*heap_listen)(const void *ptr, int why);	/* tests only; NULL: none */

/* frames.c */
extern const struct hx_frames_ops *frames_current;
extern struct hx_zone *frames_top;		/* highest zone with pages */

/* frames_cpu.c, with more than one CPU: for the top zone. */
bool frames_cpu_pop(struct hx_zone *z, hx_paddr_t *pa);		/* false: there is none */
bool frames_cpu_push(struct hx_zone *z, uint64_t idx);	/* false: full, or no taken single page */
void frames_cpu_fill(struct hx_zone *z);	/* half of this CPU's cache; z->lock held */
void frames_cpu_halve(struct hx_zone *z);	/* this CPU's, if it is full; z->lock held */
void frames_cpus_drain(struct hx_zone *z);	/* all of them; z->lock held */
uint64_t frames_cpus_cached(void);		/* pages in all of them: a snapshot */
void frames_cpus_init(void);

/* Single pages of a zone that core keeps. */
static inline uint64_t frames_n_cached(const struct hx_zone *z)
{
	return z->n_cached + (!HX_ENABLED(ONE_CPU) && z == frames_top ? frames_cpus_cached() : 0);
}

/* frames_poison.c, linked with CONFIG_FRAMES_POISON. */
extern bool frames_poison_off;		/* tests */
static inline bool frames_poisons(void)
{
	return HX_ENABLED(FRAMES_POISON) && !frames_poison_off;
}

void frames_poison_fill(hx_pfn_t pfn, unsigned order);	/* just given back, lock held */
void frames_poison_check(hx_pfn_t pfn, unsigned order);	/* just taken */

/* heap_around.c, linked with CONFIG_HEAP_AROUND: with everything that the build wants done around
 * the provider. site: who asks. */
void *heap_around_take(size_t size_bytes, size_t align, const void *site);
void *heap_around_alloc(size_t size_bytes);		/* who calls it asks */
void heap_around_free(void *ptr);			/* just before it is given back */
size_t heap_around_size(const void *ptr);

/* heap_watch.c, linked with CONFIG_HEAP_WATCH. Blocks are live and their provider's usable bytes
 * include HX_WATCH_EXTRA. */
#define HX_WATCH_EXTRA	48u
extern unsigned heap_watching;		/* enum hx_heap_watch; constant while a heap is up */
void heap_watch_mark(void *block, size_t size_bytes, size_t usable, uintptr_t site);
size_t heap_watch_size(const void *block, size_t usable);	/* as asked for */
void heap_watch_free(void *block, size_t usable);		/* just before it is given back */

#endif
