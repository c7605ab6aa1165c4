// SPDX-License-Identifier: MIT
/*
 * The failure queue: order, cutting, loss, and many tellers at once with an interrupt in the
 * middle.
 */
#include "hx_test.h"

#include <pthread.h>
#include <sched.h>

#include <hx/core/failure.h>

static void drain(void)
{
	struct hx_failure f;

	while (hx_failure_take(&f))
		;
}

static int setup(void **state)
{
	int err = hx_test_machine_setup(state);

	hx_failure_on_tell(NULL);
	drain();
	return err;
}

static void what_was_told_comes_in_order(void **state)
{
	struct hx_failure f;

	for (unsigned i = 0; i < 1000; i++) {
		assert_true(hx_failure_tell(i % HX_FAILURE_KINDS, "heap", "number %u", i));
		if (i % 2 == 0)
			assert_true(hx_failure_tell(HX_FAILURE_CRASH, "other", "between"));
		assert_true(hx_failure_take(&f));
		assert_string_equal(f.who, "heap");
		assert_int_equal(f.kind, i % HX_FAILURE_KINDS);
		assert_int_equal(strtoul(f.what + 7, NULL, 10), i);
		if (i % 2 == 0) {
			assert_true(hx_failure_take(&f));
			assert_string_equal(f.who, "other");
		}
	}
	assert_false(hx_failure_take(&f));
}

static void long_words_are_cut(void **state)
{
	char many[300];
	struct hx_failure f;

	memset(many, 'x', sizeof(many));
	many[sizeof(many) - 1] = '\0';
	assert_true(hx_failure_tell(HX_FAILURE_CRASH, many, "%s", many));
	assert_true(hx_failure_take(&f));
	assert_int_equal(strlen(f.who), HX_FAILURE_WHO_MAX - 1);
	assert_int_equal(strlen(f.what), HX_FAILURE_WHAT_MAX - 1);
}

static void a_full_queue_keeps_the_first_and_counts(void **state)
{
	struct hx_failure_counts before, after;
	struct hx_failure f;
	unsigned n;

	hx_failure_counts(&before);
	for (n = 0; n < HX_FAILURES_MAX; n++)
		assert_true(hx_failure_tell(HX_FAILURE_WATCHDOG, "a", "%u", n));
	for (n = 0; n < 10; n++)
		assert_false(hx_failure_tell(HX_FAILURE_CRASH, "b", "%u", n));
	hx_failure_counts(&after);
	assert_int_equal(after.n_lost - before.n_lost, 10);
	assert_int_equal(after.n_told - before.n_told, HX_FAILURES_MAX);
	assert_int_equal(after.n_kind[HX_FAILURE_CRASH] - before.n_kind[HX_FAILURE_CRASH], 10);
	for (n = 0; n < HX_FAILURES_MAX; n++) {
		assert_true(hx_failure_take(&f));
		assert_int_equal(strtoul(f.what, NULL, 10), n);
	}
	assert_false(hx_failure_take(&f));
	assert_true(hx_failure_tell(HX_FAILURE_CRASH, "c", "again"));
	assert_true(hx_failure_take(&f));
}

/* One tells once more out of the call that is made when it tells: as an interrupt would. */
static unsigned n_inside;

static void tell_inside(void)
{
	if (n_inside++ == 0)
		assert_true(hx_failure_tell(HX_FAILURE_HARDWARE, "inside", "1"));
}

static void telling_tells_the_listener(void **state)
{
	struct hx_failure f;

	n_inside = 0;
	hx_failure_on_tell(tell_inside);
	assert_true(hx_failure_tell(HX_FAILURE_CRASH, "outside", "0"));
	assert_int_equal(n_inside, 2);
	assert_true(hx_failure_take(&f));
	assert_string_equal(f.who, "outside");
	assert_true(hx_failure_take(&f));
	assert_string_equal(f.who, "inside");
}

/* Tellers on several processors; each line comes once, and those of one teller in its order. */
#define TELLERS		4u
#define EACH		5000u
#define QUICK		50000u
#define SPINS		200u	/* then the other one may want this very processor */

