/* SPDX-License-Identifier: MIT */
/*
 * Ranges of the kernel's areas, in a tree by address:
 *
 *	area.start |guard| range |guard| range |guard| ...
 *
 * A range owns the guard behind it; the first page of the area is the guard before the first. Pages
 * are single frames. The search goes on behind the range found last, so that an address is not used
 * again at once: a stale pointer faults. A frame goes back when no CPU reaches it any more.
 */
#include <hx/core/assert.h>
#include <hx/core/fault.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/mutex.h>
#include <hx/core/rbtree.h>
#include <hx/vm/kva.h>

#define AT_ONCE	HX_TLB_RANGE_MAX	/* pages unmapped together, so that CPUs are told once */

struct kva_range {
	struct hx_rb_node node;
	uintptr_t start, end;		/* without the guard */
};

static bool kva_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return HX_CONTAINER_OF(a, struct kva_range, node)->start <
	       HX_CONTAINER_OF(b, struct kva_range, node)->start;
}

static struct hx_mutex kva_lock = HX_MUTEX_INIT(kva_lock);
static struct hx_rb_tree kva_ranges = { .less = kva_less };	/* kva_lock */
static uintptr_t kva_next[HX_AREA_COUNT];			/* kva_lock; 0: the area's start */
static uint64_t kva_bytes[HX_AREA_COUNT];			/* kva_lock */

static int ends_before(const struct hx_rb_node *n, const void *key)
{
	return HX_CONTAINER_OF(n, struct kva_range, node)->end <= *(const uintptr_t *)key ? -1 : 0;
}

static struct kva_range *range_at(uintptr_t va)
{
	struct hx_rb_node *n = hx_rb_lower_bound(&kva_ranges, ends_before, &va);

	return n != NULL ? HX_CONTAINER_OF(n, struct kva_range, node) : NULL;
}

/* Room for a range and its guard from `at` on; what lies before `at` is unmapped. */
static bool find_room(uintptr_t at, uintptr_t end, size_t size_bytes, uintptr_t *va)
{
	while (at < end && size_bytes + HX_PAGE_SIZE <= end - at) {
		const struct kva_range *r = range_at(at);

		if (r == NULL || at + size_bytes + HX_PAGE_SIZE <= r->start) {
			*va = at;
			return true;
		}
		at = r->end + HX_PAGE_SIZE;
	}
	return false;
}

static void unmap_pages(uintptr_t start, uintptr_t end)
{
	hx_paddr_t pa[AT_ONCE];

	while (start < end) {
		size_t n = hx_min_u64((end - start) >> HX_PAGE_SHIFT, AT_ONCE);
		unsigned flags;

		for (size_t i = 0; i < n; i++)
			hx_verify(hx_mmu_query(start + (i << HX_PAGE_SHIFT), &pa[i], &flags) == 0);
		hx_mmu_unmap(start, n);
		for (size_t i = 0; i < n; i++)
			hx_frames_free(pa[i], 0);
		start += n << HX_PAGE_SHIFT;
	}
}

static int map_pages(const struct kva_range *r, unsigned flags)
{
	for (uintptr_t at = r->start; at < r->end; at += HX_PAGE_SIZE) {
		hx_paddr_t pa;
		int err = hx_frames_alloc(0, HX_FRAMES_ZERO, &pa);

		if (err == 0) {
			err = hx_mmu_map(at, pa, 1, flags);
			if (err != 0)
				hx_frames_free(pa, 0);
		}
		if (err != 0) {
			unmap_pages(r->start, at);
			return err;
		}
	}
	return 0;
}

static int alloc_locked(enum hx_area area, struct kva_range *r, size_t size_bytes, unsigned flags)
{
	struct hx_area_bounds b = hx_mmu_area(area);
	int err;

	b.start += HX_PAGE_SIZE;
	if ((kva_next[area] == 0 || !find_room(kva_next[area], b.end, size_bytes, &r->start)) &&
	    !find_room(b.start, b.end, size_bytes, &r->start))
		return -HX_ENOSPC;
	r->end = r->start + size_bytes;
	err = map_pages(r, flags);
	if (err != 0)
		return err;
	hx_rb_insert(&kva_ranges, &r->node);
	kva_next[area] = r->end + HX_PAGE_SIZE;
	kva_bytes[area] += size_bytes;
	return 0;
}

/* What may be had in an area: nothing writable and executable, and the heap is never code. */
static bool may_have(enum hx_area area, unsigned flags)
{
	return flags == HX_MAP_READ || flags == HX_MAP_WRITE ||
	       (flags == HX_MAP_EXEC && area == HX_AREA_MODULES);
}

static enum hx_area area_of(uintptr_t va)
{
	return va >= hx_mmu_area(HX_AREA_MODULES).start ? HX_AREA_MODULES : HX_AREA_HEAP;
}

HX_FAULT_POINT(kva_alloc, "kva.alloc", "no addresses for pages of the kernel");

int hx_kva_alloc(enum hx_area area, size_t size_bytes, unsigned flags, uintptr_t *va)
{
	struct kva_range *r;
	int err;

	if ((area != HX_AREA_HEAP && area != HX_AREA_MODULES) || size_bytes == 0 ||
	    size_bytes > hx_frames_total() << HX_PAGE_SHIFT || !may_have(area, flags))
		return -HX_EINVAL;
	r = hx_fault_hits("kva.alloc") ? NULL : hx_zalloc(sizeof(*r));
	if (r == NULL)
		return -HX_ENOMEM;
	hx_mutex_lock(&kva_lock);
	err = alloc_locked(area, r, hx_align_up(size_bytes, HX_PAGE_SIZE), flags);
	hx_mutex_unlock(&kva_lock);
	if (err != 0)
		hx_free(r);
	else
		*va = r->start;
	return err;
}

int hx_kva_protect(uintptr_t va, size_t size_bytes, unsigned flags)
{
	const struct kva_range *r;
	int err = -HX_EINVAL;

	if (va % HX_PAGE_SIZE != 0 || size_bytes == 0 || !may_have(area_of(va), flags))
		return -HX_EINVAL;
	hx_mutex_lock(&kva_lock);
	r = range_at(va);
	if (r != NULL && va >= r->start && size_bytes <= r->end - va)
		err = hx_mmu_protect(va, hx_align_up(size_bytes, HX_PAGE_SIZE) >> HX_PAGE_SHIFT,
				     flags);
	hx_mutex_unlock(&kva_lock);
	return err;
}

void hx_kva_free(uintptr_t va)
{
	enum hx_area area = area_of(va);
	struct kva_range *r;

	if (va == 0)
		return;
	hx_mutex_lock(&kva_lock);
	r = range_at(va);
	if (r == NULL || r->start != va) {
		hx_mutex_unlock(&kva_lock);
		hx_bug("free of %#jx: no range of kernel addresses", (uintmax_t)va);
	}
	unmap_pages(r->start, r->end);
	hx_rb_remove(&kva_ranges, &r->node);
	kva_bytes[area] -= r->end - r->start;
	hx_mutex_unlock(&kva_lock);
	hx_free(r);
}

uint64_t hx_kva_bytes(enum hx_area area)
{
	return __atomic_load_n(&kva_bytes[area], __ATOMIC_RELAXED);
}
