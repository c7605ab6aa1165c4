/* SPDX-License-Identifier: MIT */
/* Resources, one behaviour each: limits, leases, and what is attached. */
#include "hx_test.h"
#include <hx/config/core_thread.h>
#include <hx/core/heap.h>
#include <hx/core/heap_class.h>
#include <hx/core/names.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>

#include "resources_priv.h"

#define M	HX_RES_MEMORY
#define I	HX_RES_INTERRUPTS

static struct hx_res_holder top, low;
static unsigned n_told;
static uint64_t told_of;

static void over(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t charged)
{
	n_told++;
	told_of = charged;
}

static int setup(void **state)
{
	hx_test_machine_usual(16 * HX_MIB);
	hx_test_start("threads");
	hx_test_start("resources");
	n_told = 0;
	assert_int_equal(hx_res_holder_init(&top, "top", NULL), 0);
	assert_int_equal(hx_res_holder_init(&low, "low", &top), 0);
	return 0;
}

/* After every test: nothing is left, and the books balance. */
static int teardown(void **state)
{
	assert_int_equal(hx_res_check(), 0);
	assert_int_equal(hx_res_holder_end(&low), 0);
	for (unsigned k = 0; k < HX_RES_KINDS; k++) {
		assert_int_equal(top.accounts[k].charged, top.accounts[k].used);
		assert_int_equal(low.accounts[k].charged, 0);
	}
	assert_int_equal(hx_res_holder_end(&top), 0);
	assert_int_equal(hx_res_n_holders(), 0);
	hx_test_machine_end();
	return 0;
}

static void hard_limits_hold_all_the_way_up(void **state)
{
	assert_int_equal(hx_res_limit(&top, M, HX_RES_NONE, 100), 0);
	assert_int_equal(hx_res_limit(&low, M, HX_RES_NONE, 60), 0);
	assert_int_equal(hx_res_take(&low, M, 61), -HX_ENOSPC);
	assert_int_equal(hx_res_take(&low, M, 60), 0);
	assert_int_equal(hx_res_take(&low, M, 1), -HX_ENOSPC);
	assert_int_equal(hx_res_take(&top, M, 41), -HX_ENOSPC);
	assert_int_equal(hx_res_take(&top, M, 40), 0);
	assert_int_equal(hx_res_limit(&low, M, HX_RES_NONE, HX_RES_NONE), 0);
	assert_int_equal(hx_res_take(&low, M, 1), -HX_ENOSPC);	/* now the one above */
	assert_int_equal(low.accounts[M].charged, 60);
	assert_int_equal(top.accounts[M].charged, 100);
	assert_int_equal(top.accounts[M].peak, 100);
	assert_int_equal(low.accounts[M].n_refused, 2);
	assert_int_equal(top.accounts[M].n_refused, 2);
	assert_int_equal(hx_res_take(&low, M, UINT64_MAX), -HX_ENOSPC);	/* does not wrap */
	hx_res_release(&low, M, 60);
	hx_res_release(&top, M, 40);
	assert_int_equal(hx_res_limit(&low, M, 3, 2), -HX_EINVAL);
}

static void a_grant_is_whole_or_none(void **state)
{
	const struct hx_res_want wants[] = { { M, 50 }, { I, 2 }, { M, 10 }, { HX_RES_CPU, 5 } };

	assert_int_equal(hx_res_limit(&top, HX_RES_CPU, HX_RES_NONE, 4), 0);
	assert_int_equal(hx_res_reserve(&low, wants, 4), -HX_ENOSPC);
	for (unsigned k = 0; k < HX_RES_KINDS; k++) {
		assert_int_equal(low.accounts[k].charged, 0);
		assert_int_equal(low.accounts[k].reserved, 0);
		assert_int_equal(top.accounts[k].charged, 0);
	}
	assert_int_equal(hx_res_reserve(&low, wants, 3), 0);
	assert_int_equal(low.accounts[M].reserved, 60);
	assert_int_equal(hx_res_use(&low, M, 61), -HX_EINVAL);
	assert_int_equal(hx_res_use(&low, M, 20), 0);
	assert_int_equal(hx_res_use(&top, M, 1), -HX_EINVAL);	/* what is below is not its own */
	assert_int_equal(low.accounts[M].charged, 60);
	hx_res_release(&low, M, 20);
	assert_int_equal(top.accounts[M].charged, 40);
	hx_res_unreserve(&low, M, 15);
	assert_int_equal(low.accounts[M].reserved, 25);
	assert_int_equal(top.accounts[I].charged, 2);
	/* The rest goes with the holder. */
}

