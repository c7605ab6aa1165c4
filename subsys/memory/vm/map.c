/* SPDX-License-Identifier: MIT */
/*
 * Making regions, taking ranges out of them, giving ranges other rights. Each call checks and
 * reserves first; after its first change nothing can fail.
 */
#include <hx/core/heap.h>

#include "vm_priv.h"

#define PROT_ALL	(HX_VM_READ | HX_VM_WRITE | HX_VM_EXEC)
#define FLAGS_ALL	(HX_VM_FIXED | HX_VM_POPULATE | HX_VM_HUGE | HX_VM_GUARD | HX_VM_STACK)
#define FLAGS_KEPT	(HX_VM_HUGE | HX_VM_GUARD | HX_VM_STACK)

static bool is_prot(unsigned prot)
{
	return (prot & ~PROT_ALL) == 0 &&
	       (prot & (HX_VM_WRITE | HX_VM_EXEC)) != (HX_VM_WRITE | HX_VM_EXEC);
}

static bool is_sound(const struct hx_vm_params *p)
{
	unsigned special = p->flags & (HX_VM_GUARD | HX_VM_STACK);

	if ((p->flags & ~FLAGS_ALL) != 0 || !is_prot(p->prot) || p->size_bytes == 0 ||
	    p->size_bytes > hx_mmu_user_end() || p->va % HX_PAGE_SIZE != 0 ||
	    special == (HX_VM_GUARD | HX_VM_STACK) || (special != 0 && p->object != NULL))
		return false;
	if ((p->flags & HX_VM_STACK) != 0 &&
	    (p->reserve_bytes < p->size_bytes || p->reserve_bytes > hx_mmu_user_end()))
		return false;
	return p->object == NULL ||
	       (p->offset_bytes % HX_PAGE_SIZE == 0 && p->offset_bytes < HX_VM_OBJECT_MAX &&
		p->offset_bytes + hx_align_up(p->size_bytes, HX_PAGE_SIZE) <=
		p->object->n_pages << HX_PAGE_SHIFT);
}

static bool is_free(const struct hx_vm_space *s, uintptr_t start, uintptr_t end)
{
	const struct vm_region *r = vm_region_at(s, start);

	return r == NULL || r->start >= end;
}

/* Where it goes: `below` bytes for a stack to grow into, then the region. */
static int find_place(struct hx_vm_space *s, const struct hx_vm_params *p, size_t size_bytes,
		      size_t below, uintptr_t *start)
{
	size_t align = (p->flags & HX_VM_HUGE) != 0 && size_bytes >= VM_HUGE_BYTES ?
		       VM_HUGE_BYTES : HX_PAGE_SIZE;
	uintptr_t at;

	if ((p->flags & HX_VM_FIXED) == 0) {
		uintptr_t wish = p->va - hx_min_u64(below, p->va);

		if (!vm_find_free(s, wish, below + size_bytes, align, &at))
			return -HX_ENOSPC;
		*start = at + below;
		return 0;
	}
	if (p->va < below || !vm_is_range(p->va - below, below + size_bytes))
		return -HX_EINVAL;
	if (!is_free(s, p->va - below, p->va + size_bytes))
		return -HX_EEXIST;
	*start = p->va;
	return 0;
}

static struct vm_region *region_make(const struct hx_vm_params *p)
{
	struct vm_region *r = hx_alloc(sizeof(*r));

	if (r == NULL)
		return NULL;
	r->prot = p->flags & HX_VM_GUARD ? HX_VM_NONE : p->prot;
	r->flags = p->flags & FLAGS_KEPT;
	r->object = p->object;
	r->offset_bytes = p->object != NULL ? p->offset_bytes : 0;
	return r;
}

static int populate(struct hx_vm_space *s, const struct vm_region *r)
{
	int err = 0;

	if (r->prot == HX_VM_NONE)
		return 0;
	for (uintptr_t va = r->start; va < r->end && err == 0; va += HX_PAGE_SIZE)
		err = vm_fault_locked(s, va, r->prot & HX_VM_WRITE ? HX_FAULT_WRITE : 0);
	return err;
}

