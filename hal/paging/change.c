/* SPDX-License-Identifier: MIT */
/* Changing a space: mapping, unmapping, rights, another page instead, cutting large pages. */
#include "tree_priv.h"

#define BOTH	(HX_MAP_WRITE | HX_MAP_EXEC)

static bool is_range(uintptr_t va, size_t n_pages)
{
	uintptr_t end = tree_user_end();

	return (va & (HX_PAGE_SIZE - 1)) == 0 && va >= HX_PAGE_SIZE && va <= end &&
	       n_pages <= (end - va) >> HX_PAGE_SHIFT;
}

static HX_ALWAYS_INLINE uint64_t *make(struct hx_mmu_space *s, uintptr_t va, unsigned level,
				       unsigned *found)
{
	uint64_t *e = tree_find(s, va, level, found);

	if (HX_LIKELY(*found == level || *e != 0))
		return e;
	return tree_make(s, va, level, found);
}

/* Whether an address lies inside a large page instead of at its start. */
static bool cuts(const struct hx_mmu_space *s, uintptr_t va)
{
	unsigned level;
	const uint64_t *e = tree_look(s, va, 0, &level);

	return *e != 0 && (va & (SIZE(level) - 1)) != 0;
}

static int map_page(struct hx_mmu_space *s, uintptr_t va, hx_paddr_t pa, unsigned flags)
{
	unsigned level;
	uint64_t *e = make(s, va, 0, &level);

	if (e == NULL)
		return -HX_ENOMEM;
	if (*e != 0)
		return -HX_EEXIST;
	*e = hx_pte_page(pa, flags, 0);
	return 0;
}

/* The largest size that va, pa and length allow. */
static unsigned best_level(uintptr_t va, hx_paddr_t pa, size_t n_pages)
{
	unsigned level = hx_paging_has_1g() ? HX_PTE_LEVEL_MAX : 1;

	while (level > 0 && (((va | pa) & (SIZE(level) - 1)) != 0 ||
			     n_pages < SIZE(level) >> HX_PAGE_SHIFT))
		level--;
	return level;
}

static HX_NOINLINE int map_run(struct hx_mmu_space *s, uintptr_t start, hx_paddr_t pa,
			       size_t n_pages, unsigned flags)
{
	uintptr_t va = start;

	while (n_pages != 0) {
		unsigned level = best_level(va, pa, n_pages), found;
		uint64_t *e = tree_make(s, va, level, &found);

		/* An empty table may stand where a large page would fit: then smaller ones. */
		while (e != NULL && *e != 0)
			e = tree_make(s, va, --level, &found);
		if (e == NULL)
			return hx_mmu_space_unmap(s, start, (va - start) >> HX_PAGE_SHIFT, NULL,
						  NULL) == 0 ? -HX_ENOMEM : -HX_EINVAL;
		*e = hx_pte_page(pa, flags, level);
		va += SIZE(level);
		pa += SIZE(level);
		n_pages -= SIZE(level) >> HX_PAGE_SHIFT;
	}
	return 0;
}

int hx_mmu_space_map(struct hx_mmu_space *s, uintptr_t va, hx_paddr_t pa, size_t n_pages,
		     unsigned flags)
{
	uintptr_t at = va;
	unsigned level;

	if (!is_range(va, n_pages) || (pa & (HX_PAGE_SIZE - 1)) != 0 || (flags & BOTH) == BOTH)
		return -HX_EINVAL;
	flags &= ~(unsigned)(HX_MAP_ACCESSED | HX_MAP_DIRTY);
	if (n_pages == 1)
		return map_page(s, va, pa, flags);
	if (tree_next(s, &at, va + (n_pages << HX_PAGE_SHIFT), &level) != NULL)
		return -HX_EEXIST;
	return map_run(s, va, pa, n_pages, flags);
}

/* Pages taken out that wait for their flush; the level is in the low bits of va. */
struct batch {
	struct hx_mmu_space *s;
	hx_mmu_visit_t visit;
	void *arg;
	uintptr_t start, end;
	unsigned n;
	struct {
		uintptr_t va;
		uint64_t entry;
	} gone[BATCH];
};

static void batch_flush(struct batch *b)
{
	if (b->n == 0)
		return;
	hx_mmu_flush(b->s, b->start, (b->end - b->start) >> HX_PAGE_SHIFT);
	for (unsigned i = 0; b->visit != NULL && i < b->n; i++) {
		unsigned level = (unsigned)(b->gone[i].va & (HX_PAGE_SIZE - 1));
		struct hx_mmu_page page = tree_page(b->gone[i].va, b->gone[i].entry, level);

		b->visit(b->arg, &page);
	}
	b->n = 0;
}

static void unmap_page(struct hx_mmu_space *s, uintptr_t va, uint64_t *e, hx_mmu_visit_t visit,
		       void *arg)
{
	struct hx_mmu_page page;

	if (*e == 0)
		return;
	page = tree_page(va, __atomic_exchange_n(e, 0, __ATOMIC_ACQ_REL), 0);
	hx_mmu_flush(s, va, 1);
	if (visit != NULL)
		visit(arg, &page);
}

