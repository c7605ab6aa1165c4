// SPDX-License-Identifier: MIT
/*
 * Mounts: which filesystem covers which directory. The first mount is the root; it is never
 * covered twice by accident, because mounting looks at the uppermost node of the path.
 */
#include <hx/core/assert.h>
#include <hx/core/heap.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/string.h>

#include "vfs_priv.h"

struct hx_mutex vfs_lock;
struct hx_list vfs_mounts = HX_LIST_INIT(vfs_mounts);

static const struct hx_fs_ops *find_type(const char *name)
{
	const struct hx_fs_ops *const *it;

	HX_SECTION_FOREACH(it, hx_fs_types) {
		if (hx_strcmp((*it)->name, name) == 0)
			return *it;
	}
	return FS_IS_LOADABLE ? vfs_type_take(name) : NULL;
}

static int check_type(const struct hx_fs_ops *ops)
{
	if (ops->abi != HX_FS_ABI)
		return -HX_EPROTO;
	if (ops->mount == NULL || ops->lookup == NULL || ops->read == NULL ||
	    ops->readdir == NULL || ops->release == NULL)
		return -HX_EINVAL;
	return 0;
}

/* The directory to cover, referenced for as long as it is covered; NULL for the root mount. */
static int find_mount_point(const char *path, struct hx_fnode **out)
{
	struct vfs_walk w;
	int err;

	if (hx_list_is_empty(&vfs_mounts)) {
		*out = NULL;
		return hx_strcmp(path, "/") == 0 ? 0 : -HX_ENOENT;
	}
	if (hx_strcmp(path, "/") == 0)
		return -HX_EBUSY;
	err = vfs_walk(&w, path, 0);
	if (err != 0)
		return err;
	if (walk_node(&w)->type != HX_FNODE_DIR)
		err = -HX_ENOTDIR;
	else
		*out = vfs_node_get(walk_node(&w));
	vfs_walk_end(&w);
	return err;
}

static int mount_locked(struct hx_mount *m, const char *source, const char *path,
			const char *options)
{
	struct hx_fnode *covers;
	int err = find_mount_point(path, &covers);

	if (err != 0)
		return err;
	err = m->ops->mount(m, source, options);
	if (err != 0) {
		if (covers != NULL)
			vfs_node_put(covers);
		return err;
	}
	hx_verify(m->root != NULL && m->root->type == HX_FNODE_DIR);
	m->covers = covers;
	if (covers != NULL)
		covers->mounted_here = m;
	hx_list_push_back(&vfs_mounts, &m->link);
	return 0;
}

int hx_vfs_mount(const char *type, const char *source, const char *path, uint32_t flags,
		 const char *options)
{
	struct hx_mount *m;
	int err;

	if (hx_strlen(path) >= sizeof(m->path))
		return -HX_ENAMETOOLONG;
	m = hx_zalloc(sizeof(*m));
	if (m == NULL)
		return -HX_ENOMEM;
	m->ops = find_type(type);
	m->flags = flags;
	hx_list_init(&m->nodes);
	hx_strlcpy(m->path, path, sizeof(m->path));
	err = m->ops != NULL ? check_type(m->ops) : -HX_ENODEV;
	if (err == 0) {
		hx_mutex_lock(&vfs_lock);
		err = mount_locked(m, source, path, options);
		hx_mutex_unlock(&vfs_lock);
	}
	if (err != 0)
		vfs_mount_free(m);
	return err;
}

static int unmount_locked(struct hx_mount *m)
{
	struct hx_list *it;
	int err;

	HX_LIST_FOREACH(it, &vfs_mounts) {
		struct hx_mount *other = HX_LIST_ENTRY(it, struct hx_mount, link);

		if (other->covers != NULL && other->covers->mount == m)
			return -HX_EBUSY;
	}
	/* The filesystem refuses with -HX_EBUSY while its nodes are referenced. */
	err = m->ops->unmount != NULL ? m->ops->unmount(m) : -HX_ENOTSUP;
	if (err != 0)
		return err;
	hx_list_remove(&m->link);
	if (m->covers != NULL) {
		m->covers->mounted_here = NULL;
		vfs_node_put(m->covers);
	}
	return 0;
}

int hx_vfs_unmount(const char *path)
{
	struct hx_mount *m = NULL;
	struct hx_list *it;
	int err = -HX_EINVAL;

	hx_mutex_lock(&vfs_lock);
	/* The last one mounted there is the uppermost. */
	HX_LIST_FOREACH(it, &vfs_mounts) {
		struct hx_mount *at = HX_LIST_ENTRY(it, struct hx_mount, link);

		if (hx_strcmp(at->path, path) == 0)
			m = at;
	}
	if (m != NULL)
		err = unmount_locked(m);
	hx_mutex_unlock(&vfs_lock);
	if (err == 0)
		vfs_mount_free(m);
	return err;
}

static int vfs_init(void)
{
	hx_mutex_init(&vfs_lock);
	hx_list_init(&vfs_mounts);
	return 0;
}

static void vfs_shutdown(void)
{
	/* Latest first: a mount inside another goes before it. */
	while (!hx_list_is_empty(&vfs_mounts)) {
		struct hx_mount *m = HX_LIST_ENTRY(vfs_mounts.prev, struct hx_mount, link);
		int err = unmount_locked(m);

		if (err != 0) {
			hx_warn("vfs", "%s stays mounted: error %d", m->path, -err);
			return;
		}
		vfs_mount_free(m);
	}
}

HX_COMPONENT(vfs) = {
	.name = "vfs", .phase = HX_PHASE_LATE, .version = 1,
	.needs = "heap threads log",
	.init = vfs_init, .shutdown = vfs_shutdown,
};
