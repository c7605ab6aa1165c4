/* SPDX-License-Identifier: MIT */
/*
 * Trees of tables as the files of this room share them: the walk, written out where each fault and
 * each change of one page comes through, called (tree.c) by everything else.
 *
 * Invariants. (1) No entry is writable and executable. (2) Page 0 is never mapped. (3) A table or
 * page is given back only after a flush of what led to it. (4) A page is replaced by a table only
 * with a flush between: two sizes of translation for one address never meet.
 */
#ifndef HX_PAGING_TREE_PRIV_H
#define HX_PAGING_TREE_PRIV_H

#include <hx/hal/arch/paging.h>
#include <hx/hal/paging.h>

#define ENTRIES		512u
#define USER_ENTRIES	(ENTRIES / 2)
#define SHIFT(level)	(HX_PAGE_SHIFT + 9u * (level))
#define SIZE(level)	((uintptr_t)1 << SHIFT(level))
#define BATCH		32u	/* pages or tables that wait for one flush */

static inline uint64_t *tree_table(hx_paddr_t pa)
{
	return hx_phys_to_virt(pa);
}

static inline unsigned tree_index(uintptr_t va, unsigned level)
{
	return (unsigned)(va >> SHIFT(level)) & (ENTRIES - 1);
}

static inline uintptr_t tree_user_end(void)
{
	return (SIZE(hx_paging_levels()) >> 1) - HX_PAGE_SIZE;
}

/* From the entry *e of level l down to the next one. False: the way ends here, or was to. */
static HX_ALWAYS_INLINE bool tree_descend(uint64_t **e, uintptr_t direct, uintptr_t va, unsigned l,
					 unsigned level)
{
	uint64_t value = **e;

	if (l == level || value == 0 || hx_pte_is_page(value, l))
		return false;
	*e = (uint64_t *)(direct + hx_pte_address(value)) + tree_index(va, l - 1);
	return true;
}

/*
 * The entry for va at a level, or above it where the way ends; *found is its level. Every fault and
 * every change comes through here: written out, so that a level is eight instructions.
 */
static HX_ALWAYS_INLINE uint64_t *tree_find(const struct hx_mmu_space *s, uintptr_t va,
					    unsigned level, unsigned *found)
{
	uintptr_t direct = hx_hhdm_base;
	uint64_t *e = (uint64_t *)(direct + s->root);
	bool has_5 = hx_paging_levels() == 5;

	e += tree_index(va, has_5 ? 4 : 3);
	*found = 4;
	if (has_5 && !tree_descend(&e, direct, va, 4, level))
		return e;
	*found = 3;
	if (!tree_descend(&e, direct, va, 3, level))
		return e;
	*found = 2;
	if (!tree_descend(&e, direct, va, 2, level))
		return e;
	*found = 1;
	*found -= tree_descend(&e, direct, va, 1, level);
	return e;
}

static inline struct hx_mmu_page tree_page(uintptr_t va, uint64_t e, unsigned level)
{
	return (struct hx_mmu_page){
		.va = va & ~(SIZE(level) - 1), .pa = hx_pte_address(e), .bytes = SIZE(level),
		.flags = hx_pte_flags(e),
	};
}

#pragma GCC visibility push(hidden)	/* no detour through a GOT */

/* tree.c */
/* The same as tree_find(), called. */
uint64_t *tree_look(const struct hx_mmu_space *s, uintptr_t va, unsigned level, unsigned *found);
/* The same, making tables on the way. NULL: there is no page for one. */
uint64_t *tree_make(struct hx_mmu_space *s, uintptr_t va, unsigned level, unsigned *found);
/* The entry of the next page mapped in [*va, end), which *va becomes; NULL: none. */
uint64_t *tree_next(const struct hx_mmu_space *s, uintptr_t *va, uintptr_t end, unsigned *level);

#pragma GCC visibility pop

#endif
