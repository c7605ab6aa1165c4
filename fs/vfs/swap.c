// SPDX-License-Identifier: MIT
/*
 * Replacing the filesystem of "/" while files are open (CONFIG_FS_SWAP). The tree goes over node by
 * node; what others refer to is the VFS's node, and that stays:
 *
 *	before	file --> node --> own part (old)		twin --> own part (new)
 *	after	file --> node --> own part (new)		twin --> own part (old)
 *
 * 1 With vfs_lock nobody walks, opens, closes or changes a name; with the lock of each node that is
 *   referenced nobody reads or writes. So nobody is inside either filesystem, and whoever waits for
 *   a lock holds a node that stays, and looks for its filesystem after he has got it.
 * 2 Until the commit the old one is only read. Undoing is unmounting the new one.
 * 3 The commit exchanges own parts: then the twins are the old one's nodes, nobody knows them, and
 *   it is unmounted like any other. So is the other one after a swap back, which is a swap.
 * 4 One that broke (swap_lost.c) hands over nothing but the places of what is mounted in it.
 * 5 A node keeps its number, a directory's entries their positions, the mount its limit.
 */
#include <hx/core/assert.h>
#include <hx/core/heap.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>
#include <hx/hal/cpu.h>
#include <hx/hal/timer.h>

#include "swap_priv.h"

int fs_swap_wrong(struct fs_swap *s, int err, const char *what)
{
	if (s->depth > 0)
		hx_snprintf(s->swap->why, sizeof(s->swap->why), "%s: %.40s", what, s->entry.name);
	else
		hx_strlcpy(s->swap->why, what, sizeof(s->swap->why));
	return err;
}

/* ---- locks, with a bound */

struct owner {
	uintptr_t thread;
	uint32_t id;
	char name[HX_THREAD_NAME_MAX];
};

static bool is_owner(struct hx_thread *t, void *arg)
{
	struct owner *o = arg;

	if ((uintptr_t)t != o->thread)
		return true;
	o->id = t->id;
	hx_strlcpy(o->name, t->name, sizeof(o->name));
	return false;
}

static int lock_until(struct fs_swap *s, struct hx_mutex *m, const char *what, uint64_t ino)
{
	hx_ns_t now = hx_now_ns();
	int err = hx_mutex_lock_timeout(m, now < s->until_ns ? s->until_ns - now : 0);
	struct owner o = { .thread = m->owner & ~(uintptr_t)3, .name = "-" };

	if (err == 0)
		return 0;
	hx_thread_foreach(is_owner, &o);
	hx_snprintf(s->swap->why, sizeof(s->swap->why), "thread %u %s is in %s %llu", o.id, o.name,
		    what, (unsigned long long)ino);
	return err;
}

/* Each node that others refer to. */
static int hold_all(struct fs_swap *s)
{
	struct hx_list *it;

	HX_LIST_FOREACH(it, &s->old->nodes)
		s->max_held += HX_LIST_ENTRY(it, struct hx_fnode, link)->n_refs > 0;
	s->held = hx_calloc(s->max_held + 1, sizeof(*s->held));
	if (s->held == NULL)
		return -HX_ENOMEM;
	HX_LIST_FOREACH(it, &s->old->nodes) {
		struct hx_fnode *n = HX_LIST_ENTRY(it, struct hx_fnode, link);
		int err = n->n_refs > 0 ? lock_until(s, &n->lock, "file", n->ino) : 0;

		if (err != 0)
			return err;
		if (n->n_refs == 0)
			continue;
		s->held[s->n_held++].node = n;
		n->held = s->n_held;
	}
	return 0;
}

static void go_on(struct fs_swap *s)
{
	if (!s->is_still)
		return;
	for (uint32_t i = 0; i < s->n_held; i++) {
		s->held[i].node->held = 0;
		hx_mutex_unlock(&s->held[i].node->lock);
	}
	hx_mutex_unlock(&vfs_lock);
	s->is_still = false;
	s->swap->released_cycles = hx_cycles();
}

/* ---- a mount that is going */

static void end_mount(struct fs_swap *s, struct hx_mount *m)
{
	int err;

	for (uint32_t i = 0; i < s->n_held; i++) {
		if (s->held[i].twin != NULL)
			vfs_node_put(s->held[i].twin);
	}
	err = m->ops->unmount(m);
	if (err != 0)
		hx_warn("vfs", "%s keeps what it has: %s", m->ops->name, hx_strerror(err));
	if (err == -HX_EIO || err == -HX_EFAULT)
		fs_swap_free_nodes(m);	/* it broke: all else is its module's */
	vfs_mount_free(m);
	hx_free(s->held);
	hx_free(s);
}

/* ---- the steps */

static const struct hx_fs_swap_ops *more_of(const struct hx_fs_ops *ops)
{
	const struct hx_fs_swap_ops *more = HX_ENABLED(SLOT_DYNAMIC) ? hx_slot_more(ops) : NULL;
	const struct hx_fs_swap_ops *const *it;

	HX_SECTION_FOREACH(it, hx_fs_swaps) {
		if (more == NULL && hx_strcmp((*it)->name, ops->name) == 0)
			more = *it;
	}
	return more != NULL && more->abi == HX_FS_SWAP_ABI && more->data != NULL &&
	       more->seek != NULL ? more : NULL;
}

static struct hx_mount *root_mount(void)
{
	struct hx_list *first = hx_list_first(&vfs_mounts);

	return first != NULL ? HX_LIST_ENTRY(first, struct hx_mount, link) : NULL;
}

