// SPDX-License-Identifier: MIT
/* The order of components is checked again at boot: each kind of wrong order is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "../init_priv.h"

static const struct hx_component words = {
	.name = "words", .phase = HX_PHASE_BOOT,
};
static const struct hx_component ring = {
	.name = "ring", .phase = HX_PHASE_EARLY, .needs = "words", .gives = "log console",
};
static const struct hx_component pages = {
	.name = "pages", .phase = HX_PHASE_EARLY, .needs = " words  log? slab?",
};
static const struct hx_component slab = {
	.name = "slab", .phase = HX_PHASE_CORE, .needs = "pages console",
};
static const struct hx_component *const all[] = { &slab, &pages, &words, &ring };

static bool good(const struct hx_component *const *order, size_t n, struct init_fault *fault)
{
	struct init_graph g = { order, n, all, all + HX_ARRAY_LEN(all) };

	memset(fault, 0, sizeof(*fault));
	return init_order_is_good(&g, fault);
}

static void order_computed_is_good(void **state)
{
	/* Nobody of this set gives the word that pages may do without. */
	static const struct hx_component *const some[] = { &pages, &words, &ring };
	static const struct hx_component *const order[] = { &words, &ring, &pages };
	struct init_graph g = { order, 3, some, some + 3 };
	struct init_fault fault;

	assert_true(init_order_is_good(&g, &fault));
}

static void order_empty_is_good(void **state)
{
	struct init_graph g = { NULL, 0, NULL, NULL };
	struct init_fault fault;

	assert_true(init_order_is_good(&g, &fault));
}

static void order_with_optional_need_too_late_is_refused(void **state)
{
	static const struct hx_component *const order[] = { &words, &ring, &pages, &slab };
	struct init_fault fault;

	assert_false(good(order, 4, &fault));
	assert_ptr_equal(fault.component, &pages);
	assert_memory_equal(fault.word, "slab?", 5);
}

static void order_with_need_too_late_is_refused(void **state)
{
	static const struct hx_component *const some[] = { &words, &ring };
	static const struct hx_component late = {
		.name = "ring", .phase = HX_PHASE_BOOT, .needs = "words",
	};
	static const struct hx_component *const order[] = { &late, &words };
	static const struct hx_component *const section[] = { &words, &late };
	struct init_graph g = { order, 2, section, section + 2 };
	struct init_fault fault;

	assert_false(init_order_is_good(&g, &fault));
	assert_ptr_equal(fault.component, &late);
	assert_string_equal(fault.word, "words");
	g.order = g.first = some;
	g.last = some + 2;
	assert_true(init_order_is_good(&g, &fault));
}

static void order_with_part_of_a_name_is_refused(void **state)
{
	static const struct hx_component longer = { .name = "pagesx", .phase = HX_PHASE_BOOT };
	static const struct hx_component shorter = { .name = "page", .gives = "pag es" };
	static const struct hx_component user = { .name = "user", .phase = HX_PHASE_BOOT,
						  .needs = "pages" };
	static const struct hx_component *const order[] = { &longer, &shorter, &user };
	struct init_graph g = { order, 3, order, order + 3 };
	struct init_fault fault;

	assert_false(init_order_is_good(&g, &fault));
	assert_ptr_equal(fault.component, &user);
}

static void order_with_falling_phase_is_refused(void **state)
{
	static const struct hx_component first = { .name = "first", .phase = HX_PHASE_LATE };
	static const struct hx_component second = { .name = "second", .phase = HX_PHASE_CORE };
	static const struct hx_component wild = { .name = "wild", .phase = HX_PHASE_COUNT };
	static const struct hx_component *const order[] = { &first, &second };
	static const struct hx_component *const beyond[] = { &wild };
	struct init_graph g = { order, 2, order, order + 2 };
	struct init_fault fault;

	assert_false(init_order_is_good(&g, &fault));
	assert_ptr_equal(fault.component, &second);
	g = (struct init_graph){ beyond, 1, beyond, beyond + 1 };
	assert_false(init_order_is_good(&g, &fault));
	assert_ptr_equal(fault.component, &wild);
}

static void order_of_another_set_is_refused(void **state)
{
	static const struct hx_component stranger = { .name = "stranger", .phase = HX_PHASE_BOOT };
	static const struct hx_component *const few[] = { &words, &ring };
	static const struct hx_component *const other[] = { &words, &stranger };
	static const struct hx_component *const twice[] = { &words, &words };
	struct init_graph g = { few, 1, few, few + 2 };
	struct init_fault fault;

	assert_false(init_order_is_good(&g, &fault));
	assert_null(fault.component);
	g.order = other;
	g.n_order = 2;
	assert_false(init_order_is_good(&g, &fault));
	assert_ptr_equal(fault.component, &ring);	/* is missing */
	g.order = twice;
	assert_false(init_order_is_good(&g, &fault));
	assert_ptr_equal(fault.component, &words);
	g.order = few;
	g.first = other;
	g.last = other + 2;
	assert_false(init_order_is_good(&g, &fault));
	assert_ptr_equal(fault.component, &stranger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_computed_is_good),
		cmocka_unit_test(order_empty_is_good),
		cmocka_unit_test(order_with_optional_need_too_late_is_refused),
		cmocka_unit_test(order_with_need_too_late_is_refused),
		cmocka_unit_test(order_with_part_of_a_name_is_refused),
		cmocka_unit_test(order_with_falling_phase_is_refused),
		cmocka_unit_test(order_of_another_set_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