int hx_mmu_space_unmap(struct hx_mmu_space *s, uintptr_t va, size_t n_pages, hx_mmu_visit_t visit,
		       void *arg)
{
	uintptr_t end = va + (n_pages << HX_PAGE_SHIFT);
	struct batch b;
	unsigned level;
	uint64_t *e;

	if (!is_range(va, n_pages))
		return -HX_EINVAL;
	e = tree_find(s, va, 0, &level);
	if (n_pages == 1 && level == 0) {
		unmap_page(s, va, e, visit, arg);
		return 0;
	}
	if (cuts(s, va) || cuts(s, end))
		return -HX_EINVAL;
	b.s = s;
	b.visit = visit;
	b.arg = arg;
	b.n = 0;
	while ((e = tree_next(s, &va, end, &level)) != NULL) {
		if (b.n == 0)
			b.start = va;
		b.gone[b.n].va = va | level;
		/* The CPU may set accessed and dirty bits up to this moment. */
		b.gone[b.n++].entry = __atomic_exchange_n(e, 0, __ATOMIC_ACQ_REL);
		va += SIZE(level);
		b.end = va;
		if (b.n == BATCH)
			batch_flush(&b);
	}
	batch_flush(&b);
	return 0;
}

/* Change an entry while the CPU may set its accessed and dirty bits. Whether something was lost. */
static HX_NOINLINE bool change(uint64_t *e, unsigned level, unsigned clear, unsigned set)
{
	uint64_t old = __atomic_load_n(e, __ATOMIC_RELAXED), new;
	unsigned was, is;

	do {
		was = hx_pte_flags(old);
		is = (was & ~clear) | set;
		new = hx_pte_page(hx_pte_address(old), is, level);
	} while (!__atomic_compare_exchange_n(e, &old, new, false, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	return (was & ~is & (BOTH | HX_MAP_UNCACHED | HX_MAP_ACCESSED | HX_MAP_DIRTY)) != 0 ||
	       (is & ~was & (HX_MAP_NOACCESS | HX_MAP_UNCACHED)) != 0;
}

int hx_mmu_space_protect(struct hx_mmu_space *s, uintptr_t va, size_t n_pages, unsigned clear,
			 unsigned set)
{
	uintptr_t start = va, end = va + (n_pages << HX_PAGE_SHIFT);
	bool lost = false;
	unsigned level;
	uint64_t *e;

	if (!is_range(va, n_pages) || (set & BOTH) == BOTH ||
	    ((set & BOTH) != 0 && ((set | clear) & BOTH) != BOTH))
		return -HX_EINVAL;
	e = tree_find(s, va, 0, &level);
	if (n_pages << HX_PAGE_SHIFT == SIZE(level) && (va & (SIZE(level) - 1)) == 0) {
		if (*e != 0 && change(e, level, clear, set))	/* one page, as faults want it */
			hx_mmu_flush(s, va, n_pages);
		return 0;
	}
	if (cuts(s, va) || cuts(s, end))
		return -HX_EINVAL;
	while ((e = tree_next(s, &va, end, &level)) != NULL) {
		lost |= change(e, level, clear, set);
		va += SIZE(level);
	}
	if (lost)
		hx_mmu_flush(s, start, n_pages);
	return 0;
}

int hx_mmu_space_replace(struct hx_mmu_space *s, const struct hx_mmu_page *page)
{
	unsigned level;
	uint64_t *e;

	if (page->va > tree_user_end())
		return -HX_ENOENT;
	e = tree_look(s, page->va, 0, &level);
	if (*e == 0)
		return -HX_ENOENT;
	if ((page->pa & (SIZE(level) - 1)) != 0 || (page->flags & BOTH) == BOTH)
		return -HX_EINVAL;
	__atomic_store_n(e, hx_pte_page(page->pa, page->flags, level), __ATOMIC_RELEASE);
	hx_mmu_flush(s, page->va & ~(SIZE(level) - 1), level == 0 ? 1 : SIZE_MAX >> HX_PAGE_SHIFT);
	return 0;
}

int hx_mmu_space_split(struct hx_mmu_space *s, uintptr_t va, unsigned set)
{
	struct hx_mmu_page page;
	hx_paddr_t table;
	unsigned level;
	uint64_t *e;

	if (hx_mmu_space_query(s, va, &page) != 0 || page.bytes == HX_PAGE_SIZE)
		return 0;
	table = hx_paging_take();
	if (table == 0)
		return -HX_ENOMEM;
	e = tree_look(s, va, 0, &level);
	page = tree_page(va, __atomic_exchange_n(e, 0, __ATOMIC_ACQ_REL), level);
	hx_mmu_flush(s, page.va, page.bytes >> HX_PAGE_SHIFT);
	for (unsigned i = 0; i < ENTRIES; i++)
		tree_table(table)[i] = hx_pte_page(page.pa + i * SIZE(level - 1), page.flags | set,
						 level - 1);
	s->n_tables++;
	__atomic_store_n(e, hx_pte_table(table), __ATOMIC_RELEASE);
	return 0;
}