/* Place and enter a region, and with it the range that it may grow into. On error nothing knows
 * either of them. */
static int map_locked(struct hx_vm_space *s, const struct hx_vm_params *p, struct vm_region *r,
		      struct vm_region *reserve, uintptr_t *va)
{
	size_t size_bytes = hx_align_up(p->size_bytes, HX_PAGE_SIZE), below = 0;
	int err;

	if ((r->flags & HX_VM_GUARD) == 0 && size_bytes > s->limit_bytes - s->mapped_bytes)
		return -HX_ENOSPC;
	if (reserve != NULL)
		below = hx_align_up(p->reserve_bytes, HX_PAGE_SIZE) - size_bytes + HX_PAGE_SIZE;
	err = find_place(s, p, size_bytes, below, &r->start);
	if (err != 0)
		return err;
	r->end = r->start + size_bytes;
	vm_region_add(s, r);
	if ((p->flags & HX_VM_POPULATE) != 0)
		err = populate(s, r);
	if (err != 0) {
		vm_unmap_pages(s, r, r->start, r->end);
		vm_region_remove(s, r);
		return err;
	}
	*va = r->start;
	if (r->object != NULL)
		hx_vm_object_get(r->object);
	if (reserve != NULL) {
		reserve->start = r->start - below;
		reserve->end = r->start;
		vm_region_add(s, reserve);
	}
	vm_merge_range(s, r->start, r->end);
	return 0;
}

int hx_vm_map(struct hx_vm_space *s, const struct hx_vm_params *p, uintptr_t *va)
{
	const struct hx_vm_params guard = { .flags = HX_VM_GUARD };
	struct vm_region *r, *reserve = NULL;
	int err = -HX_ENOMEM;

	if (!is_sound(p))
		return -HX_EINVAL;
	r = region_make(p);
	if (r == NULL)
		return -HX_ENOMEM;
	if ((p->flags & HX_VM_STACK) != 0) {
		reserve = region_make(&guard);
		if (reserve == NULL)
			goto free_region;
		reserve->flags |= VM_RESERVE;
	}
	hx_mutex_lock(&s->lock);
	err = map_locked(s, p, r, reserve, va);
	hx_mutex_unlock(&s->lock);
	if (err == 0)
		return 0;
	hx_free(reserve);
free_region:
	hx_free(r);
	return err;
}

static void release_page(void *arg, const struct hx_mmu_page *page)
{
	struct hx_vm_space *s = arg;

	s->resident_pages -= page->bytes >> HX_PAGE_SHIFT;
	vm_page_release(page);
}

void vm_unmap_pages(struct hx_vm_space *s, const struct vm_region *r, uintptr_t start,
		    uintptr_t end)
{
	int err = hx_mmu_space_unmap(&s->mmu, start, vm_pages(start, end),
				     r->object == NULL ? release_page : NULL, s);

	hx_verify(err == 0);	/* invariant 2, and whoever cut the region cut the pages */
}

/* Blocks for the regions that cutting at both ends of a range will need. */
static int spares_take(const struct hx_vm_space *s, uintptr_t start, uintptr_t end,
		       struct vm_region *spare[2])
{
	const uintptr_t at[2] = { start, end };
	unsigned i;

	spare[0] = spare[1] = NULL;
	for (i = 0; i < 2; i++) {
		const struct vm_region *r = vm_region_at(s, at[i]);

		if (r == NULL || r->start >= at[i])
			continue;
		spare[i] = hx_alloc(sizeof(*spare[i]));
		if (spare[i] == NULL)
			break;
	}
	if (i == 2)
		return 0;
	hx_free(spare[0]);
	return -HX_ENOMEM;
}

