/* SPDX-License-Identifier: MIT */
/*
 * Which space a CPU has loaded, and when old translations are forgotten.
 *
 * 1 Concepts. A space's generation is the number of flushes it has seen. A CPU with tags (PCIDs)
 *   keeps, for each tag, which space it stands for and up to which generation its translations are
 *   right. Loading a space whose tag is up to date keeps them; else the load flushes the tag.
 * 2 Who is told. A flush first counts the generation up, then looks at space->cpus; a switch first
 *   enters the CPU there, then reads the generation. Both in one total order, so either the flusher
 *   sees the CPU, or the CPU sees the generation.
 * 3 Invariant. The owner makes one change at a time and the shoot-down waits for all CPUs: so at
 *   most one generation is under way, and a tag that is one behind lacks exactly that flush.
 * Source: Intel SDM vol. 3, 4.10.4; generations as in Linux arch/x86/mm/tlb.c.
 */
#include <hx/hal/arch/paging.h>
#include <hx/hal/paging.h>
#include <hx/hal/percpu.h>

#define TAGS_MAX	6u	/* spaces that a CPU remembers; tag 0 is the kernel's own tables */
#define FLUSH_MAX	32u	/* pages forgotten one by one; above, a new start is cheaper */

/* Field keys: o owner CPU with interrupts off. */
static struct cpu_tlb {
	struct hx_mmu_space *loaded;			/* o NULL: the kernel's own tables */
	uint32_t next;					/* o slot that is given up next */
	struct {
		uint64_t id, generation;
	} slot[TAGS_MAX];				/* o tag is the index + 1 */
} tlbs[HX_CPUS_MAX];

static hx_mmu_shootdown_t shootdown = hx_mmu_flush_local;

void hx_mmu_set_shootdown(hx_mmu_shootdown_t fn)
{
	shootdown = fn != NULL ? fn : hx_mmu_flush_local;
}

unsigned hx_mmu_tags(void)
{
	return hx_tlb_has_tags() ? TAGS_MAX : 0;
}

struct hx_mmu_space *hx_mmu_loaded(void)
{
	return tlbs[hx_percpu()->cpu].loaded;
}

/* Load s, which has its bit in s->cpus. */
static void load(struct cpu_tlb *t, struct hx_mmu_space *s, unsigned cpu)
{
	uint64_t generation = __atomic_load_n(&s->generation, __ATOMIC_SEQ_CST);
	unsigned i = s->tag[cpu];
	bool keep;

	if (!hx_tlb_has_tags()) {
		hx_tlb_load(s->root, 0, false);
		return;
	}
	keep = t->slot[i].id == s->id && t->slot[i].generation == generation;
	if (t->slot[i].id != s->id) {
		i = t->next;
		t->next = i + 1 < TAGS_MAX ? i + 1 : 0;
		s->tag[cpu] = (uint8_t)i;
		t->slot[i].id = s->id;
	}
	t->slot[i].generation = generation;
	hx_tlb_load(s->root, i + 1, keep);
}

void hx_mmu_switch(struct hx_mmu_space *s)
{
	unsigned cpu = hx_percpu()->cpu;
	struct cpu_tlb *t = &tlbs[cpu];
	struct hx_mmu_space *old = t->loaded;

	if (s == old)
		return;
	t->loaded = s;
	if (s != NULL) {
		__atomic_fetch_or(&s->cpus, 1ull << cpu, __ATOMIC_SEQ_CST);
		load(t, s, cpu);
	} else {
		hx_tlb_load(hx_paging_root(), 0, hx_tlb_has_tags());
	}
	if (old != NULL)
		__atomic_fetch_and(&old->cpus, ~(1ull << cpu), __ATOMIC_SEQ_CST);
}

static void forget_kernel(uintptr_t va, size_t n_pages)
{
	if (n_pages > FLUSH_MAX) {
		hx_tlb_forget_all();
		return;
	}
	for (; n_pages != 0; n_pages--, va += HX_PAGE_SIZE)
		hx_tlb_forget(va);
}

/* The loaded space has lost the translations of a range. */
static void forget_loaded(struct cpu_tlb *t, struct hx_mmu_space *s, unsigned cpu, uintptr_t va,
			  size_t n_pages)
{
	unsigned i = s->tag[cpu];

	if (n_pages > FLUSH_MAX) {
		load(t, s, cpu);
		return;
	}
	for (; n_pages != 0; n_pages--, va += HX_PAGE_SIZE)
		hx_tlb_forget(va);
	/* What is loaded lacks at most this flush (3), so it is up to date now. */
	if (hx_tlb_has_tags())
		t->slot[i].generation = __atomic_load_n(&s->generation, __ATOMIC_SEQ_CST);
}

void hx_mmu_flush_local(const struct hx_mmu_space *s, uintptr_t va, size_t n_pages)
{
	hx_irqflags_t irq = hx_irq_save();
	unsigned cpu = hx_percpu()->cpu;
	struct cpu_tlb *t = &tlbs[cpu];

	if (s == NULL)
		forget_kernel(va, n_pages);
	else if (t->loaded == s && s->is_dying)
		hx_mmu_switch(NULL);
	else if (t->loaded == s)
		forget_loaded(t, t->loaded, cpu, va, n_pages);
	hx_irq_restore(irq);
}

void hx_mmu_flush(struct hx_mmu_space *s, uintptr_t va, size_t n_pages)
{
	if (s != NULL) {
		__atomic_fetch_add(&s->generation, 1, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&s->cpus, __ATOMIC_SEQ_CST) == 0)
			return;
	}
	shootdown(s, va, n_pages);
}

void hx_tlb_reset(void)
{
	for (unsigned i = 0; i < HX_CPUS_MAX; i++)
		tlbs[i] = (struct cpu_tlb){ .loaded = NULL };
	shootdown = hx_mmu_flush_local;
}
