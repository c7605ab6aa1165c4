/* SPDX-License-Identifier: MIT */
/*
 * Heap "slab", behind the magazines: slabs, from pages to pages. All of it with the lock held; the
 * rules are at the top of slab.c.
 */
#include <hx/config/core_mem.h>
#include <hx/core/assert.h>
#include <hx/core/bitmap.h>
#include <hx/core/frames.h>
#include <hx/hal/mem.h>
#include <hx/hal/mmu.h>

#include "slab_priv.h"

/*
 * By class: steps of 16 up to 128, then of a quarter at most, so that a block is never longer than
 * 5/4 of what was asked for, or 15 bytes more; the last three are as many as fit, 7, 6 and 5 in a
 * slab. Blocks of a power of two are aligned to their size.
 */
static const uint16_t slab_sizes[SLAB_CLASSES] = {
	16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512,
	640, 768, 896, 1024, 1280, 1536, 1792, 2048, 2304, 2688, 3200,
};

HX_COLD void slab_classes_init(void)
{
	for (unsigned i = 0; i < SLAB_CLASSES; i++) {
		struct slab_class *k = &slab_heap.class[i];
		size_t slab_bytes = HX_PAGE_SIZE << slab_order[slab_geom_of(i)];
		size_t size = slab_sizes[i], head = sizeof(struct slab);

		k->size_bytes = (uint16_t)size;
		k->first_bytes = (uint16_t)(hx_is_pow2(size) ? hx_align_up(head, size) : head);
		k->n_blocks = (uint16_t)((slab_bytes - k->first_bytes) / size);
		k->n_slabs_max = 0;
		memset(k->starts, 0, sizeof(k->starts));
		for (size_t off = k->first_bytes, n = 0; n < k->n_blocks; n++, off += size)
			hx_bitmap_set(k->starts, off >> slab_shift[slab_geom_of(i)]);
		hx_list_init(&k->partial);
		hx_list_init(&k->full);
	}
}

void slab_count_locked(int64_t bytes)
{
	hx_assert_held(&slab_lock);
	slab_heap.reserved_bytes += (uint64_t)bytes;
	if (slab_heap.reserved_bytes > slab_heap.reserved_max_bytes)
		slab_heap.reserved_max_bytes = slab_heap.reserved_bytes;
}

void slab_release(struct slab *s)
{
	struct slab_class *k = &slab_heap.class[s->class];
	unsigned order = slab_order[slab_geom_of(s->class)];

	hx_list_remove(&s->link);
	k->n_empty -= s->counted_empty;
	k->n_slabs--;
	s->self = 0;
	slab_count_locked(-(int64_t)(HX_PAGE_SIZE << order));
	hx_frames_free(hx_virt_to_phys(s), order);
}

HX_COLD void slab_shrink_locked(void)
{
	hx_assert_held(&slab_lock);
	slab_mags_empty_locked();
	for (unsigned i = 0; i < SLAB_CLASSES; i++) {
		struct hx_list *n, *tmp;

		HX_LIST_FOREACH_SAFE(n, tmp, &slab_heap.class[i].partial) {
			struct slab *s = HX_LIST_ENTRY(n, struct slab, link);

			if (s->n_free == s->n_blocks)
				slab_release(s);
		}
	}
}

int slab_pages_locked(size_t n_pages, hx_paddr_t *pa)
{
	unsigned order = hx_log2_floor(n_pages);
	int err;

	for (unsigned turn = 0; turn < 2; turn++) {
		err = HX_ENABLED(FRAMES_RUNS) && !hx_is_pow2(n_pages) ?
			hx_frames_alloc_run(n_pages, 0, 0, 0, pa) :
			hx_frames_alloc(order, HX_FRAMES_ANY, pa);
		if (err != -HX_ENOMEM)
			break;
		if (turn == 0)
			slab_shrink_locked();
	}
	if (err == 0)
		slab_count_locked((int64_t)(n_pages * HX_PAGE_SIZE));
	return err;
}

static HX_NOINLINE void slab_create(unsigned class)
{
	struct slab_class *k = &slab_heap.class[class];
	unsigned geom = slab_geom_of(class);
	struct slab *s;
	hx_paddr_t pa;

	if (slab_pages_locked(1u << slab_order[geom], &pa) != 0)
		return;
	s = hx_phys_to_virt(pa);
	*s = (struct slab){ 0 };
	memcpy(s->free, k->starts, sizeof(s->free));
	s->class = (uint8_t)class;
	s->mag_off = (uint16_t)(offsetof(struct slab_cpu, mag) + class * sizeof(struct slab_mag));
	s->n_blocks = s->n_free = k->n_blocks;
	hx_list_push_front(&k->partial, &s->link);
	if (++k->n_slabs > k->n_slabs_max)
		k->n_slabs_max = k->n_slabs;
	__atomic_store_n(&s->self, (uintptr_t)s + SLAB_SELF + geom, __ATOMIC_RELEASE);
}

/* Up to n free blocks of a slab that has some; returns how many. */
static unsigned slab_cut(struct slab *s, unsigned shift, void **block, unsigned n)
{
	unsigned got = 0;

	for (unsigned w = 0; w < HX_ARRAY_LEN(s->free) && got < n; w++) {
		uint64_t left = s->free[w];

		while (left != 0 && got < n) {
			size_t granule = w * 64 + (size_t)__builtin_ctzll(left);

			left &= left - 1;
			block[got++] = (char *)s + (granule << shift);
		}
		s->free[w] = left;
	}
	s->n_free -= (uint16_t)got;
	return got;
}

unsigned slab_take_locked(unsigned class, void **block, unsigned n)
{
	struct slab_class *k = &slab_heap.class[class];
	unsigned got = 0;

	hx_assert_held(&slab_lock);
	/* No slab is made for what nobody asked for yet. */
	if (HX_UNLIKELY(hx_list_is_empty(&k->partial)))
		slab_create(class);
	while (got < n && !hx_list_is_empty(&k->partial)) {
		struct slab *s = HX_LIST_ENTRY(k->partial.next, struct slab, link);

		k->n_empty -= s->counted_empty;
		s->counted_empty = 0;
		got += slab_cut(s, slab_shift[slab_geom_of(class)], block + got, n - got);
		if (s->n_free == 0) {
			hx_list_remove(&s->link);
			hx_list_push_back(&k->full, &s->link);
		}
	}
	slab_heap.n_failed += got == 0;
	return got;
}

void slab_give_locked(void *block, unsigned class)
{
	struct slab_class *k = &slab_heap.class[class];
	unsigned geom = slab_geom_of(class);
	struct slab *s = slab_header(block, geom);

	hx_assert_held(&slab_lock);
	hx_assert(!hx_bitmap_test(s->free, slab_granule(block, geom)));
	hx_bitmap_set(s->free, slab_granule(block, geom));
	if (s->n_free++ == 0) {
		hx_list_remove(&s->link);
		hx_list_push_front(&k->partial, &s->link);
	}
	if (s->n_free != s->n_blocks)
		return;
	if (k->n_empty != 0) {
		slab_release(s);
		return;
	}
	k->n_empty = s->counted_empty = 1;
	hx_list_remove(&s->link);
	hx_list_push_back(&k->partial, &s->link);	/* used last */
}
