/* SPDX-License-Identifier: MIT */
/*
 * What pages and stacks cost, through the front and whatever provider boots. A figure named after
 * another provider than the one in the slot takes no samples. Blocks: heap_bench.c.
 */
#include <hx/core/bench.h>
#include <hx/core/frames.h>
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
