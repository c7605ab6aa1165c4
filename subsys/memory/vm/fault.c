/* SPDX-License-Identifier: MIT */
/*
 * A page fault, resolved or turned into an error.
 *
 *	region	page		access		result
 *	none			any		-HX_EFAULT
 *	guard			any		-HX_EFAULT; kept for the stack above it: that grows
 *	any			against prot	-HX_EFAULT
 *	private	none		any		a page of zeroes
 *	object	none		any		the object's page
 *	any	not writable	write		writable; VM_COW and still shared: a copy first
 *	any	there		any		nothing: somebody was faster
 */
#include <hx/core/frames.h>
#include <hx/hal/mem.h>

#include "vm_priv.h"

static bool allows(const struct vm_region *r, unsigned flags)
{
	if (flags & HX_FAULT_WRITE)
		return (r->prot & HX_VM_WRITE) != 0;
	if (flags & HX_FAULT_EXEC)
		return (r->prot & HX_VM_EXEC) != 0;
	return r->prot != HX_VM_NONE;
}

/* Whether a page of 2 MiB around va fits into the region and nothing smaller is there. */
static bool takes_huge(const struct hx_vm_space *s, const struct vm_region *r, uintptr_t va)
{
	uintptr_t start = hx_align_down(va, VM_HUGE_BYTES);

	return HX_ENABLED(VM_HUGE) && (r->flags & HX_VM_HUGE) != 0 && start >= r->start &&
	       start + VM_HUGE_BYTES <= r->end && !hx_mmu_space_has_table(&s->mmu, va);
}

static HX_NOINLINE int fault_huge(struct hx_vm_space *s, const struct vm_region *r, uintptr_t va)
{
	hx_paddr_t pa;
	int err = hx_frames_alloc(VM_HUGE_ORDER, HX_FRAMES_ZERO, &pa);

	if (err != 0)
		return err;
	err = hx_mmu_space_map(&s->mmu, hx_align_down(va, VM_HUGE_BYTES), pa,
			       VM_HUGE_BYTES >> HX_PAGE_SHIFT, vm_map_flags(r->prot));
	if (err != 0) {
		hx_frames_free(pa, VM_HUGE_ORDER);
		return err;
	}
	s->resident_pages += VM_HUGE_BYTES >> HX_PAGE_SHIFT;
	s->n_zero++;
	return 0;
}

static int fault_zero(struct hx_vm_space *s, const struct vm_region *r, uintptr_t va)
{
	hx_paddr_t pa;
	int err;

	if (takes_huge(s, r, va) && fault_huge(s, r, va) == 0)
		return 0;	/* else a small one will do */
	err = hx_frames_alloc(0, HX_FRAMES_ANY, &pa);
	if (err != 0)
		return err;
	memset(hx_phys_to_virt(pa), 0, HX_PAGE_SIZE);
	err = hx_mmu_space_map(&s->mmu, va, pa, 1, vm_map_flags(r->prot));
	if (err != 0) {
		hx_frames_free(pa, 0);
		return err;
	}
	s->resident_pages++;
	s->n_zero++;
	return 0;
}

static int fault_object(struct hx_vm_space *s, const struct vm_region *r, uintptr_t va)
{
	hx_paddr_t pa = vm_object_page(r->object, r->offset_bytes + (va - r->start));

	if (pa == 0)
		return -HX_ENOMEM;
	s->n_object++;
	return hx_mmu_space_map(&s->mmu, va, pa, 1, vm_map_flags(r->prot));
}

int vm_cut_page(struct hx_vm_space *s, uintptr_t va)
{
	uint32_t more = (VM_HUGE_BYTES >> HX_PAGE_SHIFT) - 1;	/* one entry becomes 512 */
	struct hx_mmu_page page;
	int err;

	if (!HX_ENABLED(VM_HUGE) || va % VM_HUGE_BYTES == 0 ||
	    hx_mmu_space_query(&s->mmu, va, &page) != 0 || page.bytes == HX_PAGE_SIZE)
		return 0;
	err = vm_refs_add(page.pa, more);
	if (err != 0)
		return err;
	err = hx_mmu_space_split(&s->mmu, va, VM_PART);
	if (err != 0)
		vm_refs_sub(page.pa, more);
	return err;
}

