// SPDX-License-Identifier: MIT
/*
 * The boot archive as a read-only filesystem. Mounting reads the archive twice: once to check every
 * byte and count, once to fill one array of nodes; contents stay where the loader put them. A
 * directory's children are a list, searched from its start: look-up is O(names in the directory).
 *
 *	nodes[0] "/" --child--> nodes[3] --next--> nodes[1] --next--> NULL
 */
#include <hx/core/assert.h>
#include <hx/core/heap.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/string.h>
#include <hx/fs/vfs.h>
#include <hx/hal/boot_info.h>
#include <hx/hal/mmu.h>

#include "newc.h"

struct cpio_node {
	struct hx_fnode fnode;
	const char *name;		/* last component, inside the archive */
	size_t name_len;
	const uint8_t *data;
	struct cpio_node *child, *last_child, *next;
};

struct cpiofs {
	struct cpio_node *nodes;
	size_t n_nodes, n_max;
};

static struct cpio_node *node_of(struct hx_fnode *n)
{
	return HX_CONTAINER_OF(n, struct cpio_node, fnode);
}

static struct cpio_node *find_child(const struct cpio_node *dir, const char *name, size_t len)
{
	for (struct cpio_node *c = dir->child; c != NULL; c = c->next) {
		if (c->name_len == len && memcmp(c->name, name, len) == 0)
			return c;
	}
	return NULL;
}

static uint32_t type_of_mode(uint32_t mode)
{
	switch (mode & NEWC_TYPE_MASK) {
	case NEWC_TYPE_DIR:
		return HX_FNODE_DIR;
	case NEWC_TYPE_LINK:
		return HX_FNODE_SYMLINK;
	case NEWC_TYPE_FILE:
		return HX_FNODE_FILE;
	default:
		return 0;		/* devices and sockets: nothing here can hold them */
	}
}

static struct cpio_node *add_node(struct hx_mount *m, struct cpio_node *dir, const char *name,
				  size_t len, uint32_t type)
{
	struct cpiofs *fs = m->priv;
	struct cpio_node *n = &fs->nodes[fs->n_nodes];

	hx_verify(fs->n_nodes < fs->n_max);
	n->fnode.mount = m;
	n->fnode.ino = ++fs->n_nodes;
	n->fnode.type = type;
	n->fnode.mode = type == HX_FNODE_DIR ? 0555 : 0444;
	n->fnode.n_links = 1;
	hx_mutex_init(&n->fnode.lock);
	n->name = name;
	n->name_len = len;
	if (dir != NULL) {
		if (dir->last_child != NULL)
			dir->last_child->next = n;
		else
			dir->child = n;
		dir->last_child = n;
		dir->fnode.size_bytes++;
	}
	return n;
}

/* Put one entry into the tree; directories that the archive leaves out are made on the way. */
static int place_entry(struct hx_mount *m, const struct newc_entry *e, const char **why)
{
	struct cpio_node *dir = &((struct cpiofs *)m->priv)->nodes[0], *n;
	uint32_t type = type_of_mode(e->mode);
	size_t start = 0;

	if (e->name_len == 1 && e->name[0] == '.')
		return 0;
	for (size_t i = 0; i < e->name_len; i++) {
		if (e->name[i] != '/')
			continue;
		n = find_child(dir, e->name + start, i - start);
		if (n == NULL)
			n = add_node(m, dir, e->name + start, i - start, HX_FNODE_DIR);
		if (n->fnode.type != HX_FNODE_DIR) {
			*why = "a file is used as a directory";
			return -HX_EBADMSG;
		}
		dir = n;
		start = i + 1;
	}
	n = find_child(dir, e->name + start, e->name_len - start);
	if (n != NULL) {
		if (n->fnode.type == HX_FNODE_DIR && type == HX_FNODE_DIR)
			return 0;
		*why = "a name appears twice";
		return -HX_EBADMSG;
	}
	if (type == 0)
		return 0;
	n = add_node(m, dir, e->name + start, e->name_len - start, type);
	n->fnode.mode = e->mode & 0777;
	n->fnode.mtime_ns = (uint64_t)e->mtime_s * HX_NS_PER_S;
	if (type != HX_FNODE_DIR) {
		n->data = e->data;
		n->fnode.size_bytes = e->size_bytes;
	}
	return 0;
}

/* Most nodes the archive can need: one per component of every name, and the root. */
static int count_nodes(const void *archive, size_t size, size_t *n_nodes, const char **why)
{
	struct newc_entry e;
	size_t off = 0, n = 1;
	int err;

	while ((err = newc_next(archive, size, &off, &e, why)) == 0) {
		n++;
		for (size_t i = 0; i < e.name_len; i++)
			n += e.name[i] == '/';
	}
	*n_nodes = n;
	return err == -HX_ENOENT ? 0 : err;
}

