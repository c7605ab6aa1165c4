// SPDX-License-Identifier: MIT
/*
 * Instead of a filesystem that broke: a module whose border answers each call with an error. What
 * it had is lost. The new one begins empty, with a directory for each mount; open files answer EIO
 * until they are closed. From the commit on nothing of the module is called, so it can be unloaded.
 */
#include <hx/core/heap.h>
#include <hx/core/log.h>
#include <hx/core/string.h>

#include "swap_priv.h"

/* ---- what answers for nodes that somebody still has */

static int lost_lookup(struct hx_fnode *dir, const char *name, size_t len, struct hx_fnode **out)
{
	return -HX_EIO;
}

static hx_ssize_t lost_read(struct hx_fnode *n, void *buf, size_t size, uint64_t off)
{
	return -HX_EIO;
}

static hx_ssize_t lost_write(struct hx_fnode *n, const void *buf, size_t size, uint64_t off)
{
	return -HX_EIO;
}

static int lost_readdir(struct hx_fnode *dir, uint64_t *pos, struct hx_fs_dirent *out)
{
	return -HX_EIO;
}

/* The last one takes the mount along. */
static void lost_release(struct hx_fnode *n)
{
	struct hx_mount *m = n->mount;

	hx_fnode_destroy(n);
	if (hx_list_is_empty(&m->nodes))
		hx_free(m);
}

static const struct hx_fs_ops lost_ops = {
	.abi = HX_FS_ABI, .name = "lost", .lookup = lost_lookup, .read = lost_read,
	.write = lost_write, .readdir = lost_readdir, .release = lost_release,
};

/* ---- */

void fs_swap_free_nodes(struct hx_mount *m)
{
	struct hx_list *it, *next;

	HX_LIST_FOREACH_SAFE(it, next, &m->nodes) {
		struct hx_fnode *n = HX_LIST_ENTRY(it, struct hx_fnode, link);

		if (n->n_refs == 0)
			hx_fnode_destroy(n);
	}
}

/* A filesystem in memory that cannot read its root has nothing to hand over. */
bool fs_swap_is_lost(const struct hx_mount *m)
{
	struct hx_fs_dirent e;
	uint64_t pos = 0;
	int err = m->ops->readdir(m->root, &pos, &e);

	return err == -HX_EIO || err == -HX_EFAULT;
}

/* A directory of the new one, referenced, and all above it. */
static int make_place(struct fs_swap *s, const char *path, struct hx_fnode **out)
{
	const struct hx_fs_create what = { .type = HX_FNODE_DIR, .mode = 0755 };
	const struct hx_fs_ops *ops = s->new->ops;
	struct hx_fnode *dir = vfs_node_get(s->new->root), *next;

	for (;;) {
		size_t len = 0;
		int err;

		while (*path == '/')
			path++;
		if (*path == '\0')
			break;
		while (path[len] != '\0' && path[len] != '/')
			len++;
		err = ops->lookup(dir, path, len, &next);
		if (err == -HX_ENOENT)
			err = ops->create(dir, path, len, &what, &next);
		vfs_node_put(dir);
		if (err != 0)
			return fs_swap_wrong(s, err, "no place for a mount");
		dir = next;
		path += len;
	}
	*out = dir;
	return 0;
}

/* The places are the twins of the nodes that were covered. */
int fs_swap_make_places(struct fs_swap *s)
{
	struct hx_list *it;
	int err = 0;

	HX_LIST_FOREACH(it, &vfs_mounts) {
		struct hx_mount *m = HX_LIST_ENTRY(it, struct hx_mount, link);

		if (err != 0 || m->covers == NULL || m->covers->mount != s->old)
			continue;
		err = make_place(s, m->path, &s->held[m->covers->held - 1].twin);
		s->swap->n_items++;
	}
	return err;
}

void fs_swap_leave_lost(struct fs_swap *s)
{
	for (uint32_t i = 0; i < s->n_held; i++) {
		struct fs_held *h = &s->held[i];

		if (h->twin == NULL)
			continue;
		h->twin->mounted_here = h->node->mounted_here;
		h->twin->mounted_here->covers = h->twin;	/* with our reference */
		h->node->mounted_here = NULL;
	}
	s->old->ops = &lost_ops;
	vfs_node_get(s->old->root);	/* so that the mount stays until the end */
}

void fs_swap_end_lost(struct fs_swap *s)
{
	hx_warn("vfs", "%s broke: what it had is lost", ((const struct hx_fs_ops *)
		s->swap->old)->name);
	hx_mutex_lock(&vfs_lock);
	for (uint32_t i = 0; i < s->n_held; i++) {
		if (s->held[i].twin == NULL)
			s->held[i].node = NULL;		/* open, or was when we looked */
	}
	fs_swap_free_nodes(s->old);
	for (uint32_t i = 0; i < s->n_held; i++) {
		if (s->held[i].node != NULL)
			vfs_node_put(s->held[i].node);	/* the reference of what was mounted */
	}
	vfs_node_put(s->old->root);
	hx_mutex_unlock(&vfs_lock);
	if (HX_ENABLED(SLOT_DYNAMIC))
		hx_slot_put(s->swap->old);
	hx_free(s->held);
	hx_free(s);
}
