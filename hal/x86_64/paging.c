/* SPDX-License-Identifier: MIT */
/*
 * What hal/common asks of this machine for address spaces and for forgetting translations.
 */
#include <hx/hal/arch/paging.h>
#include <hx/hal/paging.h>

#include "pt_priv.h"

bool hx_x86_has_pcid;
enum hx_tlb_way hx_x86_tlb_way;

hx_paddr_t hx_paging_root(void)
{
	return pt.root;
}

/* Not from the boot's reserve: such a page could not be given back. */
hx_paddr_t hx_paging_take(void)
{
	return pt.source != NULL ? pt.source->take() : 0;
}

void hx_paging_give(hx_paddr_t pa)
{
	pt.source->give(pa);
}

hx_irqflags_t hx_paging_lock(void)
{
	return pt_lock();
}

void hx_paging_unlock(hx_irqflags_t flags)
{
	pt_unlock(flags);
}

bool hx_paging_has_1g(void)
{
	static int8_t known = -1;

	if (known < 0)
		known = hx_x86_has(W_81D, 26);
	return known;
}
