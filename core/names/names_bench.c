// SPDX-License-Identifier: MIT
/*
 * What reading a node by its path costs: look-up and a show() of one short line.
 */
#include <hx/core/bench.h>
#include <hx/core/names.h>

static int bench_show(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_puts(out, "value=1\n");
	return 0;
}

static const struct hx_node bench_node = {
	.path = "/bench/node", .help = "what the benchmark ns.read reads",
	.rights = HX_NODE_READ, .max_bytes = 8, .show = bench_show,
};
HX_NODE(bench_node);

HX_BENCH(ns_read, "ns.read", "hx_names_show() of a node with one line of 8 bytes, into a buffer")
{
	struct hx_text_buf text;
	char buf[16];
	int err = 0;

	while (hx_bench_more(b) && err == 0) {
		hx_bench_begin(b);
		hx_text_buf_init(&text, buf, sizeof(buf));
		err = hx_names_show("/bench/node", &text.text);
		hx_bench_end(b);
	}
	return err;
}
