// SPDX-License-Identifier: MIT
/*
 * Capabilities come into being, move and are dropped. Everything is taken and checked first; with
 * the object locked the last checks are made, and after them nothing can fail.
 */
#include <hx/core/thread.h>
#include <hx/hal/timer.h>

#include "caps_priv.h"

static bool is_rights(uint32_t rights)
{
	return rights != 0 && (rights & ~HX_CAP_RIGHTS_ALL) == 0;
}

static struct cap_node *new_node(uint32_t rights)
{
	struct cap_node *n = hx_zalloc(sizeof(*n));

	if (n != NULL)
		n->rights = (uint8_t)rights;
	return n;
}

/* Into the tree, as the first below its parent; the object's lock held. */
static void link_node(struct cap_node *n)
{
	struct cap_node **first = cap_siblings(n);

	n->next = *first;
	if (n->next != NULL)
		n->next->prev = n;
	*first = n;
	if (n->parent != NULL && cap_is_exclusive(n->parent))
		cap_slot_update(n->parent);	/* invariant 4 */
}

/* Both the node and the slot, or none. */
static int prepare(struct hx_cap_table *t, uint32_t rights, struct cap_node **n, uint32_t *idx)
{
	int err;

	*n = new_node(rights);
	if (*n == NULL)
		return -HX_ENOMEM;
	err = cap_slot_reserve(t, idx);
	if (err != 0)
		hx_free(*n);
	return err;
}

static void unprepare(struct hx_cap_table *t, struct cap_node *n, uint32_t idx)
{
	cap_slot_unreserve(t, idx);
	hx_free(n);
}

/* A new root would break invariant 3, or come too late. The object's lock held. */
static int refuse_root(const struct hx_cap_object *o, uint32_t rights)
{
	if (o->is_ended)
		return -HX_EBADF;
	if (o->n_cuts_whole != 0)
		return -HX_EAGAIN;	/* invariant 5 */
	if (o->roots == NULL)
		return 0;
	return (rights & HX_CAP_EXCLUSIVE) != 0 || cap_is_exclusive(o->roots) ? -HX_EBUSY : 0;
}

int hx_cap_create(struct hx_cap_table *t, struct hx_cap_object *o, uint32_t rights,
		  hx_ns_t expires_ns, hx_cap_t *out)
{
	hx_irqflags_t flags;
	struct cap_node *n;
	uint32_t idx;
	hx_cap_t cap = HX_CAP_NONE;
	int err;

	hx_assert_can_sleep();
	if (!is_rights(rights))
		return -HX_EINVAL;
	err = prepare(t, rights, &n, &idx);
	if (err != 0)
		return err;
	n->object = o;
	n->expires_ns = expires_ns;

	flags = hx_spin_lock_irqsave(&o->lock);
	err = refuse_root(o, rights);
	if (err == 0) {
		hx_cap_object_get(o);
		link_node(n);
		cap = cap_slot_fill(t, idx, n);
	}
	hx_spin_unlock_irqrestore(&o->lock, flags);

	if (err != 0)
		unprepare(t, n, idx);
	else
		*out = cap;
	cap_audit(CAP_GRANT, t, cap, o->state, rights, err);
	return err;
}

/* What the source does not allow. The object's lock held. */
static int refuse_child(const struct cap_node *s, bool is_other_holder, uint32_t rights)
{
	if (cap_is_cut(s))
		return -HX_EBADF;
	if (s->n_cuts != 0)
		return -HX_EAGAIN;	/* invariant 5 */
	if (s->expires_ns != HX_FOREVER && hx_now_ns() >= s->expires_ns)
		return -HX_ETIMEDOUT;
	if ((rights & ~(uint32_t)s->rights) != 0)
		return -HX_EACCES;	/* invariant 1 */
	if (is_other_holder && (s->rights & HX_CAP_DELEGATE) == 0)
		return -HX_EACCES;
	/* Invariant 3: an exclusive child is alone. */
	if (s->first_child != NULL &&
	    ((rights & HX_CAP_EXCLUSIVE) != 0 || cap_is_exclusive(s->first_child)))
		return -HX_EBUSY;
	return s->depth >= HX_CAP_DEPTH_MAX ? -HX_ELOOP : 0;
}

