// SPDX-License-Identifier: MIT
/*
 * Open files: a node, a position, what may be done. The struct is the caller's; what is open holds
 * one reference to the node, so an unlinked file lives until it is closed.
 */
#include <hx/core/assert.h>
#include <hx/core/string.h>

#include "vfs_priv.h"

static int check_open(const struct hx_fnode *n, unsigned flags)
{
	if (n->type == HX_FNODE_DIR && (flags & HX_OPEN_WRITE))
		return -HX_EISDIR;
	if (n->type == HX_FNODE_SYMLINK)
		return -HX_ELOOP;
	if ((flags & HX_OPEN_WRITE) &&
	    (n->mount->ops->write == NULL || (n->mount->flags & HX_MOUNT_READONLY)))
		return -HX_EROFS;
	return 0;
}

static int truncate_on_open(struct hx_fnode *n, unsigned flags)
{
	int err = 0;

	if ((flags & HX_OPEN_TRUNC) == 0 || n->type != HX_FNODE_FILE)
		return 0;
	if (n->mount->ops->truncate == NULL)
		return 0;	/* a control node has nothing to cut */
	hx_mutex_lock(&n->lock);
	err = n->mount->ops->truncate(n, 0);
	hx_mutex_unlock(&n->lock);
	return err;
}

/* vfs_lock held: the node to open, referenced; made if it is not there and CREATE asks for it. */
static int find_or_create(const char *path, unsigned flags, uint32_t mode, struct hx_fnode **out)
{
	const struct hx_fs_create what = { .type = HX_FNODE_FILE, .mode = mode & 0777 };
	struct hx_fnode *dir;
	struct vfs_walk w;
	int err;

	if ((flags & HX_OPEN_CREATE) == 0 || (flags & HX_OPEN_EXCL) == 0) {
		err = vfs_walk(&w, path, 0);
		if (err == 0) {
			*out = vfs_node_get(walk_node(&w));
			vfs_walk_end(&w);
		}
		if (err != -HX_ENOENT || (flags & HX_OPEN_CREATE) == 0)
			return err;
	}
	err = vfs_walk(&w, path, WALK_PARENT);
	if (err != 0)
		return err == -HX_EBUSY ? -HX_EEXIST : err;	/* "/" is there */
	dir = walk_node(&w);
	if (w.last_len > HX_FS_NAME_MAX)
		err = -HX_ENAMETOOLONG;
	else if (w.last[0] == '.' && (w.last_len == 1 || (w.last_len == 2 && w.last[1] == '.')))
		err = -HX_EEXIST;
	else if (dir->mount->ops->create == NULL || (dir->mount->flags & HX_MOUNT_READONLY))
		err = -HX_EROFS;
	if (err == 0) {
		hx_mutex_lock(&dir->lock);
		err = dir->mount->ops->create(dir, w.last, w.last_len, &what, out);
		hx_mutex_unlock(&dir->lock);
	}
	vfs_walk_end(&w);
	return err;
}

int hx_vfs_open(struct hx_file *f, const char *path, unsigned flags, uint32_t mode)
{
	struct hx_fnode *n;
	int err;

	if ((flags & (HX_OPEN_READ | HX_OPEN_WRITE)) == 0)
		return -HX_EINVAL;
	if ((flags & (HX_OPEN_TRUNC | HX_OPEN_APPEND)) && (flags & HX_OPEN_WRITE) == 0)
		return -HX_EINVAL;
	hx_mutex_lock(&vfs_lock);
	err = find_or_create(path, flags, mode, &n);
	if (err == 0) {
		err = check_open(n, flags);
		if (err == 0)
			err = truncate_on_open(n, flags);
		if (err != 0)
			vfs_node_put(n);
	}
	hx_mutex_unlock(&vfs_lock);
	if (err != 0)
		return err;
	f->node = n;
	f->pos = 0;
	f->flags = flags;
	return 0;
}

void hx_vfs_close(struct hx_file *f)
{
	hx_assert(f->node != NULL);
	hx_mutex_lock(&vfs_lock);
	vfs_node_put(f->node);
	hx_mutex_unlock(&vfs_lock);
	f->node = NULL;
}

hx_ssize_t hx_vfs_pread(struct hx_file *f, void *buf, size_t size, uint64_t off)
{
	struct hx_fnode *n = f->node;
	hx_ssize_t got;

	if (hx_res_io_is_metered())
		return vfs_metered_pread(f, buf, size, off);
	if ((f->flags & HX_OPEN_READ) == 0)
		return -HX_EBADF;
	if (n->type == HX_FNODE_DIR)
		return -HX_EISDIR;
	if (size > INT64_MAX || off > INT64_MAX - size)
		return -HX_EINVAL;
	hx_mutex_lock(&n->lock);
	got = n->mount->ops->read(n, buf, size, off);
	hx_mutex_unlock(&n->lock);
	/* The filesystem is not trusted with the caller's arithmetic. */
	hx_verify(got <= (hx_ssize_t)size);
	return got;
}

/* With APPEND the place is the end of the file, found under the same lock as the write. */
hx_ssize_t vfs_write_at(struct hx_file *f, const void *buf, size_t size, uint64_t *off)
{
	struct hx_fnode *n = f->node;
	hx_ssize_t put;

	if (hx_res_io_is_metered())
		return vfs_metered_write_at(f, buf, size, off);
	if ((f->flags & HX_OPEN_WRITE) == 0)
		return -HX_EBADF;
	hx_mutex_lock(&n->lock);
	if (f->flags & HX_OPEN_APPEND)
		*off = n->size_bytes;
	if (size > INT64_MAX || *off > INT64_MAX - size)
		put = -HX_EFBIG;
	else
		put = n->mount->ops->write(n, buf, size, *off);
	hx_mutex_unlock(&n->lock);
	hx_verify(put <= (hx_ssize_t)size);
	return put;
}

hx_ssize_t hx_vfs_pwrite(struct hx_file *f, const void *buf, size_t size, uint64_t off)
{
	return vfs_write_at(f, buf, size, &off);
}

hx_ssize_t hx_vfs_read(struct hx_file *f, void *buf, size_t size)
{
	hx_ssize_t got = hx_vfs_pread(f, buf, size, f->pos);

	if (got > 0)
		f->pos += (uint64_t)got;
	return got;
}

hx_ssize_t hx_vfs_write(struct hx_file *f, const void *buf, size_t size)
{
	uint64_t off = f->pos;
	hx_ssize_t put = vfs_write_at(f, buf, size, &off);

	if (put > 0)
		f->pos = off + (uint64_t)put;
	return put;
}

int hx_vfs_seek(struct hx_file *f, uint64_t pos)
{
	if (pos > INT64_MAX)
		return -HX_EINVAL;
	f->pos = pos;
	return 0;
}

int hx_vfs_readdir(struct hx_file *dir, struct hx_fs_dirent *out)
{
	struct hx_fnode *n = dir->node;
	int err;

	if (n->type != HX_FNODE_DIR)
		return -HX_ENOTDIR;
	hx_mutex_lock(&n->lock);
	err = n->mount->ops->readdir(n, &dir->pos, out);
	hx_mutex_unlock(&n->lock);
	return err;
}
