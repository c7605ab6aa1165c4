// SPDX-License-Identifier: MIT
/*
 * Components at the healer's door, on the host machine: which are refused, which go with their
 * memory, and what the nodes show of them and take.
 */
#include "service.h"

#include <hx/core/heap.h>
#include <hx/core/names.h>
#include <hx/core/text.h>

static void what_does_not_fit_is_refused(void **state)
{
	struct hx_healed h = { .name = "x y", .ops = &all_ops };

	assert_int_equal(hx_heal_register(&h), -HX_EINVAL);
	h.name = "012345678901234567890123";
	assert_int_equal(hx_heal_register(&h), -HX_EINVAL);
	h.name = "";
	assert_int_equal(hx_heal_register(&h), -HX_EINVAL);
	h.name = "x";
	h.ops = NULL;
	assert_int_equal(hx_heal_register(&h), -HX_EINVAL);
	h.ops = &all_ops;
	h.policy = HX_HEAL_ACTIONS;
	assert_int_equal(hx_heal_register(&h), -HX_EINVAL);
	h.policy = 0;
	h.state_bytes = HX_HEAL_STATE_MAX + 1;
	assert_int_equal(hx_heal_register(&h), -HX_EINVAL);
	h.state_bytes = 0;
	prepare(&all_ops);
	h.name = "one";
	assert_int_equal(hx_heal_register(&h), -HX_EEXIST);
	assert_int_equal(hx_heal_do("two", HX_HEAL_RESTART), -HX_ENOENT);
	assert_int_equal(hx_heal_do("one", HX_HEAL_PANIC), -HX_EINVAL);
	assert_int_equal(hx_heal_set_policy("two", HX_HEAL_RESTART), -HX_ENOENT);
	assert_int_equal(hx_heal_set_policy("one", HX_HEAL_ACTIONS), -HX_EINVAL);
	assert_int_equal(hx_heal_unregister(&one.h), 0);
	assert_int_equal(hx_heal_unregister(&one.h), 0);
}

static bool is_known(const char *name)
{
	struct hx_healed *h = heal_pin_named(name);

	if (h != NULL)
		heal_unpin(h);
	return h != NULL;
}

/* Whatever part of a component lies in memory that goes. */
static void a_component_goes_with_its_memory(void **state)
{
	static const char elsewhere[] = "one";
	struct {
		struct hx_healed h;
		struct hx_healed_ops ops;
		char name[8], arg;
	} owner, *here = &owner;
	const void *const parts[] = { &owner.h, &owner.ops, owner.name, &owner.arg };
	const size_t sizes[] = { sizeof(owner.h), sizeof(owner.ops), sizeof(owner.name), 1 };

	for (unsigned i = 0; i < HX_ARRAY_LEN(parts); i++) {
		struct hx_healed aside = { .name = elsewhere, .ops = &all_ops, .arg = &one };
		struct hx_healed *h = i == 0 ? &here->h : &aside;

		owner.h = aside;
		owner.ops = (struct hx_healed_ops){ .isolate = service_isolate };
		strcpy(owner.name, "one");
		h->ops = i == 1 ? &owner.ops : &all_ops;
		h->name = i == 2 ? owner.name : elsewhere;
		h->arg = i == 3 ? (void *)&owner.arg : &one;
		h->state_bytes = 8;
		assert_int_equal(hx_heal_register(h), 0);
		assert_int_equal(hx_heal_release_memory((uintptr_t)parts[i] + sizes[i], 1), 0);
		assert_true(is_known("one"));
		assert_int_equal(hx_heal_release_memory((uintptr_t)parts[i], sizes[i]), 0);
		assert_false(is_known("one"));
		assert_null(h->saved);
	}
	prepare(&all_ops);
	assert_int_equal(hx_heal_release_memory((uintptr_t)service_isolate, 1), 0);
	assert_false(is_known("one"));
	assert_int_equal(hx_heal_unregister(&one.h), 0);
}

static void a_component_that_runs_keeps_its_memory(void **state)
{
	prepare(&all_ops);
	one.hangs = true;
	rounds(2 + CONFIG_HEAL_CALL_MS / CONFIG_HEAL_PERIOD_MS + 2);
	assert_int_equal(hx_heal_release_memory((uintptr_t)&one, sizeof(one)), -HX_EBUSY);
	assert_true(is_known("one"));
	one.hangs = false;
	let_go = true;
	rounds(30);
	assert_int_equal(hx_heal_release_memory((uintptr_t)&one, sizeof(one)), 0);
	assert_false(is_known("one"));
}

static int register_and_go(void)
{
	struct hx_healed h = { .name = "k", .ops = &all_ops, .state_bytes = 100 };
	int err = hx_heal_register(&h);

	return err != 0 ? err : hx_heal_unregister(&h);
}

static void each_allocation_of_registering_fails(void **state)
{
	prepare(&all_ops);
	assert_true(HX_TEST_EACH_ALLOC_FAILS(register_and_go) >= 2);
	assert_int_equal(hx_heal_unregister(&one.h), 0);
}

static int take(const char *node, const char *line)
{
	struct hx_text_buf ack;
	char buf[200];

	hx_text_buf_init(&ack, buf, sizeof(buf));
	return hx_names_take(node, line, &ack.text);
}

static void nodes_show_and_take(void **state)
{
	static const char *const bad[] = {
		"", " ", "check", "check ", " check one", "check one two", "burn one", "note one",
		"panic one", "check two", "\xff\xfe",
	};
	static char text[16384];
	struct hx_text_buf out;

	prepare(&all_ops);
	rounds(1);
	for (unsigned i = 0; i < HX_ARRAY_LEN(bad); i++) {
		assert_int_not_equal(take("/heal/ctl", bad[i]), 0);
		assert_int_not_equal(take("/heal/policy", bad[i]), 0);
	}
	assert_int_equal(one.n_restarts + one.n_isolates, 0);
	assert_int_equal(take("/heal/ctl", "check one"), 0);
	assert_int_equal(take("/heal/ctl", "restart one"), 0);
	assert_int_equal(one.n_restarts, 1);
	assert_int_equal(take("/heal/policy", "one isolate"), 0);
	hx_text_buf_init(&out, text, sizeof(text));
	assert_int_equal(hx_names_show("/heal/status", &out.text), 0);
	assert_non_null(strstr(text, "name=one state="));
	assert_non_null(strstr(text, "policy=isolate"));
	hx_text_buf_init(&out, text, sizeof(text));
	assert_int_equal(hx_names_show("/heal/history", &out.text), 0);
	assert_non_null(strstr(text, "action=restart"));
	assert_non_null(strstr(text, "asked=1 evidence=\"asked for\""));
	assert_int_equal(take("/heal/ctl", "isolate one"), 0);
	assert_int_equal(one.h.state, HX_HEAL_ISOLATED);
	assert_int_equal(hx_heal_unregister(&one.h), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_does_not_fit_is_refused),
		TEST(a_component_goes_with_its_memory),
		TEST(a_component_that_runs_keeps_its_memory),
		TEST(each_allocation_of_registering_fails),
		TEST(nodes_show_and_take),
	};

	return cmocka_run_group_tests_name("core_heal", tests, NULL, NULL);
}
