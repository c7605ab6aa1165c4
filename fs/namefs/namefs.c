// SPDX-License-Identifier: MIT
/*
 * The name space as a filesystem. A node here is only a path: it is made by a look-up and freed
 * with its last reference, and every operation asks the name space again. One mount serves one
 * top-level directory ("/proc"), named by the mount's source.
 *
 * A read at an offset runs the node's show() with a window over the text, so nothing is stored; two
 * reads of a changing node may not fit together, as with any file that somebody writes meanwhile.
 */
#include <hx/core/assert.h>
#include <hx/core/hash.h>
#include <hx/core/heap.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/names.h>
#include <hx/core/string.h>
#include <hx/fs/vfs.h>

#include "namefs_priv.h"

struct name_node {
	struct hx_fnode fnode;
	char path[HX_NAME_PATH_MAX];
};

static struct name_node *node_of(struct hx_fnode *n)
{
	return HX_CONTAINER_OF(n, struct name_node, fnode);
}

/* A node for a path of the name space; not referenced yet. */
static int node_create(struct hx_mount *m, const char *path, struct hx_fnode **out)
{
	struct hx_name_stat st;
	struct name_node *n;
	int err = hx_names_stat(path, &st);

	if (err != 0)
		return err;
	n = hx_zalloc(sizeof(*n));
	if (n == NULL)
		return -HX_ENOMEM;
	hx_strlcpy(n->path, path, sizeof(n->path));
	n->fnode.mount = m;
	n->fnode.ino = hx_hash_bytes(path, hx_strlen(path), 0) | 1;
	n->fnode.type = st.is_dir ? HX_FNODE_DIR : HX_FNODE_FILE;
	n->fnode.mode = st.is_dir ? 0555 : ((st.rights & HX_NODE_READ) ? 0444 : 0) |
			((st.rights & (HX_NODE_WRITE | HX_NODE_APPEND)) ? 0200 : 0);
	n->fnode.n_links = 1;
	n->fnode.size_bytes = st.size_bytes;
	hx_mutex_init(&n->fnode.lock);
	*out = &n->fnode;
	return 0;
}

static int namefs_lookup(struct hx_fnode *dir, const char *name, size_t len, struct hx_fnode **out)
{
	const char *base = node_of(dir)->path;
	size_t base_len = hx_strlen(base);
	char path[HX_NAME_PATH_MAX];
	int err;

	if (base_len + 1 + len >= sizeof(path))
		return -HX_ENAMETOOLONG;
	memcpy(path, base, base_len);
	path[base_len] = '/';
	memcpy(path + base_len + 1, name, len);
	path[base_len + 1 + len] = '\0';
	err = node_create(dir->mount, path, out);
	if (err == 0)
		(*out)->n_refs = 1;
	return err;
}

static hx_ssize_t namefs_read(struct hx_fnode *n, void *buf, size_t size, uint64_t off)
{
	struct hx_text_window w;
	int err;

	hx_text_window_init(&w, buf, size, off);
	err = hx_names_show(node_of(n)->path, &w.text);
	return err != 0 ? err : (hx_ssize_t)w.used;
}

/* Whole lines only: a line is checked whole before it has any effect. The last one may lack its
 * line end. Stops at the first line that is refused. */
static hx_ssize_t namefs_write(struct hx_fnode *n, const void *buf, size_t size, uint64_t off)
{
	const char *in = buf;
	size_t done = 0;

	while (done < size) {
		const char *end = hx_memchr(in + done, '\n', size - done);
		size_t len = (end != NULL ? (size_t)(end - in) : size) - done;
		struct hx_text_buf ack;
		char line[HX_LINE_MAX + 1], ack_text[64];
		int err = len > HX_LINE_MAX ? -HX_E2BIG : 0;

		if (err == 0) {
			memcpy(line, in + done, len);
			line[len] = '\0';
			hx_text_buf_init(&ack, ack_text, sizeof(ack_text));
			err = hx_strlen(line) != len ? -HX_EINVAL :
			      hx_names_take(node_of(n)->path, line, &ack.text);
		}
		if (err != 0)
			return done != 0 ? (hx_ssize_t)done : err;
		done += len + (end != NULL);
	}
	return (hx_ssize_t)done;
}

static int namefs_readdir(struct hx_fnode *dir, uint64_t *pos, struct hx_fs_dirent *out)
{
	const struct name_node *n = node_of(dir);
	char name[HX_NAME_MAX];
	struct hx_name_stat st;
	int err;

	if (*pos > UINT32_MAX)
		return -HX_ENOENT;
	err = hx_names_list(n->path, (unsigned)*pos, name, &st);
	if (err != 0)
		return err;
	out->ino = (hx_hash_bytes(name, hx_strlen(name), dir->ino)) | 1;
	out->type = st.is_dir ? HX_FNODE_DIR : HX_FNODE_FILE;
	hx_strlcpy(out->name, name, sizeof(out->name));
	(*pos)++;
	return 0;
}

static void namefs_release(struct hx_fnode *n)
{
	if (n != n->mount->root)
		hx_free(node_of(n));
}

static int namefs_mount(struct hx_mount *m, const char *source, const char *options)
{
	return source == NULL ? -HX_EINVAL : node_create(m, source, &m->root);
}

static int namefs_unmount(struct hx_mount *m)
{
	if (m->root->n_refs != 0)
		return -HX_EBUSY;
	hx_free(node_of(m->root));
	return 0;
}

static const struct hx_fs_ops namefs_ops = {
	.abi = HX_FS_ABI, .name = "namefs",
	.mount = namefs_mount, .unmount = namefs_unmount,
	.lookup = namefs_lookup, .read = namefs_read, .write = namefs_write,
	.readdir = namefs_readdir, .release = namefs_release,
};
HX_FS_TYPE(namefs_ops);

/* One mount for each directory at the top of the name space. */
static int namefs_init(void)
{
	char path[HX_NAME_MAX + 1] = "/";
	struct hx_name_stat st;

	for (unsigned i = 0; hx_names_list("/", i, path + 1, &st) == 0; i++) {
		int err;

		if (!st.is_dir)
			continue;
		err = hx_vfs_mkdir(path, 0555);
		if (err == 0)
			err = hx_vfs_mount("namefs", path, path, 0, NULL);
		if (err != 0) {
			hx_error("namefs", "cannot mount %s: error %d", path, -err);
			return err;
		}
	}
	namefs_tree_attach();
	return 0;
}

HX_COMPONENT(namefs) = {
	.name = "namefs", .phase = HX_PHASE_LATE, .version = 1,
	.needs = "rootfs names",
	.init = namefs_init, .shutdown = namefs_tree_detach,
};
