// SPDX-License-Identifier: MIT
/*
 * What address spaces cost. The faults come from a copy of one byte to user memory, so the figures
 * hold the copy (about 20 instructions), the exception both ways, and everything between.
 */
#include <hx/core/bench.h>
#include <hx/core/frames.h>
#include <hx/hal/mem.h>

#include "vm_priv.h"

#define AT	((uintptr_t)0x40000000)
#define PAGES	2048u		/* more than samples are taken */

/* A space with a region of PAGES pages at AT, which the calling thread runs in. */
static int enter(struct hx_vm_space **s)
{
	const struct hx_vm_params p = { .va = AT, .size_bytes = PAGES * HX_PAGE_SIZE,
					.prot = HX_VM_READ | HX_VM_WRITE, .flags = HX_VM_FIXED };
	uintptr_t va;
	int err = hx_vm_create(0, s);

	if (err != 0)
		return err;
	err = hx_vm_map(*s, &p, &va);
	if (err != 0)
		hx_vm_put(*s);
	else
		hx_vm_attach(*s);
	return err;
}

static void leave(struct hx_vm_space *s)
{
	hx_vm_attach(NULL);
	hx_vm_put(s);
}

static int map_one(struct hx_bench_run *b, unsigned flags)
{
	struct hx_vm_params p = { .va = AT + PAGES * HX_PAGE_SIZE, .size_bytes = HX_PAGE_SIZE,
				  .prot = HX_VM_READ | HX_VM_WRITE, .flags = HX_VM_FIXED | flags };
	struct hx_vm_space *s;
	uintptr_t va;
	int err = enter(&s);

	if (err != 0)
		return err;
	/* A neighbour whose page keeps the table there. */
	p.flags |= HX_VM_POPULATE;
	err = hx_vm_map(s, &p, &va);
	p.va += 2 * HX_PAGE_SIZE;
	p.flags = HX_VM_FIXED | flags;
	if (err == 0)
		err = hx_vm_object_create(HX_PAGE_SIZE, &p.object);
	if (err == 0 && vm_object_page(p.object, 0) == 0)
		err = -HX_ENOMEM;
	if (err == 0)
		err = hx_vm_map(s, &p, &va);
	while (err == 0 && hx_bench_more(b)) {
		err = hx_vm_unmap(s, va, HX_PAGE_SIZE);
		if (err != 0)
			break;
		hx_bench_begin(b);
		err = hx_vm_map(s, &p, &va);
		hx_bench_end(b);
	}
	hx_vm_object_put(p.object);
	leave(s);
	return err;
}

HX_BENCH(vm_map_region, "vm.map.region",
	 "hx_vm_map() of one shared page: region made and entered, page mapped")
{
	return map_one(b, HX_VM_POPULATE);
}

HX_BENCH(vm_map, "vm.map", "hx_mmu_space_map() of one page of 4 KiB whose table is there")
{
	struct hx_vm_space *s;
	hx_paddr_t pa;
	int err = enter(&s);

	if (err != 0)
		return err;
	err = hx_frames_alloc(0, HX_FRAMES_ANY, &pa);
	if (err == 0)
		err = hx_mmu_space_map(&s->mmu, AT, pa, 1, HX_MAP_WRITE);
	while (err == 0 && hx_bench_more(b)) {
		err = hx_mmu_space_unmap(&s->mmu, AT, 1, NULL, NULL);
		if (err != 0)
			break;
		hx_bench_begin(b);
		err = hx_mmu_space_map(&s->mmu, AT, pa, 1, HX_MAP_WRITE);
		hx_bench_end(b);
	}
	if (hx_mmu_space_unmap(&s->mmu, AT, 1, NULL, NULL) == 0)
		hx_frames_free(pa, 0);
	leave(s);
	return err;
}

HX_BENCH(vm_unmap, "vm.unmap", "hx_mmu_space_unmap() of one page of 4 KiB, with its flush")
{
	struct hx_vm_space *s;
	hx_paddr_t pa;
	int err = enter(&s);

	if (err != 0)
		return err;
	err = hx_frames_alloc(0, HX_FRAMES_ANY, &pa);
	while (err == 0 && hx_bench_more(b)) {
		err = hx_mmu_space_map(&s->mmu, AT, pa, 1, HX_MAP_WRITE);
		if (err != 0)
			break;
		hx_bench_begin(b);
		err = hx_mmu_space_unmap(&s->mmu, AT, 1, NULL, NULL);
		hx_bench_end(b);
	}
	hx_frames_free(pa, 0);
	leave(s);
	return err;
}

