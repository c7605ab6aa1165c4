/* SPDX-License-Identifier: MIT */
/*
 * The tree against a sorted array, 100,000 random operations with the invariants checked after
 * each; and the checker against trees broken on purpose.
 */
#include <hx/core/rbtree.h>

#include "test_priv.h"

#define N_OPS	100000
#define N_ITEMS	128
#define N_KEYS	40	/* fewer than items: equal keys are common */

struct item {
	struct hx_rb_node node;
	unsigned key;
	unsigned stamp;		/* order of insertion */
	bool in;
};

static uint64_t seed = 0x853c49e6748fea9b;
static struct item items[N_ITEMS];
static struct item *sorted[N_ITEMS];	/* the model, by key and then stamp */
static unsigned n_sorted;

static struct item *item_of(const struct hx_rb_node *n)
{
	return HX_CONTAINER_OF(n, struct item, node);
}

static bool item_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return item_of(a)->key < item_of(b)->key;
}

static int item_compare(const struct hx_rb_node *n, const void *key)
{
	unsigned k = *(const unsigned *)key;

	return (item_of(n)->key > k) - (item_of(n)->key < k);
}

static void model_insert(struct item *item)
{
	unsigned i = n_sorted++;

	for (; i > 0 && sorted[i - 1]->key > item->key; i--)
		sorted[i] = sorted[i - 1];
	sorted[i] = item;
}

static void model_remove(const struct item *item)
{
	unsigned i = 0;

	while (sorted[i] != item)
		i++;
	for (n_sorted--; i < n_sorted; i++)
		sorted[i] = sorted[i + 1];
}

static void check_walk(const struct hx_rb_tree *t)
{
	struct hx_rb_node *n = hx_rb_first(t);
	unsigned i;

	for (i = 0; i < n_sorted; i++, n = hx_rb_next(n))
		assert_ptr_equal(n, &sorted[i]->node);
	assert_null(n);
}

static void check_lower_bound(const struct hx_rb_tree *t)
{
	unsigned i = 0, key = test_random(&seed) % (N_KEYS + 1);
	struct hx_rb_node *n = hx_rb_lower_bound(t, item_compare, &key);

	while (i < n_sorted && sorted[i]->key < key)
		i++;
	assert_ptr_equal(n, i < n_sorted ? &sorted[i]->node : NULL);
}

static void tree_equals_its_model(void **state)
{
	struct hx_rb_tree t;
	unsigned op;

	hx_rb_init(&t, item_less);
	assert_int_equal(hx_rb_check(&t), 0);
	for (op = 0; op < N_OPS; op++) {
		struct item *item = &items[test_random(&seed) % N_ITEMS];

		if (item->in) {
			model_remove(item);
			hx_rb_remove(&t, &item->node);
			assert_false(item->node.linked);
		} else {
			item->key = test_random(&seed) % N_KEYS;
			item->stamp = op;
			model_insert(item);
			hx_rb_insert(&t, &item->node);
		}
		item->in = !item->in;
		assert_int_equal(hx_rb_check(&t), 0);
		assert_int_equal(t.n_nodes, n_sorted);
		check_walk(&t);
		check_lower_bound(&t);
	}
}

/* Ascending, descending, and out from the middle: the orders that unbalance a plain tree. */
static void ordered_input_stays_balanced(void **state)
{
	static struct item many[4096];
	struct hx_rb_tree t;
	unsigned order, i, key;

	for (order = 0; order < 3; order++) {
		hx_rb_init(&t, item_less);
		for (i = 0; i < HX_ARRAY_LEN(many); i++) {
			key = order == 0 ? i : order == 1 ? 5000 - i : i % 2 ? 5000 + i : 5000 - i;
			many[i] = (struct item){ .key = key };
			hx_rb_insert(&t, &many[i].node);
		}
		assert_int_equal(hx_rb_check(&t), 0);	/* which bounds the height */
		for (i = 0; i < HX_ARRAY_LEN(many); i++) {
			hx_rb_remove(&t, hx_rb_first(&t));
			if (i % 64 == 0)
				assert_int_equal(hx_rb_check(&t), 0);
		}
		assert_null(t.root);
		assert_null(t.leftmost);
	}
}

static void build(struct hx_rb_tree *t, struct item *list, unsigned n)
{
	unsigned i;

	hx_rb_init(t, item_less);
	for (i = 0; i < n; i++) {
		list[i] = (struct item){ .key = i };
		hx_rb_insert(t, &list[i].node);
	}
	assert_int_equal(hx_rb_check(t), 0);
}

static void checker_sees_each_kind_of_damage(void **state)
{
	struct item list[20];
	struct hx_rb_tree t;
	unsigned i;

	for (i = 0; i < 20; i++) {		/* a wrong colour anywhere */
		build(&t, list, 20);
		list[i].node.red = !list[i].node.red;
		assert_int_equal(hx_rb_check(&t), -HX_EBADMSG);
	}
	for (i = 1; i < 20; i++) {		/* two neighbours out of order */
		build(&t, list, 20);
		list[i].key = i - 1;
		list[i - 1].key = i;
		assert_int_equal(hx_rb_check(&t), -HX_EBADMSG);
	}
	for (i = 0; i < 20; i++) {		/* a node that hangs below itself: must still end */
		build(&t, list, 20);
		list[i].node.left = &list[i].node;
		assert_int_equal(hx_rb_check(&t), -HX_EBADMSG);
		build(&t, list, 20);
		list[i].node.parent = &list[(i + 7) % 20].node == list[i].node.parent ?
				      NULL : &list[(i + 7) % 20].node;
		assert_int_equal(hx_rb_check(&t), -HX_EBADMSG);
	}
	build(&t, list, 20);
	t.n_nodes = 19;
	assert_int_equal(hx_rb_check(&t), -HX_EBADMSG);
	build(&t, list, 20);
	t.leftmost = &list[1].node;
	assert_int_equal(hx_rb_check(&t), -HX_EBADMSG);
	build(&t, list, 20);
	list[5].node.linked = false;
	assert_int_equal(hx_rb_check(&t), -HX_EBADMSG);
}

static void misuse_is_a_bug(void **state)
{
	struct item list[3];
	struct hx_rb_tree t;

	if (!HX_ENABLED(DEBUG_ASSERT))
		skip();
	build(&t, list, 3);
	assert_true(TEST_IS_BUG(hx_rb_insert(&t, &list[1].node), "linked"));
	hx_rb_remove(&t, &list[1].node);
	assert_true(TEST_IS_BUG(hx_rb_remove(&t, &list[1].node), "linked"));
	assert_int_equal(hx_rb_check(&t), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree_equals_its_model),
		cmocka_unit_test(ordered_input_stays_balanced),
		cmocka_unit_test(checker_sees_each_kind_of_damage),
		cmocka_unit_test(misuse_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
