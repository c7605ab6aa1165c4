// SPDX-License-Identifier: MIT
/*
 * A filesystem in RAM: the names. Directories are two red-black trees over the same entries, by
 * name for look-up (O(log n), byte order) and by a cookie that only grows for readdir, which
 * therefore neither repeats nor skips an entry that stays while others come and go.
 *
 * A node lives while it has a name or somebody holds a reference; release() frees it after both are
 * gone. All changes of names happen under the VFS lock.
 */
#include <hx/config/fs_ramfs.h>
#include <hx/core/assert.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/string.h>
#include <hx/fs/fs_class.h>
#include <hx/hal/mmu.h>
#include <hx/hal/timer.h>

#include "ramfs_priv.h"

struct name_key {
	const char *name;
	size_t len;
};

static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int c = (uint8_t)a[0] - (uint8_t)b[0];	/* no name is empty, and most differ here */

	if (c == 0)
		c = memcmp(a, b, hx_min_u64(a_len, b_len));
	return c != 0 ? c : (a_len > b_len) - (a_len < b_len);
}

static bool name_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	const struct ramfs_entry *x = HX_CONTAINER_OF(a, struct ramfs_entry, by_name);
	const struct ramfs_entry *y = HX_CONTAINER_OF(b, struct ramfs_entry, by_name);

	return compare_names(x->name, x->len, y->name, y->len) < 0;
}

static bool cookie_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return HX_CONTAINER_OF(a, struct ramfs_entry, by_cookie)->cookie <
	       HX_CONTAINER_OF(b, struct ramfs_entry, by_cookie)->cookie;
}

static int name_compare(const struct hx_rb_node *n, const void *key)
{
	const struct ramfs_entry *e = HX_CONTAINER_OF(n, struct ramfs_entry, by_name);
	const struct name_key *k = key;

	return compare_names(e->name, e->len, k->name, k->len);
}

static int cookie_compare(const struct hx_rb_node *n, const void *key)
{
	uint64_t cookie = HX_CONTAINER_OF(n, struct ramfs_entry, by_cookie)->cookie;
	uint64_t want = *(const uint64_t *)key;

	return (cookie > want) - (cookie < want);
}

static struct ramfs_entry *find(const struct ramfs_node *dir, const char *name, size_t len)
{
	struct name_key key = { name, len };
	struct hx_rb_node *n = hx_rb_lower_bound(&dir->by_name, name_compare, &key);
	struct ramfs_entry *e = HX_CONTAINER_OF(n, struct ramfs_entry, by_name);

	return n != NULL && e->len == len && memcmp(e->name, name, len) == 0 ? e : NULL;
}

static struct ramfs_node *node_create(struct hx_mount *m, uint32_t type, uint32_t mode)
{
	struct hx_fnode *fnode = hx_fnode_create(m, type, mode, sizeof(struct ramfs_node));
	struct ramfs_node *n;

	if (fnode == NULL)
		return NULL;
	n = ramfs_node_of(fnode);
	if (type == HX_FNODE_DIR) {
		hx_rb_init(&n->by_name, name_less);
		hx_rb_init(&n->by_cookie, cookie_less);
	}
	return n;
}

static void node_destroy(struct ramfs_node *n)
{
	if (n->fnode->type == HX_FNODE_FILE)
		(void)ramfs_data_truncate(n->fnode, 0);
	hx_free(n->target);
	hx_fnode_destroy(n->fnode);
}

static struct ramfs_entry *entry_create(const char *name, size_t len)
{
	struct ramfs_entry *e = hx_alloc(sizeof(*e) + len);

	if (e == NULL)
		return NULL;
	e->by_name.linked = e->by_cookie.linked = 0;
	e->len = len;
	memcpy(e->name, name, len);
	return e;
}

static void entry_link(struct ramfs_node *dir, struct ramfs_entry *e, struct ramfs_node *node)
{
	e->node = node;
	e->cookie = ++dir->next_cookie;
	hx_rb_insert(&dir->by_name, &e->by_name);
	hx_rb_insert(&dir->by_cookie, &e->by_cookie);
	dir->fnode->size_bytes++;
	dir->fnode->mtime_ns = hx_now_ns();
}

