// SPDX-License-Identifier: MIT
/*
 * The healer on the host machine: what is told is recorded; checks, beats and hanging functions are
 * noticed; restarts get the last good state; who fails again and again is given up; random failures
 * end in states that the component allows.
 */
#include "service.h"

static void what_nobody_knows_is_recorded(void **state)
{
	uint64_t before = heal_n_records();

	assert_true(hx_failure_tell(HX_FAILURE_HARDWARE, "nobody", "bit %u", 7));
	hx_yield();
	rounds(1);
	assert_int_equal(heal_n_records(), before + 1);
	assert_string_equal(last_record().why.what, "bit 7");
	assert_int_equal(last_record().action, HX_HEAL_NOTE);
}

static void told_while_sleep_is_off_is_seen_in_the_next_round(void **state)
{
	uint64_t before = heal_n_records();
	hx_irqflags_t flags = hx_irq_save();

	assert_true(hx_failure_tell(HX_FAILURE_HARDWARE, "nobody", "in an interrupt"));
	hx_irq_restore(flags);
	rounds(2);
	assert_int_equal(heal_n_records(), before + 1);
}

static void a_restart_gets_the_last_good_state(void **state)
{
	prepare(&all_ops);
	one.value = 42;
	rounds(2);
	assert_int_equal(one.h.state, HX_HEAL_HEALTHY);
	assert_int_equal(one.h.saved_bytes, 4);
	one.value = 13;			/* what went wrong after the last save */
	one.health = HX_FAILED;
	rounds(2);
	assert_int_equal(one.n_restarts, 1);
	assert_int_equal(one.value, 42);
	assert_int_equal(last_record().action, HX_HEAL_RESTART);
	assert_int_equal(last_record().result, 0);
	assert_int_equal(last_record().n_bytes, 4);
	rounds(2);
	assert_int_equal(one.h.state, HX_HEAL_HEALTHY);
	assert_int_equal(hx_heal_unregister(&one.h), 0);
}

static void a_damaged_state_is_not_given(void **state)
{
	struct hx_failure_counts a, b;

	prepare(&all_ops);
	one.value = 42;
	rounds(2);
	hx_failure_counts(&a);
	one.health = HX_FAILED;
	((uint8_t *)one.h.saved)[1] ^= 4;
	rounds(2);
	assert_int_equal(one.n_restarts, 1);
	assert_int_equal(one.state_bytes, 0);
	hx_failure_counts(&b);
	assert_int_equal(b.n_kind[HX_FAILURE_CORRUPTION], a.n_kind[HX_FAILURE_CORRUPTION] + 1);
	assert_int_equal(hx_heal_unregister(&one.h), 0);
}

static void who_fails_again_and_again_is_given_up(void **state)
{
	prepare(&all_ops);
	one.restart_heals = false;
	one.health = HX_FAILED;
	rounds(60);
	assert_int_equal(one.n_restarts, CONFIG_HEAL_TRIES);
	assert_int_equal(one.n_fall_backs, 1);
	assert_int_equal(one.h.state, HX_HEAL_HEALTHY);
	one.fall_back_result = -HX_EIO;
	one.health = HX_FAILED;
	rounds(60);
	assert_int_equal(one.n_fall_backs, CONFIG_HEAL_TRIES);
	assert_int_equal(one.n_isolates, 1);
	assert_int_equal(one.h.state, HX_HEAL_ISOLATED);
	one.n_checks = 0;
	rounds(5);
	assert_int_equal(one.n_checks, 0);
	/* By hand it comes back. */
	one.restart_heals = true;
	assert_int_equal(hx_heal_do("one", HX_HEAL_RESTART), 0);
	rounds(2);
	assert_int_equal(one.h.state, HX_HEAL_HEALTHY);
	assert_int_equal(hx_heal_unregister(&one.h), 0);
}

static void a_beat_that_does_not_come_is_noticed(void **state)
{
	prepare(&all_ops);
	assert_int_equal(hx_heal_unregister(&one.h), 0);
	one.h.beat_ms = 3 * CONFIG_HEAL_PERIOD_MS;
	assert_int_equal(hx_heal_register(&one.h), 0);
	for (unsigned i = 0; i < 10; i++) {
		hx_heal_beat(&one.h);
		rounds(1);
	}
	assert_int_equal(one.n_restarts, 0);
	rounds(5);
	assert_int_equal(one.n_restarts, 1);
	assert_int_equal(last_record().why.kind, HX_FAILURE_WATCHDOG);
	assert_int_equal(hx_heal_unregister(&one.h), 0);
}

static void a_check_that_hangs_holds_up_nobody(void **state)
{
	struct service other = { .health = HX_HEALTHY };

	prepare(&all_ops);
	other.h = one.h;
	other.h.name = "other";
	other.h.arg = &other;
	assert_int_equal(hx_heal_register(&other.h), 0);
	one.hangs = true;
	rounds(2 + CONFIG_HEAL_CALL_MS / CONFIG_HEAL_PERIOD_MS + 2);
	assert_int_equal(one.h.state, HX_HEAL_RECOVERING);
	assert_int_equal(one.n_restarts, 1);
	assert_int_equal(heal_workers_lost(), 1);
	assert_int_equal(hx_heal_do("one", HX_HEAL_NOTE), -HX_EBUSY);
	assert_int_equal(hx_heal_unregister(&one.h), -HX_EBUSY);
	other.n_checks = 0;
	rounds(10);
	assert_in_range(other.n_checks, 8, 12);
	one.hangs = false;
	let_go = true;
	rounds(30);
	assert_int_equal(heal_workers_lost(), 0);
	assert_int_equal(one.h.stuck, 0);
	assert_int_equal(hx_heal_unregister(&one.h), 0);
	assert_int_equal(hx_heal_unregister(&other.h), 0);
}

