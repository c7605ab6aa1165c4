/* SPDX-License-Identifier: MIT */
/*
 * A machine with holes, and a model of who has which pages of it: what the tests of replacing frame
 * allocators share.
 */
#ifndef FRAMES_MODEL_H
#define FRAMES_MODEL_H

#include <hx/config/core_mem.h>
#include <hx/config/core_slot.h>
#include <hx/core/fault.h>
#include <hx/core/frames.h>
#include <hx/core/string.h>
#include <hx/core/swap.h>
#include <hx/hal/mmu.h>
#include <hx_test.h>

#include "../frames_share.h"

#define MAX_PAGES	(64u * 256u)
#define MAX_LIVE	9000u

static struct { hx_paddr_t pa; unsigned order; uint64_t mark; } live[MAX_LIVE];
static unsigned n_live;
static uint64_t n_out;			/* pages in them */
static uint8_t out[MAX_PAGES];		/* 1: in one of them */
static uint64_t rnd, n_between;

static const struct hx_mem_range holes[] = {
	{ .start = 3 * HX_MIB, .end = 3 * HX_MIB + 4096, .type = HX_MEM_RESERVED },
	{ .start = 15 * HX_MIB + 4096, .end = 17 * HX_MIB, .type = HX_MEM_MMIO },
	{ .start = 40 * HX_MIB + 8192, .end = 40 * HX_MIB + 20480, .type = HX_MEM_BAD },
};

static inline const struct hx_frames_ops *ops_named(const char *name)
{
	const struct hx_frames_ops *const *it;

	HX_SECTION_FOREACH(it, hx_frames_classes) {
		if (strcmp((*it)->name, name) == 0)
			return *it;
	}
	fail_msg("no frame allocator %s", name);
	return NULL;
}

static inline void machine(const char *provider, unsigned mib)
{
	struct hx_host_params p = { .mem_bytes = mib * HX_MIB, .seed = 1, .holes = holes,
				    .n_holes = HX_ARRAY_LEN(holes) };
	const struct hx_boot_info *info;

	hx_frames_set_poison(false);
	assert_int_equal(hx_host_start(&p, &info), 0);
	hx_host_time_virtual();
	assert_int_equal(hx_frames_start(ops_named(provider), info), 0);
	memset(out, 0, sizeof(out));
	n_live = 0;
	n_out = n_between = 0;
	rnd = hx_test_seed();
}

/* "point:n" */
static inline void arm(const char *spec)
{
	assert_int_equal(hx_fault_arm(spec), 0);
}

static inline void disarm(const char *spec)
{
	char name[HX_FAULT_NAME_MAX];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(spec, ":"), spec);
	hx_fault_disarm(name);
}

static inline int machine_off(void **state)
{
	frames_swap_listen = NULL;
	disarm("frames.move");
	disarm("frames.alloc");
	hx_percpu()->cpu = 0;
	hx_frames_stop();
	hx_host_stop();
	hx_frames_set_poison(true);
	return 0;
}

static uint64_t *word_of(hx_paddr_t pa)
{
	return hx_phys_to_virt(pa);
}

static inline bool take(unsigned order, unsigned flags)
{
	/* Behind the call the guard may end, and give back what it needed. */
	bool is_guarded = frames_shares[HX_ZONE_DMA].calls == &frames_guard_ops;
	uint64_t n = 1ull << order, n_free = hx_frames_n_free();
	hx_paddr_t pa;

	if (n_live == MAX_LIVE || hx_frames_alloc(order, flags, &pa) != 0)
		return false;
	assert_int_equal(pa % (HX_PAGE_SIZE << order), 0);
	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(out[(pa >> HX_PAGE_SHIFT) + i], 0);
		out[(pa >> HX_PAGE_SHIFT) + i] = 1;
		*word_of(pa + i * HX_PAGE_SIZE) = rnd + i;
	}
	live[n_live].pa = pa;
	live[n_live].order = order;
	live[n_live++].mark = rnd;
	n_out += n;
	assert_true(hx_frames_n_free() == n_free - n ||
		    (is_guarded && hx_frames_n_free() > n_free - n));
	return true;
}

static inline void give(unsigned at)
{
	uint64_t n = 1ull << live[at].order;
	hx_paddr_t pa = live[at].pa;

	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(*word_of(pa + i * HX_PAGE_SIZE), live[at].mark + i);
		out[(pa >> HX_PAGE_SHIFT) + i] = 0;
	}
	assert_int_equal(hx_frames_free(pa, live[at].order), 0);
	live[at] = live[--n_live];
	n_out -= n;
}

static inline void some_at_random(unsigned n)
{
	while (n-- > 0) {
		uint64_t what = hx_test_random_below(&rnd, 100);

		hx_percpu()->cpu = (uint32_t)hx_test_random_below(&rnd, 4);
		if (what < 52)
			take((unsigned)__builtin_ctzll(hx_test_random(&rnd) |
						       1u << HX_FRAMES_MAX_ORDER),
			     what < 10 ? HX_FRAMES_DMA : HX_FRAMES_ANY);
		else if (n_live > 0)
			give((unsigned)hx_test_random_below(&rnd, n_live));
	}
}

/* Between two steps of a swap. */
static inline void between(void)
{
	n_between++;
	some_at_random(4);
	if (n_between % 16 == 0)
		assert_int_equal(hx_frames_check(), 0);
}

/* Probation is over, and whoever calls next makes an end of it. */
static inline void trust(void)
{
	hx_host_advance_ns((CONFIG_SLOT_PROBATION_MS + 1) * HX_NS_PER_MS);
	assert_int_equal(hx_frames_check(), 0);
}

static inline void give_all(void)
{
	while (n_live > 0)
		give(n_live - 1);
}

static inline void expect_is(const char *provider, uint64_t n_free)
{
	assert_string_equal(hx_frames_provider(), provider);
	assert_int_equal(hx_frames_n_free(), n_free);
	assert_int_equal(hx_frames_check(), 0);
}

#endif
