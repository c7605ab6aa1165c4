/* SPDX-License-Identifier: MIT */
/* What tables hold is charged to holders of resources. */
#include "hx_test.h"
#include <hx/core/caps_charge.h>
#include <hx/core/heap.h>

#include "caps_priv.h"

#define RIGHTS	(HX_CAP_READ | HX_CAP_DELEGATE)

static struct hx_cap_object object;
static struct hx_cap_table a, b;
static struct hx_cap_charge charges[2];
static struct hx_res_holder both, one;

static int setup(void **state)
{
	hx_test_machine_usual(16 * HX_MIB);
	hx_test_start("caps");
	hx_test_start("resources");
	hx_cap_object_init(&object, HX_CAP_FILE, NULL);
	hx_cap_table_init(&a, "a", 1000, 0);
	hx_cap_table_init(&b, "b", 1000, 0);
	assert_int_equal(hx_res_holder_init(&both, "both", NULL), 0);
	assert_int_equal(hx_res_holder_init(&one, "one", &both), 0);
	assert_int_equal(hx_cap_table_charge(&a, &charges[0], &one), 0);
	assert_int_equal(hx_cap_table_charge(&b, &charges[1], &both), 0);
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(hx_res_holder_end(&one), 0);
	assert_int_equal(hx_res_holder_end(&both), 0);
	assert_int_equal(hx_res_n_leaked(), 0);
	assert_int_equal(object.n_refs, 1);
	assert_null(object.roots);
	hx_test_machine_end();
	return 0;
}

static uint64_t used(const struct hx_res_holder *h)
{
	return h->accounts[HX_RES_HANDLES].used;
}

static uint64_t charged(const struct hx_res_holder *h)
{
	return h->accounts[HX_RES_HANDLES].charged;
}

static int create(struct hx_cap_table *t, hx_cap_t *cap)
{
	return hx_cap_create(t, &object, RIGHTS, HX_FOREVER, cap);
}

static void each_capability_is_a_handle(void **state)
{
	hx_cap_t cap, copy;

	assert_int_equal(create(&a, &cap), 0);
	assert_int_equal(hx_cap_derive(&a, cap, &b, HX_CAP_READ, HX_FOREVER, &copy), 0);
	assert_int_equal(used(&one), 1);
	assert_int_equal(used(&both), 1);
	assert_int_equal(charged(&both), 2);
	assert_int_equal(hx_cap_move(&a, cap, &b, &cap), 0);
	assert_int_equal(used(&one), 0);
	assert_int_equal(used(&both), 2);
	assert_int_equal(hx_cap_revoke(&b, cap), 0);	/* also what came of it */
	assert_int_equal(charged(&both), 0);
	assert_int_equal(hx_res_check(), 0);
}

static void at_the_limit_the_table_is_full(void **state)
{
	hx_cap_t cap, more = HX_CAP_NONE;

	assert_int_equal(hx_res_limit(&both, HX_RES_HANDLES, 1, 2), 0);
	assert_int_equal(create(&a, &cap), 0);
	assert_int_equal(both.accounts[HX_RES_HANDLES].n_over, 0);
	assert_int_equal(create(&b, &more), 0);
	assert_int_equal(both.accounts[HX_RES_HANDLES].n_over, 1);
	assert_int_equal(create(&a, &more), -HX_ENFILE);
	assert_int_equal(hx_cap_move(&b, more, &a, &more), -HX_ENFILE);
	assert_int_equal(a.n_used, 1);
	assert_int_equal(both.accounts[HX_RES_HANDLES].n_refused, 2);
	assert_int_equal(hx_cap_drop(&a, cap), 0);
	assert_int_equal(create(&a, &cap), 0);
}

static void a_holders_end_empties_its_table(void **state)
{
	struct hx_cap_object *o;
	hx_cap_t cap;

	assert_int_equal(create(&a, &cap), 0);
	assert_int_equal(hx_res_holder_end(&one), 0);
	assert_int_equal(hx_cap_check(&a, cap, HX_CAP_FILE, 0, &o), -HX_EBADF);
	assert_int_equal(a.n_used, 0);
	assert_null(a.charge);
	assert_int_equal(charged(&both), 0);
	assert_int_equal(hx_res_holder_init(&one, "one", &both), 0);
}

static void a_table_may_end_first(void **state)
{
	hx_cap_t cap;

	assert_int_equal(create(&a, &cap), 0);
	assert_int_equal(hx_cap_table_charge(&a, &charges[0], &one), -HX_EBUSY);
	hx_cap_table_fini(&a);
	assert_int_equal(charged(&both), 0);
	assert_int_equal(create(&a, &cap), 0);		/* nobody's now */
	assert_int_equal(charged(&both), 0);
	hx_cap_table_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_capability_is_a_handle, setup, teardown),
		cmocka_unit_test_setup_teardown(at_the_limit_the_table_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(a_holders_end_empties_its_table, setup, teardown),
		cmocka_unit_test_setup_teardown(a_table_may_end_first, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
