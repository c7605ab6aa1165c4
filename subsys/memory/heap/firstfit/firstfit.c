/* SPDX-License-Identifier: MIT */
/*
 * Heap "firstfit": one run of memory, cut into blocks; the free ones on a list sorted by address.
 *
 *	| head  used… | head next … free … | head  used… | head next … free … |
 *	                      |___________________________________^
 *
 * alloc() takes the first free block that is long enough, and puts the rest back in its place.
 * free() walks to the block's place in the list and joins it with the neighbour on either side if
 * that is free as well: the order by address is what makes the neighbours easy to see.
 *
 * A head's mark is its own address plus a constant, LIVE or FREE. So a pointer into the middle of a
 * block is not mistaken for a block: no user data has the right value at the right place by chance.
 *
 * Invariants: (1) blocks tile the run without gaps; (2) the list holds exactly the free blocks, in
 * the order of their addresses; (3) no two free blocks touch.
 *
 * Both walks are O(free blocks): the price of plainness. tlsf finds a block in constant time.
 *
 * Source: Knuth, TAOCP vol. 1, 2.5, algorithms A and B; Kernighan and Ritchie, 8.7. Differs: the
 * mark, to refuse bad frees; the front of a block is used and the rest stays, not the other way.
 */
#include <hx/config/core_mem.h>
#include <hx/config/subsys_memory_heap_firstfit.h>
#include <hx/core/frames.h>
#include <hx/core/log.h>
#include <hx/hal/mmu.h>

#include "firstfit_priv.h"

struct firstfit firstfit = { .lock = HX_SPINLOCK_INIT("firstfit", HX_RANK_HEAP) };

static struct block *block_at(uintptr_t address, size_t bytes, uintptr_t mark)
{
	struct block *b = (struct block *)address;

	b->bytes = bytes;
	b->mark = address + mark;
	return b;
}

/* Cut a free block in two; the part behind stays on the list. */
static void split(struct block *b, size_t bytes)
{
	struct block *rest = block_at((uintptr_t)b + bytes, b->bytes - bytes, FREE);

	rest->next = b->next;
	b->next = rest;
	b->bytes = bytes;
}

static void *take(size_t size_bytes, size_t align)
{
	size_t need = hx_max_u64(hx_align_up(size_bytes + HEAD, HX_HEAP_ALIGN), SMALLEST);
	hx_irqflags_t irq = hx_spin_lock_irqsave(&firstfit.lock);
	struct block *b, **at;

	for (at = &firstfit.free; (b = *at) != NULL; at = &b->next) {
		size_t front = hx_align_up((uintptr_t)b + HEAD, align) - HEAD - (uintptr_t)b;

		if (front != 0 && front < SMALLEST)
			front += align;		/* what stays in front must be a block */
		if (front + need > b->bytes)
			continue;
		if (front != 0) {
			split(b, front);
			at = &b->next;
			b = b->next;
		}
		if (b->bytes - need >= SMALLEST)
			split(b, need);
		*at = b->next;
		b->mark = (uintptr_t)b + LIVE;
		firstfit.stats.n_allocs++;
		firstfit.stats.used_bytes += b->bytes;
		firstfit.stats.used_max_bytes = hx_max_u64(firstfit.stats.used_max_bytes,
							   firstfit.stats.used_bytes);
		break;
	}
	firstfit.stats.n_failed += b == NULL;
	hx_spin_unlock_irqrestore(&firstfit.lock, irq);
	return b != NULL ? &b->next : NULL;
}

static void *firstfit_alloc(size_t size_bytes)
{
	return take(size_bytes, HX_HEAP_ALIGN);
}

/* Whether p is the start of a live block (0), of a free one, or of none. */
static int look(const void *p)
{
	const struct block *b = (const struct block *)((uintptr_t)p - HEAD);

	if ((uintptr_t)b - firstfit.start >= firstfit.end - firstfit.start ||
	    (uintptr_t)p % HX_HEAP_ALIGN != 0)
		return -HX_EINVAL;
	if (b->mark == (uintptr_t)b + LIVE)
		return 0;
	return b->mark == (uintptr_t)b + FREE ? -HX_EEXIST : -HX_EINVAL;
}

/* If the block behind b is free too, make them one. */
static void join(struct block *b)
{
	if ((uintptr_t)b + b->bytes == (uintptr_t)b->next) {
		b->bytes += b->next->bytes;
		b->next = b->next->next;
	}
}

static int firstfit_free(void *p)
{
	struct block *b = (struct block *)((uintptr_t)p - HEAD), *before = NULL, *after;
	hx_irqflags_t irq;
	int err;

	if (p == NULL)
		return 0;
	irq = hx_spin_lock_irqsave(&firstfit.lock);
	err = look(p);
	if (err == 0) {
		firstfit.stats.n_frees++;
		firstfit.stats.used_bytes -= b->bytes;
		for (after = firstfit.free; after != NULL && after < b; after = after->next)
			before = after;
		b->mark = (uintptr_t)b + FREE;
		b->next = after;
		join(b);
		if (before != NULL) {
			before->next = b;
			join(before);
		} else {
			firstfit.free = b;
		}
	}
	hx_spin_unlock_irqrestore(&firstfit.lock, irq);
	return err == 0 ? 0 : hx_heap_refuse(p, err);
}

static size_t firstfit_size_of(const void *p)
{
	return look(p) == 0 ? ((const struct block *)((uintptr_t)p - HEAD))->bytes - HEAD : 0;
}

static HX_COLD void firstfit_stats(struct hx_heap_stats *out)
{
	*out = firstfit.stats;
}

static HX_COLD int firstfit_init(void)
{
	unsigned wanted = hx_log2_ceil(CONFIG_HEAP_FIRSTFIT_KIB * HX_KIB / HX_PAGE_SIZE);
	int err;

	firstfit.order = wanted;
	while ((err = hx_frames_alloc(firstfit.order, HX_FRAMES_ANY, &firstfit.pa)) != 0) {
		if (firstfit.order-- == 0)
			return err;
	}
	if (firstfit.order < wanted)
		hx_warn("mem", "heap: only %zu KiB", HX_PAGE_SIZE / HX_KIB << firstfit.order);
	firstfit.start = (uintptr_t)hx_phys_to_virt(firstfit.pa);
	firstfit.end = firstfit.start + (HX_PAGE_SIZE << firstfit.order);
	firstfit.free = block_at(firstfit.start, firstfit.end - firstfit.start, FREE);
	firstfit.free->next = NULL;
	firstfit.stats = (struct hx_heap_stats){ .reserved_bytes = firstfit.end - firstfit.start };
	return 0;
}

static HX_COLD void firstfit_fini(void)
{
	firstfit.start = firstfit.end = 0;
	hx_frames_free(firstfit.pa, firstfit.order);
}

const struct hx_heap_ops hx_heap_firstfit_ops = {
	.abi = HX_HEAP_ABI, .name = "firstfit", .init = firstfit_init, .alloc = firstfit_alloc,
	.alloc_aligned = take, .free = firstfit_free, .size_of = firstfit_size_of,
	.stats = firstfit_stats, .check = HX_ENABLED(MEM_CHECK) ? firstfit_check : NULL,
	.walk = HX_ENABLED(MEM_WALK) ? firstfit_walk : NULL, .fini = firstfit_fini,
};
HX_HEAP_CLASS(hx_heap_firstfit_ops);
