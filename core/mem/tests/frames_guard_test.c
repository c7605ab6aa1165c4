// SPDX-License-Identifier: MIT
/*
 * A frame allocator that answers wrongly, in each way, while pages go over to it, on probation, and
 * when it is to go: it is thrown out, and no page is given twice or lost.
 */
#include "frames_model.h"

#include "../wrong_priv.h"

static const char *const two[] = { "buddy", "bitmap" };

static void forgive(void)
{
	go_wrong(WRONG_NOT, 0);
	hx_swap_forgive(&frames_kind, &wrong_frames_ops);
}

static int up(void **state)
{
	forgive();
	wrong_last = 0;
	return 0;
}

static void refused(hx_paddr_t pa, unsigned order, int err)
{
	const char *words = err == -HX_EEXIST ? "double free" : "foreign free";

	if (HX_ENABLED(DEBUG_ASSERT))
		assert_true(HX_TEST_ENDS(HX_TEST_BUG, words, hx_frames_free(pa, order)));
	else
		assert_int_equal(hx_frames_free(pa, order), err);
}

/* Frees that are to be refused, and are, whatever the frame allocator says. */
static void give_badly(void)
{
	hx_paddr_t pa;

	for (unsigned order = 0; order < 4; order++) {
		if (hx_frames_alloc(order, 0, &pa) != 0)
			continue;
		refused(pa, order + 1, -HX_EINVAL);
		assert_int_equal(hx_frames_free(pa, order), 0);
		refused(pa, order, -HX_EEXIST);
	}
}

static bool came_to_it(void)
{
	return __atomic_load_n(&n_wrong, __ATOMIC_RELAXED) != 0;
}

static void all_kinds_of_calls(void)
{
	uint64_t by_order[HX_FRAMES_MAX_ORDER + 1];

	some_at_random(300);
	give_badly();
	for (unsigned i = 0; i < HX_ZONE_COUNT; i++)
		hx_frames_count_free(hx_frames_zone(i), by_order);
}

static void until_thrown_out(const char *by)
{
	for (unsigned i = 0; i < 20000 && strcmp(hx_frames_provider(), by) != 0; i++)
		some_at_random(1);
	assert_string_equal(hx_frames_provider(), by);
	assert_true(hx_swap_is_failed(&frames_kind, &wrong_frames_ops));
}

/* Whatever the way: who was there before has all pages, and serves; the other one is asked nothing,
 * and what it had is memory again. */
static void wrong_on_probation(const char *first, enum wrong_way way, uint32_t after)
{
	uint64_t n_free;
	uint32_t asked;

	machine(first, 64);
	n_free = hx_frames_n_free();
	some_at_random(1000);
	assert_int_equal(hx_swap("frames", "test-wrong", NULL), 0);
	some_at_random(500);
	go_wrong(way, after);
	for (unsigned i = 0; i < 200 && !came_to_it(); i++)
		all_kinds_of_calls();
	assert_true(came_to_it());
	until_thrown_out(first);
	asked = n_asked;
	some_at_random(2000);
	assert_int_equal(n_asked, asked);
	assert_int_equal(hx_swap("frames", "test-wrong", NULL), -HX_ENODEV);
	give_all();
	expect_is(first, n_free);
	forgive();
	machine_off(NULL);
}

static void who_is_wrong_on_probation_is_thrown_out(void **state)
{
	for (unsigned first = 0; first < 2; first++) {
		/* The others are seen when the trial ends, or pages go back. */
		for (unsigned way = GIVES_TWICE; way <= TAKES_NOTHING; way++) {
			wrong_on_probation(two[first], way, 1);
			wrong_on_probation(two[first], way, 40);
		}
	}
}

/* As it says of itself: broken, or with counts that are not core's. */
static void who_does_not_know_itself_is_not_trusted(void **state)
{
	uint64_t n_free;

	machine("bitmap", 64);
	n_free = hx_frames_n_free();
	some_at_random(500);
	assert_int_equal(hx_swap("frames", "test-wrong", NULL), 0);
	go_wrong(IS_BROKEN, 1);
	assert_int_equal(hx_frames_check(), -HX_EBADMSG);
	until_thrown_out("bitmap");
	forgive();
	assert_int_equal(hx_swap("frames", "test-wrong", NULL), 0);
	go_wrong(COUNTS_ONE_MORE, 1);
	all_kinds_of_calls();		/* as for /mem/frames */
	until_thrown_out("bitmap");
	give_all();
	expect_is("bitmap", n_free);
	forgive();
}

/* While all is taken, and at each moment of being thrown out. */
static void nothing_is_given_twice_on_the_way_out(void **state)
{
	unsigned n;

	machine("bitmap", 64);
	some_at_random(500);
	assert_int_equal(hx_swap("frames", "test-wrong", NULL), 0);
	go_wrong(GIVES_TWICE, 20);
	while (!came_to_it())
		assert_true(take(0, HX_FRAMES_ANY));
	n = n_live;
	while (take(HX_FRAMES_MAX_ORDER, HX_FRAMES_ANY) || take(HX_FRAMES_MAX_ORDER, HX_FRAMES_DMA))
		;
	for (unsigned order = HX_FRAMES_MAX_ORDER; order-- > 0; ) {
		while (take(order, HX_FRAMES_DMA32) || take(order, HX_FRAMES_DMA))
			;
	}
	assert_int_equal(hx_frames_n_free(), 0);
	while (n_live > n)
		give(n_live - 1);
	until_thrown_out("bitmap");
	assert_int_equal(hx_frames_check(), 0);
	forgive();
}

