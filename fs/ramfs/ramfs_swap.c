// SPDX-License-Identifier: MIT
/*
 * What ramfs gives beside its operations so that it can be swapped (CONFIG_FS_SWAP): where a file
 * has pages, and where the next entry of a directory stands.
 */
#include <hx/hal/mem.h>

#include "ramfs_priv.h"

static uint64_t ramfs_swap_data(struct hx_fnode *n, uint64_t off)
{
	const struct ramfs_node *f = ramfs_node_of(n);
	size_t i = off >> HX_PAGE_SHIFT;

	if (i < f->n_slots && f->pages[i] != 0)
		return off;
	do {
		i++;
	} while (i < f->n_slots && f->pages[i] == 0);
	return i < f->n_slots ? (uint64_t)i << HX_PAGE_SHIFT : UINT64_MAX;
}

static void ramfs_swap_seek(struct hx_fnode *dir, uint64_t pos)
{
	ramfs_node_of(dir)->next_cookie = pos - 1;
}

static const struct hx_fs_swap_ops ramfs_swap_ops = {
	.abi = HX_FS_SWAP_ABI, .name = "ramfs",
	.data = ramfs_swap_data, .seek = ramfs_swap_seek,
};
HX_FS_SWAP(ramfs_swap_ops);
