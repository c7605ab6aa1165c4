/* SPDX-License-Identifier: MIT */
/*
 * Mapping: what is mapped is the same RAM as in the direct map, what is not mapped really faults,
 * and tables are taken and given back like any other page.
 */
#include "hx_test.h"
#include <hx/hal/mmu.h>
#include <hx/hal/trap.h>

#define RAM	((hx_paddr_t)2 << 20)	/* free RAM behind what the hal keeps */

static uintptr_t area;
static jmp_buf faulted;
static uintptr_t fault_address;

static bool on_fault(struct hx_trap_frame *f)
{
	fault_address = hx_trap_fault_address(f);
	longjmp(faulted, 1);
}

/* Whether a store there faults. */
static bool store_faults(uintptr_t va)
{
	fault_address = 0;
	hx_trap_set_upcall(on_fault);
	if (setjmp(faulted) == 0)
		__asm__ volatile("movb $1, (%0)" :: "r"(va) : "memory");
	hx_trap_set_upcall(NULL);
	hx_irq_disable();
	return fault_address == va;
}

static int set_up(void **state)
{
	static const struct hx_mem_range hole = { 3 << 20, (3 << 20) + HX_PAGE_SIZE,
						  HX_MEM_RESERVED, 0 };
	const struct hx_host_params params = { .mem_bytes = 8 << 20, .holes = &hole, .n_holes = 1 };
	const struct hx_boot_info *info;

	if (hx_host_start(&params, &info) != 0)
		return -1;
	area = hx_mmu_area(HX_AREA_STACKS).start;
	return 0;
}

static int tear_down(void **state)
{
	hx_host_stop();
	return 0;
}

static void mapped_page_is_the_ram_of_the_direct_map(void **state)
{
	hx_paddr_t pa = 0;
	unsigned flags = 0;

	assert_int_equal(hx_mmu_map(area, RAM, 2, HX_MAP_WRITE), 0);
	strcpy((char *)area + HX_PAGE_SIZE, "seen twice");
	assert_string_equal((char *)hx_phys_to_virt(RAM + HX_PAGE_SIZE), "seen twice");
	assert_int_equal(hx_mmu_query(area + HX_PAGE_SIZE + 5, &pa, &flags), 0);
	assert_int_equal(pa, RAM + HX_PAGE_SIZE + 5);
	assert_int_equal(flags, HX_MAP_WRITE);
	hx_mmu_unmap(area, 2);
	assert_int_equal(hx_mmu_query(area, &pa, &flags), -HX_ENOENT);
}

static void page_beside_the_mapping_is_a_guard(void **state)
{
	assert_int_equal(hx_mmu_map(area + HX_PAGE_SIZE, RAM, 1, HX_MAP_WRITE), 0);
	assert_false(store_faults(area + HX_PAGE_SIZE));
	assert_true(store_faults(area + HX_PAGE_SIZE - 1));
	assert_true(store_faults(area + 2 * HX_PAGE_SIZE));
	hx_mmu_unmap(area + HX_PAGE_SIZE, 1);
	assert_true(store_faults(area + HX_PAGE_SIZE));
}

static void read_only_mapping_refuses_the_store(void **state)
{
	assert_int_equal(hx_mmu_map(area, RAM, 1, HX_MAP_READ), 0);
	assert_int_equal(*(volatile char *)area, 0);
	assert_true(store_faults(area));
}

static void hole_in_ram_faults_in_the_direct_map(void **state)
{
	assert_false(store_faults((uintptr_t)hx_phys_to_virt((3 << 20) - 1)));
	assert_true(store_faults((uintptr_t)hx_phys_to_virt(3 << 20)));
	assert_false(store_faults((uintptr_t)hx_phys_to_virt((3 << 20) + HX_PAGE_SIZE)));
	assert_true(store_faults((uintptr_t)hx_phys_to_virt(0)));
	assert_true(store_faults((uintptr_t)hx_phys_to_virt(8 << 20)));
}