static void a_save_that_hangs_keeps_the_state_before(void **state)
{
	prepare(&all_ops);
	one.value = 42;
	rounds(2);
	one.value = 43;
	one.save_hangs = true;
	rounds(2 + CONFIG_HEAL_CALL_MS / CONFIG_HEAL_PERIOD_MS + 2);
	assert_int_equal(one.n_restarts, 1);
	assert_int_equal(one.value, 42);
	one.save_hangs = false;
	let_go = true;
	rounds(2);
	assert_int_equal(one.h.state, HX_HEAL_HEALTHY);
	assert_int_equal(hx_heal_unregister(&one.h), 0);
}

static void a_noted_failure_is_over_when_the_check_says_so(void **state)
{
	uint64_t before;

	prepare(&all_ops);
	assert_int_equal(hx_heal_set_policy("one", HX_HEAL_NOTE), 0);
	one.health = HX_FAILED;
	before = heal_n_records();
	rounds(10);
	assert_int_equal(heal_n_records(), before + 1);
	assert_int_equal(one.h.state, HX_HEAL_FAILED);
	one.health = HX_HEALTHY;
	rounds(2);
	assert_int_equal(one.h.state, HX_HEAL_HEALTHY);
	assert_int_equal(hx_heal_unregister(&one.h), 0);
}

static void a_vital_one_that_is_ill_is_not_well(void **state)
{
	prepare(&all_ops);
	one.h.flags = HX_HEALED_VITAL;
	assert_int_equal(hx_heal_set_policy("one", HX_HEAL_NOTE), 0);
	rounds(2);
	assert_true(hx_heal_is_well());
	one.health = HX_FAILED;
	rounds(2);
	assert_false(hx_heal_is_well());
	one.health = HX_HEALTHY;
	rounds(2);
	assert_true(hx_heal_is_well());
	assert_int_equal(hx_heal_unregister(&one.h), 0);
}

/* Anything may happen in any order; the states agree with what the component can and did. */
static void random_failures_end_in_states_that_are_allowed(void **state)
{
	uint64_t seed = hx_test_seed();
	struct hx_healed_ops ops = all_ops;

	for (unsigned i = 0; i < 40; i++) {
		struct hx_heal_record r = { .seq = heal_n_records() };

		ops.restart = hx_test_random_below(&seed, 4) ? service_restart : NULL;
		ops.fall_back = hx_test_random_below(&seed, 2) ? service_fall_back : NULL;
		ops.isolate = hx_test_random_below(&seed, 2) ? service_isolate : NULL;
		prepare(&ops);
		assert_int_equal(hx_heal_set_policy("one", (unsigned)hx_test_random_below(&seed,
				 HX_HEAL_PANIC)), 0);
		for (unsigned k = 0; k < 12; k++) {
			one.health = (enum hx_health)hx_test_random_below(&seed, 3);
			one.restart_heals = hx_test_random_below(&seed, 2);
			one.restart_result = hx_test_random_below(&seed, 3) ? 0 : -HX_EIO;
			one.fall_back_result = hx_test_random_below(&seed, 2) ? 0 : -HX_EIO;
			if (hx_test_random_below(&seed, 4) == 0)
				hx_failure_tell((enum hx_failure_kind)hx_test_random_below(&seed,
						HX_FAILURE_KINDS), "one", "at random");
			rounds(1 + (unsigned)hx_test_random_below(&seed, 8));
			assert_true(one.h.n_healed <= one.n_restarts + one.n_fall_backs);
			assert_true(one.h.state < HX_HEAL_STATES);
		}
		while (hx_heal_next(r.seq, &r)) {
			assert_true(r.action != HX_HEAL_RESTART || ops.restart != NULL);
			assert_true(r.action != HX_HEAL_FALL_BACK || ops.fall_back != NULL);
			assert_true(r.action < HX_HEAL_PANIC);
		}
		assert_int_equal(hx_heal_unregister(&one.h), 0);
	}
	assert_int_equal(heal_workers_lost(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_nobody_knows_is_recorded),
		TEST(told_while_sleep_is_off_is_seen_in_the_next_round),
		TEST(a_restart_gets_the_last_good_state),
		TEST(a_damaged_state_is_not_given),
		TEST(who_fails_again_and_again_is_given_up),
		TEST(a_beat_that_does_not_come_is_noticed),
		TEST(a_check_that_hangs_holds_up_nobody),
		TEST(a_save_that_hangs_keeps_the_state_before),
		TEST(a_noted_failure_is_over_when_the_check_says_so),
		TEST(a_vital_one_that_is_ill_is_not_well),
		TEST(random_failures_end_in_states_that_are_allowed),
	};

	return cmocka_run_group_tests_name("core_heal", tests, NULL, NULL);
}
