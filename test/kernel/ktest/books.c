// SPDX-License-Identifier: MIT
/*
 * The books of the resource broker before and after each test: what a test took for a holder, or a
 * module that it loaded, has gone back, and the books balance. A test that fails by itself is not
 * asked: it returned in the middle.
 */
#include <hx/core/ktest.h>
#include <hx/core/printf.h>
#include <hx/core/resources.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>
#include <hx/hal/timer.h>

#include "ktest_priv.h"

#define WAIT_NS	(10 * HX_NS_PER_MS)
#define WAITS	300u	/* others may be in the middle of something */

static struct hx_res_totals before_test;

static void books_before(void)
{
	hx_res_totals(&before_test);
}

/* A test may end a holder that leaks, to see that this is counted. */
static bool is_as_before(struct hx_res_totals *now)
{
	hx_res_totals(now);
	now->n_leaked = before_test.n_leaked;
	return memcmp(now, &before_test, sizeof(*now)) == 0;
}

static void books_after(struct hx_ktest_run *t)
{
	struct hx_res_totals now;
	char what[HX_KTEST_WHY_MAX];

	if (t->n_failed > 0)
		return;
	for (unsigned i = 0; i < WAITS; i++) {
		if (is_as_before(&now))
			return;
		hx_sleep_ns(WAIT_NS);
	}
	hx_snprintf(what, sizeof(what), "resources: %u holders after %u, memory %llu after %llu, "
		    "handles %llu after %llu, books wrong: %u", now.n_holders,
		    before_test.n_holders, (unsigned long long)now.charged[HX_RES_MEMORY],
		    (unsigned long long)before_test.charged[HX_RES_MEMORY],
		    (unsigned long long)now.charged[HX_RES_HANDLES],
		    (unsigned long long)before_test.charged[HX_RES_HANDLES], now.n_wrong);
	hx_ktest_fail(t, __FILE_NAME__, __LINE__, what);
}

const struct ktest_around ktest_books = { .before = books_before, .after = books_after };
