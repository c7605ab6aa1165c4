/* SPDX-License-Identifier: MIT */
/* Ranges of kernel addresses: refusals, guards, rights, and allocations that fail. */
#include "hx_test.h"
#include <hx/core/fault.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/vm/kva.h>

#define PAGE	HX_PAGE_SIZE

static int set_up(void **state)
{
	const struct hx_test_machine m = { .mem_bytes = 64 << 20, .components = "stacks threads",
					   .cmdline = "helix.slot.heap=slab "
						      "helix.slot.frames=buddy" };

	return hx_test_machine_start(&m);
}

static int tear_down(void **state)
{
	return hx_test_machine_stop();
}

static void kernel_ranges_lie_apart_and_come_back(void **state)
{
	uint64_t n_free = hx_frames_n_free();
	uintptr_t va[20], again;

	assert_int_equal(hx_kva_alloc(HX_AREA_STACKS, PAGE, HX_MAP_WRITE, &again), -HX_EINVAL);
	assert_int_equal(hx_kva_alloc(HX_AREA_HEAP, 0, HX_MAP_WRITE, &again), -HX_EINVAL);
	assert_int_equal(hx_kva_alloc(HX_AREA_HEAP, SIZE_MAX, HX_MAP_WRITE, &again), -HX_EINVAL);
	assert_int_equal(hx_kva_alloc(HX_AREA_HEAP, PAGE, HX_MAP_UNCACHED, &again), -HX_EINVAL);
	assert_int_equal(hx_kva_alloc(HX_AREA_HEAP, PAGE, HX_MAP_EXEC, &again), -HX_EINVAL);
	assert_int_equal(hx_kva_alloc(HX_AREA_MODULES, PAGE, HX_MAP_WRITE | HX_MAP_EXEC, &again),
			 -HX_EINVAL);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(hx_kva_alloc(HX_AREA_HEAP, (i + 1) * PAGE, HX_MAP_WRITE, &va[i]),
				 0);
		assert_true(i == 0 || va[i] >= va[i - 1] + (i + 1) * PAGE);
		memset((void *)va[i], (int)i, (i + 1) * PAGE);
	}
	for (unsigned i = 0; i < 20; i += 2)
		hx_kva_free(va[i]);
	/* Not where something was just freed. */
	assert_int_equal(hx_kva_alloc(HX_AREA_HEAP, PAGE, HX_MAP_WRITE, &again), 0);
	assert_true(again > va[19]);
	for (unsigned i = 1; i < 20; i += 2) {
		assert_int_equal(*(char *)(va[i] + i * PAGE), i);
		hx_kva_free(va[i]);
	}
	hx_kva_free(again);
	hx_kva_free(0);
	assert_true(HX_TEST_ENDS(HX_TEST_BUG, "no range", hx_kva_free(again)));
	assert_true(hx_frames_n_free() + 8 >= n_free);	/* the heap may have grown */
}

static unsigned rights_at(uintptr_t va)
{
	unsigned flags = ~0u;
	hx_paddr_t pa;

	return hx_mmu_query(va, &pa, &flags) == 0 ? flags : ~0u;
}

static void parts_get_rights_and_nothing_beyond(void **state)
{
	uintptr_t heap, code;

	assert_int_equal(hx_kva_alloc(HX_AREA_HEAP, 2 * PAGE, HX_MAP_WRITE, &heap), 0);
	assert_int_equal(hx_kva_alloc(HX_AREA_MODULES, 4 * PAGE, HX_MAP_WRITE, &code), 0);
	assert_int_equal(hx_kva_protect(heap, PAGE, HX_MAP_EXEC), -HX_EINVAL);
	assert_int_equal(hx_kva_protect(code, PAGE, HX_MAP_EXEC | HX_MAP_WRITE), -HX_EINVAL);
	assert_int_equal(hx_kva_protect(code, PAGE, HX_MAP_UNCACHED), -HX_EINVAL);
	assert_int_equal(hx_kva_protect(code + 1, PAGE, HX_MAP_READ), -HX_EINVAL);
	assert_int_equal(hx_kva_protect(code, 0, HX_MAP_READ), -HX_EINVAL);
	assert_int_equal(hx_kva_protect(code, 4 * PAGE + 1, HX_MAP_READ), -HX_EINVAL);
	assert_int_equal(hx_kva_protect(code, SIZE_MAX, HX_MAP_READ), -HX_EINVAL);
	assert_int_equal(hx_kva_protect(code - PAGE, 2 * PAGE, HX_MAP_READ), -HX_EINVAL);
	assert_int_equal(hx_kva_protect(code + 4 * PAGE, PAGE, HX_MAP_READ), -HX_EINVAL);
	assert_int_equal(hx_kva_protect(0, PAGE, HX_MAP_READ), -HX_EINVAL);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(rights_at(code + i * PAGE), HX_MAP_WRITE);
	*(volatile char *)(code + PAGE) = 7;
	assert_int_equal(hx_kva_protect(code, PAGE + 1, HX_MAP_EXEC), 0);
	assert_int_equal(hx_kva_protect(code + 2 * PAGE, 1, HX_MAP_READ), 0);
	assert_int_equal(rights_at(code), HX_MAP_EXEC);
	assert_int_equal(rights_at(code + PAGE), HX_MAP_EXEC);
	assert_int_equal(rights_at(code + 2 * PAGE), HX_MAP_READ);
	assert_int_equal(rights_at(code + 3 * PAGE), HX_MAP_WRITE);
	assert_int_equal(*(volatile char *)(code + PAGE), 7);
	hx_kva_free(code);
	assert_int_equal(hx_kva_protect(code, PAGE, HX_MAP_READ), -HX_EINVAL);
	hx_kva_free(heap);
}

static uint64_t pages_and_heap(void)
{
	struct hx_heap_stats h;

	hx_heap_stats(&h);
	return hx_frames_n_free() + (h.reserved_bytes >> HX_PAGE_SHIFT);
}

static void failing_allocation_leaves_nothing(void **state)
{
	static const char *const points[] = { "heap.alloc", "frames.alloc" };
	unsigned n_errors = 0;
	uintptr_t va;

	if (!HX_ENABLED(FAULT_INJECTION))
		skip();
	for (unsigned i = 0; i < HX_ARRAY_LEN(points); i++) {
		for (unsigned k = 1; ; k++) {
			uint64_t before = pages_and_heap();
			char spec[32];
			int err;

			snprintf(spec, sizeof(spec), "%s:%u", points[i], k);
			assert_int_equal(hx_fault_arm(spec), 0);
			err = hx_kva_alloc(HX_AREA_MODULES, 40 * PAGE, HX_MAP_WRITE, &va);
			if (hx_fault_disarm(points[i]) == 0) {
				assert_int_equal(err, 0);
				hx_kva_free(va);
				break;
			}
			assert_int_equal(err, -HX_ENOMEM);
			assert_int_equal(pages_and_heap(), before);
			assert_int_equal(hx_kva_bytes(HX_AREA_MODULES), 0);
			n_errors++;
		}
	}
	assert_true(n_errors > 40);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kernel_ranges_lie_apart_and_come_back),
		TEST(parts_get_rights_and_nothing_beyond),
		TEST(failing_allocation_leaves_nothing),
	};

	return cmocka_run_group_tests_name("kva", tests, NULL, NULL);
}
