/* SPDX-License-Identifier: MIT */
/*
 * Kernel memory by the byte, from the provider in the "heap" slot.
 */
#ifndef HX_CORE_HEAP_H
#define HX_CORE_HEAP_H

#include <hx/base.h>
#include <hx/config/hal.h>
#include <hx/core/heap_class.h>

#define HX_HEAP_FN_(...)	__attribute__((malloc, warn_unused_result, alloc_size(__VA_ARGS__)))

/* Behind hx_alloc(): the provider's own function, so that a call is one instruction; or core's,
 * where faults are injected or blocks are watched; or one that has nothing, before the heap is up.
 * Its size has been checked; the other one checks. */
extern void *(*hx_heap_take_)(size_t size_bytes);
void *hx_heap_take_checked_(size_t size_bytes) HX_HEAP_FN_(1);

/* Behind hx_free(), in the same way; a direct call is a byte shorter, where that counts. */
extern int (*hx_heap_give_)(void *ptr);
void hx_heap_free_(void *ptr);

/**
 * hx_alloc() - take a block of memory; its bytes are garbage.
 * @size_bytes: 1..HX_HEAP_MAX_BYTES
 *
 * Returns: the block, aligned to HX_HEAP_ALIGN; NULL: no memory, or size 0 or above the maximum.
 * Context: any but NMI.
 * Locks:   the provider's (rank HX_RANK_HEAP) and zone->lock.
 * Owner:   the caller, until hx_free().
 * Cost:    the provider's; a constant size is checked by the compiler.
 * Source:  -
 */
static inline void *hx_alloc(size_t size_bytes)
{
	if (__builtin_constant_p(size_bytes) && size_bytes - 1 < HX_HEAP_MAX_BYTES)
		return hx_heap_take_(size_bytes);
	return hx_heap_take_checked_(size_bytes);
}

/**
 * hx_zalloc() - hx_alloc() of a block filled with zeroes.
 * hx_calloc() - the same for n things of a size; a product that overflows is refused.
 * hx_alloc_aligned() - hx_alloc() with an alignment of its own.
 * @size_bytes: as for hx_alloc()
 * @n:          how many
 * @align:      power of two, at most HX_PAGE_SIZE
 *
 * Returns: the block; NULL: no memory, or a refused size, product or alignment.
 * Context: any but NMI.
 * Locks:   as hx_alloc().
 * Owner:   the caller, until hx_free().
 * Cost:    hx_alloc() and the filling; an aligned block may take up to twice its size.
 * Source:  -
 */
void *hx_zalloc(size_t size_bytes) HX_HEAP_FN_(1);
void *hx_calloc(size_t n, size_t size_bytes) HX_HEAP_FN_(1, 2);
void *hx_alloc_aligned(size_t size_bytes, size_t align) HX_HEAP_FN_(1);

/**
 * hx_realloc() - change the size of a block, moving it if need be.
 * @ptr:        a live block, or NULL: then like hx_alloc()
 * @size_bytes: new size; 0 and sizes above HX_HEAP_MAX_BYTES are refused
 *
 * Returns: the block with the old content up to the smaller size; NULL: refused, no memory, or ptr
 *          is no live block (reported); then ptr stays as it was.
 * Context: any but NMI.
 * Locks:   as hx_alloc().
 * Owner:   the caller owns the result instead of ptr. The alignment of hx_alloc_aligned() is lost.
 * Cost:    nothing moves while the new size fits and is more than half of what is usable.
 * Source:  -
 */
void *hx_realloc(void *ptr, size_t size_bytes) __attribute__((warn_unused_result));

/**
 * hx_free() - give a block back.
 * @ptr: a live block, or NULL: nothing happens
 *
 * Returns: nothing. A double or foreign free is reported with the address (hx_bug in debug builds,
 *          else logged), counted, and changes nothing.
 * Context: any but NMI.
 * Locks:   as hx_alloc().
 * Owner:   the heap again.
 * Cost:    the provider's.
 * Source:  -
 */
static inline void hx_free(void *ptr)
{
	if (HX_ENABLED(OPTIMIZE_SIZE))
		hx_heap_free_(ptr);
	else
		hx_heap_give_(ptr);
}

/**
 * hx_alloc_size() - how many bytes of a block may be used.
 * @ptr: anything
 *
 * Returns: at least the size asked for; 0 if it is no live block.
 * Context: any but NMI.
 * Locks:   as hx_alloc().
 * Owner:   unchanged.
 * Cost:    the provider's.
 * Source:  -
 */
size_t hx_alloc_size(const void *ptr);

/* What a debug build watches around each block, whatever the provider. */
enum hx_heap_watch {
	HX_HEAP_REDZONES = 1,	/* CONFIG_HEAP_REDZONES: what is written past the end */
	HX_HEAP_SITES = 2,	/* CONFIG_MEM_LEAKS: who took it */
};

