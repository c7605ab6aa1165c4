// SPDX-License-Identifier: MIT
/*
 * Two walks through a tree by nothing but its filesystem's operations: to sum it up, to copy it.
 * Whoever swaps has vfs_lock, and the locks of all nodes in use; one that nobody refers to needs no
 * lock then, because nobody can get at it.
 *
 * Neither filesystem is believed: positions must grow, names be names, nodes be nodes, and there
 * are no more of them than numbers were given out, so a walk ends.
 */
#include <hx/core/fault.h>
#include <hx/core/hash.h>
#include <hx/core/string.h>

#include "swap_priv.h"

#define NAMELESS	"nameless"	/* for a moment, in a root that is empty */

HX_FAULT_POINT(fs_copy, "fs.copy", "a node does not go over in a swap of filesystems");

typedef int fs_visit(struct fs_swap *s, struct hx_fnode *n, struct hx_fnode **twin);

/* ---- the walk */

static struct fs_level *level_of(struct fs_swap *s)
{
	return s->depth > 0 ? &s->levels[s->depth - 1] : NULL;
}

static void walk_up(struct fs_swap *s)
{
	struct fs_level *l = &s->levels[--s->depth];

	if (l->twin != NULL)
		l->twin->mtime_ns = l->dir->mtime_ns;
	if (s->depth == 0)
		return;
	vfs_node_put(l->dir);
	if (l->twin != NULL)
		vfs_node_put(l->twin);
}

/* 1 and the next entry's node, referenced; 0: there is none. */
static int walk_next(struct fs_swap *s, struct hx_fnode **out)
{
	struct fs_level *l = level_of(s);
	const struct hx_mount *m = l->dir->mount;
	uint64_t was = l->pos;
	size_t len;
	int err = m->ops->readdir(l->dir, &l->pos, &s->entry);

	if (err != 0)
		return err == -HX_ENOENT ? 0 : fs_swap_wrong(s, err, "readdir");
	len = hx_strnlen(s->entry.name, sizeof(s->entry.name));
	if (l->pos <= was || len == 0 || len > HX_FS_NAME_MAX || ++s->n_seen >= m->last_ino)
		return fs_swap_wrong(s, -HX_EBADMSG, "readdir");
	err = m->ops->lookup(l->dir, s->entry.name, len, out);
	if (err != 0)
		return fs_swap_wrong(s, err, "lookup");
	if (!fs_is_node(*out, m) || (*out)->type != s->entry.type || (*out)->ino != s->entry.ino)
		return fs_swap_wrong(s, -HX_EBADMSG, "lookup");
	return 1;
}

static int walk_down(struct fs_swap *s, struct hx_fnode *n, struct hx_fnode *twin)
{
	if (s->depth == VFS_DEPTH_MAX)
		return fs_swap_wrong(s, -HX_ENAMETOOLONG, "deeper than a path can be");
	s->levels[s->depth++] = (struct fs_level){ .dir = n, .twin = twin };
	return 0;
}

static int walk_tree(struct fs_swap *s, struct hx_fnode *root, struct hx_fnode *root_twin,
		     fs_visit *visit)
{
	int err;

	s->n_seen = 0;
	err = walk_down(s, root, root_twin);
	while (err == 0 && s->depth > 0) {
		struct hx_fnode *n, *twin = NULL;
		int found = walk_next(s, &n);

		if (found <= 0) {
			err = found;
			if (err == 0)
				walk_up(s);
			continue;
		}
		err = visit(s, n, &twin);
		if (err == 0 && n->type == HX_FNODE_DIR) {
			err = walk_down(s, n, twin);
			if (err == 0)
				continue;
		}
		vfs_node_put(n);
		if (twin != NULL)
			vfs_node_put(twin);
	}
	while (s->depth > 0)
		walk_up(s);
	return err;
}

/* ---- contents, a page at a time */

static const struct hx_fs_swap_ops *more_of(const struct fs_swap *s, const struct hx_fnode *n)
{
	return n->mount == s->old ? s->from : s->to;
}

