// SPDX-License-Identifier: MIT
/*
 * The protocol of a swap, with an owner that only takes notes: which steps come in which order,
 * what each failure leaves, who is refused.
 */
#include "hx_test.h"

#include <hx/core/fault.h>
#include <hx/core/names.h>
#include <hx/core/slot.h>
#include <hx/core/swap.h>
#include <hx/core/text.h>

struct thing_ops {
	uint32_t abi;
	const char *name;
};

static const struct thing_ops one = { 3, "one" }, two = { 3, "two" }, old = { 2, "old" };
static const struct thing_ops guest = { 3, "guest" };
static const void *const providers[] = { &one, &two, &old };
static const void *thing_now, *fixed_now;

static char notes[64];		/* a letter for each call */
static char fails;		/* at that letter; 0: never */
static int nested;		/* what a swap in the middle of this one said */

static int note(char c)
{
	size_t n = strlen(notes);

	assert_true(n < sizeof(notes) - 1);
	notes[n] = c;
	notes[n + 1] = '\0';
	return c == fails ? -HX_ENOMEM : 0;
}

static int prepare(struct hx_swap *s)
{
	assert_int_equal(s->step, HX_SWAP_PREPARE);
	return note('p');
}

static int quiesce(struct hx_swap *s)
{
	nested = hx_swap("thing", s->old == &one ? "two" : "one", NULL);
	s->stopped_cycles = hx_cycles();
	return note('q');
}

static int export(struct hx_swap *s)
{
	s->n_items = 7;
	return note('e');
}

static int import(struct hx_swap *s)
{
	return note('i');
}

static void commit(struct hx_swap *s)
{
	note('c');
	s->released_cycles = hx_cycles();
	*s->kind->current = s->new;
}

static void undo(struct hx_swap *s)
{
	s->released_cycles = hx_cycles();
	note('u');
}

static void retire(struct hx_swap *s)
{
	note('r');
}

static const struct hx_swap_class thing_swap = {
	.prepare = prepare, .quiesce = quiesce, .export = export, .import = import,
	.commit = commit, .undo = undo, .retire = retire,
};
static const struct hx_kind thing_kind = {
	.slot = "thing", .abi = 3, .default_name = "one", .first = providers,
	.last = providers + HX_ARRAY_LEN(providers), .current = &thing_now, .swap = &thing_swap,
};
static const struct hx_kind fixed_kind = {
	.slot = "fixed", .abi = 3, .default_name = "one", .first = providers,
	.last = providers + HX_ARRAY_LEN(providers), .current = &fixed_now,
};
HX_KIND(thing_kind);
HX_KIND(fixed_kind);

static int setup(void **state)
{
	hx_test_machine(16 * HX_MIB);
	hx_test_start("slots names");
	thing_now = fixed_now = &one;
	notes[0] = '\0';
	fails = 0;
	return 0;
}

static int teardown(void **state)
{
	hx_swap_forgive(&thing_kind, &one);
	hx_swap_forgive(&thing_kind, &two);
	hx_test_machine_end();
	return 0;
}

static const char *shown(const char *path)
{
	static char text[8192];
	struct hx_text_buf out;

	hx_text_buf_init(&out, text, sizeof(text));
	assert_int_equal(hx_names_show(path, &out.text), 0);
	return text;
}

static void steps_come_in_order(void **state)
{
	struct hx_swap s;

	assert_int_equal(hx_swap("thing", "two", &s), 0);
	assert_string_equal(notes, "pqeicr");
	assert_ptr_equal(thing_now, &two);
	assert_int_equal(nested, -HX_EBUSY);
	assert_true(s.served_cycles >= s.asked_cycles);
	assert_non_null(strstr(shown("/slots/thing/history"),
			       "event=swap from=one to=two result=ok step=retire items=7"));
	assert_string_equal(shown("/slots/thing/state"), "state=probation\n");
}

static void each_step_that_fails_is_undone_once(void **state)
{
	static const char *const expected[] = { "pu", "pqu", "pqeu", "pqeiu" };
	struct hx_swap s;

	for (unsigned i = 0; i < 4; i++) {
		notes[0] = '\0';
		fails = "pqei"[i];
		assert_int_equal(hx_swap("thing", "two", &s), -HX_ENOMEM);
		assert_string_equal(notes, expected[i]);
		assert_int_equal(s.step, HX_SWAP_PREPARE + i);
		assert_ptr_equal(thing_now, &one);
	}
	fails = 0;
	hx_host_advance_ns(2 * HX_NS_PER_S);	/* what another test left on probation */
	assert_string_equal(shown("/slots/thing/state"), "state=active\n");
	assert_int_equal(hx_swap("thing", "two", NULL), 0);
}

