/* SPDX-License-Identifier: MIT */
/*
 * Heap "slab": blocks of one size side by side, their state in one word per slab.
 *
 * 1 Concepts. A slab is an aligned run of pages cut into 64 granules. Granule 0 is the header; a
 *   class is how many granules its blocks have, 1 to 16. Two geometries use the same classes: small
 *   (4 KiB, granule 64 bytes, blocks up to 1 KiB) and large (16 KiB, 256 bytes, up to 4 KiB).
 *   Bigger blocks are whole page runs, entered in a hash table; the entry is itself a small block.
 * 2 A slab's three words, one bit per granule:
 *	starts	where a block may start; never changes
 *	live	blocks handed out. alloc sets, free clears the bit, both atomically
 *	avail	free blocks that alloc may take next; refilled as starts & ~live when it is 0
 *   A fourth, held, is used with more than one CPU: free blocks in a CPU's magazine (slab_mag.c).
 *   So free() is one atomic bit clear: the old bit says whether it was a live block's start, which
 *   finds double and interior frees, and it needs no lock. A block freed into the current slab is
 *   handed out again at the next refill.
 * 3 A slab is current (alloc takes from it), or on its class's partial or full list. `users` counts
 *   live blocks, minus 1 while partial, minus 2^31 while full. A free that leaves it negative goes
 *   to slab_settle(): the slab is empty, or has room again.
 * 4 Locking. One lock, interrupts off, for alloc, the lists and the table; free takes it only in
 *   slab_settle(). After its decrement of users a free no longer owns the slab: settle looks at
 *   the header again before it believes in it.
 * 5 Whose is it? header.self holds the slab's own address plus a constant: no page of anyone else
 *   has that by chance. Every address in the direct map between the lowest and the highest frame
 *   may be read; others are refused before they are.
 *
 * Source: Bonwick, "The Slab Allocator" (USENIX 1994); free bits as in phkmalloc and jemalloc.
 * Differs: no object caches and no coloring; free without a lock.
 */
#include <hx/config/core_lib.h>
#include <hx/config/core_mem.h>
#include <hx/core/assert.h>
#include <hx/core/bitmap.h>
#include <hx/core/frames.h>
#include <hx/hal/mem.h>
#include <hx/hal/mmu.h>

#include "slab_priv.h"

const uint8_t slab_shift[SLAB_GEOMS] = { 6, 8 };
const uint8_t slab_order[SLAB_GEOMS] = { 0, 2 };
/* Granules of a block by bucket = (size - 1) / granule: sizes that would give no more blocks per
 * slab share the next class; powers of two stay, as their blocks are aligned to their size. */
const uint8_t slab_granules[SLAB_CLASSES] = {
	1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 12, 15, 15, 15, 16,
};

struct slab slab_none;		/* has no free block */
struct slab *slab_current[SLAB_GEOMS][SLAB_CLASSES] = {
	[0 ... SLAB_GEOMS - 1] = { [0 ... SLAB_CLASSES - 1] = &slab_none },
};

struct hx_spinlock slab_lock = HX_SPINLOCK_INIT("slab", HX_RANK_HEAP);
struct slab_heap slab_heap;

static int slab_free(void *ptr);

/* ---- slabs ---- */

static inline struct slab_class *slab_class_of(const struct slab *s)
{
	return &slab_heap.class[s->geom][s->granules - 1];
}

static void slab_reserved(int64_t bytes)
{
	slab_heap.reserved_bytes += (uint64_t)bytes;
	if (slab_heap.reserved_bytes > slab_heap.reserved_max_bytes)
		slab_heap.reserved_max_bytes = slab_heap.reserved_bytes;
}

void slab_release(struct slab *s)
{
	struct slab_class *c = slab_class_of(s);
	unsigned order = slab_order[s->geom];

	hx_assert(s->held == 0);
	hx_list_remove(&s->link);
	c->n_empty -= s->counted_empty;
	c->n_slabs--;
	s->self = 0;
	slab_reserved(-(int64_t)(HX_PAGE_SIZE << order));
	hx_frames_free(hx_virt_to_phys(s), order);
}

