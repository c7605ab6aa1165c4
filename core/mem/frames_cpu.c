/* SPDX-License-Identifier: MIT */
/*
 * Single pages of the top zone that each CPU keeps, with more than one CPU: the common pair of a
 * page touches no shared line. Not built with ONE_CPU.
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
static struct cpu_cache cpu_cache[HX_CPUS_MAX];

static inline struct cpu_cache *this_cache(void)
{
	return &cpu_cache[hx_percpu()->cpu];
}

/* Give the provider what a cache holds beyond keep pages. The zone is locked. */
static void cpu_cache_empty(struct hx_zone *z, struct cpu_cache *c, uint32_t keep)
{
	hx_assert_held(&z->lock);
	z->n_min_free = hx_min_u64(z->n_min_free, z->n_free);
	hx_spin_lock(&c->lock);
	while (c->n > keep) {
		uint32_t idx = c->idx[--c->n];

		__atomic_store_n(&z->state[idx], HX_PAGE_TAKEN, __ATOMIC_RELAXED);
		hx_verify(frames_current->free(z, z->start + idx, 0) == 0);
		z->n_free++;
	}
	hx_spin_unlock(&c->lock);
}

/* Half a cache of pages, unless there are few left. The zone is locked. */
void frames_cpu_fill(struct hx_zone *z)
{
	struct cpu_cache *c = this_cache();
	hx_pfn_t pfn;

	if (z->n_cache_max == 0)
		return;
	hx_spin_lock(&c->lock);
	while (c->n < HX_FRAMES_CACHE / 2 && z->n_free > 8 * HX_FRAMES_CACHE &&
	       frames_current->alloc(z, 0, &pfn) == 0) {
		z->n_free--;
		__atomic_store_n(&z->state[pfn - z->start], HX_PAGE_CACHED, __ATOMIC_RELAXED);
		c->idx[c->n++] = (uint32_t)(pfn - z->start);
	}
	hx_spin_unlock(&c->lock);
}

bool frames_cpu_pop(struct hx_zone *z, hx_paddr_t *pa)
{
	struct cpu_cache *c = this_cache();
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

/* False also if the page is no taken single one. Of two that free one page, one succeeds. */
bool frames_cpu_push(struct hx_zone *z, uint64_t idx)
{
	struct cpu_cache *c = this_cache();
	uint8_t taken = HX_PAGE_TAKEN;
	bool done = false;
	hx_irqflags_t irq;

	if (z->n_cache_max == 0 || !hx_spin_trylock_irqsave(&c->lock, &irq))
		return false;
	if (c->n < HX_FRAMES_CACHE &&
	    __atomic_compare_exchange_n(&z->state[idx], &taken, HX_PAGE_CACHED, false,
					__ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
		c->idx[c->n++] = (uint32_t)idx;
		done = true;
	}
	hx_spin_unlock_irqrestore(&c->lock, irq);
	return done;
}

void frames_cpu_halve(struct hx_zone *z)
{
	if (this_cache()->n >= HX_FRAMES_CACHE)
		cpu_cache_empty(z, this_cache(), HX_FRAMES_CACHE / 2);
}

void frames_cpus_drain(struct hx_zone *z)
{
	for (unsigned i = 0; i < HX_CPUS_MAX; i++) {
		if (__atomic_load_n(&cpu_cache[i].n, __ATOMIC_RELAXED) != 0)
			cpu_cache_empty(z, &cpu_cache[i], 0);
	}
}

uint64_t frames_cpus_cached(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < HX_CPUS_MAX; i++)
		n += __atomic_load_n(&cpu_cache[i].n, __ATOMIC_RELAXED);
	return n;
}

HX_COLD void frames_cpus_init(void)
{
	for (unsigned i = 0; i < HX_CPUS_MAX; i++) {
		hx_spin_init(&cpu_cache[i].lock, "page cache", HX_RANK_LEAF);
		cpu_cache[i].n = 0;
	}
}
