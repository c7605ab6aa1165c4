/* SPDX-License-Identifier: MIT */
/*
 * One frame allocator after the other, with runs taken and given back between any two steps, held
 * against a model; and each way in which a swap can fail.
 */
#include "frames_model.h"

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
			if (i % 3 == 0)
				trust();
		}
		assert_true(n_between > 20 * 100);
		frames_swap_listen = NULL;
		give_all();
		trust();
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
	trust();
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
	trust();
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
	assert_int_equal(k, 2 + 2 * 2);		/* two for each zone that there is */
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
