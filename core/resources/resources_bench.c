// SPDX-License-Identifier: MIT
/* What charging costs, with two holders above. */
#include <hx/core/bench.h>

#include "resources_priv.h"

static struct hx_res_holder tree[3];

static int enter(void)
{
	int err = 0;

	for (unsigned i = 0; i < 3 && err == 0; i++) {
		err = hx_res_holder_init(&tree[i], "bench", i != 0 ? &tree[i - 1] : NULL);
		if (err == 0)
			err = hx_res_limit(&tree[i], HX_RES_MEMORY, 1000, 2000);
	}
	return err;
}

static void leave(void)
{
	for (unsigned i = 3; i-- != 0;)
		(void)!hx_res_holder_end(&tree[i]);
}

HX_BENCH(resources_take, "resources.take",
	 "hx_res_take() and hx_res_release() of a holder with two above, limits on each")
{
	int err = enter();

	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		err = hx_res_take(&tree[2], HX_RES_MEMORY, 100);
		hx_res_release(&tree[2], HX_RES_MEMORY, 100);
		hx_bench_end(b);
	}
	leave();
	return err;
}

HX_BENCH(resources_reserve, "resources.reserve",
	 "two kinds reserved, one used, all given back, of a holder with two above")
{
	const struct hx_res_want wants[] = { { HX_RES_MEMORY, 100 }, { HX_RES_HANDLES, 1 } };
	int err = enter();

	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		err = hx_res_reserve(&tree[2], wants, 2);
		err |= hx_res_use(&tree[2], HX_RES_MEMORY, 100);
		hx_res_release(&tree[2], HX_RES_MEMORY, 100);
		hx_res_unreserve(&tree[2], HX_RES_HANDLES, 1);
		hx_bench_end(b);
	}
	leave();
	return err;
}
