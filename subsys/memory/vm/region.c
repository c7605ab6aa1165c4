/* SPDX-License-Identifier: MIT */
/* Regions of a space: a tree ordered by address, cutting, joining, finding room. */
#include <hx/core/heap.h>

#include "vm_priv.h"

static bool starts_before(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return HX_CONTAINER_OF(a, struct vm_region, node)->start <
	       HX_CONTAINER_OF(b, struct vm_region, node)->start;
}

static int ends_at_or_before(const struct hx_rb_node *n, const void *key)
{
	return HX_CONTAINER_OF(n, struct vm_region, node)->end <= *(const uintptr_t *)key ? -1 : 0;
}

void vm_regions_init(struct hx_vm_space *s)
{
	hx_rb_init(&s->regions, starts_before);
	s->next_free = VM_LOWEST;
}

struct vm_region *vm_region_at(const struct hx_vm_space *s, uintptr_t va)
{
	return vm_region_of(hx_rb_lower_bound(&s->regions, ends_at_or_before, &va));
}

struct vm_region *vm_region_below(const struct hx_vm_space *s, uintptr_t va)
{
	struct hx_rb_node *n = s->regions.root, *found = NULL;

	while (n != NULL) {
		bool is_below = vm_region_of(n)->start < va;

		found = is_below ? n : found;
		n = is_below ? n->right : n->left;
	}
	return vm_region_of(found);
}

struct vm_region *vm_region_next(const struct vm_region *r)
{
	return vm_region_of(hx_rb_next(&r->node));
}

struct vm_region *vm_region_find(struct hx_vm_space *s, uintptr_t va)
{
	struct vm_region *r = s->last;

	if (r != NULL && va - r->start < r->end - r->start)
		return r;
	r = vm_region_at(s, va);
	if (r == NULL || va < r->start)
		return NULL;
	s->last = r;
	return r;
}

static uint64_t counted_bytes(const struct vm_region *r)
{
	return r->flags & HX_VM_GUARD ? 0 : r->end - r->start;
}

void vm_region_add(struct hx_vm_space *s, struct vm_region *r)
{
	r->node.linked = 0;
	hx_rb_insert(&s->regions, &r->node);
	s->mapped_bytes += counted_bytes(r);
}

void vm_region_remove(struct hx_vm_space *s, struct vm_region *r)
{
	s->mapped_bytes -= counted_bytes(r);
	if (s->last == r)
		s->last = NULL;
	hx_rb_remove(&s->regions, &r->node);
}

void vm_region_drop(struct hx_vm_space *s, struct vm_region *r)
{
	vm_region_remove(s, r);
	hx_vm_object_put(r->object);
	hx_free(r);
}

void vm_region_cut(struct hx_vm_space *s, struct vm_region *r, uintptr_t va,
		   struct vm_region *spare)
{
	hx_assert(va > r->start && va < r->end);
	*spare = *r;
	spare->start = va;
	if (r->object != NULL) {
		hx_vm_object_get(r->object);
		spare->offset_bytes += va - r->start;
	}
	s->mapped_bytes -= counted_bytes(spare);	/* of what r loses */
	r->end = va;
	vm_region_add(s, spare);
}

/* Join r with the neighbour above, if they are alike: true. */
static bool merge(struct hx_vm_space *s, struct vm_region *r)
{
	struct vm_region *up = vm_region_next(r);

	if (up == NULL || up->start != r->end || up->prot != r->prot || up->flags != r->flags ||
	    up->object != r->object || (r->flags & VM_RESERVE) != 0 ||
	    (r->object != NULL && up->offset_bytes != r->offset_bytes + (r->end - r->start)))
		return false;
	s->mapped_bytes += counted_bytes(up);
	r->end = up->end;
	vm_region_drop(s, up);
	return true;
}

void vm_merge_range(struct hx_vm_space *s, uintptr_t start, uintptr_t end)
{
	struct vm_region *r = vm_region_below(s, start);

	if (r == NULL)
		r = vm_region_at(s, start);
	while (r != NULL && r->start < end)
		if (!merge(s, r))
			r = vm_region_next(r);
}

bool vm_is_range(uintptr_t va, size_t size_bytes)
{
	return va % HX_PAGE_SIZE == 0 && va >= VM_LOWEST && size_bytes != 0 &&
	       va <= hx_mmu_user_end() && size_bytes <= hx_mmu_user_end() - va;
}

static bool free_from(const struct hx_vm_space *s, uintptr_t from, size_t size_bytes, size_t align,
		      uintptr_t *va)
{
	uintptr_t at = hx_align_up(from, align);
	const struct vm_region *r = vm_region_at(s, at);

	for (; vm_is_range(at, size_bytes); r = vm_region_next(r)) {
		if (r == NULL || at + size_bytes <= r->start) {
			*va = at;
			return true;
		}
		at = hx_align_up(r->end, align);
	}
	return false;
}

/* At the wish, else above the last one found, else the lowest. */
bool vm_find_free(struct hx_vm_space *s, uintptr_t wish, size_t size_bytes, size_t align,
		  uintptr_t *va)
{
	if ((wish >= VM_LOWEST && wish <= hx_mmu_user_end() &&
	     free_from(s, wish, size_bytes, align, va)) ||
	    free_from(s, s->next_free, size_bytes, align, va) ||
	    free_from(s, VM_LOWEST, size_bytes, align, va)) {
		s->next_free = *va + size_bytes;
		return true;
	}
	return false;
}
