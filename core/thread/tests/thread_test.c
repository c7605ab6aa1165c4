// SPDX-License-Identifier: MIT
/*
 * Threads on the host machine in virtual time: life and end, memory, refusals, and a scheduler that
 * answers wrongly.
 */
#include "hx_test.h"
#include <hx/config/core_mem.h>
#include <hx/config/subsys_sched.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/hal/timer.h>

#include "thread_priv.h"

#define RAM	(32 * HX_MIB)
#define TICK_NS	(HX_NS_PER_S / CONFIG_TICK_HZ)

static struct hx_thread_params params(int (*fn)(void *arg), void *arg)
{
	return (struct hx_thread_params){
		.name = "t", .fn = fn, .arg = arg, .prio = HX_PRIO_DEFAULT,
	};
}

static int setup(void **state)
{
	hx_test_machine(RAM);
	hx_test_start("threads");
	return 0;
}

/* ---- life and end */

static int double_it(void *arg)
{
	return 2 * *(int *)arg;
}

static void function_result_is_the_exit_value(void **state)
{
	int n = 21, value = 0;
	struct hx_thread_params p = params(double_it, &n);
	struct hx_thread *t;

	assert_int_equal(hx_thread_create(&p, &t), 0);
	assert_string_equal(t->name, "t");
	assert_int_equal(hx_thread_join(t, HX_FOREVER, &value), 0);
	assert_int_equal(value, 42);
}

static void long_name_is_cut(void **state)
{
	int n = 1;
	struct hx_thread_params p = params(double_it, &n);
	struct hx_thread *t;

	p.name = "a name that is much too long for a thread";
	assert_int_equal(hx_thread_create(&p, &t), 0);
	assert_int_equal(strlen(t->name), HX_THREAD_NAME_MAX - 1);
	assert_memory_equal(t->name, p.name, HX_THREAD_NAME_MAX - 1);
	assert_int_equal(hx_thread_join(t, HX_FOREVER, NULL), 0);
	p.name = NULL;
	assert_int_equal(hx_thread_create(&p, &t), 0);
	assert_string_equal(t->name, "");
	assert_int_equal(hx_thread_join(t, HX_FOREVER, NULL), 0);
}

static void given_stack_and_struct_need_no_memory(void **state)
{
	static uint8_t stack[HX_CONTEXT_STACK_MIN + 32768] HX_ALIGNED(16);
	static struct hx_thread t;
	int n = 4, value = 0;
	struct hx_thread_params p = params(double_it, &n);
	struct hx_heap_stats before, after;

	p.stack = stack;
	p.stack_bytes = sizeof(stack);
	hx_heap_stats(&before);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(hx_thread_init(&t, &p), 0);
		assert_int_equal(hx_thread_join(&t, HX_FOREVER, &value), 0);
		assert_int_equal(value, 8);
	}
	hx_heap_stats(&after);
	assert_int_equal(after.n_allocs, before.n_allocs);
}

