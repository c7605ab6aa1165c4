/* SPDX-License-Identifier: MIT */
/*
 * Spaces case by case: what is refused, how regions are cut and joined, who counts which page, and
 * that each failing allocation leaves nothing behind.
 */
#include "hx_test.h"
#include <hx/core/fault.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/vm/vm.h>

#include "vm_priv.h"

#define AT	((uintptr_t)1 << 30)
#define PAGE	HX_PAGE_SIZE
#define RW	(HX_VM_READ | HX_VM_WRITE)

static struct hx_vm_space *s;

static int set_up(void **state)
{
	const struct hx_test_machine m = { .mem_bytes = 64 << 20, .components = "vm",
					   .cmdline = "helix.slot.heap=slab "
						      "helix.slot.frames=buddy" };

	if (hx_test_machine_start(&m) != 0 || hx_vm_create(0, &s) != 0)
		return -1;
	hx_vm_attach(s);
	return 0;
}

static int tear_down(void **state)
{
	int err = hx_vm_check(s);

	hx_vm_attach(NULL);
	hx_vm_put(s);
	return err == 0 && vm_n_spaces == 0 ? hx_test_machine_stop() : -1;
}

static uintptr_t map_at(uintptr_t va, unsigned n_pages, unsigned prot, unsigned flags)
{
	const struct hx_vm_params p = { .va = va, .size_bytes = n_pages * PAGE, .prot = prot,
					.flags = flags | (va != 0 ? HX_VM_FIXED : 0) };
	uintptr_t got = 0;

	assert_int_equal(hx_vm_map(s, &p, &got), 0);
	return got;
}

static unsigned n_regions(void)
{
	struct hx_vm_info info;

	hx_vm_info(s, &info);
	return info.n_regions;
}

static int put_word(uintptr_t va, uint32_t word)
{
	return hx_copy_to_user(va, &word, sizeof(word));
}

static uint32_t get_word(uintptr_t va)
{
	uint32_t word = 0;

	assert_int_equal(hx_copy_from_user(&word, va, sizeof(word)), 0);
	return word;
}

static void senseless_requests_are_refused(void **state)
{
	struct hx_vm_object *o;
	struct hx_vm_params p[] = {
		{ .size_bytes = 0, .prot = RW },
		{ .size_bytes = SIZE_MAX, .prot = RW },
		{ .size_bytes = PAGE, .prot = HX_VM_WRITE | HX_VM_EXEC },
		{ .size_bytes = PAGE, .prot = 8 },
		{ .size_bytes = PAGE, .prot = RW, .flags = 1 << 20 },
		{ .size_bytes = PAGE, .prot = RW, .flags = VM_RESERVE },
		{ .va = 1, .size_bytes = PAGE, .prot = RW },
		{ .va = 0, .size_bytes = PAGE, .prot = RW, .flags = HX_VM_FIXED },
		{ .va = (uintptr_t)1 << 47, .size_bytes = PAGE, .prot = RW, .flags = HX_VM_FIXED },
		{ .size_bytes = PAGE, .prot = RW, .flags = HX_VM_GUARD | HX_VM_STACK },
		{ .size_bytes = 2 * PAGE, .reserve_bytes = PAGE, .prot = RW, .flags = HX_VM_STACK },
		{ .size_bytes = PAGE, .prot = RW, .offset_bytes = PAGE },
		{ .size_bytes = PAGE, .prot = RW, .offset_bytes = UINT64_MAX - PAGE + 1 },
		{ .size_bytes = PAGE + 1, .prot = RW },
		{ .size_bytes = PAGE, .prot = RW, .flags = HX_VM_GUARD },
	};
	uintptr_t va = 5;

	assert_int_equal(hx_vm_object_create(0, &o), -HX_EINVAL);
	assert_int_equal(hx_vm_object_create(HX_VM_OBJECT_MAX + 1, &o), -HX_EINVAL);
	assert_int_equal(hx_vm_object_create(1, &o), 0);
	for (unsigned i = 0; i < HX_ARRAY_LEN(p); i++) {
		if (i >= 11)
			p[i].object = o;
		assert_int_equal(hx_vm_map(s, &p[i], &va), -HX_EINVAL);
	}
	assert_int_equal(va, 5);
	hx_vm_object_put(o);
	assert_int_equal(hx_vm_unmap(s, AT + 1, PAGE), -HX_EINVAL);
	assert_int_equal(hx_vm_unmap(s, AT, 0), -HX_EINVAL);
	assert_int_equal(hx_vm_unmap(s, AT, SIZE_MAX), -HX_EINVAL);
	assert_int_equal(hx_vm_unmap(s, 0, PAGE), -HX_EINVAL);
	assert_int_equal(hx_vm_protect(s, AT, PAGE, HX_VM_READ), -HX_ENOENT);
	assert_int_equal(n_regions(), 0);
}

