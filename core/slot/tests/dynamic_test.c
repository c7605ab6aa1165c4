// SPDX-License-Identifier: MIT
/*
 * Providers that come and go: who is let in, who may be taken, and who may not leave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include <hx/core/names.h>
#include <hx/core/slot.h>
#include <hx/core/text.h>

struct thing_ops {
	uint32_t abi;
	const char *name;
	int (*go)(void);
};

static int go(void)
{
	return 0;
}

static int check_thing(const void *ops)
{
	return ((const struct thing_ops *)ops)->go != NULL ? 0 : -HX_EINVAL;
}

static const struct thing_ops built_in = { 3, "builtin", go }, guest = { 3, "guest", go };
static const struct thing_ops same = { 3, "builtin", go }, old = { 2, "old", go };
static const struct thing_ops hollow = { 3, "hollow", NULL }, nameless = { 3, NULL, go };
static const struct thing_ops wordy = { 3, "a-name-of-thirty-two-bytes-or-more", go };
static const void *const providers[] = { &built_in };
static const void *thing_now;
static const struct hx_kind thing_kind = {
	.slot = "thing", .abi = 3, .default_name = "builtin", .first = providers,
	.last = providers + 1, .check = check_thing, .current = &thing_now,
};
HX_KIND(thing_kind);

static struct hx_slot_entry entry_of(const struct thing_ops *ops)
{
	return (struct hx_slot_entry){ .ops = (const struct hx_provider *)ops, .owner = "test" };
}

static void shows(const char *words)
{
	char text[512];
	struct hx_text_buf out;

	hx_text_buf_init(&out, text, sizeof(text));
	assert_int_equal(hx_names_show("/slots/thing/providers", &out.text), 0);
	if (strstr(text, words) == NULL)
		fail_msg("no \"%s\" in %s", words, text);
}

static void who_does_not_fit_stays_out(void **state)
{
	static const struct {
		const struct thing_ops *ops;
		int err;
	} rows[] = { { &same, -HX_EEXIST }, { &old, -HX_EPROTO }, { &hollow, -HX_EINVAL },
		     { &nameless, -HX_EINVAL }, { &wordy, -HX_EINVAL } };
	struct hx_slot_entry e;
	const void *ops;

	for (unsigned i = 0; i < HX_ARRAY_LEN(rows); i++) {
		e = entry_of(rows[i].ops);
		assert_int_equal(hx_slot_register("thing", &e), rows[i].err);
	}
	e = entry_of(&guest);
	assert_int_equal(hx_slot_register("nothing", &e), -HX_ENODEV);
	assert_int_equal(hx_slot_take(&thing_kind, "guest", &ops), -HX_ENOENT);
}

static void who_was_taken_does_not_leave(void **state)
{
	struct hx_slot_entry e = entry_of(&guest), twin = entry_of(&guest);
	const void *ops = NULL;

	assert_int_equal(hx_slot_register("thing", &e), 0);
	assert_int_equal(hx_slot_register("thing", &twin), -HX_EEXIST);
	shows("name=guest abi=3 state=ready from=test users=0");
	/* Finding is for those that stay for ever. */
	assert_int_equal(hx_slot_find(&thing_kind, "guest", &ops), -HX_ENOENT);
	assert_int_equal(hx_slot_take(&thing_kind, "guest", &ops), 0);
	assert_int_equal(hx_slot_take(&thing_kind, "guest", &ops), 0);
	assert_ptr_equal(ops, &guest);
	shows("users=2");
	assert_int_equal(hx_slot_unregister(&e), -HX_EBUSY);
	hx_slot_put(ops);
	assert_int_equal(hx_slot_unregister(&e), -HX_EBUSY);
	hx_slot_put(ops);
	assert_int_equal(hx_slot_unregister(&e), 0);
	assert_int_equal(hx_slot_take(&thing_kind, "guest", &ops), -HX_ENOENT);
}

static void who_sits_in_the_slot_does_not_leave(void **state)
{
	struct hx_slot_entry e = entry_of(&guest);

	assert_int_equal(hx_slot_register("thing", &e), 0);
	thing_now = &guest;
	shows("name=guest abi=3 state=active");
	assert_int_equal(hx_slot_unregister(&e), -HX_EBUSY);
	thing_now = NULL;
	assert_int_equal(hx_slot_unregister(&e), 0);
}

static void a_paused_one_is_not_taken(void **state)
{
	struct hx_slot_entry e = entry_of(&guest);
	const void *ops = NULL;

	e.is_paused = true;
	assert_int_equal(hx_slot_register("thing", &e), 0);
	shows("state=paused");
	assert_int_equal(hx_slot_take(&thing_kind, "guest", &ops), -HX_EAGAIN);
	assert_null(ops);
	hx_slot_pause(&e, false);
	assert_int_equal(hx_slot_take(&thing_kind, "guest", &ops), 0);
	hx_slot_pause(&e, true);
	hx_slot_put(ops);
	assert_int_equal(hx_slot_unregister(&e), 0);
}

static void what_is_built_in_needs_no_count(void **state)
{
	const void *ops = NULL;

	assert_int_equal(hx_slot_take(&thing_kind, "builtin", &ops), 0);
	assert_ptr_equal(ops, &built_in);
	hx_slot_put(ops);
	hx_slot_put(ops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_does_not_fit_stays_out),
		cmocka_unit_test(who_was_taken_does_not_leave),
		cmocka_unit_test(who_sits_in_the_slot_does_not_leave),
		cmocka_unit_test(a_paused_one_is_not_taken),
		cmocka_unit_test(what_is_built_in_needs_no_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
