/* SPDX-License-Identifier: MIT */
/*
 * Runs of any number of pages, for devices that want them in a row, aligned, and low.
 *
 * The provider gives runs of 2^k pages. The next larger one is taken and split until its front part
 * is what was asked for; the parts behind go back. What remains is the binary number of the pages,
 * largest part first, and is given back so:
 *
 *	5 pages:  | 4       | 1 | 1 | 2   |   taken as 8
 *	            kept      kept  back back
 */
#include <hx/core/frames.h>

#include "mem_priv.h"

#define RUN_MAX	((size_t)1 << HX_FRAMES_MAX_ORDER)

/* One taken run becomes two of the next lower order. */
static void run_split(hx_pfn_t pfn, unsigned order)
{
	struct hx_zone *z = hx_frames_zone(HX_ZONE_DMA);
	hx_irqflags_t irq;

	for (unsigned i = HX_ZONE_DMA; pfn - z->start >= z->n_span; )
		z = hx_frames_zone(++i);	/* it was taken from one of them */
	irq = hx_spin_lock_irqsave(&z->lock);
	zone_ops(frames_current, z)->split(z, pfn, order);
	hx_spin_unlock_irqrestore(&z->lock, irq);
}

/* Keep n pages of the taken run at pfn, 0 < n <= 2^order, and give back the others. */
static void run_trim(hx_pfn_t pfn, unsigned order, size_t n)
{
	while (n < (size_t)1 << order) {
		size_t half = (size_t)1 << --order;

		run_split(pfn, order + 1);
		if (n <= half) {
			hx_frames_free((pfn + half) << HX_PAGE_SHIFT, order);
		} else {
			pfn += half;
			n -= half;
		}
	}
}

int hx_frames_alloc_run(size_t n_pages, size_t align_bytes, hx_paddr_t limit, unsigned flags,
			hx_paddr_t *pa)
{
	unsigned order = n_pages != 0 && n_pages <= RUN_MAX ? hx_log2_ceil(n_pages) : UINT32_MAX;
	int err;

	if (order > HX_FRAMES_MAX_ORDER || (flags & ~(unsigned)HX_FRAMES_ZERO) != 0 ||
	    (align_bytes != 0 && !hx_is_pow2(align_bytes)) ||
	    align_bytes > RUN_MAX << HX_PAGE_SHIFT || (limit != 0 && limit < 16 * HX_MIB))
		return -HX_EINVAL;
	if (frames_current == NULL || frames_current->split == NULL)
		return -HX_ENOTSUP;
	if (align_bytes > HX_PAGE_SIZE << order)
		order = hx_log2_floor(align_bytes) - HX_PAGE_SHIFT;
	if (limit != 0)
		flags |= limit < 4 * HX_GIB ? HX_FRAMES_DMA : HX_FRAMES_DMA32;
	err = hx_frames_alloc(order, flags, pa);
	if (err == 0)
		run_trim(*pa >> HX_PAGE_SHIFT, order, n_pages);
	return err;
}

int hx_frames_free_run(hx_paddr_t pa, size_t n_pages)
{
	if (n_pages == 0 || n_pages > RUN_MAX)
		return -HX_EINVAL;
	while (n_pages != 0) {
		unsigned order = hx_log2_floor(n_pages);
		int err = hx_frames_free(pa, order);

		if (err != 0)
			return err;
		pa += HX_PAGE_SIZE << order;
		n_pages -= (size_t)1 << order;
	}
	return 0;
}
