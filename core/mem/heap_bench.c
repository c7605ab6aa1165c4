/* SPDX-License-Identifier: MIT */
/*
 * What blocks cost, through hx_alloc() and hx_free() and whatever heap boots. A figure named after
 * another provider than the one in the slot takes no samples; neither does a number of live blocks
 * that does not fit.
 *
 *	pair		one block of 64 bytes taken and given back, again and again
 *	pair.<n>	one of n live blocks of 16 to 128 bytes, at random, given back and replaced
 *			by one of another size: the curve over n
 *	worst, best	the slowest alloc and the slowest free of all that the scenarios below do,
 *			as one sum; the quickest of each. Interrupts are off around each operation.
 *			All pages are taken before, so that a heap lives on what it has; not with
 *			slab, where making a slab and giving it back is part of the figure
 */
#include <hx/core/bench.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/string.h>
#include <hx/hal/mmu.h>

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
 * one of its size. The scenarios of the constant-time allocators' own benchmarks. */
static void holes(struct extremes *e, size_t size)
{
	void *low = hx_alloc(16), *hole = hx_alloc(3000), *high = hx_alloc(16);

	hx_free(hole);
	for (unsigned i = 0; i < 8; i++) {
		void *a = timed_alloc(e, size), *b = timed_alloc(e, size + 100);
		void *c = timed_alloc(e, size + 200), *d = timed_alloc(e, 16);

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
static void starve(struct extremes *e)
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
	for (size_t size = 24; size <= 2000; size += size / 3) {
		small = timed_alloc(e, size);
		timed_free(e, small);
		holes(e, size);
	}
	while (blocks != NULL) {
		struct chain *next = blocks->next;

		hx_free(blocks);
		blocks = next;
	}
	hx_free(low);
	hx_free(high);
}

static int extremes(const struct hx_bench_run *b, const char *provider, struct extremes *e)
{
	static const size_t sizes[] = { 24, 64, 200, 500, 1000, 2000 };
	/* A slab is a page or four: without pages there would be nothing to measure. */
	bool starves = hx_strcmp(provider, "slab") != 0;
	struct chain *pages[HX_FRAMES_MAX_ORDER + 1];
	void *room, *keep;

	if (!is_heap(provider) || chunks_alloc(CHURN) != 0)
		return -HX_ENOTSUP;
	*e = (struct extremes){ .overhead = b->overhead, .blocks = chunk[0],
				.alloc_min = UINT64_MAX, .free_min = UINT64_MAX };
	room = hx_alloc(2 * HX_MIB);	/* a heap of regions has one for all that follows … */
	keep = hx_alloc(16);		/* … and does not give it back */
	hx_free(room);
	for (int k = HX_FRAMES_MAX_ORDER; starves && k >= 0; k--)
		pages[k] = hog_frames((unsigned)k, NULL);
	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++)
		churn(e, sizes[i]);
	holes(e, 300);
	if (starves)
		starve(e);
	for (unsigned k = 0; starves && k <= HX_FRAMES_MAX_ORDER; k++)
		give_frames(k, pages[k]);
	hx_free(keep);
	chunks_free();
	return 0;
}

static int worst(struct hx_bench_run *b, const char *provider)
{
	struct extremes e;
	int err = extremes(b, provider, &e);

	if (err == 0)
		hx_bench_value(b, e.alloc_max + e.free_max);
	return err;
}

static int best(struct hx_bench_run *b, const char *provider)
{
	struct extremes e;
	int err = extremes(b, provider, &e);

	if (err == 0)
		hx_bench_value(b, e.alloc_min + e.free_min);
	return err;
}

/* ---- the figures ---- */

HX_BENCH(slab_pair, "heap.slab.pair", "hx_alloc(64) and hx_free(), slab provider")
{
	return pair(b, "slab");
}

HX_BENCH(slab_pair_1, "heap.slab.pair.1",
	 "the only live block replaced by another, slab provider")
{
	return pair_among(b, "slab", 1);
}

HX_BENCH(slab_pair_100, "heap.slab.pair.100",
	 "one of 100 live blocks replaced by another, slab provider")
{
	return pair_among(b, "slab", 100);
}

HX_BENCH(slab_pair_10000, "heap.slab.pair.10000",
	 "one of 10,000 live blocks replaced by another, slab provider")
{
	return pair_among(b, "slab", 10000);
}