static void an_injected_fault_is_like_a_failure(void **state)
{
	static const char *const points[] = { "swap.prepare", "swap.quiesce", "swap.export",
					      "swap.import" };
	static const char *const expected[] = { "u", "pu", "pqu", "pqeu" };

	for (unsigned i = 0; i < 4; i++) {
		notes[0] = '\0';
		assert_int_equal(hx_fault_arm(points[i]), 0);
		assert_int_equal(hx_swap("thing", "two", NULL), -HX_EIO);
		assert_string_equal(notes, expected[i]);
		assert_ptr_equal(thing_now, &one);
	}
}

static void a_rollback_is_a_swap_and_may_fail_like_one(void **state)
{
	assert_int_equal(hx_swap("thing", "two", NULL), 0);
	notes[0] = '\0';
	fails = 'i';
	assert_int_equal(hx_swap_back("thing", NULL), -HX_ENOMEM);
	assert_string_equal(notes, "pqeiu");
	assert_ptr_equal(thing_now, &two);
	fails = 0;
	assert_int_equal(hx_swap_back("thing", NULL), 0);
	assert_ptr_equal(thing_now, &one);
	assert_non_null(strstr(shown("/slots/thing/history"), "event=rollback from=two to=one"));
}

static void who_does_not_fit_is_refused(void **state)
{
	assert_int_equal(hx_swap("nothing", "two", NULL), -HX_ENOENT);
	assert_int_equal(hx_swap("fixed", "two", NULL), -HX_ENOTSUP);
	assert_int_equal(hx_swap_back("fixed", NULL), -HX_ENOTSUP);
	assert_int_equal(hx_swap("thing", "three", NULL), -HX_ENOENT);
	assert_int_equal(hx_swap("thing", "old", NULL), -HX_EPROTO);
	assert_int_equal(hx_swap("thing", "one", NULL), -HX_EEXIST);
	assert_string_equal(notes, "");
	assert_ptr_equal(thing_now, &one);
}

static void what_failed_is_not_taken_again(void **state)
{
	assert_int_equal(hx_swap("thing", "two", NULL), 0);
	assert_ptr_equal(hx_swap_before(&thing_kind), &one);
	thing_now = &one;
	hx_swap_failed(&thing_kind, &two, &one, "it was bad", 2);
	assert_null(hx_swap_before(&thing_kind));
	assert_int_equal(hx_swap("thing", "two", NULL), -HX_ENODEV);
	assert_int_equal(hx_swap_back("thing", NULL), -HX_ENOENT);
	assert_non_null(strstr(shown("/slots/thing/providers"), "name=two abi=3 state=failed\n"));
	assert_non_null(strstr(shown("/slots/thing/history"), "event=failed from=two to=one"));
	assert_non_null(strstr(shown("/slots/thing/history"),
			       "promises_ended=2 why=\"it was bad\"\n"));
	hx_swap_forgive(&thing_kind, &two);
	assert_int_equal(hx_swap("thing", "two", NULL), 0);
}

static void a_guest_stays_while_it_may_be_put_back(void **state)
{
	struct hx_slot_entry e = { .ops = (const struct hx_provider *)&guest, .owner = "test" };

	assert_int_equal(hx_slot_register("thing", &e), 0);
	assert_int_equal(hx_swap("thing", "guest", NULL), 0);
	assert_int_equal(hx_slot_unregister(&e), -HX_EBUSY);
	assert_int_equal(hx_swap("thing", "one", NULL), 0);
	assert_int_equal(hx_slot_unregister(&e), -HX_EBUSY);	/* one is on probation */
	hx_host_advance_ns(2 * HX_NS_PER_S);
	assert_int_equal(hx_slot_unregister(&e), 0);
	assert_int_equal(hx_swap_back("thing", NULL), -HX_ENOENT);
	assert_int_equal(hx_swap("thing", "guest", NULL), -HX_ENOENT);
}

static void history_keeps_the_last_ones(void **state)
{
	for (unsigned i = 0; i < 40; i++) {
		notes[0] = '\0';
		assert_int_equal(hx_swap("thing", i % 2 == 0 ? "two" : "one", NULL), 0);
	}
	assert_non_null(strstr(shown("/slots/thing/history"), "event=swap"));
}

int main(void)
{
#define CASE(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(steps_come_in_order), CASE(each_step_that_fails_is_undone_once),
		CASE(an_injected_fault_is_like_a_failure),
		CASE(a_rollback_is_a_swap_and_may_fail_like_one),
		CASE(who_does_not_fit_is_refused), CASE(what_failed_is_not_taken_again),
		CASE(a_guest_stays_while_it_may_be_put_back), CASE(history_keeps_the_last_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