/* The clearing of a page, to be taken off. */
static uint64_t clearing(hx_paddr_t pa)
{
	uint64_t t0, t1, t2;

	t0 = hx_cycles();
	t1 = hx_cycles();
	memset(hx_phys_to_virt(pa), 0, HX_PAGE_SIZE);
	t2 = hx_cycles();
	return t2 - t1 - (t1 - t0);
}

/* Write a byte to page after page; what is below `less` in each sample is somebody else's. */
static int touch_all(struct hx_bench_run *b, uint64_t less)
{
	const char byte = 1;
	int err = 0;

	b->n_max = (uint32_t)hx_min_u64(b->n_max, PAGES - 1);
	for (uintptr_t va = AT + HX_PAGE_SIZE; err == 0 && hx_bench_more(b); va += HX_PAGE_SIZE) {
		uint64_t t0 = hx_cycles(), d;

		err = hx_copy_to_user(va, &byte, 1);
		d = hx_cycles() - t0;
		hx_bench_sample(b, d > less ? d - less : 0);
	}
	return err;
}

HX_BENCH(vm_fault, "vm.fault",
	 "a byte copied to a page never touched: fault, page of zeroes, byte; less the clearing")
{
	struct hx_vm_space *s;
	hx_paddr_t pa;
	uint64_t less = 0;
	int err = enter(&s);

	if (err != 0)
		return err;
	err = hx_frames_alloc(0, HX_FRAMES_ANY, &pa);
	if (err == 0) {
		less = clearing(pa);
		hx_frames_free(pa, 0);
		err = hx_clear_user(AT, 1);	/* the tables of the first 2 MiB */
	}
	if (err == 0)
		err = touch_all(b, less);
	leave(s);
	return err;
}

/* Writing to pages that a clone shares, or, with it gone, that it once shared. */
static int cow(struct hx_bench_run *b, bool is_shared)
{
	struct hx_vm_space *s, *copy = NULL;
	hx_paddr_t pa;
	uint64_t less = 0;
	int err = enter(&s);

	if (err != 0)
		return err;
	err = hx_clear_user(AT, PAGES * HX_PAGE_SIZE);
	if (err == 0)
		err = hx_vm_clone(s, &copy);
	if (err == 0)
		err = hx_frames_alloc(0, HX_FRAMES_ANY, &pa);
	if (err == 0) {
		less = is_shared ? clearing(pa) : 0;	/* a copy is as many steps */
		hx_frames_free(pa, 0);
		if (!is_shared) {
			hx_vm_put(copy);
			copy = NULL;
		}
		err = touch_all(b, less);
	}
	hx_vm_put(copy);
	leave(s);
	return err;
}

HX_BENCH(vm_fault_cow, "vm.fault.cow",
	 "a byte copied to a page shared with a clone: fault, page, flush, byte; less the copying")
{
	return cow(b, true);
}

HX_BENCH(vm_fault_own, "vm.fault.own",
	 "a byte copied to a page that nobody shares any more: fault, right to write, byte")
{
	return cow(b, false);
}

static int switch_both(struct hx_bench_run *b)
{
	struct hx_vm_space *s[2] = { NULL, NULL };
	hx_irqflags_t irq;
	int err = hx_vm_create(0, &s[0]);

	if (err == 0)
		err = hx_vm_create(0, &s[1]);
	if (err == 0) {
		hx_preempt_disable();
		irq = hx_irq_save();
		hx_mmu_switch(&s[1]->mmu);
		for (unsigned i = 0; hx_bench_more(b); i++) {
			hx_bench_begin(b);
			hx_mmu_switch(&s[i % 2]->mmu);
			hx_bench_end(b);
		}
		hx_mmu_switch(NULL);
		hx_irq_restore(irq);
		hx_preempt_enable();
	}
	hx_vm_put(s[0]);
	hx_vm_put(s[1]);
	return err;
}

HX_BENCH(vm_switch, "vm.switch", "hx_mmu_switch() to another space, CPU without PCIDs")
{
	return hx_mmu_tags() == 0 ? switch_both(b) : -HX_ENOTSUP;
}

HX_BENCH(vm_switch_pcid, "vm.switch.pcid",
	 "hx_mmu_switch() to another space whose translations the CPU still has")
{
	return hx_mmu_tags() != 0 ? switch_both(b) : -HX_ENOTSUP;
}

HX_BENCH(vm_copy, "vm.copy", "hx_copy_to_user() of 8 bytes to a page that is there")
{
	struct hx_vm_space *s;
	uint64_t word = 1;
	int err = enter(&s);

	if (err != 0)
		return err;
	err = hx_clear_user(AT, sizeof(word));
	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		err = hx_copy_to_user(AT, &word, sizeof(word));
		hx_bench_end(b);
	}
	leave(s);
	return err;
}
