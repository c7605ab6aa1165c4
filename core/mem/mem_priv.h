/* SPDX-License-Identifier: MIT */
/*
 * The room's parts as they see each other.
 */
#ifndef HX_MEM_PRIV_H
#define HX_MEM_PRIV_H

#include <hx/config/core_lib.h>
#include <hx/config/core_mem.h>
#include <hx/config/core_slot.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>

/* heap.c */
extern const struct hx_heap_ops *heap_current;
extern void (*heap_listen)(const void *ptr, int why);	/* tests only; NULL: none */
void heap_set_ways(void);	/* to hx_free() and hx_alloc(), by heap_current */

/* heap_swap.c, linked with CONFIG_SLOT_SWAP: several heaps have blocks. */
struct hx_swap_class;
extern const struct hx_swap_class heap_swap_class;
extern bool heap_is_routed;		/* atomic: a free asks for the owner first */
int heap_give_routed(void *ptr);
bool heap_swap_free(void *ptr, int *err);	/* false: it is no block of any heap */
size_t heap_swap_size_of(const void *ptr);
void heap_swap_stats(struct hx_heap_stats *out);	/* the sums of all */
int heap_swap_check(void);
void heap_swap_walk(void (*visit)(void *arg, void *ptr, size_t usable), void *arg);
void heap_swap_start(const struct hx_heap_ops *ops);
void heap_swap_stop(void);

/* heap_loaded.c, linked with CONFIG_HEAP_LOADED: a heap that is a module may be in the slot. */
void *heap_loaded_alloc(size_t size_bytes);
void *heap_loaded_take(size_t size_bytes, size_t align);
/* Does nobody know the block because its heap failed? Counts it then. */
bool heap_loaded_lost(const void *ptr);
uint64_t heap_loaded_n_lost(void);
int heap_loaded_release(const void *ops);	/* of struct hx_swap_class */

/* frames.c */
extern const struct hx_frames_ops *frames_current;
extern struct hx_zone *frames_top;		/* highest zone with pages */

/* frames_cpu.c, with more than one CPU: each one's cache of a zone. The _top forms are for
 * frames_top, whose caches are found quicker. id: z's, an enum hx_zone_id. */
bool frames_cpu_pop(struct hx_zone *z, unsigned id, hx_paddr_t *pa);	/* false: there is none */
bool frames_cpu_pop_top(hx_paddr_t *pa);
bool frames_cpu_push_top(uint64_t idx);		/* false: full, or no taken single page */
bool frames_cpu_push(struct hx_zone *z, unsigned id, uint64_t idx);
void frames_cpu_fill(struct hx_zone *z);	/* half of this CPU's cache; z->lock held */
void frames_cpu_halve(struct hx_zone *z);	/* this CPU's, if it is full; z->lock held */
void frames_cpus_drain(struct hx_zone *z);	/* all CPUs'; z->lock held */
uint64_t frames_cpus_cached(const struct hx_zone *z);	/* pages in all CPUs': a snapshot */
void frames_cpus_init(void);			/* frames_top is known */

/* Single pages of a zone that core keeps. */
static inline uint64_t frames_n_cached(const struct hx_zone *z)
{
	return z->n_cached + (HX_ENABLED(ONE_CPU) ? 0 : frames_cpus_cached(z));
}

/* frames_share.c, frames_swap.c, frames_guard.c, linked with CONFIG_FRAMES_SWAP: two providers may
 * know of the pages of a zone, and one that is new is not believed. */
extern const struct hx_swap_class frames_swap_class;
extern void (*frames_swap_listen)(void);	/* tests: called between two steps; NULL: none */
extern bool frames_caches_shut;	/* atomic: frames_cpus_drain() leaves no empty one out */
extern bool frames_swap_due;	/* atomic: there is something to do while no zone is locked */
void frames_swap_work(void);	/* some of it; any context but NMI */
void frames_swap_start(const struct hx_frames_ops *ops);
/* Who answers for the pages of a zone; it is locked. */
const struct hx_frames_ops *frames_swap_ops(const struct hx_zone *z);

/* Of a zone that is locked. ops: of the slot; where it can change, the zone says who it is. */
static inline const struct hx_frames_ops *zone_ops(const struct hx_frames_ops *ops,
						   const struct hx_zone *z)
{
	return HX_ENABLED(FRAMES_SWAP) ? frames_swap_ops(z) : ops;
}

/* Behind a call, when the zone is not locked any more. */
static inline void frames_swap_poll(void)
{
	if (HX_ENABLED(FRAMES_SWAP) &&
	    HX_UNLIKELY(__atomic_load_n(&frames_swap_due, __ATOMIC_RELAXED)))
		frames_swap_work();
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
bool heap_around_free(void *ptr);	/* just before it is given back; false: it is to leak */
size_t heap_around_size(const void *ptr);

/* Usable bytes of a live block, whoever gave it; 0: it is none. */
static inline size_t heap_size_of(const void *ptr)
{
	return HX_ENABLED(SLOT_SWAP) ? heap_swap_size_of(ptr) : heap_current->size_of(ptr);
}

/* heap_watch.c, linked with CONFIG_HEAP_WATCH. Blocks are live and their provider's usable bytes
 * include HX_WATCH_EXTRA. */
#define HX_WATCH_EXTRA	48u
extern unsigned heap_watching;		/* enum hx_heap_watch; constant while a heap is up */
void heap_watch_mark(void *block, size_t size_bytes, size_t usable, uintptr_t site);
size_t heap_watch_size(const void *block, size_t usable);	/* as asked for */
void heap_watch_free(void *block, size_t usable);		/* just before it is given back */

#endif
