/* SPDX-License-Identifier: MIT */
/*
 * Heap "slab", with more than one CPU: magazines, a few blocks of each class that a CPU takes in
 * advance when it had to wait for the lock. Not built with ONE_CPU.
 *
 * While the lock is free an alloc takes its block from the current slab, as on one CPU: a magazine
 * would only cost. An alloc that finds the lock taken looks into its CPU's magazine; if that is
 * empty too it waits, and then takes MAG_BLOCKS at once, so that on a busy lock only one alloc in
 * eight waits for it. free needs no lock in any case.
 *
 * A block in a magazine is neither live nor avail in its slab: its bit in `held` is set, and
 * `users` counts it. So a free of it is refused, and its slab stays. When pages run out all
 * magazines give their blocks back. A CPU's magazines are one page, taken when it first waits.
 *
 * Locking. A CPU's lock (rank HX_RANK_LEAF, interrupts off) is taken alone, or with slab_lock held;
 * nothing is taken under it.
 *
 * Source: Bonwick and Adams, "Magazines and Vmem" (USENIX 2001). Differs: only for the alloc that
 * would wait; no depot behind them, the slabs themselves are it.
 */
#include <hx/config/core_lib.h>
#include <hx/core/assert.h>
#include <hx/core/bitmap.h>
#include <hx/core/frames.h>
#include <hx/hal/cpu.h>
#include <hx/hal/mem.h>
#include <hx/hal/mmu.h>
#include <hx/hal/percpu.h>

#include "slab_priv.h"

#define MAG_BLOCKS	7u

/* Field key: l lock. */
struct slab_mag {
	uint64_t n;			/* l */
	void *block[MAG_BLOCKS];	/* l */
};

struct slab_cpu {
	struct hx_spinlock lock;
	struct slab_mag mag[SLAB_GEOMS][SLAB_CLASSES];	/* l by granules - 1 */
};
_Static_assert(sizeof(struct slab_cpu) <= HX_PAGE_SIZE, "one page");

static struct slab_cpu *slab_cpus[HX_CPUS_MAX];		/* a */

static inline struct slab *slab_header(const void *block, unsigned geom)
{
	return (struct slab *)hx_align_down((uintptr_t)block, HX_PAGE_SIZE << slab_order[geom]);
}

static inline uint64_t slab_bit(const void *block, unsigned geom)
{
	return 1ull << ((uintptr_t)block >> slab_shift[geom] & 63);
}

void *slab_mag_pop(unsigned geom, unsigned granules)
{
	struct slab_cpu *c = __atomic_load_n(&slab_cpus[hx_percpu()->cpu], __ATOMIC_ACQUIRE);
	struct slab_mag *m;
	hx_irqflags_t irq;
	void *block = NULL;

	if (c == NULL)
		return NULL;
	irq = hx_spin_lock_irqsave(&c->lock);
	m = &c->mag[geom][granules - 1];
	if (m->n != 0) {
		struct slab *s;

		block = m->block[--m->n];
		s = slab_header(block, geom);
		/* Live first: in between it is both, and never looks free. */
		__atomic_fetch_or(&s->live, slab_bit(block, geom), __ATOMIC_RELEASE);
		__atomic_fetch_and(&s->held, ~slab_bit(block, geom), __ATOMIC_RELEASE);
	}
	hx_spin_unlock_irqrestore(&c->lock, irq);
	return block;
}

static HX_COLD struct slab_cpu *slab_cpu_create(void)
{
	struct slab_cpu *c;
	hx_paddr_t pa;

	if (hx_frames_alloc(0, HX_FRAMES_ZERO, &pa) != 0)
		return NULL;
	c = hx_phys_to_virt(pa);
	hx_spin_init(&c->lock, "magazines", HX_RANK_LEAF);
	__atomic_store_n(&slab_cpus[hx_percpu()->cpu], c, __ATOMIC_RELEASE);
	return c;
}

void slab_mag_fill(struct slab *s, unsigned geom)
{
	struct slab_cpu *c = slab_cpus[hx_percpu()->cpu];
	struct slab_mag *m;

	hx_assert_held(&slab_lock);
	if (c == NULL)
		c = slab_cpu_create();
	if (c == NULL)
		return;
	m = &c->mag[geom][s->granules - 1];
	hx_spin_lock(&c->lock);
	while (m->n < MAG_BLOCKS && s->avail != 0) {
		uint64_t rest = s->avail & (s->avail - 1), bit = s->avail ^ rest;

		s->avail = rest;
		__atomic_fetch_or(&s->held, bit, __ATOMIC_RELAXED);
		__atomic_fetch_add(&s->users, 1, __ATOMIC_RELAXED);
		m->block[m->n++] = (char *)s + ((size_t)__builtin_ctzll(bit) << slab_shift[geom]);
	}
	hx_spin_unlock(&c->lock);
}

/* Give a magazine's blocks back to their slabs. */
static HX_COLD void slab_mag_unload(struct slab_cpu *c, struct slab_mag *m, unsigned geom)
{
	void *block[MAG_BLOCKS];
	uint64_t n;

	hx_spin_lock(&c->lock);
	n = m->n;
	memcpy(block, m->block, n * sizeof(block[0]));
	m->n = 0;
	hx_spin_unlock(&c->lock);
	while (n-- > 0) {
		struct slab *s = slab_header(block[n], geom);

		__atomic_fetch_and(&s->held, ~slab_bit(block[n], geom), __ATOMIC_RELEASE);
		if (__atomic_sub_fetch(&s->users, 1, __ATOMIC_ACQ_REL) < 0)
			slab_settle_locked(s, geom);
	}
}

HX_COLD void slab_mag_empty(void)
{
	hx_assert_held(&slab_lock);
	for (unsigned i = 0; i < HX_CPUS_MAX; i++) {
		struct slab_cpu *c = __atomic_load_n(&slab_cpus[i], __ATOMIC_ACQUIRE);

		for (unsigned k = 0; c != NULL && k < SLAB_GEOMS * SLAB_CLASSES; k++)
			slab_mag_unload(c, &c->mag[0][0] + k, k / SLAB_CLASSES);
	}
}

HX_COLD uint64_t slab_mag_n_blocks(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < HX_CPUS_MAX; i++) {
		for (unsigned k = 0; slab_cpus[i] != NULL && k < SLAB_GEOMS * SLAB_CLASSES; k++)
			n += (&slab_cpus[i]->mag[0][0] + k)->n;
	}
	return n;
}

HX_COLD void slab_mag_fini(void)
{
	for (unsigned i = 0; i < HX_CPUS_MAX; i++) {
		if (slab_cpus[i] != NULL)
			hx_frames_free(hx_virt_to_phys(slab_cpus[i]), 0);
		slab_cpus[i] = NULL;
	}
}
