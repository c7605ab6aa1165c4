// SPDX-License-Identifier: MIT
/*
 * The healer on the host machine: what is told is recorded; checks, beats and hanging functions are
 * noticed; restarts get the last good state; who fails again and again is given up; random failures
 * end in states that the component allows.
 */
#include "hx_test.h"

#include <hx/core/heap.h>
#include <hx/core/names.h>
#include <hx/core/text.h>
#include <hx/core/thread.h>

#include "../heal_priv.h"

/* A service with a counter that must survive, and faults that a test turns on. */
struct service {
	struct hx_healed h;
	uint32_t value;
	enum hx_health health;
	int restart_result, fall_back_result;
	bool hangs, save_hangs, restart_heals;
	unsigned n_checks, n_restarts, n_fall_backs, n_isolates;
	size_t state_bytes;
};

static bool let_go;

static void hang(void)
{
	while (!let_go)
		hx_sleep_ns(HX_NS_PER_MS);
}

static enum hx_health service_check(void *arg)
{
	struct service *s = arg;

	s->n_checks++;
	if (s->hangs)
		hang();
	return s->health;
}

static int service_save(void *arg, void *buf, size_t size)
{
	struct service *s = arg;

	if (s->save_hangs)
		hang();
	assert_true(size >= sizeof(s->value));
	memcpy(buf, &s->value, sizeof(s->value));
	return sizeof(s->value);
}

static int service_restart(void *arg, const void *state, size_t n_bytes)
{
	struct service *s = arg;

	s->n_restarts++;
	s->state_bytes = n_bytes;
	if (s->restart_result != 0)
		return s->restart_result;
	s->value = 0;
	if (n_bytes == sizeof(s->value))
		memcpy(&s->value, state, n_bytes);
	if (s->restart_heals)
		s->health = HX_HEALTHY;
	return 0;
}

static int service_fall_back(void *arg)
{
	struct service *s = arg;

	s->n_fall_backs++;
	if (s->fall_back_result == 0)
		s->health = HX_HEALTHY;
	return s->fall_back_result;
}

static int service_isolate(void *arg)
{
	((struct service *)arg)->n_isolates++;
	return 0;
}

static const struct hx_healed_ops all_ops = {
	.check = service_check, .save = service_save, .restart = service_restart,
	.fall_back = service_fall_back, .isolate = service_isolate,
};

static struct service one;

static void prepare(const struct hx_healed_ops *ops)
{
	one = (struct service){
		.h = { .name = "one", .ops = ops, .arg = &one, .policy = HX_HEAL_RESTART,
		       .fails_as = HX_FAILURE_CRASH, .state_bytes = 16 },
		.health = HX_HEALTHY, .restart_heals = true,
	};
	assert_int_equal(hx_heal_register(&one.h), 0);
}

static int setup(void **state)
{
	struct hx_failure f;

	while (hx_failure_take(&f))
		;
	let_go = false;
	hx_test_machine_with(&(struct hx_host_params){
		.mem_bytes = 32 * HX_MIB,
		.cmdline = "helix.slot.scheduler=rr helix.slot.heap=slab" });
	hx_test_start("heal");
	return 0;
}

static void rounds(unsigned n)
{
	hx_sleep_ns(n * CONFIG_HEAL_PERIOD_MS * HX_NS_PER_MS);
}

static struct hx_heal_record last_record(void)
{
	struct hx_heal_record r = { .seq = heal_n_records() - 1 };

	assert_true(hx_heal_next(r.seq, &r));
	return r;
}

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

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, hx_test_machine_teardown)

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
		TEST(what_does_not_fit_is_refused),
		TEST(a_component_goes_with_its_memory),
		TEST(a_component_that_runs_keeps_its_memory),
		TEST(each_allocation_of_registering_fails),
		TEST(nodes_show_and_take),
		TEST(random_failures_end_in_states_that_are_allowed),
	};

	return cmocka_run_group_tests_name("core_heal", tests, NULL, NULL);
}