static void entry_unlink(struct ramfs_node *dir, struct ramfs_entry *e)
{
	hx_rb_remove(&dir->by_name, &e->by_name);
	hx_rb_remove(&dir->by_cookie, &e->by_cookie);
	dir->fnode->size_bytes--;
	dir->fnode->mtime_ns = hx_now_ns();
}

static int ramfs_lookup(struct hx_fnode *dir, const char *name, size_t len, struct hx_fnode **out)
{
	struct ramfs_entry *e = find(ramfs_node_of(dir), name, len);

	if (e == NULL)
		return -HX_ENOENT;
	*out = e->node->fnode;
	(*out)->n_refs++;
	return 0;
}

static int set_target(struct ramfs_node *n, const char *target)
{
	size_t len = hx_strlen(target);

	n->target = hx_alloc(len + 1);
	if (n->target == NULL)
		return -HX_ENOMEM;
	memcpy(n->target, target, len + 1);
	n->fnode->size_bytes = len;
	return 0;
}

static int ramfs_create(struct hx_fnode *dir, const char *name, size_t len,
			const struct hx_fs_create *what, struct hx_fnode **out)
{
	struct ramfs_node *d = ramfs_node_of(dir), *n;
	struct ramfs_entry *e;

	if (dir->n_links == 0)
		return -HX_ENOENT;	/* removed while somebody held it open */
	if (find(d, name, len) != NULL)
		return -HX_EEXIST;
	e = entry_create(name, len);
	if (e == NULL)
		return -HX_ENOMEM;
	n = node_create(dir->mount, what->type, what->mode);
	if (n == NULL)
		goto free_entry;
	if (what->type == HX_FNODE_SYMLINK && set_target(n, what->target) != 0)
		goto destroy_node;
	entry_link(d, e, n);
	*out = n->fnode;
	(*out)->n_links = 1;
	(*out)->n_refs = 1;
	return 0;

destroy_node:
	node_destroy(n);
free_entry:
	hx_free(e);
	return -HX_ENOMEM;
}

static int ramfs_unlink(struct hx_fnode *dir, const char *name, size_t len, struct hx_fnode *node)
{
	struct ramfs_node *n = ramfs_node_of(node);
	struct ramfs_entry *e = find(ramfs_node_of(dir), name, len);

	if (e == NULL || e->node != n)
		return -HX_ENOENT;
	if (node->type == HX_FNODE_DIR && n->by_name.n_nodes != 0)
		return -HX_ENOTEMPTY;
	entry_unlink(ramfs_node_of(dir), e);
	hx_free(e);
	node->n_links--;
	return 0;
}

/* May `old` be replaced by `moved`? As POSIX rename(): same sort, and a directory only if empty. */
static int check_replace(const struct ramfs_node *moved, const struct ramfs_node *old)
{
	if (moved->fnode->type == HX_FNODE_DIR && old->fnode->type != HX_FNODE_DIR)
		return -HX_ENOTDIR;
	if (moved->fnode->type != HX_FNODE_DIR && old->fnode->type == HX_FNODE_DIR)
		return -HX_EISDIR;
	if (old->fnode->type == HX_FNODE_DIR && old->by_name.n_nodes != 0)
		return -HX_ENOTEMPTY;
	return 0;
}

static int ramfs_rename(struct hx_fnode *from, const char *name, size_t len, struct hx_fnode *to,
			const char *new_name, size_t new_len)
{
	struct ramfs_node *a = ramfs_node_of(from), *b = ramfs_node_of(to), *moved, *old = NULL;
	struct ramfs_entry *e = find(a, name, len), *there = find(b, new_name, new_len), *fresh;
	int err;

	if (e == NULL || to->n_links == 0)
		return -HX_ENOENT;
	moved = e->node;
	if (there != NULL) {
		old = there->node;
		if (old == moved)
			return 0;
		err = check_replace(moved, old);
		if (err != 0)
			return err;
	}
	fresh = entry_create(new_name, new_len);
	if (fresh == NULL)
		return -HX_ENOMEM;	/* the last step that can fail */
	if (there != NULL) {
		entry_unlink(b, there);
		hx_free(there);
		if (--old->fnode->n_links == 0 && old->fnode->n_refs == 0)
			node_destroy(old);
	}
	entry_unlink(a, e);
	hx_free(e);
	entry_link(b, fresh, moved);
	return 0;
}

