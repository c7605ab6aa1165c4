/* SPDX-License-Identifier: MIT */
/*
 * Heap "slab", in front of the slabs: on each CPU a hot block of each class, and a magazine of up
 * to 13 more behind it.
 *
 * Whoever works on a magazine takes its count away (n_plus_1 is 0 meanwhile), which is at once the
 * lock, the count and the question whether there is one: an interrupt or another thread that finds
 * it so does not wait but goes to the slabs. An empty magazine is filled by half from the slabs, a
 * full one gives half to them, so that a CPU which takes and gives in any order meets the lock
 * once in half a magazine at most.
 *
 * A CPU's magazines are one page, taken when it first has to go to the slabs; until then it uses
 * the boot CPU's. When pages run out all magazines give their blocks back; one that somebody works
 * on at that moment keeps what it has, seven blocks of one class at most.
 *
 * Source: Bonwick and Adams, "Magazines and Vmem" (USENIX 2001). Differs: one magazine and a hot
 * block in place of two magazines; no depot behind them, the slabs themselves are it.
 */
#include <hx/core/assert.h>
#include <hx/core/frames.h>
#include <hx/hal/mem.h>
#include <hx/hal/mmu.h>

#include "slab_priv.h"

#define MAG_BYTES	2048u		/* about as much as a magazine may hold */

struct slab_cpu *slab_cpus[HX_CPUS_MAX];	/* a */
struct slab_cpu slab_cpu_boot;

static HX_COLD void slab_cpu_init(struct slab_cpu *c)
{
	unsigned class = 0;

	memset(c, 0, sizeof(*c));
	for (unsigned i = 0; i < SLAB_CLASSES; i++) {
		unsigned n = MAG_BYTES / slab_heap.class[i].size_bytes;

		c->mag[i].n_plus_1 = 1;
		c->mag[i].n_max = n > SLAB_MAG_BLOCKS ? SLAB_MAG_BLOCKS : n != 0 ? n : 1;
		c->mag[i].class = i;
	}
	for (size_t size = 16; size <= SLAB_SMALL_MAX; size += 16) {
		class += size > slab_heap.class[class].size_bytes;
		c->small_off[(size - 1) >> 4] = (uint16_t)((char *)&c->mag[class] - (char *)c);
	}
	for (size_t size = SLAB_SMALL_MAX + 64; size <= SLAB_LARGE_MAX; size += 64) {
		class += size > slab_heap.class[class].size_bytes;
		c->large_off[(size - 1) >> 6] = (uint16_t)((char *)&c->mag[class] - (char *)c);
	}
}

HX_COLD void slab_mags_init(void)
{
	slab_cpu_init(&slab_cpu_boot);
	for (unsigned i = 0; i < HX_CPUS_MAX; i++)
		slab_cpus[i] = &slab_cpu_boot;
}

/* Magazines for this CPU alone, if it has none and there is a page. */
static HX_COLD void slab_cpu_create(void)
{
	uint32_t cpu = hx_percpu()->cpu;
	hx_paddr_t pa;

	hx_assert_held(&slab_lock);
	if (slab_cpus[cpu] != &slab_cpu_boot || hx_frames_alloc(0, HX_FRAMES_ANY, &pa) != 0)
		return;
	slab_cpu_init(hx_phys_to_virt(pa));
	slab_count_locked((int64_t)HX_PAGE_SIZE);
	__atomic_store_n(&slab_cpus[cpu], hx_phys_to_virt(pa), __ATOMIC_RELEASE);
}

static HX_ALWAYS_INLINE uint64_t slab_mag_open(struct slab_mag *m)
{
	return __atomic_exchange_n(&m->n_plus_1, 0, __ATOMIC_ACQUIRE);
}

static HX_ALWAYS_INLINE void slab_mag_close(struct slab_mag *m, uint64_t n_plus_1)
{
	__atomic_store_n(&m->n_plus_1, n_plus_1, __ATOMIC_RELEASE);
}

static void *slab_made_live(void *block, unsigned class)
{
	unsigned geom = slab_geom_of(class);

	hx_bit_set_atomic(slab_header(block, geom)->live, slab_granule(block, geom));
	return block;
}

/* A block from the slabs; if the magazine is open, which is empty then, half of it more. */
static HX_NOINLINE void *slab_mag_refill(struct slab_mag *m, bool is_open)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);
	void *one[1], **block = is_open ? m->block : one;
	unsigned n = slab_take_locked(m->class, block, is_open ? m->n_max / 2 + 1 : 1);

	if (!HX_ENABLED(ONE_CPU) && hx_percpu()->cpu != 0)
		slab_cpu_create();
	hx_spin_unlock_irqrestore(&slab_lock, irq);
	one[0] = n != 0 ? block[--n] : NULL;
	if (is_open)
		slab_mag_close(m, n + 1);
	return one[0] != NULL ? slab_made_live(one[0], m->class) : NULL;
}

