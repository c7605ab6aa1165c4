/* SPDX-License-Identifier: MIT */
/*
 * Free pages are filled, and looked at when they are given out again: somebody who still writes to
 * a page that he gave back, a device above all, is found.
 *
 *	| 16 bytes: the provider's links | stamp | fill … fill | stamp |
 *
 * A stamp is the page's number mixed with a secret of this boot. It says that the page was filled
 * since the boot: memory that was never freed has none, and is not looked at, so that a boot need
 * not touch all memory. There are two of them, at the ends: a write that hits one leaves the other.
 */
#include <hx/config/core_lib.h>
#include <hx/core/assert.h>
#include <hx/core/frames.h>
#include <hx/core/log.h>
#include <hx/hal/cpu.h>
#include <hx/hal/mmu.h>

#include "mem_priv.h"

#define WORDS		(HX_PAGE_SIZE / sizeof(uint64_t))
#define FIRST		2u		/* the words before it are the provider's */
#define LAST		(WORDS - 1)
#define FILL		0x6b6b6b6b6b6b6b6bull

bool frames_poison_off;
static uint64_t poison_secret;		/* constant after the first use; odd */
static uint64_t n_poisoned;		/* atomic */

static uint64_t stamp_of(hx_pfn_t pfn)
{
	uint64_t secret;

	if (HX_UNLIKELY(poison_secret == 0)) {
		if (hx_cpu_entropy(&secret, sizeof(secret)) != 0)
			secret = hx_cycles();
		poison_secret = secret | 1;
	}
	return (pfn + 1) * 0x9e3779b97f4a7c15 ^ poison_secret;
}

void frames_poison_fill(hx_pfn_t pfn, unsigned order)
{
	for (hx_pfn_t end = pfn + (1ull << order); pfn < end; pfn++) {
		uint64_t *w = hx_phys_to_virt(pfn << HX_PAGE_SHIFT);

		w[FIRST] = w[LAST] = stamp_of(pfn);
		for (unsigned i = FIRST + 1; i < LAST; i++)
			w[i] = FILL;
	}
}

static HX_COLD void poison_report(hx_pfn_t pfn, unsigned word, uint64_t value)
{
	hx_paddr_t pa = pfn << HX_PAGE_SHIFT;

	__atomic_fetch_add(&n_poisoned, 1, __ATOMIC_RELAXED);
	if (HX_ENABLED(DEBUG_ASSERT))
		hx_bug("frames: page %#jx was written to after it was freed: at byte %zu is %#jx",
		       pa, word * sizeof(value), value);
	hx_error("mem", "frames: page %#jx was written to after it was freed: at byte %zu is %#jx",
		 pa, word * sizeof(value), value);
}

void frames_poison_check(hx_pfn_t pfn, unsigned order)
{
	for (hx_pfn_t end = pfn + (1ull << order); pfn < end; pfn++) {
		uint64_t *w = hx_phys_to_virt(pfn << HX_PAGE_SHIFT), stamp = stamp_of(pfn);
		bool first = w[FIRST] == stamp, last = w[LAST] == stamp;
		unsigned i = FIRST + 1;

		if (!first && !last)
			continue;
		/* Said once: who takes the page may leave it as it is and give it back unfilled. */
		while (i < LAST && w[i] == FILL)
			i++;
		if (!first)
			i = FIRST;
		if (i < LAST || !last) {
			uint64_t value = w[i];

			w[FIRST] = w[LAST] = 0;
			poison_report(pfn, i, value);
		}
	}
}

void hx_frames_set_poison(bool on)
{
	frames_poison_off = !on;
}

uint64_t hx_frames_n_poisoned(void)
{
	return __atomic_load_n(&n_poisoned, __ATOMIC_RELAXED);
}