static void neighbours_that_are_alike_become_one(void **state)
{
	map_at(AT, 2, RW, 0);
	map_at(AT + 4 * PAGE, 2, RW, 0);
	assert_int_equal(n_regions(), 2);
	map_at(AT + 2 * PAGE, 2, RW, 0);
	assert_int_equal(n_regions(), 1);
	assert_int_equal(hx_vm_protect(s, AT + PAGE, PAGE, HX_VM_READ), 0);
	assert_int_equal(n_regions(), 3);
	assert_int_equal(hx_vm_protect(s, AT + 2 * PAGE, PAGE, HX_VM_READ), 0);
	assert_int_equal(n_regions(), 3);
	assert_int_equal(hx_vm_protect(s, AT, 6 * PAGE, RW), 0);
	assert_int_equal(n_regions(), 1);
	assert_int_equal(hx_vm_unmap(s, AT + 3 * PAGE, PAGE), 0);
	assert_int_equal(n_regions(), 2);
}

static void shared_regions_join_only_where_the_object_goes_on(void **state)
{
	struct hx_vm_params p = { .va = AT, .size_bytes = PAGE, .prot = RW, .flags = HX_VM_FIXED };
	uintptr_t va;

	assert_int_equal(hx_vm_object_create(4 * PAGE, &p.object), 0);
	assert_int_equal(hx_vm_map(s, &p, &va), 0);
	p.va += PAGE;
	p.offset_bytes = PAGE;
	assert_int_equal(hx_vm_map(s, &p, &va), 0);
	assert_int_equal(n_regions(), 1);
	p.va += PAGE;
	p.offset_bytes = 3 * PAGE;
	assert_int_equal(hx_vm_map(s, &p, &va), 0);
	assert_int_equal(n_regions(), 2);
	assert_int_equal(p.object->n_refs, 3);
	assert_int_equal(hx_vm_unmap(s, AT + PAGE, PAGE), 0);
	assert_int_equal(put_word(AT + 2 * PAGE, 3), 0);
	assert_int_equal(hx_vm_unmap(s, AT, 3 * PAGE), 0);
	assert_int_equal(p.object->n_refs, 1);
	hx_vm_object_put(p.object);
}

static void protection_of_a_range_with_a_hole_changes_nothing(void **state)
{
	map_at(AT, 2, RW, 0);
	map_at(AT + 3 * PAGE, 1, RW, 0);
	map_at(AT + 4 * PAGE, 1, 0, HX_VM_GUARD);
	assert_int_equal(hx_vm_protect(s, AT + PAGE, 3 * PAGE, HX_VM_READ), -HX_ENOENT);
	assert_int_equal(hx_vm_protect(s, AT + 3 * PAGE, 2 * PAGE, HX_VM_READ), -HX_EINVAL);
	assert_int_equal(put_word(AT + PAGE, 1), 0);
	assert_int_equal(put_word(AT + 3 * PAGE, 1), 0);
	assert_int_equal(n_regions(), 3);
}

static void free_ranges_are_found_and_used_again(void **state)
{
	uintptr_t a = map_at(0, 10, RW, 0), b = map_at(0, 10, HX_VM_READ, 0), c;
	struct hx_vm_params p = { .va = a + PAGE, .size_bytes = PAGE, .prot = RW };
	uintptr_t d;

	assert_true(a >= VM_LOWEST && b >= a + 10 * PAGE);
	assert_int_equal(hx_vm_map(s, &p, &d), 0);	/* a wish that cannot be had */
	assert_true(d < a || d >= a + 10 * PAGE);
	assert_int_equal(hx_vm_unmap(s, a, 10 * PAGE), 0);
	p.va = a;
	assert_int_equal(hx_vm_map(s, &p, &c), 0);
	assert_int_equal(c, a);
	c = map_at(0, 1024, RW, HX_VM_HUGE);
	assert_int_equal(c % VM_HUGE_BYTES, 0);
	p = (struct hx_vm_params){ .size_bytes = hx_mmu_user_end() - VM_LOWEST, .prot = RW };
	assert_int_equal(hx_vm_map(s, &p, &c), -HX_ENOSPC);
}

