/* SPDX-License-Identifier: MIT */
/*
 * One frame allocator after the other, with runs taken and given back between any two steps, held
 * against a model; and each way in which a swap can fail.
 */
#include <hx/config/core_mem.h>
#include <hx/core/fault.h>
#include <hx/core/frames.h>
#include <hx/core/string.h>
#include <hx/core/swap.h>
#include <hx/hal/mmu.h>
#include <hx_test.h>

#include "../mem_priv.h"

#define MAX_PAGES	(64u * 256u)
#define MAX_LIVE	9000u

/* ---- the machine and the model */

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

static const struct hx_frames_ops *ops_named(const char *name)
{
	const struct hx_frames_ops *const *it;

	HX_SECTION_FOREACH(it, hx_frames_classes) {
		if (strcmp((*it)->name, name) == 0)
			return *it;
	}
	fail_msg("no frame allocator %s", name);
	return NULL;
}

static void machine(const char *provider, unsigned mib)
{
	struct hx_host_params p = { .mem_bytes = mib * HX_MIB, .seed = 1, .holes = holes,
				    .n_holes = HX_ARRAY_LEN(holes) };
	const struct hx_boot_info *info;

	hx_frames_set_poison(false);
	assert_int_equal(hx_host_start(&p, &info), 0);
	assert_int_equal(hx_frames_start(ops_named(provider), info), 0);
	memset(out, 0, sizeof(out));
	n_live = 0;
	n_out = n_between = 0;
	rnd = hx_test_seed();
}

/* "point:n" */
static void arm(const char *spec)
{
	assert_int_equal(hx_fault_arm(spec), 0);
}

static void disarm(const char *spec)
{
	char name[HX_FAULT_NAME_MAX];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(spec, ":"), spec);
	hx_fault_disarm(name);
}

static int machine_off(void **state)
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

static bool take(unsigned order, unsigned flags)
{
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
	assert_int_equal(hx_frames_n_free(), n_free - n);
	return true;
}

static void give(unsigned at)
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

static void some_at_random(unsigned n)
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
static void between(void)
{
	n_between++;
	some_at_random(4);
	if (n_between % 16 == 0)
		assert_int_equal(hx_frames_check(), 0);
}

static void give_all(void)
{
	while (n_live > 0)
		give(n_live - 1);
}

static void expect_is(const char *provider, uint64_t n_free)
{
	assert_string_equal(hx_frames_provider(), provider);
	assert_int_equal(hx_frames_n_free(), n_free);
	assert_int_equal(hx_frames_check(), 0);
}

/* ---- swaps that succeed */

static const char *const two[] = { "buddy", "bitmap" };

static void swapped_back_and_forth_under_a_random_load(void **state)
{
	for (unsigned first = 0; first < 2; first++) {
		uint64_t n_free;

		machine(two[first], 64);
		n_free = hx_frames_n_free();
		some_at_random(2000);
		frames_swap_listen = between;
		for (unsigned i = 1; i <= 20; i++) {
			struct hx_swap s;

			assert_int_equal(hx_swap("frames", two[(first + i) % 2], &s), 0);
			assert_true(s.n_items > 0 && s.stopped_cycles == 0);
			assert_string_equal(hx_frames_provider(), two[(first + i) % 2]);
			some_at_random(500);
			assert_int_equal(hx_frames_check(), 0);
		}
		assert_true(n_between > 20 * 100);
		frames_swap_listen = NULL;
		give_all();
		expect_is(two[first], n_free);
		machine_off(NULL);
	}
}

/* All pages can be had at any moment, and none twice: what is left when all is taken is nothing. */
static void take_rest(void)
{
	unsigned n = n_live;

	if (++n_between % 8 != 0)
		return;
	while (take(HX_FRAMES_MAX_ORDER, HX_FRAMES_ANY) || take(HX_FRAMES_MAX_ORDER, HX_FRAMES_DMA))
		;
	for (unsigned order = HX_FRAMES_MAX_ORDER; order-- > 0; ) {
		while (take(order, HX_FRAMES_DMA32) || take(order, HX_FRAMES_DMA))
			;
	}
	assert_int_equal(hx_frames_n_free(), 0);
	assert_int_equal(hx_frames_check(), 0);
	while (n_live > n)
		give(n_live - 1);
}

/* To the other one and back, after n random steps; listen() runs between any two steps of each. */
static void there_and_back(const char *first, const char *other, unsigned n, void (*listen)(void))
{
	uint64_t n_free;

	machine(first, 64);
	n_free = hx_frames_n_free();
	some_at_random(n);
	frames_swap_listen = listen;
	assert_int_equal(hx_swap("frames", other, NULL), 0);
	assert_int_equal(hx_swap("frames", first, NULL), 0);
	frames_swap_listen = NULL;
	give_all();
	expect_is(first, n_free);
}

static void all_of_it_can_be_had_at_each_step(void **state)
{
	there_and_back("buddy", "bitmap", 300, take_rest);
}

static unsigned n_blocks;	/* at the first step */

static void take_single_pages(void)
{
	while (take(0, HX_FRAMES_ANY) || take(0, HX_FRAMES_DMA))
		;
}

/* As many of the largest runs as ever, wherever the edges are. What is moved between two looks are
 * single pages, which then all become free, those of one block on either side of an edge. */
static void count_blocks(void)
{
	if (n_between++ % 3 != 0)
		return;
	give_all();
	while (take(HX_FRAMES_MAX_ORDER, HX_FRAMES_ANY) || take(HX_FRAMES_MAX_ORDER, HX_FRAMES_DMA))
		;
	if (n_between == 1)		/* the edge is in the first block, which is not whole */
		n_blocks = n_live;
	assert_int_equal(n_live, n_blocks);
	give_all();
	take_single_pages();
}

