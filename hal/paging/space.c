/* SPDX-License-Identifier: MIT */
/*
 * Address spaces from nothing to nothing: the top table, whose upper half is the kernel's, and
 * giving tables back. What an entry looks like is the machine's (<hx/hal/arch/paging.h>).
 */
#include "tree_priv.h"

static struct hx_mmu_space *spaces;	/* the kernel map's lock */
static uint64_t last_id;		/* the same */

unsigned hx_mmu_levels(void)
{
	return hx_paging_levels();
}

uintptr_t hx_mmu_user_end(void)
{
	return tree_user_end();
}

int hx_mmu_space_init(struct hx_mmu_space *s)
{
	hx_paddr_t root = hx_paging_take();
	const uint64_t *kernel = tree_table(hx_paging_root());
	hx_irqflags_t irq;

	if (root == 0)
		return -HX_ENOMEM;
	*s = (struct hx_mmu_space){ .root = root, .n_tables = 1 };
	irq = hx_paging_lock();
	for (unsigned i = USER_ENTRIES; i < ENTRIES; i++)
		tree_table(root)[i] = kernel[i];
	s->id = ++last_id;
	s->next = spaces;
	s->link = &spaces;
	if (spaces != NULL)
		spaces->link = &s->next;
	spaces = s;
	hx_paging_unlock(irq);
	return 0;
}

void hx_space_reset(void)
{
	spaces = NULL;
}

void hx_space_kernel_entry(unsigned idx, uint64_t value)
{
	for (struct hx_mmu_space *s = spaces; s != NULL; s = s->next)
		tree_table(s->root)[idx] = value;
}

/* Give back a table and all below; nobody has it loaded. */
static void give_tables(struct hx_mmu_space *s, hx_paddr_t pa, unsigned level, unsigned n_entries)
{
	const uint64_t *table = tree_table(pa);

	for (unsigned i = 0; level > 0 && i < n_entries; i++)
		if (table[i] != 0 && !hx_pte_is_page(table[i], level))
			give_tables(s, hx_pte_address(table[i]), level - 1, ENTRIES);
	hx_paging_give(pa);
	s->n_tables--;
}

void hx_mmu_space_fini(struct hx_mmu_space *s)
{
	hx_irqflags_t irq;

	__atomic_store_n(&s->is_dying, 1, __ATOMIC_SEQ_CST);
	hx_mmu_flush(s, 0, SIZE_MAX >> HX_PAGE_SHIFT);
	irq = hx_paging_lock();
	*s->link = s->next;
	if (s->next != NULL)
		s->next->link = s->link;
	hx_paging_unlock(irq);
	give_tables(s, s->root, hx_paging_levels() - 1, USER_ENTRIES);
	s->root = 0;
}

struct trim {
	struct hx_mmu_space *s;
	uintptr_t start, end, low, high;
	unsigned n;
	hx_paddr_t gone[BATCH];
};

static void trim_flush(struct trim *t)
{
	if (t->n == 0)
		return;
	hx_mmu_flush(t->s, t->start, (t->end - t->start) >> HX_PAGE_SHIFT);
	while (t->n > 0) {
		hx_paging_give(t->gone[--t->n]);
		t->s->n_tables--;
	}
}

/* Of the table at `pa`, which maps from `base` on with entries of `level`. */
static void trim_table(struct trim *t, hx_paddr_t pa, unsigned level, uintptr_t base)
{
	uintptr_t va = hx_max_u64(t->start, base) & ~(SIZE(level) - 1);
	uintptr_t last = hx_min_u64(t->end - 1, base + (SIZE(level + 1) - 1));

	for (; va <= last; va += SIZE(level)) {
		uint64_t *e = &tree_table(pa)[tree_index(va, level)];
		hx_paddr_t below;

		if (*e == 0 || hx_pte_is_page(*e, level))
			continue;
		below = hx_pte_address(*e);
		if (level > 1)
			trim_table(t, below, level - 1, va);
		if (va < t->low || va > t->high || t->high - va < SIZE(level))
			continue;
		*e = 0;
		t->gone[t->n++] = below;
		if (t->n == BATCH)
			trim_flush(t);
	}
}

void hx_mmu_space_trim(struct hx_mmu_space *s, uintptr_t start, uintptr_t end, uintptr_t low,
		       uintptr_t high)
{
	struct trim t = { .s = s, .start = start, .end = end, .low = low, .high = high };

	if (start >= end)
		return;
	trim_table(&t, s->root, hx_paging_levels() - 1, 0);
	trim_flush(&t);
}
