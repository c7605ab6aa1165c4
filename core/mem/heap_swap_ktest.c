/* SPDX-License-Identifier: MIT */
/*
 * One heap after the other in the booted kernel: under load, with blocks of those before, and a
 * new one that is wrong.
 */
#include <hx/config/core_mem.h>
#include <hx/core/fault.h>
#include <hx/core/ktest.h>
#include <hx/core/string.h>
#include <hx/core/swap.h>

#include "load_priv.h"

/* ---- a heap that is wrong */

static enum { WRONG_INIT, WRONG_ALIGN, WRONG_TWICE, WRONG_EMPTY } wrong_way;
static uint8_t wrong_room[4096] HX_ALIGNED(16);
static bool wrong_is_live;

static int wrong_init(void)
{
	return wrong_way == WRONG_INIT ? -HX_ENODEV : 0;
}

static void *wrong_alloc(size_t size_bytes)
{
	wrong_is_live = true;
	return wrong_way == WRONG_EMPTY ? NULL : wrong_room + (wrong_way == WRONG_ALIGN ? 8 : 0);
}

static void *wrong_alloc_aligned(size_t size_bytes, size_t align)
{
	return NULL;
}

static int wrong_free(void *ptr)
{
	wrong_is_live = false;
	return 0;
}

static size_t wrong_size_of(const void *ptr)
{
	return wrong_is_live && (uintptr_t)ptr - (uintptr_t)wrong_room < 64 ? 4000 : 0;
}

static void wrong_stats(struct hx_heap_stats *out)
{
}

static void wrong_fini(void)
{
}

static const struct hx_heap_ops wrong_heap_ops = {
	.abi = HX_HEAP_ABI, .name = "test-wrong", .init = wrong_init, .alloc = wrong_alloc,
	.alloc_aligned = wrong_alloc_aligned, .free = wrong_free, .size_of = wrong_size_of,
	.stats = wrong_stats, .fini = wrong_fini,
};
HX_HEAP_CLASS(wrong_heap_ops);

static void refusal_heard(const void *ptr, int why)
{
}

/* ---- one heap after the other */

#define HEAPS	6u

static bool team_may_end;		/* atomic */
static uint32_t n_turns[THREADS];	/* atomic */

/* As replace_often(), for as long as it takes. */
static int replace_on(void *arg)
{
	uint64_t rnd = (uintptr_t)arg * 0x9e3779b97f4a7c15ull;

	while (!__atomic_load_n(&team_may_end, __ATOMIC_RELAXED)) {
		for (unsigned n = 0; n < 16; n++)
			replace(&rnd, next_random(&rnd) % 16 == 0);
		__atomic_fetch_add(&n_turns[(uintptr_t)arg - 1], 1, __ATOMIC_RELAXED);
		hx_yield();
	}
	return 0;
}

/* bump reuses nothing, so under load it is full at some time, and then it is refused. */
static bool swap_or_full(const char *name)
{
	int err = hx_swap("heap", name, NULL);

	return err == 0 || (err == -HX_ENOMEM && hx_strcmp(name, "bump") == 0);
}

static void all_take_turns(void)
{
	for (unsigned i = 0; i < THREADS; i++) {
		uint32_t was = __atomic_load_n(&n_turns[i], __ATOMIC_RELAXED);

		while (__atomic_load_n(&n_turns[i], __ATOMIC_RELAXED) - was < 2)
			hx_sleep_ns(TICK_NS / 4);
	}
}

/* Heaps that can be swapped in; the one in the slot first. */
static unsigned heaps_here(struct hx_ktest_run *t, const char *names[HEAPS])
{
	static const char *const all[] = { "slab", "tlsf", "firstfit", "pool", "bump" };
	const char *first = hx_heap_provider();
	unsigned n = 1;

	names[0] = first;
	for (unsigned i = 0; i < HX_ARRAY_LEN(all); i++) {
		if (hx_strcmp(all[i], first) != 0 && hx_swap("heap", all[i], NULL) == 0) {
			hx_expect(t, hx_swap("heap", first, NULL) == 0);
			names[n++] = all[i];
		}
	}
	if (n == 1)
		hx_ktest_skip(t, "no heap to swap in");
	return n;
}

static void slots_clear(void)
{
	for (unsigned i = 0; i < SLOTS; i++)
		hx_free(__atomic_exchange_n(&slots[i], NULL, __ATOMIC_ACQ_REL));
}

