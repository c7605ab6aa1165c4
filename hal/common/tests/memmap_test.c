/* SPDX-License-Identifier: MIT */
/*
 * The memory map: whatever order, overlap and alignment ranges come in, it stays sorted, disjoint
 * and merged, and the worse type wins. The reference is a plain array with a type per page.
 */
#include "memory_view.h"

static struct hx_boot_info info;

static int empty_map(void **state)
{
	memset(&info, 0, sizeof(info));
	return 0;
}

static void assert_range(uint32_t i, hx_paddr_t start, hx_paddr_t end, uint32_t type)
{
	assert_true(i < info.n_mem);
	assert_int_equal(info.mem[i].start, start);
	assert_int_equal(info.mem[i].end, end);
	assert_int_equal(info.mem[i].type, type);
}

static void usable_shrinks_and_others_grow_to_pages(void **state)
{
	assert_int_equal(hx_memmap_add(&info, 0x1001, 0x3fff, HX_MEM_USABLE), 0);
	assert_int_equal(hx_memmap_add(&info, 0x8fff, 0x9001, HX_MEM_RESERVED), 0);
	assert_int_equal(hx_memmap_add(&info, 0xb001, 0xbfff, HX_MEM_USABLE), 0);
	assert_int_equal(info.n_mem, 2);
	assert_range(0, 0x2000, 0x3000, HX_MEM_USABLE);
	assert_range(1, 0x8000, 0xa000, HX_MEM_RESERVED);
}

static void neighbours_of_one_type_merge(void **state)
{
	assert_int_equal(hx_memmap_add(&info, 0x3000, 0x4000, HX_MEM_USABLE), 0);
	assert_int_equal(hx_memmap_add(&info, 0x1000, 0x2000, HX_MEM_USABLE), 0);
	assert_int_equal(hx_memmap_add(&info, 0x2000, 0x3000, HX_MEM_USABLE), 0);
	assert_int_equal(info.n_mem, 1);
	assert_range(0, 0x1000, 0x4000, HX_MEM_USABLE);
}

static void worse_type_wins_in_both_orders(void **state)
{
	assert_int_equal(hx_memmap_add(&info, 0x1000, 0x9000, HX_MEM_USABLE), 0);
	assert_int_equal(hx_memmap_add(&info, 0x3000, 0x5000, HX_MEM_RESERVED), 0);
	assert_int_equal(hx_memmap_add(&info, 0x4000, 0xa000, HX_MEM_USABLE), 0);
	assert_int_equal(info.n_mem, 3);
	assert_range(0, 0x1000, 0x3000, HX_MEM_USABLE);
	assert_range(1, 0x3000, 0x5000, HX_MEM_RESERVED);
	assert_range(2, 0x5000, 0xa000, HX_MEM_USABLE);
}

static void last_page_of_the_address_space_is_left_out(void **state)
{
	assert_int_equal(hx_memmap_add(&info, UINT64_MAX - 0x2fff, UINT64_MAX, HX_MEM_RESERVED), 0);
	assert_map_is_sound(&info);
	assert_range(0, 0xffffffffffffd000, 0xfffffffffffff000, HX_MEM_RESERVED);
}

static void backward_range_and_unknown_type_are_refused(void **state)
{
	assert_int_equal(hx_memmap_add(&info, 0x2000, 0x1000, HX_MEM_USABLE), -HX_EINVAL);
	assert_int_equal(hx_memmap_add(&info, 0x1000, 0x2000, HX_MEM_MMIO + 1), -HX_EINVAL);
	assert_int_equal(info.n_mem, 0);
}

static void full_table_is_refused_and_stays_sound(void **state)
{
	hx_paddr_t at = 0;

	for (unsigned i = 0; i < HX_BOOT_MEM_MAX; i++, at += 0x2000)
		assert_int_equal(hx_memmap_add(&info, at, at + 0x1000, HX_MEM_USABLE), 0);
	assert_int_equal(hx_memmap_add(&info, at, at + 0x1000, HX_MEM_USABLE), -HX_ENFILE);
	assert_int_equal(info.n_mem, HX_BOOT_MEM_MAX);
	assert_map_is_sound(&info);
}