static void passing_a_soft_limit_is_told_once(void **state)
{
	top.over = over;
	assert_int_equal(hx_res_limit(&top, M, 10, 20), 0);
	assert_int_equal(hx_res_take(&low, M, 10), 0);
	assert_int_equal(n_told, 0);
	assert_int_equal(hx_res_take(&low, M, 1), 0);
	assert_int_equal(n_told, 1);
	assert_int_equal(told_of, 11);
	assert_int_equal(hx_res_take(&low, M, 5), 0);
	assert_int_equal(n_told, 1);
	assert_int_equal(hx_res_take(&low, M, 5), -HX_ENOSPC);
	hx_res_release(&low, M, 10);
	assert_int_equal(hx_res_take(&low, M, 10), 0);	/* beyond again */
	assert_int_equal(n_told, 2);
	assert_int_equal(top.accounts[M].n_over, 2);
	hx_res_release(&low, M, 16);
}

static void what_was_used_without_a_lease_is_reported(void **state)
{
	assert_int_equal(hx_res_take(&low, M, 7), 0);
	assert_int_equal(hx_res_holder_end(&top), -HX_EBUSY);
	assert_int_equal(hx_res_holder_end(&low), 0);
	assert_int_equal(hx_res_n_leaked(), 1);
	assert_int_equal(top.accounts[M].charged, 0);
	assert_int_equal(hx_res_holder_init(&low, "low", &top), 0);
}

static void holders_are_so_deep_and_no_deeper(void **state)
{
	struct hx_res_holder h[3];

	assert_int_equal(hx_res_holder_init(&h[0], "a", &low), 0);
	assert_int_equal(hx_res_holder_init(&h[1], "b", &h[0]), 0);
	assert_int_equal(hx_res_holder_init(&h[2], "c", &h[1]), -HX_ELOOP);
	assert_int_equal(hx_res_take(&h[1], M, 3), 0);
	assert_int_equal(top.accounts[M].charged, 3);
	assert_int_equal(hx_res_check(), 0);
	top.accounts[M].charged++;		/* the check finds it */
	assert_int_equal(hx_res_check(), 1);
	top.accounts[M].charged--;
	hx_res_release(&h[1], M, 3);
	assert_int_equal(hx_res_holder_end(&h[1]), 0);
	assert_int_equal(hx_res_holder_end(&h[0]), 0);
}

static void memory_goes_back_with_its_holder(void **state)
{
	struct hx_heap_stats before, after;
	uint8_t *p, *q;

	hx_heap_stats(&before);
	p = hx_res_alloc(&low, 1000);
	q = hx_res_alloc(&low, 10);
	assert_non_null(p);
	assert_non_null(q);
	assert_int_equal((uintptr_t)p % 16, 0);
	memset(p, 1, 1000);
	assert_int_equal(low.accounts[M].used, 1010 + 2 * 48);
	hx_res_free(p);
	hx_res_free(NULL);
	assert_int_equal(low.accounts[M].used, 58);
	assert_null(hx_res_alloc(&low, 0));
	assert_null(hx_res_alloc(&low, SIZE_MAX));
	assert_int_equal(hx_res_limit(&top, M, HX_RES_NONE, 100), 0);
	assert_null(hx_res_alloc(&low, 43));
	assert_int_equal(hx_res_holder_end(&low), 0);
	hx_heap_stats(&after);
	assert_int_equal(after.used_bytes, before.used_bytes);
	assert_int_equal(hx_res_n_leaked(), 0);
	assert_int_equal(hx_res_holder_init(&low, "low", &top), 0);
}

static void each_allocation_may_fail(void **state)
{
	void *p;

	hx_heap_fail_at(1);
	p = hx_res_alloc(&low, 100);
	hx_heap_fail_at(0);
	assert_null(p);
	assert_int_equal(low.accounts[M].charged, 0);
}

/* ---- interrupts */

static unsigned n_handled;

static void handler(void *arg)
{
	n_handled++;
}

static void lines_are_detached_with_their_holder(void **state)
{
	struct hx_irq_action a[2] = { { .name = "a", .handler = handler },
				      { .name = "b", .handler = handler } };
	struct hx_res_irq i[2];

	n_handled = 0;
	assert_int_equal(hx_res_limit(&low, I, HX_RES_NONE, 1), 0);
	assert_int_equal(hx_res_irq_attach(&low, &i[0], UINT32_MAX, &a[0]), -HX_EINVAL);
	assert_int_equal(low.accounts[I].charged, 0);
	assert_int_equal(hx_res_irq_attach(&low, &i[0], 5, &a[0]), 0);
	assert_int_equal(hx_res_irq_attach(&low, &i[1], 5, &a[1]), -HX_ENOSPC);
	hx_host_irq_raise(5);
	assert_int_equal(n_handled, 1);
	hx_res_irq_detach(&i[0]);
	assert_int_equal(low.accounts[I].charged, 0);
	assert_int_equal(hx_res_irq_attach(&low, &i[1], 5, &a[1]), 0);
	assert_int_equal(hx_res_holder_end(&low), 0);
	assert_int_equal(hx_irq_attach(5, &a[1]), 0);	/* it was off */
	hx_irq_detach(5, &a[1]);
	assert_int_equal(hx_res_holder_init(&low, "low", &top), 0);
}

/* ---- CPU time */

static int sleeper(void *arg)
{
	hx_sleep_ns(HX_NS_PER_S);
	return 0;
}

