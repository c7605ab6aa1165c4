/* SPDX-License-Identifier: MIT */
/* What the tests of schedulers that share the CPU by weight have in common. */
#ifndef SHARE_SUITE_H
#define SHARE_SUITE_H

#include "sched_suite.h"

/* Beside thread 0, which always runs: half of the time that thread 1 is there is owed to it. */
static inline uint64_t run_and_owe(hx_ns_t ns)
{
	bool is_there = queued[1] || current == &threads[1];

	play_run(ns);
	return is_there ? ns / 2 : 0;
}

/* For half a second it comes just before each tick, for a moment; then it stays. */
static inline void waking_before_a_tick_earns_nothing(void **state)
{
	uint64_t owed = 0;

	threads[0].slice_ns = threads[1].slice_ns = (uint32_t)TICK_NS;
	play_ready(0, HX_ENQUEUE_NEW);
	play_ready(1, HX_ENQUEUE_NEW);
	while (hx_now_ns() < HX_NS_PER_S / 2) {
		owed += run_and_owe(next_tick - hx_now_ns() - 20 * US);
		if (!queued[1] && current != &threads[1])
			play_wake(1);
		owed += run_and_owe(20 * US);
		owed += run_and_owe(20 * US);
		if (current == &threads[1])
			play_block();
	}
	if (!queued[1])
		play_wake(1);
	owed += run_and_owe(HX_NS_PER_S);
	assert_in_range(got_now(1) + 2 * TICK_NS - owed, 0, 4 * TICK_NS);
}

/* Thread i wakes. True: it preempts, as the provider says; then another runs than before. */
static inline bool wake_and_look(unsigned i)
{
	const struct hx_thread *before = current;
	hx_irqflags_t flags = hx_runq_lock(&rq);
	bool now;

	give(i, HX_ENQUEUE_WAKE);
	now = current == NULL ||
	      (ops->preempts != NULL && ops->preempts(&rq, &threads[i], current));
	if (now)
		hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
	hx_runq_unlock(&rq, flags);
	play_preempt();
	if (now)
		assert_ptr_not_equal(current, before);
	return now;
}

/*
 * Threads that compute, and some that come and go: a turn that a tick asks for is one that another
 * thread gets, and who is preempted does not run on. Both take the way of a switch.
 */
static inline void turns_and_preemptions_are_never_in_vain(void **state)
{
	uint64_t rnd = hx_test_seed();
	unsigned n_turns = 0, n_preemptions = 0;

	for (unsigned i = 0; i < 8; i++) {
		threads[i].prio = (uint8_t)(115 + hx_test_random_below(&rnd, 10));
		threads[i].slice_ns = (uint32_t)(hx_test_random_below(&rnd, 12) * MS);
		play_ready(i, HX_ENQUEUE_NEW);
	}
	for (unsigned n = 0; n < 50000; n++) {
		unsigned i = (unsigned)hx_test_random_below(&rnd, 8);
		const struct hx_thread *before;

		if (n % 4 == 0 && current != NULL && rq.n_ready > 2) {
			play_block();
		} else if (n % 4 == 2 && !queued[i] && current != &threads[i]) {
			n_preemptions += wake_and_look(i);
		}
		hx_host_advance_ns(next_tick - hx_now_ns());
		count_time();
		next_tick += TICK_NS;
		before = current;
		play_tick();
		if (hx_percpu()->need_resched == 0)
			continue;
		n_turns++;
		play_preempt();
		assert_ptr_not_equal(current, before);
	}
	assert_true(n_turns > 1000);
	assert_true(ops->preempts == NULL || n_preemptions > 1000);
}

#endif
