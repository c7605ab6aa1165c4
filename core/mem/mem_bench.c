/* SPDX-License-Identifier: MIT */
/*
 * What memory costs: one page taken and given back, one block taken and given back, through the
 * front and whatever provider boots. A figure named after another provider than the one in the slot
 * takes no samples.
 */
#include <hx/core/bench.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/stack.h>
#include <hx/core/string.h>

static int frames_pair(struct hx_bench_run *b, const char *provider)
{
	hx_paddr_t pa;

	if (hx_strcmp(hx_frames_provider(), provider) != 0)
		return -HX_ENOTSUP;
	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		if (hx_frames_alloc(0, HX_FRAMES_ANY, &pa) != 0)
			return -HX_ENOMEM;
		hx_frames_free(pa, 0);
		hx_bench_end(b);
	}
	return 0;
}

HX_BENCH(frames_buddy_pair, "frames.buddy.pair",
	 "hx_frames_alloc() and hx_frames_free() of one page, buddy provider")
{
	return frames_pair(b, "buddy");
}

HX_BENCH(frames_bitmap_pair, "frames.bitmap.pair",
	 "hx_frames_alloc() and hx_frames_free() of one page, bitmap provider")
{
	return frames_pair(b, "bitmap");
}

static int heap_pair(struct hx_bench_run *b, const char *provider)
{
	if (hx_strcmp(hx_heap_provider(), provider) != 0)
		return -HX_ENOTSUP;
	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		hx_free(hx_alloc(64));
		hx_bench_end(b);
	}
	return 0;
}

HX_BENCH(heap_slab_pair, "heap.slab.pair", "hx_alloc(64) and hx_free(), slab provider")
{
	return heap_pair(b, "slab");
}

HX_BENCH(heap_tlsf_pair, "heap.tlsf.pair", "hx_alloc(64) and hx_free(), tlsf provider")
{
	return heap_pair(b, "tlsf");
}

HX_BENCH(heap_pool_pair, "heap.pool.pair", "hx_alloc(64) and hx_free(), pool provider")
{
	return heap_pair(b, "pool");
}

HX_BENCH(heap_firstfit_pair, "heap.firstfit.pair",
	 "hx_alloc(64) and hx_free(), firstfit provider")
{
	return heap_pair(b, "firstfit");
}

HX_BENCH(heap_bump_pair, "heap.bump.pair", "hx_alloc(64) and hx_free(), bump provider")
{
	return heap_pair(b, "bump");
}

HX_BENCH(heap_bump, "heap.bump", "one hx_alloc(64), bump provider; freed outside the measurement")
{
	if (hx_strcmp(hx_heap_provider(), "bump") != 0)
		return -HX_ENOTSUP;
	while (hx_bench_more(b)) {
		void *p;

		hx_bench_begin(b);
		p = hx_alloc(64);
		hx_bench_end(b);
		if (p == NULL)
			return -HX_ENOMEM;
		hx_free(p);
	}
	return 0;
}

HX_BENCH(stack_pair, "stack.pair", "hx_stack_alloc() and hx_stack_free() of a stack kept mapped")
{
	size_t size;
	void *stack;

	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		if (hx_stack_alloc(&stack, &size) != 0)
			return -HX_ENOMEM;
		hx_stack_free(stack);
		hx_bench_end(b);
	}
	return 0;
}