static void bad_parameters_are_refused(void **state)
{
	static uint8_t stack[HX_CONTEXT_STACK_MIN + 32] HX_ALIGNED(16);
	static struct hx_thread t;
	int n = 0;
	unsigned count = hx_thread_count();
	uint64_t n_free;
	struct hx_thread *out;
	struct hx_thread_params good = params(double_it, &n), p;

	good.stack = stack;
	good.stack_bytes = HX_CONTEXT_STACK_MIN;
	p = good;
	p.stack = NULL;
	assert_int_equal(hx_thread_init(&t, &p), -HX_EINVAL);
	p = good;
	p.stack = stack + 8;
	assert_int_equal(hx_thread_init(&t, &p), -HX_EINVAL);
	assert_int_equal(hx_thread_create(&p, &out), -HX_EINVAL);
	p = good;
	p.stack_bytes = HX_CONTEXT_STACK_MIN - 16;
	assert_int_equal(hx_thread_init(&t, &p), -HX_EINVAL);
	p = good;
	p.stack_bytes = HX_CONTEXT_STACK_MIN + 8;
	assert_int_equal(hx_thread_init(&t, &p), -HX_EINVAL);
	p = good;
	p.fn = NULL;
	assert_int_equal(hx_thread_init(&t, &p), -HX_EINVAL);
	p = good;
	p.prio = HX_PRIO_LOWEST + 1;
	assert_int_equal(hx_thread_init(&t, &p), -HX_EINVAL);
	p = good;
	p.flags = HX_THREAD_DETACHED;
	assert_int_equal(hx_thread_init(&t, &p), -HX_EINVAL);
	p = good;
	p.flags = HX_THREAD_IDLE;
	assert_int_equal(hx_thread_create(&p, &out), -HX_EINVAL);
	p = params(double_it, &n);
	assert_int_equal(hx_thread_create(&p, NULL), -HX_EINVAL);
	n_free = hx_frames_n_free();
	for (int i = 0; i < 20; i++) {		/* the stack that was made for it goes back */
		p.fn = NULL;
		assert_int_equal(hx_thread_create(&p, &out), -HX_EINVAL);
	}
	assert_in_range(n_free - hx_frames_n_free(), 0, 1 + CONFIG_STACK_SIZE_KIB / 4);
	assert_int_equal(hx_thread_count(), count);
	assert_int_equal(hx_thread_set_prio(hx_thread_self(), HX_PRIO_LOWEST + 1), -HX_ERANGE);
}

static int create_and_join(void)
{
	int n = 1;
	struct hx_thread_params p = params(double_it, &n);
	struct hx_thread *t;
	int err = hx_thread_create(&p, &t);

	return err != 0 ? err : hx_thread_join(t, HX_FOREVER, NULL);
}

static void each_failing_allocation_leaves_nothing(void **state)
{
	unsigned count = hx_thread_count();

	assert_true(HX_TEST_EACH_ALLOC_FAILS(create_and_join) >= 1);
	assert_int_equal(hx_thread_count(), count);
}

static int sleep_ticks(void *arg)
{
	hx_sleep_ns((hx_ns_t)(uintptr_t)arg * TICK_NS);
	return 9;
}

static void detached_threads_are_freed_by_the_idle_thread(void **state)
{
	struct hx_thread_params p = params(sleep_ticks, (void *)1);
	unsigned count = hx_thread_count();
	struct hx_heap_stats before, after;

	p.flags = HX_THREAD_DETACHED;
	hx_heap_stats(&before);
	for (int i = 0; i < 10; i++)
		assert_int_equal(hx_thread_create(&p, NULL), 0);
	assert_int_equal(hx_thread_count(), count + 10);
	hx_sleep_ns(5 * TICK_NS);
	assert_int_equal(hx_thread_count(), count);
	hx_heap_stats(&after);
	assert_int_equal(after.used_bytes, before.used_bytes);
}

static void join_waits_times_out_and_refuses(void **state)
{
	struct hx_thread_params p = params(sleep_ticks, (void *)10);
	struct hx_thread *t, *d;
	hx_ns_t start = hx_now_ns();
	int value = 0;

	assert_int_equal(hx_thread_join(hx_thread_self(), 0, NULL), -HX_EDEADLK);
	assert_int_equal(hx_thread_create(&p, &t), 0);
	assert_int_equal(hx_thread_join(t, 0, NULL), -HX_ETIMEDOUT);
	assert_int_equal(hx_thread_join(t, 3 * TICK_NS, NULL), -HX_ETIMEDOUT);
	assert_in_range(hx_now_ns() - start, 3 * TICK_NS, 5 * TICK_NS);
	assert_int_equal(hx_thread_join(t, HX_FOREVER, &value), 0);
	assert_int_equal(value, 9);
	assert_in_range(hx_now_ns() - start, 10 * TICK_NS, 12 * TICK_NS);
	p.flags = HX_THREAD_DETACHED;
	assert_int_equal(hx_thread_create(&p, &d), 0);
	assert_int_equal(hx_thread_join(d, HX_FOREVER, NULL), -HX_EINVAL);
	hx_sleep_ns(15 * TICK_NS);
}

