/* SPDX-License-Identifier: MIT */
/*
 * Exceptions: each arrives with its vector and can be gone on from; a stack overflow is told from
 * another page fault; the callers can be walked.
 */
#include "hx_test.h"
#include <hx/hal/context.h>
#include <hx/hal/mmu.h>
#include <hx/hal/trap.h>

#define RAM	((hx_paddr_t)2 << 20)

static unsigned n_traps, vector;
static uintptr_t fault_address;
static bool irq_was_on;
static char name[32], text[128];
static uint64_t rip;

static bool go_on(struct hx_trap_frame *f)
{
	const char *reg;
	uint64_t value;

	n_traps++;
	vector = hx_trap_vector(f);
	fault_address = hx_trap_fault_address(f);
	irq_was_on = hx_irq_are_enabled();
	snprintf(name, sizeof(name), "%s", hx_trap_name(f));
	hx_trap_describe(f, text, sizeof(text));
	for (unsigned i = 0; hx_trap_register(f, i, &reg, &value); i++)
		if (strcmp(reg, "rip") == 0)
			rip = value;
	assert_int_equal(rip, hx_trap_pc(f));
	hx_trap_set_pc(f, hx_trap_resume_pc(f));
	return true;
}

static int set_up(void **state)
{
	static const struct hx_host_params params = { .mem_bytes = 4 << 20, .seed = 1 };
	const struct hx_boot_info *info;

	n_traps = 0;
	return hx_host_start(&params, &info);	/* cmocka takes the signals again after this */
}

static int tear_down(void **state)
{
	hx_host_stop();
	return 0;
}

static void each_exception_has_its_vector_and_can_be_passed(void **state)
{
	static const struct { unsigned vector; const char *name; } cases[] = {
		{ 0, "divide error (#DE)" }, { 3, "breakpoint (#BP)" },
		{ 6, "invalid opcode (#UD)" }, { 13, "general protection (#GP)" },
		{ 14, "page fault (#PF)" },
	};

	hx_trap_set_upcall(go_on);
	hx_irq_enable();
	for (unsigned i = 0; i < HX_ARRAY_LEN(cases); i++) {
		hx_trap_provoke(cases[i].vector);
		assert_int_equal(n_traps, i + 1);
		assert_int_equal(vector, cases[i].vector);
		assert_string_equal(name, cases[i].name);
		assert_false(irq_was_on);
		assert_true(hx_irq_are_enabled());
	}
}

static void page_fault_says_where_and_how(void **state)
{
	hx_trap_set_upcall(go_on);
	hx_trap_provoke(14);
	assert_int_equal(fault_address, 0x1000);
	assert_string_equal(text, "write at 0x1000, which is not mapped");
	hx_trap_provoke(6);
	assert_int_equal(fault_address, 0);
}

static char cut[8];

static bool describe_shortly(struct hx_trap_frame *f)
{
	hx_trap_describe(f, cut, sizeof(cut));
	return go_on(f);
}

static void description_is_cut_to_the_buffer(void **state)
{
	hx_trap_set_upcall(describe_shortly);
	hx_trap_provoke(14);
	assert_string_equal(cut, "write a");
}

static struct hx_context flows[2];

static bool leave_the_flow(struct hx_trap_frame *f)
{
	go_on(f);
	hx_context_switch(&flows[1], &flows[0]);
	return true;
}

static void overflow(void *arg)
{
	hx_trap_provoke(8);
}

static void stack_overflow_is_a_double_fault_at_the_guard_page(void **state)
{
	uintptr_t guard = hx_mmu_area(HX_AREA_STACKS).start, stack = guard + HX_PAGE_SIZE;
	size_t n_pages = HX_CONTEXT_STACK_MIN / HX_PAGE_SIZE;

	assert_int_equal(hx_mmu_map(stack, RAM, n_pages, HX_MAP_WRITE), 0);
	hx_trap_set_upcall(leave_the_flow);
	hx_context_init(&flows[1], (void *)stack, HX_CONTEXT_STACK_MIN, overflow, NULL);
	hx_context_switch(&flows[0], &flows[1]);
	assert_int_equal(n_traps, 1);
	assert_int_equal(vector, 8);
	assert_in_range(fault_address, guard, stack - 1);
	assert_non_null(strstr(text, "stack overflow"));
	hx_context_fini(&flows[1]);
}

static size_t n_pcs;
static uintptr_t pcs[16];
static bool exact;

static void HX_NOINLINE innermost(void)
{
	n_pcs = hx_backtrace(NULL, pcs, HX_ARRAY_LEN(pcs), &exact);
	__asm__ volatile("" ::: "memory");
}

static void HX_NOINLINE outer(void)
{
	innermost();
	__asm__ volatile("" ::: "memory");
}

static bool lies_in(uintptr_t pc, void (*fn)(void))
{
	return pc > (uintptr_t)fn && pc < (uintptr_t)fn + 512;
}

static void backtrace_names_the_callers_innermost_first(void **state)
{
	outer();
	assert_true(exact);
	assert_true(n_pcs >= 3);
	assert_true(lies_in(pcs[0], innermost));
	assert_true(lies_in(pcs[1], outer));
	n_pcs = hx_backtrace(NULL, pcs, 1, &exact);
	assert_int_equal(n_pcs, 1);
}

static bool walk_then_go_on(struct hx_trap_frame *f)
{
	n_pcs = hx_backtrace(f, pcs, HX_ARRAY_LEN(pcs), &exact);
	return go_on(f);
}

static void HX_NOINLINE fault_here(void)
{
	hx_trap_provoke(6);
	__asm__ volatile("" ::: "memory");
}

static void backtrace_of_a_trap_starts_at_the_interrupted_code(void **state)
{
	hx_trap_set_upcall(walk_then_go_on);
	fault_here();
	assert_true(n_pcs >= 2);
	assert_true(lies_in(pcs[0], fault_here));
}

/* Frames as they are after a stray store: a chain that runs back, and one that leaves the stack. */
static void backtrace_of_a_broken_stack_ends(void **state)
{
	struct { uintptr_t next, ret; } backward = { 0x10, 0x1111 };
	struct { uintptr_t next, ret; } away = { 0x7000000000000000, 0x2222 };

	hx_trap_set_upcall(walk_then_go_on);
	__asm__ volatile("pushq %%rbp; movq %0, %%rbp; ud2; popq %%rbp"
			 :: "r"(&backward) : "memory");
	assert_int_equal(n_pcs, 1);
	assert_int_equal(pcs[0], 0x1111);
	__asm__ volatile("pushq %%rbp; movq %0, %%rbp; ud2; popq %%rbp" :: "r"(&away) : "memory");
	assert_int_equal(n_pcs, 1);
	assert_int_equal(pcs[0], 0x2222);
}

#define CASE(fn)	cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(each_exception_has_its_vector_and_can_be_passed),
		CASE(page_fault_says_where_and_how),
		CASE(description_is_cut_to_the_buffer),
		CASE(stack_overflow_is_a_double_fault_at_the_guard_page),
		CASE(backtrace_names_the_callers_innermost_first),
		CASE(backtrace_of_a_trap_starts_at_the_interrupted_code),
		CASE(backtrace_of_a_broken_stack_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