static void page_is_copied_once_and_freed_once(void **state)
{
	struct hx_vm_space *copy, *third;
	uint64_t n_free;
	struct hx_mmu_page page;

	map_at(AT, 1, RW, 0);
	assert_int_equal(put_word(AT, 1), 0);
	assert_int_equal(hx_mmu_space_query(&s->mmu, AT, &page), 0);
	assert_false(vm_refs_is_shared(page.pa));
	assert_int_equal(hx_vm_clone(s, &copy), 0);
	assert_int_equal(hx_vm_clone(copy, &third), 0);
	assert_true(vm_refs_is_shared(page.pa));
	n_free = hx_frames_n_free();
	assert_int_equal(put_word(AT, 2), 0);
	assert_int_equal(hx_frames_n_free(), n_free - 1);
	assert_true(vm_refs_is_shared(page.pa));	/* the two others */
	hx_vm_attach(copy);
	assert_int_equal(put_word(AT, 3), 0);
	assert_int_equal(hx_frames_n_free(), n_free - 2);
	assert_false(vm_refs_is_shared(page.pa));
	hx_vm_attach(third);
	assert_int_equal(get_word(AT), 1);
	assert_int_equal(put_word(AT, 4), 0);		/* the last owner */
	assert_int_equal(hx_frames_n_free(), n_free - 2);
	assert_int_equal(hx_mmu_space_query(&third->mmu, AT, &page), 0);
	assert_int_equal(page.flags & VM_COW, 0);
	hx_vm_attach(s);
	assert_int_equal(get_word(AT), 2);
	hx_vm_put(copy);
	hx_vm_put(third);
}

static void block_goes_when_its_last_part_goes(void **state)
{
	uint64_t n_free;
	struct hx_vm_space *copy;

	map_at(AT, 512, RW, HX_VM_HUGE);
	assert_int_equal(put_word(AT, 1), 0);
	assert_int_equal(hx_vm_clone(s, &copy), 0);
	assert_int_equal(hx_vm_unmap(s, AT + 10 * PAGE, PAGE), 0);
	n_free = hx_frames_n_free();
	assert_int_equal(hx_vm_unmap(s, AT, 512 * PAGE), 0);
	assert_true(hx_frames_n_free() < n_free + 512);		/* the copy has all of it */
	n_free = hx_frames_n_free();
	hx_vm_put(copy);
	assert_true(hx_frames_n_free() >= n_free + 512);
}

static void huge_copy_falls_back_to_small_ones(void **state)
{
	static hx_paddr_t taken[64];
	struct hx_vm_space *copy;
	struct hx_mmu_page page;
	unsigned n = 0;

	map_at(AT, 512, RW, HX_VM_HUGE);
	assert_int_equal(put_word(AT + 3 * PAGE, 7), 0);
	assert_int_equal(hx_vm_clone(s, &copy), 0);
	while (n < 64 && hx_frames_alloc(VM_HUGE_ORDER, HX_FRAMES_ANY, &taken[n]) == 0)
		n++;
	assert_int_equal(put_word(AT + 3 * PAGE, 8), 0);
	assert_int_equal(hx_mmu_space_query(&s->mmu, AT + 3 * PAGE, &page), 0);
	assert_int_equal(page.bytes, PAGE);
	assert_int_equal(put_word(AT, 9), 0);
	hx_vm_attach(copy);
	assert_int_equal(get_word(AT + 3 * PAGE), 7);
	assert_int_equal(get_word(AT), 0);
	hx_vm_attach(s);
	assert_int_equal(get_word(AT + 3 * PAGE), 8);
	hx_vm_put(copy);
	while (n > 0)
		hx_frames_free(taken[--n], VM_HUGE_ORDER);
}

static void stack_grows_no_further_than_reserve_and_limit(void **state)
{
	struct hx_vm_params p = { .va = AT, .size_bytes = PAGE, .reserve_bytes = 6 * PAGE,
				  .prot = RW, .flags = HX_VM_STACK | HX_VM_FIXED };
	struct hx_vm_space *small;
	uintptr_t va;

	assert_int_equal(hx_vm_map(s, &p, &va), 0);
	assert_int_equal(va, AT);
	assert_int_equal(put_word(AT - 5 * PAGE - 4, 1), -HX_EFAULT);	/* the guard */
	assert_int_equal(put_word(AT - 5 * PAGE, 1), 0);
	assert_int_equal(put_word(AT - 5 * PAGE - 4, 1), -HX_EFAULT);
	p.flags &= ~(unsigned)HX_VM_STACK;
	p.va = AT - 6 * PAGE;
	assert_int_equal(hx_vm_map(s, &p, &va), -HX_EEXIST);		/* nobody else's */
	assert_int_equal(hx_vm_create(2 * PAGE, &small), 0);
	p.va = AT;
	p.flags |= HX_VM_STACK;
	assert_int_equal(hx_vm_map(small, &p, &va), 0);
	assert_int_equal(hx_vm_fault(small, AT - PAGE, HX_FAULT_WRITE), 0);
	assert_int_equal(hx_vm_fault(small, AT - 2 * PAGE, HX_FAULT_WRITE), -HX_ENOSPC);
	assert_int_equal(hx_vm_check(small), 0);
	hx_vm_put(small);
}