/* Make regions and pages end at both ends of a range. On error only pages may have been cut. */
static int cut_ends(struct hx_vm_space *s, uintptr_t start, uintptr_t end)
{
	struct vm_region *spare[2];
	int err = spares_take(s, start, end, spare);

	if (err != 0)
		return err;
	err = vm_cut_page(s, start);
	if (err == 0)
		err = vm_cut_page(s, end);
	if (err != 0) {
		hx_free(spare[0]);
		hx_free(spare[1]);
		return err;
	}
	if (spare[0] != NULL)
		vm_region_cut(s, vm_region_at(s, start), start, spare[0]);
	if (spare[1] != NULL)
		vm_region_cut(s, vm_region_at(s, end), end, spare[1]);
	return 0;
}

/* Give back the tables of a range that is free now, as far as the neighbours allow. */
static void trim(struct hx_vm_space *s, uintptr_t start, uintptr_t end)
{
	const struct vm_region *below = vm_region_below(s, start), *above = vm_region_at(s, end);

	hx_mmu_space_trim(&s->mmu, start, end, below != NULL ? below->end : 0,
			  above != NULL ? above->start : hx_mmu_user_end() + HX_PAGE_SIZE);
}

static int unmap_locked(struct hx_vm_space *s, uintptr_t start, uintptr_t end)
{
	struct vm_region *r;
	int err = cut_ends(s, start, end);

	if (err != 0)
		return err;
	while ((r = vm_region_at(s, start)) != NULL && r->start < end) {
		vm_unmap_pages(s, r, r->start, r->end);
		vm_region_drop(s, r);
	}
	trim(s, start, end);
	return 0;
}

int hx_vm_unmap(struct hx_vm_space *s, uintptr_t va, size_t size_bytes)
{
	int err;

	size_bytes = hx_align_up(hx_min_u64(size_bytes, hx_mmu_user_end() + 1), HX_PAGE_SIZE);
	if (!vm_is_range(va, size_bytes))
		return -HX_EINVAL;
	hx_mutex_lock(&s->lock);
	err = unmap_locked(s, va, va + size_bytes);
	hx_mutex_unlock(&s->lock);
	return err;
}

/* Whether all of a range is regions that have rights. */
static int check_covered(const struct hx_vm_space *s, uintptr_t start, uintptr_t end)
{
	const struct vm_region *r = vm_region_at(s, start);

	for (; start < end; r = vm_region_next(r)) {
		if (r == NULL || r->start > start)
			return -HX_ENOENT;
		if (r->flags & HX_VM_GUARD)
			return -HX_EINVAL;
		start = r->end;
	}
	return 0;
}

static int protect_locked(struct hx_vm_space *s, uintptr_t start, uintptr_t end, unsigned prot)
{
	struct vm_region *r;
	int err = check_covered(s, start, end);

	if (err == 0)
		err = cut_ends(s, start, end);
	if (err != 0)
		return err;
	/* WRITE is given page by page, by faults: some pages may have to be copied first. */
	err = hx_mmu_space_protect(&s->mmu, start, vm_pages(start, end),
				   (HX_MAP_WRITE | HX_MAP_EXEC | HX_MAP_NOACCESS) &
				   ~vm_map_flags(prot), vm_map_flags(prot) & ~HX_MAP_WRITE);
	hx_verify(err == 0);
	for (r = vm_region_at(s, start); r != NULL && r->start < end; r = vm_region_next(r))
		r->prot = prot;
	vm_merge_range(s, start, end);
	return 0;
}

int hx_vm_protect(struct hx_vm_space *s, uintptr_t va, size_t size_bytes, unsigned prot)
{
	int err;

	size_bytes = hx_align_up(hx_min_u64(size_bytes, hx_mmu_user_end() + 1), HX_PAGE_SIZE);
	if (!vm_is_range(va, size_bytes) || !is_prot(prot))
		return -HX_EINVAL;
	hx_mutex_lock(&s->lock);
	err = protect_locked(s, va, va + size_bytes, prot);
	hx_mutex_unlock(&s->lock);
	return err;
}
