/* SPDX-License-Identifier: MIT */
/*
 * What blocks cost, through hx_alloc() and hx_free() and whatever heap boots. A figure named after
 * another provider than the one in the slot takes no samples; neither does a number of live blocks
 * that does not fit.
 *
 *	pair		one block of 64 bytes taken and given back, again and again
 *	pair.<n>	one of n live blocks of 16 to 128 bytes, at random, given back and replaced
 *			by one of another size: the curve over n
 *	alloc.worst, alloc.best, free.worst, free.best
 *			the slowest and the quickest of all that the scenarios below do,
 *			whatever the size. Interrupts are off around each operation. All pages
 *			are taken before, so that a heap lives on what it has; not with slab,
 *			where making a slab and giving it back is part of the figure
 *	<size>.alloc.worst, …, <size>.free.best
 *			the four scenarios of the wcet test of TLSF's authors, for blocks of one
 *			size by itself: a block cut from the only free one, which is long; one
 *			of just this size on its list; a block freed between two free ones; one
 *			between two live ones. Theirs takes the p99 of each in cycles, reading
 *			the clock included; ours the slowest in instructions, without that. Two
 *			are harder than theirs: the long block is one on a list, not the end of
 *			the pool, and the two free neighbours are alone on two lists
 */
#include <hx/core/bench.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/heap_class.h>
#include <hx/core/string.h>
#include <hx/hal/mmu.h>

#include "mem_priv.h"

#define CHUNK_SLOTS	((HX_PAGE_SIZE << HX_FRAMES_MAX_ORDER) / sizeof(void *))
#define N_CHUNKS	2u		/* of 524,288 slots: for 1,000,000 blocks */
#define CHURN		640u		/* blocks of one size: some slabs full */

static bool is_heap(const char *provider)
{
	return hx_strcmp(hx_heap_provider(), provider) == 0;
}

static int pair(struct hx_bench_run *b, const char *provider)
{
	if (!is_heap(provider))
		return -HX_ENOTSUP;
	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		hx_free(hx_alloc(64));
		hx_bench_end(b);
	}
	return 0;
}

/* ---- the way through the slot ---- */

#define CALLS	100u

static HX_NOINLINE uint64_t pairs_through_slot(void)
{
	uint64_t began = hx_cycles();

	for (unsigned i = 0; i < CALLS; i++)
		hx_free(hx_alloc(64));
	return hx_cycles() - began;
}

/* A register in place of a name: one instruction, as well. */
static HX_NOINLINE uint64_t pairs_direct(void *(*alloc)(size_t size_bytes))
{
	uint64_t began = hx_cycles();

	for (unsigned i = 0; i < CALLS; i++)
		hx_free(alloc(64));
	return hx_cycles() - began;
}

HX_BENCH(slot_call_heap, "slot.call.heap",
	 "hx_alloc() through the heap's slot, beyond what its function costs called directly; "
	 "of 100")
{
	uint64_t through, direct;

	hx_free(hx_alloc(64));
	while (hx_bench_more(b)) {
		through = pairs_through_slot();
		direct = pairs_direct(heap_current->alloc);
		hx_bench_sample(b, b->overhead + (hx_max_u64(through, direct) - direct +
						  CALLS / 2) / CALLS);
	}
	return 0;
}

/* ---- many live blocks ---- */

static void **chunk[N_CHUNKS];

static void **slot(uint32_t i)
{
	return &chunk[i / CHUNK_SLOTS][i % CHUNK_SLOTS];
}

static void chunks_free(void)
{
	for (unsigned i = 0; i < N_CHUNKS && chunk[i] != NULL; i++) {
		hx_frames_free(hx_virt_to_phys(chunk[i]), HX_FRAMES_MAX_ORDER);
		chunk[i] = NULL;
	}
}

static int chunks_alloc(uint32_t n)
{
	for (unsigned i = 0; i * CHUNK_SLOTS < n; i++) {
		hx_paddr_t pa;

		if (hx_frames_alloc(HX_FRAMES_MAX_ORDER, HX_FRAMES_ANY, &pa) != 0)
			return -HX_ENOMEM;
		chunk[i] = hx_phys_to_virt(pa);
	}
	return 0;
}

static uint32_t random_next(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;	/* Knuth, TAOCP vol. 2, 3.3.4, line 16 */
	return *state >> 8;
}

static size_t random_size(uint32_t *state)
{
	return 16 + random_next(state) % 113;
}

