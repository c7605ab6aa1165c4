// SPDX-License-Identifier: MIT
/*
 * Revocation of a subtree, in steps.
 *
 * The first step cuts: it counts n_cuts of the top up and makes the object unsettled. From then on
 * every check of a capability of this object goes the long way and looks up the tree (at most
 * HX_CAP_DEPTH_MAX nodes): what has a cut above it does not resolve. So everything below is gone at
 * once, whatever its number; the steps that follow only clear away, leaf by leaf, with the lock
 * dropped in between. The last one settles the object.
 *
 * Between steps others may do anything: drop the top, revoke above it, revoke it a second time.
 * n_cuts keeps the top's memory; whoever takes it out of the tree meanwhile leaves it to us.
 */
#include <hx/core/thread.h>

#include "caps_priv.h"

bool cap_is_cut(const struct cap_node *n)
{
	const struct hx_cap_object *o = n->object;

	hx_assert_held(&o->lock);
	if (o->is_ended || o->n_cuts_whole != 0)
		return true;
	if (o->n_cuts == 0)
		return false;
	for (n = n->parent; n != NULL; n = n->parent)
		if (n->n_cuts != 0)
			return true;
	return false;
}

static bool is_linked(const struct cap_node *n)
{
	return n->prev != NULL || n->next != NULL || n->parent != NULL || n->object->roots == n;
}

static void unlink_node(struct cap_node *n)
{
	if (n->prev != NULL)
		n->prev->next = n->next;
	else
		*cap_siblings(n) = n->next;
	if (n->next != NULL)
		n->next->prev = n->prev;
	n->prev = n->next = n->parent = NULL;
}

void cap_remove(struct cap_node *n, struct cap_gone *gone)
{
	struct cap_node *parent;

	hx_assert_held(&n->object->lock);
	for (; n != NULL && n->table == NULL && n->first_child == NULL; n = parent) {
		parent = n->parent;
		if (is_linked(n))
			unlink_node(n);
		if (n->n_cuts == 0) {
			n->next = gone->first;
			gone->first = n;
			gone->n_refs++;
		}
		if (parent != NULL && parent->first_child == NULL && cap_is_exclusive(parent))
			cap_slot_update(parent);	/* whole again: invariant 4 */
	}
}

/* The deepest first child below the top, or a root's; the top itself if nothing is below it. */
static struct cap_node *some_leaf(struct hx_cap_object *o, struct cap_node *top)
{
	struct cap_node *n = top != NULL ? top : o->roots;

	while (n != NULL && n->first_child != NULL)
		n = n->first_child;
	return n;
}

/* One capability less; false: there is none below the top. */
static bool take_one(struct hx_cap_revocation *r, struct cap_gone *gone)
{
	struct cap_node *n = some_leaf(r->object, r->top);

	if (n == r->top)	/* also NULL: no roots left */
		return false;
	if (n->table != NULL) {
		cap_slot_clear(n);
		r->n_gone++;
	}
	cap_remove(n, gone);
	return true;
}

/* The object's lock held. */
static void begin(struct hx_cap_revocation *r, struct hx_cap_object *o, struct cap_node *top)
{
	*r = (struct hx_cap_revocation){ .object = o, .top = top, .n_step = CONFIG_CAPS_STEP };
	hx_cap_object_get(o);
	if (top != NULL)
		top->n_cuts++;
	else
		o->n_cuts_whole++;
	hx_verify(top == NULL || top->n_cuts != 0);
	o->n_cuts++;
	cap_settle(o);
}

static void end(struct hx_cap_revocation *r, struct cap_gone *gone)
{
	struct hx_cap_object *o = r->object;

	if (r->top == NULL) {
		o->n_cuts_whole--;
	} else {
		r->top->n_cuts--;
		cap_remove(r->top, gone);	/* if it was dropped, or is revoked itself */
	}
	o->n_cuts--;
	cap_settle(o);
	r->top = NULL;
}

bool hx_cap_revoke_step(struct hx_cap_revocation *r)
{
	struct cap_gone gone = { NULL, 0 };
	struct hx_cap_object *o = r->object;
	hx_irqflags_t flags;
	bool more = true;

	hx_assert_can_sleep();
	flags = hx_spin_lock_irqsave(&o->lock);
	for (unsigned i = 0; more && i < r->n_step; i++)
		more = take_one(r, &gone);
	if (!more)
		end(r, &gone);
	hx_spin_unlock_irqrestore(&o->lock, flags);
	cap_free_gone(o, &gone);
	if (!more)
		hx_cap_object_put(o);	/* begin()'s */
	return more;
}

static uint64_t run(struct hx_cap_revocation *r)
{
	while (hx_cap_revoke_step(r))
		hx_resched_point();
	return r->n_gone;
}

static int start(struct hx_cap_table *t, hx_cap_t cap, struct hx_cap_revocation *r, bool itself)
{
	struct cap_gone gone = { NULL, 0 };
	hx_irqflags_t flags;
	struct cap_node *n;

	hx_assert_can_sleep();
	n = cap_lock(t, cap, &flags);
	if (n == NULL)
		return -HX_EBADF;
	if (cap_is_cut(n)) {
		cap_unlock(n, flags);
		return -HX_EBADF;
	}
	begin(r, n->object, n);
	if (itself) {
		cap_slot_clear(n);
		r->n_gone++;
		cap_remove(n, &gone);	/* out of the tree, if it has no children */
	}
	cap_unlock(n, flags);
	cap_free_gone(r->object, &gone);
	/* Its cut keeps n, and r the object. */
	cap_audit(itself ? CAP_REVOKE : CAP_RECALL, t, cap, r->object->state, n->rights, 0);
	return 0;
}

int hx_cap_revoke_start(struct hx_cap_table *t, hx_cap_t cap, struct hx_cap_revocation *r)
{
	return start(t, cap, r, true);
}

int hx_cap_recall_start(struct hx_cap_table *t, hx_cap_t cap, struct hx_cap_revocation *r)
{
	return start(t, cap, r, false);
}

int hx_cap_revoke(struct hx_cap_table *t, hx_cap_t cap)
{
	struct hx_cap_revocation r;
	int err = hx_cap_revoke_start(t, cap, &r);

	if (err == 0)
		run(&r);
	return err;
}

int hx_cap_recall(struct hx_cap_table *t, hx_cap_t cap)
{
	struct hx_cap_revocation r;
	int err = hx_cap_recall_start(t, cap, &r);

	if (err == 0)
		run(&r);
	return err;
}

static void revoke_all(struct hx_cap_object *o, bool is_end)
{
	struct hx_cap_revocation r;
	hx_irqflags_t flags = hx_spin_lock_irqsave(&o->lock);

	o->is_ended |= is_end;
	begin(&r, o, NULL);
	hx_spin_unlock_irqrestore(&o->lock, flags);
	run(&r);
}

void hx_cap_object_revoke(struct hx_cap_object *o)
{
	hx_assert_can_sleep();
	revoke_all(o, false);
}

void hx_cap_object_end(struct hx_cap_object *o)
{
	hx_assert_can_sleep();
	hx_verify(!o->is_ended);
	revoke_all(o, true);
	hx_cap_object_put(o);
}
