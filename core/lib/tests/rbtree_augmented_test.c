/* SPDX-License-Identifier: MIT */
/*
 * Augmented trees: after each of many random operations every node keeps the least value of its
 * subtree, computed anew by the definition. And trees of many nodes at once: the same as if the
 * nodes had been put in one by one.
 */
#include <hx/core/rbtree_build.h>

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

static void add(struct hx_rb_tree *t, unsigned first, unsigned n)
{
	struct hx_rb_chain chain = HX_RB_CHAIN_INIT;

	while (n-- > 0)
		hx_rb_chain_add(&chain, &items[first++].node);
	hx_rb_build(t, &chain, item_less, update_least);
}

/* Of n items, whose keys are sorted but for `breaks` places, the last ones in another chain. */
static void build(struct hx_rb_tree *t, unsigned n, unsigned breaks, unsigned later)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		items[i] = (struct item){
			.key = i / 3, .stamp = (unsigned)(test_random(&seed) % 1000), .in = true,
		};
	}
	while (breaks-- > 0)
		items[test_random(&seed) % n].key = test_random(&seed) % N_KEYS;
	hx_rb_init(t, item_less);
	add(t, 0, n - later);
	add(t, n - later, later);
}

static void a_tree_of_a_chain_is_as_if_its_nodes_were_put_in_one_by_one(void **state)
{
	const struct hx_rb_node *node, *next;
	struct hx_rb_tree t;
	unsigned n, i, round;

	for (round = 0; round < 8 * (N_ITEMS + 1); round++) {
		n = round % (N_ITEMS + 1);
		build(&t, n, n == 0 ? 0 : round / (N_ITEMS + 1) * n / 4, round % 2 * n / 5);
		assert_int_equal(hx_rb_check(&t), 0);
		assert_int_equal(t.n_nodes, n);
		for (i = 0, node = hx_rb_first(&t); node != NULL; node = next, i++) {
			next = hx_rb_next(node);
			if (next != NULL && item_of(next)->key == item_of(node)->key)
				assert_true(item_of(next) > item_of(node));
			assert_int_equal(item_of(node)->least, least_stamp(node));
		}
		assert_int_equal(i, n);
		for (i = 0; i < n; i++) {
			hx_rb_remove_augmented(&t, &items[i].node, update_least);
			assert_int_equal(hx_rb_check(&t), 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_node_keeps_the_least_of_its_subtree),
		cmocka_unit_test(a_tree_of_a_chain_is_as_if_its_nodes_were_put_in_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
