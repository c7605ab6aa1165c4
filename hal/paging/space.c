/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: tables of four or five levels with 512 entries, the upper half of the top table
 * shared with the kernel. What an entry looks like is the machine's (<hx/hal/arch/paging.h>).
 *
 * Invariants. (1) No entry is writable and executable. (2) Page 0 is never mapped. (3) A table or
 * page is given back only after a flush of what led to it. (4) A page is replaced by a table only
 * with a flush between: two sizes of translation for one address never meet.
 */
#include <hx/hal/arch/paging.h>
#include <hx/hal/paging.h>

#define ENTRIES		512u
#define USER_ENTRIES	(ENTRIES / 2)
#define SHIFT(level)	(HX_PAGE_SHIFT + 9u * (level))
#define SIZE(level)	((uintptr_t)1 << SHIFT(level))
#define BATCH		32u	/* pages or tables that wait for one flush */
#define BOTH		(HX_MAP_WRITE | HX_MAP_EXEC)

static struct hx_mmu_space *spaces;	/* the kernel map's lock */
static uint64_t last_id;		/* the same */

static uint64_t *table_at(hx_paddr_t pa)
{
	return hx_phys_to_virt(pa);
}

static unsigned index_at(uintptr_t va, unsigned level)
{
	return (unsigned)(va >> SHIFT(level)) & (ENTRIES - 1);
}

static uintptr_t user_end(void)
{
	return (SIZE(hx_paging_levels()) >> 1) - HX_PAGE_SIZE;
}

unsigned hx_mmu_levels(void)
{
	return hx_paging_levels();
}

uintptr_t hx_mmu_user_end(void)
{
	return user_end();
}

static bool is_range(uintptr_t va, size_t n_pages)
{
	uintptr_t end = user_end();

	return (va & (HX_PAGE_SIZE - 1)) == 0 && va >= HX_PAGE_SIZE && va <= end &&
	       n_pages <= (end - va) >> HX_PAGE_SHIFT;
}

/* ---- from nothing, to nothing */

int hx_mmu_space_init(struct hx_mmu_space *s)
{
	hx_paddr_t root = hx_paging_take();
	const uint64_t *kernel = table_at(hx_paging_root());
	hx_irqflags_t irq;

	if (root == 0)
		return -HX_ENOMEM;
	*s = (struct hx_mmu_space){ .root = root, .n_tables = 1 };
	irq = hx_paging_lock();
	for (unsigned i = USER_ENTRIES; i < ENTRIES; i++)
		table_at(root)[i] = kernel[i];
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
		table_at(s->root)[idx] = value;
}

