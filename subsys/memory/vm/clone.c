/* SPDX-License-Identifier: MIT */
/*
 * A copy of a space that shares every private page until somebody writes.
 *
 * Both sides lose the right to write and get VM_COW; the counts in refs.c go up. If something
 * fails on the way, the copy is taken down like any space, and what it had counted goes down
 * again; pages of the original that stay marked are found to have one owner at their next write.
 */
#include <hx/core/heap.h>

#include "vm_priv.h"

struct cloning {
	struct hx_vm_space *to;
	int err;
};

static void clone_page(void *arg, const struct hx_mmu_page *page)
{
	struct cloning *c = arg;
	hx_paddr_t counted = page->flags & VM_PART ? hx_align_down(page->pa, VM_HUGE_BYTES) :
						     page->pa;

	if (c->err != 0)
		return;
	c->err = vm_refs_add(counted, 1);
	if (c->err != 0)
		return;
	c->err = hx_mmu_space_map(&c->to->mmu, page->va, page->pa, page->bytes >> HX_PAGE_SHIFT,
				  page->flags);
	if (c->err != 0)
		vm_refs_sub(counted, 1);
	else
		c->to->resident_pages += page->bytes >> HX_PAGE_SHIFT;
}

static int clone_region(struct hx_vm_space *s, const struct vm_region *r, struct hx_vm_space *to)
{
	struct cloning c = { .to = to };
	struct vm_region *copy = hx_alloc(sizeof(*copy));

	if (copy == NULL)
		return -HX_ENOMEM;
	*copy = *r;
	vm_region_add(to, copy);
	if (r->object != NULL) {
		hx_vm_object_get(r->object);
		return 0;	/* its pages come when they are touched */
	}
	if (r->flags & HX_VM_GUARD)
		return 0;
	c.err = hx_mmu_space_protect(&s->mmu, r->start, vm_pages(r->start, r->end), HX_MAP_WRITE,
				     VM_COW);
	if (c.err == 0)
		hx_mmu_space_walk(&s->mmu, r->start, r->end, clone_page, &c);
	return c.err;
}

int hx_vm_clone(struct hx_vm_space *s, struct hx_vm_space **out)
{
	struct hx_vm_space *to;
	const struct vm_region *r;
	int err = hx_vm_create(s->limit_bytes, &to);

	if (err != 0)
		return err;
	hx_mutex_lock(&s->lock);
	for (r = vm_region_at(s, 0); r != NULL && err == 0; r = vm_region_next(r))
		err = clone_region(s, r, to);
	to->next_free = s->next_free;
	hx_mutex_unlock(&s->lock);
	if (err != 0)
		hx_vm_put(to);
	else
		*out = to;
	return err;
}
