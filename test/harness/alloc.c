/* SPDX-License-Identifier: MIT */
/*
 * Failing every allocation of a function in turn. The k-th run makes the k-th allocation fail; the
 * run in which nothing failed is the last one.
 */
#include "hx_test.h"
#include <hx/config/core_lib.h>
#include <hx/core/heap.h>
#include <hx/core/heap_class.h>

#define ALLOCS_MAX	10000u	/* a function that needs more never ends, or ignores the failure */

static uint64_t used_bytes(void)
{
	struct hx_heap_stats s;

	hx_heap_stats(&s);
	return s.used_bytes;
}

unsigned hx_test_each_alloc_fails(const char *name, int (*fn)(void))
{
	if (!HX_ENABLED(FAULT_INJECTION))
		skip();		/* a profile without it is tested as it is */
	for (unsigned k = 1; k <= ALLOCS_MAX; k++) {
		uint64_t used = used_bytes(), left;
		int err;

		hx_heap_fail_at(k);
		err = fn();
		left = hx_heap_fail_at(0);
		if (used_bytes() != used)
			fail_msg("%s, allocation %u failing: %lld heap bytes leaked, result %d",
				 name, k, (long long)(used_bytes() - used), err);
		if (left == 0)
			continue;	/* it met the failure; it may well have done without */
		if (err != 0)
			fail_msg("%s: error %d although no allocation failed", name, err);
		if (k == 1)
			fail_msg("%s allocates nothing", name);
		return k - 1;
	}
	fail_msg("%s: still failing after %u allocations", name, ALLOCS_MAX);
	return 0;
}
