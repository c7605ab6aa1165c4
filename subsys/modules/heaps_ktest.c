/* SPDX-License-Identifier: MIT */
/*
 * Heaps that are modules: each of the archive is loaded, put into the slot while everybody takes
 * and gives blocks, left again, and goes when no block of it lives.
 */
#include <hx/config/core_mem.h>
#include <hx/config/core_slot.h>
#include <hx/core/heap.h>
#include <hx/core/heap_class.h>
#include <hx/core/ktest.h>
#include <hx/core/printf.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/core/swap.h>
#include <hx/hal/timer.h>
#include <hx/vm/kva.h>

#include "modules_priv.h"

#define N_TEAM		3u
#define N_HELD		32u
#define N_KEPT		16u

static struct hko_why why;

/* ---- others, who take and give all the time */

static bool team_may_end;		/* atomic */
static uint32_t n_turns[N_TEAM];	/* atomic */
static uint32_t n_broken;		/* atomic */

static bool is_filled(const uint8_t *p, size_t n, uint8_t byte)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != byte)
			return false;
	return true;
}

static int take_and_give(void *arg)
{
	struct { uint8_t *p; size_t n; } held[N_HELD] = { { NULL, 0 } };
	uintptr_t me = (uintptr_t)arg;
	uint64_t rnd = me * 0x9e3779b97f4a7c15ull + 1;

	for (unsigned i = 0; !__atomic_load_n(&team_may_end, __ATOMIC_RELAXED) ||
	     i % N_HELD != 0; i++) {
		unsigned k = i % N_HELD;

		rnd = rnd * 6364136223846793005ull + 1442695040888963407ull;
		if (held[k].p != NULL && !is_filled(held[k].p, held[k].n, (uint8_t)(k + me)))
			__atomic_fetch_add(&n_broken, 1, __ATOMIC_RELAXED);
		hx_free(held[k].p);
		held[k].n = rnd >> 33 & ((rnd >> 60) == 0 ? 4095 : 255);
		held[k].p = hx_alloc(held[k].n + 1);
		if (held[k].p != NULL)
			memset(held[k].p, (int)(k + me), held[k].n);
		if (k == 0) {
			__atomic_fetch_add(&n_turns[me], 1, __ATOMIC_RELAXED);
			hx_yield();
		}
	}
	for (unsigned k = 0; k < N_HELD; k++)
		hx_free(held[k].p);
	return 0;
}

/* Everybody has come round once: what was taken before is given back, but for what we hold. */
static void all_come_round(void)
{
	for (unsigned i = 0; i < N_TEAM; i++) {
		uint32_t was = __atomic_load_n(&n_turns[i], __ATOMIC_RELAXED);

		while (__atomic_load_n(&n_turns[i], __ATOMIC_RELAXED) - was < 3)
			hx_sleep_ns(HX_NS_PER_MS);
	}
}

static bool team_start(struct hx_thread *team[N_TEAM])
{
	struct hx_thread_params p = { .name = "heap", .fn = take_and_give,
				      .prio = HX_PRIO_DEFAULT };

	team_may_end = false;
	n_broken = 0;
	for (uintptr_t i = 0; i < N_TEAM; i++) {
		p.arg = (void *)i;
		if (hx_thread_create(&p, &team[i]) != 0)
			return false;
	}
	return true;
}

static void team_end(struct hx_ktest_run *t, struct hx_thread *team[N_TEAM])
{
	__atomic_store_n(&team_may_end, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < N_TEAM; i++)
		hx_expect(t, hx_thread_join(team[i], 60 * HX_NS_PER_S, NULL) == 0);
	hx_expect(t, n_broken == 0);
}

/* ---- */

static uint64_t blocks_of(const char *heap)
{
	uint64_t n = 0;

	hx_heap_n_left(heap, &n);
	return n;
}