/* Give back a table and all below; nobody has it loaded. */
static void give_tables(struct hx_mmu_space *s, hx_paddr_t pa, unsigned level, unsigned n_entries)
{
	const uint64_t *table = table_at(pa);

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

/* ---- walking */

/* From the entry *e of level l down to the next one. False: the way ends here, or was to. */
static HX_ALWAYS_INLINE bool descend(uint64_t **e, uintptr_t direct, uintptr_t va, unsigned l,
				     unsigned level)
{
	uint64_t value = **e;

	if (l == level || value == 0 || hx_pte_is_page(value, l))
		return false;
	*e = (uint64_t *)(direct + hx_pte_address(value)) + index_at(va, l - 1);
	return true;
}

/*
 * The entry for va at a level, or above it where the way ends; *found is its level. Every fault and
 * every change comes through here: written out, so that a level is eight instructions.
 */
static HX_ALWAYS_INLINE uint64_t *find(const struct hx_mmu_space *s, uintptr_t va, unsigned level,
				       unsigned *found)
{
	uintptr_t direct = hx_hhdm_base;
	uint64_t *e = (uint64_t *)(direct + s->root);
	bool has_5 = hx_paging_levels() == 5;

	e += index_at(va, has_5 ? 4 : 3);
	*found = 4;
	if (has_5 && !descend(&e, direct, va, 4, level))
		return e;
	*found = 3;
	if (!descend(&e, direct, va, 3, level))
		return e;
	*found = 2;
	if (!descend(&e, direct, va, 2, level))
		return e;
	*found = 1;
	*found -= descend(&e, direct, va, 1, level);
	return e;
}

/* The same, called: for everything but single pages. */
static HX_NOINLINE uint64_t *look(const struct hx_mmu_space *s, uintptr_t va, unsigned level,
				  unsigned *found)
{
	return find(s, va, level, found);
}

/* The same, making tables on the way. NULL: there is no page for one. */
static HX_NOINLINE uint64_t *make_tables(struct hx_mmu_space *s, uintptr_t va, unsigned level,
					 unsigned *found)
{
	for (;;) {
		uint64_t *e = look(s, va, level, found);
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

static HX_ALWAYS_INLINE uint64_t *make(struct hx_mmu_space *s, uintptr_t va, unsigned level,
				       unsigned *found)
{
	uint64_t *e = find(s, va, level, found);

	if (HX_LIKELY(*found == level || *e != 0))
		return e;
	return make_tables(s, va, level, found);
}

/* The entry of the next page mapped in [*va, end), which *va becomes; NULL: none. */
static uint64_t *next_page(const struct hx_mmu_space *s, uintptr_t *va, uintptr_t end,
			   unsigned *level)
{
	while (*va < end) {
		uint64_t *e = look(s, *va, 0, level);
		unsigned n = *level == 0 ? ENTRIES - index_at(*va, 0) : 1;

		for (; n != 0 && *va < end; n--, e++) {
			if (*e != 0)
				return e;
			*va = (*va | (SIZE(*level) - 1)) + 1;
		}
	}
	return NULL;
}

static struct hx_mmu_page page_of(uintptr_t va, uint64_t e, unsigned level)
{
	return (struct hx_mmu_page){
		.va = va & ~(SIZE(level) - 1), .pa = hx_pte_address(e), .bytes = SIZE(level),
		.flags = hx_pte_flags(e),
	};
}

int hx_mmu_space_query(const struct hx_mmu_space *s, uintptr_t va, struct hx_mmu_page *page)
{
	unsigned level;
	const uint64_t *e;

	if (va > user_end())
		return -HX_ENOENT;
	e = find(s, va, 0, &level);
	if (*e == 0)
		return -HX_ENOENT;
	*page = page_of(va, *e, level);
	return 0;
}

bool hx_mmu_space_has_table(const struct hx_mmu_space *s, uintptr_t va)
{
	unsigned level;
	const uint64_t *e = look(s, va, 1, &level);

	return level == 1 && *e != 0 && !hx_pte_is_page(*e, 1);
}

void hx_mmu_space_walk(const struct hx_mmu_space *s, uintptr_t va, uintptr_t end,
		       hx_mmu_visit_t visit, void *arg)
{
	unsigned level;
	uint64_t *e;

	while ((e = next_page(s, &va, end, &level)) != NULL) {
		struct hx_mmu_page page = page_of(va, *e, level);

		visit(arg, &page);
		va = page.va + page.bytes;
	}
}

/* Whether an address lies inside a large page instead of at its start. */
static bool cuts(const struct hx_mmu_space *s, uintptr_t va)
{
	unsigned level;
	const uint64_t *e = look(s, va, 0, &level);

	return *e != 0 && (va & (SIZE(level) - 1)) != 0;
}

/* ---- changing */

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
		uint64_t *e = make_tables(s, va, level, &found);

		/* An empty table may stand where a large page would fit: then smaller ones. */
		while (e != NULL && *e != 0)
			e = make_tables(s, va, --level, &found);
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
	if (next_page(s, &at, va + (n_pages << HX_PAGE_SHIFT), &level) != NULL)
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
		struct hx_mmu_page page = page_of(b->gone[i].va, b->gone[i].entry, level);

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
	page = page_of(va, __atomic_exchange_n(e, 0, __ATOMIC_ACQ_REL), 0);
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
	e = find(s, va, 0, &level);
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
	while ((e = next_page(s, &va, end, &level)) != NULL) {
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
	e = find(s, va, 0, &level);
	if (n_pages << HX_PAGE_SHIFT == SIZE(level) && (va & (SIZE(level) - 1)) == 0) {
		if (*e != 0 && change(e, level, clear, set))	/* one page, as faults want it */
			hx_mmu_flush(s, va, n_pages);
		return 0;
	}
	if (cuts(s, va) || cuts(s, end))
		return -HX_EINVAL;
	while ((e = next_page(s, &va, end, &level)) != NULL) {
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

	if (page->va > user_end())
		return -HX_ENOENT;
	e = look(s, page->va, 0, &level);
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
	e = look(s, va, 0, &level);
	page = page_of(va, __atomic_exchange_n(e, 0, __ATOMIC_ACQ_REL), level);
	hx_mmu_flush(s, page.va, page.bytes >> HX_PAGE_SHIFT);
	for (unsigned i = 0; i < ENTRIES; i++)
		table_at(table)[i] = hx_pte_page(page.pa + i * SIZE(level - 1), page.flags | set,
						 level - 1);
	s->n_tables++;
	__atomic_store_n(e, hx_pte_table(table), __ATOMIC_RELEASE);
	return 0;
}

/* ---- giving back tables */

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
		uint64_t *e = &table_at(pa)[index_at(va, level)];
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