/* The page at or behind *off that may have something, read into s->page and filled up with zeros.
 * Its length up to the end of the file; 0: there is none. */
static hx_ssize_t next_page(struct fs_swap *s, struct hx_fnode *n, uint64_t *off)
{
	uint64_t at = *off < n->size_bytes ? more_of(s, n)->data(n, *off) : UINT64_MAX;
	hx_ssize_t got;
	size_t len;

	if (at >= n->size_bytes)
		return 0;
	if (at < *off)
		return fs_swap_wrong(s, -HX_EBADMSG, "data");
	*off = at & ~(uint64_t)(HX_PAGE_SIZE - 1);
	len = hx_min_u64(HX_PAGE_SIZE, n->size_bytes - *off);
	got = n->mount->ops->read(n, s->page, len, *off);
	if (got != (hx_ssize_t)len)
		return fs_swap_wrong(s, got < 0 ? (int)got : -HX_EBADMSG, "read");
	memset((uint8_t *)s->page + len, 0, HX_PAGE_SIZE - len);
	return got;
}

static int copy_contents(struct fs_swap *s, struct hx_fnode *n, struct hx_fnode *twin)
{
	const struct hx_fs_ops *ops = s->new->ops;
	hx_ssize_t len = 0;
	int err = 0;

	for (uint64_t off = 0; (len = next_page(s, n, &off)) > 0; off += HX_PAGE_SIZE) {
		hx_ssize_t put = ops->write(twin, s->page, (size_t)len, off);

		if (put != len)
			return fs_swap_wrong(s, put < 0 ? (int)put : -HX_ENOSPC, "write");
	}
	if (len == 0 && twin->size_bytes != n->size_bytes)
		err = ops->truncate(twin, n->size_bytes);	/* it ends with a hole */
	return len < 0 ? (int)len : err != 0 ? fs_swap_wrong(s, err, "truncate") : 0;
}

/* ---- the sum */

static uint64_t mix(uint64_t sum, uint64_t word)
{
	sum = (sum ^ word) * 0x9e3779b97f4a7c15ull;
	return sum ^ sum >> 29;
}

/* Pages of zeros are as good as holes. */
static int sum_contents(struct fs_swap *s, struct hx_fnode *n)
{
	hx_ssize_t len = 0;

	for (uint64_t off = 0; (len = next_page(s, n, &off)) > 0; off += HX_PAGE_SIZE) {
		uint64_t any = 0, sum = mix(s->sum.sum, off);

		for (size_t i = 0; i < HX_ARRAY_LEN(s->page); i++) {
			any |= s->page[i];
			sum = mix(sum, s->page[i]);
		}
		if (any != 0)
			s->sum.sum = sum;
	}
	s->sum.n_bytes += n->size_bytes;
	return (int)len;
}

static int sum_node(struct fs_swap *s, struct hx_fnode *n, struct hx_fnode **twin)
{
	const struct fs_level *at = level_of(s);
	const uint64_t words[] = { n->ino, n->type, n->mode, n->n_links, n->mtime_ns,
				   n->type == HX_FNODE_DIR ? 0 : n->size_bytes,
				   at != NULL ? at->dir->ino : 0, at != NULL ? at->pos : 0 };

	for (size_t i = 0; i < HX_ARRAY_LEN(words); i++)
		s->sum.sum = mix(s->sum.sum, words[i]);
	if (at != NULL)
		s->sum.sum = hx_hash_bytes(s->entry.name, hx_strlen(s->entry.name), s->sum.sum);
	s->sum.n_nodes++;
	if (n->type == HX_FNODE_DIR)
		return 0;
	if (n->type == HX_FNODE_FILE)
		return sum_contents(s, n);
	if (n->size_bytes > sizeof(s->page) ||
	    n->mount->ops->read(n, s->page, n->size_bytes, 0) != (hx_ssize_t)n->size_bytes)
		return fs_swap_wrong(s, -HX_EBADMSG, "read");
	s->sum.sum = hx_hash_bytes(s->page, n->size_bytes, s->sum.sum);
	return 0;
}

