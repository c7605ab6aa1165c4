/* SPDX-License-Identifier: MIT */
/*
 * A red-black tree of many nodes at once: a chain is sorted and folded up, instead of going down
 * the tree once for each node. Inline, so that the order and what nodes keep are compiled in.
 *
 *	chain a-b-c-d-e:	    d	all levels are full but the last one
 *				   / \
 *				  b   e		black, as all nodes above it
 *				 / \
 *				a   c		red: it is filled from the left
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

/* As a node of the tree, with those below it, who are told by the caller. */
static HX_ALWAYS_INLINE void hx_rb_settle(struct hx_rb_node *n, struct hx_rb_node *left,
					  struct hx_rb_node *right, bool red, hx_rb_update_t update)
{
	n->left = left;
	n->right = right;
	n->red = red;
	n->linked = true;
	if (update != NULL)
		update(n);
}

/* The first three nodes of the chain as a subtree. */
static HX_ALWAYS_INLINE struct hx_rb_node *hx_rb_three(struct hx_rb_node **chain, bool red_leaves,
						       hx_rb_update_t update)
{
	struct hx_rb_node *left = *chain, *root = left->right, *right = root->right;

	if (left == NULL || right == NULL)
		__builtin_unreachable();	/* three are left; so update() need not ask */
	*chain = right->right;
	left->parent = right->parent = root;
	hx_rb_settle(left, NULL, NULL, red_leaves, update);
	hx_rb_settle(right, NULL, NULL, red_leaves, update);
	hx_rb_settle(root, left, right, false, update);
	return root;
}

/* The first seven. */
static HX_ALWAYS_INLINE struct hx_rb_node *hx_rb_seven(struct hx_rb_node **chain, bool red_leaves,
						       hx_rb_update_t update)
{
	struct hx_rb_node *left = hx_rb_three(chain, red_leaves, update), *root = *chain, *right;

	*chain = root->right;
	right = hx_rb_three(chain, red_leaves, update);
	left->parent = right->parent = root;
	hx_rb_settle(root, left, right, false, update);
	return root;
}

/* The first n nodes of the chain as a subtree, level levels above the one where nodes are red: that
 * is filled from the left, and all above it are full. So nearly all subtrees are of 2^k - 1 nodes,
 * and seven of eight nodes are in one of seven. */
static inline struct hx_rb_node *hx_rb_fold(struct hx_rb_node **chain, size_t n, unsigned level,
					    hx_rb_update_t update)
{
	struct hx_rb_node *root, *left, *right;
	size_t half, n_left;

	if (n == 7)
		return level == 2 ? hx_rb_seven(chain, true, update)
				  : hx_rb_seven(chain, false, update);
	if (n == 0)
		return NULL;
	half = (size_t)1 << (hx_log2_floor(n + 1) - 1);	/* nodes of the last full level */
	n_left = hx_min_u64(n - half, 2 * half - 1);
	left = hx_rb_fold(chain, n_left, level - 1, update);
	root = *chain;
	*chain = root->right;
	right = hx_rb_fold(chain, n - 1 - n_left, level - 1, update);
	if (left != NULL)
		left->parent = root;
	if (right != NULL)
		right->parent = root;
	hx_rb_settle(root, left, right, level == 0, update);
	return root;
}

/* Nodes on their way into a tree; each but the last knows the next one by ->right. */
struct hx_rb_chain {
	struct hx_rb_node *first, *last;
	size_t n;
};

#define HX_RB_CHAIN_INIT	{ .first = NULL }

/* n, which is in no tree, behind the others. */
static HX_ALWAYS_INLINE void hx_rb_chain_add(struct hx_rb_chain *c, struct hx_rb_node *n)
{
	if (HX_LIKELY(c->n++ != 0))
		c->last->right = n;
	else
		c->first = n;
	c->last = n;
}

/* The first one out again: of no tree. NULL: there is none. */
static inline struct hx_rb_node *hx_rb_chain_pop(struct hx_rb_chain *c)
{
	struct hx_rb_node *n = c->first;

	if (c->n == 0)
		return NULL;
	c->n--;
	c->first = n->right;
	*n = (struct hx_rb_node){ .linked = false };
	return n;
}

/**
 * hx_rb_build() - put many nodes into a tree
 * @t:      initialised
 * @chain:  the nodes, which are in no tree; used up
 * @less:   the same as the tree's
 * @update: as for hx_rb_insert_augmented(), NULL for a plain tree
 *
 * Returns: nothing. Equal nodes stand in the order of the chain, as if inserted so.
 * Context: any.
 * Locks:   the caller's for the tree.
 * Owner:   the caller keeps the nodes alive while they are in.
 * Cost:    into an empty tree O(n) for a chain of few sorted runs, O(n log n) for any; recursion as
 *          deep as the tree. Into one with nodes as so many inserts.
 * Source:  -
 */
static HX_ALWAYS_INLINE void hx_rb_build(struct hx_rb_tree *t, struct hx_rb_chain *chain,
					 hx_rb_less_t less, hx_rb_update_t update)
{
	struct hx_rb_node *nodes;

	if (HX_UNLIKELY(t->root != NULL)) {
		while ((nodes = hx_rb_chain_pop(chain)) != NULL) {
			if (update != NULL)
				hx_rb_insert_augmented(t, nodes, update);
			else
				hx_rb_insert(t, nodes);
		}
		return;
	}
	if (chain->n == 0)
		return;
	chain->last->right = NULL;
	nodes = hx_rb_sort(chain->first, less);
	t->leftmost = nodes;
	t->n_nodes = chain->n;
	t->root = hx_rb_fold(&nodes, chain->n, hx_log2_floor(chain->n + 1), update);
	t->root->parent = NULL;
}

#endif
