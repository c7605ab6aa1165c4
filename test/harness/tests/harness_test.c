/* SPDX-License-Identifier: MIT */
/*
 * The harness itself: that its helpers fail when they should. What must fail runs in a child
 * process, as a cmocka group of its own.
 */
#include "hx_test.h"
#include <hx/config/core_lib.h>
#include <hx/core/heap.h>
#include <hx/core/heap_class.h>
#include <hx/core/thread.h>
#include <sys/wait.h>
#include <unistd.h>

/* How many of the child's one test failed, or -1 if it died. */
static int failures_of(CMUnitTestFunction fn)
{
	const struct CMUnitTest tests[] = { { "child", fn, NULL, NULL, NULL } };
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		if (freopen("/dev/null", "w", stdout) == NULL ||
		    freopen("/dev/null", "w", stderr) == NULL)
			_exit(99);
		_exit(cmocka_run_group_tests(tests, NULL, NULL));
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void start_with_heap(void)
{
	hx_test_machine(8 * HX_MIB);
	hx_test_start("heap");
}

/* ---- allocations that fail */

static int three_blocks(void)
{
	void *p[3] = { NULL };
	int err = 0;

	for (unsigned i = 0; i < 3 && err == 0; i++) {
		p[i] = hx_alloc(32);
		err = p[i] == NULL ? -HX_ENOMEM : 0;
	}
	for (unsigned i = 0; i < 3; i++)
		hx_free(p[i]);
	return err;
}

static int keeps_the_first_when_the_second_fails(void)
{
	void *a = hx_alloc(32), *b = a != NULL ? hx_alloc(32) : NULL;

	if (b == NULL)
		return -HX_ENOMEM;
	hx_free(b);
	hx_free(a);
	return 0;
}

static int fails_always(void)
{
	hx_free(hx_alloc(32));
	return -HX_EIO;
}

static int allocates_nothing(void)
{
	return 0;
}

static void every_allocation_fails_once(void **state)
{
	start_with_heap();
	assert_int_equal(HX_TEST_EACH_ALLOC_FAILS(three_blocks), 3);
	hx_test_machine_end();
}

static void leaky(void **state)
{
	start_with_heap();
	HX_TEST_EACH_ALLOC_FAILS(keeps_the_first_when_the_second_fails);
}

static void broken(void **state)
{
	start_with_heap();
	HX_TEST_EACH_ALLOC_FAILS(fails_always);
}

static void idle(void **state)
{
	start_with_heap();
	HX_TEST_EACH_ALLOC_FAILS(allocates_nothing);
}

static void leak_error_and_no_allocation_fail_the_test(void **state)
{
	if (!HX_ENABLED(FAULT_INJECTION))
		skip();
	assert_int_equal(failures_of(every_allocation_fails_once), 0);
	assert_int_equal(failures_of(leaky), 1);
	assert_int_equal(failures_of(broken), 1);
	assert_int_equal(failures_of(idle), 1);
}

/* ---- ends */

static void double_free_is_caught_and_named(void **state)
{
	void *p;

	if (!HX_ENABLED(DEBUG_ASSERT))
		skip();		/* it is then logged and refused: core/mem's own test */
	start_with_heap();
	p = hx_alloc(64);
	assert_non_null(p);
	hx_free(p);
	assert_true(HX_TEST_ENDS(HX_TEST_BUG, "double free", hx_free(p)));
	assert_true(HX_TEST_ENDS(HX_TEST_BUG, "foreign free", hx_free(&p)));
	hx_test_machine_end();
}

static void end_of_another_kind_is_false(void **state)
{
	assert_false(hx_test_ended(HX_TEST_RETURNED, HX_TEST_BUG, ""));
	assert_true(hx_test_ended(HX_TEST_BUG, HX_TEST_BUG, ""));
}

/* ---- machine */

static void forgets_to_open_the_mask(void **state)
{
	start_with_heap();
	hx_irq_disable();
	hx_test_machine_end();
}

static void forgets_a_save(void **state)
{
	start_with_heap();
	hx_irq_save();
	hx_irq_enable();
	hx_test_machine_end();
}

static void forgets_preemption(void **state)
{
	start_with_heap();
	hx_percpu()->preempt_off++;
	hx_test_machine_end();
}

static void asks_for_an_unknown_component(void **state)
{
	hx_test_machine(8 * HX_MIB);
	hx_test_start("heap no-such-thing");
}

static void disorder_and_unknown_words_fail_the_test(void **state)
{
	assert_int_equal(failures_of(forgets_to_open_the_mask), 1);
	assert_int_equal(failures_of(forgets_a_save), 1);
	assert_int_equal(failures_of(forgets_preemption), 1);
	assert_int_equal(failures_of(asks_for_an_unknown_component), 1);
}

static void word_chooses_the_provider(void **state)
{
	const struct hx_heap_ops *const *it;

	HX_SECTION_FOREACH(it, hx_heap_classes) {
		char word[64];
		struct hx_test_machine m = { .mem_bytes = 8 * HX_MIB, .components = "heap",
					     .cmdline = word };

		snprintf(word, sizeof(word), "helix.slot.heap=%s", (*it)->name);
		assert_int_equal(hx_test_machine_start(&m), 0);
		assert_string_equal(hx_heap_provider(), (*it)->name);
		assert_int_equal(hx_test_machine_stop(), 0);
	}
}

static unsigned woken[2], n_woken;

static int sleeper(void *arg)
{
	hx_sleep_ns((hx_ns_t)(uintptr_t)arg * 60 * HX_NS_PER_S);
	woken[n_woken++] = (unsigned)(uintptr_t)arg;
	return 0;
}

static void threads_sleep_for_an_hour_of_virtual_time(void **state)
{
	struct hx_thread *t[2];
	struct hx_thread_params p = { .name = "sleeper", .fn = sleeper, .prio = HX_PRIO_DEFAULT };

	hx_test_machine(16 * HX_MIB);
	hx_test_start("threads");
	n_woken = 0;
	p.arg = (void *)60;
	assert_int_equal(hx_thread_create(&p, &t[0]), 0);
	p.arg = (void *)7;
	assert_int_equal(hx_thread_create(&p, &t[1]), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(hx_thread_join(t[i], HX_FOREVER, NULL), 0);
	assert_int_equal(woken[0], 7);
	assert_int_equal(woken[1], 60);
	assert_true(hx_now_ns() >= 3600 * HX_NS_PER_S);
	hx_test_machine_end();
}

static void machine_can_be_used_again_after_a_failed_test(void **state)
{
	start_with_heap();
	assert_non_null(hx_alloc(100));		/* a failed assertion would leave it like this */
	start_with_heap();
	hx_free(hx_alloc(100));
	hx_test_machine_end();
}

/* ---- random numbers */

static void random_repeats_and_stays_below(void **state)
{
	uint64_t a = 5, b = 5, seen = 0;

	for (unsigned i = 0; i < 1000; i++) {
		uint64_t x = hx_test_random_below(&a, 10);

		assert_int_equal(x, hx_test_random_below(&b, 10));
		assert_true(x < 10);
		seen |= 1ull << x;
	}
	assert_int_equal(seen, 0x3ff);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_fails_once),
		cmocka_unit_test(leak_error_and_no_allocation_fail_the_test),
		cmocka_unit_test(double_free_is_caught_and_named),
		cmocka_unit_test(end_of_another_kind_is_false),
		cmocka_unit_test(disorder_and_unknown_words_fail_the_test),
		cmocka_unit_test(word_chooses_the_provider),
		cmocka_unit_test(threads_sleep_for_an_hour_of_virtual_time),
		cmocka_unit_test(machine_can_be_used_again_after_a_failed_test),
		cmocka_unit_test(random_repeats_and_stays_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