/* Give every empty slab back, when pages ran out. */
static HX_COLD void slab_reclaim(void)
{
	if (!HX_ENABLED(ONE_CPU))
		slab_mag_empty();
	for (unsigned i = 0; i < SLAB_GEOMS * SLAB_CLASSES; i++) {
		struct slab_class *c = &slab_heap.class[0][0] + i;
		struct hx_list *n, *tmp;

		HX_LIST_FOREACH_SAFE(n, tmp, &c->partial) {
			struct slab *s = HX_LIST_ENTRY(n, struct slab, link);

			if (__atomic_load_n(&s->users, __ATOMIC_ACQUIRE) == SLAB_PARTIAL)
				slab_release(s);
		}
	}
}

static int slab_pages(unsigned order, hx_paddr_t *pa)
{
	int err = hx_frames_alloc(order, HX_FRAMES_ANY, pa);

	if (err != 0) {
		slab_reclaim();
		err = hx_frames_alloc(order, HX_FRAMES_ANY, pa);
	}
	if (err == 0)
		slab_reserved((int64_t)(HX_PAGE_SIZE << order));
	return err;
}

static struct slab *slab_create(unsigned geom, unsigned granules)
{
	unsigned first = hx_is_pow2(granules) ? granules : 1;
	struct slab *s;
	hx_paddr_t pa;

	if (slab_pages(slab_order[geom], &pa) != 0)
		return NULL;
	s = hx_phys_to_virt(pa);
	memset(s, 0, sizeof(*s));
	s->geom = (uint8_t)geom;
	s->granules = (uint8_t)granules;
	for (unsigned g = first; g + granules <= 64; g += granules) {
		s->starts |= 1ull << g;
		s->n_blocks++;
	}
	s->users = SLAB_PARTIAL;
	hx_list_init(&s->link);
	slab_class_of(s)->n_slabs++;
	__atomic_store_n(&s->self, (uintptr_t)s + SLAB_SELF + geom, __ATOMIC_RELEASE);
	return s;
}

void slab_set_current(unsigned geom, unsigned granules, struct slab *s)
{
	for (unsigned b = 0; b < SLAB_CLASSES; b++) {
		if (slab_granules[b] == granules)
			slab_current[geom][b] = s;
	}
}

/* Minus SLAB_FULL plus SLAB_PARTIAL, in one atomic step modulo 2^32. Returns users. */
static int32_t slab_full_to_partial(struct slab *s)
{
	return __atomic_add_fetch(&s->users, INT32_MAX, __ATOMIC_ACQ_REL);
}

/* The current slab has no block left: put it away, unless frees overtook us. */
static void slab_retire(struct slab *s)
{
	int32_t users = __atomic_add_fetch(&s->users, SLAB_FULL, __ATOMIC_ACQ_REL);

	if (users == SLAB_FULL + s->n_blocks) {
		hx_list_push_back(&slab_class_of(s)->full, &s->link);
	} else {
		slab_full_to_partial(s);
		hx_list_push_back(&slab_class_of(s)->partial, &s->link);
	}
}

/* Find the free blocks of a current slab whose avail is used up. False: there are none. */
static bool slab_open(struct slab *s)
{
	/* Held first: a block goes from held to live, not the other way. */
	s->avail = s->starts;
	if (!HX_ENABLED(ONE_CPU))
		s->avail &= ~__atomic_load_n(&s->held, __ATOMIC_ACQUIRE);
	s->avail &= ~__atomic_load_n(&s->live, __ATOMIC_ACQUIRE);
	slab_heap.n_opened += hx_bitmap_count(&s->avail, 64);
	return s->avail != 0;
}

