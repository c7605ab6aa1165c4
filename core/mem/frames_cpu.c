/* SPDX-License-Identifier: MIT */
/*
 * Single pages of each zone that each CPU keeps, with more than one CPU: the common pair of a page
 * touches no shared line, also when the top zone has run dry, or a device wants low memory. Not
 * built with ONE_CPU.
 *
 * Pages come from the provider and go back to it by half a cache, with the zone locked; all caches
 * are emptied when the zone runs dry. A page in one has the state CACHED. To put a taken page there
 * is one atomic exchange of its state: of two who free it at the same time, one succeeds.
 *
 * Locking: a cache's lock is taken alone, or after the zone's.
 *
 * Source: Bonwick and Adams, "Magazines and Vmem" (USENIX 2001); Linux' per-CPU page lists.
 */
#include <hx/config/core_lib.h>
#include <hx/core/assert.h>
#include <hx/core/frames.h>
#include <hx/hal/cpu.h>
#include <hx/hal/percpu.h>

#include "mem_priv.h"

/* Field key: l own lock. */
struct cpu_cache {
	struct hx_spinlock lock;	/* rank HX_RANK_LEAF */
	uint32_t n;			/* l */
	uint32_t idx[HX_FRAMES_CACHE];	/* l page numbers less the zone's start; all are CACHED */
} HX_ALIGNED(64);
static struct cpu_cache cpu_cache[HX_ZONE_COUNT][HX_CPUS_MAX];
static struct cpu_cache *cpu_cache_top = cpu_cache[0];	/* c of frames_top */

/* Those of all CPUs for a zone. */
static struct cpu_cache *caches_of(const struct hx_zone *z)
{
	return cpu_cache[z - hx_frames_zone(HX_ZONE_DMA)];
}

static struct cpu_cache *this_cache(const struct hx_zone *z)
{
	return &caches_of(z)[hx_percpu()->cpu];
}

/* Give the provider what a cache holds beyond keep pages. The zone is locked. */
static void cpu_cache_empty(struct hx_zone *z, struct cpu_cache *c, uint32_t keep)
{
	hx_assert_held(&z->lock);
	z->n_min_free = hx_min_u64(z->n_min_free, z->n_free);
	hx_spin_lock(&c->lock);
	while (c->n > keep) {
		uint32_t idx = c->idx[--c->n];
		int err;

		__atomic_store_n(&z->state[idx], HX_PAGE_TAKEN, __ATOMIC_RELAXED);
		err = zone_ops(frames_current, z)->free(z, z->start + idx, 0);
		hx_verify(err == 0);
		z->n_free++;
	}
	hx_spin_unlock(&c->lock);
}

/* Half a cache of pages, unless there are few left. The zone is locked. */
void frames_cpu_fill(struct hx_zone *z)
{
	struct cpu_cache *c = this_cache(z);
	hx_pfn_t pfn;

	if (z->n_cache_max == 0)
		return;
	hx_spin_lock(&c->lock);
	while (c->n < HX_FRAMES_CACHE / 2 && z->n_free > 8 * HX_FRAMES_CACHE &&
	       zone_ops(frames_current, z)->alloc(z, 0, &pfn) == 0) {
		z->n_free--;
		__atomic_store_n(&z->state[pfn - z->start], HX_PAGE_CACHED, __ATOMIC_RELAXED);
		c->idx[c->n++] = (uint32_t)(pfn - z->start);
	}
	hx_spin_unlock(&c->lock);
}

static HX_ALWAYS_INLINE bool cache_pop(struct cpu_cache *c, struct hx_zone *z, hx_paddr_t *pa)
{
	hx_irqflags_t irq;
	uint32_t idx;

	if (!hx_spin_trylock_irqsave(&c->lock, &irq))
		return false;
	if (HX_UNLIKELY(c->n == 0)) {
		hx_spin_unlock_irqrestore(&c->lock, irq);
		return false;
	}
	idx = c->idx[--c->n];
	__atomic_store_n(&z->state[idx], HX_PAGE_TAKEN, __ATOMIC_RELAXED);
	hx_spin_unlock_irqrestore(&c->lock, irq);
	*pa = (z->start + idx) << HX_PAGE_SHIFT;
	return true;
}

bool frames_cpu_pop(struct hx_zone *z, unsigned id, hx_paddr_t *pa)
{
	return cache_pop(&cpu_cache[id][hx_percpu()->cpu], z, pa);
}

bool frames_cpu_pop_top(hx_paddr_t *pa)
{
	return cache_pop(&cpu_cache_top[hx_percpu()->cpu], frames_top, pa);
}

/* False also if the page is no taken single one. Of two that free one page, one succeeds. */
static HX_ALWAYS_INLINE bool cache_push(struct cpu_cache *c, struct hx_zone *z, uint64_t idx)
{
	uint8_t taken = HX_PAGE_TAKEN;
	bool done = false;
	hx_irqflags_t irq;

	if ((!HX_ENABLED(FRAMES_SWAP) && z->n_cache_max == 0) ||
	    !hx_spin_trylock_irqsave(&c->lock, &irq))
		return false;
	/* Where it changes, under our lock, it says whose z->state is. */
	if (c->n < (HX_ENABLED(FRAMES_SWAP) ? __atomic_load_n(&z->n_cache_max, __ATOMIC_ACQUIRE)
		    : HX_FRAMES_CACHE) &&
	    __atomic_compare_exchange_n(&z->state[idx], &taken, HX_PAGE_CACHED, false,
					__ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
		c->idx[c->n++] = (uint32_t)idx;
		done = true;
	}
	hx_spin_unlock_irqrestore(&c->lock, irq);
	return done;
}

bool frames_cpu_push(struct hx_zone *z, unsigned id, uint64_t idx)
{
	return cache_push(&cpu_cache[id][hx_percpu()->cpu], z, idx);
}

bool frames_cpu_push_top(uint64_t idx)
{
	return cache_push(&cpu_cache_top[hx_percpu()->cpu], frames_top, idx);
}

void frames_cpu_halve(struct hx_zone *z)
{
	struct cpu_cache *c = this_cache(z);

	if (c->n >= HX_FRAMES_CACHE)
		cpu_cache_empty(z, c, HX_FRAMES_CACHE / 2);
}

void frames_cpus_drain(struct hx_zone *z)
{
	struct cpu_cache *caches = caches_of(z);

	for (unsigned i = 0; i < HX_CPUS_MAX; i++) {
		/* Who fills an empty one has done so, or sees behind its lock that it is shut. */
		if (__atomic_load_n(&caches[i].n, __ATOMIC_RELAXED) != 0 ||
		    (HX_ENABLED(FRAMES_SWAP) &&
		     __atomic_load_n(&frames_caches_shut, __ATOMIC_RELAXED)))
			cpu_cache_empty(z, &caches[i], 0);
	}
}

uint64_t frames_cpus_cached(const struct hx_zone *z)
{
	const struct cpu_cache *caches = caches_of(z);
	uint64_t n = 0;

	for (unsigned i = 0; i < HX_CPUS_MAX; i++)
		n += __atomic_load_n(&caches[i].n, __ATOMIC_RELAXED);
	return n;
}

HX_COLD void frames_cpus_init(void)
{
	for (unsigned i = 0; i < HX_ZONE_COUNT * HX_CPUS_MAX; i++) {
		struct cpu_cache *c = &cpu_cache[i / HX_CPUS_MAX][i % HX_CPUS_MAX];

		hx_spin_init(&c->lock, "page cache", HX_RANK_LEAF);
		c->n = 0;
	}
	cpu_cache_top = caches_of(frames_top);
}
