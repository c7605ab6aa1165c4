// SPDX-License-Identifier: MIT
/*
 * The memory of nodes: a node and its filesystem's own part side by side, in one allocation.
 *
 *	| hx_fnode | own part |		n->priv == n + 1, and *(struct hx_fnode **)n->priv == n
 *
 * A swap gives a node that is in use the own part of another one, and that one its own (swap.c).
 * Then two allocations belong to both, and each goes when both of its users are gone.
 */
#include <hx/hal/timer.h>

#include "vfs_priv.h"

struct hx_fnode *hx_fnode_create(struct hx_mount *m, uint32_t type, uint32_t mode,
				 size_t priv_bytes)
{
	struct hx_fnode *n = hx_zalloc(sizeof(*n) + priv_bytes);

	if (n == NULL)
		return NULL;
	n->mount = m;
	n->ino = ++m->last_ino;
	n->type = type;
	n->mode = mode;
	n->mtime_ns = hx_now_ns();
	hx_mutex_init(&n->lock);
	n->priv = n + 1;
	*(struct hx_fnode **)n->priv = n;
	hx_list_push_back(&m->nodes, &n->link);
	return n;
}

void hx_fnode_destroy(struct hx_fnode *n)
{
	hx_list_unlink(&n->link);
	if (!HX_ENABLED(FS_SWAP) || vfs_node_leaves(n))
		hx_free(n);
}