static int join_it(void *arg)
{
	return hx_thread_join(arg, 30 * TICK_NS, NULL);
}

static void second_joiner_is_refused(void **state)
{
	struct hx_thread_params p = params(sleep_ticks, (void *)10);
	struct hx_thread *t, *j;
	int value = 1;

	assert_int_equal(hx_thread_create(&p, &t), 0);
	p = params(join_it, t);
	assert_int_equal(hx_thread_create(&p, &j), 0);
	hx_sleep_ns(TICK_NS);		/* j waits for t now */
	assert_int_equal(hx_thread_join(t, HX_FOREVER, NULL), -HX_EBUSY);
	assert_int_equal(hx_thread_join(j, HX_FOREVER, &value), 0);
	assert_int_equal(value, 0);
}

/* Both at the same tick, in both orders of creation: the value is never lost, nothing hangs. */
static void end_and_join_timeout_at_the_same_tick(void **state)
{
	for (uintptr_t ticks = 1; ticks <= 6; ticks++) {
		struct hx_thread_params p = params(sleep_ticks, (void *)ticks);
		struct hx_thread *t;
		int value = 0, err;

		assert_int_equal(hx_thread_create(&p, &t), 0);
		if (ticks % 2 == 0)
			hx_yield();
		err = hx_thread_join(t, ticks * TICK_NS, &value);
		if (err != 0) {
			assert_int_equal(err, -HX_ETIMEDOUT);
			assert_int_equal(hx_thread_join(t, HX_FOREVER, &value), 0);
		}
		assert_int_equal(value, 9);
	}
}

static bool note_id(struct hx_thread *t, void *arg)
{
	uint32_t *last = arg;

	assert_true(t->id > *last);
	*last = t->id;
	return t->id < 3;	/* stops here */
}

static void foreach_goes_by_ascending_id_and_stops(void **state)
{
	int n = 0;
	struct hx_thread_params p = params(double_it, &n);
	struct hx_thread *t[3];
	uint32_t last = 0;

	for (int i = 0; i < 3; i++)
		assert_int_equal(hx_thread_create(&p, &t[i]), 0);
	hx_thread_foreach(note_id, &last);
	assert_int_equal(last, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(hx_thread_join(t[i], HX_FOREVER, NULL), 0);
}

/* ---- a scheduler that answers wrongly */

static enum { GOOD, AGAIN, NONE, STRANGER } broken_how;

static int broken_init(struct hx_runq *rq)
{
	hx_list_init(&rq->ready);
	return 0;
}

static void broken_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	hx_list_push_back(&rq->ready, &t->run_link);
}

static void broken_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	hx_list_remove(&t->run_link);
}

static struct hx_thread *broken_pick(struct hx_runq *rq)
{
	static struct hx_thread stranger;

	if (broken_how == NONE)
		return NULL;
	if (broken_how == STRANGER) {
		stranger.rq = rq;
		stranger.id = 77;
		return &stranger;
	}
	if (broken_how == AGAIN)
		return hx_thread_self();
	return HX_LIST_ENTRY(hx_list_pop_front(&rq->ready), struct hx_thread, run_link);
}

static const struct hx_sched_ops broken_ops = {
	.abi = HX_SCHED_ABI, .name = "broken", .init = broken_init, .enqueue = broken_enqueue,
	.dequeue = broken_dequeue, .pick = broken_pick,
};
HX_SCHED_CLASS(broken_ops);

static const struct hx_sched_ops lame_ops = {
	.abi = HX_SCHED_ABI, .name = "lame", .init = broken_init, .enqueue = broken_enqueue,
};
HX_SCHED_CLASS(lame_ops);

static const struct hx_sched_ops alien_ops = {
	.abi = HX_SCHED_ABI + 1, .name = "alien", .init = broken_init, .enqueue = broken_enqueue,
	.dequeue = broken_dequeue, .pick = broken_pick,
};
HX_SCHED_CLASS(alien_ops);

