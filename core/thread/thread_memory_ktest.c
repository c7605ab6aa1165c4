// SPDX-License-Identifier: MIT
/* Memory of threads in the booted kernel: what they had goes back, and no stack touches its
 * neighbour. */
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>

#include "thread_ktest.h"

#define TEST_STACK	((size_t)(HX_CONTEXT_STACK_MIN + 8192))
#define CANARY_BYTES	64u
#define CANARY		0xc5u
#define N_CYCLES	1000u

static int nothing(void *arg)
{
	return 0;
}

static int count_down(void *arg)
{
	__atomic_fetch_sub((unsigned *)arg, 1, __ATOMIC_RELAXED);
	return 0;
}

/* Threads one after the other: joined ones, then detached ones in bursts. */
static bool run_threads(unsigned n)
{
	static unsigned n_left;
	struct hx_thread_params p = params(nothing, NULL);
	struct hx_thread *other;

	for (unsigned i = 0; i < n; i++) {
		if (hx_thread_create(&p, &other) != 0 ||
		    hx_thread_join(other, HX_FOREVER, NULL) != 0)
			return false;
	}
	p = params(count_down, &n_left);
	p.flags = HX_THREAD_DETACHED;
	for (unsigned i = 0; i < n; i++) {
		__atomic_fetch_add(&n_left, 1, __ATOMIC_RELAXED);
		if (hx_thread_create(&p, NULL) != 0)
			return false;
		if (i % 10 == 9)
			hx_sleep_ns(1);		/* idle frees what has ended */
	}
	while (n_left != 0)
		hx_sleep_ns(1);
	hx_sleep_ns(2 * TICK_NS);
	return true;
}

/* Threads come and go; then all is as before: their number, what the heap has given out, and free
 * frames but for those that the heap keeps. */
static bool threads_leave_nothing(unsigned n_threads)
{
	struct hx_heap_stats before, after;
	uint64_t free_before = hx_frames_n_free();
	unsigned n_waits;

	hx_heap_stats(&before);
	if (!run_threads(N_CYCLES))
		return false;
	/* Other CPUs' idle threads free some, and forget each before they free its memory. */
	for (n_waits = 0; n_waits < 100; n_waits++) {
		hx_heap_stats(&after);
		if (hx_thread_count() == n_threads && after.used_bytes == before.used_bytes)
			break;
		hx_sleep_ns(TICK_NS);
	}
	return hx_thread_count() == n_threads && after.used_bytes == before.used_bytes &&
	       hx_frames_n_free() * HX_PAGE_SIZE + after.reserved_bytes ==
	       free_before * HX_PAGE_SIZE + before.reserved_bytes;
}

/* Caches of stacks, and page tables of their area, grow to what the most threads at a time want and
 * stay: on several CPUs that may happen late. What leaks shows in every round. */
HX_KTEST(thread_1000_leave_memory_as_before)
{
	unsigned n_threads = hx_thread_count(), n_waits, round;
	bool as_before = false;

	if (!hx_frames_reuses()) {
		hx_ktest_skip(t, "the frame allocator gives each page once");
		return;
	}
	hx_require(t, run_threads(20));
	for (n_waits = 0; n_waits < 100 && hx_thread_count() > n_threads; n_waits++)
		hx_sleep_ns(TICK_NS);
	hx_sleep_ns(5 * TICK_NS);
	/* Threads of components may still come in the first one. */
	for (round = 0; round < 5 && !as_before; round++)
		as_before = threads_leave_nothing(hx_thread_count());
	hx_expect(t, as_before);
}

/* Calls itself, formats text and yields at each depth. */
static unsigned dig(unsigned depth)
{
	char text[64];
	int len = hx_snprintf(text, sizeof(text), "depth %u of thread %u", depth,
			      hx_thread_self()->id);

	hx_yield();
	if (depth > 0)
		len += (int)dig(depth - 1);
	return (unsigned)len + (unsigned)(text[0] == 'd');
}

static int dig_thread(void *arg)
{
	return (int)dig(12);
}

HX_KTEST(thread_stacks_do_not_touch_neighbours)
{
	/* canary, stack, canary, stack, canary */
	static uint8_t area[3 * CANARY_BYTES + 2 * TEST_STACK] HX_ALIGNED(16);
	static struct hx_thread threads[2];
	unsigned i, k;

	memset(area, CANARY, sizeof(area));
	for (i = 0; i < 2; i++) {
		struct hx_thread_params p = params(dig_thread, NULL);

		p.stack = area + CANARY_BYTES + i * (CANARY_BYTES + TEST_STACK);
		p.stack_bytes = TEST_STACK;
		hx_require(t, hx_thread_init(&threads[i], &p) == 0);
	}
	for (i = 0; i < 2; i++) {
		int value = 0;

		hx_expect(t, hx_thread_join(&threads[i], HX_FOREVER, &value) == 0 && value > 0);
	}
	for (i = 0; i < 3; i++) {
		const uint8_t *canary = area + i * (CANARY_BYTES + TEST_STACK);

		for (k = 0; k < CANARY_BYTES && canary[k] == CANARY; k++)
			;
		hx_expect(t, k == CANARY_BYTES);
	}
	/* It did run on them. */
	hx_expect(t, area[CANARY_BYTES + TEST_STACK - 8] != CANARY ||
		     area[CANARY_BYTES + TEST_STACK - 16] != CANARY ||
		     area[CANARY_BYTES + TEST_STACK - 64] != CANARY);
}
