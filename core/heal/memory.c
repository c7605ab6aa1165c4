// SPDX-License-Identifier: MIT
/*
 * Sweeps over memory, every CONFIG_HEAL_SWEEP_MS: the canary at the end of each thread's stack,
 * what stands behind each heap block (CONFIG_HEAP_REDZONES), the heap's own invariants, and how
 * much is left. What is found is told once, when it begins.
 */
#include <hx/config/core_mem.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/thread.h>
#include <hx/hal/timer.h>

#include "heal_priv.h"

#define SWEEP_NS	(CONFIG_HEAL_SWEEP_MS * HX_NS_PER_MS)
#define STACKS_MAX	4u	/* told in one sweep */
#define LEFT_SHARE	64u	/* less than this part of all frames is left: exhaustion */

static hx_ns_t next_ns;			/* heal_doing, as all below */
static uint64_t n_bad_frees, n_damaged, n_damaged_ever, most_free;
static bool heap_told, left_told;

struct stacks {
	uint32_t ids[STACKS_MAX];
	unsigned n;
};

/* The canary is put right again, so that one overflow is told once. */
static bool look_at_stack(struct hx_thread *t, void *arg)
{
	struct stacks *s = arg;

	if (!hx_thread_canary_broken(t))
		return true;
	hx_thread_canary_set(t);
	s->ids[s->n++] = t->id;
	return s->n < STACKS_MAX;
}

static void sweep_stacks(void)
{
	struct stacks s = { .n = 0 };

	hx_thread_foreach(look_at_stack, &s);
	for (unsigned i = 0; i < s.n; i++)
		(void)hx_failure_tell(HX_FAILURE_CORRUPTION, "memory",
				      "the stack of thread %u was full: its last word is another",
				      s.ids[i]);
}

static void sweep_heap(void)
{
	uint64_t n = hx_heap_n_refused();
	bool bad;

	if (n != n_bad_frees)
		(void)hx_failure_tell(HX_FAILURE_CORRUPTION, "memory",
				      "%llu frees of what is no live block",
				      (unsigned long long)(n - n_bad_frees));
	n_bad_frees = n;
	if (HX_ENABLED(HEAP_REDZONES)) {
		uint64_t freed = hx_heap_n_damaged() - n_damaged_ever, before = n_damaged;

		n_damaged = hx_heap_sweep();
		n_damaged_ever = hx_heap_n_damaged();
		if (n_damaged > before || freed != 0)
			(void)hx_failure_tell(HX_FAILURE_CORRUPTION, "memory",
					      "%llu heap blocks are written past their end, %llu "
					      "were when they were freed",
					      (unsigned long long)n_damaged,
					      (unsigned long long)freed);
	}
	bad = hx_heap_check() != 0;
	if (bad && !heap_told)
		(void)hx_failure_tell(HX_FAILURE_CORRUPTION, "memory",
				      "the heap's invariants do not hold");
	heap_told = bad;
}

static void look_at_what_is_left(void)
{
	uint64_t n = hx_frames_n_free();
	bool low;

	most_free = n > most_free ? n : most_free;
	low = n < most_free / LEFT_SHARE;
	if (low && !left_told)
		(void)hx_failure_tell(HX_FAILURE_EXHAUSTION, "memory",
				      "%llu frames are left of %llu", (unsigned long long)n,
				      (unsigned long long)most_free);
	left_told = low;
}

static enum hx_health memory_check(void *arg)
{
	hx_ns_t now = hx_now_ns();

	look_at_what_is_left();
	if (now >= next_ns) {
		next_ns = now + SWEEP_NS;
		sweep_stacks();
		sweep_heap();
	}
	return left_told || heap_told ? HX_DEGRADED : HX_HEALTHY;
}

static const struct hx_healed_ops memory_ops = { .check = memory_check };
static struct hx_healed memory_healed = {
	.name = "memory", .ops = &memory_ops, .policy = HX_HEAL_NOTE,
	.fails_as = HX_FAILURE_CORRUPTION,
};

void heal_memory_start(void)
{
	next_ns = most_free = 0;
	n_bad_frees = hx_heap_n_refused();
	(void)!hx_heal_register(&memory_healed);
}

void heal_memory_stop(void)
{
	(void)hx_heal_unregister(&memory_healed);
}
