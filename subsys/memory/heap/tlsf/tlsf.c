/* SPDX-License-Identifier: MIT */
/*
 * Heap "tlsf": two-level segregated fit. Taking and giving a block costs the same few steps for any
 * number of blocks, any sizes and any history.
 *
 * 1 Concepts. Free blocks lie on lists by size. The first level is the power of two, the second
 *   cuts it into 32 steps, so that the blocks of one list differ by at most 3.1 %; below 512 bytes
 *   each size has a list of its own. Bits say which lists have blocks. An alloc rounds up to the
 *   next step, so that any block of the list fits, finds the first list at or above it with two
 *   bit scans, takes its first block and puts the rest back. A free joins the block with its
 *   neighbours at once: two free blocks never touch.
 * 2 A block begins with a head of 16 bytes; the first 8 of them, prev, are the last 8 of the block
 *   below and count only while that one is free. So a live block has 8 bytes of overhead.
 *
 *	| prev word user's bytes …            | prev word links …                  |
 *	  ^ the user of the block below may   ^ PREV_FREE clear         free, size in the word
 *	    write here
 *
 *   The upper bits of the word are a tag: the block's address mixed with a secret of this boot. The
 *   highest says free. A pointer whose word has another tag is no block, so user data that looks
 *   like a head, a stale pointer after the region went back, or a wild one is refused. Words of
 *   blocks that were joined to others keep the bit, so that they are still known as freed.
 * 3 Regions. Memory comes from frames in runs of HEAP_TLSF_REGION_KIB, longer ones for longer
 *   blocks, shorter ones when memory is short. A region ends in a live block of size 0. The free
 *   end of the youngest region is the top: on no list, and its word has no size, so that cutting a
 *   block off it, and joining one to it, touches neither lists nor bits. The order of choice is
 *   below 512 bytes: a list of the size itself, the top, any list above; from there on: any list,
 *   the top. After that a new region. A region that is empty goes back, except the top's.
 * 4 Cost. An alloc and a free each have a short way for what is common, and a long one; none calls
 *   anything but as its last step, so that no register is saved. The longest alloc takes the last
 *   block of a list of large ones, which clears two bits, and puts back a rest of another power of
 *   two, which sets two; the longest free takes both neighbours off lists like that.
 * 5 Locking. One lock, interrupts off, for all but size_of(). Its longest hold is growing by a
 *   region or giving one back: the frame allocator's bounded steps.
 * 6 Invariants: (1) blocks tile a region up to its end; (2) a block is on exactly the list that
 *   its size if it is free and not the top, else on none; (3) two free blocks never touch;
 *   (4) PREV_FREE is set in exactly the blocks above a listed one, and prev leads to it; (5) a
 *   list's bit is set exactly if it has a block.
 *
 * Source: Masmano, Ripoll, Crespo, Real, "TLSF: A New Dynamic Memory Allocator for Real-Time
 * Systems" (ECRTS 2004). Differs: tags; each size below 512 has its list; the top is kept apart;
 * regions come and go.
 */
#include <hx/config/core_mem.h>
#include <hx/core/assert.h>
#include <hx/core/frames.h>
#include <hx/hal/cpu.h>
#include <hx/hal/mem.h>
#include <hx/hal/mmu.h>

#include "tlsf_priv.h"

#define BLOCK_MAX	((HX_PAGE_SIZE << HX_FRAMES_MAX_ORDER) - TLSF_REGION_EXTRA - TLSF_SMALLEST)

struct tlsf_heap tlsf = { .lock = HX_SPINLOCK_INIT("tlsf", HX_RANK_HEAP) };

static HX_ALWAYS_INLINE struct tlsf_block *tlsf_remove_first(size_t idx)
{
	struct hx_list *list = &tlsf.list[idx], *n = hx_list_unlink_first(list);

	if (n->next == list) {
		hx_bit_clear32(tlsf.sl_used, (uint32_t)idx);
		if (tlsf.sl_used[idx / TLSF_SL] == 0)
			hx_bit_clear32(&tlsf.lists_used, (uint32_t)(idx / TLSF_SL));
	}
	return tlsf_listed(n);
}

/* ---- allocate ---- */

static inline size_t tlsf_block_size(size_t size_bytes)
{
	size_t size = hx_align_up(size_bytes + sizeof(uint64_t), HX_HEAP_ALIGN);

	return size > TLSF_SMALLEST ? size : TLSF_SMALLEST;
}

/* Cut a block off the top, which is longer. */
static HX_ALWAYS_INLINE struct tlsf_block *tlsf_cut_top(size_t size)
{
	struct tlsf_block *b = tlsf.top, *rest = tlsf_at(b, size);

	rest->word = tlsf_tag(rest) | TLSF_FREE;
	tlsf.top = rest;
	b->word += size - TLSF_FREE;
	return b;
}

