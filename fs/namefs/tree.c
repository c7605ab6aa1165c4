// SPDX-License-Identifier: MIT
/*
 * The tree that the console shows once files exist: a path that the name space knows is served by
 * it, anything else by the VFS. Since namefs mounts the name space at the same paths, `ls` and
 * `cat` agree with what a program sees.
 *
 * Listing a directory of files by index and in byte order costs one pass per call; the result of
 * the pass for index 0 is kept sorted until the listing ends, so `ls` is O(n log n).
 */
#include <hx/core/assert.h>
#include <hx/core/heap.h>
#include <hx/core/names.h>
#include <hx/core/string.h>
#include <hx/fs/vfs.h>

#include "namefs_priv.h"

#define LISTING_MAX	65536u	/* names of one directory kept for a listing */

/* The last listing. Guarded by lock; one console at a time walks a directory. */
static struct {
	struct hx_mutex lock;
	char path[HX_NAME_PATH_MAX];
	char (*names)[HX_FS_NAME_MAX + 1];
	size_t n, room;
} listing;

static void listing_drop(void)
{
	hx_free(listing.names);
	listing.names = NULL;
	listing.n = listing.room = 0;
	listing.path[0] = '\0';
}

static int listing_add(const char *name)
{
	if (listing.n == LISTING_MAX)
		return -HX_EOVERFLOW;
	if (listing.n == listing.room) {
		size_t room = listing.room != 0 ? listing.room * 2 : 32;
		void *names = hx_realloc(listing.names, room * sizeof(*listing.names));

		if (names == NULL)
			return -HX_ENOMEM;
		listing.names = names;
		listing.room = room;
	}
	hx_strlcpy(listing.names[listing.n++], name, sizeof(*listing.names));
	return 0;
}

/* Heap sort: no recursion, no extra memory, O(n log n) on any input. */
static void sift_down(size_t root, size_t n)
{
	char tmp[HX_FS_NAME_MAX + 1];

	for (size_t child = 2 * root + 1; child < n; root = child, child = 2 * root + 1) {
		if (child + 1 < n &&
		    hx_strcmp(listing.names[child], listing.names[child + 1]) < 0)
			child++;
		if (hx_strcmp(listing.names[root], listing.names[child]) >= 0)
			return;
		memcpy(tmp, listing.names[root], sizeof(tmp));
		memcpy(listing.names[root], listing.names[child], sizeof(tmp));
		memcpy(listing.names[child], tmp, sizeof(tmp));
	}
}

static void listing_sort(void)
{
	char tmp[HX_FS_NAME_MAX + 1];

	for (size_t i = listing.n / 2; i-- > 0;)
		sift_down(i, listing.n);
	for (size_t n = listing.n; n > 1; n--) {
		memcpy(tmp, listing.names[0], sizeof(tmp));
		memcpy(listing.names[0], listing.names[n - 1], sizeof(tmp));
		memcpy(listing.names[n - 1], tmp, sizeof(tmp));
		sift_down(0, n - 1);
	}
}

static int listing_fill(const char *path)
{
	struct hx_fs_dirent e;
	struct hx_file dir;
	int err = hx_vfs_open(&dir, path, HX_OPEN_READ, 0);

	if (err != 0)
		return err;
	listing_drop();
	while ((err = hx_vfs_readdir(&dir, &e)) == 0) {
		err = listing_add(e.name);
		if (err != 0)
			break;
	}
	hx_vfs_close(&dir);
	if (err != -HX_ENOENT) {
		listing_drop();
		return err;
	}
	listing_sort();
	hx_strlcpy(listing.path, path, sizeof(listing.path));
	return 0;
}

/* A node shows through unless it is just a directory that files share (only "/" is both). */
static bool is_name(const char *path, struct hx_name_stat *st)
{
	return hx_strcmp(path, "/") != 0 && hx_names_stat(path, st) == 0;
}