int fs_swap_sum(struct fs_swap *s, struct hx_mount *m, struct fs_sum *out)
{
	struct hx_fnode *none = NULL;
	int err = 0;

	s->sum = (struct fs_sum){ 0 };
	for (uint32_t i = 0; i < s->n_held && err == 0; i++) {
		if (s->held[i].node->n_links == 0)
			err = sum_node(s, m == s->old ? s->held[i].node : s->held[i].twin, &none);
	}
	if (err == 0)
		err = sum_node(s, m->root, &none);
	if (err == 0)
		err = walk_tree(s, m->root, NULL, sum_node);
	*out = s->sum;
	return err;
}

/* ---- the copy */

/* What stands for n has its number and time; if n is in use, it is what n is going to be. */
static void make_twin(struct fs_swap *s, struct hx_fnode *n, struct hx_fnode *twin)
{
	twin->ino = n->ino;
	twin->mode = n->mode;
	twin->mtime_ns = n->mtime_ns;
	if (n->held != 0)
		s->held[n->held - 1].twin = vfs_node_get(twin);
}

static int create_twin(struct fs_swap *s, struct hx_fnode *n, struct hx_fnode **twin)
{
	const struct hx_fs_ops *ops = s->new->ops;
	const struct fs_level *at = level_of(s);
	struct hx_fnode *dir = at != NULL ? at->twin : s->new->root;
	const char *name = at != NULL ? s->entry.name : NAMELESS;
	struct hx_fs_create what = { .type = n->type, .mode = n->mode };
	char *target = (char *)s->page;
	hx_ssize_t got = 0;
	int err;

	if (n->type == HX_FNODE_SYMLINK) {
		if (n->size_bytes < sizeof(s->page))
			got = n->mount->ops->read(n, target, n->size_bytes, 0);
		if (got <= 0 || (uint64_t)got != n->size_bytes)
			return fs_swap_wrong(s, -HX_EBADMSG, "read");
		target[got] = '\0';
		what.target = target;
	}
	if (at != NULL)
		s->to->seek(dir, at->pos);
	err = ops->create(dir, name, hx_strlen(name), &what, twin);
	if (err != 0)
		return fs_swap_wrong(s, err, "create");
	if (!fs_is_node(*twin, s->new) || (*twin)->type != n->type) {
		*twin = NULL;
		return fs_swap_wrong(s, -HX_EBADMSG, "create");
	}
	err = at == NULL ? ops->unlink(dir, name, hx_strlen(name), *twin) : 0;
	return err != 0 ? fs_swap_wrong(s, err, "unlink") : 0;
}

static int copy_node(struct fs_swap *s, struct hx_fnode *n, struct hx_fnode **twin)
{
	int err;

	if (hx_fault_hits("fs.copy"))
		return fs_swap_wrong(s, -HX_EIO, "injected");
	if (n->n_links > 1 || (n->held != 0 && s->held[n->held - 1].twin != NULL))
		return fs_swap_wrong(s, -HX_ENOTSUP, "more than one name");
	err = create_twin(s, n, twin);
	if (err == 0 && n->type == HX_FNODE_FILE)
		err = copy_contents(s, n, *twin);
	if (err == 0)
		make_twin(s, n, *twin);
	return err;
}

int fs_swap_copy(struct fs_swap *s)
{
	int err = 0;

	for (uint32_t i = 0; i < s->n_held && err == 0; i++) {
		struct hx_fnode *n = s->held[i].node, *twin = NULL;

		if (n->n_links != 0)
			continue;
		err = copy_node(s, n, &twin);
		if (twin != NULL)
			vfs_node_put(twin);
	}
	if (err != 0)
		return err;
	make_twin(s, s->old->root, s->new->root);
	err = walk_tree(s, s->old->root, s->new->root, copy_node);
	for (uint32_t i = 0; i < s->n_held && err == 0; i++) {
		if (s->held[i].twin == NULL)
			err = fs_swap_wrong(s, -HX_EBADMSG, "a file in use was not found");
	}
	return err;
}
