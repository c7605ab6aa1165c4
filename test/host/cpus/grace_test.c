/* SPDX-License-Identifier: MIT */
/*
 * Grace periods with readers that really run at once: what was taken away before the wait is not
 * read after it. Threads are not needed for that: the one of grace.c is a function on CPU 3 here,
 * and sleeping is relaxing.
 */
#include <time.h>

#include <hx/core/grace.h>
#include <hx/core/thread.h>
#include <hx/core/wait.h>

#include "cpus.h"

#define CPUS	4u
#define ROUNDS	(200u * cpus_scale)
#define LOOKS	20u
#define GOOD	0x600du
#define SPOILT	0xbadu
#define AWAIT_S	240u	/* a program has 300 */

struct object {
	uint32_t word;		/* plain: a reader that was overtaken is a race as well */
	struct hx_grace grace;
};

static struct object objects[2], *current_object;
static uint32_t n_wrong, n_reads, n_running;
static bool stop, is_up;		/* is_up: the component, of this test */

/* ---- what grace.c wants of core/thread */

static int (*grace_fn)(void *arg);

static void grace_on_cpu_3(void *arg)
{
	if (grace_fn(NULL) != 0)
		__atomic_fetch_add(&n_wrong, 1, __ATOMIC_RELAXED);
}

int hx_thread_create(const struct hx_thread_params *p, struct hx_thread **out)
{
	grace_fn = p->fn;
	cpus_begin_on(3, grace_on_cpu_3);
	return 0;
}

int hx_thread_join(struct hx_thread *t, hx_ns_t timeout_ns, int *exit_value)
{
	while (cpus_is_busy(3))
		hx_cpu_relax();
	return 0;
}

bool hx_can_sleep(void)
{
	return hx_percpu()->preempt_off == 0 && hx_percpu()->irq_depth == 0 && hx_irq_are_enabled();
}

void hx_sleep_ns(hx_ns_t ns)
{
	hx_cpu_relax();
}

/* Awake at once: who waits looks at its condition again, as it must. */
int hx_wait_locked(struct hx_wait_queue *q, hx_ns_t timeout_ns)
{
	hx_spin_unlock_irqrestore(&q->lock, 1);
	hx_cpu_relax();
	(void)hx_spin_lock_irqsave(&q->lock);
	return 0;
}

unsigned hx_wake_one_locked(struct hx_wait_queue *q)
{
	return 0;
}

unsigned hx_wake_all_locked(struct hx_wait_queue *q)
{
	return 0;
}

/* ---- readers and one who replaces */

static int begin(void **state)
{
	n_wrong = n_reads = n_running = 0;
	stop = is_up = false;
	objects[0].word = objects[1].word = GOOD;
	current_object = &objects[0];
	cpus_begin(CPUS);
	return 0;
}

static void stop_readers(void)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (unsigned cpu = 1; cpu < CPUS; cpu++)
		while (cpus_is_busy(cpu) && !(cpu == 3 && is_up))
			hx_cpu_relax();
}

static void grace_up(void)
{
	assert_int_equal(hx_component_grace.init(), 0);
	is_up = true;
}

static void grace_down(void)
{
	hx_component_grace.shutdown();
	is_up = false;
}

/* A test that failed may have left its readers, and calls that wait. */
static int end(void **state)
{
	stop_readers();
	if (is_up)
		grace_down();
	cpus_end();
	return 0;
}

/* Until there are so many, or it takes so long that there never will be. */
static void await(const uint32_t *n, uint32_t many)
{
	const time_t limit = time(NULL) + AWAIT_S;

	while (__atomic_load_n(n, __ATOMIC_ACQUIRE) < many) {
		if (time(NULL) > limit)
			fail_msg("%u of %u after %u s", *n, many, AWAIT_S);
		hx_cpu_relax();
	}
}

static void read_until_stop(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		const struct object *o;

		hx_read_begin();
		o = hx_read_pointer(&current_object);
		for (unsigned i = 0; i < LOOKS; i++) {
			if (o->word != GOOD)
				__atomic_fetch_add(&n_wrong, 1, __ATOMIC_RELAXED);
			hx_cpu_relax();		/* interrupts are answered inside of a section */
		}
		hx_read_end();
		hx_cpu_relax();		/* and outside, or nobody would ever pass */
		__atomic_fetch_add(&n_reads, 1, __ATOMIC_RELAXED);
	}
}

static void what_was_taken_away_is_not_read_after_the_wait(void **state)
{
	for (unsigned cpu = 1; cpu < CPUS; cpu++)
		cpus_begin_on(cpu, read_until_stop);
	await(&n_reads, 10);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct object *fresh = &objects[(i + 1) % 2], *old = &objects[i % 2];

		fresh->word = GOOD;
		hx_publish_pointer(&current_object, fresh);
		hx_grace_wait();
		old->word = SPOILT;
	}
	stop_readers();
	assert_int_equal(n_wrong, 0);
	assert_true(n_reads > 10);
}