static void execution_needs_its_right(void **state)
{
	map_at(AT, 1, RW, 0);
	map_at(AT + PAGE, 1, HX_VM_READ | HX_VM_EXEC, 0);
	assert_int_equal(hx_vm_fault(s, AT, HX_FAULT_EXEC | HX_FAULT_USER), -HX_EFAULT);
	assert_int_equal(hx_vm_fault(s, AT + PAGE, HX_FAULT_EXEC | HX_FAULT_USER), 0);
	assert_int_equal(hx_vm_fault(s, AT + PAGE, HX_FAULT_WRITE), -HX_EFAULT);
}

/* ---- allocations that fail */

static uint64_t pages_and_heap(void)
{
	struct hx_heap_stats h;

	hx_heap_stats(&h);
	return hx_frames_n_free() + (h.reserved_bytes >> HX_PAGE_SHIFT);
}

/* Everything that allocates, once. Undoes all of it. */
static int everything(void)
{
	struct hx_vm_params p = { .va = AT, .size_bytes = 1024 * PAGE, .prot = RW,
				  .flags = HX_VM_FIXED | HX_VM_HUGE };
	struct hx_vm_space *a = NULL, *b = NULL;
	uintptr_t va;
	int err = hx_vm_create(0, &a);

	if (err == 0)
		err = hx_vm_map(a, &p, &va);
	if (err == 0)
		err = hx_vm_fault(a, AT, HX_FAULT_WRITE);
	if (err == 0)
		err = hx_vm_fault(a, AT + 600 * PAGE, HX_FAULT_WRITE);
	p = (struct hx_vm_params){ .size_bytes = 3 * PAGE, .prot = RW, .flags = HX_VM_POPULATE };
	if (err == 0)
		err = hx_vm_object_create(3 * PAGE, &p.object);
	if (err == 0)
		err = hx_vm_map(a, &p, &va);
	hx_vm_object_put(p.object);
	p = (struct hx_vm_params){ .size_bytes = PAGE, .reserve_bytes = 4 * PAGE, .prot = RW,
				   .flags = HX_VM_STACK | HX_VM_POPULATE };
	if (err == 0)
		err = hx_vm_map(a, &p, &va);
	if (err == 0)
		err = hx_vm_clone(a, &b);
	if (err == 0)
		err = hx_vm_protect(a, AT + PAGE, PAGE, HX_VM_READ);
	if (err == 0)
		err = hx_vm_fault(a, AT + 2 * PAGE, HX_FAULT_WRITE);
	if (err == 0)
		err = hx_vm_unmap(b, AT + 3 * PAGE, PAGE);
	if (err == 0)
		err = hx_vm_fault(b, AT, HX_FAULT_WRITE);
	assert_true(a == NULL || hx_vm_check(a) == 0);
	assert_true(b == NULL || hx_vm_check(b) == 0);
	hx_vm_put(a);
	hx_vm_put(b);
	return err;
}

static void every_failing_allocation(const char *point)
{
	unsigned k, n_errors = 0;

	assert_int_equal(everything(), 0);	/* counts of shared pages stay for good */
	for (k = 1; ; k++) {
		uint64_t before = pages_and_heap();
		char spec[32];
		int err;

		snprintf(spec, sizeof(spec), "%s:%u", point, k);
		assert_int_equal(hx_fault_arm(spec), 0);
		err = everything();
		assert_int_equal(pages_and_heap(), before);
		if (hx_fault_disarm(point) == 0) {
			assert_int_equal(err, 0);
			break;
		}
		assert_true(err == 0 || err == -HX_ENOMEM);
		n_errors += err != 0;
	}
	assert_true(k > 10 && n_errors > 5);
}

static void failing_block_leaves_nothing(void **state)
{
	if (!HX_ENABLED(FAULT_INJECTION))
		skip();
	every_failing_allocation("heap.alloc");
}

static void failing_page_leaves_nothing(void **state)
{
	if (!HX_ENABLED(FAULT_INJECTION))
		skip();
	every_failing_allocation("frames.alloc");
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(senseless_requests_are_refused),
		TEST(neighbours_that_are_alike_become_one),
		TEST(shared_regions_join_only_where_the_object_goes_on),
		TEST(protection_of_a_range_with_a_hole_changes_nothing),
		TEST(free_ranges_are_found_and_used_again),
		TEST(page_is_copied_once_and_freed_once),
		TEST(block_goes_when_its_last_part_goes),
		TEST(huge_copy_falls_back_to_small_ones),
		TEST(stack_grows_no_further_than_reserve_and_limit),
		TEST(execution_needs_its_right),
		TEST(failing_block_leaves_nothing),
		TEST(failing_page_leaves_nothing),
	};

	return cmocka_run_group_tests_name("vm", tests, NULL, NULL);
}