static int pair_among(struct hx_bench_run *b, const char *provider, uint32_t n)
{
	uint32_t rng = 1, n_live = 0;
	int err = is_heap(provider) ? chunks_alloc(n) : -HX_ENOTSUP;

	if (err != 0)
		goto out;
	while (n_live < n && (*slot(n_live) = hx_alloc(random_size(&rng))) != NULL)
		n_live++;
	/* Half of them anew, so that the order of addresses is not that of time. */
	for (uint32_t i = 0; i < n_live / 2; i++) {
		void **s = slot(random_next(&rng) % n_live);

		hx_free(*s);
		*s = hx_alloc(random_size(&rng));
	}
	while (n_live == n && hx_bench_more(b)) {
		void **s = slot(random_next(&rng) % n);
		size_t size = random_size(&rng);

		hx_bench_begin(b);
		hx_free(*s);
		*s = hx_alloc(size);
		hx_bench_end(b);
	}
	for (uint32_t i = 0; i < n_live; i++)
		hx_free(*slot(i));
out:
	chunks_free();
	return err == 0 && n_live == n ? 0 : -HX_ENOTSUP;
}

/* ---- the slowest and the quickest ---- */

struct extremes {
	uint64_t overhead;
	void **blocks;			/* CHURN */
	size_t size;			/* of by_size() */
	uint64_t alloc_min, alloc_max, free_min, free_max;
};

static void note(uint64_t cycles, uint64_t *min, uint64_t *max)
{
	*min = hx_min_u64(*min, cycles);
	*max = hx_max_u64(*max, cycles);
}

static void *timed_alloc(struct extremes *e, size_t size)
{
	hx_irqflags_t irq = hx_irq_save();
	uint64_t t0 = hx_cycles(), t;
	void *p = hx_alloc(size);

	t = hx_cycles() - t0 - e->overhead;
	hx_irq_restore(irq);
	if (p != NULL)		/* a refusal may be slower, and is no service */
		note(t, &e->alloc_min, &e->alloc_max);
	return p;
}

static void timed_free(struct extremes *e, void *p)
{
	hx_irqflags_t irq = hx_irq_save();
	uint64_t t0 = hx_cycles(), t;

	hx_free(p);
	t = hx_cycles() - t0 - e->overhead;
	hx_irq_restore(irq);
	if (p != NULL)
		note(t, &e->free_min, &e->free_max);
}

/* Blocks of one size, many taken, then given back in three orders: slabs fill and empty, lists get
 * long, neighbours join on no side, on one, on both. */
static void churn(struct extremes *e, size_t size)
{
	void **p = e->blocks;

	for (unsigned i = 0; i < CHURN; i++)
		p[i] = timed_alloc(e, size);
	for (unsigned i = 0; i < CHURN; i += 4)
		timed_free(e, p[i]);
	for (unsigned i = 2; i < CHURN; i += 4)
		timed_free(e, p[i]);
	for (unsigned i = 1; i < CHURN; i += 2)
		timed_free(e, p[i]);
}

/* A small block cut from the only, long hole; a block freed between two free ones, each the only
 * one of its size and of its power of two. The scenarios of the constant-time allocators' own
 * benchmarks. */
static void holes(struct extremes *e, size_t size)
{
	void *low = hx_alloc(16), *hole = hx_alloc(16000), *high = hx_alloc(16);

	hx_free(hole);
	for (unsigned i = 0; i < 8; i++) {
		void *a = timed_alloc(e, size), *b = timed_alloc(e, size + 100);
		void *c = timed_alloc(e, 2 * size + 200), *d = timed_alloc(e, 16);

		timed_free(e, a);
		timed_free(e, c);
		timed_free(e, b);
		timed_free(e, d);
	}
	hx_free(low);
	hx_free(high);
}

struct chain {
	struct chain *next;
};

/* Take what the frame allocator has, so that a heap lives on what it holds. */
static struct chain *hog_frames(unsigned order, struct chain *taken)
{
	hx_paddr_t pa;

	while (hx_frames_alloc(order, HX_FRAMES_ANY, &pa) == 0) {
		struct chain *c = hx_phys_to_virt(pa);

		c->next = taken;
		taken = c;
	}
	return taken;
}

static void give_frames(unsigned order, struct chain *taken)
{
	while (taken != NULL) {
		struct chain *next = taken->next;

		hx_frames_free(hx_virt_to_phys(taken), order);
		taken = next;
	}
}

