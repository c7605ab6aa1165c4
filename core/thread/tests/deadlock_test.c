/* SPDX-License-Identifier: MIT */
/*
 * Circles in random wait-for graphs, against a search that only follows the arrows and remembers
 * everything it saw.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <hx/core/deadlock.h>

#include "../inherit_priv.h"

#define THREADS	24
#define GRAPHS	20000

static struct hx_thread threads[THREADS];
static struct hx_mutex mutexes[THREADS];	/* as many, so that all may be in one circle */
static int waits_for[THREADS];			/* the model: an index; -1: nobody */

/* Thread i waits for thread to: for a mutex or a turn of its, or for its end; -1: for a mutex that
 * nobody has, or for nothing. */
static void make_wait(int i, int to)
{
	struct hx_thread *t = &threads[i];

	waits_for[i] = to;
	t->blocked_on = NULL;
	t->is_joining = 0;
	t->wait_data = t;	/* means nothing unless it joins */
	if (to >= 0 && rand() % 3 == 0) {
		t->is_joining = 1;
		t->wait_data = &threads[to];
	} else if (to >= 0 || rand() % 2 == 0) {
		t->blocked_on = &mutexes[i];
		mutexes[i].owner = (to >= 0 ? (uintptr_t)&threads[to] : 0) | MUTEX_WAITERS |
				   (rand() % 2 ? MUTEX_TURN : 0);
	}
}

static uint32_t simple_search(int from)
{
	bool seen[THREADS] = { false };
	uint32_t n = 0;
	int at = from;

	do {
		seen[at] = true;
		at = waits_for[at];
		n++;
	} while (at >= 0 && !seen[at]);
	return at == from ? n : 0;
}

static void random_graphs_against_a_simple_search(void **state)
{
	unsigned n_circles = 0, n_none = 0;

	srand(7);
	for (unsigned graph = 0; graph < GRAPHS; graph++) {
		int idle = 1 + rand() % 40;	/* one of so many waits for nobody */

		for (int i = 0; i < THREADS; i++)
			make_wait(i, rand() % idle == 0 ? -1 : rand() % THREADS);
		for (int i = 0; i < THREADS; i++) {
			uint32_t n = simple_search(i);

			assert_int_equal(deadlock_length(&threads[i]), n);
			n_circles += n != 0;
			n_none += n == 0;
		}
	}
	assert_true(n_circles > 10000 && n_none > 10000);
}

static void the_longest_circle_and_one_beside_it(void **state)
{
	for (int i = 0; i < THREADS; i++)
		make_wait(i, (i + 1) % THREADS);
	assert_int_equal(deadlock_length(&threads[0]), THREADS);
	/* 0 leads into 1 > 2 > ... > 1, and is not in it. */
	make_wait(THREADS - 1, 1);
	assert_int_equal(deadlock_length(&threads[0]), 0);
	assert_int_equal(deadlock_length(&threads[1]), THREADS - 1);
	make_wait(5, 5);
	assert_int_equal(deadlock_length(&threads[5]), 1);
	assert_int_equal(deadlock_length(&threads[1]), 0);
}

static void what_is_told_names_them_in_order(void **state)
{
	struct hx_circle c = { .n = 3, .named = { { 7, "seven" }, { 9, "nine" }, { 8, "eight" } } };
	struct hx_failure f;

	while (hx_failure_take(&f))
		;
	hx_deadlock_tell(&c);
	assert_true(hx_failure_take(&f));
	assert_int_equal(f.kind, HX_FAILURE_DEADLOCK);
	assert_string_equal(f.who, "threads");
	assert_string_equal(f.what, "7 seven > 9 nine > 8 eight > 7");
	/* More than fit are cut, and nothing else is written. */
	for (unsigned i = 0; i < HX_CIRCLE_NAMED; i++) {
		c.named[i].id = 4000000000u;
		memset(c.named[i].name, 'x', sizeof(c.named[i].name) - 1);
	}
	c.n = 100;
	c.owner = "module";
	hx_deadlock_tell(&c);
	assert_true(hx_failure_take(&f));
	assert_string_equal(f.who, "module");
	assert_int_equal(strlen(f.what), HX_FAILURE_WHAT_MAX - 1);
	assert_false(hx_failure_take(&f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_graphs_against_a_simple_search),
		cmocka_unit_test(the_longest_circle_and_one_beside_it),
		cmocka_unit_test(what_is_told_names_them_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