/* The first block of a list, cut to size. */
static HX_ALWAYS_INLINE struct tlsf_block *tlsf_cut_listed(size_t idx, size_t size)
{
	struct tlsf_block *b = tlsf_remove_first(idx), *r = tlsf_at(b, size);
	size_t rest = tlsf_size(b) - size;

	hx_assert(tlsf_is_free(b, b->word));
	if (rest >= TLSF_SMALLEST) {
		b->word = (b->word & ~TLSF_FREE) - rest;
		r->word = (tlsf_tag(r) + rest) | TLSF_FREE;
		tlsf_at(r, rest)->prev = r;
		tlsf_insert(r, rest);
	} else {
		b->word &= ~TLSF_FREE;
		tlsf_at(r, rest)->word &= ~TLSF_PREV_FREE;
	}
	return b;
}

static HX_ALWAYS_INLINE size_t tlsf_top_room(void)
{
	return (uintptr_t)tlsf.top_end - (uintptr_t)tlsf.top;
}

/* The list to take from: the first with a bit in fit, which is what sl_used[f] says of lists that
 * are right; else the first of all above those of f. False: there is none. */
static HX_ALWAYS_INLINE bool tlsf_find(unsigned f, uint32_t fit, size_t *idx)
{
	if (fit == 0) {
		uint32_t above = tlsf.lists_used & (~1u << f);

		if (HX_UNLIKELY(above == 0))
			return false;
		f = (unsigned)__builtin_ctz(above);
		fit = tlsf.sl_used[f];
	}
	*idx = (size_t)f * TLSF_SL + (unsigned)__builtin_ctz(fit);
	return true;
}

/* The lock is held by what follows, and is let go in it. */

static HX_ALWAYS_INLINE void *tlsf_alloc_end(struct tlsf_block *b, hx_irqflags_t irq)
{
	tlsf.n_allocs++;
	hx_spin_unlock_irqrestore(&tlsf.lock, irq);
	return &b->free;
}

/* Nothing fits: from a new region. NULL: no memory. */
static HX_COLD void *tlsf_alloc_grown(size_t size, hx_irqflags_t irq)
{
	if (size <= BLOCK_MAX && tlsf_grow(size) == 0)
		return tlsf_alloc_end(tlsf_cut_top(size), irq);
	tlsf.n_failed++;
	hx_spin_unlock_irqrestore(&tlsf.lock, irq);
	return NULL;
}

/* Below TLSF_LINEAR; the top has no room. */
static HX_NOINLINE void *tlsf_alloc_small(size_t size, hx_irqflags_t irq)
{
	size_t idx;

	if (HX_UNLIKELY(!tlsf_find(0, tlsf.sl_used[0] & (~0u << (size >> 4)), &idx)))
		return tlsf_alloc_grown(size, irq);
	return tlsf_alloc_end(tlsf_cut_listed(idx, size), irq);
}

static HX_NOINLINE void *tlsf_alloc_large(size_t size, hx_irqflags_t irq)
{
	/* The list from which on every block is long enough. */
	size_t idx = tlsf_index_large(size - 1) + 1;
	unsigned f = (unsigned)(idx / TLSF_SL);
	uint32_t fit;

	if (HX_UNLIKELY(f >= TLSF_FL))
		return tlsf_alloc_grown(size, irq);	/* too long, or only just not */
	fit = tlsf.sl_used[f] & (~0u << (idx % TLSF_SL));
	if (tlsf_find(f, fit, &idx))
		return tlsf_alloc_end(tlsf_cut_listed(idx, size), irq);
	if (HX_LIKELY(size + TLSF_SMALLEST <= tlsf_top_room()))
		return tlsf_alloc_end(tlsf_cut_top(size), irq);
	return tlsf_alloc_grown(size, irq);
}

/* The short way takes a block of just this size, or cuts one off the top. */
static void *tlsf_alloc(size_t size_bytes)
{
	size_t size = tlsf_block_size(size_bytes);
	hx_irqflags_t irq = hx_spin_lock_irqsave(&tlsf.lock);
	struct tlsf_block *b;

	if (HX_UNLIKELY(size >= TLSF_LINEAR))
		return tlsf_alloc_large(size, irq);
	if ((tlsf.sl_used[0] >> (size >> 4) & 1) != 0) {
		b = tlsf_remove_first(size >> 4);
		b->word -= TLSF_FREE;
		tlsf_at(b, size)->word -= TLSF_PREV_FREE;
	} else if (HX_LIKELY(size + TLSF_SMALLEST <= tlsf_top_room())) {
		b = tlsf_cut_top(size);
	} else {
		return tlsf_alloc_small(size, irq);
	}
	return tlsf_alloc_end(b, irq);
}

