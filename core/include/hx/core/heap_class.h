/* SPDX-License-Identifier: MIT */
/*
 * What a kernel heap provides: blocks of any size, from pages that core gives. One instance.
 */
#ifndef HX_CORE_HEAP_CLASS_H
#define HX_CORE_HEAP_CLASS_H

#include <hx/base.h>
#include <hx/config/core_slot.h>

#define HX_HEAP_ABI		2u
#define HX_HEAP_ALIGN		16u	/* every block is aligned to this at least */
#define HX_HEAP_MAX_BYTES	((size_t)1 << 30)	/* core refuses larger blocks */

struct hx_text;

struct hx_heap_stats {
	uint64_t reserved_bytes;	/* taken from frames */
	uint64_t used_bytes;		/* in blocks handed out, as the provider rounds them */
	uint64_t used_max_bytes;	/* high-water mark; a provider may be coarse here */
	uint64_t n_allocs, n_frees, n_failed;
};

/* [B] boot.  [A] any context but NMI; the provider does its own locking (rank HX_RANK_HEAP) or
 * needs none; it may call hx_frames_alloc(). Sizes are 1..HX_HEAP_MAX_BYTES: core has checked. */
struct hx_heap_ops {
	uint32_t abi;		/* HX_HEAP_ABI */
	const char *name;	/* "bump", "slab", "tlsf" */
	int (*init)(void);					/* [B] 0 or negative */
	/* [A] aligned to HX_HEAP_ALIGN. NULL: no memory. */
	void *(*alloc)(size_t size_bytes);
	/* [A] align a power of two above HX_HEAP_ALIGN, at most HX_PAGE_SIZE. NULL: no memory. */
	void *(*alloc_aligned)(size_t size_bytes, size_t align);
	/* [A] 0, also for NULL. Else it returns what hx_heap_refuse() does with -HX_EINVAL: not the
	 * start of a block of this heap (foreign, interior, or its pages went back to frames), or
	 * -HX_EEXIST: free already. On error nothing changed, and nothing but RAM was read.
	 * hx_free() is a jump to it, which is why it reports by itself. */
	int (*free)(void *ptr);
	/* [A] usable bytes of a live block; 0 if it is none. */
	size_t (*size_of)(const void *ptr);
	void (*stats)(struct hx_heap_stats *out);		/* [A] */
	void (*show)(struct hx_text *out);	/* [A] optional: lines for /mem/heap */
	int (*check)(void);	/* [A] optional: verify own invariants; 0 or -HX_EBADMSG */
	/* [A] optional: visit each live block once, in any order. The provider's lock is held:
	 * visit may neither take nor give blocks. */
	void (*walk)(void (*visit)(void *arg, void *ptr, size_t usable), void *arg);
	void (*fini)(void);	/* [B] give everything back to frames (tests) */
};

/**
 * hx_heap_refuse() - name a bad free: hx_bug in debug builds, else logged; and counted.
 * hx_heap_set_refusal() - a test listens in: then nothing is logged and nothing stops.
 * @ptr:    what was to be freed
 * @why:    -HX_EEXIST free already; -HX_EINVAL no block of this heap
 * @listen: called instead of the report; NULL puts the report back
 *
 * Returns: refuse: @why.
 * Context: any but NMI; the provider holds no lock.
 * Locks:   the log's.
 * Owner:   -
 * Cost:    a line in the log.
 * Source:  -
 */
int hx_heap_refuse(const void *ptr, int why);
void hx_heap_set_refusal(void (*listen)(const void *ptr, int why));

/**
 * hx_heap_start() - put one provider to work.
 * hx_heap_stop() - end that; its blocks die with it.
 * @ops: the provider; a build with a sole provider uses that one, whatever @ops says
 *
 * Returns: 0, or what its init() answers.
 * Context: boot, one CPU: the component "heap" does this, and tests for each provider.
 * Locks:   none.
 * Owner:   the provider takes pages from frames, and gives them back.
 * Cost:    the provider's.
 * Source:  -
 */
HX_MUST_CHECK int hx_heap_start(const struct hx_heap_ops *ops);
void hx_heap_stop(void);

/**
 * hx_heap_set_guards() - who knows the blocks that have guard pages (CONFIG_HEAP_GUARDS).
 * @near: gives the block in whose pages or guards an address lies, nearest first, and its usable
 *        bytes; NULL: there is none. Called in a panic: it may neither lock nor trust its lists
 *
 * Returns: nothing.
 * Context: boot: a provider's init().
 * Locks:   none.
 * Owner:   -
 * Cost:    a store.
 * Source:  -
 */
void hx_heap_set_guards(const void *(*near)(uintptr_t address, size_t *usable));

HX_SECTION_BOUNDS(hx_heap_classes, struct hx_heap_ops);
#define HX_HEAP_CLASS(ops)	HX_REGISTER(hx_heap_classes, ops, struct hx_heap_ops, &(ops))


#define HX_HEAP_SWAP_ABI	1u

/*
 * For a heap among others whose blocks are live too (CONFIG_SLOT_SWAP). Without it a heap can be
 * swapped as well: then size_of() alone says whether a block is its own, and nothing is trimmed.
 */
struct hx_heap_swap_ops {
	uint32_t abi;		/* HX_HEAP_SWAP_ABI */
	const char *name;	/* the heap's */
	/* [A] optional: whether an address lies in this heap's memory, for certain. For a heap
	 * whose free() and size_of() could take foreign memory for a block by chance. */
	bool (*owns)(const void *ptr);
	/* [A] optional: give all to frames that no live block needs. The heap works on. */
	void (*trim)(void);
};

HX_SECTION_BOUNDS(hx_heap_swaps, struct hx_heap_swap_ops);
#if CONFIG_SLOT_SWAP
#define HX_HEAP_SWAP(ops)	HX_REGISTER(hx_heap_swaps, ops, struct hx_heap_swap_ops, &(ops))
#else
/* Nobody asks: the compiler drops the table, and what only it names. */
#define HX_HEAP_SWAP(ops) \
	static HX_UNUSED const struct hx_heap_swap_ops *const ops##_is_not_asked = &(ops)
#endif

/**
 * hx_heap_n_left() - blocks that live in heaps which are not in the slot any more.
 * @name:   of one of them; NULL: all
 * @n_left: receives how many blocks
 *
 * Returns: how many such heaps there are; those without blocks have given their memory back.
 * Context: any but NMI; only with CONFIG_SLOT_SWAP.
 * Locks:   the providers' (HX_RANK_HEAP) and heaps' (HX_RANK_LEAF), one at a time.
 * Owner:   -
 * Cost:    the providers' stats().
 * Source:  -
 */
unsigned hx_heap_n_left(const char *name, uint64_t *n_left);

#endif
