/* SPDX-License-Identifier: MIT */
/*
 * Heap "bump": one run of memory, and a pointer that moves up.
 *
 *	start                                      next             end
 *	| header block | header block | header block | …unused…      |
 *
 * next is where the next block will start, its header just below it. A header gives the block's
 * size and whether it lives, so the run can be walked, and a free can be checked. Freed blocks stay
 * where they are, except that freeing the last block moves next back, and that freeing everything
 * starts afresh.
 *
 * Locking. alloc() is one atomic addition and takes no lock: it may be interrupted anywhere. While
 * next is beyond the end everybody fails, which is right: there is no room for them either, or
 * barely. Who took it across the end, and nobody else, puts it back to where it was: no block was
 * given since. If each took back what it added instead, one that is late would take it from under a
 * block given meanwhile (test/models/bump.pml). free() holds the lock, and moves next back only if
 * nobody moved it meanwhile; the last free of all may find it beyond the end, so who puts it back
 * looks whether everything is free. A block whose header is not written yet ends a walk early.
 */
#include <hx/config/core_mem.h>
#include <hx/config/subsys_memory_heap_bump.h>
#include <hx/core/frames.h>
#include <hx/core/heap_class.h>
#include <hx/core/log.h>
#include <hx/hal/mmu.h>

enum bump_state {
	BUMP_LIVE = 0x4556494c,
	BUMP_FREED = 0x44455246,
};

struct bump_header {
	uint32_t size_bytes;	/* as asked; the block is rounded up to HX_HEAP_ALIGN */
	uint32_t state;		/* enum bump_state */
	uint64_t unused;
};
_Static_assert(sizeof(struct bump_header) == HX_HEAP_ALIGN, "blocks stay aligned");

/* Field keys: c constant after init, a atomic, l own lock. */
static struct {
	uintptr_t next;			/* a */
	uintptr_t end;			/* c */
	uintptr_t first;		/* c next when everything is free */
	struct hx_spinlock lock;
	uint64_t freed_bytes;		/* l in freed blocks below next, headers included */
	uint64_t used_max_bytes;	/* l */
	uint64_t n_frees;		/* l */
	uint64_t n_failed;		/* l */
	hx_paddr_t pa;			/* c */
	unsigned order;			/* c */
} bump = { .lock = HX_SPINLOCK_INIT("bump", HX_RANK_HEAP) };

/* Bytes from a block to the next one. */
static inline size_t bump_stride(size_t size_bytes)
{
	return (size_bytes + sizeof(struct bump_header) + HX_HEAP_ALIGN - 1) &
	       ~(size_t)(HX_HEAP_ALIGN - 1);
}

static inline struct bump_header *bump_header(uintptr_t block)
{
	return (struct bump_header *)block - 1;
}

static inline void bump_mark(uintptr_t block, size_t size_bytes, enum bump_state state)
{
	bump_header(block)->size_bytes = (uint32_t)size_bytes;
	bump_header(block)->state = state;
}

/* Where next may stand: at most one header past the end, since a block's header is below it. */
static inline bool bump_within(uintptr_t next)
{
	return next <= bump.end + sizeof(struct bump_header);
}

/* block: where next was before. */
static HX_COLD void *bump_fail(uintptr_t block)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&bump.lock);

	if (bump_within(block)) {
		if (bump.freed_bytes == block - bump.first) {
			bump.freed_bytes = 0;
			block = bump.first;
		}
		__atomic_store_n(&bump.next, block, __ATOMIC_RELAXED);
	}
	bump.n_failed++;
	hx_spin_unlock_irqrestore(&bump.lock, irq);
	return NULL;
}

static void *bump_alloc(size_t size_bytes)
{
	uintptr_t block = __atomic_fetch_add(&bump.next, bump_stride(size_bytes), __ATOMIC_RELAXED);

	if (HX_UNLIKELY(block + size_bytes > bump.end))
		return bump_fail(block);
	bump_mark(block, size_bytes, BUMP_LIVE);
	return (void *)block;
}

