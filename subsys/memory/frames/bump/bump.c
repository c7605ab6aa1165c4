/* SPDX-License-Identifier: MIT */
/*
 * Frame allocator "bump": a page number that moves up.
 *
 *	| taken …                | next: never given yet … | end of the zone
 *
 * A run is taken at next, after the pages that its alignment leaves out; a free of the last run
 * that is out moves next back to it. All else is given up for good: pages left out, and runs freed
 * while later ones are out. One bit per page says gone: a hole of the map, a page given up. So
 * holes are stepped over, and a page that was given back is known, be it below next or above.
 *
 * It does not know where runs begin: a free with the wrong order, or of the inside of a run, is
 * believed if all its pages are out.
 */
#include <hx/config/core_mem.h>
#include <hx/core/bitmap.h>
#include <hx/core/frames_class.h>
#include <hx/hal/mem.h>

/* In zone->priv. Field key: c constant after init, l zone->lock. */
struct bump {
	uint64_t *gone;		/* c the map; the words are l */
	hx_pfn_t next;		/* l */
};
_Static_assert(sizeof(struct bump) <= sizeof(((struct hx_zone *)0)->priv), "fits the zone");

static struct bump *bump_of(const struct hx_zone *z)
{
	return (struct bump *)(uintptr_t)z->priv;
}

static size_t bump_meta_bytes(uint64_t n_pages)
{
	return HX_BITMAP_WORDS(n_pages) * sizeof(uint64_t);
}

static HX_COLD int bump_init(struct hx_zone *z)
{
	bump_of(z)->gone = z->meta;
	bump_of(z)->next = z->start;
	memset(z->meta, 0xff, z->meta_bytes);
	return 0;
}

static HX_COLD void bump_add_range(struct hx_zone *z, hx_pfn_t start, hx_pfn_t end)
{
	hx_bitmap_clear_range(bump_of(z)->gone, start - z->start, end - start);
}

/* The first page from pfn on, and before end, that is gone; end if there is none. */
static hx_pfn_t bump_find_gone(const struct hx_zone *z, hx_pfn_t pfn, hx_pfn_t end)
{
	return z->start + hx_bitmap_find_set(bump_of(z)->gone, end - z->start, pfn - z->start);
}

static int bump_alloc(struct hx_zone *z, unsigned order, hx_pfn_t *pfn)
{
	struct bump *b = bump_of(z);
	uint64_t n = 1ull << order;
	hx_pfn_t at = b->next, gone;

	for (;;) {
		at = hx_align_up(at, n);
		if (at >= z->end || n > z->end - at)
			return -HX_ENOMEM;
		gone = bump_find_gone(z, at, at + n);
		if (gone == at + n)
			break;
		at = gone + 1;
	}
	for (; b->next < at; b->next++) {	/* left out */
		if (bump_find_gone(z, b->next, b->next + 1) != b->next) {
			hx_bitmap_set(b->gone, b->next - z->start);
			z->n_free--;
		}
	}
	b->next = at + n;
	*pfn = at;
	return 0;
}

static int bump_free(struct hx_zone *z, hx_pfn_t pfn, unsigned order)
{
	struct bump *b = bump_of(z);
	uint64_t n = 1ull << order;
	hx_pfn_t gone = bump_find_gone(z, pfn, pfn + n);

	if (pfn + n > b->next || gone != pfn + n)
		return gone == pfn || pfn >= b->next ? -HX_EEXIST : -HX_EINVAL;
	if (hx_bitmap_find_clear(b->gone, b->next - z->start, pfn + n - z->start) ==
	    b->next - z->start) {
		b->next = pfn;		/* none above it is out */
	} else {
		hx_bitmap_set_range(b->gone, pfn - z->start, n);
		z->n_free -= n;		/* core adds them */
	}
	return 0;
}

/* Nothing is kept about runs. */
static void bump_split(struct hx_zone *z, hx_pfn_t pfn, unsigned order)
{
}

/* Counts each page that is still to be had once, in the largest aligned run that it is part of. */
static HX_COLD void bump_count_free(const struct hx_zone *z,
				    uint64_t by_order[HX_FRAMES_MAX_ORDER + 1])
{
	hx_pfn_t at = bump_of(z)->next;

	while (at < z->end) {
		unsigned order = 0;

		if (bump_find_gone(z, at, at + 1) == at) {
			at++;
			continue;
		}
		while (order < HX_FRAMES_MAX_ORDER && (at & ((2ull << order) - 1)) == 0 &&
		       2ull << order <= z->end - at &&
		       bump_find_gone(z, at, at + (2ull << order)) == at + (2ull << order))
			order++;
		by_order[order]++;
		at += 1ull << order;
	}
}

static HX_COLD int bump_check(const struct hx_zone *z)
{
	const struct bump *b = bump_of(z);
	uint64_t n_free = 0;

	if (b->next < z->start || b->next > z->end)
		return -HX_EBADMSG;
	for (hx_pfn_t at = b->next; at < z->end; at++)
		n_free += !hx_bitmap_test(b->gone, at - z->start);
	return n_free == z->n_free ? 0 : -HX_EBADMSG;
}

const struct hx_frames_ops hx_frames_bump_ops = {
	.abi = HX_FRAMES_ABI, .name = "bump", .meta_bytes = bump_meta_bytes, .init = bump_init,
	.add_range = bump_add_range, .alloc = bump_alloc, .free = bump_free,
	.split = HX_ENABLED(FRAMES_RUNS) ? bump_split : NULL, .count_free = bump_count_free,
	.check = HX_ENABLED(MEM_CHECK) ? bump_check : NULL,
};
HX_FRAMES_CLASS(hx_frames_bump_ops);