/* Others may hold blocks of it for a while: long-lived things were made meanwhile. */
static void unload_when_drained(struct hx_ktest_run *t, const char *name, const char *heap)
{
	int err = -HX_EBUSY;

	for (unsigned i = 0; i < 500 && err == -HX_EBUSY; i++) {
		err = module_unload(name, &why);
		if (err == -HX_EBUSY)
			hx_sleep_ns(10 * HX_NS_PER_MS);
	}
	if (err != 0) {
		static char text[160];

		hx_snprintf(text, sizeof(text), "%s stays (%s) with %llu blocks", name, why.text,
			    (unsigned long long)blocks_of(heap));
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, text);
	}
}

static void use_one(struct hx_ktest_run *t, const char *path, const char *first)
{
	char heap[HX_SLOT_NAME_MAX], name[HKO_NAME_MAX];
	const struct hx_heap_ops *ops;
	void *kept[N_KEPT] = { NULL };
	struct module *m = NULL;
	unsigned n_own = 0;

	if (module_load(path, &why, &m) != 0) {
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, why.text);
		return;
	}
	hx_expect(t, m->desc->kind == HKO_ALLOCATOR && m->lists[LIST_PROVIDERS].n == 1);
	ops = (const void *)m->entries[0].ops;
	hx_strlcpy(heap, ops->name, sizeof(heap));
	hx_strlcpy(name, m->name, sizeof(name));
	hx_require(t, hx_swap("heap", heap, NULL) == 0);
	hx_expect(t, hx_strcmp(hx_heap_provider(), heap) == 0);
	all_come_round();
	for (unsigned i = 0; i < N_KEPT; i++) {
		kept[i] = hx_zalloc(8 + 16 * i);
		hx_expect(t, kept[i] != NULL && hx_alloc_size(kept[i]) >= 8 + 16 * i);
		n_own += ops->size_of(kept[i]) != 0;	/* else it was full: of the one behind it */
	}
	/* In the slot it stays, and behind it as long as it has blocks. */
	hx_expect(t, module_unload(name, &why) == -HX_EBUSY);
	hx_expect(t, hx_glob("detail=provider-in-use slot=heap provider=*", why.text));
	hx_expect(t, hx_swap("heap", first, NULL) == 0);
	all_come_round();
	if (n_own > 0) {
		hx_expect(t, blocks_of(heap) >= n_own);
		hx_expect(t, module_unload(name, &why) == -HX_EBUSY);
		hx_expect(t, m->state == MODULE_RUNNING);
	}
	for (unsigned i = 0; i < N_KEPT; i++) {
		kept[i] = i % 2 == 0 ? hx_realloc(kept[i], 3000) : kept[i];
		hx_expect(t, kept[i] != NULL);
		hx_free(kept[i]);
	}
	/* The first swap's probation keeps it for a while, too. */
	unload_when_drained(t, name, heap);
	hx_expect(t, n_own > 0 || hx_strcmp(heap, "tlsf") != 0);
	hx_expect(t, hx_swap("heap", heap, NULL) == -HX_ENOENT);
}

HX_KTEST(modules_heaps_come_into_the_slot_and_go)
{
	const char *first = hx_heap_provider();
	struct hx_thread *team[N_TEAM];
	char path[MODULES_PATH_MAX];
	unsigned n;

	if (!HX_ENABLED(HEAP_LOADED)) {
		hx_ktest_skip(t, "no heap is a module here");
		return;
	}
	modules_quiet();
	hx_require(t, team_start(team));
	/* Twice: a place that was free is taken again. */
	for (unsigned round = 0; round < 2; round++)
		for (n = 0; modules_in_archive("heap_", n, path); n++)
			use_one(t, path, first);
	hx_expect(t, n > 0);
	team_end(t, team);
	hx_expect(t, hx_strcmp(hx_heap_provider(), first) == 0);
	hx_expect(t, modules_count() == 0 && hx_kva_bytes(HX_AREA_MODULES) == 0);
}

/* ---- one that breaks */

#define BROKEN	"/boot/modules/test_kernel_broken_heap.hko"

