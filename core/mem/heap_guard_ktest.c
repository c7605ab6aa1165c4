/* SPDX-License-Identifier: MIT */
/* Guard pages around large heap blocks: real faults, and what the report says of them. */
#include <hx/config/core_mem.h>
#include <hx/core/heap.h>
#include <hx/core/ktest.h>
#include <hx/core/lock.h>
#include <hx/core/panic.h>
#include <hx/core/string.h>
#include <hx/core/text.h>
#include <hx/hal/mmu.h>
#include <hx/hal/trap.h>

#define LARGE	(CONFIG_HEAP_GUARDS_KIB * HX_KIB)

static volatile unsigned n_traps;
static hx_trap_upcall_t upcall_before;
static char said[160];

/* What faults is counted and explained, and goes on where hx_trap_touch() returns. */
static bool explain_and_go_on(struct hx_trap_frame *f)
{
	struct hx_text_buf b;

	if (hx_trap_fault_address(f) == 0)
		return upcall_before(f);
	n_traps++;
	hx_text_buf_init(&b, said, sizeof(said));
	hx_heap_explain(hx_trap_fault_address(f), &b.text);
	hx_trap_set_pc(f, (uintptr_t)hx_trap_touched);
	return true;
}

/* Whether a write faults, and what is said of it then. */
static bool faults(const void *where, const char *pattern)
{
	n_traps = 0;
	said[0] = 0;
	upcall_before = hx_trap_set_upcall(explain_and_go_on);
	hx_trap_touch((uintptr_t)where, HX_TRAP_WRITE);
	hx_panic_init();
	return n_traps == 1 && hx_glob(pattern, said);
}

static bool is_touched(const void *where)
{
	n_traps = 0;
	upcall_before = hx_trap_set_upcall(explain_and_go_on);
	hx_trap_touch((uintptr_t)where, HX_TRAP_WRITE);
	hx_panic_init();
	return n_traps == 0;
}

static bool has_guards(struct hx_ktest_run *t)
{
	if (hx_strcmp(hx_heap_provider(), "slab") == 0)
		return true;
	hx_ktest_skip(t, "this heap has no guards");
	return false;
}

HX_KTEST(heap_guards_stop_an_overrun_at_once)
{
	static const size_t sizes[] = { LARGE, LARGE + 1, LARGE + 16, 3 * LARGE - 32, 1000000 };

	for (unsigned i = 0; has_guards(t) && i < HX_ARRAY_LEN(sizes); i++) {
		char *p = hx_alloc(sizes[i]);
		size_t usable = hx_alloc_size(p);

		hx_require(t, p != NULL && usable >= sizes[i]);
		memset(p, 0x5a, usable);
		hx_expect(t, is_touched(p) && is_touched(p + sizes[i] - 1));
		hx_expect(t, (uintptr_t)p % HX_HEAP_ALIGN == 0);
		/* With red zones the pages end behind those. */
		if (!HX_ENABLED(HEAP_WATCH)) {
			hx_expect(t, usable < sizes[i] + HX_HEAP_ALIGN);
			hx_expect(t, faults(p + usable, "heap: byte * of the block of *"));
		}
		hx_expect(t, faults(p + usable + 100, "heap: byte * of the block of *"));
		hx_expect(t, faults((char *)hx_align_down((uintptr_t)p, HX_PAGE_SIZE) - 1,
				    "heap: * bytes before the block of *"));
		hx_free(p);
		hx_expect(t, faults(p, "heap: no block is there*"));
	}
	hx_expect(t, hx_heap_check() == 0);
}

HX_KTEST(heap_guards_keep_alignment)
{
	for (size_t align = 32; has_guards(t) && align <= HX_PAGE_SIZE; align *= 2) {
		char *p = hx_alloc_aligned(LARGE + 5, align);

		hx_require(t, p != NULL && (uintptr_t)p % align == 0);
		hx_expect(t, is_touched(p + LARGE + 4));
		hx_expect(t, faults(p + LARGE + 2 * HX_PAGE_SIZE, "heap: *"));
		hx_free(p);
	}
}

/* Where nobody may sleep a block has no guards, and one that has some goes later. */
HX_KTEST(heap_guards_are_left_out_where_nobody_may_sleep)
{
	struct hx_area_bounds area = hx_mmu_area(HX_AREA_HEAP);
	uintptr_t p, guarded;

	if (!has_guards(t))
		return;
	guarded = (uintptr_t)hx_alloc(LARGE);
	hx_require(t, guarded >= area.start && guarded < area.end);
	hx_preempt_disable();
	p = (uintptr_t)hx_alloc(LARGE);
	hx_free((void *)guarded);
	hx_preempt_enable();
	hx_require(t, p != 0);
	hx_expect(t, p < area.start || p >= area.end);
	hx_expect(t, hx_alloc_size((void *)guarded) == 0);
	memset((void *)p, 1, LARGE);
	hx_free((void *)p);
	hx_free(hx_alloc(LARGE));
	hx_expect(t, faults((void *)guarded, "heap: *"));
	hx_expect(t, hx_heap_check() == 0);
}
