/* SPDX-License-Identifier: MIT */
/*
 * Red-black trees whose nodes keep something about their subtrees; in the kernel if somebody that
 * needs them is chosen (it selects RB_AUGMENTED).
 */
#include "rbtree_priv.h"

void hx_rb_insert_augmented(struct hx_rb_tree *t, struct hx_rb_node *n,
			    bool (*update)(struct hx_rb_node *n))
{
	rb_insert(t, n, update);
}

void hx_rb_remove_augmented(struct hx_rb_tree *t, struct hx_rb_node *n,
			    bool (*update)(struct hx_rb_node *n))
{
	rb_remove(t, n, update);
}