/* Takes room for the worst case; what lies before the aligned block becomes a freed block. */
static HX_COLD void *bump_alloc_aligned(size_t size_bytes, size_t align)
{
	size_t stride = bump_stride(size_bytes + align);
	uintptr_t first = __atomic_fetch_add(&bump.next, stride, __ATOMIC_RELAXED);
	uintptr_t block = hx_align_up(first, align);

	if (first + stride - sizeof(struct bump_header) > bump.end)
		return bump_fail(first);
	bump_mark(block, first + stride - block - sizeof(struct bump_header), BUMP_LIVE);
	if (block != first) {
		hx_irqflags_t irq = hx_spin_lock_irqsave(&bump.lock);

		bump_mark(first, block - first - sizeof(struct bump_header), BUMP_FREED);
		bump.freed_bytes += block - first;
		hx_spin_unlock_irqrestore(&bump.lock, irq);
	}
	return (void *)block;
}

/* 0 if ptr is a live block, else why not. */
static int bump_look(const void *ptr)
{
	uintptr_t block = (uintptr_t)ptr, next = __atomic_load_n(&bump.next, __ATOMIC_RELAXED);
	const struct bump_header *h = bump_header(block);

	if (block < bump.first || block > bump.end || block % HX_HEAP_ALIGN != 0)
		return -HX_EINVAL;
	if (h->state == BUMP_FREED)
		return -HX_EEXIST;
	if (h->state != BUMP_LIVE || block >= next || h->size_bytes > next - block)
		return -HX_EINVAL;
	return 0;
}

static int bump_free(void *ptr)
{
	uintptr_t block = (uintptr_t)ptr, end, used, to;
	hx_irqflags_t irq;
	size_t stride;
	int err;

	if (ptr == NULL)
		return 0;
	irq = hx_spin_lock_irqsave(&bump.lock);
	err = bump_look(ptr);
	if (err != 0)
		goto unlock;
	end = __atomic_load_n(&bump.next, __ATOMIC_RELAXED);
	used = end - bump.first - bump.freed_bytes;
	if (used > bump.used_max_bytes && bump_within(end))	/* use peaks just before a free */
		bump.used_max_bytes = used;
	bump.n_frees++;
	bump_header(block)->state = BUMP_FREED;
	stride = bump_stride(bump_header(block)->size_bytes);
	bump.freed_bytes += stride;
	to = block + stride == end ? block : end;
	if (bump.freed_bytes == end - bump.first)
		to = bump.first;
	if (__atomic_compare_exchange_n(&bump.next, &end, to, false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED))
		bump.freed_bytes -= end - to;
unlock:
	hx_spin_unlock_irqrestore(&bump.lock, irq);
	return err == 0 ? 0 : hx_heap_refuse(ptr, err);
}

static size_t bump_size_of(const void *ptr)
{
	uintptr_t block = (uintptr_t)ptr;

	if (ptr == NULL || bump_look(ptr) != 0)
		return 0;
	return bump_stride(bump_header(block)->size_bytes) - sizeof(struct bump_header);
}

/*
 * Walk the run: how many blocks live, how many bytes are freed. Ends at next, or at the block whose
 * header says nothing.
 */
static HX_COLD uintptr_t bump_walk(uint64_t *n_live, uint64_t *freed_bytes)
{
	uintptr_t next = __atomic_load_n(&bump.next, __ATOMIC_RELAXED), block = bump.first;

	*n_live = *freed_bytes = 0;
	while (block < next) {
		const struct bump_header *h = bump_header(block);

		if (h->state == BUMP_LIVE)
			++*n_live;
		else if (h->state == BUMP_FREED)
			*freed_bytes += bump_stride(h->size_bytes);
		else
			break;
		block += bump_stride(h->size_bytes);
	}
	return block;
}