/* A slab with avail != 0 in place of the used up current one, or NULL. */
static HX_NOINLINE struct slab *slab_refill(unsigned geom, unsigned bucket)
{
	unsigned granules = slab_granules[bucket];
	struct slab_class *c = &slab_heap.class[geom][granules - 1];
	struct slab *s = slab_current[geom][bucket];

	if (slab_open(s))
		return s;
	if (s != &slab_none) {
		slab_set_current(geom, granules, &slab_none);
		slab_retire(s);
	}
	if (hx_list_is_empty(&c->partial)) {
		s = slab_create(geom, granules);
		if (s == NULL)
			return NULL;
	} else {
		s = HX_LIST_ENTRY(hx_list_pop_front(&c->partial), struct slab, link);
		c->n_empty -= s->counted_empty;
		s->counted_empty = 0;
	}
	__atomic_sub_fetch(&s->users, SLAB_PARTIAL, __ATOMIC_ACQ_REL);
	slab_set_current(geom, granules, s);
	return slab_open(s) ? s : NULL;
}

/* users is negative; s may be anything by now. */
void slab_settle_locked(struct slab *s, unsigned geom)
{
	struct slab_class *c;
	int32_t users;

	hx_assert_held(&slab_lock);
	if (s->self != (uintptr_t)s + SLAB_SELF + geom)
		return;
	c = slab_class_of(s);
	users = __atomic_load_n(&s->users, __ATOMIC_ACQUIRE);
	if (users < SLAB_PARTIAL) {
		users = slab_full_to_partial(s);
		hx_list_remove(&s->link);
		hx_list_push_front(&c->partial, &s->link);
	}
	if (users != SLAB_PARTIAL || s->counted_empty)
		return;
	s->counted_empty = 1;
	if (++c->n_empty > 1) {
		slab_release(s);
	} else {
		hx_list_remove(&s->link);
		hx_list_push_back(&c->partial, &s->link);	/* used last */
	}
}

static HX_NOINLINE void slab_settle(struct slab *s, unsigned geom)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);

	slab_settle_locked(s, geom);
	hx_spin_unlock_irqrestore(&slab_lock, irq);
}

/* ---- allocate ---- */

/* Hand out the lowest block of avail, which is not 0. */
static HX_ALWAYS_INLINE void *slab_pop(struct slab *s, unsigned shift)
{
	uint64_t avail = s->avail, rest = avail & (avail - 1);

	s->avail = rest;
	__atomic_fetch_or(&s->live, avail ^ rest, __ATOMIC_RELAXED);
	__atomic_fetch_add(&s->users, 1, __ATOMIC_RELAXED);
	return (char *)s + ((uint64_t)(63u - (unsigned)__builtin_clzll(avail ^ rest)) << shift);
}

/* The slow way, for a refill. The lock is held, and is let go here. */
static HX_NOINLINE void *slab_take_locked(unsigned geom, size_t bucket, hx_irqflags_t irq)
{
	struct slab *s = slab_current[geom][bucket];
	void *block = NULL;

	hx_assert_held(&slab_lock);
	if (s->avail == 0)
		s = slab_refill(geom, (unsigned)bucket);
	if (s != NULL)
		block = slab_pop(s, slab_shift[geom]);
	else
		slab_heap.n_failed++;
	hx_spin_unlock_irqrestore(&slab_lock, irq);
	return block;
}

/* Somebody has the lock: a block of this CPU's magazine, or wait, and fill that for the next. */
static HX_NOINLINE void *slab_take_contended(unsigned geom, size_t bucket)
{
	hx_irqflags_t irq;
	void *block;

	if (!HX_ENABLED(ONE_CPU)) {
		block = slab_mag_pop(geom, slab_granules[bucket]);
		if (block != NULL)
			return block;
	}
	irq = hx_spin_lock_irqsave(&slab_lock);
	if (!HX_ENABLED(ONE_CPU) && slab_current[geom][bucket]->avail != 0)
		slab_mag_fill(slab_current[geom][bucket], geom);
	return slab_take_locked(geom, bucket, irq);
}

static HX_ALWAYS_INLINE void *slab_take(unsigned geom, unsigned shift, size_t bucket)
{
	hx_irqflags_t irq;
	struct slab *s;
	void *block;

	if (!hx_spin_trylock_irqsave(&slab_lock, &irq))
		return slab_take_contended(geom, bucket);
	s = slab_current[geom][bucket];
	if (HX_UNLIKELY(s->avail == 0))
		return slab_take_locked(geom, bucket, irq);
	block = slab_pop(s, shift);
	hx_spin_unlock_irqrestore(&slab_lock, irq);
	return block;
}

