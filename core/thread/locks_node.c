// SPDX-License-Identifier: MIT
/*
 * /proc/locks without CONFIG_DEBUG_LOCKS: the ranks. With it, core/lib/lock_debug.c registers the
 * node that counts, and this file is left out.
 */
#include <hx/core/lock.h>
#include <hx/core/names.h>
#include <hx/core/string.h>

/* One after the other, in the order of enum hx_lock_rank; the empty name ends them. */
static const char lock_names[] =
	"none\0vfs_mounts\0vfs_node\0names\0slot\0device\0console\0stacks\0heap\0kmap\0zone\0"
	"threads\0wait\0inherit\0runq\0timers\0driver\0cap_object\0cap_table\0log\0leaf\0";

_Static_assert(HX_RANK_COUNT == 21, "a rank changed: keep its name here in step");

static int locks_show(struct hx_text *out, const struct hx_node_args *args)
{
	const char *name;
	unsigned rank = 0;

	for (name = lock_names; *name != '\0'; name += hx_strlen(name) + 1)
		hx_text_printf(out, "rank=%u name=%s\n", rank++, name);
	return 0;
}

static const struct hx_node locks_node = {
	.path = "/proc/locks", .help = "ranks of spinlocks, outermost first",
	.rights = HX_NODE_READ, .max_bytes = 1024, .show = locks_show,
};
HX_NODE(locks_node);
