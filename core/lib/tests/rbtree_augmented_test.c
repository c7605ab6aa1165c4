/* SPDX-License-Identifier: MIT */
/*
 * Augmented trees: after each of many random operations every node keeps the least value of its
 * subtree, computed anew by the definition.
 */
#include <hx/core/rbtree.h>

#include "test_priv.h"

#define N_OPS	25000
#define N_ITEMS	128
#define N_KEYS	40	/* fewer than items: equal keys are common */

struct item {
	struct hx_rb_node node;
	unsigned key;
	unsigned stamp;
	unsigned least;		/* the least stamp of its subtree */
	bool in;
};

static uint64_t seed = 0x853c49e6748fea9b;
static struct item items[N_ITEMS];

static struct item *item_of(const struct hx_rb_node *n)
{
	return HX_CONTAINER_OF(n, struct item, node);
}

static bool item_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return item_of(a)->key < item_of(b)->key;
}

/* The least stamp in the subtree, by the definition. */
static unsigned least_stamp(const struct hx_rb_node *n)
{
	unsigned least = item_of(n)->stamp;

	if (n->left != NULL && least_stamp(n->left) < least)
		least = least_stamp(n->left);
	if (n->right != NULL && least_stamp(n->right) < least)
		least = least_stamp(n->right);
	return least;
}

static bool update_least(struct hx_rb_node *n)
{
	struct item *item = item_of(n);
	unsigned least = item->stamp;

	if (n->left != NULL && item_of(n->left)->least < least)
		least = item_of(n->left)->least;
	if (n->right != NULL && item_of(n->right)->least < least)
		least = item_of(n->right)->least;
	if (item->least == least)
		return false;
	item->least = least;
	return true;
}

static void each_node_keeps_the_least_of_its_subtree(void **state)
{
	struct hx_rb_tree t;
	unsigned op, i;

	hx_rb_init(&t, item_less);
	for (op = 0; op < N_OPS; op++) {
		struct item *item = &items[test_random(&seed) % N_ITEMS];

		if (item->in) {
			hx_rb_remove_augmented(&t, &item->node, update_least);
		} else {
			item->key = test_random(&seed) % N_KEYS;
			item->stamp = (unsigned)(test_random(&seed) % 1000);
			hx_rb_insert_augmented(&t, &item->node, update_least);
		}
		item->in = !item->in;
		assert_int_equal(hx_rb_check(&t), 0);
		for (i = 0; i < N_ITEMS; i++) {
			if (items[i].in)
				assert_int_equal(items[i].least, least_stamp(&items[i].node));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_node_keeps_the_least_of_its_subtree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