static struct slab_run **slab_run_bucket(const void *ptr)
{
	return &slab_heap.runs[((uintptr_t)ptr >> HX_PAGE_SHIFT) % SLAB_RUNS];
}

static void *slab_alloc_run(size_t size_bytes)
{
	unsigned order = hx_log2_ceil((size_bytes + HX_PAGE_SIZE - 1) >> HX_PAGE_SHIFT);
	struct slab_run *run = slab_take(SLAB_SMALL, 6, 0), **bucket;
	hx_irqflags_t irq;
	hx_paddr_t pa;
	int err;

	_Static_assert(sizeof(*run) <= 64, "an entry is a block of the first class");
	if (run == NULL)
		return NULL;
	irq = hx_spin_lock_irqsave(&slab_lock);
	err = slab_pages(order, &pa);
	if (err == 0) {
		run->ptr = hx_phys_to_virt(pa);
		run->order = order;
		bucket = slab_run_bucket(run->ptr);
		run->next = *bucket;
		*bucket = run;
		slab_heap.run_bytes += HX_PAGE_SIZE << order;
	} else {
		slab_heap.n_failed++;
	}
	hx_spin_unlock_irqrestore(&slab_lock, irq);
	if (err == 0)
		return run->ptr;
	slab_free(run);
	return NULL;
}

static HX_NOINLINE void *slab_alloc_more(size_t size_bytes)
{
	if (size_bytes <= SLAB_CLASSES << 8)
		return slab_take(SLAB_LARGE, 8, (size_bytes - 1) >> 8);
	return slab_alloc_run(size_bytes);
}

static void *slab_alloc(size_t size_bytes)
{
	if (HX_LIKELY(size_bytes <= SLAB_CLASSES << 6))
		return slab_take(SLAB_SMALL, 6, (size_bytes - 1) >> 6);
	return slab_alloc_more(size_bytes);
}

static void *slab_alloc_aligned(size_t size_bytes, size_t align)
{
	size_t size = hx_max_u64(size_bytes, align);

	if (align <= 64)
		return slab_alloc(size_bytes);
	return size <= SLAB_CLASSES << 8 ? slab_alloc(1ull << hx_log2_ceil(size)) :
					   slab_alloc_run(size);
}

/* ---- free ---- */

/* The header that rules an address, if it lies in a slab of this geometry; else NULL. */
static struct slab *slab_of(const void *ptr, unsigned geom)
{
	uintptr_t a = (uintptr_t)ptr;
	struct slab *s = (struct slab *)hx_align_down(a, HX_PAGE_SIZE << slab_order[geom]);

	if ((uintptr_t)s < slab_heap.base || (a - slab_heap.base) >> 6 >= slab_heap.n_units)
		return NULL;
	return s->self == (uintptr_t)s + SLAB_SELF + geom ? s : NULL;
}

/* There is no live block at this place in a slab: it is free already, or none starts there. */
static HX_COLD int slab_refuse(const void *ptr, const struct slab *s)
{
	unsigned granule = (uintptr_t)ptr >> slab_shift[s->geom] & 63;

	return hx_heap_refuse(ptr, hx_bitmap_test(&s->starts, granule) ? -HX_EEXIST : -HX_EINVAL);
}

static HX_ALWAYS_INLINE int slab_drop(const void *ptr, struct slab *s, unsigned geom,
				      uintptr_t g)
{
	uint64_t bit = 1ull << (g % 64);

	if (HX_UNLIKELY((__atomic_fetch_and(&s->live, ~bit, __ATOMIC_RELEASE) & bit) == 0))
		return slab_refuse(ptr, s);
	if (HX_UNLIKELY(__atomic_sub_fetch(&s->users, 1, __ATOMIC_ACQ_REL) < 0))
		slab_settle(s, geom);
	return 0;
}