static HX_COLD void bump_stats(struct hx_heap_stats *out)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&bump.lock);
	uint64_t n_live, freed_bytes;

	bump_walk(&n_live, &freed_bytes);
	out->reserved_bytes = HX_PAGE_SIZE << bump.order;
	out->used_bytes = bump.next - bump.first - bump.freed_bytes;
	out->used_max_bytes = hx_max_u64(bump.used_max_bytes, out->used_bytes);
	out->n_allocs = bump.n_frees + n_live;
	out->n_frees = bump.n_frees;
	out->n_failed = bump.n_failed;
	hx_spin_unlock_irqrestore(&bump.lock, irq);
}

/*
 * A walk that does not add up is no proof by itself: somebody may be about to write a header, or to
 * put next back. One that does not add up twice, and ends at the same block, is.
 */
static HX_COLD int bump_check(void)
{
	static uintptr_t suspect;	/* l where the last check ended, if in doubt; else 0 */
	hx_irqflags_t irq = hx_spin_lock_irqsave(&bump.lock);
	uint64_t n_live, freed_bytes;
	uintptr_t at = bump_walk(&n_live, &freed_bytes);
	uintptr_t next = __atomic_load_n(&bump.next, __ATOMIC_RELAXED);
	bool ok = at == next && freed_bytes == bump.freed_bytes;
	bool again = at == suspect;

	suspect = ok ? 0 : at;
	hx_spin_unlock_irqrestore(&bump.lock, irq);
	return ok || !again ? 0 : -HX_EBADMSG;
}

static HX_COLD void bump_visit(void (*visit)(void *arg, void *ptr, size_t usable), void *arg)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&bump.lock);
	uintptr_t next = __atomic_load_n(&bump.next, __ATOMIC_RELAXED), block = bump.first;

	/* A block whose header is not written yet ends the visit. */
	while (block < next && (bump_header(block)->state == BUMP_LIVE ||
				bump_header(block)->state == BUMP_FREED)) {
		size_t stride = bump_stride(bump_header(block)->size_bytes);

		if (bump_header(block)->state == BUMP_LIVE)
			visit(arg, (void *)block, stride - sizeof(struct bump_header));
		block += stride;
	}
	hx_spin_unlock_irqrestore(&bump.lock, irq);
}

static HX_COLD int bump_init(void)
{
	unsigned wanted = hx_log2_ceil(CONFIG_HEAP_BUMP_KIB * HX_KIB / HX_PAGE_SIZE);
	uintptr_t start;
	int err;

	bump.order = wanted;
	while ((err = hx_frames_alloc(bump.order, HX_FRAMES_ANY, &bump.pa)) != 0) {
		if (bump.order == 0)
			return err;
		bump.order--;
	}
	if (bump.order < wanted)
		hx_warn("mem", "bump heap: only %zu KiB", HX_PAGE_SIZE / HX_KIB << bump.order);
	start = (uintptr_t)hx_phys_to_virt(bump.pa);
	bump.end = start + (HX_PAGE_SIZE << bump.order);
	bump.next = bump.first = start + sizeof(struct bump_header);
	bump.freed_bytes = bump.used_max_bytes = bump.n_frees = bump.n_failed = 0;
	return 0;
}

static HX_COLD void bump_fini(void)
{
	bump.end = 0;
	hx_frames_free(bump.pa, bump.order);
}

const struct hx_heap_ops hx_heap_bump_ops = {
	.abi = HX_HEAP_ABI, .name = "bump", .init = bump_init, .alloc = bump_alloc,
	.alloc_aligned = bump_alloc_aligned, .free = bump_free, .size_of = bump_size_of,
	.stats = bump_stats, .check = HX_ENABLED(MEM_CHECK) ? bump_check : NULL,
	.walk = HX_ENABLED(MEM_WALK) ? bump_visit : NULL, .fini = bump_fini,
};
HX_HEAP_CLASS(hx_heap_bump_ops);
