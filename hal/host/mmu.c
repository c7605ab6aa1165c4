/* SPDX-License-Identifier: MIT */
/*
 * Mapping pages into the areas. The process's own page tables are the system's business, so tables
 * are kept here in the form of a machine's: four levels of 512 entries in pages of RAM. They answer
 * what is mapped where, cost the same pages as on a machine, and run out in the same way; mmap() of
 * the RAM file then makes each mapping real, guard pages included.
 *
 * entry:  physical address | flags << 1 | present
 */
#define _GNU_SOURCE
#include "host_priv.h"
#include <hx/config/hal_paging.h>
#include <hx/hal/mmu.h>
#include <hx/hal/paging.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>

#define LEVELS		4
#define ENTRIES		512u
#define PRESENT		1ull
#define FLAGS_SHIFT	1
#define FLAGS_MASK	0x7ull
#define ADDR_MASK	(~(uint64_t)(HX_PAGE_SIZE - 1))

static const struct hx_area_bounds areas[HX_AREA_COUNT] = {
	[HX_AREA_HEAP] = { HOST_HEAP_BASE, HOST_HEAP_BASE + HOST_AREA_BYTES },
	[HX_AREA_DEVICE] = { HOST_DEVICE_BASE, HOST_DEVICE_BASE + HOST_AREA_BYTES },
	[HX_AREA_MODULES] = { HOST_MODULES_BASE, HOST_MODULES_BASE + HOST_AREA_BYTES },
	[HX_AREA_STACKS] = { HOST_STACKS_BASE, HOST_STACKS_BASE + HOST_AREA_BYTES },
};

static const struct hx_mmu_table_source *source;
static uint64_t *root;
static hx_paddr_t reserve_start, reserve_next, reserve_end;
static hx_paddr_t reserve_free;		/* given-back pages of the reserve, linked through word 0 */
static uintptr_t device_next;
static unsigned n_areas_taken;

struct hx_area_bounds hx_mmu_area(enum hx_area area)
{
	return areas[area];
}

void hx_mmu_set_table_source(const struct hx_mmu_table_source *src)
{
	source = src;
}

static hx_paddr_t take_table(void)
{
	hx_paddr_t pa = reserve_free;

	if (source != NULL)
		return source->take();
	if (pa != 0)
		reserve_free = *(uint64_t *)hx_phys_to_virt(pa);
	else if (reserve_next < reserve_end)
		pa = reserve_next, reserve_next += HX_PAGE_SIZE;
	else
		return 0;
	memset(hx_phys_to_virt(pa), 0, HX_PAGE_SIZE);
	return pa;
}

static void give_table(hx_paddr_t pa)
{
	if (pa >= reserve_start && pa < reserve_end) {
		*(uint64_t *)hx_phys_to_virt(pa) = reserve_free;
		reserve_free = pa;
	} else if (source != NULL && source->give != NULL) {
		source->give(pa);
	}
}

static unsigned index_at(uintptr_t va, unsigned level)
{
	return (unsigned)(va >> (HX_PAGE_SHIFT + 9 * level)) % ENTRIES;
}

/* The last-level entry of va. With make, missing tables are added; NULL: not there, no page. */
static uint64_t *entry_of(uintptr_t va, bool make)
{
	uint64_t *table = root;

	for (unsigned level = LEVELS - 1; level > 0; level--) {
		uint64_t *e = &table[index_at(va, level)];

		if (*e == 0) {
			hx_paddr_t pa = make ? take_table() : 0;

			if (pa == 0)
				return NULL;
			*e = pa | PRESENT;
		}
		table = hx_phys_to_virt(*e & ADDR_MASK);
	}
	return &table[index_at(va, 0)];
}

static bool is_empty(const uint64_t *table)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		if (table[i] != 0)
			return false;
	return true;
}

/* Give back the tables on the way to va that hold nothing any more. */
static void prune(uintptr_t va)
{
	uint64_t *path[LEVELS] = { [LEVELS - 1] = root };

	for (unsigned level = LEVELS - 1; level > 0; level--) {
		uint64_t e = path[level][index_at(va, level)];

		path[level - 1] = e != 0 ? hx_phys_to_virt(e & ADDR_MASK) : NULL;
		if (e == 0)
			break;
	}
	for (unsigned level = 0; level < LEVELS - 1; level++) {
		if (path[level] == NULL)
			continue;
		if (!is_empty(path[level]))
			return;
		path[level + 1][index_at(va, level + 1)] = 0;
		give_table(hx_virt_to_phys(path[level]));
	}
}

