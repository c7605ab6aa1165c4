/* SPDX-License-Identifier: MIT */
/*
 * What a filesystem type provides to the VFS: at most 12 operations on nodes. The VFS walks paths,
 * counts references, checks arguments and holds the node's lock; the filesystem stores.
 */
#ifndef HX_FS_FS_CLASS_H
#define HX_FS_FS_CLASS_H

#include <hx/base.h>
#include <hx/config/fs_vfs.h>
#include <hx/core/list.h>
#include <hx/core/mutex.h>

#define HX_FS_ABI		2u
#define HX_FS_NAME_MAX		255	/* bytes of one name, without NUL */
#define HX_FS_PATH_MAX		4096

enum hx_fnode_type { HX_FNODE_FILE = 1, HX_FNODE_DIR = 2, HX_FNODE_SYMLINK = 3 };

struct hx_mount;
struct hx_fs_ops;

/*
 * One file, directory or link of a mount. The node is the VFS's and stays for as long as somebody
 * refers to it; behind it is the filesystem's own part, which is another one after a swap.
 * Keys: c constant, n node lock, v VFS lock, s changes in a swap, with the VFS's and node's lock.
 */
struct hx_fnode {
	struct hx_mount *mount;		/* s */
	uint64_t ino;			/* c unique in its mount, never 0 */
	uint32_t type;			/* c enum hx_fnode_type */
	uint32_t mode;			/* n permission bits 0777 */
	uint32_t n_links;		/* n */
	uint32_t n_refs;		/* v */
	uint64_t size_bytes;		/* n */
	uint64_t mtime_ns;		/* n */
	struct hx_mount *mounted_here;	/* v */
	struct hx_mutex lock;
	void *priv;			/* s the filesystem's own; see hx_fnode_create() */
	struct hx_list link;		/* v hx_mount.nodes, of nodes that hx_fnode_create() made */
	uint32_t n_gone;		/* v node.c: how many of this memory's two users are gone */
	uint32_t held;			/* v in a swap: place among those that are in use, plus 1 */
};

struct hx_fs_dirent {
	uint64_t ino;
	uint32_t type;
	char name[HX_FS_NAME_MAX + 1];
};

struct hx_fs_create {
	uint32_t type, mode;
	const char *target;		/* of a link, else NULL */
};

/* All: thread context, may sleep. [N] the node's (a directory's) lock is held. No more than six
 * arguments: the border of a module hands over those in registers only. */
struct hx_fs_ops {
	uint32_t abi;		/* HX_FS_ABI */
	const char *name;	/* "ramfs", "cpiofs", "namefs" */
	/* Mount source (a device name, a module name, or NULL); set m->root and m->priv. */
	int (*mount)(struct hx_mount *m, const char *source, const char *options);
	int (*unmount)(struct hx_mount *m);
	/* [N] 0 and a referenced node; -HX_ENOENT. */
	int (*lookup)(struct hx_fnode *dir, const char *name, size_t len, struct hx_fnode **out);
	/* [N] 0 and a new, referenced node; -HX_EEXIST, -HX_ENOSPC, -HX_EROFS. */
	int (*create)(struct hx_fnode *dir, const char *name, size_t len,
		      const struct hx_fs_create *what, struct hx_fnode **out);
	/* [N] take a name away; the node lives until its last reference is put. */
	int (*unlink)(struct hx_fnode *dir, const char *name, size_t len, struct hx_fnode *node);
	/* [N both directories] */
	int (*rename)(struct hx_fnode *from, const char *name, size_t len, struct hx_fnode *to,
		      const char *new_name, size_t new_len);
	/* [N] bytes moved, short at the end of file; negative error. */
	hx_ssize_t (*read)(struct hx_fnode *n, void *buf, size_t size, uint64_t off);
	hx_ssize_t (*write)(struct hx_fnode *n, const void *buf, size_t size, uint64_t off);
	int (*truncate)(struct hx_fnode *n, uint64_t size);		/* [N] */
	/* [N] the entry after *pos ("." and ".." are none); advances *pos. -HX_ENOENT: end. */
	int (*readdir)(struct hx_fnode *dir, uint64_t *pos, struct hx_fs_dirent *out);
	/* The last reference is gone: free what belongs to the node. */
	void (*release)(struct hx_fnode *n);
};

HX_SECTION_BOUNDS(hx_fs_types, struct hx_fs_ops);
#define HX_FS_TYPE(ops)	HX_REGISTER(hx_fs_types, ops, struct hx_fs_ops, &(ops))

struct hx_mount {
	const struct hx_fs_ops *ops;
	struct hx_fnode *root;
	struct hx_fnode *covers;	/* the directory it is mounted on; NULL for "/" */
	void *priv;
	uint32_t flags;			/* HX_MOUNT_* */
	char path[64];
	struct hx_list link;
	uint64_t last_ino;		/* of hx_fnode_create(); only grows */
	uint64_t max_bytes;		/* of contents; 0: mount() sets what it finds right */
	struct hx_list nodes;		/* hx_fnode.link */
};

enum hx_mount_flags { HX_MOUNT_READONLY = 1 };

#define HX_FS_SWAP_ABI	1u

/*
 * What a filesystem gives beside its operations if it can be swapped (CONFIG_FS_SWAP): for another
 * one, while files are open. Its nodes are made by hx_fnode_create(), it keeps pointers to their
 * private parts only, and readdir's positions grow. docs/design/swapping.md, "Filesystems".
 */
struct hx_fs_swap_ops {
	uint32_t abi;		/* HX_FS_SWAP_ABI */
	const char *name;	/* the filesystem's */
	/* [N] The first byte at or behind off that may be other than zero; >= size: none. */
	uint64_t (*data)(struct hx_fnode *n, uint64_t off);
	/* [N] What is created next in dir stands at pos for readdir: behind all that dir has. */
	void (*seek)(struct hx_fnode *dir, uint64_t pos);
};

HX_SECTION_BOUNDS(hx_fs_swaps, struct hx_fs_swap_ops);
#if CONFIG_FS_SWAP
#define HX_FS_SWAP(ops)	HX_REGISTER(hx_fs_swaps, ops, struct hx_fs_swap_ops, &(ops))
#else
/* Nobody asks: the compiler drops the table, and what only it names. */
#define HX_FS_SWAP(ops) \
	static HX_UNUSED const struct hx_fs_swap_ops *const ops##_is_not_asked = &(ops)
#endif

/**
 * hx_fnode_create() - a node with the filesystem's own part behind it.
 * hx_fnode_destroy() - the end of both.
 * @m:          the mount
 * @type:       enum hx_fnode_type
 * @mode:       permission bits
 * @priv_bytes: of the own part, all zero; its first member is a struct hx_fnode *, which the VFS
 *              sets to the node, also when the part gets another node in a swap
 * @n:          one that create gave, without names and references
 *
 * Returns: create: a node without references, n->priv its own part; NULL: no memory. destroy:
 *          nothing.
 * Context: thread, may sleep.
 * Locks:   caller holds vfs_lock, or nobody else knows the mount.
 * Owner:   the filesystem, until it destroys the node.
 * Cost:    one allocation.
 * Source:  -
 */
struct hx_fnode *hx_fnode_create(struct hx_mount *m, uint32_t type, uint32_t mode,
				 size_t priv_bytes);
void hx_fnode_destroy(struct hx_fnode *n);

#endif
