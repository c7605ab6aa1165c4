/* SPDX-License-Identifier: MIT */
/*
 * What a frame allocator provides: pages of one zone. Core keeps the zones, picks one, takes its
 * lock, checks the answer and counts; the provider only decides which pages.
 *
 * A provider that keeps one byte per page may hand that array to core in zone->state, with the
 * codes of enum hx_page_state. Core then keeps a few single pages in front of the provider: an
 * alloc/free pair of one page touches that byte and no provider code. Such a page is CACHED; core
 * gives it back (as TAKEN, through free()) when the provider runs dry.
 */
#ifndef HX_CORE_FRAMES_CLASS_H
#define HX_CORE_FRAMES_CLASS_H

#include <hx/base.h>
#include <hx/core/lock.h>

#define HX_FRAMES_ABI		2u
#define HX_FRAMES_MAX_ORDER	10u	/* 4 MiB */
#define HX_FRAMES_CACHE		24u	/* single pages that core keeps per zone */

enum hx_zone_id { HX_ZONE_DMA, HX_ZONE_DMA32, HX_ZONE_NORMAL, HX_ZONE_COUNT };

/* One byte per page; only the first page of a block has a code, with its order in the low bits. */
enum hx_page_state {
	HX_PAGE_NONE = 0,	/* hole, or not the first page of a block */
	HX_PAGE_FREE = 0x40,
	HX_PAGE_TAKEN = 0x80,
	HX_PAGE_CACHED = 0xc0,	/* single page in core's cache: set and cleared by core alone */
	HX_PAGE_ORDER = 0x0f,
};

/* Field keys: c constant after init, l own lock. */
struct hx_zone {
	struct hx_spinlock lock;	/* rank HX_RANK_ZONE, taken with interrupts off */
	const char *name;		/* c "dma", "dma32", "normal" */
	hx_pfn_t start, end;		/* c span, half open; holes inside are not free */
	uint64_t n_span;		/* c end - start */
	uint64_t n_pages;		/* c usable pages given to the provider */
	uint64_t n_free;		/* l kept by core: free at the provider, without cached */
	uint64_t n_min_free;		/* l low-water mark of n_free */
	uint64_t n_reserve;		/* c pages that fall-back from higher zones leave alone */
	void *meta;			/* c provider's metadata for the span; init() fills it */
	size_t meta_bytes;		/* c as asked by ops->meta_bytes() */
	uint8_t *state;			/* c set by init(), or NULL: no page cache */
	uint32_t n_cached;		/* l */
	uint32_t n_cache_max;		/* c HX_FRAMES_CACHE, or 0 without state */
	uint32_t cache[HX_FRAMES_CACHE];	/* l page numbers less start, last in first out */
	uint64_t priv[32];		/* l provider's own, zero at init */
};

/* [B] boot, one CPU.  [Z] zone->lock held, interrupts off: no sleep, no allocation, no log. */
struct hx_frames_ops {
	uint32_t abi;		/* HX_FRAMES_ABI */
	const char *name;	/* "bitmap", "buddy" */
	/* [B] bytes of metadata for a span of n_pages. */
	size_t (*meta_bytes)(uint64_t n_pages);
	/* [B] fill z->meta (it holds garbage): all pages are holes; add_range() then gives the
	 * free ones. 0; -HX_ERANGE the span is too long for this provider. */
	int (*init)(struct hx_zone *z);
	/* [B] pages [start, end) are free. Ranges come sorted and do not overlap. */
	void (*add_range)(struct hx_zone *z, hx_pfn_t start, hx_pfn_t end);
	/* [Z] 2^order pages, aligned to their size. 0 and *pfn, or -HX_ENOMEM. */
	int (*alloc)(struct hx_zone *z, unsigned order, hx_pfn_t *pfn);
	/* [Z] core has checked that [pfn, pfn + 2^order) is aligned and inside the span. 0;
	 * -HX_EINVAL not the start of an allocation of this order (foreign); -HX_EEXIST free
	 * already (double free). On error nothing changed. */
	int (*free)(struct hx_zone *z, hx_pfn_t pfn, unsigned order);
	/* [Z] optional: what was taken as one run of this order is from now on two runs of the
	 * next lower one, to be given back singly. pfn and order are right, order is above 0. */
	void (*split)(struct hx_zone *z, hx_pfn_t pfn, unsigned order);
	/* [Z] optional: free blocks by order 0..HX_FRAMES_MAX_ORDER, for /mem/frames. */
	void (*count_free)(const struct hx_zone *z, uint64_t by_order[HX_FRAMES_MAX_ORDER + 1]);
	/* [Z] optional: verify all own invariants; 0 or -HX_EBADMSG. Debug and tests. */
	int (*check)(const struct hx_zone *z);
};

struct hx_boot_info;

/**
 * hx_frames_start() - build the zones from a memory map over one provider.
 * hx_frames_stop() - forget them; whoever still holds pages keeps them.
 * @ops:  the provider; a build with a sole provider uses that one, whatever @ops says
 * @info: the map; only read during the call
 *
 * Returns: 0; -HX_ENOMEM no usable memory. A zone too small for its metadata stays unused.
 * Context: boot, one CPU: the component "frames" does this, and tests for each provider.
 * Locks:   none.
 * Owner:   the usable memory of the map is the provider's.
 * Cost:    O(ranges) and the filling of the metadata.
 * Source:  -
 */
HX_MUST_CHECK int hx_frames_start(const struct hx_frames_ops *ops, const struct hx_boot_info *info);
void hx_frames_stop(void);

HX_SECTION_BOUNDS(hx_frames_classes, struct hx_frames_ops);
#define HX_FRAMES_CLASS(ops)	HX_REGISTER(hx_frames_classes, ops, struct hx_frames_ops, &(ops))

#endif
