/* SPDX-License-Identifier: MIT */
/*
 * What the programs of the heaps' contract suite share: a machine with one heap up on it, and the
 * loop over the heaps.
 */
#ifndef HEAP_SUITE_H
#define HEAP_SUITE_H

#include "../../tests/provider_suite.h"

#include <hx/config/core_lib.h>
#include <hx/config/core_mem.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/text.h>
#include <hx/hal/mmu.h>

#define SUITE_MACHINE_BYTES	((uint64_t)16 << 20)

static const struct hx_heap_ops *ops;		/* the one on trial */
static uint64_t frames_before;			/* free pages before it came up */
static const void *last_refused;		/* what was refused last, and why */
static int last_why;

/* So that a refused free comes back as a code, in debug builds too. */
static void suite_listen(const void *ptr, int why)
{
	last_refused = ptr;
	last_why = why;
}

/* watch: what core watches around each block; the trial of a heap itself is without. */
static inline int suite_up(void **state, uint64_t mem_bytes, unsigned watch)
{
	struct hx_host_params p = { .mem_bytes = mem_bytes, .seed = 1 };
	const struct hx_boot_info *info;

	ops = *state;
	rng_state = hx_test_seed();
	if (hx_host_start(&p, &info) != 0 ||
	    hx_frames_start(__start_hx_frames_classes[0], info) != 0)
		return -1;
	frames_before = hx_frames_n_free();
	hx_heap_set_refusal(suite_listen);
	if (HX_ENABLED(HEAP_WATCH))
		hx_heap_set_watch(watch);
	return hx_heap_start(ops);
}

static inline int heap_down(void **state)
{
	bool ok;

	hx_heap_set_refusal(NULL);
	hx_heap_stop();
	ok = hx_frames_n_free() == frames_before && hx_frames_check() == 0;
	hx_frames_stop();
	hx_host_stop();
	return ok ? 0 : -1;		/* every page went back */
}

static inline int heap_up(void **state)
{
	return suite_up(state, SUITE_MACHINE_BYTES, 0);
}

static inline void check_heap(void)
{
	assert_int_equal(hx_heap_check(), 0);
}

static inline struct hx_heap_stats stats(void)
{
	struct hx_heap_stats s;

	hx_heap_stats(&s);
	return s;
}

/* The largest size of which this heap can give two blocks, as far as the suite goes: a heap may
 * have a largest block. */
static inline size_t largest_size(void)
{
	for (size_t size = 65536; size >= 1024; size /= 2) {
		void *a = hx_alloc(size), *b = hx_alloc(size);

		hx_free(a);
		hx_free(b);
		if (b != NULL)
			return size;
	}
	fail_msg("%s gives no two blocks of 1 KiB", ops->name);
	return 0;
}

static inline int suite_run(const struct suite_case *cases, unsigned n, CMFixtureFunction up)
{
	const struct hx_heap_ops *const *it;
	unsigned n_providers = 0;
	int failed = 0;

	HX_SECTION_FOREACH(it, hx_heap_classes) {
		if (!suite_means("_heap_", (*it)->name))
			continue;
		n_providers++;
		failed += suite_try((*it)->name, *it, 0, cases, n, up, heap_down);
	}
	return n_providers == 0 ? 1 : failed;	/* a suite over nobody proves nothing */
}

#endif
