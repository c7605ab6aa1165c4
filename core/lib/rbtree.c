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
#include "rbtree_priv.h"

void hx_rb_init(struct hx_rb_tree *t,
		bool (*less)(const struct hx_rb_node *a, const struct hx_rb_node *b))
{
	*t = (struct hx_rb_tree){ .less = less };
}

void hx_rb_insert(struct hx_rb_tree *t, struct hx_rb_node *n)
{
	rb_insert(t, n, NULL);
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

void hx_rb_remove(struct hx_rb_tree *t, struct hx_rb_node *n)
{
	rb_remove(t, n, NULL);
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
