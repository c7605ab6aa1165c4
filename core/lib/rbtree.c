/* SPDX-License-Identifier: MIT */
/*
 * Red-black tree after Cormen et al., Introduction to Algorithms, chapter 13.
 *
 * Invariants: (1) the root is black; (2) a red node has no red child; (3) every way from the root
 * down to a missing child passes the same number of black nodes; (4) an in-order walk never meets a
 * node that is less than the one before. From 1 to 3: height <= 2 * log2(n + 1).
 *
 * Differs from the book: a missing child is NULL, not a sentinel node, so removal carries the
 * parent along; and left and right, which the book mirrors, are one code with a side number.
 */
#include <hx/core/assert.h>
#include <hx/core/rbtree.h>

enum rb_side { RB_LEFT, RB_RIGHT };

static struct hx_rb_node **rb_child(struct hx_rb_node *n, enum rb_side side)
{
	return side == RB_LEFT ? &n->left : &n->right;
}

static enum rb_side rb_other(enum rb_side side)
{
	return side == RB_LEFT ? RB_RIGHT : RB_LEFT;
}

static enum rb_side rb_side_of(const struct hx_rb_node *parent, const struct hx_rb_node *n)
{
	return parent->left == n ? RB_LEFT : RB_RIGHT;
}

static bool rb_is_red(const struct hx_rb_node *n)
{
	return n != NULL && n->red;
}

/* Put `to` (or nothing) where n hangs. */
static void rb_replace(struct hx_rb_tree *t, struct hx_rb_node *n, struct hx_rb_node *to)
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
static void rb_rotate(struct hx_rb_tree *t, struct hx_rb_node *n, enum rb_side side)
{
	struct hx_rb_node *c = *rb_child(n, rb_other(side)), *y = *rb_child(c, side);

	rb_replace(t, n, c);
	*rb_child(c, side) = n;
	n->parent = c;
	*rb_child(n, rb_other(side)) = y;
	if (y != NULL)
		y->parent = n;
}

void hx_rb_init(struct hx_rb_tree *t,
		bool (*less)(const struct hx_rb_node *a, const struct hx_rb_node *b))
{
	*t = (struct hx_rb_tree){ .less = less };
}

/* n is red; while its parent is red too (2), recolour upwards or end with at most two turns. */
static void rb_insert_fix(struct hx_rb_tree *t, struct hx_rb_node *n)
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
			rb_rotate(t, p, side);
			p = n;
		}
		p->red = false;
		rb_rotate(t, g, rb_other(side));
		break;
	}
	t->root->red = false;
}

void hx_rb_insert(struct hx_rb_tree *t, struct hx_rb_node *n)
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
	rb_insert_fix(t, n);
}

struct hx_rb_node *hx_rb_next(const struct hx_rb_node *n)
{
	struct hx_rb_node *up;

	if (n->right != NULL) {
		n = n->right;
		while (n->left != NULL)
			n = n->left;
		return (struct hx_rb_node *)n;
	}
	for (up = n->parent; up != NULL && up->right == n; up = up->parent)
		n = up;
	return up;
}

/* The ways through p on the given side are one black node short (3): n, its child there, may be
 * NULL. A red n is simply blackened; else the sibling gives a black node or passes the lack up. */
static void rb_remove_fix(struct hx_rb_tree *t, struct hx_rb_node *n, struct hx_rb_node *p)
{
	while (p != NULL && !rb_is_red(n)) {
		enum rb_side side = rb_side_of(p, n);
		struct hx_rb_node *s = *rb_child(p, rb_other(side)), *near, *far;

		if (s->red) {			/* turn it into a case with a black sibling */
			s->red = false;
			p->red = true;
			rb_rotate(t, p, side);
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
			rb_rotate(t, s, rb_other(side));
			far = s;
			s = near;
		}
		s->red = p->red;
		p->red = far->red = false;
		rb_rotate(t, p, side);
		return;
	}
	if (n != NULL)
		n->red = false;
}

void hx_rb_remove(struct hx_rb_tree *t, struct hx_rb_node *n)
{
	struct hx_rb_node *next = hx_rb_next(n), *child, *parent;
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
	}
	t->n_nodes--;
	*n = (struct hx_rb_node){ 0 };
	if (!lost_red)
		rb_remove_fix(t, child, parent);
}

struct hx_rb_node *hx_rb_lower_bound(const struct hx_rb_tree *t,
				     int (*compare)(const struct hx_rb_node *n, const void *key),
				     const void *key)
{
	struct hx_rb_node *n = t->root, *found = NULL;

	while (n != NULL) {
		if (compare(n, key) < 0) {
			n = n->right;
		} else {
			found = n;
			n = n->left;
		}
	}
	return found;
}

struct rb_check {
	const struct hx_rb_tree *t;
	const struct hx_rb_node *prev;	/* the one before in order */
	size_t n_nodes;
};

/* Black height of the subtree at n, or -HX_EBADMSG. levels bounds the recursion: (2) and (3) hold
 * only if the height is within it. */
static int rb_check_subtree(struct rb_check *c, const struct hx_rb_node *n,
			    const struct hx_rb_node *parent, unsigned levels)
{
	int left, right;

	if (n == NULL)
		return 0;
	if (levels == 0 || n->parent != parent || !n->linked || (n->red && rb_is_red(parent)))
		return -HX_EBADMSG;
	left = rb_check_subtree(c, n->left, n, levels - 1);
	if (left < 0 || (c->prev != NULL && c->t->less(n, c->prev)))
		return -HX_EBADMSG;
	if (c->n_nodes++ == 0 && c->t->leftmost != n)
		return -HX_EBADMSG;
	c->prev = n;
	right = rb_check_subtree(c, n->right, n, levels - 1);
	return left == right ? left + !n->red : -HX_EBADMSG;
}

int hx_rb_check(const struct hx_rb_tree *t)
{
	struct rb_check c = { .t = t };
	unsigned levels = 2 * (hx_log2_floor(t->n_nodes + 1) + 1);

	if (rb_check_subtree(&c, t->root, NULL, levels) < 0 || rb_is_red(t->root))
		return -HX_EBADMSG;
	if (c.n_nodes != t->n_nodes || (t->n_nodes == 0 && t->leftmost != NULL))
		return -HX_EBADMSG;
	return 0;
}
