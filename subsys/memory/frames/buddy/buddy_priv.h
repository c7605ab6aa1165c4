/* SPDX-License-Identifier: MIT */
/*
 * The lists of free blocks, for the allocator and for what moves pages to and from another one.
 */
#ifndef BUDDY_PRIV_H
#define BUDDY_PRIV_H

#include <hx/core/assert.h>
#include <hx/core/frames_class.h>
#include <hx/hal/mem.h>
#include <hx/hal/mmu.h>

/* At the start of each free block. */
struct buddy_link {
	struct buddy_link *next, *prev;		/* NULL at the ends */
};

/* In zone->priv; all l. */
struct buddy {
	struct buddy_link *list[HX_FRAMES_MAX_ORDER + 1];
	uint64_t n_blocks[HX_FRAMES_MAX_ORDER + 1];
	uint64_t nonempty;			/* bit per order */
};
_Static_assert(sizeof(struct buddy) <= sizeof(((struct hx_zone *)0)->priv), "fits the zone");

static struct buddy *buddy_of(const struct hx_zone *z)
{
	return (struct buddy *)(uintptr_t)z->priv;
}

static struct buddy_link *buddy_link(hx_pfn_t pfn)
{
	return hx_phys_to_virt(pfn << HX_PAGE_SHIFT);
}

static void buddy_insert(struct hx_zone *z, hx_pfn_t pfn, unsigned order)
{
	struct buddy *b = buddy_of(z);
	struct buddy_link *l = buddy_link(pfn), *next = b->list[order];

	l->next = next;
	l->prev = NULL;
	if (next != NULL)
		next->prev = l;
	b->list[order] = l;
	b->n_blocks[order]++;
	b->nonempty |= 1ull << order;
	z->state[pfn - z->start] = (uint8_t)(HX_PAGE_FREE | order);
}

static void buddy_remove(struct hx_zone *z, hx_pfn_t pfn, unsigned order)
{
	struct buddy *b = buddy_of(z);
	struct buddy_link *l = buddy_link(pfn);

	hx_assert((l->prev == NULL ? b->list[order] : l->prev->next) == l);
	if (l->prev == NULL)
		b->list[order] = l->next;
	else
		l->prev->next = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
	b->n_blocks[order]--;
	if (b->list[order] == NULL)
		b->nonempty &= ~(1ull << order);
	z->state[pfn - z->start] = HX_PAGE_NONE;
}

/* The block is nobody's: merge it as far as it goes. */
static void buddy_release(struct hx_zone *z, hx_pfn_t pfn, unsigned order)
{
	for (; order < HX_FRAMES_MAX_ORDER; order++) {
		hx_pfn_t other = pfn ^ (1ull << order);

		if (other - z->start >= z->n_span ||
		    z->state[other - z->start] != (HX_PAGE_FREE | order))
			break;
		buddy_remove(z, other, order);
		pfn &= other;
	}
	buddy_insert(z, pfn, order);
}

#endif
