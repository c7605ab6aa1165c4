/* SPDX-License-Identifier: MIT */
/*
 * What the files of the VFS share: the lock over the tree's shape, and the path walk.
 *
 * One mutex, vfs_lock, guards the shape of the tree: mounts, names, reference counts. Contents of a
 * node are guarded by the node's own lock, taken inside vfs_lock where both are needed. Reading and
 * writing an open file takes only the node's lock.
 */
#ifndef HX_FS_VFS_PRIV_H
#define HX_FS_VFS_PRIV_H

#include <hx/config/core_slot.h>
#include <hx/config/fs_vfs.h>
#include <hx/core/heap.h>
#include <hx/core/resources_io.h>
#include <hx/core/slot.h>
#include <hx/fs/vfs.h>

#define VFS_DEPTH_MAX	64	/* directories deep */
#define VFS_LINKS_MAX	40	/* symbolic links followed in one walk, as Linux */

extern struct hx_mutex vfs_lock;
extern struct hx_list vfs_mounts;		/* hx_mount.link; vfs_lock */
extern const struct hx_kind rootfs_kind;	/* rootfs.c; with FS_ROOT_SLOT */
extern const struct hx_swap_class rootfs_swap;	/* swap.c; with FS_SWAP */

enum walk_flags {
	WALK_NOFOLLOW = 1,	/* a link as the last component is the result itself */
	WALK_PARENT = 2,	/* stop before the last component */
};

/* A position in the tree: the chain of directories from "/" down to the current node, each holding
 * a reference, so that ".." needs no parent pointers. */
struct vfs_walk {
	struct hx_fnode *chain[VFS_DEPTH_MAX];
	unsigned depth;			/* chain[depth - 1] is where we are; never 0 */
	const char *last;		/* with WALK_PARENT: the last component */
	size_t last_len;
};

/* Can a type come from a module? Those are providers of the slot "rootfs". */
#define FS_IS_LOADABLE	(HX_ENABLED(SLOT_DYNAMIC) && HX_ENABLED(FS_ROOT_SLOT))

/* rootfs_slot.c: a type that came later, taken until its mount is freed; or NULL. */
const struct hx_fs_ops *vfs_type_take(const char *name);

/* A mount that is on nothing. */
static inline void vfs_mount_free(struct hx_mount *m)
{
	if (FS_IS_LOADABLE && m->ops != NULL)
		hx_slot_put(m->ops);
	hx_free(m);
}

/* Half of a node's memory, and half of that behind which its own part is, is not used any more: in
 * one of the two the own part of another node may live. True: n's is free. */
static inline bool vfs_node_leaves(struct hx_fnode *n)
{
	struct hx_fnode *other = (struct hx_fnode *)n->priv - 1;

	if (HX_LIKELY(other == n))
		return true;
	if (++other->n_gone == 2)
		hx_free(other);
	return ++n->n_gone == 2;
}

/* vfs_lock held. 0, then walk_end() must be called; negative: nothing to undo. */
HX_MUST_CHECK int vfs_walk(struct vfs_walk *w, const char *path, unsigned flags);
void vfs_walk_end(struct vfs_walk *w);
static inline struct hx_fnode *walk_node(const struct vfs_walk *w)
{
	return w->chain[w->depth - 1];
}

/* vfs_lock held. */
static inline struct hx_fnode *vfs_node_get(struct hx_fnode *n)
{
	n->n_refs++;
	return n;
}
void vfs_node_put(struct hx_fnode *n);
/* vfs_lock held; dir's lock is taken inside. A referenced child. */
HX_MUST_CHECK int vfs_lookup_child(struct hx_fnode *dir, const char *name, size_t len,
				   struct hx_fnode **out);
/* file.c: with APPEND *off is set. metered.c, if hx_res_io_is_metered(): reading and writing. */
hx_ssize_t vfs_write_at(struct hx_file *f, const void *buf, size_t size, uint64_t *off);
hx_ssize_t vfs_metered_pread(struct hx_file *f, void *buf, size_t size, uint64_t off);
hx_ssize_t vfs_metered_write_at(struct hx_file *f, const void *buf, size_t size, uint64_t *off);
/* The mount that is uppermost on n, or NULL. */
struct hx_fnode *vfs_cross_mounts(struct hx_fnode *n);

#endif
