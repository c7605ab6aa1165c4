/* SPDX-License-Identifier: MIT */
/*
 * What CPUs want of each other, with CPUs that really run at once: calls from everywhere to
 * everywhere, works in order, shoot-downs of translations, and the end.
 */
#include <hx/core/lock.h>

#include "cpus.h"

#define CPUS	4u
#define ROUNDS	(300u * cpus_scale)
#define POSTS	64u
#define HOLD_LOOPS	2000u

static uint32_t n_calls, n_wrong;

static int begin(void **state)
{
	n_calls = n_wrong = 0;
	cpus_begin(CPUS);
	return 0;
}

static int end(void **state)
{
	cpus_end();
	return 0;
}

static void add(uint32_t *n)
{
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

static void count(void *arg)
{
	if (hx_irq_are_enabled() || hx_percpu()->irq_depth > 1)
		add(&n_wrong);
	add(&n_calls);
}

/* With interrupts off every other time: who waits for an answer answers. */
static void call_everybody(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		hx_irqflags_t flags = 0;

		if (i % 2 == 0)
			flags = hx_irq_save();
		hx_cpu_call_others(count, NULL);
		if (hx_cpu_call((hx_percpu()->cpu + i) % CPUS, count, NULL) != 0)
			add(&n_wrong);
		if (i % 2 == 0)
			hx_irq_restore(flags);
	}
}

static void all_call_all_and_each_call_arrives_once(void **state)
{
	cpus_all(call_everybody, NULL);
	assert_int_equal(n_wrong, 0);
	assert_int_equal(n_calls, CPUS * ROUNDS * CPUS);
	assert_int_equal(hx_cpu_call(CPUS, count, NULL), -HX_ENODEV);
	assert_int_equal(hx_cpu_call(HX_CPUS + 3, count, NULL), -HX_ENODEV);
}

static void call_back(void *arg)
{
	hx_cpu_call_others(count, NULL);
}

static void a_call_may_call(void **state)
{
	for (unsigned i = 0; i < ROUNDS / 10; i++)
		hx_cpu_call_all(call_back, NULL);
	assert_int_equal(n_calls, (ROUNDS / 10) * CPUS * (CPUS - 1));
}

/* ---- works */

struct numbered {
	struct hx_cpu_work work;
	unsigned from, number;
};
static struct numbered works[CPUS][POSTS];
static unsigned last_seen[CPUS];	/* by the CPU that does the works */

static void look_at_number(void *arg)
{
	struct numbered *n = arg;

	if (n->number != last_seen[n->from] + 1)
		add(&n_wrong);
	last_seen[n->from] = n->number;
}

static void post_to_cpu_1(void *arg)
{
	unsigned me = hx_percpu()->cpu;

	for (unsigned i = 0; i < POSTS; i++) {
		works[me][i] = (struct numbered){
			.work = { .fn = look_at_number, .arg = &works[me][i] },
			.from = me, .number = i + 1,
		};
		if (hx_cpu_post(1, &works[me][i].work) != 0)
			add(&n_wrong);
	}
	for (unsigned i = 0; i < POSTS; i++)
		while (!hx_cpu_work_is_done(&works[me][i].work))
			hx_cpu_relax();
}

static void works_are_done_in_the_order_of_posting(void **state)
{
	for (unsigned round = 0; round < 5 * cpus_scale; round++) {
		memset(last_seen, 0, sizeof(last_seen));
		cpus_all(post_to_cpu_1, NULL);
		for (unsigned cpu = 0; cpu < CPUS; cpu++)
			assert_int_equal(last_seen[cpu], POSTS);
	}
	assert_int_equal(n_wrong, 0);
}

/* ---- translations: a frame that nobody may reach any more is spoilt, and used again later */

#define SPOILT	0xffffffffu
static uint32_t frames[2 * CPUS_PAGES];		/* a what is in them: the page they belong to */
static uint32_t n_running;

