/* SPDX-License-Identifier: MIT */
/*
 * What tlsf.c (taking and giving blocks), tlsf_regions.c (where memory comes from) and tlsf_info.c
 * (figures, checks) share; the ideas and the numbered rules are at the top of tlsf.c.
 */
#ifndef HX_HEAP_TLSF_PRIV_H
#define HX_HEAP_TLSF_PRIV_H

#include <hx/config/subsys_memory_heap_tlsf.h>
#include <hx/core/heap_class.h>
#include <hx/core/list.h>
#include <hx/core/lock.h>

#define TLSF_SL_LOG	5u			/* 32 lists for each power of two */
#define TLSF_SL		(1u << TLSF_SL_LOG)
#define TLSF_FL		14u			/* below 512, then powers of two up to 4 MiB */
#define TLSF_LINEAR	512u			/* below it there is a list for each size */
#define TLSF_SMALLEST	((size_t)32)		/* block: head, links of a free one */
#define TLSF_HEAD	((size_t)16)

/* The word of a block: FREE, tag, size, flags. */
#define TLSF_PREV_FREE	((uint64_t)1)		/* the block below is free: prev is valid */
#define TLSF_FIRST	((uint64_t)2)		/* the lowest of its region */
#define TLSF_ODD	((uint64_t)4)		/* … which is not of the usual length */
#define TLSF_SIZE	((uint64_t)0xfffff0)	/* a region has at most 4 MiB */
#define TLSF_TAG_SHIFT	41u
#define TLSF_TAG	((uint64_t)0x3fffff << TLSF_TAG_SHIFT)
#define TLSF_FREE	((uint64_t)1 << 63)

struct tlsf_block {
	struct tlsf_block *prev;	/* l last bytes of the block below, if that is free */
	uint64_t word;			/* l tag, state, size up to the next block, flags */
	struct hx_list free;		/* l while live: the user's, like what follows */
};

struct tlsf_region {
	struct hx_list link;		/* l */
	unsigned order;			/* c log2 of its pages */
	unsigned reserved;
	uint64_t reserved2;
};
_Static_assert(sizeof(struct tlsf_region) % HX_HEAP_ALIGN == 0, "blocks stay aligned");

/* Field keys: c constant after init, l lock. */
struct tlsf_heap {
	struct hx_list list[TLSF_FL * TLSF_SL];	/* l; first: offset 0 costs nothing to add */
	uint32_t lists_used;		/* l bit f: sl_used[f] is not 0 */
	uint32_t sl_used[TLSF_FL];	/* l bit s: there is a block on list[f * 32 + s] */
	uintptr_t base;			/* c lowest address that may be looked at, plus a head */
	uintptr_t n_units;		/* c 16-byte units from there to the highest frame's end */
	uint64_t secret;		/* c odd; in every tag */
	uint64_t n_allocs, n_failed;	/* l */
	struct hx_spinlock lock;
	struct hx_list regions;		/* l */
	struct tlsf_block *top;		/* l the free end of one region; NULL: none */
	struct tlsf_block *top_end;	/* l the block that ends it */
	uint64_t reserved_bytes, reserved_max_bytes;	/* l */
};

extern struct tlsf_heap tlsf;

#define TLSF_REGION_ORDER \
	hx_log2_ceil(CONFIG_HEAP_TLSF_REGION_KIB * HX_KIB / HX_PAGE_SIZE)
/* What a region needs beside its blocks: its own head, and the head of the block that ends it. */
#define TLSF_REGION_EXTRA	(sizeof(struct tlsf_region) + TLSF_HEAD)

/* A block's tag: its address, mixed with a secret of this boot. */
static inline uint64_t tlsf_tag(const struct tlsf_block *b)
{
	return ((uintptr_t)b * tlsf.secret) >> (TLSF_TAG_SHIFT + 1) << TLSF_TAG_SHIFT;
}

/* Whether word, found in b, is that of a live block. */
static HX_ALWAYS_INLINE bool tlsf_is_live(const struct tlsf_block *b, uint64_t word)
{
	/* The tag begins one bit below the word's end: FREE is clear if the upper ends agree. */
	return ((uintptr_t)b * tlsf.secret) >> (TLSF_TAG_SHIFT + 1) == word >> TLSF_TAG_SHIFT;
}

static HX_ALWAYS_INLINE bool tlsf_is_free(const struct tlsf_block *b, uint64_t word)
{
	return (word & TLSF_FREE) != 0 && tlsf_is_live(b, word - TLSF_FREE);
}

static inline size_t tlsf_size(const struct tlsf_block *b)
{
	return b->word & TLSF_SIZE;
}

static inline struct tlsf_block *tlsf_listed(const struct hx_list *n)
{
	return HX_LIST_ENTRY(n, struct tlsf_block, free);
}

static inline struct tlsf_block *tlsf_at(const void *base, size_t off)
{
	return (struct tlsf_block *)((uintptr_t)base + off);
}

/* The list for blocks of TLSF_LINEAR - 1 bytes or more: TLSF_SL lists for each power of two. */
static HX_ALWAYS_INLINE unsigned tlsf_index_large(size_t size)
{
	unsigned log = 63u ^ (unsigned)__builtin_clzll(size);	/* one instruction on x86 */

	/* (log - 8) lists of 32, and the five bits below the highest: that bit adds 32 itself. */
	return (log - 9) * TLSF_SL + (unsigned)(size >> (log - TLSF_SL_LOG));
}

/* The list for blocks of a size, linear below TLSF_LINEAR. */
static HX_ALWAYS_INLINE unsigned tlsf_index(size_t size)
{
	return size < TLSF_LINEAR ? (unsigned)size >> 4 : tlsf_index_large(size);
}

/* Put a block on the list of its size. */
static HX_ALWAYS_INLINE void tlsf_insert(struct tlsf_block *b, size_t size)
{
	unsigned idx = tlsf_index(size);

	hx_list_push_front(&tlsf.list[idx], &b->free);
	hx_bit_set32(tlsf.sl_used, idx);
	hx_bit_set32(&tlsf.lists_used, idx / TLSF_SL);
}

/* Take a block off its list. */
static HX_ALWAYS_INLINE void tlsf_remove(struct tlsf_block *b)
{
	const struct hx_list *next = b->free.next;

	hx_list_unlink(&b->free);
	if (next == b->free.prev) {	/* it was alone: that is the head */
		unsigned idx = (unsigned)(next - tlsf.list);

		hx_bit_clear32(tlsf.sl_used, idx);
		if (tlsf.sl_used[idx / TLSF_SL] == 0)
			hx_bit_clear32(&tlsf.lists_used, idx / TLSF_SL);
	}
}

/* Take the first block of a list off it. */
/* tlsf_regions.c: the region goes; one more, with a block of this size, which becomes the top, or
 * -HX_ENOMEM; the block b is free and all there is in its region. */
void tlsf_release(struct tlsf_region *r);
int tlsf_grow(size_t size);
void tlsf_emptied(struct tlsf_block *b);
/* tlsf_info.c */
void tlsf_stats(struct hx_heap_stats *out);
void tlsf_show(struct hx_text *out);
int tlsf_check(void);
void tlsf_walk(void (*visit)(void *arg, void *ptr, size_t usable), void *arg);

#endif