static void no_large_run_is_missed_at_the_edge(void **state)
{
	static const char *const points[] = { "frames.move:5", "frames.move:6", "frames.move:7" };

	machine("buddy", 32);
	for (unsigned i = 0; i <= HX_ARRAY_LEN(points); i++) {
		n_between = 0;
		if (i < HX_ARRAY_LEN(points))
			arm(points[i]);
		take_single_pages();
		for (unsigned k = 0; k < 16; k++)	/* for the metadata: not the last ones */
			give(k);
		frames_swap_listen = count_blocks;
		assert_int_equal(hx_swap("frames", "bitmap", NULL),
				 i < HX_ARRAY_LEN(points) ? -HX_EIO : 0);
		frames_swap_listen = NULL;
		assert_true(n_blocks >= 2 && n_between > 6);
		give_all();
	}
}

static void refused(hx_paddr_t pa, unsigned order)
{
	if (HX_ENABLED(DEBUG_ASSERT))
		assert_true(HX_TEST_ENDS(HX_TEST_BUG, "foreign free", hx_frames_free(pa, order)));
	else
		assert_int_equal(hx_frames_free(pa, order), -HX_EINVAL);
}

static void bad_frees_are_named_at_each_step(void)
{
	uint64_t n_refused = hx_frames_n_refused();

	n_between++;
	for (unsigned i = 0; i < n_live && i < 8; i++) {
		unsigned at = (unsigned)hx_test_random_below(&rnd, n_live);

		refused(live[at].pa, live[at].order == 0 ? 1 : live[at].order - 1);
		n_refused++;
	}
	assert_int_equal(hx_frames_n_refused(), n_refused);
}

static void runs_are_known_on_either_side(void **state)
{
	there_and_back("bitmap", "buddy", 500, bad_frees_are_named_at_each_step);
}

/* ---- swaps that fail */

/* Once alone, once while runs are taken and given back. False: there was no such step. */
static bool fails_with(const char *point)
{
	uint64_t n_free = hx_frames_n_free();
	int err;

	for (unsigned busy = 0; busy < 2; busy++) {
		arm(point);
		frames_swap_listen = busy ? between : NULL;
		err = hx_swap("frames", "bitmap", NULL);
		frames_swap_listen = NULL;
		disarm(point);
		if (err == 0) {
			assert_int_equal(hx_swap("frames", "buddy", NULL), 0);
			return false;
		}
		assert_int_equal(err, -HX_EIO);
		expect_is("buddy", busy ? hx_frames_n_free() : n_free);
		some_at_random(200);
		n_free = hx_frames_n_free();
	}
	return true;
}

static void each_step_can_fail_and_the_old_one_goes_on(void **state)
{
	static const char *const points[] = {
		"swap.prepare", "swap.quiesce", "swap.export", "swap.import",
	};
	char point[32];
	unsigned k = 0;
	uint64_t n_free;

	machine("buddy", 64);
	n_free = hx_frames_n_free();
	some_at_random(1000);
	for (unsigned i = 0; i < HX_ARRAY_LEN(points); i++)
		assert_true(fails_with(points[i]));
	do {
		snprintf(point, sizeof(point), "frames.move:%u", ++k);
	} while (fails_with(point));
	assert_true(k > 20);
	frames_swap_listen = NULL;
	give_all();
	expect_is("buddy", n_free);
}

/* Each of its allocations fails once, until it needs no more. */
static void the_kth_allocation_fails(void **state)
{
	unsigned k;
	int err = -1;

	machine("buddy", 64);
	some_at_random(1000);
	for (k = 1; err != 0 && k < 100; k++) {
		uint64_t n_free = hx_frames_n_free();
		char point[32];

		snprintf(point, sizeof(point), "frames.alloc:%u", k);
		arm(point);
		err = hx_swap("frames", "bitmap", NULL);
		disarm(point);
		if (err != 0) {
			assert_int_equal(err, -HX_ENOMEM);
			expect_is("buddy", n_free);
		}
	}
	assert_int_equal(k, 2 + 2);		/* one for each zone that there is */
	assert_int_equal(hx_frames_check(), 0);
}

static void who_cannot_hand_pages_over_stays_or_stays_out(void **state)
{
	struct hx_swap s;
	uint64_t n_free;

	machine("buddy", 64);
	n_free = hx_frames_n_free();
	assert_int_equal(hx_swap("frames", "bump", &s), -HX_ENOTSUP);
	assert_string_equal(s.why, "bump cannot hand pages over");
	expect_is("buddy", n_free);
	machine_off(NULL);
	machine("bump", 64);
	assert_int_equal(hx_swap("frames", "buddy", &s), -HX_ENOTSUP);
	assert_string_equal(s.why, "bump cannot hand pages over");
	assert_string_equal(hx_frames_provider(), "bump");
	assert_true(take(3, HX_FRAMES_ANY));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(swapped_back_and_forth_under_a_random_load, machine_off),
		cmocka_unit_test_teardown(all_of_it_can_be_had_at_each_step, machine_off),
		cmocka_unit_test_teardown(no_large_run_is_missed_at_the_edge, machine_off),
		cmocka_unit_test_teardown(runs_are_known_on_either_side, machine_off),
		cmocka_unit_test_teardown(each_step_can_fail_and_the_old_one_goes_on, machine_off),
		cmocka_unit_test_teardown(the_kth_allocation_fails, machine_off),
		cmocka_unit_test_teardown(who_cannot_hand_pages_over_stays_or_stays_out,
					  machine_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
