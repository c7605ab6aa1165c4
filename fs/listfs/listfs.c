// SPDX-License-Identifier: MIT
/*
 * A filesystem in RAM, as plain as can be: a directory is a list of entries in the order they were
 * made, a file is a list of pages in the order of the file. Same operations, same tests as ramfs,
 * which is the fast one; this one shows what must be done, and is what to read first.
 *
 *	list_node (dir)  --items--> list_entry --> list_entry ...	each --node--> list_node
 *	list_node (file) --items--> list_page  --> list_page ...	what is not there is a hole
 *
 * A node lives while it has a name or somebody holds a reference.
 */
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/string.h>
#include <hx/fs/fs_class.h>
#include <hx/hal/mmu.h>
#include <hx/hal/timer.h>

#define LIST_MAX_BYTES	(1ull << 40)

/* The own part of a node of the VFS. Key: n the node's lock. */
struct list_node {
	struct hx_fnode *fnode;		/* first: hx_fnode_create() */
	struct hx_list items;		/* n list_entry.link, or list_page.link */
	uint64_t last_pos;		/* n of a directory: readdir's position of the last entry */
	char *target;			/* of a link */
};

struct list_entry {
	struct hx_list link;
	uint64_t pos;			/* only grows, so readdir survives changes */
	struct list_node *node;
	size_t len;
	char name[];
};

struct list_page {
	struct hx_list link;
	uint64_t idx;			/* which page of the file */
	hx_paddr_t pa;
};

struct listfs {
	uint64_t n_pages;		/* a at most hx_mount.max_bytes */
};

static struct list_node *of(const struct hx_fnode *n)
{
	return n->priv;
}

/* ---- nodes */

static struct list_node *node_create(struct hx_mount *m, uint32_t type, uint32_t mode)
{
	struct hx_fnode *n = hx_fnode_create(m, type, mode, sizeof(struct list_node));

	if (n == NULL)
		return NULL;
	hx_list_init(&of(n)->items);
	return of(n);
}

static void cut_from(struct list_node *f, uint64_t idx);

static void node_destroy(struct list_node *n)
{
	if (n->fnode->type == HX_FNODE_FILE)
		cut_from(n, 0);
	hx_free(n->target);
	hx_fnode_destroy(n->fnode);
}

static void listfs_release(struct hx_fnode *n)
{
	if (n->n_links == 0)
		node_destroy(of(n));
}

/* ---- names */

static struct list_entry *find(const struct list_node *dir, const char *name, size_t len)
{
	struct hx_list *it;

	HX_LIST_FOREACH(it, &dir->items) {
		struct list_entry *e = HX_LIST_ENTRY(it, struct list_entry, link);

		if (e->len == len && memcmp(e->name, name, len) == 0)
			return e;
	}
	return NULL;
}

static struct list_entry *entry_create(const char *name, size_t len)
{
	struct list_entry *e = hx_alloc(sizeof(*e) + len);

	if (e == NULL)
		return NULL;
	e->len = len;
	memcpy(e->name, name, len);
	return e;
}

static void entry_link(struct list_node *dir, struct list_entry *e, struct list_node *node)
{
	e->node = node;
	e->pos = ++dir->last_pos;
	hx_list_push_back(&dir->items, &e->link);
	dir->fnode->mtime_ns = hx_now_ns();
}

static void entry_destroy(struct list_node *dir, struct list_entry *e)
{
	hx_list_remove(&e->link);
	hx_free(e);
	dir->fnode->mtime_ns = hx_now_ns();
}

static int listfs_lookup(struct hx_fnode *dir, const char *name, size_t len, struct hx_fnode **out)
{
	struct list_entry *e = find(of(dir), name, len);

	if (e == NULL)
		return -HX_ENOENT;
	e->node->fnode->n_refs++;
	*out = e->node->fnode;
	return 0;
}

static int set_target(struct list_node *n, const char *target)
{
	size_t len = hx_strlen(target);

	n->target = hx_alloc(len + 1);
	if (n->target == NULL)
		return -HX_ENOMEM;
	memcpy(n->target, target, len + 1);
	n->fnode->size_bytes = len;
	return 0;
}

static int listfs_create(struct hx_fnode *dir, const char *name, size_t len,
			 const struct hx_fs_create *what, struct hx_fnode **out)
{
	struct list_entry *e;
	struct list_node *n;

	if (dir->n_links == 0)
		return -HX_ENOENT;	/* removed while somebody held it open */
	if (find(of(dir), name, len) != NULL)
		return -HX_EEXIST;
	e = entry_create(name, len);
	if (e == NULL)
		return -HX_ENOMEM;
	n = node_create(dir->mount, what->type, what->mode);
	if (n == NULL)
		goto free_entry;
	if (what->type == HX_FNODE_SYMLINK && set_target(n, what->target) != 0)
		goto destroy_node;
	n->fnode->n_links = 1;
	n->fnode->n_refs = 1;
	entry_link(of(dir), e, n);
	*out = n->fnode;
	return 0;

destroy_node:
	node_destroy(n);
free_entry:
	hx_free(e);
	return -HX_ENOMEM;
}

