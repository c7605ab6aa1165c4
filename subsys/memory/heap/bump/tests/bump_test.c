/* SPDX-License-Identifier: MIT */
/*
 * What only the bump heap promises: the run is used to its last byte, who asks for too much takes
 * nothing from those who ask for less, everything freed starts afresh, and a check is sure before
 * it says that something is wrong.
 */
#include <hx/config/core_mem.h>
#include <hx/config/subsys_memory_heap_bump.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/string.h>
#include <hx_test.h>

#define HEADER		16u
#define RUN_BYTES	(CONFIG_HEAP_BUMP_KIB * HX_KIB)

static int heap_up(void **state)
{
	struct hx_host_params p = { .mem_bytes = 16 * HX_MIB, .seed = 1 };
	const struct hx_heap_ops *const *it, *bump = NULL;
	const struct hx_boot_info *info;

	HX_SECTION_FOREACH(it, hx_heap_classes) {
		if (hx_strcmp((*it)->name, "bump") == 0)
			bump = *it;
	}
	if (bump == NULL || hx_host_start(&p, &info) != 0 ||
	    hx_frames_start(__start_hx_frames_classes[0], info) != 0)
		return -1;
	if (HX_ENABLED(HEAP_WATCH))
		hx_heap_set_watch(0);		/* sizes are counted here */
	return hx_heap_start(bump);
}

static int heap_down(void **state)
{
	hx_heap_stop();
	hx_frames_stop();
	hx_host_stop();
	return 0;
}

static uint64_t used(void)
{
	struct hx_heap_stats s;

	hx_heap_stats(&s);
	assert_true(s.used_bytes <= s.reserved_bytes && s.used_max_bytes <= s.reserved_bytes);
	return s.used_bytes;
}

static void run_is_used_to_its_last_byte(void **state)
{
	for (unsigned round = 0; round < 3; round++) {
		uint64_t reserved_bytes;
		void *first = hx_alloc(1000), *rest;
		struct hx_heap_stats s;

		hx_heap_stats(&s);
		reserved_bytes = s.reserved_bytes;
		assert_non_null(first);
		assert_null(hx_alloc(reserved_bytes - used() - HEADER + 1));
		rest = hx_alloc(reserved_bytes - used() - HEADER);
		assert_non_null(rest);
		assert_int_equal(used(), reserved_bytes);
		for (unsigned i = 0; i < 100; i++)
			assert_null(hx_alloc(1 + i * 100));
		assert_int_equal(used(), reserved_bytes);
		hx_free(first);
		assert_null(hx_alloc(1));
		hx_free(rest);
		assert_int_equal(used(), 0);
	}
}

static void too_much_takes_nothing_from_who_asks_for_less(void **state)
{
	void *p[64];

	for (unsigned i = 0; i < HX_ARRAY_LEN(p); i++) {
		assert_null(hx_alloc(2 * RUN_BYTES));
		assert_null(hx_alloc_aligned(64, 2 * RUN_BYTES));
		p[i] = hx_alloc(100);
		assert_non_null(p[i]);
		memset(p[i], (int)i, 100);
	}
	for (unsigned i = 0; i < HX_ARRAY_LEN(p); i++) {
		for (unsigned k = 0; k < 100; k++)
			assert_int_equal(((uint8_t *)p[i])[k], i);
		hx_free(p[i]);
	}
	assert_int_equal(used(), 0);
	assert_int_equal(hx_heap_check(), 0);
}

static void check_doubts_once_and_then_is_sure(void **state)
{
	uint32_t *a = hx_alloc(32), *b = hx_alloc(32), *state_of_b = b - 3, was = *state_of_b;

	assert_true(a != NULL && b != NULL);
	assert_int_equal(hx_heap_check(), 0);
	*state_of_b = 0;
	assert_int_equal(hx_heap_check(), 0);
	assert_int_equal(hx_heap_check(), -HX_EBADMSG);
	assert_int_equal(hx_heap_check(), -HX_EBADMSG);
	*state_of_b = was;
	assert_int_equal(hx_heap_check(), 0);
	*state_of_b = 0;		/* the doubt before is forgotten */
	assert_int_equal(hx_heap_check(), 0);
	*state_of_b = was;
	hx_free(a);
	hx_free(b);
	assert_int_equal(hx_heap_check(), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, heap_up, heap_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(run_is_used_to_its_last_byte),
		CASE(too_much_takes_nothing_from_who_asks_for_less),
		CASE(check_doubts_once_and_then_is_sure),
	};

	return cmocka_run_group_tests_name("bump", tests, NULL, NULL);
}
