/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of ramfs share: names (ramfs.c) and contents (data.c).
 *
 *	ramfs_node (dir) --by name--> ramfs_entry --node--> ramfs_node (file) --pages--> frames
 *
 * Each ramfs_node is the private part of a node of the VFS, which may be another one tomorrow: so
 * entries point to it, and not to the node.
 *
 * Field keys: c constant, n node lock, v VFS lock (held for every change of names), m mount.
 */
#ifndef HX_FS_RAMFS_PRIV_H
#define HX_FS_RAMFS_PRIV_H

#include <hx/core/rbtree.h>
#include <hx/fs/fs_class.h>

struct ramfs_node {
	struct hx_fnode *fnode;		/* first: hx_fnode_create() */
	/* Directory: */
	struct hx_rb_tree by_name;	/* n ramfs_entry.by_name */
	struct hx_rb_tree by_cookie;	/* n ramfs_entry.by_cookie: the order of readdir */
	uint64_t next_cookie;		/* n never reused, so readdir survives changes */
	/* File: page i of the contents, 0 = a hole of zeros. Symbolic link: the target. */
	hx_paddr_t *pages;		/* n */
	size_t n_slots;			/* n length of pages[] */
	char *target;			/* c */
};

struct ramfs_entry {
	struct hx_rb_node by_name, by_cookie;
	uint64_t cookie;
	struct ramfs_node *node;
	size_t len;
	char name[];
};

struct ramfs {
	uint64_t n_pages;		/* n of any node: atomic; at most hx_mount.max_bytes */
};

static inline struct ramfs_node *ramfs_node_of(const struct hx_fnode *n)
{
	return n->priv;
}

static inline struct ramfs *ramfs_of(const struct hx_fnode *n)
{
	return n->mount->priv;
}

/* The bytes of a file; node lock held. Results as in fs_class.h. */
hx_ssize_t ramfs_data_read(struct hx_fnode *n, void *buf, size_t size, uint64_t off);
hx_ssize_t ramfs_data_write(struct hx_fnode *n, const void *buf, size_t size, uint64_t off);
int ramfs_data_truncate(struct hx_fnode *n, uint64_t size);

#endif