static int listfs_unlink(struct hx_fnode *dir, const char *name, size_t len, struct hx_fnode *node)
{
	struct list_entry *e = find(of(dir), name, len);

	if (e == NULL || e->node != of(node))
		return -HX_ENOENT;
	if (node->type == HX_FNODE_DIR && !hx_list_is_empty(&of(node)->items))
		return -HX_ENOTEMPTY;
	entry_destroy(of(dir), e);
	node->n_links--;
	return 0;
}

/* May `old` be replaced by `moved`? As POSIX rename(): same sort, and a directory only if empty. */
static int check_replace(const struct list_node *moved, const struct list_node *old)
{
	if (moved->fnode->type == HX_FNODE_DIR && old->fnode->type != HX_FNODE_DIR)
		return -HX_ENOTDIR;
	if (moved->fnode->type != HX_FNODE_DIR && old->fnode->type == HX_FNODE_DIR)
		return -HX_EISDIR;
	if (old->fnode->type == HX_FNODE_DIR && !hx_list_is_empty(&old->items))
		return -HX_ENOTEMPTY;
	return 0;
}

static int listfs_rename(struct hx_fnode *from, const char *name, size_t len, struct hx_fnode *to,
			 const char *new_name, size_t new_len)
{
	struct list_entry *e = find(of(from), name, len), *there, *fresh;
	struct list_node *moved;
	int err;

	if (e == NULL || to->n_links == 0)
		return -HX_ENOENT;
	moved = e->node;
	there = find(of(to), new_name, new_len);
	if (there == e)
		return 0;
	err = there != NULL ? check_replace(moved, there->node) : 0;
	if (err != 0)
		return err;
	fresh = entry_create(new_name, new_len);
	if (fresh == NULL)
		return -HX_ENOMEM;	/* the last step that can fail */
	if (there != NULL) {
		struct list_node *old = there->node;

		entry_destroy(of(to), there);
		if (--old->fnode->n_links == 0 && old->fnode->n_refs == 0)
			node_destroy(old);
	}
	entry_destroy(of(from), e);
	entry_link(of(to), fresh, moved);
	return 0;
}

static int listfs_readdir(struct hx_fnode *dir, uint64_t *pos, struct hx_fs_dirent *out)
{
	struct hx_list *it;

	HX_LIST_FOREACH(it, &of(dir)->items) {
		struct list_entry *e = HX_LIST_ENTRY(it, struct list_entry, link);

		if (e->pos <= *pos)
			continue;
		out->ino = e->node->fnode->ino;
		out->type = e->node->fnode->type;
		memcpy(out->name, e->name, e->len);
		out->name[e->len] = '\0';
		*pos = e->pos;
		return 0;
	}
	return -HX_ENOENT;
}

/* ---- contents */

/* The first page that is idx or behind it; NULL: none. */
static struct list_page *page_from(const struct list_node *f, uint64_t idx)
{
	struct hx_list *it;

	HX_LIST_FOREACH(it, &f->items) {
		struct list_page *p = HX_LIST_ENTRY(it, struct list_page, link);

		if (p->idx >= idx)
			return p;
	}
	return NULL;
}

static void *bytes_of(const struct list_page *p)
{
	return hx_phys_to_virt(p->pa);
}

static void page_destroy(struct listfs *fs, struct list_page *p)
{
	hx_list_remove(&p->link);
	hx_frames_free(p->pa, 0);
	hx_free(p);
	__atomic_sub_fetch(&fs->n_pages, 1, __ATOMIC_RELAXED);
}

/* Page idx, in its place of the list; NULL: no room. */
static struct list_page *page_create(struct list_node *f, uint64_t idx)
{
	const struct hx_mount *m = f->fnode->mount;
	struct listfs *fs = m->priv;
	struct list_page *p, *next = page_from(f, idx);
	struct hx_list *before = next != NULL ? &next->link : &f->items;

