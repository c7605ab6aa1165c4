// SPDX-License-Identifier: MIT
/*
 * What is done about a failure, and when: each rule by itself, and random failures against a model
 * that keeps a list of all tries.
 */
#include "hx_test.h"

#include "../heal_priv.h"

#define ALL	((1u << HX_HEAL_ACTIONS) - 1)

static const struct heal_rules rules = { .backoff_ns = 10, .window_ns = 1000, .n_tries = 3 };

static enum hx_heal_action fail_at(struct hx_heal_case *c, uint8_t policy, uint8_t can, hx_ns_t now)
{
	heal_case_fail(c, &rules, policy, now);
	return heal_case_next(c, &rules, can, now);
}

static void first_comes_the_policy(void **state)
{
	for (uint8_t policy = 0; policy < HX_HEAL_ACTIONS; policy++) {
		struct hx_heal_case c = { .last_ns = 0 };

		assert_int_equal(heal_case_next(&c, &rules, ALL, 5), HX_HEAL_ACTIONS);
		assert_int_equal(fail_at(&c, policy, ALL, 5), policy);
	}
}

static void pauses_double(void **state)
{
	struct hx_heal_case c = { .last_ns = 0 };

	assert_int_equal(fail_at(&c, HX_HEAL_RESTART, ALL, 100), HX_HEAL_RESTART);
	heal_case_done(&c, HX_HEAL_RESTART, -HX_EIO);
	assert_int_equal(heal_case_next(&c, &rules, ALL, 109), HX_HEAL_ACTIONS);
	assert_int_equal(heal_case_next(&c, &rules, ALL, 110), HX_HEAL_RESTART);
	heal_case_done(&c, HX_HEAL_RESTART, 0);
	assert_int_equal(fail_at(&c, HX_HEAL_RESTART, ALL, 120), HX_HEAL_ACTIONS);
	assert_int_equal(heal_case_next(&c, &rules, ALL, 130), HX_HEAL_RESTART);
}

static void three_tries_then_something_stronger(void **state)
{
	static const uint8_t wants[] = {
		HX_HEAL_RESTART, HX_HEAL_RESTART, HX_HEAL_RESTART, HX_HEAL_FALL_BACK,
		HX_HEAL_FALL_BACK, HX_HEAL_FALL_BACK, HX_HEAL_ISOLATE,
	};
	struct hx_heal_case c = { .last_ns = 0 };

	for (unsigned i = 0; i < HX_ARRAY_LEN(wants); i++) {
		assert_int_equal(fail_at(&c, HX_HEAL_RESTART, ALL, 100 + i * 50), wants[i]);
		heal_case_done(&c, wants[i], 0);
	}
}

static void a_vital_one_is_the_end(void **state)
{
	uint8_t can = 1u << HX_HEAL_NOTE | 1u << HX_HEAL_RESTART | 1u << HX_HEAL_PANIC;
	struct hx_heal_case c = { .last_ns = 0 };

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(fail_at(&c, HX_HEAL_RESTART, can, 100 + i * 50), HX_HEAL_RESTART);
		heal_case_done(&c, HX_HEAL_RESTART, 0);
	}
	assert_int_equal(fail_at(&c, HX_HEAL_RESTART, can, 250), HX_HEAL_PANIC);
}

static void a_quiet_window_forgets(void **state)
{
	struct hx_heal_case c = { .last_ns = 0 };

	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(fail_at(&c, HX_HEAL_RESTART, ALL, 100 + i * 1002),
				 HX_HEAL_RESTART);
		heal_case_done(&c, HX_HEAL_RESTART, 0);
	}
}

static void what_it_cannot_do_is_left_out(void **state)
{
	struct hx_heal_case c = { .last_ns = 0 };

	assert_int_equal(fail_at(&c, HX_HEAL_RESTART, 1u << HX_HEAL_ISOLATE | 1u << HX_HEAL_PANIC,
				 1), HX_HEAL_ISOLATE);
}

/* The model: all tries of the level so far, as a list. */
struct model {
	uint8_t level;
	hx_ns_t tries[64], last, entered;
	unsigned n_tries;
	bool open, any;
};

static uint8_t stronger(uint8_t level, uint8_t can)
{
	while (++level < HX_HEAL_PANIC && !(can & (1u << level)))
		;
	return level;
}

static unsigned model_next(struct model *m, uint8_t can, hx_ns_t now)
{
	hx_ns_t due = m->entered;

	if (!m->open)
		return HX_HEAL_ACTIONS;
	if (m->n_tries != 0)
		due = m->tries[m->n_tries - 1] + (rules.backoff_ns << (m->n_tries - 1));
	if (now < due)
		return HX_HEAL_ACTIONS;
	for (;;) {
		bool tried = m->level == HX_HEAL_RESTART || m->level == HX_HEAL_FALL_BACK;

		if (m->level == HX_HEAL_NOTE || m->level == HX_HEAL_PANIC)
			return m->level;
		if (tried && m->n_tries != 0 && now - m->tries[0] > rules.window_ns)
			m->n_tries = 0;
		if ((can & (1u << m->level)) && (!tried || m->n_tries < rules.n_tries)) {
			if (tried)
				m->tries[m->n_tries++] = now;
			return m->level;
		}
		m->level = stronger(m->level, can);
		m->n_tries = 0;
		m->entered = now;
	}
}

static void random_failures_follow_the_model(void **state)
{
	uint64_t seed = hx_test_seed();

	for (unsigned round = 0; round < 2000; round++) {
		uint8_t can = (uint8_t)(hx_test_random_below(&seed, 32) | 1u << HX_HEAL_PANIC);
		uint8_t policy = (uint8_t)hx_test_random_below(&seed, HX_HEAL_PANIC);
		struct hx_heal_case c = { .last_ns = 0 };
		struct model m = { .open = false };
		hx_ns_t now = 1;

		for (unsigned i = 0; i < 60; i++) {
			unsigned got, want;
			unsigned most = hx_test_random_below(&seed, 8) ? 40 : 1500;

			now += hx_test_random_below(&seed, most);
			if (hx_test_random_below(&seed, 2)) {
				heal_case_fail(&c, &rules, policy, now);
				if (!m.open && (!m.any || now - m.last > rules.window_ns ||
						m.level < policy)) {
					m.level = policy;
					m.n_tries = 0;
					m.entered = now;
				}
				m.open = m.any = true;
				m.last = now;
			}
			got = heal_case_next(&c, &rules, can, now);
			want = model_next(&m, can, now);
			assert_int_equal(got, want);
			if (got != HX_HEAL_ACTIONS) {
				int result = hx_test_random_below(&seed, 2) ? -HX_EIO : 0;

				heal_case_done(&c, got, result);
				if (result == 0 || (got != HX_HEAL_RESTART &&
						    got != HX_HEAL_FALL_BACK))
					m.open = false;
			}
			assert_int_equal(c.open, m.open);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_comes_the_policy),
		cmocka_unit_test(pauses_double),
		cmocka_unit_test(three_tries_then_something_stronger),
		cmocka_unit_test(a_vital_one_is_the_end),
		cmocka_unit_test(a_quiet_window_forgets),
		cmocka_unit_test(what_it_cannot_do_is_left_out),
		cmocka_unit_test(random_failures_follow_the_model),
	};

	return cmocka_run_group_tests_name("core_heal decide", tests, NULL, NULL);
}
