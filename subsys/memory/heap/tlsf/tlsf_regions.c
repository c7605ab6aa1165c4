/* SPDX-License-Identifier: MIT */
/*
 * Regions of "tlsf": runs of frames that come and go, the top at the end of the youngest, and which
 * memory is this heap's where there are others.
 */
#include <hx/core/frames.h>
#include <hx/hal/mmu.h>

#include "tlsf_priv.h"

void tlsf_release(struct tlsf_region *r)
{
	hx_list_remove(&r->link);
	tlsf.reserved_bytes -= HX_PAGE_SIZE << r->order;
	hx_frames_free(hx_virt_to_phys(r), r->order);
}

/* The top becomes a free block like others. */
static HX_COLD void tlsf_retire_top(void)
{
	struct tlsf_block *b = tlsf.top, *end = tlsf.top_end;

	if (b == NULL)
		return;
	tlsf.top = tlsf.top_end = NULL;
	b->word += (uintptr_t)end - (uintptr_t)b;
	tlsf_insert(b, tlsf_size(b));
	end->word |= TLSF_PREV_FREE;
	end->prev = b;
}

HX_COLD int tlsf_grow(size_t size)
{
	unsigned least = hx_log2_ceil((size + TLSF_REGION_EXTRA + TLSF_SMALLEST + HX_PAGE_SIZE -
				       1) >> HX_PAGE_SHIFT);
	unsigned order = (unsigned)hx_max_u64(least, TLSF_REGION_ORDER);
	struct tlsf_region *r;
	hx_paddr_t pa;

	while (hx_frames_alloc(order, HX_FRAMES_ANY, &pa) != 0) {
		if (order-- <= least)
			return -HX_ENOMEM;
	}
	r = hx_phys_to_virt(pa);
	r->order = order;
	hx_list_init(&r->link);
	hx_list_push_back(&tlsf.regions, &r->link);
	tlsf.reserved_bytes += HX_PAGE_SIZE << order;
	tlsf.reserved_max_bytes = hx_max_u64(tlsf.reserved_max_bytes, tlsf.reserved_bytes);
	tlsf_retire_top();
	tlsf.top = tlsf_at(r, sizeof(*r));
	tlsf.top_end = tlsf_at(r, (HX_PAGE_SIZE << order) - TLSF_HEAD);
	tlsf.top->word = tlsf_tag(tlsf.top) | TLSF_FREE | TLSF_FIRST |
			 (order == TLSF_REGION_ORDER ? 0 : TLSF_ODD);
	tlsf.top_end->word = tlsf_tag(tlsf.top_end);
	return 0;
}

/* There is no top: if the youngest region ends in a free block, that is it. */
static HX_COLD void tlsf_adopt_top(void)
{
	struct tlsf_region *r = HX_LIST_ENTRY(tlsf.regions.prev, struct tlsf_region, link);
	struct tlsf_block *end;

	if (hx_list_is_empty(&tlsf.regions))
		return;
	end = tlsf_at(r, (HX_PAGE_SIZE << r->order) - TLSF_HEAD);
	if ((end->word & TLSF_PREV_FREE) == 0)
		return;
	end->word -= TLSF_PREV_FREE;
	tlsf.top = end->prev;
	tlsf.top_end = end;
	tlsf_remove(tlsf.top);
	tlsf.top->word -= tlsf_size(tlsf.top);
}

HX_COLD void tlsf_emptied(struct tlsf_block *b)
{
	struct tlsf_region *r = (struct tlsf_region *)(uintptr_t)b - 1;

	if (tlsf.top != b) {
		tlsf_remove(b);
		tlsf_release(r);
	} else if (r->order != TLSF_REGION_ORDER) {
		tlsf.top = tlsf.top_end = NULL;
		tlsf_release(r);
		tlsf_adopt_top();
	}	/* else it stays, so that a pair at its border costs no region each time */
}

/* ---- beside other heaps: a tag has 22 bits, which other heaps' data can have by chance */

static bool tlsf_owns(const void *ptr)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&tlsf.lock);
	bool found = false;
	struct hx_list *n;

	HX_LIST_FOREACH(n, &tlsf.regions) {
		const struct tlsf_region *r = HX_LIST_ENTRY(n, struct tlsf_region, link);

		found |= (uintptr_t)ptr - (uintptr_t)r < HX_PAGE_SIZE << r->order;
	}
	hx_spin_unlock_irqrestore(&tlsf.lock, irq);
	return found;
}

static HX_COLD void tlsf_trim(void)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&tlsf.lock);

	while (tlsf.top != NULL && (tlsf.top->word & TLSF_FIRST) != 0) {
		struct tlsf_region *r = (struct tlsf_region *)(uintptr_t)tlsf.top - 1;

		tlsf.top = tlsf.top_end = NULL;
		tlsf_release(r);
		tlsf_adopt_top();
	}
	hx_spin_unlock_irqrestore(&tlsf.lock, irq);
}

static const struct hx_heap_swap_ops tlsf_swap_ops = {
	.abi = HX_HEAP_SWAP_ABI, .name = "tlsf", .owns = tlsf_owns, .trim = tlsf_trim,
};
HX_HEAP_SWAP(tlsf_swap_ops);
