/* SPDX-License-Identifier: MIT */
/*
 * Heap "slab", the cold side: figures, the lines of /mem/heap, the check of all invariants, and the
 * end. All of it walks the slabs with the lock held.
 */
#include <hx/config/core_lib.h>
#include <hx/core/bitmap.h>
#include <hx/core/frames.h>
#include <hx/core/text.h>
#include <hx/hal/mmu.h>

#include "slab_priv.h"

/* Visit all slabs of a class; stops when visit returns false and returns that. */
static HX_COLD bool slab_foreach(unsigned geom, unsigned granules,
			 bool (*visit)(struct slab *s, int32_t bias, void *arg), void *arg)
{
	struct slab_class *c = &slab_heap.class[geom][granules - 1];
	struct slab *cur = &slab_none;
	struct hx_list *n, *tmp;

	for (unsigned b = 0; b < SLAB_CLASSES; b++) {
		if (slab_granules[b] == granules)
			cur = slab_current[geom][b];
	}
	if (cur != &slab_none && !visit(cur, 0, arg))
		return false;
	HX_LIST_FOREACH_SAFE(n, tmp, &c->partial) {
		if (!visit(HX_LIST_ENTRY(n, struct slab, link), SLAB_PARTIAL, arg))
			return false;
	}
	HX_LIST_FOREACH_SAFE(n, tmp, &c->full) {
		if (!visit(HX_LIST_ENTRY(n, struct slab, link), SLAB_FULL, arg))
			return false;
	}
	return true;
}

/* [0] live blocks, [1] blocks ready to be taken. */
static bool slab_add_counts(struct slab *s, int32_t bias, void *arg)
{
	uint64_t *n = arg;

	n[0] += (uint32_t)(s->users - bias) - hx_bitmap_count(&s->held, 64);
	n[1] += hx_bitmap_count(&s->avail, 64);
	return true;
}

HX_COLD void slab_stats(struct hx_heap_stats *out)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);
	uint64_t n_live = 0, n_avail = 0;

	out->used_bytes = slab_heap.run_bytes;
	for (unsigned i = 0; i < SLAB_GEOMS * SLAB_CLASSES; i++) {
		unsigned geom = i / SLAB_CLASSES, k = i % SLAB_CLASSES + 1;
		uint64_t n[2] = { 0, 0 };

		slab_foreach(geom, k, slab_add_counts, n);
		n_live += n[0];
		n_avail += n[1];
		out->used_bytes += n[0] * k << slab_shift[geom];
	}
	out->reserved_bytes = slab_heap.reserved_bytes;
	out->used_max_bytes = slab_heap.reserved_max_bytes;
	out->n_allocs = slab_heap.n_opened - n_avail;
	if (!HX_ENABLED(ONE_CPU))
		out->n_allocs -= slab_mag_n_blocks();
	out->n_frees = out->n_allocs - n_live;
	out->n_failed = slab_heap.n_failed;
	hx_spin_unlock_irqrestore(&slab_lock, irq);
}

HX_COLD void slab_show(struct hx_text *out)
{
	for (unsigned i = 0; i < SLAB_GEOMS * SLAB_CLASSES; i++) {
		unsigned geom = i / SLAB_CLASSES, k = i % SLAB_CLASSES + 1;
		hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);
		unsigned n_slabs = slab_heap.class[geom][k - 1].n_slabs;
		uint64_t n[2] = { 0, 0 };

		slab_foreach(geom, k, slab_add_counts, n);
		hx_spin_unlock_irqrestore(&slab_lock, irq);
		if (n_slabs != 0)
			hx_text_printf(out, "class_bytes=%u slabs=%u live=%ju\n",
				       k << slab_shift[geom], n_slabs, n[0]);
	}
	hx_text_printf(out, "runs_bytes=%ju\n", slab_heap.run_bytes);
}