static void prune_range(uintptr_t va, size_t n_pages)
{
	size_t span = (size_t)ENTRIES << HX_PAGE_SHIFT;
	uintptr_t end = va + (n_pages << HX_PAGE_SHIFT);

	for (; va < end; va = hx_align_down(va, span) + span)
		prune(va);
}

static bool inside_an_area(uintptr_t va, size_t n_pages)
{
	for (unsigned i = 0; i < HX_AREA_COUNT; i++)
		if (va >= areas[i].start && va < areas[i].end)
			return n_pages <= (areas[i].end - va) >> HX_PAGE_SHIFT;
	return false;
}

static int prot_of(unsigned flags)
{
	return PROT_READ | (flags & HX_MAP_WRITE ? PROT_WRITE : 0) |
	       (flags & HX_MAP_EXEC ? PROT_EXEC : 0);
}

static int map_locked(uintptr_t va, hx_paddr_t pa, size_t n_pages, unsigned flags)
{
	uint64_t *e;

	for (size_t i = 0; i < n_pages; i++) {
		e = entry_of(va + (i << HX_PAGE_SHIFT), false);
		if (e != NULL && *e != 0)
			return -HX_EEXIST;
	}
	for (size_t i = 0; i < n_pages; i++)
		if (entry_of(va + (i << HX_PAGE_SHIFT), true) == NULL)
			goto prune;
	if (mmap((void *)va, n_pages << HX_PAGE_SHIFT, prot_of(flags),
		 MAP_SHARED | MAP_FIXED | MAP_NORESERVE, host_memory_fd(), (off_t)pa) == MAP_FAILED)
		goto prune;
	for (size_t i = 0; i < n_pages; i++)
		*entry_of(va + (i << HX_PAGE_SHIFT), false) =
			(pa + (i << HX_PAGE_SHIFT)) | (uint64_t)flags << FLAGS_SHIFT | PRESENT;
	return 0;

prune:
	prune_range(va, n_pages);
	return -HX_ENOMEM;
}

int hx_mmu_map(uintptr_t va, hx_paddr_t pa, size_t n_pages, unsigned flags)
{
	hx_irqflags_t irq;
	int err;

	if (((va | pa) & (HX_PAGE_SIZE - 1)) != 0 || n_pages == 0 || !inside_an_area(va, n_pages) ||
	    pa >= HOST_PHYS_BYTES || n_pages > (HOST_PHYS_BYTES - pa) >> HX_PAGE_SHIFT ||
	    (flags & ~FLAGS_MASK) != 0 ||
	    (flags & (HX_MAP_WRITE | HX_MAP_EXEC)) == (HX_MAP_WRITE | HX_MAP_EXEC))
		return -HX_EINVAL;
	irq = hx_irq_save();	/* neither the tables nor the C library expect an interrupt here */
	err = map_locked(va, pa, n_pages, flags);
	hx_irq_restore(irq);
	return err;
}