/* Wrong while pages go over to it: it does not come in, and nothing has happened. */
static void who_is_wrong_before_does_not_come_in(void **state)
{
	for (unsigned way = WRONG_NOT + 1; way < WRONG_WAYS; way++) {
		for (unsigned busy = 0; busy < 2; busy++) {
			uint64_t n_free;
			struct hx_swap s;

			if (way == TAKES_TWICE || way == TAKES_WRONG_ORDER ||
			    way == COUNTS_ONE_MORE || way == IS_BROKEN)
				continue;
			machine("bitmap", 64);
			n_free = hx_frames_n_free();
			some_at_random(700);
			go_wrong(way, 1);
			frames_swap_listen = busy ? between : NULL;
			assert_int_equal(hx_swap("frames", "test-wrong", &s), -HX_EBADMSG);
			frames_swap_listen = NULL;
			assert_true(came_to_it() && s.why[0] != '\0');
			some_at_random(100);
			give_all();
			expect_is("bitmap", n_free);
			forgive();
			machine_off(NULL);
		}
	}
}

static void wrong_between(void)
{
	if (n_between == 12)
		go_wrong(GIVES_TWICE, 1);
	between();
}

/* Wrong while it goes back to the one before, by itself or because it is asked what it has. */
static void who_is_wrong_as_it_leaves_is_thrown_out(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		uint64_t n_free;

		machine("bitmap", 64);
		n_free = hx_frames_n_free();
		some_at_random(1000);
		assert_int_equal(hx_swap("frames", "test-wrong", NULL), 0);
		some_at_random(500);
		n_between = 0;
		if (i == 0)
			go_wrong(LOOKS_WRONG, 30);
		frames_swap_listen = i == 0 ? between : wrong_between;
		assert_int_equal(hx_swap_back("frames", NULL), -HX_EBADMSG);
		frames_swap_listen = NULL;
		assert_true(came_to_it());
		assert_string_equal(hx_frames_provider(), "bitmap");
		assert_true(hx_swap_is_failed(&frames_kind, &wrong_frames_ops));
		give_all();
		expect_is("bitmap", n_free);
		forgive();
		machine_off(NULL);
	}
}

/* A way back that fails: the trial goes on, and the one before is still there. */
static void a_trial_goes_on_behind_a_way_back_that_failed(void **state)
{
	uint64_t n_free;
	char point[32];

	machine("buddy", 64);
	n_free = hx_frames_n_free();
	some_at_random(1000);
	assert_int_equal(hx_swap("frames", "test-wrong", NULL), 0);
	for (unsigned k = 1; k < 20; k += 3) {
		snprintf(point, sizeof(point), "frames.move:%u", k);
		arm(point);
		frames_swap_listen = between;
		assert_int_equal(hx_swap_back("frames", NULL), -HX_EIO);
		frames_swap_listen = NULL;
		disarm(point);
		assert_string_equal(hx_frames_provider(), "test-wrong");
		assert_int_equal(hx_frames_check(), 0);
	}
	go_wrong(GIVES_OUTSIDE, 3);
	until_thrown_out("buddy");
	give_all();
	expect_is("buddy", n_free);
	forgive();
}

/* One that is right is trusted in the end: called directly, caches open, the rest given back. */
static void who_is_right_is_trusted_in_the_end(void **state)
{
	struct frames_share *s;
	uint64_t n_pages;

	machine("bitmap", 64);
	n_pages = hx_frames_total();
	some_at_random(1000);
	assert_int_equal(hx_swap("frames", "test-wrong", NULL), 0);
	FRAMES_SHARES_FOREACH(s)
		assert_true(s->calls == &frames_guard_ops && s->first.view->n_cache_max == 0);
	some_at_random(1000);
	trust();
	assert_true(hx_frames_total() > n_pages);	/* what boot had set aside */
	FRAMES_SHARES_FOREACH(s) {
		assert_true(s->calls == &wrong_frames_ops && s->second.ops == NULL);
		assert_int_equal(s->first.view->n_cache_max, HX_FRAMES_CACHE);
	}
	some_at_random(1000);
	give_all();
	assert_int_equal(hx_frames_check(), 0);
	assert_int_equal(hx_swap_back("frames", NULL), 0);
	assert_string_equal(hx_frames_provider(), "bitmap");
}

/* Trusted, nobody is behind it: core stops, as without swaps. */
static void a_wrong_answer_of_one_that_is_trusted_stops_the_kernel(void **state)
{
	hx_paddr_t pa;

	machine("bitmap", 64);
	assert_int_equal(hx_swap("frames", "test-wrong", NULL), 0);
	trust();
	go_wrong(GIVES_OUTSIDE, 1);
	assert_true(HX_TEST_ENDS(HX_TEST_BUG, "page", (void)!hx_frames_alloc(3, 0, &pa)));
	forgive();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_is_wrong_on_probation_is_thrown_out, up,
						machine_off),
		cmocka_unit_test_setup_teardown(who_does_not_know_itself_is_not_trusted, up,
						machine_off),
		cmocka_unit_test_setup_teardown(nothing_is_given_twice_on_the_way_out, up,
						machine_off),
		cmocka_unit_test_setup_teardown(who_is_wrong_before_does_not_come_in, up,
						machine_off),
		cmocka_unit_test_setup_teardown(who_is_wrong_as_it_leaves_is_thrown_out, up,
						machine_off),
		cmocka_unit_test_setup_teardown(a_trial_goes_on_behind_a_way_back_that_failed, up,
						machine_off),
		cmocka_unit_test_setup_teardown(who_is_right_is_trusted_in_the_end, up,
						machine_off),
		cmocka_unit_test_setup_teardown(
			a_wrong_answer_of_one_that_is_trusted_stops_the_kernel, up, machine_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
