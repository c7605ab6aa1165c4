/* SPDX-License-Identifier: MIT */
/*
 * The heap under several threads, on all CPUs there are, and in interrupts: blocks taken in one
 * place are given back in another. And blocks of many pages.
 */
#include <hx/core/assert.h>
#include <hx/core/ktest.h>
#include <hx/core/string.h>
#include <hx/hal/mem.h>

#include "load_priv.h"

#define STEPS		1500u
#define ATTEMPTS	10u

static int replace_often(void *arg)
{
	uint64_t rnd = (uintptr_t)arg * 0x9e3779b97f4a7c15ull;

	for (unsigned n = 0; n < STEPS; n++) {
		replace(&rnd, next_random(&rnd) % 16 == 0);
		if (n % 64 == 0)
			hx_yield();
	}
	return 0;
}

/* True: what it took is given back, as the figures show. They are everybody's: others may have
 * taken blocks meanwhile that they keep. */
static bool torture(struct hx_ktest_run *t)
{
	static struct hx_timer timer = { .fn = replace_some };
	struct hx_thread *team[THREADS];
	struct hx_heap_stats before, after;
	uint64_t rnd = 1;

	hx_heap_stats(&before);
	is_over = false;
	n_broken = n_fired = 0;
	hx_timer_start(&timer, hx_now_ns() + TICK_NS);
	for (unsigned i = 0; i < THREADS; i++) {
		struct hx_thread_params p = {
			.name = "heap", .fn = replace_often, .arg = (void *)(uintptr_t)(i + 1),
			.prio = hx_thread_self()->prio,
		};

		hx_verify(hx_thread_create(&p, &team[i]) == 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		hx_expect(t, hx_thread_join(team[i], HX_FOREVER, NULL) == 0);
	while (__atomic_load_n(&n_fired, __ATOMIC_RELAXED) < 3)
		hx_sleep_ns(TICK_NS);
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	hx_timer_cancel(&timer);
	hx_expect(t, hx_heap_check() == 0);
	for (unsigned i = 0; i < 40 * SLOTS; i++)
		replace(&rnd, true);
	for (unsigned i = 0; i < SLOTS; i++)
		hx_free(__atomic_exchange_n(&slots[i], NULL, __ATOMIC_ACQUIRE));
	hx_heap_stats(&after);
	hx_expect(t, n_broken == 0);
	return after.used_bytes == before.used_bytes;
}

HX_KTEST(heap_torture_by_threads_and_interrupts)
{
	uint64_t refused = hx_heap_n_refused();
	bool ok = false;

	for (unsigned n = 0; n < ATTEMPTS && !ok; n++)
		ok = torture(t);
	hx_expect(t, ok);
	hx_expect(t, hx_heap_n_refused() == refused);
	hx_expect(t, hx_heap_check() == 0);
}

/* As torture(). A heap may have a largest block; then it says so, and nothing is lost. */
static bool large_is_whole_or_refused(struct hx_ktest_run *t, size_t size)
{
	struct hx_heap_stats before, after;
	uint8_t *p;

	hx_heap_stats(&before);
	p = hx_alloc(size);
	hx_heap_stats(&after);
	if (p == NULL) {
		hx_expect(t, after.n_failed > before.n_failed);
		return after.used_bytes == before.used_bytes;
	}
	hx_expect(t, hx_alloc_size(p) >= size);
	memset(p, 0xa5, size);
	hx_expect(t, p[0] == 0xa5 && p[size - 1] == 0xa5);
	hx_free(p);
	hx_expect(t, hx_alloc_size(p) == 0);
	if (after.used_bytes < before.used_bytes + size)
		return false;
	hx_heap_stats(&after);
	return after.used_bytes == before.used_bytes;
}

HX_KTEST(heap_large_blocks_are_whole_or_refused)
{
	static const size_t sizes[] = { 20000, 300000, 3 * HX_MIB, 4 * HX_MIB + 1, 9 * HX_MIB };

	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		bool ok = false;

		for (unsigned n = 0; n < ATTEMPTS && !ok; n++)
			ok = large_is_whole_or_refused(t, sizes[i]);
		hx_expect(t, ok);
	}
	hx_expect(t, hx_heap_check() == 0);
}
