// SPDX-License-Identifier: MIT
/* /sched/threads/<id>/latency: how long wake-ups took to get the thread onto a CPU. */

#include "nodes_priv.h"

/* A line for each bucket that is not empty, shortest first. The last one has no upper bound. */
static int latency_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct thread_info i;
	int err = thread_named(args, &i);
	unsigned n;

	for (n = 0; err == 0 && n < STATS_BUCKETS; n++) {
		if (i.stats.latency[n] == 0)
			continue;
		if (n < STATS_BUCKETS - 1)
			hx_text_printf(out, "below_ns=%llu wakes=%u\n", 1ull << n,
				       i.stats.latency[n]);
		else
			hx_text_printf(out, "from_ns=%llu wakes=%u\n", 1ull << (n - 1),
				       i.stats.latency[n]);
	}
	return err;
}

static const struct hx_node latency_node = {
	.path = "/sched/threads/<id>/latency",
	.help = "times from wake-up to run, in powers of two",
	.rights = HX_NODE_READ, .max_bytes = 2048, .show = latency_show, .list = threads_list,
};
HX_NODE(latency_node);
