/* SPDX-License-Identifier: MIT */
/*
 * Tests that are run under each scheduler there is, in virtual time: where a timeout is exact and a
 * race can be laid out step by step. It needs core/thread, so it is no part of hx_test.h; what it
 * defines belongs to the one program that includes it.
 */
#ifndef HX_UNDER_EACH_H
#define HX_UNDER_EACH_H

#include "hx_test.h"
#include <hx/config/core_thread.h>
#include <hx/core/heap_class.h>
#include <hx/core/sched_class.h>
#include <hx/core/thread.h>

#define TICK_NS		(HX_NS_PER_S / CONFIG_TICK_HZ)

static const struct hx_sched_ops *scheduler;	/* which one the tests run under */

/* Some tests allocate more in their time than a heap has that takes nothing back. */
static inline const char *heap(void)
{
	const struct hx_heap_ops *const *it;

	HX_SECTION_FOREACH(it, hx_heap_classes)
		if (strcmp((*it)->name, "bump") != 0)
			return (*it)->name;
	return "bump";
}

static inline int setup(void **state)
{
	char words[64];

	snprintf(words, sizeof(words), "helix.slot.scheduler=%s helix.slot.heap=%s",
		 scheduler->name, heap());
	hx_test_machine_with(&(struct hx_host_params){ .mem_bytes = 32 * HX_MIB,
						       .cmdline = words });
	hx_test_start("threads");
	return 0;
}

static inline struct hx_thread *start_with(uint8_t prio, int (*fn)(void *arg), void *arg)
{
	struct hx_thread_params p = { .name = "t", .fn = fn, .arg = arg, .prio = prio };
	struct hx_thread *t = NULL;

	assert_int_equal(hx_thread_create(&p, &t), 0);
	return t;
}

static inline struct hx_thread *start(int (*fn)(void *arg), void *arg)
{
	return start_with(HX_PRIO_DEFAULT, fn, arg);
}

static inline int end_of(struct hx_thread *t)
{
	int value = 0;

	assert_int_equal(hx_thread_join(t, HX_FOREVER, &value), 0);
	return value;
}

/* Until it waits; also for one that is less urgent. */
static inline void let_block(struct hx_thread *t)
{
	while (t->state != HX_THREAD_BLOCKED)
		hx_sleep_ns(1);
}

#define TEST(f)	{ .name = #f, .test_func = (f), .setup_func = setup, \
		  .teardown_func = hx_test_machine_teardown }

/* All tests, once under each scheduler; how many failed. */
#define RUN_UNDER_EACH_SCHEDULER(tests) ({ \
	const struct hx_sched_ops *const *it_; \
	int failed_ = 0; \
	HX_SECTION_FOREACH(it_, hx_sched_classes) { \
		scheduler = *it_; \
		failed_ += cmocka_run_group_tests_name(scheduler->name, tests, NULL, NULL); \
	} \
	failed_; })

#endif
