/* SPDX-License-Identifier: MIT */
/*
 * Shared memory: a table of pages that come at the first touch, whoever touches them, and go with
 * the last reference. No lock: a page is entered by one compare-and-swap; who comes second takes
 * the first one's.
 */
#include <hx/core/frames.h>
#include <hx/core/heap.h>

#include "vm_priv.h"

int hx_vm_object_create(size_t size_bytes, struct hx_vm_object **out)
{
	uint64_t n_pages = (size_bytes + HX_PAGE_SIZE - 1) >> HX_PAGE_SHIFT;
	struct hx_vm_object *o;

	if (size_bytes == 0 || size_bytes > HX_VM_OBJECT_MAX)
		return -HX_EINVAL;
	o = hx_zalloc(sizeof(*o) + n_pages * sizeof(o->pages[0]));
	if (o == NULL)
		return -HX_ENOMEM;
	o->n_refs = 1;
	o->n_pages = n_pages;
	*out = o;
	return 0;
}

struct hx_vm_object *hx_vm_object_get(struct hx_vm_object *o)
{
	__atomic_fetch_add(&o->n_refs, 1, __ATOMIC_RELAXED);
	return o;
}

void hx_vm_object_put(struct hx_vm_object *o)
{
	if (o == NULL || __atomic_sub_fetch(&o->n_refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	for (uint64_t i = 0; i < o->n_pages; i++)
		if (o->pages[i] != 0)
			hx_verify(hx_frames_free(o->pages[i], 0) == 0);
	hx_free(o);
}

hx_paddr_t vm_object_page(struct hx_vm_object *o, uint64_t offset_bytes)
{
	hx_paddr_t *slot = &o->pages[offset_bytes >> HX_PAGE_SHIFT];
	hx_paddr_t pa = __atomic_load_n(slot, __ATOMIC_ACQUIRE), mine;

	if (pa != 0 || hx_frames_alloc(0, HX_FRAMES_ZERO, &mine) != 0)
		return pa;
	if (__atomic_compare_exchange_n(slot, &pa, mine, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return mine;
	hx_frames_free(mine, 0);
	return pa;
}