void *slab_mag_take(struct slab_mag *m)
{
	uint64_t n_plus_1 = slab_mag_open(m);
	void *block;

	if (HX_UNLIKELY(n_plus_1 <= 1))
		return slab_mag_refill(m, n_plus_1 == 1);
	block = m->block[n_plus_1 - 2];
	slab_mag_close(m, n_plus_1 - 1);
	return slab_made_live(block, m->class);
}

/* A block to the slabs; if the magazine is open, half of that as well. */
static HX_NOINLINE void slab_mag_flush(struct slab_mag *m, void *block, uint64_t n_plus_1)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);
	uint64_t n = n_plus_1 - 1;

	slab_give_locked(block, m->class);
	while (n_plus_1 != 0 && n > m->n_max / 2)
		slab_give_locked(m->block[--n], m->class);
	hx_spin_unlock_irqrestore(&slab_lock, irq);
	if (n_plus_1 != 0)
		slab_mag_close(m, n + 1);
}

int slab_mag_give(struct slab_mag *m, void *block)
{
	uint64_t n_plus_1 = slab_mag_open(m);

	if (HX_UNLIKELY(n_plus_1 == 0 || n_plus_1 > m->n_max)) {
		slab_mag_flush(m, block, n_plus_1);
	} else {
		m->block[n_plus_1 - 1] = block;
		slab_mag_close(m, n_plus_1 + 1);
	}
	return 0;
}

/* ---- all of them ---- */

/* The magazines of the next CPU that has its own, from *i on; NULL: there are no more. */
static struct slab_cpu *slab_cpu_next(unsigned *i)
{
	while (*i < HX_CPUS_MAX) {
		unsigned cpu = (*i)++;
		struct slab_cpu *c = __atomic_load_n(&slab_cpus[cpu], __ATOMIC_ACQUIRE);

		if (cpu == 0 || c != &slab_cpu_boot)
			return c;
	}
	return NULL;
}

static HX_COLD void slab_mag_empty(struct slab_mag *m)
{
	void *hot = __atomic_exchange_n(&m->hot, NULL, __ATOMIC_ACQUIRE);
	uint64_t n_plus_1 = slab_mag_open(m);

	if (hot != NULL)
		slab_give_locked(hot, m->class);
	if (n_plus_1 == 0)
		return;
	for (uint64_t n = n_plus_1 - 1; n > 0;)
		slab_give_locked(m->block[--n], m->class);
	slab_mag_close(m, 1);
}

HX_COLD void slab_mags_empty_locked(void)
{
	struct slab_cpu *c;

	hx_assert_held(&slab_lock);
	for (unsigned i = 0; (c = slab_cpu_next(&i)) != NULL;) {
		for (unsigned k = 0; k < SLAB_CLASSES; k++)
			slab_mag_empty(&c->mag[k]);
	}
}

HX_COLD bool slab_mags_foreach(bool (*visit)(const void *block, unsigned class))
{
	struct slab_cpu *c;
	bool ok = true;

	for (unsigned i = 0; (c = slab_cpu_next(&i)) != NULL;) {
		for (unsigned k = 0; k < SLAB_CLASSES; k++) {
			const struct slab_mag *m = &c->mag[k];
			const void *hot = __atomic_load_n(&m->hot, __ATOMIC_RELAXED);
			uint64_t n_plus_1 = __atomic_load_n(&m->n_plus_1, __ATOMIC_RELAXED);

			ok = ok && (hot == NULL || visit(hot, k));
			for (uint64_t n = 0; n + 1 < n_plus_1; n++)
				ok = ok && visit(m->block[n], k);
		}
	}
	return ok;
}

HX_COLD uint64_t slab_mags_n_frees(void)
{
	struct slab_cpu *c;
	uint64_t n = 0;

	for (unsigned i = 0; (c = slab_cpu_next(&i)) != NULL;)
		n += __atomic_load_n(&c->n_frees, __ATOMIC_RELAXED);
	return n;
}

HX_COLD void slab_mags_fini(void)
{
	for (unsigned i = 1; i < HX_CPUS_MAX; i++) {
		if (slab_cpus[i] != &slab_cpu_boot)
			hx_frames_free(hx_virt_to_phys(slab_cpus[i]), 0);
	}
	slab_mags_init();
}