static int slab_free_run(void *ptr)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);
	struct slab_run **at = slab_run_bucket(ptr), *run;

	while (*at != NULL && (*at)->ptr != ptr)
		at = &(*at)->next;
	run = *at;
	if (run != NULL) {
		*at = run->next;
		slab_heap.run_bytes -= HX_PAGE_SIZE << run->order;
		slab_reserved(-(int64_t)(HX_PAGE_SIZE << run->order));
		hx_frames_free(hx_virt_to_phys(ptr), run->order);
	}
	hx_spin_unlock_irqrestore(&slab_lock, irq);
	return run != NULL ? slab_free(run) : hx_heap_refuse(ptr, -HX_EINVAL);
}

static HX_NOINLINE int slab_free_more(void *ptr)
{
	struct slab *s;

	if (ptr == NULL)
		return 0;
	s = slab_of(ptr, SLAB_LARGE);
	if (s == NULL)
		return slab_free_run(ptr);
	if ((uintptr_t)ptr % 256 != 0)
		return hx_heap_refuse(ptr, -HX_EINVAL);
	return slab_drop(ptr, s, SLAB_LARGE, (uintptr_t)ptr >> 8);
}

static int slab_free(void *ptr)
{
	struct slab *s = (struct slab *)hx_align_down((uintptr_t)ptr, HX_PAGE_SIZE);
	uintptr_t off = (uintptr_t)ptr - slab_heap.base;
	/* Rotated, not shifted: a misaligned pointer becomes a unit beyond all memory. */
	uintptr_t unit = off >> 6 | off << (8 * sizeof(off) - 6);

	if (HX_UNLIKELY(unit >= slab_heap.n_units || s->self != (uintptr_t)s + SLAB_SELF))
		return slab_free_more(ptr);
	return slab_drop(ptr, s, SLAB_SMALL, unit);
}

static size_t slab_size_of(const void *ptr)
{
	struct slab_run *run;
	hx_irqflags_t irq;
	size_t size = 0;

	for (unsigned geom = 0; geom < SLAB_GEOMS; geom++) {
		const struct slab *s = slab_of(ptr, geom);
		unsigned shift = slab_shift[geom], granule = (uintptr_t)ptr >> shift & 63;

		if (s == NULL)
			continue;
		if ((uintptr_t)ptr % (1u << shift) != 0 ||
		    (__atomic_load_n(&s->live, __ATOMIC_RELAXED) >> granule & 1) == 0)
			return 0;
		return (size_t)s->granules << shift;
	}
	irq = hx_spin_lock_irqsave(&slab_lock);
	for (run = *slab_run_bucket(ptr); run != NULL; run = run->next) {
		if (run->ptr == ptr)
			size = HX_PAGE_SIZE << run->order;
	}
	hx_spin_unlock_irqrestore(&slab_lock, irq);
	return size;
}

/* ---- coming up ---- */

static HX_COLD int slab_init(void)
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
	slab_heap.base = (uintptr_t)hx_phys_to_virt(low << HX_PAGE_SHIFT);
	slab_heap.n_units = (high - low) << (HX_PAGE_SHIFT - 6);
	for (unsigned i = 0; i < SLAB_GEOMS * SLAB_CLASSES; i++) {
		hx_list_init(&slab_heap.class[i / SLAB_CLASSES][i % SLAB_CLASSES].partial);
		hx_list_init(&slab_heap.class[i / SLAB_CLASSES][i % SLAB_CLASSES].full);
	}
	return 0;
}

const struct hx_heap_ops hx_heap_slab_ops = {
	.abi = HX_HEAP_ABI, .name = "slab", .init = slab_init, .alloc = slab_alloc,
	.alloc_aligned = slab_alloc_aligned, .free = slab_free, .size_of = slab_size_of,
	.stats = slab_stats, .show = slab_show,
	.check = HX_ENABLED(MEM_CHECK) ? slab_check : NULL,
	.walk = HX_ENABLED(MEM_WALK) ? slab_walk : NULL, .fini = slab_fini,
};
HX_HEAP_CLASS(hx_heap_slab_ops);
