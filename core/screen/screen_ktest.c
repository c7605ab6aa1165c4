// SPDX-License-Identifier: MIT
/* In the kernel: the screen is mapped as a device, end to end, and nothing else comes there. */
#include <hx/core/ktest.h>
#include <hx/core/screen.h>
#include <hx/hal/mmu.h>

#define LARGE_AT	(32 * HX_GIB)		/* nothing is there, and nothing is read */
#define LARGE_BYTES	(600 * HX_MIB)		/* more than lies in front of the screen */

static size_t screen_bytes(const struct hx_screen *s)
{
	return (size_t)s->pitch_bytes * s->height;
}

/* Where it is in physical memory, or 0: some page is missing, out of line, or has other rights. */
static hx_paddr_t place_of(const struct hx_screen *s)
{
	const unsigned want = HX_MAP_WRITE | HX_MAP_UNCACHED;
	uintptr_t first = (uintptr_t)s->bytes;
	hx_paddr_t start = 0, pa;
	unsigned flags;

	for (size_t at = 0; at < screen_bytes(s); at += HX_PAGE_SIZE) {
		if (hx_mmu_query(first + at, &pa, &flags) != 0)
			return 0;
		if (at == 0)
			start = pa;
		if (pa != start + at || (flags & (want | HX_MAP_EXEC)) != want)
			return 0;
	}
	return start;
}

HX_KTEST(screen_is_mapped_as_a_device)
{
	const struct hx_screen *s = hx_hal_screen();
	struct hx_area_bounds area = hx_mmu_area(HX_AREA_DEVICE);

	if (s == NULL) {
		hx_ktest_skip(t, "this machine has no screen");
		return;
	}
	hx_expect(t, place_of(s) != 0);
	hx_expect(t, (uintptr_t)s->bytes >= area.start);
	hx_expect(t, (uintptr_t)s->bytes + screen_bytes(s) <= area.end);
}

HX_KTEST(screen_stays_when_much_is_mapped)
{
	const struct hx_screen *s = hx_hal_screen();
	uintptr_t large, next;
	hx_paddr_t place;

	if (s == NULL) {
		hx_ktest_skip(t, "this machine has no screen");
		return;
	}
	place = place_of(s);
	large = (uintptr_t)hx_mmu_map_device(LARGE_AT, LARGE_BYTES);
	next = (uintptr_t)hx_mmu_map_device(LARGE_AT, HX_PAGE_SIZE);
	hx_expect(t, large != 0 && next >= large + LARGE_BYTES);
	hx_expect(t, large >= (uintptr_t)s->bytes + screen_bytes(s) ||
			     large + LARGE_BYTES <= (uintptr_t)s->bytes);
	hx_expect(t, place_of(s) == place);
	if (large != 0)
		hx_mmu_unmap(large, LARGE_BYTES >> HX_PAGE_SHIFT);
	if (next != 0)
		hx_mmu_unmap(next, 1);
	hx_expect(t, place_of(s) == place);
}