	if (__atomic_add_fetch(&fs->n_pages, 1, __ATOMIC_RELAXED) > m->max_bytes / HX_PAGE_SIZE)
		goto give_up;
	p = hx_alloc(sizeof(*p));
	if (p == NULL)
		goto give_up;
	p->idx = idx;
	if (hx_frames_alloc(0, HX_FRAMES_ZERO, &p->pa) == 0) {
		hx_list_push_back(before, &p->link);	/* in front of it */
		return p;
	}
	hx_free(p);
give_up:
	__atomic_sub_fetch(&fs->n_pages, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void cut_from(struct list_node *f, uint64_t idx)
{
	struct list_page *p;

	while ((p = page_from(f, idx)) != NULL)
		page_destroy(f->fnode->mount->priv, p);
}

static hx_ssize_t listfs_read(struct hx_fnode *n, void *buf, size_t size, uint64_t off)
{
	size_t done = 0;

	if (off >= n->size_bytes)
		return 0;
	size = hx_min_u64(size, n->size_bytes - off);
	if (n->type == HX_FNODE_SYMLINK) {
		memcpy(buf, of(n)->target + off, size);
		return (hx_ssize_t)size;
	}
	while (done < size) {
		uint64_t idx = (off + done) >> HX_PAGE_SHIFT;
		size_t in_page = (off + done) & (HX_PAGE_SIZE - 1);
		size_t len = hx_min_u64(size - done, HX_PAGE_SIZE - in_page);
		const struct list_page *p = page_from(of(n), idx);

		if (p != NULL && p->idx == idx)
			memcpy((uint8_t *)buf + done, (uint8_t *)bytes_of(p) + in_page, len);
		else
			memset((uint8_t *)buf + done, 0, len);
		done += len;
	}
	return (hx_ssize_t)done;
}

/* A write stops at the first page it cannot get and tells how far it came. */
static hx_ssize_t listfs_write(struct hx_fnode *n, const void *buf, size_t size, uint64_t off)
{
	size_t done = 0;

	if (off > LIST_MAX_BYTES || size > LIST_MAX_BYTES - off)
		return -HX_EFBIG;
	while (done < size) {
		uint64_t idx = (off + done) >> HX_PAGE_SHIFT;
		size_t in_page = (off + done) & (HX_PAGE_SIZE - 1);
		size_t len = hx_min_u64(size - done, HX_PAGE_SIZE - in_page);
		struct list_page *p = page_from(of(n), idx);

		if (p == NULL || p->idx != idx)
			p = page_create(of(n), idx);
		if (p == NULL)
			break;
		memcpy((uint8_t *)bytes_of(p) + in_page, (const uint8_t *)buf + done, len);
		done += len;
	}
	if (done == 0)
		return size == 0 ? 0 : -HX_ENOSPC;
	n->size_bytes = hx_max_u64(n->size_bytes, off + done);
	n->mtime_ns = hx_now_ns();
	return (hx_ssize_t)done;
}

/* Bytes behind the end of a file are zero in its last page, so growing needs no clearing. */
static int listfs_truncate(struct hx_fnode *n, uint64_t size)
{
	size_t tail = size & (HX_PAGE_SIZE - 1);
	struct list_page *last = page_from(of(n), size >> HX_PAGE_SHIFT);

	if (size > LIST_MAX_BYTES)
		return -HX_EFBIG;
	if (tail != 0 && last != NULL && last->idx == size >> HX_PAGE_SHIFT)
		memset((uint8_t *)bytes_of(last) + tail, 0, HX_PAGE_SIZE - tail);
	cut_from(of(n), (size >> HX_PAGE_SHIFT) + (tail != 0));
	n->size_bytes = size;
	n->mtime_ns = hx_now_ns();
	return 0;
}

/* ---- the mount */

static int listfs_mount(struct hx_mount *m, const char *source, const char *options)
{
	struct listfs *fs = hx_zalloc(sizeof(*fs));
	struct list_node *root;

	if (fs == NULL)
		return -HX_ENOMEM;
	if (m->max_bytes == 0)
		m->max_bytes = hx_frames_n_free() / 2 * HX_PAGE_SIZE;
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
static int listfs_unmount(struct hx_mount *m)
{
	struct hx_list *it, *next;

	HX_LIST_FOREACH(it, &m->nodes) {
		if (HX_LIST_ENTRY(it, struct hx_fnode, link)->n_refs != 0)
			return -HX_EBUSY;
	}
	HX_LIST_FOREACH_SAFE(it, next, &m->nodes) {
		struct list_node *n = of(HX_LIST_ENTRY(it, struct hx_fnode, link));

		while (n->fnode->type == HX_FNODE_DIR && !hx_list_is_empty(&n->items))
			entry_destroy(n, HX_LIST_ENTRY(n->items.next, struct list_entry, link));
		node_destroy(n);
	}
	hx_free(m->priv);
	return 0;
}

static const struct hx_fs_ops listfs_ops = {
	.abi = HX_FS_ABI, .name = "listfs",
	.mount = listfs_mount, .unmount = listfs_unmount,
	.lookup = listfs_lookup, .create = listfs_create, .unlink = listfs_unlink,
	.rename = listfs_rename, .read = listfs_read, .write = listfs_write,
	.truncate = listfs_truncate, .readdir = listfs_readdir, .release = listfs_release,
};
HX_FS_TYPE(listfs_ops);

/* ---- for swaps */

static uint64_t listfs_data(struct hx_fnode *n, uint64_t off)
{
	const struct list_page *p = page_from(of(n), off >> HX_PAGE_SHIFT);

	return p == NULL ? UINT64_MAX : hx_max_u64(off, p->idx << HX_PAGE_SHIFT);
}

static void listfs_seek(struct hx_fnode *dir, uint64_t pos)
{
	of(dir)->last_pos = pos - 1;
}

static const struct hx_fs_swap_ops listfs_swap_ops = {
	.abi = HX_FS_SWAP_ABI, .name = "listfs", .data = listfs_data, .seek = listfs_seek,
};
HX_FS_SWAP(listfs_swap_ops);