static void wrong_arguments_are_refused(void **state)
{
	struct hx_area_bounds heap = hx_mmu_area(HX_AREA_HEAP);

	assert_int_equal(hx_mmu_map(area + 1, RAM, 1, 0), -HX_EINVAL);
	assert_int_equal(hx_mmu_map(area, RAM + 1, 1, 0), -HX_EINVAL);
	assert_int_equal(hx_mmu_map(area, RAM, 0, 0), -HX_EINVAL);
	assert_int_equal(hx_mmu_map(heap.end - HX_PAGE_SIZE, RAM, 2, 0), -HX_EINVAL);
	assert_int_equal(hx_mmu_map(0x1000, RAM, 1, 0), -HX_EINVAL);
	assert_int_equal(hx_mmu_map(area, RAM, SIZE_MAX, 0), -HX_EINVAL);
	assert_int_equal(hx_mmu_map(area, RAM, 1, HX_MAP_WRITE | HX_MAP_EXEC), -HX_EINVAL);
	assert_int_equal(hx_mmu_map(area, RAM, 1, 1 << 8), -HX_EINVAL);
}

static void mapping_over_a_mapping_changes_nothing(void **state)
{
	hx_paddr_t pa;
	unsigned flags;

	assert_int_equal(hx_mmu_map(area + HX_PAGE_SIZE, RAM, 1, HX_MAP_WRITE), 0);
	assert_int_equal(hx_mmu_map(area, RAM + HX_PAGE_SIZE, 2, HX_MAP_READ), -HX_EEXIST);
	assert_int_equal(hx_mmu_query(area, &pa, &flags), -HX_ENOENT);
	assert_int_equal(hx_mmu_query(area + HX_PAGE_SIZE, &pa, &flags), 0);
	assert_int_equal(pa, RAM);
}

static void unmap_of_what_is_not_mapped_is_a_violation(void **state)
{
	assert_int_equal(hx_mmu_map(area, RAM, 1, HX_MAP_WRITE), 0);
	assert_true(HX_TEST_ENDS(HX_TEST_VIOLATION, "not mapped", hx_mmu_unmap(area, 2)));
}

/* A source of table pages that runs out. */
static unsigned n_tables, n_tables_max;

static hx_paddr_t take(void)
{
	hx_paddr_t pa = RAM + (4 << 20) + n_tables * HX_PAGE_SIZE;

	if (n_tables == n_tables_max)
		return 0;
	n_tables++;
	memset(hx_phys_to_virt(pa), 0, HX_PAGE_SIZE);
	return pa;
}

static void give(hx_paddr_t page)
{
	n_tables--;
}

static void tables_come_from_the_source_and_go_back(void **state)
{
	static const struct hx_mmu_table_source source = { take, give };

	n_tables = 0;
	n_tables_max = 100;
	hx_mmu_set_table_source(&source);
	assert_int_equal(hx_mmu_map(area, RAM, 1, HX_MAP_WRITE), 0);
	assert_int_equal(n_tables, 3);	/* levels 3 to 1 below the root */
	assert_int_equal(hx_mmu_map(area + 2 * HX_PAGE_SIZE, RAM, 1, HX_MAP_WRITE), 0);
	assert_int_equal(n_tables, 3);
	hx_mmu_unmap(area, 1);
	assert_int_equal(n_tables, 3);
	hx_mmu_unmap(area + 2 * HX_PAGE_SIZE, 1);
	assert_int_equal(n_tables, 0);
}

static void without_a_table_page_nothing_stays_mapped(void **state)
{
	static const struct hx_mmu_table_source source = { take, give };
	hx_paddr_t pa;
	unsigned flags;

	n_tables = 0;
	hx_mmu_set_table_source(&source);
	/* 1024 pages need two last-level tables, so four tables in all. */
	for (n_tables_max = 0; n_tables_max < 4; n_tables_max++) {
		assert_int_equal(hx_mmu_map(area, RAM, 1024, HX_MAP_WRITE), -HX_ENOMEM);
		assert_int_equal(n_tables, 0);
		assert_int_equal(hx_mmu_query(area, &pa, &flags), -HX_ENOENT);
		assert_true(store_faults(area));
	}
	assert_int_equal(hx_mmu_map(area, RAM, 1024, HX_MAP_WRITE), 0);
	assert_int_equal(n_tables, 4);
}

