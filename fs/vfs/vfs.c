// SPDX-License-Identifier: MIT
/*
 * Operations on names: make, remove, rename, look at. Each is one walk under vfs_lock, then one
 * call of the filesystem with the directory's lock held. What the filesystem may rely on is checked
 * here once: names have 1 to 255 bytes and are not "." or "..", the directory is one, the mount is
 * writable, nothing removed is a mount point.
 */
#include <hx/core/assert.h>
#include <hx/core/string.h>

#include "vfs_priv.h"

static bool is_dots(const char *name, size_t len)
{
	return (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.');
}

/* Walk to the directory of path and check that an entry may be changed there. */
static int walk_for_change(struct vfs_walk *w, const char *path)
{
	int err = vfs_walk(w, path, WALK_PARENT);

	if (err != 0)
		return err;
	if (is_dots(w->last, w->last_len))
		err = -HX_EINVAL;
	else if (w->last_len > HX_FS_NAME_MAX)
		err = -HX_ENAMETOOLONG;
	else if (walk_node(w)->mount->flags & HX_MOUNT_READONLY)
		err = -HX_EROFS;
	if (err != 0)
		vfs_walk_end(w);
	return err;
}

static int create_locked(const char *path, const struct hx_fs_create *what)
{
	struct hx_fnode *dir, *made;
	struct vfs_walk w;
	int err = walk_for_change(&w, path);

	if (err != 0)
		return err;
	dir = walk_node(&w);
	if (dir->mount->ops->create == NULL) {
		err = -HX_EROFS;
	} else {
		hx_mutex_lock(&dir->lock);
		err = dir->mount->ops->create(dir, w.last, w.last_len, what, &made);
		hx_mutex_unlock(&dir->lock);
		if (err == 0)
			vfs_node_put(made);
	}
	vfs_walk_end(&w);
	return err;
}

static int create(const char *path, uint32_t type, uint32_t mode, const char *target)
{
	const struct hx_fs_create what = { .type = type, .mode = mode & 0777, .target = target };
	int err;

	hx_mutex_lock(&vfs_lock);
	err = create_locked(path, &what);
	hx_mutex_unlock(&vfs_lock);
	return err;
}

int hx_vfs_mkdir(const char *path, uint32_t mode)
{
	return create(path, HX_FNODE_DIR, mode, NULL);
}

int hx_vfs_symlink(const char *target, const char *path)
{
	if (target == NULL || target[0] == '\0')
		return -HX_EINVAL;
	if (hx_strnlen(target, HX_FS_PATH_MAX) == HX_FS_PATH_MAX)
		return -HX_ENAMETOOLONG;
	return create(path, HX_FNODE_SYMLINK, 0777, target);
}

static int remove_child(struct vfs_walk *w, bool want_dir)
{
	struct hx_fnode *dir = walk_node(w), *node;
	int err;

	if (dir->mount->ops->unlink == NULL)
		return -HX_EROFS;
	err = vfs_lookup_child(dir, w->last, w->last_len, &node);
	if (err != 0)
		return err;
	if (node->mount != dir->mount)
		err = -HX_EBUSY;	/* something is mounted there */
	else if (want_dir && node->type != HX_FNODE_DIR)
		err = -HX_ENOTDIR;
	else if (!want_dir && node->type == HX_FNODE_DIR)
		err = -HX_EISDIR;
	if (err == 0) {
		hx_mutex_lock(&dir->lock);
		hx_mutex_lock(&node->lock);
		err = dir->mount->ops->unlink(dir, w->last, w->last_len, node);
		hx_mutex_unlock(&node->lock);
		hx_mutex_unlock(&dir->lock);
	}
	vfs_node_put(node);
	return err;
}

static int remove(const char *path, bool want_dir)
{
	struct vfs_walk w;
	int err;

	hx_mutex_lock(&vfs_lock);
	err = walk_for_change(&w, path);
	if (err == 0) {
		err = remove_child(&w, want_dir);
		vfs_walk_end(&w);
	}
	hx_mutex_unlock(&vfs_lock);
	return err;
}

int hx_vfs_unlink(const char *path)
{
	return remove(path, false);
}

int hx_vfs_rmdir(const char *path)
{
	return remove(path, true);
}

/* Would `to` hang below the thing that moves? Then it would cut itself off the tree. */
static bool walk_goes_through(const struct vfs_walk *w, const struct hx_fnode *n)
{
	for (unsigned i = 0; i < w->depth; i++) {
		if (w->chain[i] == n)
			return true;
	}
	return false;
}

static int rename_between(struct vfs_walk *from, struct vfs_walk *to)
{
	struct hx_fnode *a = walk_node(from), *b = walk_node(to), *moved;
	int err;

	if (a->mount != b->mount)
		return -HX_EXDEV;
	if (a->mount->ops->rename == NULL)
		return -HX_EROFS;
	err = vfs_lookup_child(a, from->last, from->last_len, &moved);
	if (err != 0)
		return err;
	if (moved->mount != a->mount)
		err = -HX_EBUSY;
	else if (walk_goes_through(to, moved))
		err = -HX_EINVAL;
	vfs_node_put(moved);
	if (err != 0)
		return err;
	err = vfs_lookup_child(b, to->last, to->last_len, &moved);
	if (err == 0) {
		bool is_mount = moved->mount != b->mount;

		vfs_node_put(moved);
		if (is_mount)
			return -HX_EBUSY;
	} else if (err != -HX_ENOENT) {
		return err;
	}
	/* vfs_lock makes us the only one who holds two directory locks. */
	hx_mutex_lock(&a->lock);
	if (b != a)
		hx_mutex_lock(&b->lock);
	err = a->mount->ops->rename(a, from->last, from->last_len, b, to->last, to->last_len);
	if (b != a)
		hx_mutex_unlock(&b->lock);
	hx_mutex_unlock(&a->lock);
	return err;
}

int hx_vfs_rename(const char *from, const char *to)
{
	struct vfs_walk wf, wt;
	int err;

	hx_mutex_lock(&vfs_lock);
	err = walk_for_change(&wf, from);
	if (err == 0) {
		err = walk_for_change(&wt, to);
		if (err == 0) {
			err = rename_between(&wf, &wt);
			vfs_walk_end(&wt);
		}
		vfs_walk_end(&wf);
	}
	hx_mutex_unlock(&vfs_lock);
	return err;
}

/* Call fn on the node of a path, with the node's lock held. */
static int with_node(const char *path, unsigned walk_flags_,
		     int (*fn)(struct hx_fnode *n, void *arg), void *arg)
{
	struct vfs_walk w;
	int err;

	hx_mutex_lock(&vfs_lock);
	err = vfs_walk(&w, path, walk_flags_);
	if (err == 0) {
		struct hx_fnode *n = walk_node(&w);

		hx_mutex_lock(&n->lock);
		err = fn(n, arg);
		hx_mutex_unlock(&n->lock);
		vfs_walk_end(&w);
	}
	hx_mutex_unlock(&vfs_lock);
	return err;
}

static int do_stat(struct hx_fnode *n, void *arg)
{
	struct hx_fs_stat *st = arg;

	*st = (struct hx_fs_stat){
		.ino = n->ino, .size_bytes = n->size_bytes, .mtime_ns = n->mtime_ns,
		.type = n->type, .mode = n->mode, .n_links = n->n_links,
	};
	return 0;
}

int hx_vfs_stat(const char *path, struct hx_fs_stat *st)
{
	return with_node(path, 0, do_stat, st);
}

static int do_truncate(struct hx_fnode *n, void *arg)
{
	if (n->type != HX_FNODE_FILE)
		return n->type == HX_FNODE_DIR ? -HX_EISDIR : -HX_EINVAL;
	if (n->mount->ops->truncate == NULL || (n->mount->flags & HX_MOUNT_READONLY))
		return -HX_EROFS;
	return n->mount->ops->truncate(n, *(uint64_t *)arg);
}

int hx_vfs_truncate(const char *path, uint64_t size)
{
	return with_node(path, 0, do_truncate, &size);
}

struct readlink_arg {
	char *buf;
	size_t size;
};

static int do_readlink(struct hx_fnode *n, void *arg)
{
	struct readlink_arg *r = arg;
	hx_ssize_t len;

	if (n->type != HX_FNODE_SYMLINK)
		return -HX_EINVAL;
	if (n->size_bytes >= r->size)
		return -HX_ERANGE;
	len = n->mount->ops->read(n, r->buf, r->size - 1, 0);
	if (len < 0)
		return (int)len;
	r->buf[len] = '\0';
	return 0;
}

int hx_vfs_readlink(const char *path, char *buf, size_t size)
{
	struct readlink_arg r = { buf, size };

	if (size == 0)
		return -HX_ERANGE;
	return with_node(path, WALK_NOFOLLOW, do_readlink, &r);
}
