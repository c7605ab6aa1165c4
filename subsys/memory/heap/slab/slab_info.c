/* SPDX-License-Identifier: MIT */
/*
 * Heap "slab", the cold side: figures, the lines of /mem/heap, the check of all invariants, and the
 * end. All of it walks the slabs with the lock held.
 */
#include <hx/core/bitmap.h>
#include <hx/core/text.h>

#include "slab_priv.h"

/* Visit all slabs of a class; stops when visit returns false and returns that. */
static HX_COLD bool slab_foreach(unsigned class, bool (*visit)(struct slab *s, bool is_full,
							       void *arg), void *arg)
{
	struct slab_class *k = &slab_heap.class[class];
	struct hx_list *n, *tmp;

	HX_LIST_FOREACH_SAFE(n, tmp, &k->partial) {
		if (!visit(HX_LIST_ENTRY(n, struct slab, link), false, arg))
			return false;
	}
	HX_LIST_FOREACH_SAFE(n, tmp, &k->full) {
		if (!visit(HX_LIST_ENTRY(n, struct slab, link), true, arg))
			return false;
	}
	return true;
}

static HX_COLD bool slab_add_live(struct slab *s, bool is_full, void *arg)
{
	*(uint64_t *)arg += hx_bitmap_count(s->live, SLAB_GRANULES);
	return true;
}

HX_COLD void slab_stats(struct hx_heap_stats *out)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);
	uint64_t n_live = 0;

	out->used_bytes = slab_heap.run_bytes;
	for (unsigned i = 0; i < SLAB_CLASSES; i++) {
		uint64_t n = 0;

		slab_foreach(i, slab_add_live, &n);
		n_live += n;
		out->used_bytes += n * slab_heap.class[i].size_bytes;
	}
	out->reserved_bytes = slab_heap.reserved_bytes;
	out->used_max_bytes = slab_heap.reserved_max_bytes;
	out->n_frees = slab_mags_n_frees();
	out->n_allocs = out->n_frees + n_live;
	out->n_failed = slab_heap.n_failed;
	hx_spin_unlock_irqrestore(&slab_lock, irq);
}

static uint64_t slab_n_held;		/* slab_lock */

static HX_COLD bool slab_count_held(const void *block, unsigned class)
{
	slab_n_held++;
	return true;
}

HX_COLD uint64_t slab_mags_n_blocks(void)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);
	uint64_t n;

	slab_n_held = 0;
	slab_mags_foreach(slab_count_held);
	n = slab_n_held;
	hx_spin_unlock_irqrestore(&slab_lock, irq);
	return n;
}

HX_COLD void slab_show(struct hx_text *out)
{
	for (unsigned i = 0; i < SLAB_CLASSES; i++) {
		const struct slab_class *k = &slab_heap.class[i];
		hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);
		uint64_t n_live = 0, n_blocks = (uint64_t)k->n_slabs * k->n_blocks;
		unsigned n_slabs = k->n_slabs, n_max = k->n_slabs_max;

		slab_foreach(i, slab_add_live, &n_live);
		hx_spin_unlock_irqrestore(&slab_lock, irq);
		if (n_max != 0)
			hx_text_printf(out, "class_bytes=%u slabs=%u slabs_max=%u blocks=%ju "
				       "live=%ju\n", k->size_bytes, n_slabs, n_max, n_blocks,
				       n_live);
	}
	hx_text_printf(out, "runs_bytes=%ju magazines=%ju\n", slab_heap.run_bytes,
		       slab_mags_n_blocks());
}

struct slab_visit {
	void (*visit)(void *arg, void *ptr, size_t usable);
	void *arg;
};

/* The live blocks of a slab; entries of large blocks stand for those. */
static HX_COLD bool slab_visit_one(struct slab *s, bool is_full, void *arg)
{
	const struct slab_visit *v = arg;
	unsigned shift = slab_shift[slab_geom_of(s->class)];

	for (unsigned w = 0; w < HX_ARRAY_LEN(s->live); w++) {
		for (uint64_t left = s->live[w]; left != 0; left &= left - 1) {
			char *block = (char *)s +
				      ((w * 64 + (size_t)__builtin_ctzll(left)) << shift);

			if (!slab_is_run_entry(block))
				v->visit(v->arg, block, slab_heap.class[s->class].size_bytes);
		}
	}
	return true;
}

HX_COLD void slab_walk(void (*visit)(void *arg, void *ptr, size_t usable), void *arg)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);
	struct slab_visit v = { visit, arg };

	for (unsigned i = 0; i < SLAB_CLASSES; i++)
		slab_foreach(i, slab_visit_one, &v);
	slab_runs_visit(visit, arg);
	hx_spin_unlock_irqrestore(&slab_lock, irq);
}

struct slab_count {
	const struct slab_class *k;
	uint32_t n_slabs, n_empty;
};

/* The numbered rules at the top of slab.c. */
static HX_COLD bool slab_check_one(struct slab *s, bool is_full, void *arg)
{
	struct slab_count *n = arg;
	const struct slab_class *k = n->k;
	unsigned geom = slab_geom_of(s->class);
	size_t n_free = hx_bitmap_count(s->free, SLAB_GRANULES);

	n->n_slabs++;
	n->n_empty += s->counted_empty;
	for (unsigned w = 0; w < HX_ARRAY_LEN(s->live); w++) {
		if (((s->live[w] | s->free[w]) & ~k->starts[w]) != 0 ||
		    (s->live[w] & s->free[w]) != 0)
			return false;
	}
	return s->self == (uintptr_t)s + SLAB_SELF + geom && k == &slab_heap.class[s->class] &&
	       n_free == s->n_free && is_full == (n_free == 0) && s->n_blocks == k->n_blocks &&
	       s->counted_empty == (n_free == k->n_blocks);
}

/* A magazine's blocks are in slabs of its class, and neither live nor free. */
static HX_COLD bool slab_check_held(const void *block, unsigned class)
{
	unsigned geom = slab_geom_of(class);
	const struct slab *s = slab_header(block, geom);

	return s->self == (uintptr_t)s + SLAB_SELF + geom && s->class == class &&
	       !hx_bitmap_test(s->live, slab_granule(block, geom)) &&
	       !hx_bitmap_test(s->free, slab_granule(block, geom));
}

HX_COLD int slab_check(void)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);
	bool ok = true;

	for (unsigned i = 0; i < SLAB_CLASSES && ok; i++) {
		struct slab_count n = { .k = &slab_heap.class[i] };

		ok = slab_foreach(i, slab_check_one, &n) && n.n_slabs == n.k->n_slabs &&
		     n.n_empty == n.k->n_empty && n.n_empty <= 1;
	}
	ok = ok && slab_mags_foreach(slab_check_held);
	hx_spin_unlock_irqrestore(&slab_lock, irq);
	return ok ? 0 : -HX_EBADMSG;
}

static HX_COLD bool slab_destroy(struct slab *s, bool is_full, void *arg)
{
	slab_release(s);
	return true;
}

HX_COLD void slab_fini(void)
{
	hx_irqflags_t irq;

	slab_runs_fini();
	irq = hx_spin_lock_irqsave(&slab_lock);
	for (unsigned i = 0; i < SLAB_CLASSES; i++)
		slab_foreach(i, slab_destroy, NULL);
	slab_mags_fini();
	slab_heap.reserved_bytes = slab_heap.reserved_max_bytes = slab_heap.run_bytes = 0;
	slab_heap.n_failed = 0;
	hx_spin_unlock_irqrestore(&slab_lock, irq);
}
