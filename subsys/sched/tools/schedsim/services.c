// SPDX-License-Identifier: MIT
/*
 * What providers call beside the clock and their run queue: the heap, mutexes around rules that
 * somebody may replace, the table of threads, how much memory there is.
 */
#include "sim.h"
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/mutex.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_TOTAL	65536u		/* 256 MiB, of which half are free: nobody is short */

static uint64_t heap_used;

/* ---- the heap: the host's own, so that its checkers see every byte */

static void *take(size_t size, size_t align)
{
	void *p;

	if (size == 0 || size > HX_HEAP_MAX_BYTES)
		return NULL;
	if (world != NULL && world->locked != NULL)
		sim_fail(world, "scheduler %s allocates with a run queue's lock held",
			 world->ops->name);
	if (world != NULL && world->alloc_fails_in != 0 &&
	    rng_below(&world->alloc_rng, world->alloc_fails_in) == 0) {
		world->n_alloc_failed++;
		return NULL;
	}
	p = aligned_alloc(align, (size + align - 1) & ~(align - 1));
	if (p != NULL) {
		memset(p, 0xa5, size);		/* nobody may count on zeros */
		heap_used += malloc_usable_size(p);
	}
	return p;
}

static void *heap_take(size_t size)
{
	return take(size, 16);
}

void *(*hx_heap_take_)(size_t size_bytes) = heap_take;

void *hx_heap_take_checked_(size_t size_bytes)
{
	return take(size_bytes, 16);
}

void *hx_zalloc(size_t size_bytes)
{
	void *p = take(size_bytes, 16);

	return p != NULL ? memset(p, 0, size_bytes) : NULL;
}

void *hx_calloc(size_t n, size_t size_bytes)
{
	size_t all;

	return __builtin_mul_overflow(n, size_bytes, &all) ? NULL : hx_zalloc(all);
}

void *hx_alloc_aligned(size_t size_bytes, size_t align)
{
	return take(size_bytes, align < 16 ? 16 : align);
}

/* A timer that fires from freed memory is the nastiest of faults: look for it here. */
static void check_no_timer_in(const struct sim *s, uintptr_t from, uintptr_t to)
{
	struct hx_rb_node *n;

	for (n = hx_rb_first(&s->timers); n != NULL; n = hx_rb_next(n)) {
		if ((uintptr_t)n >= from && (uintptr_t)n < to)
			sim_fail(world, "scheduler %s frees a timer that runs", s->ops->name);
	}
}

static int heap_give(void *ptr)
{
	size_t size = ptr != NULL ? malloc_usable_size(ptr) : 0;

	if (world != NULL && ptr != NULL)
		check_no_timer_in(world, (uintptr_t)ptr, (uintptr_t)ptr + size);
	heap_used -= size;
	free(ptr);
	return 0;
}

int (*hx_heap_give_)(void *ptr) = heap_give;

void hx_heap_free_(void *ptr)
{
	heap_give(ptr);
}

uint64_t world_heap_used(void)
{
	return heap_used;
}

/* ---- mutexes: one flow plays all threads, so they are never contended. [T] only. */

static void check_may_sleep(const char *what)
{
	if (world != NULL && world->locked != NULL)
		sim_fail(world, "scheduler %s calls %s with a run queue's lock held",
			 world->ops->name, what);
}

void hx_mutex_lock(struct hx_mutex *m)
{
	check_may_sleep("hx_mutex_lock()");
	if (m->owner != 0)
		sim_fail(world, "scheduler %s locks a mutex twice", world->ops->name);
	m->owner = 1;
}

void hx_mutex_unlock(struct hx_mutex *m)
{
	if (m->owner == 0)
		sim_fail(world, "scheduler %s unlocks a free mutex", world->ops->name);
	m->owner = 0;
}

/* ---- threads and memory */

void hx_thread_foreach(bool (*visit)(struct hx_thread *t, void *arg), void *arg)
{
	unsigned i;

	check_may_sleep("hx_thread_foreach()");
	for (i = 0; world != NULL && i < world->n_threads; i++) {
		if (world->threads[i].admitted && !visit(&world->threads[i].t, arg))
			return;
	}
}

unsigned hx_thread_count(void)
{
	return world != NULL ? world->n_alive : 0;
}

uint64_t hx_frames_total(void)
{
	return FRAMES_TOTAL;
}

uint64_t hx_frames_n_free(void)
{
	return FRAMES_TOTAL / 2;
}