static int tree_stat(const char *path, struct hx_name_stat *st)
{
	struct hx_fs_stat fst;
	int err;

	if (is_name(path, st))
		return 0;
	err = hx_vfs_stat(path, &fst);
	if (err != 0)
		return err;
	st->is_dir = fst.type == HX_FNODE_DIR;
	st->rights = HX_NODE_READ | (fst.mode & 0222 ? HX_NODE_WRITE : 0);
	st->size_bytes = fst.size_bytes;
	return 0;
}

static int child_stat(const char *dir, const char *name, struct hx_name_stat *st)
{
	char path[HX_NAME_PATH_MAX];
	size_t n = hx_strlcpy(path, dir, sizeof(path));

	if (n > 1)
		path[n++] = '/';
	if (n >= sizeof(path) || hx_strlcpy(path + n, name, sizeof(path) - n) >= sizeof(path) - n)
		return -HX_ENAMETOOLONG;
	return tree_stat(path, st);
}

static int tree_list(const char *path, unsigned idx, char name[HX_NAME_MAX],
		     struct hx_name_stat *st)
{
	struct hx_name_stat dir;
	int err = 0;

	if (is_name(path, &dir))
		return hx_names_list(path, idx, name, st);
	if (hx_strlen(path) >= sizeof(listing.path))
		return -HX_ENAMETOOLONG;
	hx_mutex_lock(&listing.lock);
	if (idx == 0 || hx_strcmp(path, listing.path) != 0)
		err = listing_fill(path);
	if (err == 0 && idx >= listing.n) {
		listing_drop();
		err = -HX_ENOENT;
	}
	if (err == 0) {
		/* A name beyond the console's limit is shown cut; it stays reachable. */
		hx_strlcpy(name, listing.names[idx], HX_NAME_MAX);
		if (child_stat(path, listing.names[idx], st) != 0)
			*st = (struct hx_name_stat){ 0 };
	}
	hx_mutex_unlock(&listing.lock);
	return err;
}

static int tree_show(const char *path, struct hx_text *out)
{
	struct hx_name_stat st;
	struct hx_file f;
	char chunk[256];
	hx_ssize_t n;
	int err;

	if (is_name(path, &st))
		return hx_names_show(path, out);
	err = hx_vfs_open(&f, path, HX_OPEN_READ, 0);
	if (err != 0)
		return err;
	while ((n = hx_vfs_read(&f, chunk, sizeof(chunk))) > 0)
		hx_text_write(out, chunk, (size_t)n);
	hx_vfs_close(&f);
	return n < 0 ? (int)n : 0;
}

/* Into a file, a line is appended; the file is made if its directory is there. */
static int tree_take(const char *path, const char *line, struct hx_text *ack)
{
	size_t len = hx_strlen(line);
	struct hx_name_stat st;
	struct hx_file f;
	char whole[HX_LINE_MAX + 1];
	hx_ssize_t n;
	int err;

	if (is_name(path, &st))
		return hx_names_take(path, line, ack);
	if (len > HX_LINE_MAX)
		return -HX_E2BIG;
	err = hx_vfs_open(&f, path, HX_OPEN_WRITE | HX_OPEN_CREATE | HX_OPEN_APPEND, 0644);
	if (err != 0)
		return err;
	memcpy(whole, line, len);
	whole[len] = '\n';
	n = hx_vfs_write(&f, whole, len + 1);
	hx_vfs_close(&f);
	if (n < 0)
		return (int)n;
	hx_text_printf(ack, "bytes=%lld", (long long)n);
	return (size_t)n == len + 1 ? 0 : -HX_ENOSPC;
}

static const struct hx_tree_ops tree_ops = {
	.stat = tree_stat, .list = tree_list, .show = tree_show, .take = tree_take,
};

void namefs_tree_attach(void)
{
	hx_mutex_init(&listing.lock);
	hx_tree_set(&tree_ops);
}

void namefs_tree_detach(void)
{
	hx_tree_set(NULL);
}