static void start_with(const char *cmdline)
{
	hx_test_machine_with(&(struct hx_host_params){ .mem_bytes = RAM, .cmdline = cmdline });
	hx_test_start("threads");
}

static int yield_for_ever(void *arg)
{
	while (arg == NULL)
		hx_yield();
	return 0;
}

static void expect_bug_at_yield(int how, const char *words)
{
	struct hx_thread_params p = params(yield_for_ever, NULL);
	struct hx_thread *t;

	broken_how = GOOD;
	start_with("helix.slot.scheduler=broken");
	assert_string_equal(sched_ops()->name, "broken");
	assert_int_equal(hx_thread_create(&p, &t), 0);
	hx_yield();
	broken_how = how;
	if (HX_ENABLED(SLOT_SWAP)) {
		hx_yield();	/* thrown out; everybody runs on */
		assert_string_equal(sched_ops()->name, "fifo");
	} else {
		assert_true(HX_TEST_ENDS(HX_TEST_BUG, words, hx_yield()));
	}
	broken_how = GOOD;
	hx_test_machine_end();
}

static void wrong_picks_are_caught_by_name(void **state)
{
	if (hx_sched_is_sole)
		skip();		/* calls are direct: the slot is not asked */
	expect_bug_at_yield(NONE, "scheduler broken lost");
	expect_bug_at_yield(STRANGER, "scheduler broken picked thread 77, which is not ready");
}

static void thread_that_sleeps_is_not_run(void **state)
{
	struct hx_thread_params p = params(yield_for_ever, NULL);
	struct hx_thread *t;

	if (hx_sched_is_sole || HX_ENABLED(SLOT_SWAP))
		skip();		/* with swaps: swap_ktest.c */
	broken_how = GOOD;
	start_with("helix.slot.scheduler=broken");
	assert_int_equal(hx_thread_create(&p, &t), 0);
	broken_how = AGAIN;
	assert_true(HX_TEST_ENDS(HX_TEST_BUG, "scheduler broken picked thread 1, which is not",
				 hx_sleep_ns(TICK_NS)));
	broken_how = GOOD;
	hx_test_machine_end();
}

static void incomplete_and_foreign_classes_do_not_boot(void **state)
{
	static const char *const words[] = {
		"helix.slot.scheduler=lame", "helix.slot.scheduler=alien",
		"helix.slot.scheduler=none",
	};

	for (size_t i = 0; i < HX_ARRAY_LEN(words); i++) {
		start_with(words[i]);
		assert_string_equal(sched_ops()->name, CONFIG_SCHED_DEFAULT_NAME);
		hx_test_machine_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(function_result_is_the_exit_value),
		cmocka_unit_test(long_name_is_cut),
		cmocka_unit_test(given_stack_and_struct_need_no_memory),
		cmocka_unit_test(bad_parameters_are_refused),
		cmocka_unit_test(each_failing_allocation_leaves_nothing),
		cmocka_unit_test(detached_threads_are_freed_by_the_idle_thread),
		cmocka_unit_test(join_waits_times_out_and_refuses),
		cmocka_unit_test(second_joiner_is_refused),
		cmocka_unit_test(end_and_join_timeout_at_the_same_tick),
		cmocka_unit_test(foreach_goes_by_ascending_id_and_stops),
	};
	const struct CMUnitTest provider_tests[] = {
		cmocka_unit_test(wrong_picks_are_caught_by_name),
		cmocka_unit_test(thread_that_sleeps_is_not_run),
		cmocka_unit_test(incomplete_and_foreign_classes_do_not_boot),
	};
	struct CMUnitTest each[HX_ARRAY_LEN(tests)];
	int failed;

	for (size_t i = 0; i < HX_ARRAY_LEN(tests); i++) {
		each[i] = tests[i];
		each[i].setup_func = setup;
		each[i].teardown_func = hx_test_machine_teardown;
	}
	failed = cmocka_run_group_tests_name("threads", each, NULL, NULL);
	return failed + cmocka_run_group_tests_name("providers", provider_tests, NULL, NULL);
}