static uint32_t n_refused, n_ready;

static bool is_drained(void)
{
	struct hx_failure_counts n;

	hx_failure_counts(&n);
	return n.n_told == n.n_taken;
}

static void *teller_main(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;
	char who[2] = { (char)('a' + me), '\0' };

	__atomic_fetch_add(&n_ready, 1, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < EACH; i++) {
		/* Some meet a taker that waits for them: it must not read what is half written. */
		for (unsigned k = 0; me == 0 && k < 100 && !is_drained(); k++)
			sched_yield();
		if (!hx_failure_tell(HX_FAILURE_CRASH, who, "%u", i))
			__atomic_fetch_add(&n_refused, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void many_tellers_lose_nothing_uncounted(void **state)
{
	struct hx_failure_counts before, after;
	long last[TELLERS] = { -1, -1, -1, -1 };
	pthread_t tellers[TELLERS];
	struct hx_failure f;
	unsigned n_taken = 0;

	hx_failure_counts(&before);
	n_refused = n_ready = 0;
	for (uintptr_t i = 0; i < TELLERS; i++)
		assert_int_equal(pthread_create(&tellers[i], NULL, teller_main, (void *)i), 0);
	do {
		while (hx_failure_take(&f)) {
			unsigned who = (unsigned)(f.who[0] - 'a');
			long nr = strtol(f.what, NULL, 10);

			assert_true(who < TELLERS);
			assert_true(nr > last[who] && nr < (long)EACH);
			last[who] = nr;
			n_taken++;
		}
		hx_failure_counts(&after);
	} while (after.n_told - before.n_told + after.n_lost - before.n_lost <
		 (uint64_t)TELLERS * EACH || after.n_told != after.n_taken);
	for (unsigned i = 0; i < TELLERS; i++)
		pthread_join(tellers[i], NULL);
	assert_int_equal(n_taken + n_refused, TELLERS * EACH);
	assert_int_equal(after.n_lost - before.n_lost, n_refused);
	assert_true(n_taken >= HX_FAILURES_MAX);
}

/* One teller, and a taker that takes each as soon as it can. */
static void *quick_main(void *arg)
{
	for (unsigned i = 0; i < QUICK; i++) {
		char who[2] = { (char)('a' + i % 26), '\0' };

		for (unsigned k = 1; !is_drained(); k++) {
			if (k % SPINS == 0)
				sched_yield();
		}
		assert_true(hx_failure_tell(HX_FAILURE_CRASH, who, "%u", i));
	}
	return NULL;
}

static void what_is_half_written_is_not_taken(void **state)
{
	struct hx_failure f;
	pthread_t teller;

	assert_int_equal(pthread_create(&teller, NULL, quick_main, NULL), 0);
	for (unsigned i = 0; i < QUICK; i++) {
		for (unsigned k = 1; !hx_failure_take(&f); k++) {
			if (k % SPINS == 0)
				sched_yield();
		}
		assert_int_equal(f.who[0], 'a' + i % 26);
		assert_int_equal(strtoul(f.what, NULL, 10), i);
	}
	pthread_join(teller, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_told_comes_in_order, setup,
						hx_test_machine_teardown),
		cmocka_unit_test_setup_teardown(long_words_are_cut, setup,
						hx_test_machine_teardown),
		cmocka_unit_test_setup_teardown(a_full_queue_keeps_the_first_and_counts, setup,
						hx_test_machine_teardown),
		cmocka_unit_test_setup_teardown(telling_tells_the_listener, setup,
						hx_test_machine_teardown),
		cmocka_unit_test_setup_teardown(what_is_half_written_is_not_taken, setup,
						hx_test_machine_teardown),
		cmocka_unit_test_setup_teardown(many_tellers_lose_nothing_uncounted, setup,
						hx_test_machine_teardown),
	};

	return cmocka_run_group_tests_name("core_failure", tests, NULL, NULL);
}
