/* SPDX-License-Identifier: MIT */
/*
 * Physical pages for everybody: zones with fall-back over the provider in the "frames" slot.
 */
#ifndef HX_CORE_FRAMES_H
#define HX_CORE_FRAMES_H

#include <hx/base.h>
#include <hx/core/frames_class.h>

enum hx_frames_flags {
	HX_FRAMES_ANY = 0,		/* Normal, then DMA32, then DMA, but for their reserves */
	HX_FRAMES_DMA32 = 1,		/* below 4 GiB */
	HX_FRAMES_DMA = 2,		/* below 16 MiB */
	HX_FRAMES_ZERO = 4,		/* zero-filled */
};

/**
 * hx_frames_alloc() - take a run of physical pages.
 * @order: log2 of the number of pages, 0..HX_FRAMES_MAX_ORDER
 * @flags: HX_FRAMES_* bits; both DMA bits together mean DMA
 * @pa:    receives the address of the first page, in bytes, aligned to the run's size; never 0;
 *         untouched on error
 *
 * Returns: 0; -HX_EINVAL order too big; -HX_ENOMEM no free run of that length in any allowed zone.
 * Context: any but NMI.
 * Locks:   takes zone->lock (rank HX_RANK_ZONE).
 * Owner:   the caller, until hx_frames_free() with the same order.
 * Cost:    about 30 instructions for one page from the cache; else the provider's, per zone tried.
 * Source:  Bonwick and Adams, "Magazines and Vmem" (USENIX 2001), for the cache of single pages.
 */
HX_MUST_CHECK int hx_frames_alloc(unsigned order, unsigned flags, hx_paddr_t *pa);

/**
 * hx_frames_free() - give back a run of pages.
 * @pa:    as hx_frames_alloc() gave it
 * @order: as it was asked for
 *
 * Returns: 0; -HX_EEXIST free already; -HX_EINVAL not the start of a run of this order. Both errors
 *          are reported with zone and page number (hx_bug in debug builds, else logged), counted,
 *          and change nothing.
 * Context: any but NMI.
 * Locks:   takes zone->lock (rank HX_RANK_ZONE).
 * Owner:   core again; the caller forgets the pages.
 * Cost:    about 40 instructions for one page into the cache; else the provider's.
 * Source:  as above.
 */
int hx_frames_free(hx_paddr_t pa, unsigned order);

/**
 * hx_frames_alloc_run() - pages in a row for a device. Only with CONFIG_FRAMES_RUNS.
 * hx_frames_free_run() - give them back.
 * @n_pages:     1..1024 (4 MiB), any number
 * @align_bytes: power of two, at most 4 MiB; 0 or less than a page: a page
 * @limit:       the run ends at or below this address; 0: none. Rounded down to the end of a zone,
 *               16 MiB or 4 GiB
 * @flags:       HX_FRAMES_ZERO or 0
 * @pa:          receives the address; untouched on error
 *
 * Returns: alloc: 0; -HX_EINVAL a size, an alignment or a limit that cannot be; -HX_ENOMEM no such
 *          run; -HX_ENOTSUP this frame allocator cannot split. free: 0; -HX_EINVAL or -HX_EEXIST as
 *          hx_frames_free(), which reports the first part that is wrong and leaves the rest.
 * Context: any but NMI.
 * Locks:   takes zone->lock (rank HX_RANK_ZONE).
 * Owner:   the caller, until hx_frames_free_run() with the same number.
 * Cost:    that of one run of the next power of two, and of giving back what is too much, in at
 *          most ten parts.
 * Source:  -
 */
HX_MUST_CHECK int hx_frames_alloc_run(size_t n_pages, size_t align_bytes, hx_paddr_t limit,
				      unsigned flags, hx_paddr_t *pa);
int hx_frames_free_run(hx_paddr_t pa, size_t n_pages);

/**
 * hx_frames_set_poison() - whether freed pages are filled and looked at; for tests.
 * hx_frames_n_poisoned() - pages found written to after they were freed, since boot.
 * @on: true, as at boot with CONFIG_FRAMES_POISON; without it nothing is done in any case
 *
 * Returns: n_poisoned: the number. Each is reported with its address when it is given out again
 *          (hx_bug in debug builds, else logged).
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a load or a store.
 * Source:  -
 */
void hx_frames_set_poison(bool on);
uint64_t hx_frames_n_poisoned(void);

/**
 * hx_frames_total() - pages that the provider manages, in all zones. Constant but for swaps: what
 *                     boot set aside for the first provider becomes memory when that one leaves.
 * hx_frames_n_free() - those that are free now, core's cached ones included: a snapshot.
 * hx_frames_n_refused() - bad frees refused since boot.
 * hx_frames_provider() - the provider's name; "" before the component is up.
 * hx_frames_reuses() - whether pages that were given back can be had again (HX_FRAMES_REUSES).
 *
 * Returns: as above.
 * Context: any.
 * Locks:   none.
 * Owner:   the name is constant.
 * Cost:    a few loads.
 * Source:  -
 */
uint64_t hx_frames_total(void);
uint64_t hx_frames_n_free(void);
uint64_t hx_frames_n_refused(void);
const char *hx_frames_provider(void);
bool hx_frames_reuses(void);

/**
 * hx_frames_zone() - a zone by its number, for tests and /mem.
 * @id: which
 *
 * Returns: the zone, never NULL; n_pages is 0 if the machine has no memory there.
 * Context: any.
 * Locks:   none; fields with the letter l need zone->lock, or are snapshots.
 * Owner:   core, for ever.
 * Cost:    constant.
 * Source:  -
 */
struct hx_zone *hx_frames_zone(enum hx_zone_id id);

/**
 * hx_frames_count_free() - how the free pages of a zone are cut up.
 * @z:        the zone
 * @by_order: receives the number of free blocks of each order; core's cached pages as order 0
 *
 * Returns: nothing; all zeroes if the provider cannot tell.
 * Context: thread or boot.
 * Locks:   takes zone->lock (rank HX_RANK_ZONE).
 * Owner:   -
 * Cost:    the provider's, up to O(pages of the zone / 64), with interrupts off.
 * Source:  -
 */
void hx_frames_count_free(struct hx_zone *z, uint64_t by_order[HX_FRAMES_MAX_ORDER + 1]);

/**
 * hx_frames_check() - have the provider verify all its invariants in every zone.
 *
 * Returns: 0, also if it has no such function; -HX_EBADMSG something is broken.
 * Context: thread or boot; for tests.
 * Locks:   takes each zone->lock in turn; empties the caches of single pages.
 * Owner:   -
 * Cost:    O(pages), with interrupts off.
 * Source:  -
 */
HX_MUST_CHECK int hx_frames_check(void);

#endif
