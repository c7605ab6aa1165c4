// SPDX-License-Identifier: MIT
/* Ranges of kernel addresses in the booted kernel: guards, rights, code that is written and run. */
#include <hx/core/frames.h>
#include <hx/core/ktest.h>
#include <hx/core/panic.h>
#include <hx/core/string.h>
#include <hx/hal/trap.h>
#include <hx/vm/kva.h>

/* More pages than are forgotten one by one: the whole TLB is started anew. */
HX_KTEST(kva_large_range_is_unmapped)
{
	uintptr_t va;
	hx_paddr_t pa;
	unsigned flags;

	hx_require(t, hx_kva_alloc(HX_AREA_HEAP, 100 * HX_PAGE_SIZE, HX_MAP_WRITE, &va) == 0);
	memset((void *)va, 1, 100 * HX_PAGE_SIZE);
	hx_expect(t, hx_kva_protect(va, 100 * HX_PAGE_SIZE, HX_MAP_READ) == 0);
	hx_expect(t, hx_mmu_query(va + 99 * HX_PAGE_SIZE, &pa, &flags) == 0 && flags == 0);
	hx_expect(t, *(volatile char *)(va + 99 * HX_PAGE_SIZE) == 1);
	hx_kva_free(va);
}

HX_KTEST(kva_ranges_have_guards)
{
	static const enum hx_area areas[] = { HX_AREA_HEAP, HX_AREA_MODULES };

	for (unsigned i = 0; i < HX_ARRAY_LEN(areas); i++) {
		uint64_t before = hx_kva_bytes(areas[i]);
		uintptr_t a, b;
		hx_paddr_t pa;
		unsigned flags;

		hx_require(t, hx_kva_alloc(areas[i], 3 * HX_PAGE_SIZE - 1, HX_MAP_WRITE, &a) == 0);
		hx_require(t, hx_kva_alloc(areas[i], 1, HX_MAP_WRITE, &b) == 0);
		hx_expect(t, b == a + 4 * HX_PAGE_SIZE);
		hx_expect(t, *(volatile uint64_t *)(a + 2 * HX_PAGE_SIZE) == 0);
		memset((void *)a, 0x5a, 3 * HX_PAGE_SIZE);
		hx_expect(t, hx_mmu_query(a - 1, &pa, &flags) == -HX_ENOENT);
		hx_expect(t, hx_mmu_query(b - 1, &pa, &flags) == -HX_ENOENT);
		hx_expect(t, hx_mmu_query(b + HX_PAGE_SIZE, &pa, &flags) == -HX_ENOENT);
		hx_expect(t, hx_kva_protect(a, HX_PAGE_SIZE, HX_MAP_EXEC) ==
			     (areas[i] == HX_AREA_MODULES ? 0 : -HX_EINVAL));
		hx_expect(t, hx_kva_protect(a, 4 * HX_PAGE_SIZE, HX_MAP_READ) == -HX_EINVAL);
		hx_expect(t, hx_kva_bytes(areas[i]) == before + 4 * HX_PAGE_SIZE);
		hx_kva_free(a);
		hx_kva_free(b);
		hx_expect(t, hx_mmu_query(a, &pa, &flags) == -HX_ENOENT);
		hx_expect(t, hx_kva_bytes(areas[i]) == before);
	}
}

#define BREAKPOINT	3

static volatile unsigned n_traps;
static hx_trap_upcall_t upcall_before;
static uintptr_t trap_at;

/* What faults is counted, and goes on where hx_trap_touch() returns. */
static bool count_and_go_on(struct hx_trap_frame *f)
{
	if (hx_trap_fault_address(f) == 0 && hx_trap_vector(f) != BREAKPOINT)
		return upcall_before(f);
	n_traps++;
	trap_at = hx_trap_pc(f);
	if (hx_trap_fault_address(f) != 0)
		hx_trap_set_pc(f, (uintptr_t)hx_trap_touched);
	return true;
}

static unsigned traps_of(uintptr_t va, unsigned how)
{
	n_traps = 0;
	upcall_before = hx_trap_set_upcall(count_and_go_on);
	hx_trap_touch(va, how);
	hx_panic_init();
	return n_traps;
}

HX_KTEST(kva_code_is_written_then_run)
{
	size_t n = (size_t)(hx_trap_provoke_end - (const char *)hx_trap_provoke);
	void (*code)(unsigned vector);
	uintptr_t va;

	hx_require(t, hx_kva_alloc(HX_AREA_MODULES, 3 * HX_PAGE_SIZE, HX_MAP_WRITE, &va) == 0);
	memcpy((void *)va, (const void *)hx_trap_provoke, n);
	hx_expect(t, traps_of(va + HX_PAGE_SIZE, HX_TRAP_GO) == 1);	/* not code yet */
	hx_expect(t, hx_kva_protect(va, n, HX_MAP_EXEC) == 0);
	hx_expect(t, hx_kva_protect(va + HX_PAGE_SIZE, 1, HX_MAP_READ) == 0);
	code = (void (*)(unsigned))va;
	n_traps = 0;
	upcall_before = hx_trap_set_upcall(count_and_go_on);
	code(BREAKPOINT);
	hx_panic_init();
	hx_expect(t, n_traps == 1 && trap_at - va < n);
	hx_expect(t, traps_of(va, HX_TRAP_WRITE) == 1);
	hx_expect(t, traps_of(va, HX_TRAP_READ) == 0);
	hx_expect(t, traps_of(va + HX_PAGE_SIZE, HX_TRAP_WRITE) == 1);
	hx_expect(t, traps_of(va + HX_PAGE_SIZE, HX_TRAP_GO) == 1);
	hx_expect(t, traps_of(va + HX_PAGE_SIZE, HX_TRAP_READ) == 0);
	hx_expect(t, traps_of(va + 2 * HX_PAGE_SIZE, HX_TRAP_WRITE) == 0);
	hx_expect(t, traps_of(va - 1, HX_TRAP_READ) == 1);
	hx_expect(t, traps_of(va + 3 * HX_PAGE_SIZE, HX_TRAP_READ) == 1);
	hx_kva_free(va);
	hx_expect(t, traps_of(va, HX_TRAP_READ) == 1);
}
