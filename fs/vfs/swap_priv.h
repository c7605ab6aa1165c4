/* SPDX-License-Identifier: MIT */
/*
 * One swap of the filesystem of "/", as its two halves see it: the steps (swap.c), and the walks
 * through the trees (swap_tree.c).
 */
#ifndef HX_FS_VFS_SWAP_PRIV_H
#define HX_FS_VFS_SWAP_PRIV_H

#include <hx/core/swap.h>
#include <hx/hal/mem.h>

#include "vfs_priv.h"

/* A node that others refer to (an open file, a mount), and what stands for it in the new one. */
struct fs_held {
	struct hx_fnode *node, *twin;	/* its lock is ours; a reference of ours */
};

/* A directory that a walk is in. */
struct fs_level {
	struct hx_fnode *dir, *twin;	/* referenced but for roots; twin: NULL if none is made */
	uint64_t pos;			/* of the entry we are at */
};

struct fs_sum {
	uint64_t sum, n_nodes, n_bytes;
};

/* From quiesce on with vfs_lock: no name and no count of references changes. */
struct fs_swap {
	struct hx_swap *swap;
	struct hx_mount *old, *new;
	const struct hx_fs_swap_ops *from, *to;
	struct fs_held *held;
	uint32_t n_held, max_held;
	hx_ns_t until_ns;		/* of quiesce */
	bool is_still;			/* vfs_lock is ours */
	bool is_lost;			/* the old one answers nothing any more */
	struct fs_sum sum;		/* while a tree is summed up */
	uint64_t old_sum;
	uint64_t n_seen;		/* entries of a walk */
	unsigned depth;
	struct fs_level levels[VFS_DEPTH_MAX];
	struct hx_fs_dirent entry;	/* where the walk is */
	uint64_t page[HX_PAGE_SIZE / sizeof(uint64_t)];
};

/* A node that was made by hx_fnode_create() for m? */
static inline bool fs_is_node(const struct hx_fnode *n, const struct hx_mount *m)
{
	return n != NULL && n->mount == m && n->priv != NULL &&
	       *(struct hx_fnode **)n->priv == n;
}

/* Says in swap->why what was wrong with the entry the walk is at; returns err. */
int fs_swap_wrong(struct fs_swap *s, int err, const char *what);

/* ---- swap_tree.c. All: 0; what a provider answered; -HX_EBADMSG: an answer that cannot be. */
/* What a tree is, in one number: the old one's, or the new one's. */
HX_MUST_CHECK int fs_swap_sum(struct fs_swap *s, struct hx_mount *m, struct fs_sum *out);
/* Everything of the old one into the new one. */
HX_MUST_CHECK int fs_swap_copy(struct fs_swap *s);

/* ---- swap_lost.c: the old one broke, with all that it had. */
bool fs_swap_is_lost(const struct hx_mount *m);
/* The nodes of a mount that nobody refers to, and that its filesystem cannot free any more. */
void fs_swap_free_nodes(struct hx_mount *m);
/* Directories in the new one for what is mounted. */
HX_MUST_CHECK int fs_swap_make_places(struct fs_swap *s);
/* What is mounted moves there, and whoever has something of the old one gets errors. */
void fs_swap_leave_lost(struct fs_swap *s);
/* Its nodes, but for those that somebody has, and its type. */
void fs_swap_end_lost(struct fs_swap *s);

#endif
