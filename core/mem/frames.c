/* SPDX-License-Identifier: MIT */
/*
 * Physical pages: the zones, and the way from a caller to the provider in the slot "frames".
 *
 * 1 Concepts. A zone is a span of page numbers: DMA below 16 MiB, DMA32 below 4 GiB, Normal above.
 *   An allocation tries the highest zone it may use and falls back to lower ones, so that low
 *   memory lasts for those who need it; what falls back leaves n_reserve pages there. The
 *   provider's metadata lies at the top of the zone's largest range and is never given out. Page 0
 *   is never given out: 0 means "no page".
 * 2 The cache. For a provider that keeps zone->state, up to HX_FRAMES_CACHE single pages stay here,
 *   last in, first out. Its state byte says CACHED. n_free does not count it: so an alloc/free pair
 *   touches no counter, and the low-water mark is right to within HX_FRAMES_CACHE pages.
 *   With more than one CPU each has such a cache of its own for each zone, filled and emptied by
 *   half, so that the common pair touches no shared line; when a zone runs dry they are emptied.
 * 3 Locking. zone->lock with interrupts off for everything that moves a page; zones are never
 *   locked together. A CPU's cache has a lock, taken alone or after the zone's.
 * 4 Trust. A provider's page outside its zone or misaligned stops the kernel: it would be handed
 *   out as memory. One that is on probation is thrown out instead (frames_guard.c). A bad free is
 *   the caller's fault and is refused by name.
 */
#include <hx/config/core_lib.h>
#include <hx/config/core_mem.h>
#include <hx/config/subsys_memory.h>
#include <hx/core/assert.h>
#include <hx/core/fault.h>
#include <hx/core/frames.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/sanitize.h>
#include <hx/core/slot.h>
#include <hx/hal/boot_info.h>
#include <hx/hal/mem.h>
#include <hx/hal/mmu.h>
#include <sole_frames.h>

#include "mem_priv.h"

static struct hx_zone zones[HX_ZONE_COUNT];
static const char *const zone_name[HX_ZONE_COUNT] = { "dma", "dma32", "normal" };
/* First page number above each zone. */
static const hx_pfn_t zone_limit[HX_ZONE_COUNT] = {
	[HX_ZONE_DMA] = 16 * HX_MIB >> HX_PAGE_SHIFT,
	[HX_ZONE_DMA32] = 4 * HX_GIB >> HX_PAGE_SHIFT,
	[HX_ZONE_NORMAL] = UINT64_MAX >> HX_PAGE_SHIFT,
};
struct hx_zone *frames_top = &zones[HX_ZONE_DMA];	/* highest zone with pages */
const struct hx_frames_ops *frames_current;
static uint64_t frames_n_refused;				/* atomic */

static inline const struct hx_frames_ops *frames_ops(void)
{
	return hx_frames_is_sole ? hx_frames_sole : frames_current;
}

/* ---- allocate ---- */

static inline hx_pfn_t zone_cache_pop(struct hx_zone *z)
{
	uint32_t idx = z->cache[--z->n_cached];

	z->state[idx] = HX_PAGE_TAKEN;
	return z->start + idx;
}

/* Give the cached pages back, so that they can merge. */
static HX_COLD void zone_cache_drain(struct hx_zone *z)
{
	const struct hx_frames_ops *ops = zone_ops(frames_ops(), z);

	hx_assert_held(&z->lock);
	while (z->n_cached > 0) {
		uint32_t idx = z->cache[--z->n_cached];

		z->state[idx] = HX_PAGE_TAKEN;
		hx_verify(ops->free(z, z->start + idx, 0) == 0);
		z->n_free++;
	}
	if (!HX_ENABLED(ONE_CPU))
		frames_cpus_drain(z);
}