/* Whether a small block is the entry of a run: then the table leads to it. */
static HX_COLD bool slab_is_entry(const void *block)
{
	for (unsigned i = 0; i < SLAB_RUNS; i++) {
		for (const struct slab_run *r = slab_heap.runs[i]; r != NULL; r = r->next) {
			if (r == block)
				return true;
		}
	}
	return false;
}

struct slab_visit {
	void (*visit)(void *arg, void *ptr, size_t usable);
	void *arg;
};

/* The live blocks of a slab; entries of runs stand for their run. */
static HX_COLD bool slab_visit_one(struct slab *s, int32_t bias, void *arg)
{
	const struct slab_visit *v = arg;
	unsigned shift = slab_shift[s->geom];

	for (uint64_t left = s->live; left != 0; left &= left - 1) {
		char *block = (char *)s + ((size_t)__builtin_ctzll(left) << shift);

		if (!slab_is_entry(block))
			v->visit(v->arg, block, (size_t)s->granules << shift);
	}
	return true;
}

HX_COLD void slab_walk(void (*visit)(void *arg, void *ptr, size_t usable), void *arg)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);
	struct slab_visit v = { visit, arg };

	for (unsigned i = 0; i < SLAB_GEOMS * SLAB_CLASSES; i++)
		slab_foreach(i / SLAB_CLASSES, i % SLAB_CLASSES + 1, slab_visit_one, &v);
	for (unsigned i = 0; i < SLAB_RUNS; i++) {
		for (struct slab_run *r = slab_heap.runs[i]; r != NULL; r = r->next)
			visit(arg, r->ptr, HX_PAGE_SIZE << r->order);
	}
	hx_spin_unlock_irqrestore(&slab_lock, irq);
}

static HX_COLD bool slab_check_one(struct slab *s, int32_t bias, void *arg)
{
	uint32_t *n_slabs = arg;

	++*n_slabs;
	return s->self == (uintptr_t)s + SLAB_SELF + s->geom && (s->live & ~s->starts) == 0 &&
	       (s->avail & (~s->starts | s->live | s->held)) == 0 &&
	       (s->held & (~s->starts | s->live)) == 0 &&
	       (uint32_t)(s->users - bias) ==
	       hx_bitmap_count(&s->live, 64) + hx_bitmap_count(&s->held, 64);
}

HX_COLD int slab_check(void)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);
	bool ok = slab_none.avail == 0 && slab_none.live == 0;

	for (unsigned i = 0; i < SLAB_GEOMS * SLAB_CLASSES && ok; i++) {
		unsigned geom = i / SLAB_CLASSES, k = i % SLAB_CLASSES + 1;
		uint32_t n_slabs = 0;

		ok = slab_foreach(geom, k, slab_check_one, &n_slabs) &&
		     n_slabs == slab_heap.class[geom][k - 1].n_slabs;
	}
	hx_spin_unlock_irqrestore(&slab_lock, irq);
	return ok ? 0 : -HX_EBADMSG;
}

static HX_COLD bool slab_destroy(struct slab *s, int32_t bias, void *arg)
{
	slab_release(s);
	return true;
}

HX_COLD void slab_fini(void)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);

	if (!HX_ENABLED(ONE_CPU)) {
		slab_mag_empty();
		slab_mag_fini();
	}
	hx_spin_unlock_irqrestore(&slab_lock, irq);
	for (unsigned i = 0; i < SLAB_RUNS; i++) {
		for (struct slab_run *r = slab_heap.runs[i]; r != NULL; r = r->next)
			hx_frames_free(hx_virt_to_phys(r->ptr), r->order);
		slab_heap.runs[i] = NULL;
	}
	for (unsigned i = 0; i < SLAB_GEOMS * SLAB_CLASSES; i++) {
		unsigned geom = i / SLAB_CLASSES, k = i % SLAB_CLASSES + 1;

		slab_foreach(geom, k, slab_destroy, NULL);
		slab_set_current(geom, k, &slab_none);
	}
	slab_heap.reserved_bytes = slab_heap.reserved_max_bytes = slab_heap.run_bytes = 0;
	slab_heap.n_opened = slab_heap.n_failed = 0;
}