static void close_range(uintptr_t va, size_t size_bytes)
{
	host_shadow_forget(va, size_bytes);
	if (mmap((void *)va, size_bytes, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
		hx_host_violation("the system does not take %zu bytes at %#zx back", size_bytes,
				  (size_t)va);
}

void hx_mmu_unmap(uintptr_t va, size_t n_pages)
{
	hx_irqflags_t irq = hx_irq_save();

	for (size_t i = 0; i < n_pages; i++) {
		uint64_t *e = entry_of(va + (i << HX_PAGE_SHIFT), false);

		if (e == NULL || *e == 0)
			hx_host_violation("unmap of %#zx, which is not mapped",
					  (size_t)(va + (i << HX_PAGE_SHIFT)));
		*e = 0;
	}
	close_range(va, n_pages << HX_PAGE_SHIFT);
	prune_range(va, n_pages);
	hx_irq_restore(irq);
	if (HX_ENABLED(TLB_SHOOTDOWN))
		hx_mmu_flush(NULL, va, n_pages);
}

int hx_mmu_protect(uintptr_t va, size_t n_pages, unsigned flags)
{
	hx_irqflags_t irq;

	if ((va & (HX_PAGE_SIZE - 1)) != 0 || !inside_an_area(va, n_pages) ||
	    (flags & ~FLAGS_MASK) != 0 ||
	    (flags & (HX_MAP_WRITE | HX_MAP_EXEC)) == (HX_MAP_WRITE | HX_MAP_EXEC))
		return -HX_EINVAL;
	irq = hx_irq_save();
	for (size_t i = 0; i < n_pages; i++) {
		uintptr_t at = va + (i << HX_PAGE_SHIFT);
		uint64_t *e = entry_of(at, false);

		if (e == NULL || *e == 0)
			continue;
		*e = (*e & ADDR_MASK) | (uint64_t)flags << FLAGS_SHIFT | PRESENT;
		if (mprotect((void *)at, HX_PAGE_SIZE, prot_of(flags)) != 0)
			hx_host_violation("the system does not change the rights of %#zx",
					  (size_t)at);
	}
	hx_irq_restore(irq);
	if (HX_ENABLED(TLB_SHOOTDOWN))
		hx_mmu_flush(NULL, va, n_pages);
	return 0;
}

/* For the address spaces of hal/common. */
hx_paddr_t hx_paging_root(void)
{
	return hx_virt_to_phys(root);
}

hx_paddr_t hx_paging_take(void)
{
	return take_table();
}

void hx_paging_give(hx_paddr_t pa)
{
	give_table(pa);
}

hx_irqflags_t hx_paging_lock(void)
{
	return hx_irq_save();
}

void hx_paging_unlock(hx_irqflags_t flags)
{
	hx_irq_restore(flags);
}

/* One segment of the program: it stands where a machine has the kernel image. */
struct segment {
	uintptr_t start, end;	/* half open, whole pages */
	unsigned flags;
};

/* Visits the segments of the program in rising order; false from visit ends it. */
struct image_walk {
	bool (*visit)(void *arg, const struct segment *s);
	void *arg;
};

static int walk_object(struct dl_phdr_info *image, size_t size, void *arg)
{
	const struct image_walk *w = arg;

	for (unsigned i = 0; i < image->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &image->dlpi_phdr[i];
		uintptr_t start = image->dlpi_addr + ph->p_vaddr;
		struct segment s = {
			.start = hx_align_down(start, HX_PAGE_SIZE),
			.end = hx_align_up(start + ph->p_memsz, HX_PAGE_SIZE),
			.flags = (ph->p_flags & PF_W ? HX_MAP_WRITE : 0) |
				 (ph->p_flags & PF_X ? HX_MAP_EXEC : 0),
		};

		if (ph->p_type == PT_LOAD && !w->visit(w->arg, &s))
			break;
	}
	return 1;	/* the program is the first object; libraries do not count */
}

struct lookup {
	uintptr_t va;
	struct segment found;
};

static bool look_up(void *arg, const struct segment *s)
{
	struct lookup *l = arg;

	if (l->va >= s->start && l->va < s->end)
		l->found = *s;
	return l->found.end == 0;
}

/* The image has no place in RAM; it answers with the offset from its first page. */
static int query_image(uintptr_t va, hx_paddr_t *pa, unsigned *flags)
{
	struct lookup l = { .va = va };
	struct image_walk w = { look_up, &l };

	dl_iterate_phdr(walk_object, &w);
	if (l.found.end == 0)
		return -HX_ENOENT;
	*pa = va - (uintptr_t)&__executable_start;
	*flags = l.found.flags;
	return 0;
}

static int query_direct_map(uintptr_t va, hx_paddr_t *pa, unsigned *flags)
{
	const struct hx_boot_info *info = host_memory_info();
	hx_paddr_t phys = va - hx_hhdm_base;

	for (unsigned i = 0; i < info->n_mem; i++) {
		const struct hx_mem_range *r = &info->mem[i];

		if (phys < r->start || phys >= r->end || !host_memory_is_ram(r->type))
			continue;
		*pa = phys;
		*flags = HX_MAP_WRITE;
		return 0;
	}
	return -HX_ENOENT;
}

int hx_mmu_query(uintptr_t va, hx_paddr_t *pa, unsigned *flags)
{
	uint64_t *e;

	if (va - hx_hhdm_base < HOST_PHYS_BYTES)
		return query_direct_map(va, pa, flags);
	if (!inside_an_area(va, 1))
		return query_image(va, pa, flags);
	e = entry_of(va, false);
	if (e == NULL || *e == 0)
		return -HX_ENOENT;
	*pa = (*e & ADDR_MASK) + (va & (HX_PAGE_SIZE - 1));
	*flags = (unsigned)(*e >> FLAGS_SHIFT & FLAGS_MASK);
	return 0;
}

void *hx_mmu_map_device(hx_paddr_t pa, size_t size_bytes)
{
	hx_paddr_t first = hx_align_down(pa, HX_PAGE_SIZE);
	size_t n_pages = (hx_align_up(pa + size_bytes, HX_PAGE_SIZE) - first) >> HX_PAGE_SHIFT;
	uintptr_t va = device_next;

	if (hx_mmu_map(va, first, n_pages, HX_MAP_WRITE | HX_MAP_UNCACHED) != 0)
		return NULL;
	device_next += (n_pages + 1) << HX_PAGE_SHIFT;	/* one page apart, so that overruns fault */
	return (void *)(va + (pa - first));
}

/* Visits in rising order and merges neighbours with equal flags. */
struct walk {
	void (*visit)(void *arg, uintptr_t start, uintptr_t end, size_t page_bytes, unsigned flags);
	void *arg;
	uintptr_t start, end;
	unsigned flags;
};

static void walk_page(struct walk *w, uintptr_t va, unsigned flags)
{
	if (va != w->end || flags != w->flags) {
		if (w->start != w->end)
			w->visit(w->arg, w->start, w->end, HX_PAGE_SIZE, w->flags);
		w->start = va;
		w->flags = flags;
	}
	w->end = va + HX_PAGE_SIZE;
}

static void walk_table(struct walk *w, const uint64_t *table, unsigned level, uintptr_t va)
{
	for (unsigned i = 0; i < ENTRIES; i++) {
		uintptr_t at = va + ((uintptr_t)i << (HX_PAGE_SHIFT + 9 * level));

		if (table[i] != 0 && level > 0)
			walk_table(w, hx_phys_to_virt(table[i] & ADDR_MASK), level - 1, at);
		else if (table[i] != 0)
			walk_page(w, at, (unsigned)(table[i] >> FLAGS_SHIFT & FLAGS_MASK));
	}
}

static bool walk_segment(void *arg, const struct segment *s)
{
	const struct walk *w = arg;

	w->visit(w->arg, s->start, s->end, HX_PAGE_SIZE, s->flags);
	return true;
}

void hx_mmu_walk(void (*visit)(void *arg, uintptr_t start, uintptr_t end, size_t page_bytes,
			       unsigned flags), void *arg)
{
	struct walk w = { .visit = visit, .arg = arg };
	struct image_walk image = { walk_segment, &w };

	host_memory_visit(visit, arg);
	walk_table(&w, root, LEVELS - 1, 0);
	if (w.start != w.end)
		visit(arg, w.start, w.end, HX_PAGE_SIZE, w.flags);
	dl_iterate_phdr(walk_object, &image);
}

int host_mmu_init(void)
{
	host_memory_reserve(&reserve_start, &reserve_end);
	reserve_next = reserve_start;
	reserve_free = 0;
	source = NULL;
	device_next = areas[HX_AREA_DEVICE].start;
	for (n_areas_taken = 0; n_areas_taken < HX_AREA_COUNT; n_areas_taken++) {
		void *want = (void *)areas[n_areas_taken].start;

		if (mmap(want, HOST_AREA_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
			 MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) != want)
			return -HX_ENOMEM;
	}
	root = hx_phys_to_virt(take_table());
	return 0;
}

static void forget_range(void *arg, uintptr_t start, uintptr_t end, size_t page_bytes,
			 unsigned flags)
{
	host_shadow_forget(start, end - start);
}

void host_mmu_fini(void)
{
	struct walk w = { .visit = forget_range };

	if (root != NULL)
		walk_table(&w, root, LEVELS - 1, 0);
	if (w.start != w.end)
		forget_range(NULL, w.start, w.end, HX_PAGE_SIZE, 0);
	while (n_areas_taken > 0)
		munmap((void *)areas[--n_areas_taken].start, HOST_AREA_BYTES);
	root = NULL;
}

/* One CPU changes the map of a process. */
void hx_mmu_set_hooks(const struct hx_mmu_hooks *hooks)
{
	(void)hooks;
}