/* What one place in the code holds. */
struct hx_heap_site {
	uintptr_t pc;		/* where the call returns to */
	uint64_t live_bytes;	/* as they were asked for */
	uint64_t n_blocks;
};

/**
 * hx_heap_set_watch() - watch less than what is built in; for tests, before the heap is up. Only
 *                       with CONFIG_HEAP_REDZONES or CONFIG_MEM_LEAKS.
 * @watch: enum hx_heap_watch; what is not built in is ignored
 *
 * Returns: what was watched before; at boot all that is built in.
 * Context: boot or tests, no heap up (hx_bug otherwise): blocks taken before would look damaged.
 * Locks:   none.
 * Owner:   -
 * Cost:    a store.
 * Source:  -
 */
unsigned hx_heap_set_watch(unsigned watch);

/**
 * hx_heap_sweep() - look behind every live block. Only with CONFIG_HEAP_REDZONES.
 * hx_heap_n_damaged() - blocks found written past their end since boot, by frees and sweeps.
 *
 * Returns: how many are written past their end; each is reported in the log with its address, its
 *          size, and who took it, unless they are those of the last sweep. A free of such a block
 *          reports it as well (hx_bug in debug builds) and then gives it back.
 * Context: thread or boot.
 * Locks:   the provider's (rank HX_RANK_HEAP), and the log's.
 * Owner:   -
 * Cost:    O(blocks), with interrupts off.
 * Source:  Bruce Perens, Electric Fence (1987), for the idea of a zone behind each block.
 */
uint64_t hx_heap_sweep(void);
uint64_t hx_heap_n_damaged(void);

/**
 * hx_heap_sites() - who holds blocks now. Only with CONFIG_MEM_LEAKS.
 * @sites: receives one entry for each place in the code, most bytes first
 * @n_max: room in it
 * @rest:  receives the sum of the blocks that are in none of them: too many places, or the tail of
 *         the block was written over (then no bytes are counted)
 *
 * Returns: how many entries.
 * Context: thread or boot.
 * Locks:   the provider's (rank HX_RANK_HEAP).
 * Owner:   the caller's array.
 * Cost:    O(blocks * places), with interrupts off.
 * Source:  -
 */
unsigned hx_heap_sites(struct hx_heap_site *sites, unsigned n_max, struct hx_heap_site *rest);

/**
 * hx_heap_take_back() - free the blocks that code which is gone has left behind. Only with
 *                       CONFIG_MEM_LEAKS.
 * @start: of that code
 * @end:   behind it
 *
 * Returns: how many blocks that was.
 * Context: thread; nobody runs that code, nor has a block of its any more.
 * Locks:   the provider's (rank HX_RANK_HEAP).
 * Owner:   -
 * Cost:    O(blocks), with interrupts off, for each 32 blocks that are found.
 * Source:  -
 */
uint64_t hx_heap_take_back(uintptr_t start, uintptr_t end);

struct hx_text;

/**
 * hx_heap_stats() - the provider's figures; zeroes before the heap is up.
 * hx_heap_show() - lines that only this provider has, for /mem/heap.
 * hx_heap_check() - have the provider verify all its invariants.
 * hx_heap_n_refused() - bad frees refused since boot.
 * hx_heap_provider() - the provider's name; "" before the heap is up.
 * @out: receives them
 *
 * Returns: as above; check: 0, also if the provider has no such function, or -HX_EBADMSG.
 * Context: thread or boot.
 * Locks:   the provider's (rank HX_RANK_HEAP).
 * Owner:   the name is constant.
 * Cost:    up to O(blocks), with interrupts off.
 * Source:  -
 */
void hx_heap_stats(struct hx_heap_stats *out);
void hx_heap_show(struct hx_text *out);
HX_MUST_CHECK int hx_heap_check(void);
uint64_t hx_heap_n_refused(void);
const char *hx_heap_provider(void);

/**
 * hx_heap_explain() - which large block an access missed (CONFIG_HEAP_GUARDS).
 * @address: of the access that faulted
 * @out:     receives a line
 *
 * Returns: true: the address is in the kernel heap's area, and the line was written.
 * Context: any; a panic.
 * Locks:   none: what it reads may change meanwhile.
 * Owner:   -
 * Cost:    O(large blocks).
 * Source:  Perens, Electric Fence.
 */
bool hx_heap_explain(uintptr_t address, struct hx_text *out);

/**
 * hx_heap_fail_at() - make the k-th allocation from now on fail, once. For tests.
 * @k: 1 = the next one; 0 disarms
 *
 * Returns: what was left to count of the k before; 0: that allocation was reached.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    constant; does nothing without CONFIG_FAULT_INJECTION.
 * Source:  SQLite, "How SQLite Is Tested", 3.1 (out-of-memory testing).
 */
uint64_t hx_heap_fail_at(uint64_t k);

#endif
