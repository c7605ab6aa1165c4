/* SPDX-License-Identifier: MIT */
/*
 * That KASAN watches what it should and nothing else, without committing an error: what it does
 * about one is seen by the boot tests. Compiled in with KASAN only.
 */
#include <hx/core/heap.h>
#include <hx/core/ktest.h>
#include <hx/core/sanitize.h>

#define SIZE_MAX_TRIED	600	/* bytes: over several size classes */

HX_KTEST(kasan_block_is_open_to_its_last_byte)
{
	size_t size;

	for (size = 1; size <= SIZE_MAX_TRIED; size++) {
		char *p = hx_alloc(size);

		hx_require(t, p != NULL);
		hx_expect(t, hx_kasan_accessible(p, size + 1) == size);
		hx_expect(t, hx_alloc_size(p) == size);
		hx_free(p);
		hx_expect(t, hx_kasan_accessible(p, 1) == 0);
	}
}

HX_KTEST(kasan_realloc_keeps_the_marks_exact)
{
	char *p;

	p = hx_alloc(100);
	hx_require(t, p != NULL);
	p = hx_realloc(p, 300);
	hx_require(t, p != NULL);
	hx_expect(t, hx_kasan_accessible(p, 400) == 300);
	hx_free(p);
}

/* This room is not instrumented, so the place is marked by hand: 5 bytes of the second group. */
HX_KTEST(kasan_watches_the_image_by_the_byte)
{
	static char place[24] __attribute__((aligned(8)));

	hx_expect(t, hx_kasan_accessible(place, 24) == 24);
	hx_kasan_poison(place + 8, 16, HX_KASAN_GLOBAL);
	hx_expect(t, hx_kasan_accessible(place, 24) == 8);
	hx_kasan_unpoison(place + 8, 5);
	hx_expect(t, hx_kasan_accessible(place, 24) == 13);
	hx_expect(t, hx_kasan_accessible(place + 10, 14) == 3);
	hx_expect(t, hx_kasan_accessible(place + 14, 1) == 0);
	hx_kasan_unpoison(place, 24);
	hx_expect(t, hx_kasan_accessible(place, 24) == 24);
}
