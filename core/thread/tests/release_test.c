// SPDX-License-Identifier: MIT
/* Threads in memory that is to go: those that have ended are joined, the others are told of. */
#include "hx_test.h"
#include <hx/core/heap.h>
#include <hx/hal/timer.h>

#include "thread_priv.h"

static struct area {
	struct hx_thread thread;
	uint8_t stack[64 * HX_KIB] HX_ALIGNED(16);
} area;
static uint8_t outside[64 * HX_KIB] HX_ALIGNED(16);
static bool may_end;

static int waits(void *arg)
{
	while (!may_end)
		hx_sleep_ns(HX_NS_PER_MS);
	return 0;
}

static int setup(void **state)
{
	hx_test_machine(32 * HX_MIB);
	hx_test_start("threads");
	return 0;
}

static int release(void *at, size_t bytes, uint32_t *id)
{
	return hx_threads_release_memory((uintptr_t)at, bytes, id);
}

static void one_that_has_ended_is_joined(void **state)
{
	struct hx_thread_params p = { .name = "t", .fn = waits, .prio = HX_PRIO_DEFAULT,
				      .stack = area.stack, .stack_bytes = sizeof(area.stack) };
	unsigned n = hx_thread_count();
	uint32_t id = 0;

	may_end = false;
	assert_int_equal(hx_thread_init(&area.thread, &p), 0);
	assert_int_equal(release(&area, sizeof(area), &id), -HX_EBUSY);
	assert_int_equal(id, area.thread.id);
	may_end = true;
	while (area.thread.state != HX_THREAD_DEAD)
		hx_sleep_ns(HX_NS_PER_MS);
	assert_int_equal(hx_thread_count(), n + 1);
	id = 0;
	assert_int_equal(release(outside, sizeof(outside), &id), 0);
	assert_int_equal(hx_thread_count(), n + 1);
	assert_int_equal(release(&area, sizeof(area), &id), 0);
	assert_int_equal(id, 0);
	assert_int_equal(hx_thread_count(), n);
	memset(&area, 0xaa, sizeof(area));
	hx_sleep_ns(HX_NS_PER_MS);
}

/* Its function alone, its stack alone. */
static void whatever_of_a_thread_lies_there_counts(void **state)
{
	struct hx_thread_params p = { .name = "t", .fn = waits, .prio = HX_PRIO_DEFAULT };
	void *const parts[] = { (void *)(uintptr_t)waits, outside };
	unsigned n = hx_thread_count();
	struct hx_heap_stats stats;
	struct hx_thread *t;
	uint64_t n_blocks;
	uint32_t id;

	hx_heap_stats(&stats);
	n_blocks = stats.n_allocs - stats.n_frees;
	for (size_t i = 0; i < HX_ARRAY_LEN(parts); i++) {
		may_end = false;
		p.stack = i == 1 ? outside : NULL;
		p.stack_bytes = i == 1 ? sizeof(outside) : 0;
		assert_int_equal(hx_thread_create(&p, &t), 0);
		assert_int_equal(release(parts[i], 1, &id), -HX_EBUSY);
		assert_int_equal(id, t->id);
		may_end = true;
		while (t->state != HX_THREAD_DEAD)
			hx_sleep_ns(HX_NS_PER_MS);
		assert_int_equal(release(parts[i], 1, &id), 0);
		assert_int_equal(hx_thread_count(), n);
	}
	hx_heap_stats(&stats);
	assert_int_equal(stats.n_allocs - stats.n_frees, n_blocks);
}

static void a_detached_one_is_off_its_stack(void **state)
{
	struct hx_thread_params p = { .name = "t", .fn = waits, .prio = HX_PRIO_DEFAULT,
				      .flags = HX_THREAD_DETACHED, .stack = area.stack,
				      .stack_bytes = sizeof(area.stack) };
	unsigned n = hx_thread_count();
	uint32_t id;

	may_end = false;
	assert_int_equal(hx_thread_create(&p, NULL), 0);
	assert_int_equal(release(&area, sizeof(area), &id), -HX_EBUSY);
	may_end = true;
	while (release(&area, sizeof(area), &id) != 0)
		hx_sleep_ns(HX_NS_PER_MS);
	assert_int_equal(hx_thread_count(), n);
}

static int joins(void *arg)
{
	return hx_thread_join(arg, HX_FOREVER, NULL);
}

static void one_that_somebody_waits_for_is_his(void **state)
{
	struct hx_thread_params p = { .name = "t", .fn = waits, .prio = HX_PRIO_DEFAULT };
	struct hx_thread *t, *joiner;
	uint32_t id = 0;
	int result;

	may_end = false;
	assert_int_equal(hx_thread_create(&p, &t), 0);
	p.fn = joins;
	p.arg = t;
	assert_int_equal(hx_thread_create(&p, &joiner), 0);
	hx_sleep_ns(HX_NS_PER_MS);
	assert_int_equal(release((void *)(uintptr_t)waits, 1, &id), -HX_EBUSY);
	may_end = true;
	assert_int_equal(hx_thread_join(joiner, HX_FOREVER, &result), 0);
	assert_int_equal(result, 0);
	assert_int_equal(release((void *)(uintptr_t)waits, 1, &id), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_that_has_ended_is_joined, setup,
						hx_test_machine_teardown),
		cmocka_unit_test_setup_teardown(whatever_of_a_thread_lies_there_counts, setup,
						hx_test_machine_teardown),
		cmocka_unit_test_setup_teardown(a_detached_one_is_off_its_stack, setup,
						hx_test_machine_teardown),
		cmocka_unit_test_setup_teardown(one_that_somebody_waits_for_is_his, setup,
						hx_test_machine_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
