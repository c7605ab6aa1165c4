/* SPDX-License-Identifier: MIT */
/*
 * Heap "tlsf", the cold side: figures, the lines of /mem/heap, the visit of all blocks, and the
 * check of the invariants numbered at the top of tlsf.c. All of it walks the regions with the lock
 * held.
 */
#include <hx/core/text.h>
#include <hx/hal/mem.h>

#include "tlsf_priv.h"

#define REGION_FOREACH(n_) \
	for (struct hx_list *n_ = tlsf.regions.next; n_ != &tlsf.regions; n_ = n_->next)
#define BLOCK_FOREACH(b_, n_) \
	for (b_ = tlsf_at(HX_LIST_ENTRY(n_, struct tlsf_region, link), \
			  sizeof(struct tlsf_region)); tlsf_span(b_) != 0; \
	     b_ = tlsf_at(b_, tlsf_span(b_)))

/* What a block covers; the top's word does not say. */
static inline size_t tlsf_span(const struct tlsf_block *b)
{
	return b == tlsf.top ? (uintptr_t)tlsf.top_end - (uintptr_t)b : tlsf_size(b);
}

struct tlsf_sums {
	uint64_t n_live, live_bytes, n_free, free_bytes, largest_free, n_regions;
};

static HX_COLD void tlsf_sum(struct tlsf_sums *s)
{
	const struct tlsf_block *b;

	memset(s, 0, sizeof(*s));
	REGION_FOREACH(n) {
		s->n_regions++;
		BLOCK_FOREACH(b, n) {
			bool is_free = (b->word & TLSF_FREE) != 0;

			s->n_free += is_free;
			s->n_live += !is_free;
			*(is_free ? &s->free_bytes : &s->live_bytes) += tlsf_span(b);
			if (is_free)
				s->largest_free = hx_max_u64(s->largest_free, tlsf_span(b));
		}
	}
}

HX_COLD void tlsf_stats(struct hx_heap_stats *out)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&tlsf.lock);
	struct tlsf_sums s;

	tlsf_sum(&s);
	out->reserved_bytes = tlsf.reserved_bytes;
	out->used_bytes = s.live_bytes;
	out->used_max_bytes = tlsf.reserved_max_bytes;
	out->n_allocs = tlsf.n_allocs;
	out->n_frees = tlsf.n_allocs - s.n_live;
	out->n_failed = tlsf.n_failed;
	hx_spin_unlock_irqrestore(&tlsf.lock, irq);
}

HX_COLD void tlsf_show(struct hx_text *out)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&tlsf.lock);
	uint32_t n_blocks[TLSF_FL] = { 0 };
	struct tlsf_sums s;

	tlsf_sum(&s);
	for (unsigned i = 0; i < TLSF_FL * TLSF_SL; i++) {
		for (const struct hx_list *n = tlsf.list[i].next; n != &tlsf.list[i]; n = n->next)
			n_blocks[i / TLSF_SL]++;
	}
	hx_spin_unlock_irqrestore(&tlsf.lock, irq);
	hx_text_printf(out, "regions=%ju live=%ju free_blocks=%ju free_bytes=%ju "
		       "largest_free_bytes=%ju\n", s.n_regions, s.n_live, s.n_free, s.free_bytes,
		       s.largest_free);
	for (unsigned f = 0; f < TLSF_FL; f++) {
		if (n_blocks[f] != 0)
			hx_text_printf(out, "free_below_bytes=%u blocks=%u\n", TLSF_LINEAR << f,
				       n_blocks[f]);
	}
}

HX_COLD void tlsf_walk(void (*visit)(void *arg, void *ptr, size_t usable), void *arg)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&tlsf.lock);
	struct tlsf_block *b;

	REGION_FOREACH(n) {
		BLOCK_FOREACH(b, n) {
			if ((b->word & TLSF_FREE) == 0)
				visit(arg, &b->free, tlsf_size(b) - sizeof(b->word));
		}
	}
	hx_spin_unlock_irqrestore(&tlsf.lock, irq);
}

/* Invariants 1, 3 and 4 in one region; counts its free blocks. */
static HX_COLD bool tlsf_check_region(const struct tlsf_region *r, uint64_t *n_free)
{
	const struct tlsf_block *b = tlsf_at(r, sizeof(*r)), *below = NULL;
	uintptr_t end = (uintptr_t)r + (HX_PAGE_SIZE << r->order) - TLSF_HEAD;
	bool below_free = false;

	if ((b->word & TLSF_FIRST) == 0)
		return false;
	while ((uintptr_t)b <= end) {
		bool is_free = (b->word & TLSF_FREE) != 0;

		if (!tlsf_is_live(b, b->word & ~TLSF_FREE) || (is_free && below_free) ||
		    ((b->word & TLSF_PREV_FREE) != 0) != (below_free && below != tlsf.top) ||
		    (below_free && below != tlsf.top && b->prev != below))
			return false;
		if ((uintptr_t)b == end)
			return tlsf_size(b) == 0 && !is_free;
		if (tlsf_span(b) < TLSF_SMALLEST || (b == tlsf.top && !is_free))
			return false;
		*n_free += is_free && b != tlsf.top;
		below = b;
		below_free = is_free;
		b = tlsf_at(b, tlsf_span(b));
	}
	return false;
}

/* Invariants 2 and 5; counts the blocks on lists. */
static HX_COLD bool tlsf_check_lists(uint64_t *n_listed)
{
	for (unsigned i = 0; i < TLSF_FL * TLSF_SL; i++) {
		unsigned f = i / TLSF_SL;
		const struct hx_list *head = &tlsf.list[i], *prev = head;

		if (hx_list_is_empty(head) == (tlsf.sl_used[f] >> i % TLSF_SL & 1) ||
		    (tlsf.sl_used[f] != 0) != (tlsf.lists_used >> f & 1))
			return false;
		for (const struct hx_list *n = head->next; n != head; prev = n, n = n->next) {
			const struct tlsf_block *b = tlsf_listed(n);

			if (n->prev != prev || tlsf_index(tlsf_size(b)) != i ||
			    !tlsf_is_free(b, b->word))
				return false;
			++*n_listed;
		}
	}
	return true;
}

HX_COLD int tlsf_check(void)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&tlsf.lock);
	uint64_t n_free = 0, n_listed = 0;
	bool ok = true;

	REGION_FOREACH(n)
		ok = ok && tlsf_check_region(HX_LIST_ENTRY(n, struct tlsf_region, link), &n_free);
	ok = ok && tlsf_check_lists(&n_listed) && n_free == n_listed;
	hx_spin_unlock_irqrestore(&tlsf.lock, irq);
	return ok ? 0 : -HX_EBADMSG;
}
