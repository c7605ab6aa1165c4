/* SPDX-License-Identifier: MIT */
/*
 * Heap "slab": blocks of one size side by side, and before them, on each CPU, a few of each size.
 *
 * 1 Concepts. A slab is an aligned run of pages cut into 256 granules; the first ones are its
 *   header. Two geometries: small (4 KiB, granule 16 bytes, 18 classes of blocks up to 512) and
 *   large (16 KiB, granule 64 bytes, 11 classes up to 3200). Bigger blocks are runs of pages,
 *   entered in a hash table (slab_run.c); the entry is itself a small block.
 * 2 A slab has two bits per granule: live, a block that was handed out begins here, and free, a
 *   block that may be taken begins here. A block with neither is on its way or in a magazine.
 *	live   --free()-->  hot or magazine  --when that is full-->  free
 *	live  <--alloc()--  hot or magazine <--when that is empty--  free
 *   So free() is one atomic bit clear: the old bit says whether it was a live block's start, which
 *   finds double and interior frees, whoever freed it first.
 * 3 Magazines. Each CPU has for each class a hot block, taken and put by one atomic instruction,
 *   and behind it up to 13 more (slab_mag.c). No lock, no interrupt mask, no preemption count: a
 *   thread that is moved in the middle uses the other CPU's magazine, which is as good.
 * 4 Slabs (slab_back.c) are touched by halves of magazines, with the lock. Each class has a list of
 *   slabs with free blocks and one of full slabs. One empty slab per class is kept; all go back,
 *   with the blocks of all magazines, when pages run out.
 * 5 Whose is it? header.self holds the slab's own address plus a constant: no page of anyone else
 *   has that by chance. Every address in the direct map between the lowest and the highest frame
 *   may be read; others are refused before they are.
 * 6 Invariants: (1) live and free have bits only where blocks begin, and never the same; (2) n_free
 *   counts free; (3) a slab is on partial if n_free is not 0, else on full; (4) a class counts at
 *   most one empty slab; (5) what a magazine holds is neither live nor free.
 *
 * Source: Bonwick, "The Slab Allocator" (USENIX 1994); Bonwick and Adams, "Magazines and Vmem"
 * (USENIX 2001); free bits as in phkmalloc and jemalloc. Differs: no object caches, no coloring; a
 * hot block in front of the magazine and no depot of magazines behind it.
 */
#include <hx/config/core_mem.h>
#include <hx/core/assert.h>
#include <hx/core/bitmap.h>
#include <hx/core/frames.h>
#include <hx/hal/mem.h>
#include <hx/hal/mmu.h>

#include "slab_priv.h"

const uint8_t slab_shift[SLAB_GEOMS] = { 4, 6 };
const uint8_t slab_order[SLAB_GEOMS] = { 0, 2 };

struct hx_spinlock slab_lock = HX_SPINLOCK_INIT("slab", HX_RANK_HEAP);
struct slab_heap slab_heap;

/* ---- allocate ---- */

static HX_ALWAYS_INLINE void *slab_take(struct slab_cpu *c, uint16_t off, unsigned geom)
{
	struct slab_mag *m = (struct slab_mag *)((char *)c + off);
	void *block = __atomic_exchange_n(&m->hot, NULL, __ATOMIC_ACQUIRE);

	if (HX_UNLIKELY(block == NULL))
		return slab_mag_take(m);
	hx_bit_set_atomic(slab_header(block, geom)->live, slab_granule(block, geom));
	return block;
}

static HX_NOINLINE void *slab_alloc_more(size_t size_bytes)
{
	struct slab_cpu *c = slab_this_cpu();

	if (size_bytes <= SLAB_LARGE_MAX)
		return slab_take(c, c->large_off[(size_bytes - 1) >> 6], SLAB_LARGE);
	return slab_alloc_run(size_bytes, HX_HEAP_ALIGN);
}

void *slab_alloc(size_t size_bytes)
{
	struct slab_cpu *c;

	if (HX_UNLIKELY(size_bytes > SLAB_SMALL_MAX))
		return slab_alloc_more(size_bytes);
	c = slab_this_cpu();
	return slab_take(c, c->small_off[(size_bytes - 1) >> 4], SLAB_SMALL);
}