/* keep: pages to leave alone. */
static int zone_alloc(struct hx_zone *z, unsigned order, uint64_t keep, hx_paddr_t *pa)
{
	uint64_t n = 1ull << order;
	hx_irqflags_t irq = hx_spin_lock_irqsave(&z->lock);
	hx_pfn_t pfn = 0;
	int err = 0;

	if (CONFIG_FRAMES_RESERVE != 0 && HX_UNLIKELY(z->n_free + z->n_cached < n + keep) &&
	    z->n_free + frames_n_cached(z) < n + keep) {
		err = -HX_ENOMEM;
		goto unlock;
	}
	if (order == 0 && z->n_cached > 0) {
		pfn = zone_cache_pop(z);
		goto unlock;
	}
	err = z->n_free < n ? -HX_ENOMEM : zone_ops(frames_ops(), z)->alloc(z, order, &pfn);
	if (err != 0 && z->n_free + frames_n_cached(z) >= n) {
		zone_cache_drain(z);
		err = zone_ops(frames_ops(), z)->alloc(z, order, &pfn);
	}
	if (err != 0)
		goto unlock;
	if ((pfn & (n - 1)) != 0 || pfn - z->start >= z->n_span || n > z->end - pfn)
		hx_bug("frames provider %s: page %#jx order %u in zone %s",
		       zone_ops(frames_ops(), z)->name, pfn, order, z->name);
	z->n_free -= n;
	/* Filled pages go back through the zone, and are not passed by others in a cache. */
	if (!HX_ENABLED(ONE_CPU) && order == 0 && !frames_poisons())
		frames_cpu_fill(z);
unlock:
	hx_spin_unlock_irqrestore(&z->lock, irq);
	frames_swap_poll();
	if (err == 0)
		*pa = pfn << HX_PAGE_SHIFT;
	return err;
}

HX_FAULT_POINT(frames_alloc, "frames.alloc", "hx_frames_alloc() finds no page");

/* From this CPU's cache, if what is free beside the caches is enough for the reserve. */
static inline bool zone_pop(struct hx_zone *z, unsigned order, uint64_t keep, hx_paddr_t *pa)
{
	return !HX_ENABLED(ONE_CPU) && order == 0 &&
	       (keep == 0 || __atomic_load_n(&z->n_free, __ATOMIC_RELAXED) >= keep) &&
	       frames_cpu_pop(z, (unsigned)(z - zones), pa);
}

static HX_NOINLINE int frames_alloc_slow(unsigned order, unsigned flags, hx_paddr_t *pa)
{
	struct hx_zone *z = frames_top;
	enum hx_zone_id highest = HX_ZONE_NORMAL;
	uint64_t keep = 0;

	if (order > HX_FRAMES_MAX_ORDER)
		return -HX_EINVAL;
	if (hx_fault_hits("frames.alloc"))
		return -HX_ENOMEM;
	if (flags & HX_FRAMES_DMA)
		highest = HX_ZONE_DMA;
	else if (flags & HX_FRAMES_DMA32)
		highest = HX_ZONE_DMA32;
	if (z > &zones[highest])
		z = &zones[highest];
	while (!zone_pop(z, order, keep, pa) && zone_alloc(z, order, keep, pa) != 0) {
		if (z == zones)
			return -HX_ENOMEM;
		z--;
		if (CONFIG_FRAMES_RESERVE != 0)
			keep = z->n_reserve;	/* from here on it is fall-back */
	}
	if (frames_poisons())
		frames_poison_check(*pa >> HX_PAGE_SHIFT, order);
	if (flags & HX_FRAMES_ZERO)
		memset(hx_phys_to_virt(*pa), 0, HX_PAGE_SIZE << order);
	return 0;
}

int hx_frames_alloc(unsigned order, unsigned flags, hx_paddr_t *pa)
{
	struct hx_zone *z = frames_top;
	hx_irqflags_t irq;

	if (!HX_ENABLED(ONE_CPU))
		return (order | flags) == 0 && !HX_ENABLED(FAULT_INJECTION) && !frames_poisons() &&
		       frames_cpu_pop_top(pa) ? 0 : frames_alloc_slow(order, flags, pa);
	if ((order | flags) != 0 || HX_ENABLED(FAULT_INJECTION) || HX_ENABLED(FRAMES_POISON) ||
	    !hx_spin_trylock_irqsave(&z->lock, &irq))
		return frames_alloc_slow(order, flags, pa);
	if (HX_UNLIKELY(z->n_cached == 0)) {
		hx_spin_unlock_irqrestore(&z->lock, irq);
		return frames_alloc_slow(order, flags, pa);
	}
	*pa = zone_cache_pop(z) << HX_PAGE_SHIFT;
	hx_spin_unlock_irqrestore(&z->lock, irq);
	return 0;
}