HX_BENCH(slab_pair_1000000, "heap.slab.pair.1000000",
	 "one of 1,000,000 live blocks replaced by another, slab provider")
{
	return pair_among(b, "slab", 1000000);
}

HX_BENCH(slab_worst, "heap.slab.worst", "slowest hx_alloc() and slowest hx_free(), slab provider")
{
	return worst(b, "slab");
}

HX_BENCH(slab_best, "heap.slab.best", "quickest hx_alloc() and quickest hx_free(), slab provider")
{
	return best(b, "slab");
}

HX_BENCH(tlsf_pair, "heap.tlsf.pair", "hx_alloc(64) and hx_free(), tlsf provider")
{
	return pair(b, "tlsf");
}

HX_BENCH(tlsf_pair_1, "heap.tlsf.pair.1",
	 "the only live block replaced by another, tlsf provider")
{
	return pair_among(b, "tlsf", 1);
}

HX_BENCH(tlsf_pair_100, "heap.tlsf.pair.100",
	 "one of 100 live blocks replaced by another, tlsf provider")
{
	return pair_among(b, "tlsf", 100);
}

HX_BENCH(tlsf_pair_10000, "heap.tlsf.pair.10000",
	 "one of 10,000 live blocks replaced by another, tlsf provider")
{
	return pair_among(b, "tlsf", 10000);
}

HX_BENCH(tlsf_pair_1000000, "heap.tlsf.pair.1000000",
	 "one of 1,000,000 live blocks replaced by another, tlsf provider")
{
	return pair_among(b, "tlsf", 1000000);
}

HX_BENCH(tlsf_worst, "heap.tlsf.worst", "slowest hx_alloc() and slowest hx_free(), tlsf provider")
{
	return worst(b, "tlsf");
}

HX_BENCH(tlsf_best, "heap.tlsf.best", "quickest hx_alloc() and quickest hx_free(), tlsf provider")
{
	return best(b, "tlsf");
}

HX_BENCH(pool_pair, "heap.pool.pair", "hx_alloc(64) and hx_free(), pool provider")
{
	return pair(b, "pool");
}

HX_BENCH(pool_pair_1, "heap.pool.pair.1",
	 "the only live block replaced by another, pool provider")
{
	return pair_among(b, "pool", 1);
}

HX_BENCH(pool_pair_100, "heap.pool.pair.100",
	 "one of 100 live blocks replaced by another, pool provider")
{
	return pair_among(b, "pool", 100);
}

HX_BENCH(pool_pair_10000, "heap.pool.pair.10000",
	 "one of 10,000 live blocks replaced by another, pool provider")
{
	return pair_among(b, "pool", 10000);
}

HX_BENCH(pool_worst, "heap.pool.worst", "slowest hx_alloc() and slowest hx_free(), pool provider")
{
	return worst(b, "pool");
}

HX_BENCH(pool_best, "heap.pool.best", "quickest hx_alloc() and quickest hx_free(), pool provider")
{
	return best(b, "pool");
}

HX_BENCH(firstfit_pair, "heap.firstfit.pair", "hx_alloc(64) and hx_free(), firstfit provider")
{
	return pair(b, "firstfit");
}

HX_BENCH(firstfit_pair_1, "heap.firstfit.pair.1",
	 "the only live block replaced by another, firstfit provider")
{
	return pair_among(b, "firstfit", 1);
}

HX_BENCH(firstfit_pair_100, "heap.firstfit.pair.100",
	 "one of 100 live blocks replaced by another, firstfit provider")
{
	return pair_among(b, "firstfit", 100);
}

HX_BENCH(firstfit_pair_10000, "heap.firstfit.pair.10000",
	 "one of 10,000 live blocks replaced by another, firstfit provider")
{
	return pair_among(b, "firstfit", 10000);
}

HX_BENCH(firstfit_worst, "heap.firstfit.worst",
	 "slowest hx_alloc() and slowest hx_free(), firstfit provider")
{
	return worst(b, "firstfit");
}

HX_BENCH(firstfit_best, "heap.firstfit.best",
	 "quickest hx_alloc() and quickest hx_free(), firstfit provider")
{
	return best(b, "firstfit");
}

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