/* The page may not be written because another space may see it. */
static HX_NOINLINE int fault_copy(struct hx_vm_space *s, const struct vm_region *r, uintptr_t va,
				  struct hx_mmu_page *page)
{
	unsigned order = page->bytes == HX_PAGE_SIZE ? 0 : VM_HUGE_ORDER;
	struct hx_mmu_page copy = { .va = page->va, .flags = vm_map_flags(r->prot) };
	int err = hx_frames_alloc(order, HX_FRAMES_ANY, &copy.pa);

	if (err != 0 && order != 0) {
		/* No 2 MiB in one piece: only the 4 KiB around va then. */
		err = vm_cut_page(s, va % VM_HUGE_BYTES != 0 ? va : va + HX_PAGE_SIZE);
		if (err == 0)
			err = hx_mmu_space_query(&s->mmu, va, page);
		return err == 0 ? fault_copy(s, r, va, page) : err;
	}
	if (err != 0)
		return err;
	memcpy(hx_phys_to_virt(copy.pa), hx_phys_to_virt(page->pa), page->bytes);
	err = hx_mmu_space_replace(&s->mmu, &copy);
	hx_verify(err == 0);	/* a page was there, and nobody else changes the space */
	vm_page_release(page);
	s->n_copied++;
	return 0;
}

static int fault_present(struct hx_vm_space *s, const struct vm_region *r, uintptr_t va,
			 unsigned flags, struct hx_mmu_page *page)
{
	hx_paddr_t counted = page->flags & VM_PART ? hx_align_down(page->pa, VM_HUGE_BYTES) :
						     page->pa;

	if ((flags & HX_FAULT_WRITE) == 0 || (page->flags & HX_MAP_WRITE) != 0)
		return 0;
	if ((page->flags & VM_COW) != 0 && vm_refs_is_shared(counted))
		return fault_copy(s, r, va, page);
	return hx_mmu_space_protect(&s->mmu, page->va, page->bytes >> HX_PAGE_SHIFT,
				    VM_COW | HX_MAP_EXEC, HX_MAP_WRITE);
}

/* The access hit the range kept for the stack above r. Its last page stays a guard. */
static HX_NOINLINE int grow(struct hx_vm_space *s, struct vm_region *r, uintptr_t va)
{
	struct vm_region *stack = vm_region_next(r);
	size_t more = r->end - hx_align_down(va, HX_PAGE_SIZE);

	if ((r->flags & VM_RESERVE) == 0 || va < r->start + HX_PAGE_SIZE || stack == NULL ||
	    stack->start != r->end || (stack->flags & HX_VM_STACK) == 0)
		return -HX_EFAULT;
	if (more > s->limit_bytes - s->mapped_bytes)
		return -HX_ENOSPC;
	r->end -= more;
	stack->start -= more;	/* the order in the tree stays */
	s->mapped_bytes += more;
	s->n_grown++;
	s->last = stack;
	return 0;
}

int vm_fault_locked(struct hx_vm_space *s, uintptr_t va, unsigned flags)
{
	struct vm_region *r = vm_region_find(s, va);
	struct hx_mmu_page page;
	int err;

	if (r == NULL)
		return -HX_EFAULT;
	if (r->flags & HX_VM_GUARD) {
		err = grow(s, r, va);
		if (err != 0)
			return err;
		r = s->last;
	}
	if (!allows(r, flags))
		return -HX_EFAULT;
	va = hx_align_down(va, HX_PAGE_SIZE);
	if (hx_mmu_space_query(&s->mmu, va, &page) == 0)
		return fault_present(s, r, va, flags, &page);
	return r->object != NULL ? fault_object(s, r, va) : fault_zero(s, r, va);
}

int hx_vm_fault(struct hx_vm_space *s, uintptr_t va, unsigned flags)
{
	int err;

	hx_mutex_lock(&s->lock);
	err = vm_fault_locked(s, va, flags);
	if (HX_UNLIKELY(err != 0))
		s->n_refused++;
	hx_mutex_unlock(&s->lock);
	return err;
}

int vm_handle_fault(uintptr_t va, unsigned flags)
{
	struct hx_vm_space *s = hx_vm_self();

	if (s == NULL || !hx_can_sleep())
		return -HX_EFAULT;
	return hx_vm_fault(s, va, flags);
}