HX_KTEST(heap_swaps_between_all_under_load)
{
	static struct hx_timer timer = { .fn = replace_some };
	struct hx_heap_stats before, after;
	uint64_t refused = hx_heap_n_refused(), n_left;
	struct hx_thread *team[THREADS];
	const char *names[HEAPS];
	unsigned n = heaps_here(t, names), n_swaps = 0;

	if (n == 1)
		return;
	hx_heap_stats(&before);
	is_over = team_may_end = false;
	n_broken = n_fired = 0;
	for (unsigned i = 0; i < THREADS; i++) {
		struct hx_thread_params p = {
			.name = "heap", .fn = replace_on, .arg = (void *)(uintptr_t)(i + 1),
			.prio = hx_thread_self()->prio,
		};

		hx_require(t, hx_thread_create(&p, &team[i]) == 0);
	}
	hx_timer_start(&timer, hx_now_ns() + TICK_NS);
	for (unsigned a = 0; a < n; a++) {
		for (unsigned b = 0; b < n; b++) {
			if (a == b)
				continue;
			if (hx_strcmp(hx_heap_provider(), names[a]) != 0)
				hx_expect(t, swap_or_full(names[a]));
			all_take_turns();
			hx_expect(t, hx_strcmp(hx_heap_provider(), names[b]) == 0 ||
				     swap_or_full(names[b]));
			all_take_turns();
			n_swaps += hx_strcmp(hx_heap_provider(), names[b]) == 0;
		}
	}
	hx_expect(t, n_swaps >= (n - 1) * (n - 1));	/* all but those to bump, at least */
	hx_expect(t, hx_strcmp(hx_heap_provider(), names[0]) == 0 ||
		     hx_swap("heap", names[0], NULL) == 0);
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	__atomic_store_n(&team_may_end, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < THREADS; i++)
		hx_expect(t, hx_thread_join(team[i], HX_FOREVER, NULL) == 0);
	hx_timer_cancel(&timer);
	slots_clear();
	hx_expect(t, n_broken == 0 && n_fired > 0);
	hx_expect(t, hx_heap_n_refused() == refused);
	hx_expect(t, hx_heap_check() == 0);
	/* All went back to its owner, but for what others have taken meanwhile and keep: a thread
	 * is two blocks. */
	for (unsigned i = 0; i < 200; i++) {
		hx_heap_stats(&after);
		hx_require(t, hx_heap_n_left(NULL, &n_left) >= n - 1);
		if (n_left == 0 && after.used_bytes == before.used_bytes)
			break;
		hx_sleep_ns(10 * TICK_NS);
	}
	hx_expect(t, n_left <= 2);
	hx_expect(t, after.n_allocs - after.n_frees <= before.n_allocs - before.n_frees + 2);
}

static uint64_t left_at(struct hx_ktest_run *t, const char *name)
{
	uint64_t n = 0;

	hx_expect(t, hx_heap_n_left(name, &n) == 1);
	return n;
}

/* There and back; whether the counts were those of our own blocks. */
static bool blocks_stay_with(struct hx_ktest_run *t, const char *first, const char *other)
{
	uint8_t *old = hx_alloc(200), *grown, *new;
	uint64_t n_before, n_own, refused;
	bool is_exact;

	if (old == NULL || hx_swap("heap", other, NULL) != 0) {
		hx_free(old);
		return false;
	}
	memset(old, 7, 200);
	n_before = left_at(t, first);
	hx_expect(t, n_before > 0 && hx_alloc_size(old) >= 200);
	grown = hx_realloc(old, 900);
	hx_expect(t, grown != NULL && grown[0] == 7 && grown[199] == 7);
	hx_expect(t, hx_alloc_size(old) == 0);
	is_exact = left_at(t, first) == n_before - 1;
	new = hx_alloc(50);
	hx_expect(t, new != NULL && hx_swap("heap", first, NULL) == 0);
	n_own = left_at(t, other);
	hx_expect(t, n_own >= 2);
	hx_free(grown);
	hx_free(new);
	is_exact = is_exact && n_own == 2 && left_at(t, other) == 0;
	refused = hx_heap_n_refused();
	hx_heap_set_refusal(refusal_heard);
	hx_free(new);
	hx_free(grown + 16);
	hx_heap_set_refusal(NULL);
	hx_expect(t, hx_heap_n_refused() == refused + 2);
	return is_exact;
}

/* What is asked of a block works on, whoever gave it; what is no block is refused. The counts are
 * those of everybody: once nobody else takes or gives anything meanwhile. */
HX_KTEST(heap_swapped_out_still_owns_its_blocks)
{
	const char *names[HEAPS];
	unsigned n = heaps_here(t, names);

	for (unsigned i = 1; i < n; i++) {
		unsigned k = 0;

		while (k < 20 && !blocks_stay_with(t, names[0], names[i]))
			k++;
		hx_expect(t, k < 20);
	}
}

HX_KTEST(heap_swap_that_fails_leaves_the_old_one)
{
	static const char *const points[] = {
		"swap.prepare", "swap.quiesce", "swap.export", "swap.import",
	};
	const char *names[HEAPS];
	struct hx_swap s;

	if (!HX_ENABLED(FAULT_INJECTION)) {
		hx_ktest_skip(t, "no fault injection");
		return;
	}
	if (heaps_here(t, names) == 1)
		return;
	for (unsigned i = 0; i < HX_ARRAY_LEN(points); i++) {
		void *p = hx_alloc(100);

		hx_require(t, p != NULL && hx_fault_arm(points[i]) == 0);
		hx_expect(t, hx_swap("heap", names[1], &s) == -HX_EIO);
		hx_expect(t, hx_strcmp(hx_heap_provider(), names[0]) == 0);
		hx_free(p);
		hx_expect(t, hx_alloc_size(p) == 0 && hx_heap_check() == 0);
	}
	if (HX_ENABLED(HEAP_AROUND))
		hx_expect(t, hx_heap_fail_at(0) == 0);
	wrong_way = WRONG_ALIGN;
	hx_expect(t, hx_swap("heap", "test-wrong", &s) == -HX_EBADMSG && s.why[0] != '\0');
	wrong_way = WRONG_TWICE;
	hx_expect(t, hx_swap("heap", "test-wrong", &s) == -HX_EBADMSG);
	wrong_way = WRONG_EMPTY;
	hx_expect(t, hx_swap("heap", "test-wrong", &s) == -HX_ENOMEM);
	wrong_way = WRONG_INIT;
	hx_expect(t, hx_swap("heap", "test-wrong", &s) == -HX_ENODEV);
	hx_expect(t, hx_strcmp(hx_heap_provider(), names[0]) == 0 && hx_heap_check() == 0);
}