/* ---- free ---- */

/* b, which is live and has this word, is free from now on. Returns the free block that it is part
 * of then, which may be all there is in its region. */
static HX_ALWAYS_INLINE struct tlsf_block *tlsf_give(struct tlsf_block *b, uint64_t word)
{
	size_t size = word & TLSF_SIZE;
	struct tlsf_block *above = tlsf_at(b, size);
	uint64_t above_word = above->word;

	hx_assert(tlsf_is_live(above, above_word & ~TLSF_FREE));
	b->word = word + TLSF_FREE;	/* what is freed says so, also once it is joined */
	if ((word & TLSF_PREV_FREE) != 0) {
		b = b->prev;
		b->word += size;
		tlsf_remove(b);
		size = tlsf_size(b);
	}
	if (above == tlsf.top) {
		b->word -= size;
		tlsf.top = b;
		return b;
	}
	if ((above_word & TLSF_FREE) != 0) {
		size_t more = above_word & TLSF_SIZE;

		tlsf_remove(above);
		size += more;
		b->word += more;
		above = tlsf_at(above, more);	/* knows that a free block is below */
	} else {
		above->word = above_word + TLSF_PREV_FREE;
	}
	above->prev = b;
	tlsf_insert(b, size);
	return b;
}

static HX_COLD int tlsf_refuse(void *ptr, hx_irqflags_t irq)
{
	struct tlsf_block *b = (struct tlsf_block *)((uintptr_t)ptr - TLSF_HEAD);
	bool was_block = tlsf_is_free(b, b->word);

	hx_spin_unlock_irqrestore(&tlsf.lock, irq);
	return hx_heap_refuse(ptr, was_block ? -HX_EEXIST : -HX_EINVAL);
}

static HX_COLD int tlsf_free_foreign(void *ptr)
{
	return ptr == NULL ? 0 : hx_heap_refuse(ptr, -HX_EINVAL);
}

/* Where among all frames an address lies, in units of 16 bytes. Rotated, not shifted: a misaligned
 * pointer becomes a unit beyond all memory. */
static inline uintptr_t tlsf_unit(const void *ptr)
{
	uintptr_t off = (uintptr_t)ptr - tlsf.base;

	return off >> 4 | off << (8 * sizeof(off) - 4);
}

/* Whether the free block b is all there is in its region. */
static HX_ALWAYS_INLINE bool tlsf_is_all(const struct tlsf_block *b)
{
	return (b->word & TLSF_FIRST) != 0 &&
	       (b == tlsf.top || tlsf_size(tlsf_at(b, tlsf_size(b))) == 0);
}

/* The lock is held, and is let go here. */
static HX_COLD int tlsf_free_region(struct tlsf_block *b, hx_irqflags_t irq)
{
	tlsf_emptied(b);
	hx_spin_unlock_irqrestore(&tlsf.lock, irq);
	return 0;
}

/* The lock is held, and is let go here. */
static HX_NOINLINE int tlsf_free_locked(struct tlsf_block *b, uint64_t word, hx_irqflags_t irq)
{
	b = tlsf_give(b, word);
	if (HX_UNLIKELY(tlsf_is_all(b)))
		return tlsf_free_region(b, irq);
	hx_spin_unlock_irqrestore(&tlsf.lock, irq);
	return 0;
}

/* The short way joins to the top, or to nothing. */
static int tlsf_free(void *ptr)
{
	struct tlsf_block *b = (struct tlsf_block *)((uintptr_t)ptr - TLSF_HEAD);
	struct tlsf_block *above;
	hx_irqflags_t irq;
	uint64_t word;
	size_t size;

	if (HX_UNLIKELY(tlsf_unit(ptr) >= tlsf.n_units))
		return tlsf_free_foreign(ptr);
	irq = hx_spin_lock_irqsave(&tlsf.lock);
	word = b->word;
	size = word & TLSF_SIZE;
	/* Size 0 is the end of a region: its word is not the user's to free. */
	if (HX_UNLIKELY(!tlsf_is_live(b, word)) || HX_UNLIKELY(size == 0))
		return tlsf_refuse(ptr, irq);
	above = tlsf_at(b, size);
	if ((word & TLSF_PREV_FREE) != 0) {
		return tlsf_free_locked(b, word, irq);
	} else if (above == tlsf.top && (word & TLSF_ODD) == 0) {
		b->word = word - size + TLSF_FREE;
		tlsf.top = b;
	} else if (size < TLSF_LINEAR && (above->word & TLSF_FREE) == 0) {
		b->word = word + TLSF_FREE;
		above->prev = b;
		above->word += TLSF_PREV_FREE;
		tlsf_insert(b, size);
	} else {
		return tlsf_free_locked(b, word, irq);
	}
	hx_spin_unlock_irqrestore(&tlsf.lock, irq);
	return 0;
}