/* ---- free ---- */

static HX_COLD int frames_refuse(const struct hx_zone *z, hx_paddr_t pa, unsigned order, int err)
{
	const char *what = err == -HX_EEXIST ? "double" : "foreign";

	__atomic_fetch_add(&frames_n_refused, 1, __ATOMIC_RELAXED);
	if (HX_ENABLED(DEBUG_ASSERT))
		hx_bug("frames: %s free of %#jx order %u in zone %s", what,
		       pa, order, z->name);
	hx_error("mem", "frames: %s free of %#jx order %u in zone %s refused", what,
		 pa, order, z->name);
	return err;
}

/* Into the cache if there is room and the page is a taken single one; else nothing happens. */
static inline bool zone_cache_push(struct hx_zone *z, uint64_t idx)
{
	uint32_t n = z->n_cached;
	uint8_t taken = HX_PAGE_TAKEN;

	if (n >= z->n_cache_max || z->state[idx] != HX_PAGE_TAKEN)
		return false;
	/* Another CPU may be freeing the same page into its own cache, without our lock. */
	if (HX_ENABLED(ONE_CPU))
		z->state[idx] = HX_PAGE_CACHED;
	else if (!__atomic_compare_exchange_n(&z->state[idx], &taken, HX_PAGE_CACHED, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return false;
	z->cache[n] = (uint32_t)idx;
	z->n_cached = n + 1;
	return true;
}

static struct hx_zone *zone_of(hx_pfn_t pfn)
{
	struct hx_zone *z = zones;

	while (pfn >= zone_limit[z - zones])
		z++;
	return z;
}

static HX_NOINLINE int frames_free_slow(hx_paddr_t pa, unsigned order)
{
	hx_pfn_t pfn = pa >> HX_PAGE_SHIFT;
	struct hx_zone *z = zone_of(pfn);
	uint64_t n = 1ull << (order & HX_PAGE_ORDER);
	hx_irqflags_t irq;
	int err = 0;

	if (order > HX_FRAMES_MAX_ORDER || (pa & ((n << HX_PAGE_SHIFT) - 1)) != 0 ||
	    pfn - z->start >= z->n_span || n > z->end - pfn)
		return frames_refuse(z, pa, order, -HX_EINVAL);
	/* For the top zone this was tried before. */
	if (!HX_ENABLED(ONE_CPU) && order == 0 && z != frames_top && !frames_poisons() &&
	    frames_cpu_push(z, (unsigned)(z - zones), pfn - z->start))
		return 0;
	irq = hx_spin_lock_irqsave(&z->lock);
	if (!HX_ENABLED(ONE_CPU) && order == 0)
		frames_cpu_halve(z);
	if (order != 0 || !zone_cache_push(z, pfn - z->start)) {
		/* n_free is lowest just before a free. */
		z->n_min_free = hx_min_u64(z->n_min_free, z->n_free);
		err = zone_ops(frames_ops(), z)->free(z, pfn, order);
		z->n_free += err == 0 ? n : 0;
	}
	if (frames_poisons() && err == 0)
		frames_poison_fill(pfn, order);
	hx_spin_unlock_irqrestore(&z->lock, irq);
	frames_swap_poll();
	return err == 0 ? 0 : frames_refuse(z, pa, order, err);
}

int hx_frames_free(hx_paddr_t pa, unsigned order)
{
	struct hx_zone *z = frames_top;
	/* Rotated, not shifted: a misaligned address becomes a page number beyond any span. */
	uint64_t idx = (pa >> HX_PAGE_SHIFT | pa << (64 - HX_PAGE_SHIFT)) - z->start;
	hx_irqflags_t irq;

	/* The heap's marks end with its pages: the provider keeps its lists in free ones. */
	hx_kasan_unpoison(hx_phys_to_virt(pa), HX_PAGE_SIZE << (order & HX_PAGE_ORDER));
	if (!HX_ENABLED(ONE_CPU) && order == 0 && !frames_poisons() && idx < z->n_span)
		return frames_cpu_push_top(idx) ? 0 : frames_free_slow(pa, order);
	if (order != 0 || HX_ENABLED(FRAMES_POISON) || HX_UNLIKELY(idx >= z->n_span) ||
	    !hx_spin_trylock_irqsave(&z->lock, &irq))
		return frames_free_slow(pa, order);
	if (HX_UNLIKELY(!zone_cache_push(z, idx))) {
		hx_spin_unlock_irqrestore(&z->lock, irq);
		return frames_free_slow(pa, order);
	}
	hx_spin_unlock_irqrestore(&z->lock, irq);
	return 0;
}

/* ---- figures ---- */

uint64_t hx_frames_total(void)
{
	return zones[0].n_pages + zones[1].n_pages + zones[2].n_pages;
}

uint64_t hx_frames_n_free(void)
{
	uint64_t n = 0;

	for (const struct hx_zone *z = zones; z < zones + HX_ZONE_COUNT; z++)
		n += z->n_free + frames_n_cached(z);
	return n;
}

uint64_t hx_frames_n_refused(void)
{
	return __atomic_load_n(&frames_n_refused, __ATOMIC_RELAXED);
}

struct hx_zone *hx_frames_zone(enum hx_zone_id id)
{
	return &zones[id];
}

const char *hx_frames_provider(void)
{
	return frames_current != NULL ? frames_current->name : "";
}

bool hx_frames_reuses(void)
{
	return frames_current != NULL && (frames_current->promises & HX_FRAMES_REUSES) != 0;
}

HX_COLD void hx_frames_count_free(struct hx_zone *z, uint64_t by_order[HX_FRAMES_MAX_ORDER + 1])
{
	hx_irqflags_t irq;

	memset(by_order, 0, (HX_FRAMES_MAX_ORDER + 1) * sizeof(by_order[0]));
	if (z->n_pages == 0 || frames_ops()->count_free == NULL)
		return;
	irq = hx_spin_lock_irqsave(&z->lock);
	zone_ops(frames_ops(), z)->count_free(z, by_order);
	by_order[0] += frames_n_cached(z);
	hx_spin_unlock_irqrestore(&z->lock, irq);
}

HX_COLD int hx_frames_check(void)
{
	int err = 0;

	for (struct hx_zone *z = zones; z < zones + HX_ZONE_COUNT; z++) {
		hx_irqflags_t irq;

		if (z->n_pages == 0 || frames_ops()->check == NULL)
			continue;
		irq = hx_spin_lock_irqsave(&z->lock);
		zone_cache_drain(z);
		if (zone_ops(frames_ops(), z)->check(z) != 0)
			err = -HX_EBADMSG;
		hx_spin_unlock_irqrestore(&z->lock, irq);
	}
	frames_swap_poll();
	return err;
}

/* ---- coming up ---- */

/* The pages of a usable range that lie in [low, high). False if there are none. */
static bool zone_clip(const struct hx_mem_range *r, hx_pfn_t low, hx_pfn_t high,
		      hx_pfn_t *start, hx_pfn_t *end)
{
	hx_pfn_t s = (r->start + HX_PAGE_SIZE - 1) >> HX_PAGE_SHIFT, e = r->end >> HX_PAGE_SHIFT;

	*start = hx_max_u64(s, low);
	*end = hx_min_u64(e, high);
	return r->type == HX_MEM_USABLE && *start < *end;
}

static HX_COLD void zone_build(struct hx_zone *z, const struct hx_boot_info *info, hx_pfn_t low,
		       hx_pfn_t high)
{
	const struct hx_frames_ops *ops = frames_ops();
	hx_pfn_t s, e, meta_pfn = 0;
	uint64_t n_meta, largest = 0;

	z->start = z->end = 0;
	for (uint32_t i = 0; i < info->n_mem; i++) {
		if (!zone_clip(&info->mem[i], low, high, &s, &e))
			continue;
		if (z->end == 0)
			z->start = s;
		z->end = e;
		if (e - s > largest) {
			largest = e - s;
			meta_pfn = e;
		}
	}
	if (largest == 0)
		return;
	z->meta_bytes = ops->meta_bytes(z->end - z->start);
	n_meta = (z->meta_bytes + HX_PAGE_SIZE - 1) >> HX_PAGE_SHIFT;
	meta_pfn -= n_meta;
	z->n_span = z->end - z->start;
	z->meta = hx_phys_to_virt(meta_pfn << HX_PAGE_SHIFT);
	if (n_meta >= largest || ops->init(z) != 0) {
		hx_warn("mem", "zone %s: no room for the metadata of %ju pages, not used", z->name,
			z->n_span);
		z->n_span = 0;
		return;
	}
	for (uint32_t i = 0; i < info->n_mem; i++) {
		if (!zone_clip(&info->mem[i], low, high, &s, &e))
			continue;
		if (s <= meta_pfn && meta_pfn < e)
			e = meta_pfn;	/* the metadata is the end of this range */
		ops->add_range(z, s, e);
		z->n_pages += e - s;
	}
	z->n_free = z->n_min_free = z->n_pages;
	z->n_reserve = z->n_pages * CONFIG_FRAMES_RESERVE / 100;
	z->n_cache_max = z->state != NULL && z->n_span <= UINT32_MAX ? HX_FRAMES_CACHE : 0;
}

static hx_paddr_t frames_table_take(void)
{
	hx_paddr_t pa;

	return hx_frames_alloc(0, HX_FRAMES_ZERO, &pa) == 0 ? pa : 0;
}

static void frames_table_give(hx_paddr_t page)
{
	hx_frames_free(page, 0);
}

static const struct hx_mmu_table_source frames_tables = {
	.take = frames_table_take, .give = frames_table_give,
};

HX_COLD int hx_frames_start(const struct hx_frames_ops *ops, const struct hx_boot_info *info)
{
	frames_current = ops;
	if (HX_ENABLED(FRAMES_SWAP))
		frames_swap_start(ops);
	for (unsigned i = 0; i < HX_ZONE_COUNT; i++) {
		zones[i].name = zone_name[i];
		hx_spin_init(&zones[i].lock, zone_name[i], HX_RANK_ZONE);
		zone_build(&zones[i], info, i == 0 ? 1 : zone_limit[i - 1], zone_limit[i]);
		if (zones[i].n_pages > 0)
			frames_top = &zones[i];
	}
	if (!HX_ENABLED(ONE_CPU))
		frames_cpus_init();
	if (hx_frames_total() == 0) {
		hx_error("mem", "the memory map has no usable memory");
		frames_current = NULL;
		return -HX_ENOMEM;
	}
	return 0;
}

HX_COLD void hx_frames_stop(void)
{
	frames_top = &zones[HX_ZONE_DMA];
	frames_current = NULL;
	memset(zones, 0, sizeof(zones));
}

static HX_COLD int frames_check_ops(const void *p)
{
	const struct hx_frames_ops *ops = p;

	return ops->meta_bytes != NULL && ops->init != NULL && ops->add_range != NULL &&
	       ops->alloc != NULL && ops->free != NULL ? 0 : -HX_EINVAL;
}

const struct hx_kind frames_kind = {
	.slot = "frames", .abi = HX_FRAMES_ABI, .default_name = CONFIG_FRAMES_DEFAULT_NAME,
	.first = (const void *const *)__start_hx_frames_classes,
	.last = (const void *const *)__stop_hx_frames_classes,
	.check = frames_check_ops, .current = (const void **)&frames_current,
	.swap = HX_ENABLED(FRAMES_SWAP) ? &frames_swap_class : NULL,
};
HX_KIND(frames_kind);

static HX_COLD int frames_init(void)
{
	int err = hx_slot_select(&frames_kind);

	if (err == 0)
		err = hx_frames_start(frames_current, hx_boot_info());
	if (err == 0)
		hx_mmu_set_table_source(&frames_tables);
	return err;
}

static HX_COLD void frames_shutdown(void)
{
	hx_mmu_set_table_source(NULL);
	hx_frames_stop();
}

static HX_COLD enum hx_health frames_health(void)
{
	return hx_frames_n_refused() == 0 && hx_frames_n_free() != 0 ? HX_HEALTHY : HX_DEGRADED;
}

HX_COMPONENT(frames) = {
	.name = "frames", .phase = HX_PHASE_EARLY, .version = 1, .needs = "log cmdline",
	.init = frames_init, .shutdown = frames_shutdown, .health = frames_health,
};
