// SPDX-License-Identifier: MIT
/*
 * From a path to a node.
 *
 * The walk keeps the whole chain of directories it went through, each referenced:
 *
 *	"/a/b/../c"      chain: [/]  [/ a]  [/ a b]  [/ a]  [/ a c]
 *
 * ".." pops, so a mount's root leads to the directory it covers with no pointer kept in any node.
 * A symbolic link is replaced in the text: what is left becomes "target/rest".
 */
#include <hx/core/assert.h>
#include <hx/core/heap.h>
#include <hx/core/string.h>

#include "vfs_priv.h"

void vfs_node_put(struct hx_fnode *n)
{
	hx_assert(n->n_refs > 0);
	if (--n->n_refs == 0)
		n->mount->ops->release(n);
}

struct hx_fnode *vfs_cross_mounts(struct hx_fnode *n)
{
	while (n->mounted_here != NULL)
		n = n->mounted_here->root;
	return n;
}

int vfs_lookup_child(struct hx_fnode *dir, const char *name, size_t len, struct hx_fnode **out)
{
	int err;

	if (dir->type != HX_FNODE_DIR)
		return -HX_ENOTDIR;
	if (len > HX_FS_NAME_MAX)
		return -HX_ENAMETOOLONG;
	hx_mutex_lock(&dir->lock);
	err = dir->mount->ops->lookup(dir, name, len, out);
	hx_mutex_unlock(&dir->lock);
	if (err == 0 && (*out)->mounted_here != NULL) {
		struct hx_fnode *top = vfs_node_get(vfs_cross_mounts(*out));

		vfs_node_put(*out);
		*out = top;
	}
	return err;
}

static void walk_truncate(struct vfs_walk *w, unsigned depth)
{
	while (w->depth > depth)
		vfs_node_put(w->chain[--w->depth]);
}

void vfs_walk_end(struct vfs_walk *w)
{
	walk_truncate(w, 0);
}

/* One component down, or up for "..". */
static int walk_step(struct vfs_walk *w, const char *name, size_t len)
{
	struct hx_fnode *next;
	int err;

	if (len == 1 && name[0] == '.')
		return walk_node(w)->type == HX_FNODE_DIR ? 0 : -HX_ENOTDIR;
	if (len == 2 && name[0] == '.' && name[1] == '.') {
		if (walk_node(w)->type != HX_FNODE_DIR)
			return -HX_ENOTDIR;
		walk_truncate(w, w->depth > 1 ? w->depth - 1 : 1);
		return 0;
	}
	if (w->depth == VFS_DEPTH_MAX)
		return -HX_ENAMETOOLONG;
	err = vfs_lookup_child(walk_node(w), name, len, &next);
	if (err == 0)
		w->chain[w->depth++] = next;
	return err;
}

/* The node we are at is a link: put "target/rest" into a fresh buffer and step back. */
static int walk_link(struct vfs_walk *w, const char *rest, char **text)
{
	struct hx_fnode *link = walk_node(w);
	size_t rest_len = hx_strlen(rest);
	hx_ssize_t n;
	char *buf;

	if (link->size_bytes + 1 + rest_len + 1 > HX_FS_PATH_MAX)
		return -HX_ENAMETOOLONG;
	buf = hx_alloc(link->size_bytes + 1 + rest_len + 1);
	if (buf == NULL)
		return -HX_ENOMEM;
	hx_mutex_lock(&link->lock);
	n = link->mount->ops->read(link, buf, link->size_bytes, 0);
	hx_mutex_unlock(&link->lock);
	if (n <= 0) {
		hx_free(buf);
		return n < 0 ? (int)n : -HX_ENOENT;
	}
	buf[n] = '/';
	memcpy(buf + n + 1, rest, rest_len + 1);
	walk_truncate(w, buf[0] == '/' ? 1 : w->depth - 1);
	hx_free(*text);
	*text = buf;
	return 0;
}

static const char *skip_slashes(const char *p)
{
	while (*p == '/')
		p++;
	return p;
}

/* text: the heap copy that p points into once a link was followed; freed by the caller. */
static int walk_path(struct vfs_walk *w, const char *p, unsigned flags, char **text)
{
	unsigned n_links = 0;
	int err;

	for (p = skip_slashes(p); *p != '\0'; p = skip_slashes(p)) {
		const char *name = p;
		size_t len = 0;

		while (p[len] != '\0' && p[len] != '/')
			len++;
		p += len;
		if (*skip_slashes(p) == '\0' && (flags & WALK_PARENT))
			return walk_node(w)->type == HX_FNODE_DIR ? 0 : -HX_ENOTDIR;
		err = walk_step(w, name, len);
		if (err != 0)
			return err;
		if (walk_node(w)->type != HX_FNODE_SYMLINK ||
		    (*p == '\0' && (flags & WALK_NOFOLLOW)))
			continue;
		if (++n_links > VFS_LINKS_MAX)
			return -HX_ELOOP;
		err = walk_link(w, skip_slashes(p), text);
		if (err != 0)
			return err;
		p = *text;
	}
	return (flags & WALK_PARENT) ? -HX_EBUSY : 0;	/* "/" itself has no parent */
}

/* Links only ever replace what comes before the rest of a path, so the last component of the text
 * that was walked is that of the path as given. */
static void find_last(struct vfs_walk *w, const char *path)
{
	size_t end = hx_strlen(path), start;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/'; start--)
		;
	w->last = path + start;
	w->last_len = end - start;
}

int vfs_walk(struct vfs_walk *w, const char *path, unsigned flags)
{
	char *text = NULL;
	int err;

	hx_assert((flags & WALK_PARENT) == 0 || (flags & WALK_NOFOLLOW) == 0);
	if (path == NULL || path[0] != '/')
		return -HX_EINVAL;
	if (hx_strnlen(path, HX_FS_PATH_MAX) == HX_FS_PATH_MAX)
		return -HX_ENAMETOOLONG;
	if (hx_list_is_empty(&vfs_mounts))
		return -HX_ENOENT;
	w->depth = 1;
	w->last = NULL;
	w->chain[0] = vfs_node_get(vfs_cross_mounts(
		HX_LIST_ENTRY(vfs_mounts.next, struct hx_mount, link)->root));
	err = walk_path(w, path, flags, &text);
	hx_free(text);
	if (err != 0)
		walk_truncate(w, 0);
	else if (flags & WALK_PARENT)
		find_last(w, path);
	return err;
}