/* The new one, empty. */
static int mount_new(struct fs_swap *s)
{
	const struct hx_fs_ops *ops = s->swap->new;
	const void *taken = ops;
	struct hx_mount *m = hx_zalloc(sizeof(*m));
	int err;

	if (m == NULL)
		return -HX_ENOMEM;
	err = HX_ENABLED(SLOT_DYNAMIC) ? hx_slot_take(&rootfs_kind, ops->name, &taken) : 0;
	if (err != 0) {
		hx_free(m);
		return err;
	}
	m->ops = taken;
	m->flags = s->old->flags;
	m->max_bytes = s->old->max_bytes;
	hx_list_init(&m->nodes);
	hx_strlcpy(m->path, s->old->path, sizeof(m->path));
	err = ops->mount(m, NULL, NULL);
	if (err == 0 && (!fs_is_node(m->root, m) || m->root->type != HX_FNODE_DIR))
		err = fs_swap_wrong(s, -HX_EBADMSG, "mount");
	if (err == 0) {
		s->new = m;
		return 0;
	}
	fs_swap_free_nodes(m);
	vfs_mount_free(m);
	return err;
}

static int fs_prepare(struct hx_swap *swap)
{
	const struct hx_fs_swap_ops *from = more_of(swap->old), *to = more_of(swap->new);
	struct hx_mount *old = root_mount();
	struct fs_swap *s;
	int err;

	if (from == NULL || to == NULL || old == NULL || old->ops != swap->old) {
		hx_snprintf(swap->why, sizeof(swap->why), "%s", old == NULL ||
			    old->ops != swap->old ? "it is not mounted on /" :
			    "one of them gives nothing for it");
		return -HX_ENOTSUP;
	}
	s = hx_zalloc(sizeof(*s));
	if (s == NULL)
		return -HX_ENOMEM;
	s->swap = swap;
	s->old = old;
	s->from = from;
	s->to = to;
	err = mount_new(s);
	if (err != 0)
		hx_free(s);
	else
		swap->priv = s;
	return err;
}

static int fs_quiesce(struct hx_swap *swap)
{
	struct fs_swap *s = swap->priv;
	int err;

	s->until_ns = hx_now_ns() + CONFIG_SLOT_SWAP_WAIT_MS * HX_NS_PER_MS;
	err = lock_until(s, &vfs_lock, "a path of mount", 0);
	if (err != 0)
		return err;
	s->is_still = true;
	swap->stopped_cycles = hx_cycles();
	err = root_mount() == s->old ? hold_all(s) : -HX_ENOTSUP;
	s->is_lost = err == 0 && fs_swap_is_lost(s->old);
	return err;
}

static int fs_export(struct hx_swap *swap)
{
	struct fs_swap *s = swap->priv;
	struct fs_sum sum;
	int err;

	if (s->is_lost) {
		swap->n_ended = s->n_held;
		hx_strlcpy(swap->why, "what the old one had is lost", sizeof(swap->why));
		return 0;
	}
	err = fs_swap_sum(s, s->old, &sum);
	swap->n_items = sum.n_nodes;
	swap->n_bytes = sum.n_bytes;
	s->old_sum = sum.sum;
	return err;
}

static int fs_import(struct hx_swap *swap)
{
	struct fs_swap *s = swap->priv;
	struct fs_sum sum;
	int err;

	if (s->is_lost)
		return fs_swap_make_places(s);
	err = fs_swap_copy(s);
	if (err == 0)
		err = fs_swap_sum(s, s->new, &sum);
	if (err == 0 && (sum.n_nodes != swap->n_items || sum.n_bytes != swap->n_bytes ||
			 sum.sum != s->old_sum))
		err = fs_swap_wrong(s, -HX_EBADMSG, "it reads back as something else");
	return err;
}

/* The node of an open file or below a mount gets the new own part, its twin the old one. */
static void exchange(struct fs_swap *s, struct fs_held *h)
{
	struct hx_fnode *n = h->node, *twin = h->twin;
	void *priv = n->priv;

	n->priv = twin->priv;
	twin->priv = priv;
	*(struct hx_fnode **)n->priv = n;
	*(struct hx_fnode **)twin->priv = twin;
	n->mount = s->new;
	twin->mount = s->old;
	hx_list_remove(&n->link);
	hx_list_push_back(&s->new->nodes, &n->link);
	hx_list_remove(&twin->link);
	hx_list_push_back(&s->old->nodes, &twin->link);
	n->size_bytes = twin->size_bytes;	/* a directory's is its filesystem's business */
	if (s->old->root == n) {
		s->old->root = twin;
		s->new->root = n;
	}
}

static void fs_commit(struct hx_swap *swap)
{
	struct fs_swap *s = swap->priv;

	for (uint32_t i = 0; i < s->n_held && !s->is_lost; i++)
		exchange(s, &s->held[i]);
	if (s->is_lost)
		fs_swap_leave_lost(s);
	s->new->last_ino = hx_max_u64(s->new->last_ino, s->old->last_ino);
	hx_list_remove(&s->old->link);
	hx_list_push_front(&vfs_mounts, &s->new->link);
	*swap->kind->current = swap->new;
	go_on(s);
}

static void fs_undo(struct hx_swap *swap)
{
	struct fs_swap *s = swap->priv;

	if (s == NULL)
		return;		/* it was not prepared */
	go_on(s);
	end_mount(s, s->new);
}

static void fs_retire(struct hx_swap *swap)
{
	struct fs_swap *s = swap->priv;

	if (s->is_lost)
		fs_swap_end_lost(s);
	else
		end_mount(s, s->old);
}

const struct hx_swap_class rootfs_swap = {
	.prepare = fs_prepare, .quiesce = fs_quiesce, .export = fs_export, .import = fs_import,
	.commit = fs_commit, .undo = fs_undo, .retire = fs_retire,
};