static int fill(struct hx_mount *m, const void *archive, size_t size, const char **why)
{
	struct newc_entry e;
	size_t off = 0;
	int err;

	m->root = &add_node(m, NULL, "", 0, HX_FNODE_DIR)->fnode;
	while ((err = newc_next(archive, size, &off, &e, why)) == 0) {
		err = place_entry(m, &e, why);
		if (err != 0)
			return err;
	}
	return err == -HX_ENOENT ? 0 : err;
}

static const struct hx_boot_module *find_module(const char *name)
{
	const struct hx_boot_info *info = hx_boot_info();

	for (uint32_t i = 0; i < info->n_modules; i++) {
		if (name == NULL || hx_strcmp(info->modules[i].name, name) == 0)
			return &info->modules[i];
	}
	return NULL;
}

static int mount_archive(struct hx_mount *m, const void *archive, size_t size, const char **why)
{
	struct cpiofs *fs = hx_zalloc(sizeof(*fs));
	int err;

	*why = "no memory";
	if (fs == NULL)
		return -HX_ENOMEM;
	m->priv = fs;
	err = count_nodes(archive, size, &fs->n_max, why);
	if (err != 0)
		goto free_fs;
	*why = "no memory";
	fs->nodes = hx_calloc(fs->n_max, sizeof(*fs->nodes));
	err = fs->nodes == NULL ? -HX_ENOMEM : fill(m, archive, size, why);
	if (err == 0)
		return 0;
	hx_free(fs->nodes);
free_fs:
	hx_free(fs);
	return err;
}

/* source: the boot module's name, NULL for the first one. */
static int cpiofs_mount(struct hx_mount *m, const char *source, const char *options)
{
	const struct hx_boot_module *mod = find_module(source);
	const char *why = "";
	int err;

	if (mod == NULL)
		return -HX_ENODEV;
	m->flags |= HX_MOUNT_READONLY;
	err = mount_archive(m, hx_phys_to_virt(mod->start), mod->size_bytes, &why);
	if (err != 0)
		hx_error("cpiofs", "boot archive %s refused: %s", mod->name, why);
	return err;
}

static int cpiofs_unmount(struct hx_mount *m)
{
	struct cpiofs *fs = m->priv;

	for (size_t i = 0; i < fs->n_nodes; i++) {
		if (fs->nodes[i].fnode.n_refs != 0)
			return -HX_EBUSY;
	}
	hx_free(fs->nodes);
	hx_free(fs);
	return 0;
}

static int cpiofs_lookup(struct hx_fnode *dir, const char *name, size_t len, struct hx_fnode **out)
{
	struct cpio_node *n = find_child(node_of(dir), name, len);

	if (n == NULL)
		return -HX_ENOENT;
	n->fnode.n_refs++;
	*out = &n->fnode;
	return 0;
}

static hx_ssize_t cpiofs_read(struct hx_fnode *n, void *buf, size_t size, uint64_t off)
{
	if (off >= n->size_bytes)
		return 0;
	size = hx_min_u64(size, n->size_bytes - off);
	memcpy(buf, node_of(n)->data + off, size);
	return (hx_ssize_t)size;
}

static int cpiofs_readdir(struct hx_fnode *dir, uint64_t *pos, struct hx_fs_dirent *out)
{
	const struct cpiofs *fs = dir->mount->priv;
	struct cpio_node *c;

	/* *pos is the inode number of the last one given. */
	if (*pos > fs->n_nodes)
		return -HX_ENOENT;
	c = *pos == 0 ? node_of(dir)->child : fs->nodes[*pos - 1].next;
	if (c == NULL)
		return -HX_ENOENT;
	out->ino = c->fnode.ino;
	out->type = c->fnode.type;
	memcpy(out->name, c->name, c->name_len);
	out->name[c->name_len] = '\0';
	*pos = c->fnode.ino;
	return 0;
}

static void cpiofs_release(struct hx_fnode *n)
{
	/* Nodes live as long as the mount. */
}

static const struct hx_fs_ops cpiofs_ops = {
	.abi = HX_FS_ABI, .name = "cpiofs",
	.mount = cpiofs_mount, .unmount = cpiofs_unmount,
	.lookup = cpiofs_lookup, .read = cpiofs_read, .readdir = cpiofs_readdir,
	.release = cpiofs_release,
};
HX_FS_TYPE(cpiofs_ops);

/* No archive is fine; a damaged one is not: whoever ships files wants to know before anything runs
 * on half of them. */
static int bootfs_init(void)
{
	int err;

	if (hx_boot_info()->n_modules == 0) {
		hx_info("cpiofs", "no boot archive");
		return 0;
	}
	err = hx_vfs_mkdir("/boot", 0755);
	if (err == 0)
		err = hx_vfs_mount("cpiofs", NULL, "/boot", HX_MOUNT_READONLY, NULL);
	return err;
}

HX_COMPONENT(bootfs) = {
	.name = "bootfs", .phase = HX_PHASE_LATE, .version = 1,
	.needs = "rootfs",
	.init = bootfs_init,
};
