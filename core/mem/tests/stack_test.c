/* SPDX-License-Identifier: MIT */
/*
 * Kernel stacks on the host machine: guard pages, reuse, exhaustion, every page comes back.
 */
#include <hx/config/core_mem.h>
#include <hx/core/frames.h>
#include <hx/core/init.h>
#include <hx/core/stack.h>
#include <hx/hal/mmu.h>
#include <hx_test.h>

#define STACK_BYTES	(CONFIG_STACK_SIZE_KIB * HX_KIB)

static const struct hx_component *stacks;

static int stacks_up(void **state)
{
	const struct hx_component *const *it;

	struct hx_host_params p = { .mem_bytes = 32 * HX_MIB, .seed = 1 };
	const struct hx_boot_info *info;

	HX_SECTION_FOREACH(it, hx_components) {
		if (strcmp((*it)->name, "stacks") == 0)
			stacks = *it;
	}
	if (stacks == NULL || hx_host_start(&p, &info) != 0 ||
	    hx_frames_start(__start_hx_frames_classes[0], info) != 0)
		return -1;
	return stacks->init();
}

static int stacks_down(void **state)
{
	stacks->shutdown();
	hx_frames_stop();
	hx_host_stop();
	return 0;
}

static bool is_mapped(uintptr_t va)
{
	hx_paddr_t pa;
	unsigned flags;

	return hx_mmu_query(va, &pa, &flags) == 0;
}

static void stack_is_writable_and_guarded(void **state)
{
	uintptr_t va;
	size_t size;
	void *stack;

	assert_int_equal(hx_stack_alloc(&stack, &size), 0);
	va = (uintptr_t)stack;
	assert_int_equal(size, STACK_BYTES);
	memset(stack, 0x55, size);
	for (size_t off = 0; off < size; off += HX_PAGE_SIZE) {
		assert_true(is_mapped(va + off));
		assert_false(hx_stack_is_guard(va + off));
	}
	assert_false(is_mapped(va - HX_PAGE_SIZE));
	assert_true(hx_stack_is_guard(va - 1));
	assert_true(hx_stack_is_guard(va - HX_PAGE_SIZE));
	assert_true(hx_stack_is_guard(va + size));	/* the guard of the next slot */
	assert_false(hx_stack_is_guard(hx_mmu_area(HX_AREA_STACKS).start - 1));
	assert_false(hx_stack_is_guard((uintptr_t)&va));
	hx_stack_free(stack);
}

static void freed_stack_is_reused_without_mapping(void **state)
{
	void *first, *second;
	uint64_t n_free;
	size_t size;

	if (CONFIG_STACK_CACHE == 0)
		skip();
	assert_int_equal(hx_stack_alloc(&first, &size), 0);
	n_free = hx_frames_n_free();
	hx_stack_free(first);
	assert_int_equal(hx_stack_alloc(&second, &size), 0);
	assert_ptr_equal(first, second);
	assert_int_equal(hx_frames_n_free(), n_free);
	hx_stack_free(second);
}

static void all_slots_then_enfile_then_all_again(void **state)
{
	static void *stack[CONFIG_STACK_SLOTS];
	size_t size;
	unsigned n = 0;
	int err;
	void *more;

	while (n < CONFIG_STACK_SLOTS && (err = hx_stack_alloc(&stack[n], &size)) == 0)
		memset(stack[n++], 1, 16);
	assert_true(n > CONFIG_STACK_CACHE);
	err = hx_stack_alloc(&more, &size);
	assert_int_equal(err, n == CONFIG_STACK_SLOTS ? -HX_ENFILE : -HX_ENOMEM);
	for (unsigned i = 0; i < n; i++)
		hx_stack_free(stack[i]);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(hx_stack_alloc(&stack[i], &size), 0);
	for (unsigned i = 0; i < n; i++)
		hx_stack_free(stack[i]);
}

/* Pages run out in the middle of a stack: what was mapped is undone, and nothing is lost. */
static void no_memory_leaves_nothing_behind(void **state)
{
	static hx_paddr_t hog[32 * 256];
	unsigned n = 0, kept;
	uint64_t n_free;
	size_t size;
	void *stack;

	while (hx_frames_alloc(0, 0, &hog[n]) == 0)
		n++;
	for (kept = 0; kept < STACK_BYTES / HX_PAGE_SIZE - 1; kept++)
		assert_int_equal(hx_frames_free(hog[--n], 0), 0);
	assert_int_equal(hx_stack_alloc(&stack, &size), -HX_ENOMEM);
	while (n > 0)
		assert_int_equal(hx_frames_free(hog[--n], 0), 0);
	n_free = hx_frames_n_free();
	assert_int_equal(hx_stack_alloc(&stack, &size), 0);
	assert_true(hx_frames_n_free() <= n_free - STACK_BYTES / HX_PAGE_SIZE);
	hx_stack_free(stack);
	assert_int_equal(hx_frames_check(), 0);
}

/* Two threads on one stack would be worse than a stop: caught in every build. */
static void bad_frees_stop(void **state)
{
	size_t size;
	char *stack;

	assert_int_equal(hx_stack_alloc((void **)&stack, &size), 0);
	assert_true(HX_TEST_ENDS(HX_TEST_BUG, "stack", hx_stack_free(stack + HX_PAGE_SIZE)));
	assert_true(HX_TEST_ENDS(HX_TEST_BUG, "stack", hx_stack_free(&size)));
	hx_stack_free(stack);
	assert_true(HX_TEST_ENDS(HX_TEST_BUG, "stack", hx_stack_free(stack)));
}

#define CASE(fn_)	cmocka_unit_test_setup_teardown(fn_, stacks_up, stacks_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(stack_is_writable_and_guarded),
		CASE(freed_stack_is_reused_without_mapping),
		CASE(all_slots_then_enfile_then_all_again),
		CASE(no_memory_leaves_nothing_behind),
		CASE(bad_frees_stop),
	};

	return cmocka_run_group_tests_name("stack", tests, NULL, NULL);
}
