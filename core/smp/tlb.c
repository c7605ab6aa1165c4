/* SPDX-License-Identifier: MIT */
/*
 * Shoot-down: no CPU may use a translation that is gone.
 *
 * 1 Concepts. Each CPU has one request, which it fills before it asks others; each CPU has a word
 *   "from" with a bit for every CPU that asks. A target takes the word, reads the request of each
 *   one who asks, forgets, and takes its own bit out of that request's set. The asking CPU waits
 *   for the set to be empty and answers others meanwhile, so that two who ask each other get on.
 * 2 Locking. None: a request is written by its CPU alone, with preemption off, while nobody is in
 *   its set.
 * 3 Invariants, properties of the model test/models/tlb_shootdown.pml: (stale) when the function
 *   returns, no CPU of the set holds the old translation; (progress) all who ask at the same time
 *   return, with interrupts on or off.
 * 4 Order. The page table is changed before the fence, and the set of CPUs is read after it; a CPU
 *   that goes online, or loads an address space, enters the set first and forgets or loads
 *   afterwards. So either it is asked, or it reads the new table.
 */
#include <hx/core/assert.h>
#include <hx/core/lock.h>
#include <hx/config/hal_paging.h>
#include <hx/hal/smp.h>
#include <hx/hal/space.h>

#include "smp_priv.h"

/* Field keys: r the CPU that asks, while waiting is 0; a atomic. */
static struct HX_ALIGNED(64) tlb_request {
	const struct hx_mmu_space *space;	/* r NULL: the kernel's, or plain addresses */
	uintptr_t va;			/* r */
	size_t n_pages;			/* r */
	uint64_t waiting;		/* a CPUs that have not forgotten yet */
	uint64_t from;			/* a who asks this CPU */
} tlb_requests[HX_CPUS];

static struct hx_spinlock kmap_lock = HX_SPINLOCK_INIT("kmap", HX_RANK_KMAP);

/* Interrupts or preemption off. A space's generations are kept where its tags are. */
static void forget(const struct hx_mmu_space *space, uintptr_t va, size_t n_pages)
{
	if (HX_ENABLED(MMU_SPACES) && space != NULL)
		hx_mmu_flush_local(space, va, n_pages);
	else
		hx_tlb_flush(va, n_pages);
}

void smp_tlb_answer(void)
{
	unsigned me = hx_percpu()->cpu;
	uint64_t from = __atomic_exchange_n(&tlb_requests[me].from, 0, __ATOMIC_ACQ_REL);

	while (from != 0) {
		struct tlb_request *r = &tlb_requests[hx_cpumask_take(&from)];

		forget(r->space, r->va, r->n_pages);
		__atomic_fetch_and(&r->waiting, ~(1ull << me), __ATOMIC_RELEASE);
	}
}

/* Preemption is off; cpus are online ones, without this one. */
static void tlb_ask(uint64_t cpus, const struct hx_mmu_space *space, uintptr_t va, size_t n_pages)
{
	unsigned me = hx_percpu()->cpu;
	struct tlb_request *r = &tlb_requests[me];

	r->space = space;
	r->va = va;
	r->n_pages = n_pages;
	__atomic_store_n(&r->waiting, cpus, __ATOMIC_RELEASE);
	while (cpus != 0) {
		unsigned cpu = hx_cpumask_take(&cpus);

		__atomic_fetch_or(&tlb_requests[cpu].from, 1ull << me, __ATOMIC_ACQ_REL);
		hx_ipi_send(cpu, HX_IPI_TLB);
	}
	/* One that was stopped meanwhile will not answer, and uses nothing any more. */
	while ((__atomic_load_n(&r->waiting, __ATOMIC_ACQUIRE) & hx_cpus_online().bits) != 0) {
		hx_spin_poll();
		hx_cpu_relax();
	}
}

static void shoot_down(const uint64_t *cpus, const struct hx_mmu_space *space, uintptr_t va,
		       size_t n_pages)
{
	uint64_t set, me;

	hx_assert(hx_percpu()->irq_depth == 0);
	hx_preempt_disable();
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	me = 1ull << hx_percpu()->cpu;
	set = cpus == NULL ? ~0ull : __atomic_load_n(cpus, __ATOMIC_RELAXED);
	if (set & me)
		forget(space, va, n_pages);
	set &= hx_cpus_online().bits & ~me;
	if (set != 0 && n_pages != 0)
		tlb_ask(set, space, va, n_pages);
	hx_preempt_enable();
}

void hx_tlb_shootdown(const struct hx_cpumask *cpus, uintptr_t va, size_t n_pages)
{
	shoot_down(cpus != NULL ? &cpus->bits : NULL, NULL, va, n_pages);
}

/* For hal/paging: of a space, the CPUs that have it loaded; without one, all. */
static void space_flush(const struct hx_mmu_space *space, uintptr_t va, size_t n_pages)
{
	shoot_down(space != NULL ? &space->cpus : NULL, space, va, n_pages);
}

static hx_irqflags_t kmap_take(void)
{
	return hx_spin_lock_irqsave(&kmap_lock);
}

static void kmap_give(hx_irqflags_t flags)
{
	hx_spin_unlock_irqrestore(&kmap_lock, flags);
}

/* Every CPU uses the kernel's half. */
static void kmap_flush(uintptr_t va, size_t n_pages)
{
	hx_tlb_shootdown(NULL, va, n_pages);
}

static const struct hx_mmu_hooks kmap_hooks = {
	.lock = kmap_take, .unlock = kmap_give, .flush = kmap_flush,
};

void smp_tlb_start(void)
{
	hx_mmu_set_hooks(&kmap_hooks);
	if (HX_ENABLED(MMU_SPACES))
		hx_mmu_set_shootdown(space_flush);
}