/* A reader that stays in its section is waited for, however often it is asked. */
static uint32_t in_section, left_section;

static void stay(void *arg)
{
	hx_read_begin();
	__atomic_store_n(&in_section, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < 20000; i++)
		hx_cpu_relax();
	__atomic_store_n(&left_section, 1, __ATOMIC_RELAXED);
	hx_read_end();
}

static void a_long_section_is_waited_for(void **state)
{
	in_section = left_section = 0;
	cpus_begin_on(2, stay);
	await(&in_section, 1);
	hx_grace_wait();
	assert_int_equal(__atomic_load_n(&left_section, __ATOMIC_RELAXED), 1);
	while (cpus_is_busy(2))
		hx_cpu_relax();
}

#define CALLS	(20u * cpus_scale)
#define CALLS_MAX	1000u
static struct object many[CALLS_MAX + 1];
static uint32_t n_called;

static void called(struct hx_grace *g)
{
	struct object *o = HX_CONTAINER_OF(g, struct object, grace);

	/* In the order of the calls. */
	if (o != &many[n_called])
		__atomic_fetch_add(&n_wrong, 1, __ATOMIC_RELAXED);
	o->word = SPOILT;
	__atomic_store_n(&n_called, n_called + 1, __ATOMIC_RELEASE);
}

static void calls_come_in_order_after_the_readers_and_before_the_end(void **state)
{
	n_called = 0;
	many[0].word = GOOD;
	current_object = &many[0];
	grace_up();
	cpus_begin_on(1, read_until_stop);
	cpus_begin_on(2, read_until_stop);
	for (unsigned i = 0; i < CALLS; i++) {
		many[i + 1].word = GOOD;
		hx_publish_pointer(&current_object, &many[i + 1]);
		hx_grace_call(&many[i].grace, called);
		for (unsigned k = 0; k < i % 32; k++)
			hx_cpu_relax();
	}
	grace_down();
	assert_int_equal(n_called, CALLS);
	stop_readers();
	assert_int_equal(n_wrong, 0);
}

#define FEW	4u

static uint32_t n_begun[FEW + 1];

static void called_once(struct hx_grace *g)
{
	struct object *o = HX_CONTAINER_OF(g, struct object, grace);

	__atomic_fetch_add(&n_begun[o - many], 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < 1000; i++)
		hx_cpu_relax();
	if (__atomic_exchange_n(&o->word, SPOILT, __ATOMIC_RELAXED) != GOOD)
		__atomic_fetch_add(&n_wrong, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&n_called, 1, __ATOMIC_RELEASE);
}

static void called_for_ever(struct hx_grace *g)
{
	__atomic_fetch_add(&n_called, 1, __ATOMIC_RELEASE);
	if (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		hx_grace_call(g, called_for_ever);
}

static void calls_of_who_goes_are_done_before_and_no_others(void **state)
{
	struct object *other = &many[FEW];
	uint32_t n;

	n_called = 0;
	grace_up();
	cpus_begin_on(1, read_until_stop);
	for (unsigned i = 0; i < CALLS; i++) {
		other->word = GOOD;
		hx_grace_call(&other->grace, called_once);
		for (unsigned k = 0; k < FEW; k++) {
			many[k].word = GOOD;
			hx_grace_call(&many[k].grace, called_once);
		}
		/* Every other time in the middle of the calls. */
		if (i % 2 != 0)
			await(&n_begun[i / 2 % FEW], i + 1);
		assert_in_range(hx_grace_release_memory((uintptr_t)many, FEW * sizeof(many[0])),
				0, FEW);
		for (unsigned k = 0; k < FEW; k++)
			assert_int_equal(many[k].word, SPOILT);
		memset(many, 0xaa, FEW * sizeof(many[0]));
		await(&n_called, (i + 1) * (FEW + 1));
	}
	/* By the function. */
	hx_grace_call(&many[0].grace, called_for_ever);
	(void)hx_grace_release_memory((uintptr_t)called_for_ever, 1);
	memset(many, 0xaa, FEW * sizeof(many[0]));
	n = n_called;
	hx_grace_wait();
	stop_readers();
	grace_down();
	assert_int_equal(n_called, n);
	assert_int_equal(n_wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_was_taken_away_is_not_read_after_the_wait, begin, end),
		cmocka_unit_test_setup_teardown(a_long_section_is_waited_for, begin, end),
		cmocka_unit_test_setup_teardown(
			calls_come_in_order_after_the_readers_and_before_the_end, begin, end),
		cmocka_unit_test_setup_teardown(
			calls_of_who_goes_are_done_before_and_no_others, begin, end),
	};

	return cmocka_run_group_tests_name("grace periods", tests, NULL, NULL);
}
