/* SPDX-License-Identifier: MIT */
/* Looking at a space: the entry for an address, with the tables above it if they shall be made, the
 * next page, all pages. */
#include "tree_priv.h"

uint64_t *tree_look(const struct hx_mmu_space *s, uintptr_t va, unsigned level, unsigned *found)
{
	return tree_find(s, va, level, found);
}

uint64_t *tree_make(struct hx_mmu_space *s, uintptr_t va, unsigned level, unsigned *found)
{
	for (;;) {
		uint64_t *e = tree_look(s, va, level, found);
		hx_paddr_t pa;

		if (*found == level || *e != 0)
			return e;
		pa = hx_paging_take();
		if (pa == 0)
			return NULL;
		s->n_tables++;
		*e = hx_pte_table(pa);
	}
}

uint64_t *tree_next(const struct hx_mmu_space *s, uintptr_t *va, uintptr_t end, unsigned *level)
{
	while (*va < end) {
		uint64_t *e = tree_look(s, *va, 0, level);
		unsigned n = *level == 0 ? ENTRIES - tree_index(*va, 0) : 1;

		for (; n != 0 && *va < end; n--, e++) {
			if (*e != 0)
				return e;
			*va = (*va | (SIZE(*level) - 1)) + 1;
		}
	}
	return NULL;
}

int hx_mmu_space_query(const struct hx_mmu_space *s, uintptr_t va, struct hx_mmu_page *page)
{
	unsigned level;
	const uint64_t *e;

	if (va > tree_user_end())
		return -HX_ENOENT;
	e = tree_find(s, va, 0, &level);
	if (*e == 0)
		return -HX_ENOENT;
	*page = tree_page(va, *e, level);
	return 0;
}

bool hx_mmu_space_has_table(const struct hx_mmu_space *s, uintptr_t va)
{
	unsigned level;
	const uint64_t *e = tree_look(s, va, 1, &level);

	return level == 1 && *e != 0 && !hx_pte_is_page(*e, 1);
}

void hx_mmu_space_walk(const struct hx_mmu_space *s, uintptr_t va, uintptr_t end,
		       hx_mmu_visit_t visit, void *arg)
{
	unsigned level;
	uint64_t *e;

	while ((e = tree_next(s, &va, end, &level)) != NULL) {
		struct hx_mmu_page page = tree_page(va, *e, level);

		visit(arg, &page);
		va = page.va + page.bytes;
	}
}
