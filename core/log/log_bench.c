// SPDX-License-Identifier: MIT
/*
 * What one line in the log costs when the console does not show it.
 */
#include <hx/core/bench.h>
#include <hx/core/log.h>

HX_BENCH(log_line, "log.line", "hx_log() of \"%s took %u of %u\": format and ring, no console")
{
	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		hx_log(HX_LOG_DEBUG, "bench", "%s took %u of %u", "something", b->n, b->n_max);
		hx_bench_end(b);
	}
	return 0;
}