static hx_ssize_t target_read(struct hx_fnode *n, void *buf, size_t size, uint64_t off)
{
	if (off >= n->size_bytes)
		return 0;
	size = hx_min_u64(size, n->size_bytes - off);
	memcpy(buf, ramfs_node_of(n)->target + off, size);
	return (hx_ssize_t)size;
}

static hx_ssize_t ramfs_read(struct hx_fnode *n, void *buf, size_t size, uint64_t off)
{
	return n->type == HX_FNODE_SYMLINK ? target_read(n, buf, size, off) :
	       ramfs_data_read(n, buf, size, off);
}

static hx_ssize_t ramfs_write(struct hx_fnode *n, const void *buf, size_t size, uint64_t off)
{
	n->mtime_ns = hx_now_ns();
	return ramfs_data_write(n, buf, size, off);
}

static int ramfs_truncate(struct hx_fnode *n, uint64_t size)
{
	n->mtime_ns = hx_now_ns();
	return ramfs_data_truncate(n, size);
}

static int ramfs_readdir(struct hx_fnode *dir, uint64_t *pos, struct hx_fs_dirent *out)
{
	uint64_t want = *pos + 1;
	struct hx_rb_node *n = hx_rb_lower_bound(&ramfs_node_of(dir)->by_cookie, cookie_compare,
						 &want);
	struct ramfs_entry *e;

	if (n == NULL)
		return -HX_ENOENT;
	e = HX_CONTAINER_OF(n, struct ramfs_entry, by_cookie);
	out->ino = e->node->fnode->ino;
	out->type = e->node->fnode->type;
	memcpy(out->name, e->name, e->len);
	out->name[e->len] = '\0';
	*pos = e->cookie;
	return 0;
}

static void ramfs_release(struct hx_fnode *n)
{
	if (n->n_links == 0)
		node_destroy(ramfs_node_of(n));
}

static int ramfs_mount(struct hx_mount *m, const char *source, const char *options)
{
	struct ramfs *fs = hx_zalloc(sizeof(*fs));
	struct ramfs_node *root;

	if (fs == NULL)
		return -HX_ENOMEM;
	if (m->max_bytes == 0)
		m->max_bytes = hx_frames_n_free() * HX_PAGE_SIZE / 100 * CONFIG_RAMFS_LIMIT_PERCENT;
	m->priv = fs;
	root = node_create(m, HX_FNODE_DIR, 0755);
	if (root == NULL) {
		hx_free(fs);
		return -HX_ENOMEM;
	}
	root->fnode->n_links = 1;
	m->root = root->fnode;
	return 0;
}

/* All nodes are on the mount's list, those without a name too. */
static int ramfs_unmount(struct hx_mount *m)
{
	struct hx_list *it, *next;

	HX_LIST_FOREACH(it, &m->nodes) {
		if (HX_LIST_ENTRY(it, struct hx_fnode, link)->n_refs != 0)
			return -HX_EBUSY;
	}
	HX_LIST_FOREACH_SAFE(it, next, &m->nodes) {
		struct ramfs_node *n = ramfs_node_of(HX_LIST_ENTRY(it, struct hx_fnode, link));
		struct hx_rb_node *first;

		while ((first = hx_rb_first(&n->by_name)) != NULL) {
			struct ramfs_entry *e = HX_CONTAINER_OF(first, struct ramfs_entry, by_name);

			entry_unlink(n, e);
			hx_free(e);
		}
		node_destroy(n);
	}
	hx_free(m->priv);
	return 0;
}

static const struct hx_fs_ops ramfs_ops = {
	.abi = HX_FS_ABI, .name = "ramfs",
	.mount = ramfs_mount, .unmount = ramfs_unmount,
	.lookup = ramfs_lookup, .create = ramfs_create, .unlink = ramfs_unlink,
	.rename = ramfs_rename, .read = ramfs_read, .write = ramfs_write,
	.truncate = ramfs_truncate, .readdir = ramfs_readdir, .release = ramfs_release,
};
HX_FS_TYPE(ramfs_ops);
