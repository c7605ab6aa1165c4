/* SPDX-License-Identifier: MIT */
/*
 * What the files of this scheduler share; eevdf.c says what the words mean.
 */
#ifndef HX_EEVDF_PRIV_H
#define HX_EEVDF_PRIV_H

#include <hx/config/subsys_sched_eevdf.h>
#include <hx/core/rbtree.h>
#include <hx/core/sched_class.h>
#include <hx/sched/share.h>

#define EEVDF_SLICE_NS		(CONFIG_SCHED_EEVDF_SLICE_MS * HX_NS_PER_MS)
#define EEVDF_REQUEST_MIN_NS	(HX_NS_PER_MS / 10)
#define EEVDF_REQUEST_MAX_NS	(100 * HX_NS_PER_MS)
#define EEVDF_LAG_MAX		((int64_t)(EEVDF_REQUEST_MAX_NS * HX_WEIGHT_NICE_0))

/* Times a weight, 2^17 at most: below 2^63. */
#define EEVDF_SUM_SMALL		((uint64_t)1 << 45)

#define EEVDF_FEW		2u

struct eevdf_queue {
	struct hx_thread *few[EEVDF_FEW]; /* ready, the first n_few of them */
	unsigned n_few;
	struct hx_rb_tree ready;	/* the other ready ones, by deadline */
	struct hx_thread *current;	/* picked and not left yet */
	uint64_t base;			/* V = base + sum / load */
	int64_t sum, load;		/* invariant 1 */
};

/* In sched_priv. Virtual times unless said otherwise. */
struct eevdf_thread {
	union {
		struct hx_rb_node node;
		const struct eevdf_queue *left;	/* while it does not take part: where it did */
	};
	uint64_t v;			/* while it takes part; else what V was when it left */
	uint64_t deadline;		/* while it takes part; while it is taken off, what is left
					 * of its request, in 1/1024 ns of real time */
	uint64_t least;			/* in the tree: the least v of its subtree */
	int64_t lag;			/* while it does not: w * (V - v), in 1/1024 ns */
	uint64_t request;		/* length of one */
	uint32_t weight, rest;		/* rest: of the division in eevdf_charge(), below weight */
};

_Static_assert(sizeof(struct eevdf_thread) <= sizeof(((struct hx_thread *)0)->sched_priv), "room");

static inline struct eevdf_thread *eevdf_of(const struct hx_thread *t)
{
	return (struct eevdf_thread *)(uintptr_t)t->sched_priv;
}

static inline struct eevdf_thread *eevdf_node(const struct hx_rb_node *n)
{
	return HX_CONTAINER_OF(n, struct eevdf_thread, node);
}

static inline struct hx_thread *eevdf_thread_of(const struct hx_rb_node *n)
{
	return HX_CONTAINER_OF(eevdf_node(n), struct hx_thread, sched_priv);
}

/* The order of the tree, and what a node of it knows of its subtree. */
static inline bool eevdf_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return (int64_t)(eevdf_node(a)->deadline - eevdf_node(b)->deadline) < 0;
}

static inline uint64_t eevdf_least(const struct hx_rb_node *n)
{
	uint64_t least = eevdf_node(n)->v;

	if (n->left != NULL && (int64_t)(eevdf_node(n->left)->least - least) < 0)
		least = eevdf_node(n->left)->least;
	if (n->right != NULL && (int64_t)(eevdf_node(n->right)->least - least) < 0)
		least = eevdf_node(n->right)->least;
	return least;
}

static inline bool eevdf_update(struct hx_rb_node *n)
{
	const uint64_t least = eevdf_least(n);

	if (least == eevdf_node(n)->least)
		return false;
	eevdf_node(n)->least = least;
	return true;
}

/* Its weight and the length of its requests, as it asks for them now. */
void eevdf_take_terms(struct hx_thread *t);

#endif