/* n becomes the first child of s. The object's lock held; nothing can fail. */
static hx_cap_t add_child(struct cap_node *s, struct cap_node *n, hx_ns_t expires_ns,
			  struct hx_cap_table *to, uint32_t idx)
{
	n->object = s->object;
	n->parent = s;
	n->depth = (uint8_t)(s->depth + 1);
	n->expires_ns = hx_min_u64(expires_ns, s->expires_ns);	/* invariant 1 */
	hx_cap_object_get(n->object);
	link_node(n);	/* before it can be found: a source that lends does not resolve any more */
	return cap_slot_fill(to, idx, n);
}

int hx_cap_derive(struct hx_cap_table *from, hx_cap_t cap, struct hx_cap_table *to, uint32_t rights,
		  hx_ns_t expires_ns, hx_cap_t *out)
{
	struct cap_node *s, *n;
	uint32_t idx, type = 0;
	hx_irqflags_t flags;
	hx_cap_t made = cap;
	int err;

	hx_assert_can_sleep();
	if (!is_rights(rights))
		return -HX_EINVAL;
	err = prepare(to, rights, &n, &idx);
	if (err != 0)
		return err;
	s = cap_lock(from, cap, &flags);
	err = s == NULL ? -HX_EBADF : refuse_child(s, from != to, rights);
	if (err == 0)
		made = add_child(s, n, expires_ns, to, idx);
	if (s != NULL) {
		type = s->object->state;
		cap_unlock(s, flags);
	}
	if (err != 0)
		unprepare(to, n, idx);
	else
		*out = made;
	cap_audit(err != 0 ? CAP_DENY : CAP_DERIVE, err != 0 ? from : to, made, type, rights, err);
	return err;
}

int cap_refuse_move(const struct cap_node *n, const struct hx_cap_table *from)
{
	hx_assert_held(&n->object->lock);
	if (cap_is_cut(n))
		return -HX_EBADF;
	if (n->expires_ns != HX_FOREVER && hx_now_ns() >= n->expires_ns)
		return -HX_ETIMEDOUT;
	if ((n->rights & HX_CAP_DELEGATE) == 0 && (from->flags & HX_CAP_TABLE_TRANSIT) == 0)
		return -HX_EACCES;
	return 0;
}

int hx_cap_move(struct hx_cap_table *from, hx_cap_t cap, struct hx_cap_table *to, hx_cap_t *out)
{
	uint32_t idx, type = 0, rights = 0;
	hx_irqflags_t flags;
	struct cap_node *n;
	hx_cap_t made = cap;
	int err;

	hx_assert_can_sleep();
	err = cap_slot_reserve(to, &idx);
	if (err != 0)
		return err;
	n = cap_lock(from, cap, &flags);
	err = n == NULL ? -HX_EBADF : cap_refuse_move(n, from);
	if (err == 0) {
		cap_slot_clear(n);
		made = cap_slot_fill(to, idx, n);
	}
	if (n != NULL) {
		type = n->object->state;
		rights = n->rights;
		cap_unlock(n, flags);
	}
	if (err != 0)
		cap_slot_unreserve(to, idx);
	else
		*out = made;
	cap_audit(err != 0 ? CAP_DENY : CAP_MOVE, err != 0 ? from : to, made, type, rights, err);
	return err;
}

bool cap_drop_any(struct hx_cap_table *t, hx_cap_t cap, bool even_cut)
{
	struct cap_gone gone = { NULL, 0 };
	struct hx_cap_object *o;
	hx_irqflags_t flags;
	struct cap_node *n = cap_lock(t, cap, &flags);
	bool found;

	if (n == NULL)
		return false;
	o = n->object;
	found = even_cut || !cap_is_cut(n);
	if (found) {
		cap_slot_clear(n);
		cap_remove(n, &gone);
	}
	hx_spin_unlock_irqrestore(&o->lock, flags);
	cap_free_gone(o, &gone);
	return found;
}

int hx_cap_drop(struct hx_cap_table *t, hx_cap_t cap)
{
	hx_assert_can_sleep();
	return cap_drop_any(t, cap, false) ? 0 : -HX_EBADF;
}
