/* SPDX-License-Identifier: MIT */
/*
 * /mem/leaks: the places in the code that hold heap blocks now, most bytes first. A leak is a place
 * whose numbers only grow from one look to the next.
 */
#include <hx/core/heap.h>
#include <hx/core/names.h>
#include <hx/core/panic.h>

#define SITES_MAX	96u

static HX_COLD int leaks_show(struct hx_text *out, const struct hx_node_args *args)
{
	static struct hx_heap_site sites[SITES_MAX];
	static uint8_t is_busy;		/* atomic: one reader at a time */
	struct hx_heap_site rest;
	unsigned n;

	if (__atomic_test_and_set(&is_busy, __ATOMIC_ACQUIRE))
		return -HX_EBUSY;
	n = hx_heap_sites(sites, SITES_MAX, &rest);
	for (unsigned i = 0; i < n; i++) {
		hx_text_printf(out, "bytes=%ju blocks=%ju site=", sites[i].live_bytes,
			       sites[i].n_blocks);
		hx_symbolize(out, sites[i].pc);
		hx_text_puts(out, "\n");
	}
	if (rest.n_blocks != 0)
		hx_text_printf(out, "bytes=%ju blocks=%ju site=others\n", rest.live_bytes,
			       rest.n_blocks);
	__atomic_clear(&is_busy, __ATOMIC_RELEASE);
	return 0;
}

static const struct hx_node leaks_node = {
	.path = "/mem/leaks", .help = "live heap blocks by the place in the code that took them",
	.rights = HX_NODE_READ, .max_bytes = 16384, .show = leaks_show,
};
HX_NODE(leaks_node);