/* With interrupts off, so an access is one step, though one that takes its time. */
static void use_page(unsigned page)
{
	hx_irqflags_t flags = hx_irq_save();
	uint32_t frame = cpus_translate(page);

	if (page % 8 == hx_percpu()->cpu)
		hx_cpu_relax();
	if (__atomic_load_n(&frames[frame], __ATOMIC_RELAXED) != page)
		add(&n_wrong);
	hx_irq_restore(flags);
}

/* Each CPU moves pages of its own between two frames and uses everybody's. */
static void move_and_use(void *arg)
{
	unsigned me = hx_percpu()->cpu;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned page = me + CPUS * (i % 4);
		uint32_t old = cpus_table[page], fresh = old ^ CPUS_PAGES;

		for (unsigned p = 0; p < CPUS_PAGES; p++)
			use_page(p);
		__atomic_store_n(&frames[fresh], page, __ATOMIC_RELAXED);
		__atomic_store_n(&cpus_table[page], fresh, __ATOMIC_RELEASE);
		hx_tlb_shootdown(NULL, page, 1);
		__atomic_store_n(&frames[old], SPOILT, __ATOMIC_RELAXED);
	}
	/* The others may still be waiting for an answer. */
	__atomic_fetch_sub(&n_running, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&n_running, __ATOMIC_ACQUIRE) != 0)
		hx_cpu_relax();
}

static void nobody_uses_a_frame_after_the_shootdown(void **state)
{
	for (unsigned page = 0; page < CPUS_PAGES; page++) {
		cpus_table[page] = page;
		frames[page] = page;
		frames[page + CPUS_PAGES] = SPOILT;
	}
	n_running = CPUS;
	cpus_all(move_and_use, NULL);
	assert_int_equal(n_wrong, 0);
}

/* A CPU that spins for a lock forgets as well: the one that holds it may wait for that. */
static struct hx_spinlock held = HX_SPINLOCK_INIT("held", HX_RANK_NONE);

static void shoot_under_lock(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		hx_irqflags_t flags = hx_spin_lock_irqsave(&held);

		hx_tlb_shootdown(NULL, i % CPUS_PAGES, 1);
		hx_spin_unlock_irqrestore(&held, flags);
	}
	__atomic_fetch_sub(&n_running, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&n_running, __ATOMIC_ACQUIRE) != 0)
		hx_cpu_relax();
}

static void who_spins_for_a_lock_forgets(void **state)
{
	n_running = CPUS;
	cpus_all(shoot_under_lock, NULL);
	assert_int_equal(held.locked, 0);
}

/* ---- the end */

static uint32_t holds;

static void hold_a_lock_for_a_while(void *arg)
{
	hx_spin_lock(&held);
	__atomic_store_n(&holds, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < HOLD_LOOPS; i++)
		hx_cpu_relax();
	hx_spin_unlock(&held);
}

/* An orderly end leaves no lock behind, though CPU 1 holds it and the others queue up for it. */
static void the_end_comes_where_no_lock_is_held(void **state)
{
	holds = 0;
	cpus_begin_on(1, hold_a_lock_for_a_while);
	while (__atomic_load_n(&holds, __ATOMIC_ACQUIRE) == 0)
		hx_cpu_relax();
	cpus_begin_on(2, hold_a_lock_for_a_while);
	cpus_begin_on(3, hold_a_lock_for_a_while);
	hx_component_cpus.shutdown();
	assert_int_equal(hx_cpu_count(), 1);
	assert_int_equal(held.locked, 0);
}

#define ON_CPUS(fn)	cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_CPUS(all_call_all_and_each_call_arrives_once),
		ON_CPUS(a_call_may_call),
		ON_CPUS(works_are_done_in_the_order_of_posting),
		ON_CPUS(nobody_uses_a_frame_after_the_shootdown),
		ON_CPUS(who_spins_for_a_lock_forgets),
		ON_CPUS(the_end_comes_where_no_lock_is_held),
	};

	return cmocka_run_group_tests_name("calls between CPUs", tests, NULL, NULL);
}
