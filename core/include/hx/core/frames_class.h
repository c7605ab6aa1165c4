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
#include <hx/config/core_mem.h>
#include <hx/core/lock.h>

#define HX_FRAMES_ABI		3u
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

/* Field keys: c constant after init (meta and state: of one provider), l own lock. */
struct hx_zone {
	struct hx_spinlock lock;	/* rank HX_RANK_ZONE, taken with interrupts off */
	const char *name;		/* c "dma", "dma32", "normal" */
	hx_pfn_t start, end;		/* c span, half open; holes inside are not free */
	uint64_t n_span;		/* c end - start */
	uint64_t n_pages;		/* c usable pages given to the provider; swaps change it */
	uint64_t n_free;		/* l kept by core: free at the provider, without cached */
	uint64_t n_min_free;		/* l low-water mark of n_free */
	uint64_t n_reserve;		/* c pages that fall-back from higher zones leave alone */
	void *meta;			/* c provider's metadata for the span; init() fills it */
	size_t meta_bytes;		/* c as asked by ops->meta_bytes() */
	uint8_t *state;			/* c set by init(), or NULL: no page cache */
	uint32_t n_cached;		/* l */
	uint32_t n_cache_max;		/* c HX_FRAMES_CACHE; 0 without state, or not trusted */
	uint32_t cache[HX_FRAMES_CACHE];	/* l page numbers less start, last in first out */
	uint64_t priv[32];		/* l provider's own, zero at init */
};

/* What a provider promises beyond its ops; the contract suite holds it to that. */
enum hx_frames_promise {
	/* What was given back can be had again, whatever the order. One that does not promise it
	 * gives some pages up for good, and takes them off zone->n_free itself: those that it
	 * leaves out for an alignment, and those whose free it answers with 0. */
	HX_FRAMES_REUSES = 1,
	/* free() refuses the inside of a run, and another order than that of the run. */
	HX_FRAMES_KNOWS_RUNS = 2,
};

/* [B] boot, one CPU.  [Z] zone->lock held, interrupts off: no sleep, no allocation, no log. */
struct hx_frames_ops {
	uint32_t abi;		/* HX_FRAMES_ABI */
	uint32_t promises;	/* enum hx_frames_promise */
	const char *name;	/* "bitmap", "buddy" */
	/* [B] bytes of metadata for a span of n_pages. */
	size_t (*meta_bytes)(uint64_t n_pages);
	/* [B] fill z->meta (it holds garbage): all pages are holes; add_range() then gives the
	 * free ones. 0; -HX_ERANGE the span is too long for this provider. */
	int (*init)(struct hx_zone *z);
	/* [B] pages [start, end) are free. Ranges come sorted and do not overlap. Of one that can
	 * be swapped also [Z]: holes become memory. */
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

#define HX_FRAMES_SWAP_ABI 1u

/*
 * How what a provider knows goes to another one while the kernel runs (CONFIG_FRAMES_SWAP). A
 * provider without it, or without HX_FRAMES_REUSES, is in the slot from boot to the end.
 *
 * A run is told by one byte, as in zone->state: HX_PAGE_TAKEN | order, the first page of one that
 * is out; HX_PAGE_FREE | order, that many pages are free; HX_PAGE_NONE, no run begins here. zone is
 * this provider's view of it, of which priv may be moved between two calls: it holds no pointer to
 * itself. init() may come while others work, without the lock, as nobody else knows that view; and
 * again, [Z], for a view that was up: all of it is holes then.
 *
 * Until the end of its probation each answer is held against what core itself knows of the pages,
 * and one that is wrong is the last: its ops and these are not called any more.
 */
struct hx_frames_swap_ops {
	uint32_t abi;		/* HX_FRAMES_SWAP_ABI */
	const char *name;	/* the frame allocator's */
	/* [Z] what begins at pfn. Of free pages in the middle of more: as many as pfn's alignment
	 * lets a run have. */
	uint8_t (*look)(const struct hx_zone *z, hx_pfn_t pfn);
	/* [Z] the run that look() told of becomes holes. No free page lies below it that would
	 * be part of a larger run with it. */
	void (*drop)(struct hx_zone *z, hx_pfn_t pfn, uint8_t run);
	/* [Z] holes become this run. */
	void (*adopt)(struct hx_zone *z, hx_pfn_t pfn, uint8_t run);
};

HX_SECTION_BOUNDS(hx_frames_swaps, struct hx_frames_swap_ops);
#if CONFIG_FRAMES_SWAP
#define HX_FRAMES_SWAP(ops)	HX_REGISTER(hx_frames_swaps, ops, struct hx_frames_swap_ops, &(ops))
#else
/* Nobody asks: the compiler drops the table, and what only it names. */
#define HX_FRAMES_SWAP(ops) \
	static HX_UNUSED const struct hx_frames_swap_ops *const ops##_is_not_asked = &(ops)
#endif

#endif
