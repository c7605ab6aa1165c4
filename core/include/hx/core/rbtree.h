/* SPDX-License-Identifier: MIT */
/*
 * Red-black tree, intrusive, with the leftmost node cached. Order is the caller's less(); equal
 * nodes keep insertion order. Source: Cormen et al., Introduction to Algorithms, ch. 13.
 */
#ifndef HX_CORE_RBTREE_H
#define HX_CORE_RBTREE_H

#include <hx/base.h>

struct hx_rb_node {
	struct hx_rb_node *parent, *left, *right;
	uint32_t red;
	uint32_t linked;
};

struct hx_rb_tree {
	struct hx_rb_node *root, *leftmost;
	bool (*less)(const struct hx_rb_node *a, const struct hx_rb_node *b);
	size_t n_nodes;
};

/**
 * hx_rb_init() - an empty tree
 * @t:    filled in
 * @less: whether a comes before b: a strict order that does not change while they are in
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   the caller has the tree.
 * Cost:    a few stores.
 * Source:  -
 */
void hx_rb_init(struct hx_rb_tree *t,
		bool (*less)(const struct hx_rb_node *a, const struct hx_rb_node *b));

/**
 * hx_rb_insert() - put a node in, behind those that are equal to it
 * hx_rb_remove() - take a node out
 * @t: the tree
 * @n: the node: insert, in no tree and linked == 0 (zero-filled); remove, in t (asserted)
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   the caller's for the tree.
 * Owner:   the caller keeps the node alive while it is in.
 * Cost:    O(log n) calls of less (insert) and at most 2 (insert) or 3 (remove) rotations.
 * Source:  Cormen et al., Introduction to Algorithms, 13.3 and 13.4.
 */
void hx_rb_insert(struct hx_rb_tree *t, struct hx_rb_node *n);
void hx_rb_remove(struct hx_rb_tree *t, struct hx_rb_node *n);

/**
 * hx_rb_insert_augmented() - the same for nodes that keep something about their whole subtree
 * hx_rb_remove_augmented() - the same
 * @t:      the tree; all its nodes come and go by these two
 * @n:      as above
 * @update: computes what @n keeps (a least value, a sum) from @n itself and from what its children,
 *          n->left and n->right, keep; true if that is another value than before
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   the caller's for the tree.
 * Owner:   the caller keeps the node alive while it is in.
 * Cost:    as above, and at most height + 4 (insert) or 2 * height + 6 (remove) calls of @update.
 * Source:  Cormen et al., 14.2. A node that changes what it keeps must be taken out before.
 */
void hx_rb_insert_augmented(struct hx_rb_tree *t, struct hx_rb_node *n,
			    bool (*update)(struct hx_rb_node *n));
void hx_rb_remove_augmented(struct hx_rb_tree *t, struct hx_rb_node *n,
			    bool (*update)(struct hx_rb_node *n));

/**
 * hx_rb_first() - the first node in order
 * hx_rb_next() - the one behind a node
 * @t: the tree
 * @n: a node that is in
 *
 * Returns: the node, or NULL: empty, or n is the last.
 * Context: any.
 * Locks:   the caller's for the tree.
 * Owner:   borrowed.
 * Cost:    first: a load. next: O(log n), O(1) on average over a walk.
 * Source:  Cormen et al., 12.2.
 */
static inline struct hx_rb_node *hx_rb_first(const struct hx_rb_tree *t)
{
	return t->leftmost;
}

struct hx_rb_node *hx_rb_next(const struct hx_rb_node *n);

/**
 * hx_rb_lower_bound() - the first node that does not come before a key
 * @t:       the tree
 * @compare: negative: the node comes before the key; must agree with less
 * @key:     passed to compare
 *
 * Returns: the node, or NULL: all come before.
 * Context: any.
 * Locks:   the caller's for the tree.
 * Owner:   borrowed.
 * Cost:    O(log n) calls of compare.
 * Source:  -
 */
struct hx_rb_node *hx_rb_lower_bound(const struct hx_rb_tree *t,
				     int (*compare)(const struct hx_rb_node *n, const void *key),
				     const void *key);

/**
 * hx_rb_check() - verify colours, order, links, the count and the cached first node
 * @t: the tree, perhaps damaged
 *
 * Returns: 0; -HX_EBADMSG an invariant is broken.
 * Context: any; for tests and debug sweeps.
 * Locks:   the caller's for the tree.
 * Owner:   -
 * Cost:    O(n); recursion as deep as a sound tree may be: 2 * log2(n + 1).
 * Source:  Cormen et al., lemma 13.1.
 */
HX_MUST_CHECK int hx_rb_check(const struct hx_rb_tree *t);

#endif