static size_t tlsf_size_of(const void *ptr)
{
	const struct tlsf_block *b = (const struct tlsf_block *)((uintptr_t)ptr - TLSF_HEAD);
	uint64_t word;

	if (tlsf_unit(ptr) >= tlsf.n_units)
		return 0;
	word = b->word;
	if (!tlsf_is_live(b, word) || (word & TLSF_SIZE) == 0)
		return 0;
	return (word & TLSF_SIZE) - sizeof(word);
}

/* Cut a live block in two live ones; returns the upper. */
static struct tlsf_block *tlsf_split(struct tlsf_block *b, size_t size)
{
	struct tlsf_block *r = tlsf_at(b, size);

	r->word = tlsf_tag(r) + tlsf_size(b) - size;
	b->word -= tlsf_size(b) - size;
	return r;
}

/* Takes room for the worst case and gives back what lies before and behind. */
static HX_COLD void *tlsf_alloc_aligned(size_t size_bytes, size_t align)
{
	size_t size = tlsf_block_size(size_bytes), front;
	char *p = tlsf_alloc(size + align + TLSF_SMALLEST - sizeof(uint64_t));
	struct tlsf_block *b, *r;
	hx_irqflags_t irq;

	if (p == NULL)
		return NULL;
	front = hx_align_up((uintptr_t)p, align) - (uintptr_t)p;
	if (front != 0 && front < TLSF_SMALLEST)
		front += align;		/* what is left must be a block */
	b = tlsf_at(p, front - TLSF_HEAD);
	irq = hx_spin_lock_irqsave(&tlsf.lock);
	if (front != 0) {
		r = tlsf_at(p, 0 - TLSF_HEAD);
		tlsf_split(r, front);
		tlsf_give(r, r->word);
	}
	if (tlsf_size(b) - size >= TLSF_SMALLEST) {
		r = tlsf_split(b, size);
		tlsf_give(r, r->word);
	}
	hx_spin_unlock_irqrestore(&tlsf.lock, irq);
	return &b->free;
}

/* ---- coming up ---- */

static HX_COLD int tlsf_init(void)
{
	hx_pfn_t low = UINT64_MAX, high = 0;

	for (unsigned i = 0; i < HX_ZONE_COUNT; i++) {
		const struct hx_zone *z = hx_frames_zone(i);

		if (z->n_pages != 0) {
			low = hx_min_u64(low, z->start);
			high = hx_max_u64(high, z->end);
		}
	}
	if (high == 0)
		return -HX_ENOMEM;
	/* A head lies below the pointer that is looked up. */
	tlsf.base = (uintptr_t)hx_phys_to_virt(low << HX_PAGE_SHIFT) + TLSF_HEAD;
	tlsf.n_units = ((high - low) << (HX_PAGE_SHIFT - 4)) - 1;
	tlsf.lists_used = 0;
	memset(tlsf.sl_used, 0, sizeof(tlsf.sl_used));
	for (unsigned i = 0; i < TLSF_FL * TLSF_SL; i++)
		hx_list_init(&tlsf.list[i]);
	tlsf.n_allocs = tlsf.n_failed = tlsf.reserved_bytes = tlsf.reserved_max_bytes = 0;
	tlsf.top = tlsf.top_end = NULL;
	hx_list_init(&tlsf.regions);
	/* Without a source of entropy the tags still tell blocks from other data. */
	if (hx_cpu_entropy(&tlsf.secret, sizeof(tlsf.secret)) != 0)
		tlsf.secret = 0x9e3779b97f4a7c15;
	tlsf.secret |= 1;
	return tlsf_grow(TLSF_SMALLEST);
}

static HX_COLD void tlsf_fini(void)
{
	while (!hx_list_is_empty(&tlsf.regions))
		tlsf_release(HX_LIST_ENTRY(tlsf.regions.next, struct tlsf_region, link));
	tlsf.n_units = 0;
}

const struct hx_heap_ops hx_heap_tlsf_ops = {
	.abi = HX_HEAP_ABI, .name = "tlsf", .init = tlsf_init, .alloc = tlsf_alloc,
	.alloc_aligned = tlsf_alloc_aligned, .free = tlsf_free, .size_of = tlsf_size_of,
	.stats = tlsf_stats, .show = tlsf_show,
	.check = HX_ENABLED(MEM_CHECK) ? tlsf_check : NULL,
	.walk = HX_ENABLED(MEM_WALK) ? tlsf_walk : NULL, .fini = tlsf_fini,
};
HX_HEAP_CLASS(hx_heap_tlsf_ops);
