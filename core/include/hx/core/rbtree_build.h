/* SPDX-License-Identifier: MIT */
/*
 * A red-black tree of many nodes at once: a chain is sorted and folded up, instead of going down
 * the tree once for each node. Inline, so that the order and what nodes keep are compiled in.
 *
 *	chain a-b-c-d-e:	    d	n = 5: left n / 2, then the root, then the rest
 *				   / \
 *				  b   e		black, as all nodes above the last level
 *				 / \
 *				a   c		red: a last level that is not full
 *
 * Source: natural merge sort (Knuth, TAOCP vol. 3, 5.2.4) with runs of any length kept in slots as
 * the bits of a counter.
 */
#ifndef HX_CORE_RBTREE_BUILD_H
#define HX_CORE_RBTREE_BUILD_H

#include <hx/core/rbtree.h>

#define HX_RB_RUNS	32u	/* slot n is for 2^n runs */

typedef bool (*hx_rb_less_t)(const struct hx_rb_node *a, const struct hx_rb_node *b);
typedef bool (*hx_rb_update_t)(struct hx_rb_node *n);

/* Two sorted chains; of equals those of the first come first. */
static HX_ALWAYS_INLINE struct hx_rb_node *hx_rb_merge(struct hx_rb_node *a, struct hx_rb_node *b,
						       hx_rb_less_t less)
{
	struct hx_rb_node *first = NULL, **end = &first;

	while (a != NULL && b != NULL) {
		struct hx_rb_node **from = less(b, a) ? &b : &a;

		*end = *from;
		end = &(*from)->right;
		*from = *end;
	}
	*end = a != NULL ? a : b;
	return first;
}

/* The chain, sorted. One that is sorted already costs a comparison for each node. */
static HX_ALWAYS_INLINE struct hx_rb_node *hx_rb_sort(struct hx_rb_node *chain, hx_rb_less_t less)
{
	struct hx_rb_node *runs[HX_RB_RUNS], *run, *last;
	unsigned i, n_slots = 0;

	while (chain != NULL) {
		run = last = chain;
		while (last->right != NULL && !less(last->right, last))
			last = last->right;
		chain = last->right;
		last->right = NULL;
		for (i = 0; i < n_slots && runs[i] != NULL; i++) {
			run = hx_rb_merge(runs[i], run, less);
			runs[i] = NULL;
		}
		if (i == n_slots)
			n_slots++;
		runs[i] = run;
	}
	for (run = NULL, i = 0; i < n_slots; i++) {
		if (runs[i] != NULL)
			run = run != NULL ? hx_rb_merge(runs[i], run, less) : runs[i];
	}
	return run;
}

/* The first node of the chain, with that on its left. */
static HX_ALWAYS_INLINE struct hx_rb_node *hx_rb_unchain(struct hx_rb_node **chain,
							 struct hx_rb_node *left, bool red)
{
	struct hx_rb_node *n = *chain;

	*chain = n->right;
	n->left = left;
	n->right = NULL;
	n->red = red;
	n->linked = true;
	return n;
}

/* The first n nodes of the chain, one at least, as a subtree, level levels above the one where
 * nodes are red. */
static inline struct hx_rb_node *hx_rb_fold(struct hx_rb_node **chain, size_t n, unsigned level,
					    hx_rb_update_t update)
{
	struct hx_rb_node *root, *left;

	if (n == 1) {			/* every other one */
		root = hx_rb_unchain(chain, NULL, level == 0);
		if (update != NULL)
			update(root);
		return root;
	}
	left = hx_rb_fold(chain, n / 2, level - 1, update);
	root = hx_rb_unchain(chain, left, level == 0);
	left->parent = root;
	if (n > 2) {
		root->right = hx_rb_fold(chain, n - 1 - n / 2, level - 1, update);
		root->right->parent = root;
	}
	if (update != NULL)
		update(root);
	return root;
}

/**
 * hx_rb_build() - fill an empty tree
 * @t:      initialised, without nodes
 * @chain:  nodes that are in no tree, linked by ->right, NULL behind the last; NULL: none
 * @n:      how many, below 2^32
 * @less:   the same as the tree's
 * @update: as for hx_rb_insert_augmented(), NULL for a plain tree
 *
 * Returns: nothing. Equal nodes stand in the order of the chain, as if inserted so.
 * Context: any.
 * Locks:   the caller's for the tree.
 * Owner:   the caller keeps the nodes alive while they are in.
 * Cost:    O(n) for a chain of few sorted runs, O(n log n) for any; recursion as deep as the tree.
 * Source:  -
 */
static HX_ALWAYS_INLINE void hx_rb_build(struct hx_rb_tree *t, struct hx_rb_node *chain, size_t n,
					 hx_rb_less_t less, hx_rb_update_t update)
{
	if (n == 0)
		return;
	chain = hx_rb_sort(chain, less);
	t->leftmost = chain;
	t->n_nodes = n;
	t->root = hx_rb_fold(&chain, n, hx_log2_floor(n + 1), update);
	t->root->parent = NULL;
}

#endif
