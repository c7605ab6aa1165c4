/* SPDX-License-Identifier: MIT */
/*
 * The algorithm, once for plain and once for augmented trees: the same code with update() called
 * where a subtree changed, from the place of the change upwards until nothing changes, and for both
 * nodes of a rotation (Cormen et al., 14.2). In the plain form update is the constant NULL, so that
 * it has no trace of it. The invariants are in rbtree.c.
 */
#ifndef RBTREE_PRIV_H
#define RBTREE_PRIV_H

#include <hx/core/assert.h>
#include <hx/core/rbtree.h>

enum rb_side { RB_LEFT, RB_RIGHT };

static inline struct hx_rb_node **rb_child(struct hx_rb_node *n, enum rb_side side)
{
	return side == RB_LEFT ? &n->left : &n->right;
}

static inline enum rb_side rb_other(enum rb_side side)
{
	return side == RB_LEFT ? RB_RIGHT : RB_LEFT;
}

static inline enum rb_side rb_side_of(const struct hx_rb_node *parent, const struct hx_rb_node *n)
{
	return parent->left == n ? RB_LEFT : RB_RIGHT;
}

static inline bool rb_is_red(const struct hx_rb_node *n)
{
	return n != NULL && n->red;
}

/* Put `to` (or nothing) where n hangs. */
static inline void rb_replace(struct hx_rb_tree *t, struct hx_rb_node *n, struct hx_rb_node *to)
{
	if (n->parent == NULL)
		t->root = to;
	else
		*rb_child(n->parent, rb_side_of(n->parent, n)) = to;
	if (to != NULL)
		to->parent = n->parent;
}

/*
 * Move n down to the given side; its child on the other side takes its place. To the left:
 *
 *	  n                c
 *	 / \              / \
 *	x   c     -->    n   z
 *	   / \          / \
 *	  y   z        x   y
 */
static HX_NOINLINE void rb_rotate(struct hx_rb_tree *t, struct hx_rb_node *n, enum rb_side side)
{
	struct hx_rb_node *c = *rb_child(n, rb_other(side)), *y = *rb_child(c, side);

	rb_replace(t, n, c);
	*rb_child(c, side) = n;
	n->parent = c;
	*rb_child(n, rb_other(side)) = y;
	if (y != NULL)
		y->parent = n;
}

/* The same, and both nodes know their subtrees again; what hangs above them has the same nodes. */
static HX_ALWAYS_INLINE void rb_turn(struct hx_rb_tree *t, struct hx_rb_node *n, enum rb_side side,
				     bool (*update)(struct hx_rb_node *n))
{
	struct hx_rb_node *c = update != NULL ? *rb_child(n, rb_other(side)) : NULL;

	rb_rotate(t, n, side);
	if (update != NULL) {
		update(n);
		update(c);
	}
}

/* The subtree of n changed. */
static HX_ALWAYS_INLINE void rb_refresh(struct hx_rb_node *n, bool (*update)(struct hx_rb_node *n))
{
	while (update != NULL && n != NULL && update(n))
		n = n->parent;
}

/* n is red; while its parent is red too (2), recolour upwards or end with at most two turns. */
static HX_ALWAYS_INLINE void rb_insert_fix(struct hx_rb_tree *t, struct hx_rb_node *n,
					   bool (*update)(struct hx_rb_node *n))
{
	while (rb_is_red(n->parent)) {
		struct hx_rb_node *p = n->parent, *g = p->parent;	/* p is red: no root */
		enum rb_side side = rb_side_of(g, p);
		struct hx_rb_node *uncle = *rb_child(g, rb_other(side));

		g->red = true;
		if (rb_is_red(uncle)) {
			p->red = uncle->red = false;
			n = g;
			continue;
		}
		if (rb_side_of(p, n) != side) {
			rb_turn(t, p, side, update);
			p = n;
		}
		p->red = false;
		rb_turn(t, g, rb_other(side), update);
		break;
	}
	t->root->red = false;
}

static HX_ALWAYS_INLINE void rb_insert(struct hx_rb_tree *t, struct hx_rb_node *n,
				       bool (*update)(struct hx_rb_node *n))
{
	struct hx_rb_node **link = &t->root, *parent = NULL;
	bool is_leftmost = true;

	hx_assert(!n->linked);
	while (*link != NULL) {
		parent = *link;
		if (t->less(n, parent)) {
			link = &parent->left;
		} else {
			link = &parent->right;
			is_leftmost = false;
		}
	}
	*n = (struct hx_rb_node){ .parent = parent, .red = true, .linked = true };
	*link = n;
	t->n_nodes++;
	if (is_leftmost)
		t->leftmost = n;
	if (update != NULL) {
		update(n);
		rb_refresh(parent, update);
	}
	rb_insert_fix(t, n, update);
}

/* The ways through p on the given side are one black node short (3): n, its child there, may be
 * NULL. A red n is simply blackened; else the sibling gives a black node or passes the lack up. */
static HX_ALWAYS_INLINE void rb_remove_fix(struct hx_rb_tree *t, struct hx_rb_node *n,
					   struct hx_rb_node *p,
					   bool (*update)(struct hx_rb_node *n))
{
	while (p != NULL && !rb_is_red(n)) {
		enum rb_side side = rb_side_of(p, n);
		struct hx_rb_node *s = *rb_child(p, rb_other(side)), *near, *far;

		if (s->red) {			/* turn it into a case with a black sibling */
			s->red = false;
			p->red = true;
			rb_turn(t, p, side, update);
			s = *rb_child(p, rb_other(side));
		}
		near = *rb_child(s, side);
		far = *rb_child(s, rb_other(side));
		if (!rb_is_red(near) && !rb_is_red(far)) {
			s->red = true;
			n = p;
			p = n->parent;
			continue;
		}
		if (!rb_is_red(far)) {
			near->red = false;
			s->red = true;
			rb_turn(t, s, rb_other(side), update);
			far = s;
			s = near;
		}
		s->red = p->red;
		p->red = far->red = false;
		rb_turn(t, p, side, update);
		return;
	}
	if (n != NULL)
		n->red = false;
}

static HX_ALWAYS_INLINE void rb_remove(struct hx_rb_tree *t, struct hx_rb_node *n,
				       bool (*update)(struct hx_rb_node *n))
{
	struct hx_rb_node *next = hx_rb_next(n), *child, *parent, *heir = NULL;
	bool lost_red = n->red;

	hx_assert(n->linked);
	if (t->leftmost == n)
		t->leftmost = next;
	if (n->left == NULL || n->right == NULL) {
		child = n->left != NULL ? n->left : n->right;
		parent = n->parent;
		rb_replace(t, n, child);
	} else {				/* next, in the right subtree, takes n's place */
		lost_red = next->red;
		child = next->right;
		parent = next;
		if (next->parent != n) {
			parent = next->parent;
			rb_replace(t, next, child);
			next->right = n->right;
			next->right->parent = next;
		}
		rb_replace(t, n, next);
		next->left = n->left;
		next->left->parent = next;
		next->red = n->red;
		if (update != NULL)
			heir = next;
	}
	t->n_nodes--;
	*n = (struct hx_rb_node){ 0 };
	rb_refresh(parent, update);
	if (update != NULL && heir != NULL) {	/* what it said was about another place */
		update(heir);
		rb_refresh(heir->parent, update);
	}
	if (!lost_red)
		rb_remove_fix(t, child, parent, update);
}

#endif
