// SPDX-License-Identifier: MIT
/*
 * MLFQ's own promises: computing threads sink, waiting ones answer at once, nobody gains by
 * stopping just before the end of a slice, and nobody starves.
 */
#include "../../tests/sched_suite.h"
#include <hx/config/subsys_sched_mlfq.h>

#define TOP_NS		(CONFIG_SCHED_MLFQ_SLICE_MS * MS)
#define BOOST_NS	(CONFIG_SCHED_MLFQ_BOOST_MS * MS)
#define HOG		0u
#define GAMER		1u
#define GAME_NS		(20 * HX_NS_PER_S)

static void start(unsigned i)
{
	play_ready(i, HX_ENQUEUE_NEW);
}

/* For GAME_NS the gamer stops whenever it has run so long since it last did. */
static void play_the_game(uint64_t run_ns, bool sleeps)
{
	hx_ns_t end = hx_now_ns() + GAME_NS;
	uint64_t stop_at = run_ns;

	start(HOG);
	start(GAMER);
	while (hx_now_ns() < end) {
		play_run(50 * US);
		if (current != &threads[GAMER] || got_now(GAMER) < stop_at)
			continue;
		stop_at = got_now(GAMER) + run_ns;
		if (sleeps) {
			play_block();
			play_run(50 * US);
			play_wake(GAMER);
		} else {
			play_yield();
		}
	}
}

/* A queue that forgets what was used when a thread waits gives this one 99 %. */
static void sleeping_before_the_end_of_a_slice_earns_nothing(void **state)
{
	play_the_game(TOP_NS - 50 * US, true);
	assert_in_range(got[GAMER], GAME_NS / 4, GAME_NS * 55 / 100);
}

/* The tick never meets it: what is counted is counted when it leaves. */
static void sleeping_over_each_tick_earns_nothing(void **state)
{
	start(HOG);
	start(GAMER);
	while (hx_now_ns() < GAME_NS) {
		play_run(next_tick - hx_now_ns() - 50 * US);
		if (current == &threads[GAMER])
			play_block();
		play_run(100 * US);
		if (!queued[GAMER] && current != &threads[GAMER])
			play_wake(GAMER);
	}
	assert_in_range(got[GAMER], GAME_NS / 4, GAME_NS * 55 / 100);
}

static void yielding_before_the_end_of_a_slice_earns_nothing(void **state)
{
	play_the_game(TOP_NS - 50 * US, false);
	assert_in_range(got[GAMER], GAME_NS / 8, GAME_NS * 55 / 100);
}

static void levels_allow_twice_as_much_as_the_one_above(void **state)
{
	start(0);
	start(1);
	for (unsigned level = 0; level < 5; level++) {
		for (unsigned turn = 0; turn < 2; turn++) {
			uint64_t before = got[turn];

			assert_ptr_equal(current, &threads[turn]);
			while (current == &threads[turn])
				play_run(MS);
			assert_int_equal(got[turn] - before, TOP_NS << level);
		}
	}
}

static void who_waits_much_runs_at_once(void **state)
{
	unsigned n_late = 0;

	for (unsigned i = 0; i < 4; i++)
		start(i);
	start(10);
	for (unsigned round = 0; round < 300; round++) {
		while (current != &threads[10])
			play_run(MS);
		play_run(MS / 4);
		play_block();
		play_run(30 * MS + round * 100 * US);
		play_wake(10);
		n_late += current != &threads[10];
	}
	/* Late only while the four are at the top as well: 40 ms of each second. */
	assert_in_range(n_late, 0, 300 / 10);
}

/* Somebody new is always at the top, and stays there for its whole life. */
static void nobody_starves_behind_newcomers(void **state)
{
	hx_ns_t last_ran, longest = 0;
	unsigned next = 1;

	start(HOG);
	play_run(BOOST_NS - 300 * MS);		/* it sinks */
	start(next);
	last_ran = hx_now_ns();
	while (hx_now_ns() < 30 * HX_NS_PER_S) {
		if (rq.n_ready < 2) {
			next = next % 40 + 1;
			start(next);
		}
		play_run(TOP_NS / 2);
		longest = hx_max_u64(longest, hx_now_ns() - last_ran);
		if (current == &threads[HOG])
			last_ran = hx_now_ns();
		else
			play_exit();
	}
	assert_in_range(longest, BOOST_NS / 2, BOOST_NS + 10 * TOP_NS);
	assert_true(got[HOG] > 20 * TOP_NS);
}

static const struct CMUnitTest tests[] = {
	CASE(sleeping_before_the_end_of_a_slice_earns_nothing),
	CASE(sleeping_over_each_tick_earns_nothing),
	CASE(yielding_before_the_end_of_a_slice_earns_nothing),
	CASE(levels_allow_twice_as_much_as_the_one_above),
	CASE(who_waits_much_runs_at_once),
	CASE(nobody_starves_behind_newcomers),
};

int main(void)
{
	return suite_run(tests, HX_ARRAY_LEN(tests));
}