static void claim_splits_usable_ram(void **state)
{
	assert_int_equal(hx_memmap_add(&info, 0, 0x10000, HX_MEM_USABLE), 0);
	assert_int_equal(hx_memmap_claim(&info, 0x4800, 0x5001, HX_MEM_MODULE), 0);
	assert_int_equal(info.n_mem, 3);
	assert_range(1, 0x4000, 0x6000, HX_MEM_MODULE);
	/* A second module may share a page with the first. */
	assert_int_equal(hx_memmap_claim(&info, 0x5800, 0x6001, HX_MEM_MODULE), 0);
	assert_range(1, 0x4000, 0x7000, HX_MEM_MODULE);
}

static void claim_of_what_is_not_free_changes_nothing(void **state)
{
	assert_int_equal(hx_memmap_add(&info, 0x1000, 0x4000, HX_MEM_USABLE), 0);
	assert_int_equal(hx_memmap_add(&info, 0x4000, 0x5000, HX_MEM_RESERVED), 0);
	assert_int_equal(hx_memmap_claim(&info, 0x3000, 0x5000, HX_MEM_KERNEL), -HX_ENOENT);
	assert_int_equal(hx_memmap_claim(&info, 0, 0x2000, HX_MEM_KERNEL), -HX_ENOENT);
	assert_int_equal(hx_memmap_claim(&info, 0x2000, 0x1000, HX_MEM_KERNEL), -HX_EINVAL);
	assert_int_equal(hx_memmap_claim(&info, 0x2000, UINT64_MAX, HX_MEM_KERNEL), -HX_EINVAL);
	assert_int_equal(info.n_mem, 2);
	assert_range(0, 0x1000, 0x4000, HX_MEM_USABLE);
}

#define MODEL_PAGES	64u

static void random_ranges_agree_with_the_model(void **state)
{
	/* From free to worst; the order is the contract of hx_memmap_add(). */
	static const uint32_t worse[] = { HX_MEM_USABLE, HX_MEM_ACPI, HX_MEM_MODULE, HX_MEM_KERNEL,
		HX_MEM_BOOT, HX_MEM_NVS, HX_MEM_MMIO, HX_MEM_RESERVED, HX_MEM_BAD };
	uint64_t seed = 1;

	for (unsigned round = 0; round < 500; round++) {
		uint8_t model[MODEL_PAGES] = { 0 };	/* index in worse[] plus one; 0 nothing */
		uint32_t r = 0;

		empty_map(state);
		for (unsigned i = 0; i < 20; i++) {
			uint64_t x = noise(&seed);
			unsigned a = x % MODEL_PAGES, b = x / 64 % MODEL_PAGES;
			unsigned k = x / 4096 % HX_ARRAY_LEN(worse);

			if (b < a)
				continue;
			assert_int_equal(hx_memmap_add(&info, a * HX_PAGE_SIZE, b * HX_PAGE_SIZE,
						       worse[k]), 0);
			assert_map_is_sound(&info);
			for (unsigned p = a; p < b; p++)
				if (model[p] < k + 1)
					model[p] = (uint8_t)(k + 1);
		}
		for (unsigned p = 0; p < MODEL_PAGES; p++) {
			while (r < info.n_mem && info.mem[r].end <= p * HX_PAGE_SIZE)
				r++;
			if (r == info.n_mem || info.mem[r].start > p * HX_PAGE_SIZE)
				assert_int_equal(model[p], 0);
			else
				assert_int_equal(worse[model[p] - 1], info.mem[r].type);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(usable_shrinks_and_others_grow_to_pages, empty_map),
		cmocka_unit_test_setup(neighbours_of_one_type_merge, empty_map),
		cmocka_unit_test_setup(worse_type_wins_in_both_orders, empty_map),
		cmocka_unit_test_setup(last_page_of_the_address_space_is_left_out, empty_map),
		cmocka_unit_test_setup(backward_range_and_unknown_type_are_refused, empty_map),
		cmocka_unit_test_setup(full_table_is_refused_and_stays_sound, empty_map),
		cmocka_unit_test_setup(claim_splits_usable_ram, empty_map),
		cmocka_unit_test_setup(claim_of_what_is_not_free_changes_nothing, empty_map),
		cmocka_unit_test_setup(random_ranges_agree_with_the_model, empty_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