static void device_window_shows_its_own_physical_page(void **state)
{
	char *regs = hx_mmu_map_device(0xfee00020, 16), *again;
	hx_paddr_t pa;
	unsigned flags;

	assert_non_null(regs);
	regs[0] = 'x';
	again = hx_mmu_map_device(0xfee00000, HX_PAGE_SIZE + 1);
	assert_non_null(again);
	assert_int_equal(again[0x20], 'x');
	assert_int_equal(hx_mmu_query((uintptr_t)regs, &pa, &flags), 0);
	assert_int_equal(pa, 0xfee00020);
	assert_int_equal(flags, HX_MAP_WRITE | HX_MAP_UNCACHED);
	assert_true(store_faults((uintptr_t)again + 2 * HX_PAGE_SIZE));
}

static unsigned n_writable_code, n_in_area;
static uintptr_t walked_start, walked_end;

static void visit(void *arg, uintptr_t start, uintptr_t end, size_t page_bytes, unsigned flags)
{
	assert_true(start < end);
	if ((flags & HX_MAP_WRITE) && (flags & HX_MAP_EXEC))
		n_writable_code++;
	if (start >= area && end <= hx_mmu_area(HX_AREA_STACKS).end) {
		n_in_area++;
		walked_start = start;
		walked_end = end;
	}
}

static void walk_merges_and_finds_no_writable_code(void **state)
{
	n_writable_code = n_in_area = 0;
	assert_int_equal(hx_mmu_map(area, RAM + HX_PAGE_SIZE, 1, HX_MAP_WRITE), 0);
	assert_int_equal(hx_mmu_map(area + HX_PAGE_SIZE, RAM, 2, HX_MAP_WRITE), 0);
	hx_mmu_walk(visit, NULL);
	assert_int_equal(n_in_area, 1);
	assert_int_equal(walked_start, area);
	assert_int_equal(walked_end, area + 3 * HX_PAGE_SIZE);
	assert_int_equal(n_writable_code, 0);
}

static void direct_map_answers_queries(void **state)
{
	hx_paddr_t pa;
	unsigned flags;

	assert_int_equal(hx_mmu_query((uintptr_t)hx_phys_to_virt(RAM + 3), &pa, &flags), 0);
	assert_int_equal(pa, RAM + 3);
	assert_int_equal(flags, HX_MAP_WRITE);
	assert_int_equal(hx_mmu_query((uintptr_t)hx_phys_to_virt(3 << 20), &pa, &flags),
			 -HX_ENOENT);
	/* The process's own stack is none of the kernel's. */
	assert_int_equal(hx_mmu_query((uintptr_t)&pa, &pa, &flags), -HX_ENOENT);
}

static void program_answers_with_the_rights_of_its_segments(void **state)
{
	static int data;
	static const int constant = 5;
	hx_paddr_t pa;
	unsigned flags;

	assert_int_equal(hx_mmu_query((uintptr_t)visit, &pa, &flags), 0);
	assert_int_equal(flags, HX_MAP_EXEC);
	assert_int_equal(hx_mmu_query((uintptr_t)&data, &pa, &flags), 0);
	assert_int_equal(flags, HX_MAP_WRITE);
	assert_int_equal(hx_mmu_query((uintptr_t)&constant, &pa, &flags), 0);
	assert_int_equal(flags, HX_MAP_READ);
}

#define CASE(fn)	cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(mapped_page_is_the_ram_of_the_direct_map),
		CASE(page_beside_the_mapping_is_a_guard),
		CASE(read_only_mapping_refuses_the_store),
		CASE(hole_in_ram_faults_in_the_direct_map),
		CASE(wrong_arguments_are_refused),
		CASE(mapping_over_a_mapping_changes_nothing),
		CASE(unmap_of_what_is_not_mapped_is_a_violation),
		CASE(tables_come_from_the_source_and_go_back),
		CASE(without_a_table_page_nothing_stays_mapped),
		CASE(device_window_shows_its_own_physical_page),
		CASE(walk_merges_and_finds_no_writable_code),
		CASE(direct_map_answers_queries),
		CASE(program_answers_with_the_rights_of_its_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