/* All small room used: only the hole is left to cut from. */
static void starve(struct extremes *e, void (*scenario)(struct extremes *e))
{
	void *low = hx_alloc(16), *hole = hx_alloc(100000), *high = hx_alloc(16), *small;
	struct chain *blocks = NULL;

	for (size_t size = 65536; size >= 16; size /= 2) {
		while ((small = hx_alloc(size)) != NULL) {
			((struct chain *)small)->next = blocks;
			blocks = small;
		}
	}
	hx_free(hole);
	scenario(e);
	while (blocks != NULL) {
		struct chain *next = blocks->next;

		hx_free(blocks);
		blocks = next;
	}
	hx_free(low);
	hx_free(high);
}

static void cut_and_join(struct extremes *e)
{
	for (size_t size = 24; size <= 2000; size += size / 3) {
		timed_free(e, timed_alloc(e, size));
		holes(e, size);
	}
}

/* Of one size: the slowest of either pair of scenarios. */
static void by_size(struct extremes *e)
{
	struct extremes worst = { .overhead = e->overhead, .alloc_min = UINT64_MAX,
				  .free_min = UINT64_MAX }, best = worst;

	for (unsigned i = 0; i < 8; i++) {
		void *a, *b, *c, *d;

		hx_free(timed_alloc(&worst, e->size));
		a = hx_alloc(e->size);
		d = hx_alloc(16);
		hx_free(a);
		a = timed_alloc(&best, e->size);
		timed_free(&best, a);
		hx_free(d);
		a = hx_alloc(e->size);
		b = hx_alloc(e->size);
		c = hx_alloc(2 * e->size + 200);
		d = hx_alloc(16);
		hx_free(a);
		hx_free(c);
		timed_free(&worst, b);
		hx_free(d);
	}
	e->alloc_max = worst.alloc_max;
	e->alloc_min = best.alloc_max;
	e->free_max = worst.free_max;
	e->free_min = best.free_max;
}

/* Of all sizes (0), or of one. */
static int extremes(const struct hx_bench_run *b, const char *provider, size_t size,
		    struct extremes *e)
{
	static const size_t sizes[] = { 24, 64, 200, 500, 1000, 2000 };
	/* A slab is a page or four: without pages there would be nothing to measure. */
	bool starves = hx_strcmp(provider, "slab") != 0;
	struct chain *pages[HX_FRAMES_MAX_ORDER + 1];
	void *room, *keep;

	if (!is_heap(provider) || chunks_alloc(CHURN) != 0)
		return -HX_ENOTSUP;
	*e = (struct extremes){ .overhead = b->overhead, .blocks = chunk[0], .size = size,
				.alloc_min = UINT64_MAX, .free_min = UINT64_MAX };
	room = hx_alloc(2 * HX_MIB);	/* a heap of regions has one for all that follows … */
	keep = hx_alloc(16);		/* … and does not give it back */
	hx_free(room);
	for (int k = HX_FRAMES_MAX_ORDER; starves && k >= 0; k--)
		pages[k] = hog_frames((unsigned)k, NULL);
	for (unsigned i = 0; size == 0 && i < HX_ARRAY_LEN(sizes); i++)
		churn(e, sizes[i]);
	if (size == 0)
		holes(e, 300);
	if (starves)
		starve(e, size == 0 ? cut_and_join : by_size);
	for (unsigned k = 0; starves && k <= HX_FRAMES_MAX_ORDER; k++)
		give_frames(k, pages[k]);
	hx_free(keep);
	chunks_free();
	return 0;
}

static int alloc_worst(struct hx_bench_run *b, const char *provider, size_t size)
{
	struct extremes e;
	int err = extremes(b, provider, size, &e);

	if (err == 0)
		hx_bench_value(b, e.alloc_max);
	return err;
}

static int alloc_best(struct hx_bench_run *b, const char *provider, size_t size)
{
	struct extremes e;
	int err = extremes(b, provider, size, &e);

	if (err == 0)
		hx_bench_value(b, e.alloc_min);
	return err;
}

static int free_worst(struct hx_bench_run *b, const char *provider, size_t size)
{
	struct extremes e;
	int err = extremes(b, provider, size, &e);

	if (err == 0)
		hx_bench_value(b, e.free_max);
	return err;
}