static void cpu_time_is_charged_before_it_is_promised(void **state)
{
	struct hx_thread_params p = { .name = "t", .fn = sleeper, .prio = HX_PRIO_DEFAULT };
	struct hx_intent want;
	struct hx_thread *t;
	struct hx_res_cpu c;

	if (!HX_ENABLED(INTENTS))
		skip();
	assert_int_equal(hx_thread_create(&p, &t), 0);
	hx_intent_init(&want);
	assert_int_equal(hx_res_cpu_promise(&low, &c, t, &want), -HX_EINVAL);
	want.budget_kind = HX_BUDGET_PERCENT;
	want.budget = 30;
	assert_int_equal(hx_res_limit(&top, HX_RES_CPU, HX_RES_NONE, 299999), 0);
	assert_int_equal(hx_res_cpu_promise(&low, &c, t, &want), -HX_ENOSPC);
	want.budget_kind = HX_BUDGET_QUOTA;
	want.quota_ns = HX_NS_PER_MS;
	want.budget_period_ns = 7 * HX_NS_PER_MS;
	assert_int_equal(hx_res_cpu_promise(&low, &c, t, &want), 0);
	assert_int_equal(top.accounts[HX_RES_CPU].charged, 142858);	/* rounded up */
	hx_res_cpu_end(&c);
	assert_int_equal(top.accounts[HX_RES_CPU].charged, 0);
	want.affinity = 0;
	assert_int_not_equal(hx_res_cpu_promise(&low, &c, t, &want), 0);
	want.affinity = HX_AFFINITY_ANY;
	assert_int_equal(top.accounts[HX_RES_CPU].charged, 0);
	assert_int_equal(hx_res_cpu_promise(&low, &c, t, &want), 0);
	assert_int_equal(hx_res_holder_end(&low), 0);
	assert_int_equal(top.accounts[HX_RES_CPU].charged, 0);
	assert_int_equal(hx_thread_join(t, HX_FOREVER, NULL), 0);
	assert_int_equal(hx_res_holder_init(&low, "low", &top), 0);
}

/* ---- the node */

static const struct hx_node *node(void)
{
	const struct hx_node *const *it;

	HX_SECTION_FOREACH(it, hx_nodes)
		if (hx_strcmp((*it)->path, "/resources/<holder>") == 0)
			return *it;
	return NULL;
}

static void the_node_takes_limits_and_nothing_else(void **state)
{
	static const char *const wrong[] = {
		"", "limit", "limit memory", "limit memory 1", "limit memory 1 2 3", "limit  1 2",
		"limit memory 1 2 ", " limit memory 1 2", "limits memory 1 2", "limit mem 1 2",
		"limit memory -1 2", "limit memory 2 1", "limit memory none 1x", "limit memory 1 ",
		"limit memory 18446744073709551616 none", "limit cpu  1",
	};
	struct hx_node_args args = { .node = node(), .var = { "low" }, .n_vars = 1 };
	char bytes[2048], name[HX_NAME_MAX];
	struct hx_text_buf buf;

	assert_non_null(args.node);
	hx_text_buf_init(&buf, bytes, sizeof(bytes));
	for (unsigned i = 0; i < HX_ARRAY_LEN(wrong); i++)
		assert_int_equal(args.node->take(wrong[i], &buf.text, &args), -HX_EINVAL);
	assert_int_equal(args.node->take("limit memory 1k 2m", &buf.text, &args), 0);
	assert_int_equal(low.accounts[M].soft, 1024);
	assert_int_equal(low.accounts[M].hard, 2 << 20);
	assert_int_equal(args.node->take("limit memory none none", &buf.text, &args), 0);
	assert_int_equal(low.accounts[M].soft, HX_RES_NONE);
	hx_text_buf_init(&buf, bytes, sizeof(bytes));
	assert_int_equal(args.node->show(&buf.text, &args), 0);
	assert_non_null(strstr(bytes, "holder=low parent=top children=0\n"));
	assert_non_null(strstr(bytes, "kind=cpu charged=0 used=0 reserved=0 soft=none hard=none "));
	assert_int_equal(args.node->list(1, name, &args), 0);
	assert_string_equal(name, "low");
	assert_int_equal(args.node->list(2, name, &args), -HX_ENOENT);
	strcpy(args.var[0], "nobody");
	assert_int_equal(args.node->show(&buf.text, &args), -HX_ENOENT);
	assert_int_equal(args.node->take("limit memory 1 2", &buf.text, &args), -HX_ENOENT);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hard_limits_hold_all_the_way_up),
		TEST(a_grant_is_whole_or_none),
		TEST(passing_a_soft_limit_is_told_once),
		TEST(what_was_used_without_a_lease_is_reported),
		TEST(holders_are_so_deep_and_no_deeper),
		TEST(memory_goes_back_with_its_holder),
		TEST(each_allocation_may_fail),
		TEST(lines_are_detached_with_their_holder),
		TEST(cpu_time_is_charged_before_it_is_promised),
		TEST(the_node_takes_limits_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
