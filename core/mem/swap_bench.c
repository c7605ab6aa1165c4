// SPDX-License-Identifier: MIT
/*
 * What replacing the frame allocator costs, by the number of runs that are out, and the heap.
 * Nobody has to stand still for it: what others may have to wait for is one step, with a zone's
 * lock. There and back again, between the default and the first other one that is built in; the
 * slower of the two is the sample.
 */
#include <hx/core/bench.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/heap_class.h>
#include <hx/core/string.h>
#include <hx/hal/cpu.h>

#include "frames_share.h"

#define SAMPLES		20u
#define RUNS_MAX	10000u

enum part { QUIESCE, PAUSE, TOTAL };

static hx_paddr_t held[RUNS_MAX];
static uint64_t first_step, last_step, longest_step;	/* cycles */

static void note_step(void)
{
	uint64_t now = hx_cycles();

	if (first_step == 0)
		first_step = now;
	else
		longest_step = hx_max_u64(longest_step, now - last_step);
	last_step = now;
}

static const char *other_frames(void)
{
	const struct hx_frames_ops *const *it;

	HX_SECTION_FOREACH(it, hx_frames_classes)
		if (*it != frames_current && frames_swap_more(*it) != NULL &&
		    hx_strncmp((*it)->name, "test-", 5) != 0)
			return (*it)->name;
	return NULL;
}

static int swap_once(const char *to, enum part part, uint64_t *cost)
{
	struct hx_swap s;
	int err;

	first_step = longest_step = 0;
	frames_swap_listen = note_step;
	err = hx_swap("frames", to, &s);
	frames_swap_listen = NULL;
	*cost = hx_max_u64(*cost, part == QUIESCE ? first_step - s.asked_cycles :
			   part == PAUSE ? longest_step : s.served_cycles - s.asked_cycles);
	return err;
}

static int bench_frames(struct hx_bench_run *b, unsigned n, enum part part)
{
	const char *there = other_frames(), *back = hx_frames_provider();
	unsigned n_held = 0;
	int err = 0;

	if (there == NULL)
		return -HX_ENOTSUP;
	while (n_held < n && hx_frames_alloc(0, HX_FRAMES_ANY, &held[n_held]) == 0)
		n_held++;
	b->n_max = (uint32_t)hx_min_u64(b->n_max, SAMPLES);
	while (err == 0 && n_held == n && hx_bench_more(b)) {
		uint64_t cost = 0;

		err = swap_once(there, part, &cost);
		if (err == 0)
			err = swap_once(back, part, &cost);
		hx_bench_sample(b, cost);
	}
	err = n_held < n ? -HX_ENOTSUP : err;
	while (n_held > 0)
		hx_frames_free(held[--n_held], 0);
	return err;
}

#define BENCH_FRAMES(n) \
	HX_BENCH(swap_frames_quiesce_##n, "swap.frames.quiesce." #n, \
		 "from the request to replace the frame allocator until pages go over, " #n \
		 " runs out") \
	{ \
		return bench_frames(b, n, QUIESCE); \
	} \
	HX_BENCH(swap_frames_pause_##n, "swap.frames.pause." #n, \
		 "how long a zone is locked at most while the frame allocator is replaced, " #n \
		 " runs out") \
	{ \
		return bench_frames(b, n, PAUSE); \
	} \
	HX_BENCH(swap_frames_total_##n, "swap.frames.total." #n, \
		 "from the request to replace the frame allocator until the new one serves, " #n \
		 " runs out") \
	{ \
		return bench_frames(b, n, TOTAL); \
	}

BENCH_FRAMES(1)
BENCH_FRAMES(100)
BENCH_FRAMES(10000)

HX_BENCH(swap_heap_total, "swap.heap.total",
	 "from the request to replace the heap until the new one serves")
{
	const char *back = hx_heap_provider(), *there = NULL;
	const struct hx_heap_ops *const *it;
	int err = 0;

	HX_SECTION_FOREACH(it, hx_heap_classes)
		if (hx_strcmp((*it)->name, back) != 0 && hx_strncmp((*it)->name, "test-", 5) != 0)
			there = (*it)->name;
	if (there == NULL)
		return -HX_ENOTSUP;
	b->n_max = (uint32_t)hx_min_u64(b->n_max, SAMPLES);
	while (err == 0 && hx_bench_more(b)) {
		struct hx_swap s;
		uint64_t cost;

		err = hx_swap("heap", there, &s);
		cost = s.served_cycles - s.asked_cycles;
		if (err == 0)
			err = hx_swap("heap", back, &s);
		hx_bench_sample(b, hx_max_u64(cost, s.served_cycles - s.asked_cycles));
	}
	return err;
}