/* Blocks of a power of two are aligned to their size, large ones to a page. */
static void *slab_alloc_aligned(size_t size_bytes, size_t align)
{
	size_t size = hx_max_u64(size_bytes, align);

	return size <= SLAB_LARGE_MAX ? slab_alloc(1ull << hx_log2_ceil(size)) :
					slab_alloc_run(size, align);
}

/* ---- free ---- */

/* The header that rules an address, if it lies in a slab of this geometry; else NULL. */
static struct slab *slab_of(const void *ptr, unsigned geom)
{
	struct slab *s = slab_header(ptr, geom);

	if ((uintptr_t)s < slab_heap.base ||
	    ((uintptr_t)ptr - slab_heap.base) >> 4 >= slab_heap.n_units)
		return NULL;
	return s->self == (uintptr_t)s + SLAB_SELF + geom ? s : NULL;
}

/* There is no live block at this place in a slab: it is free already, or none starts there. */
static HX_COLD int slab_refuse(const void *ptr, const struct slab *s)
{
	size_t granule = slab_granule(ptr, slab_geom_of(s->class));

	return hx_heap_refuse(ptr, hx_bitmap_test(slab_heap.class[s->class].starts, granule) ?
				   -HX_EEXIST : -HX_EINVAL);
}

static HX_ALWAYS_INLINE int slab_drop(void *ptr, struct slab *s, size_t granule)
{
	struct slab_cpu *c;
	struct slab_mag *m;
	uintptr_t was;

	if (HX_UNLIKELY(!hx_bit_clear_atomic(s->live, granule)))
		return slab_refuse(ptr, s);
	c = slab_this_cpu();
	m = (struct slab_mag *)((char *)c + s->mag_off);
	__atomic_fetch_add(&c->n_frees, 1, __ATOMIC_RELAXED);
	if (HX_UNLIKELY(!hx_put_if_null(&m->hot, ptr, &was)))
		return slab_mag_give(m, ptr);
	return (int)was;	/* 0: saves the instruction that would make one */
}

static HX_NOINLINE int slab_free_more(void *ptr)
{
	struct slab *s;

	if (ptr == NULL)
		return 0;
	s = slab_of(ptr, SLAB_LARGE);
	if (s == NULL)
		return slab_free_run(ptr);
	if ((uintptr_t)ptr % 64 != 0)
		return hx_heap_refuse(ptr, -HX_EINVAL);
	return slab_drop(ptr, s, slab_granule(ptr, SLAB_LARGE));
}

int slab_free(void *ptr)
{
	struct slab *s = slab_header(ptr, SLAB_SMALL);
	uintptr_t off = (uintptr_t)ptr - slab_heap.base;
	/* Rotated, not shifted: a misaligned pointer becomes a unit beyond all memory. */
	uintptr_t unit = off >> 4 | off << (8 * sizeof(off) - 4);

	if (HX_UNLIKELY(unit >= slab_heap.n_units || s->self != (uintptr_t)s + SLAB_SELF))
		return slab_free_more(ptr);
	return slab_drop(ptr, s, (uint8_t)unit);
}

static size_t slab_size_of(const void *ptr)
{
	for (unsigned geom = 0; geom < SLAB_GEOMS; geom++) {
		const struct slab *s = slab_of(ptr, geom);

		if (s == NULL)
			continue;
		if ((uintptr_t)ptr % (1u << slab_shift[geom]) != 0 ||
		    !hx_bitmap_test(s->live, slab_granule(ptr, geom)))
			return 0;
		return slab_heap.class[s->class].size_bytes;
	}
	return slab_size_of_run(ptr);
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
	slab_heap.n_units = (high - low) << (HX_PAGE_SHIFT - 4);
	slab_classes_init();
	slab_mags_init();
	if (HX_ENABLED(HEAP_GUARDS))
		hx_heap_set_guards(slab_huge_near);
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

static HX_COLD void slab_trim(void)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);

	slab_shrink_locked();
	hx_spin_unlock_irqrestore(&slab_lock, irq);
}

/* Pages of slabs are known by the 64 bits of self, large blocks by the table. */
static const struct hx_heap_swap_ops slab_swap_ops = {
	.abi = HX_HEAP_SWAP_ABI, .name = "slab", .trim = slab_trim,
};
HX_HEAP_SWAP(slab_swap_ops);
