/* SPDX-License-Identifier: MIT */
/*
 * How many entries share a private page, beyond one. A page that was never shared has no count: the
 * counts of 4 MiB of RAM come into being with the first page there that is cloned.
 *
 *	table[frame / 1024] -> counts[1024], NULL: all zero
 *
 * A block of 2 MiB is counted at its first frame, whether it is mapped as one page or in parts: it
 * was given as a whole and goes back as a whole, when the last part goes.
 */
#include <hx/core/frames.h>
#include <hx/core/heap.h>

#include "vm_priv.h"

#define CHUNK	1024u

static uint32_t **table;	/* c; its words atomic */
static size_t n_chunks;		/* c */

int vm_refs_init(void)
{
	hx_pfn_t end = 0;

	for (unsigned i = 0; i < HX_ZONE_COUNT; i++)
		if (hx_frames_zone(i)->n_pages != 0)
			end = hx_max_u64(end, hx_frames_zone(i)->end);
	n_chunks = end / CHUNK + 1;
	table = hx_calloc(n_chunks, sizeof(*table));
	return table != NULL ? 0 : -HX_ENOMEM;
}

void vm_refs_fini(void)
{
	for (size_t i = 0; i < n_chunks; i++)
		hx_free(table[i]);
	hx_free(table);
	table = NULL;
	n_chunks = 0;
}

/* The count of a frame; NULL: zero, and no place for it. */
static uint32_t *count_of(hx_paddr_t pa)
{
	hx_pfn_t pfn = pa >> HX_PAGE_SHIFT;
	uint32_t *chunk = __atomic_load_n(&table[pfn / CHUNK], __ATOMIC_ACQUIRE);

	return chunk != NULL ? &chunk[pfn % CHUNK] : NULL;
}

int vm_refs_add(hx_paddr_t pa, uint32_t n)
{
	uint32_t **slot = &table[(pa >> HX_PAGE_SHIFT) / CHUNK], *chunk, *none = NULL;

	if (count_of(pa) == NULL) {
		chunk = hx_calloc(CHUNK, sizeof(*chunk));
		if (chunk == NULL)
			return -HX_ENOMEM;
		if (!__atomic_compare_exchange_n(slot, &none, chunk, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE))
			hx_free(chunk);		/* another space was faster */
	}
	__atomic_fetch_add(count_of(pa), n, __ATOMIC_RELAXED);
	return 0;
}

void vm_refs_sub(hx_paddr_t pa, uint32_t n)
{
	__atomic_fetch_sub(count_of(pa), n, __ATOMIC_RELAXED);
}

bool vm_refs_is_shared(hx_paddr_t pa)
{
	const uint32_t *count = count_of(pa);

	return count != NULL && __atomic_load_n(count, __ATOMIC_ACQUIRE) != 0;
}

/* One entry less. Whether it was the last: the count went from zero, which it is again then. */
static bool put(hx_paddr_t pa)
{
	uint32_t *count = count_of(pa), was;

	if (count == NULL)
		return true;
	was = __atomic_load_n(count, __ATOMIC_ACQUIRE);
	while (was != 0)
		if (__atomic_compare_exchange_n(count, &was, was - 1, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return false;
	return true;
}

void vm_page_release(const struct hx_mmu_page *page)
{
	bool is_block = (page->flags & VM_PART) != 0 || page->bytes != HX_PAGE_SIZE;
	hx_paddr_t pa = is_block ? hx_align_down(page->pa, VM_HUGE_BYTES) : page->pa;

	if ((page->flags & (VM_COW | VM_PART)) == 0 || put(pa))
		hx_verify(hx_frames_free(pa, is_block ? VM_HUGE_ORDER : 0) == 0);
}