static int tell_broken(const char *what)
{
	char text[32];
	struct hx_text_buf ack;

	hx_text_buf_init(&ack, text, sizeof(text));
	return hx_names_take("/test/broken_heap", what, &ack.text);
}

/* In the slot it breaks: the heap behind it serves, nothing stops, and it can be taken out. What
 * it gave is lost when it is freed. */
static void break_in_slot(struct hx_ktest_run *t, const char *how, const char *first)
{
	struct module *m = NULL;
	void *own[4];

	if (module_load(BROKEN, &why, &m) != 0) {
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, why.text);
		return;
	}
	hx_expect(t, hx_swap("heap", "broken", NULL) == 0);
	for (unsigned i = 0; i < HX_ARRAY_LEN(own); i++)
		own[i] = hx_alloc(100);
	hx_expect(t, tell_broken(how) == 0);
	for (unsigned i = 0; i < 10000 && hx_strcmp(hx_heap_provider(), first) != 0; i++)
		hx_free(hx_alloc(100));
	hx_expect(t, hx_strcmp(hx_heap_provider(), first) == 0);
	hx_expect(t, module_state_now(m) == MODULE_ERROR && m->owner.n_caught >= 1);
	for (unsigned i = 0; i < HX_ARRAY_LEN(own); i++) {
		hx_expect(t, own[i] != NULL);
		hx_free(own[i]);
	}
	hx_expect(t, hx_swap("heap", "broken", NULL) != 0);
	unload_when_drained(t, "test_kernel_broken_heap", "broken");
	own[0] = hx_alloc(100);
	hx_expect(t, own[0] != NULL);
	hx_free(own[0]);
}

/* It breaks in a free, and before anybody asks it for a block another one of its is freed. The
 * first failure since boot: later ones find that blocks may be lost. */
static void free_after_break(struct hx_ktest_run *t, const char *first)
{
	struct module *m = NULL;
	void *own[2];

	hx_require(t, module_load(BROKEN, &why, &m) == 0);
	hx_expect(t, hx_swap("heap", "broken", NULL) == 0);
	for (unsigned i = 0; i < HX_ARRAY_LEN(own); i++)
		own[i] = hx_alloc(100);
	hx_expect(t, tell_broken("free 0") == 0);
	for (unsigned i = 0; i < HX_ARRAY_LEN(own); i++)
		hx_free(own[i]);
	for (unsigned i = 0; i < 10000 && hx_strcmp(hx_heap_provider(), first) != 0; i++)
		hx_free(hx_alloc(100));
	hx_expect(t, hx_strcmp(hx_heap_provider(), first) == 0);
	unload_when_drained(t, "test_kernel_broken_heap", "broken");
}

HX_KTEST(modules_a_heap_that_breaks_is_thrown_out)
{
	static const char *const ways[] = { "alloc 0", "alloc 30", "free 0", "free 25" };
	const char *first = hx_heap_provider();
	uint64_t refused = hx_heap_n_refused();
	struct hx_thread *team[N_TEAM];
	struct module *m = NULL;

	if (!HX_ENABLED(HEAP_LOADED) || !HX_ENABLED(BORDERS)) {
		hx_ktest_skip(t, "no heap is a module here, or faults are not caught");
		return;
	}
	modules_quiet();
	hx_require(t, module_load(BROKEN, &why, &m) == 0);
	hx_expect(t, tell_broken("init 0") == 0);
	hx_expect(t, hx_swap("heap", "broken", NULL) == -HX_EFAULT);
	hx_expect(t, hx_strcmp(hx_heap_provider(), first) == 0);
	hx_expect(t, module_unload(m->name, &why) == 0);
	free_after_break(t, first);
	hx_require(t, team_start(team));
	for (unsigned i = 0; i < HX_ARRAY_LEN(ways); i++)
		break_in_slot(t, ways[i], first);
	team_end(t, team);
	hx_expect(t, hx_heap_n_refused() == refused && modules_count() == 0);
}