static int free_best(struct hx_bench_run *b, const char *provider, size_t size)
{
	struct extremes e;
	int err = extremes(b, provider, size, &e);

	if (err == 0)
		hx_bench_value(b, e.free_min);
	return err;
}

/* ---- the figures ---- */

/* All that a provider is measured for; scripts/docs.py reads these lines too. */
#define HEAP_BENCHES(p_) \
	HX_BENCH(p_##_pair, "heap." #p_ ".pair", "hx_alloc(64) and hx_free(), " #p_ " provider") \
	{ return pair(b, #p_); } \
	HX_BENCH(p_##_pair_1, "heap." #p_ ".pair.1", \
		 "the only live block replaced by another, " #p_ " provider") \
	{ return pair_among(b, #p_, 1); } \
	HX_BENCH(p_##_pair_100, "heap." #p_ ".pair.100", \
		 "one of 100 live blocks replaced by another, " #p_ " provider") \
	{ return pair_among(b, #p_, 100); } \
	HX_BENCH(p_##_pair_10000, "heap." #p_ ".pair.10000", \
		 "one of 10,000 live blocks replaced by another, " #p_ " provider") \
	{ return pair_among(b, #p_, 10000); } \
	HX_BENCH(p_##_pair_1000000, "heap." #p_ ".pair.1000000", \
		 "one of 1,000,000 live blocks replaced by another, " #p_ " provider") \
	{ return pair_among(b, #p_, 1000000); } \
	HX_BENCH(p_##_alloc_worst, "heap." #p_ ".alloc.worst", \
		 "slowest hx_alloc(), " #p_ " provider") \
	{ return alloc_worst(b, #p_, 0); } \
	HX_BENCH(p_##_alloc_best, "heap." #p_ ".alloc.best", \
		 "quickest hx_alloc(), " #p_ " provider") \
	{ return alloc_best(b, #p_, 0); } \
	HX_BENCH(p_##_free_worst, "heap." #p_ ".free.worst", \
		 "slowest hx_free(), " #p_ " provider") \
	{ return free_worst(b, #p_, 0); } \
	HX_BENCH(p_##_free_best, "heap." #p_ ".free.best", \
		 "quickest hx_free(), " #p_ " provider") \
	{ return free_best(b, #p_, 0); }

HEAP_BENCHES(slab)
HEAP_BENCHES(tlsf)
HEAP_BENCHES(pool)
HEAP_BENCHES(firstfit)

/* Requests whose blocks (32, 80, 272, 1,024, 4,096 bytes) are the shortest of their lists: for
 * others not every block on the list that they belong to would do. */
#define TLSF_BENCHES(size_) \
	HX_BENCH(tlsf_alloc_worst_##size_, "heap.tlsf." #size_ ".alloc.worst", \
		 "hx_alloc(" #size_ ") from the only free block, which is long, tlsf provider") \
	{ return alloc_worst(b, "tlsf", size_); } \
	HX_BENCH(tlsf_alloc_best_##size_, "heap.tlsf." #size_ ".alloc.best", \
		 "hx_alloc(" #size_ ") of a free block of this size, tlsf provider") \
	{ return alloc_best(b, "tlsf", size_); } \
	HX_BENCH(tlsf_free_worst_##size_, "heap.tlsf." #size_ ".free.worst", \
		 "hx_free() of " #size_ " bytes between two free blocks, tlsf provider") \
	{ return free_worst(b, "tlsf", size_); } \
	HX_BENCH(tlsf_free_best_##size_, "heap.tlsf." #size_ ".free.best", \
		 "hx_free() of " #size_ " bytes between two live blocks, tlsf provider") \
	{ return free_best(b, "tlsf", size_); }

TLSF_BENCHES(16)
TLSF_BENCHES(64)
TLSF_BENCHES(256)
TLSF_BENCHES(1016)
TLSF_BENCHES(4088)

HX_BENCH(bump_pair, "heap.bump.pair", "hx_alloc(64) and hx_free(), bump provider")
{
	return pair(b, "bump");
}

HX_BENCH(bump, "heap.bump", "one hx_alloc(64), bump provider; freed outside the measurement")
{
	if (!is_heap("bump"))
		return -HX_ENOTSUP;
	while (hx_bench_more(b)) {
		void *p;

		hx_bench_begin(b);
		p = hx_alloc(64);
		hx_bench_end(b);
		if (p == NULL)
			return -HX_ENOMEM;
		hx_free(p);
	}
	return 0;
}
