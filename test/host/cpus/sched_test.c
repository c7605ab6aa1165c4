/* SPDX-License-Identifier: MIT */
/* Where threads go on several CPUs: woken, released, held back by rules, taken by who idles; and a
 * random walk in which nobody is lost. */
#include "sched_cpus.h"

#define STEPS		(20000u * cpus_scale)

static void a_released_thread_wakes_its_idle_cpu(void **state)
{
	all_idle();
	set_from(0, &threads[1], 2, true);
	wake_from(0, &threads[1]);
	serve(1);
	assert_ptr_equal(runs_on(1), &idles[1]);	/* held */
	idle(1);
	assert_int_equal(hx_percpu_of(1)->ipi_reasons, 0);
	set_from(0, &threads[1], 2, false);
	assert_int_equal(hx_percpu_of(1)->ipi_reasons, HX_IPI_RESCHED);
	assert_true(serve(1));
	assert_ptr_equal(runs_on(1), &threads[1]);
}

static void one_that_stays_held_wakes_nobody(void **state)
{
	struct hx_intent more = intent_of(2, true);

	all_idle();
	set_from(0, &threads[1], 2, true);
	wake_from(0, &threads[1]);
	serve(1);
	idle(1);
	more.budget = 20;
	cpus_play(0);
	assert_int_equal(hx_thread_set_intent(&threads[1], &more), 0);
	assert_int_equal(hx_percpu_of(1)->ipi_reasons, 0);
}

static void a_woken_thread_goes_where_it_was_if_that_idles(void **state)
{
	all_idle();
	wake_from(0, &threads[2]);
	assert_ptr_equal(threads[2].rq, &sched_rqs[2]);
	assert_int_equal(hx_percpu_of(2)->ipi_reasons, HX_IPI_RESCHED);
	serve(2);
	/* CPU 2 is busy now: the next one goes to whoever wakes it, who idles. */
	wake_from(3, &threads[6]);
	assert_ptr_equal(threads[6].rq, &sched_rqs[3]);
	serve(3);
	/* Both are busy: any idle one. */
	wake_from(3, &threads[10]);
	assert_ptr_equal(threads[10].rq, &sched_rqs[0]);
	serve(0);
	set_from(0, &threads[7], 8, false);
	wake_from(0, &threads[7]);
	assert_ptr_equal(threads[7].rq, &sched_rqs[3]);		/* it may run nowhere else */
	assert_int_equal(hx_percpu_of(3)->ipi_reasons, 0);	/* and is not more urgent */
}

static void a_running_thread_leaves_a_cpu_that_it_may_not_use(void **state)
{
	all_idle();
	wake_from(0, &threads[1]);
	serve(1);
	assert_ptr_equal(runs_on(1), &threads[1]);
	set_from(0, &threads[1], 4, false);
	assert_int_equal(hx_percpu_of(1)->ipi_reasons, HX_IPI_RESCHED);
	serve(1);
	assert_ptr_equal(runs_on(1), &idles[1]);
	idle(1);
	assert_ptr_equal(threads[1].rq, &sched_rqs[2]);
	serve(2);
	assert_ptr_equal(runs_on(2), &threads[1]);
}

static void a_woken_thread_goes_where_rules_leave_it(void **state)
{
	all_idle();
	narrow_from(0, &threads[1], 4);
	assert_ptr_equal(threads[1].rq, &sched_rqs[1]);		/* who waits is let be */
	wake_from(0, &threads[1]);
	assert_ptr_equal(threads[1].rq, &sched_rqs[2]);
	assert_int_equal(hx_percpu_of(2)->ipi_reasons, HX_IPI_RESCHED);
	assert_true(serve(2));
	assert_ptr_equal(runs_on(2), &threads[1]);
	/* The same again, though its CPU is busy and others idle. */
	wake_from(0, &threads[2]);
	narrow_from(0, &threads[3], 4);
	wake_from(0, &threads[3]);
	assert_ptr_equal(threads[3].rq, &sched_rqs[2]);
	assert_int_equal(threads[3].state, HX_THREAD_READY);
	set_from(0, &threads[3], HX_AFFINITY_ANY, false);	/* a new intent forgets it */
	assert_true(threads[3].cpus == HX_AFFINITY_ANY);
}

static void a_running_thread_leaves_a_cpu_that_rules_forbid(void **state)
{
	all_idle();
	wake_from(0, &threads[1]);
	serve(1);
	assert_ptr_equal(runs_on(1), &threads[1]);
	narrow_from(0, &threads[1], 8);
	serve(1);
	idle(1);
	serve(3);
	assert_ptr_equal(runs_on(3), &threads[1]);
}

static void a_ready_thread_is_sent_where_rules_leave_it(void **state)
{
	all_idle();
	wake_from(0, &threads[1]);
	serve(1);
	narrow_from(0, &threads[5], 2);
	wake_from(0, &threads[5]);
	assert_ptr_equal(threads[5].rq, &sched_rqs[1]);
	assert_int_equal(sched_rqs[1].n_ready, 1);
	narrow_from(0, &threads[5], 8 | 4);
	assert_int_equal(sched_rqs[1].n_ready, 0);
	serve(2);
	assert_ptr_equal(runs_on(2), &threads[5]);
}

/* Neither beyond the intent, nor to where nobody runs, nor away from a promise. */
static void rules_only_narrow(void **state)
{
	all_idle();
	set_from(0, &threads[1], 3, false);
	narrow_from(0, &threads[1], 2 | 4);
	assert_int_equal(threads[1].cpus, 2);
	narrow_from(0, &threads[1], 4);
	assert_int_equal(threads[1].cpus, 3);
	set_from(0, &threads[1], HX_AFFINITY_ANY, false);
	narrow_from(0, &threads[1], 1ull << 40);
	assert_int_equal(threads[1].cpus, HX_AFFINITY_ANY);
	threads[1].promised_ppm = 1000;
	threads[1].cpus = 2;
	narrow_from(0, &threads[1], 8);
	assert_int_equal(threads[1].cpus, 2);
	threads[1].promised_ppm = 0;
}

/* Of eight on one CPU the others, as they idle, take their part, and no more than that. */
static void idle_cpus_take_from_the_busiest(void **state)
{
	for (unsigned i = 0; i < 8; i++) {
		threads[i].rq = &sched_rqs[0];
		wake_from(0, &threads[i]);
	}
	serve(0);
	for (unsigned round = 0; round < 10; round++)
		all_idle();
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		assert_in_range(sched_rqs[cpu].n_ready, 0, 2);
		assert_ptr_not_equal(runs_on(cpu), &idles[cpu]);
	}
	for (unsigned i = 0; i < 2000; i++)
		tick_on(i % CPUS);
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		assert_int_equal(sched_rqs[cpu].n_ready, 1);
}

/* ---- a random walk */

static unsigned any_of(unsigned n)
{
	rnd = rnd * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(rnd >> 33) % n;
}

static void step(unsigned cpu)
{
	struct hx_thread *t = &threads[any_of(THREADS)];

	switch (any_of(9)) {
	case 0:
		serve(cpu);
		break;
	case 1:
		idle(cpu);
		break;
	case 2:
		tick_on(cpu);
		break;
	case 3:
		if (runs_on(cpu) != &idles[cpu])
			block_on(cpu);
		break;
	case 4:
		cpus_play(cpu);
		if (runs_on(cpu) != &idles[cpu])
			hx_yield();
		break;
	case 5:
		cpus_play(cpu);
		is_halted[cpu] = false;
		assert_int_equal(hx_thread_set_prio(t, 90 + any_of(40)), 0);
		break;
	case 6:
		set_from(cpu, t, any_of(3) == 0 ? HX_AFFINITY_ANY : 1 + any_of((1u << CPUS) - 1),
			 any_of(4) == 0);
		break;
	case 7:
		narrow_from(cpu, t, 1 + any_of((1u << CPUS) - 1));
		break;
	default:
		if (t->state == HX_THREAD_BLOCKED)
			wake_from(cpu, t);
	}
}

/* Where a thread is: the queues that it is on, and the CPUs that it runs on. */
static void look_at(const struct hx_thread *t)
{
	unsigned on_queues = 0, on_cpus = 0, leaving = 0;

	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		struct hx_list *n;

		on_cpus += runs_on(cpu) == t;
		leaving += sched_rqs[cpu].leaving == t;
		HX_LIST_FOREACH(n, &sched_rqs[cpu].ready)
			if (n == &t->run_link) {
				on_queues++;
				assert_ptr_equal(t->rq, &sched_rqs[cpu]);
			}
	}
	assert_int_equal(on_queues, t->state == HX_THREAD_READY);
	assert_true(t->state != HX_THREAD_READY || (t->cpus & t->rq->bit) != 0);
	assert_int_equal(on_cpus, t->state == HX_THREAD_RUNNING);
	assert_int_equal(leaving, t->state == HX_THREAD_MOVING);
}

/* Somebody can run there: then the CPU is awake, or was told. */
static void look_at_cpu(unsigned cpu)
{
	struct hx_runq *rq = &sched_rqs[cpu];
	unsigned n_ready = 0, n_held = 0;
	struct hx_list *n;

	HX_LIST_FOREACH(n, &rq->ready) {
		n_ready++;
		n_held += is_held(HX_LIST_ENTRY(n, struct hx_thread, run_link));
	}
	assert_int_equal(rq->n_ready, n_ready);
	assert_int_equal(rq->n_held, n_held);
	assert_int_equal(rq->lock.locked, 0);
	if (n_ready != n_held && is_halted[cpu])
		assert_int_equal(hx_percpu_of(cpu)->ipi_reasons, HX_IPI_RESCHED);
	/* Wakers may count on it. */
	if ((cpus_idle >> cpu & 1) != 0)
		assert_ptr_equal(runs_on(cpu), rq->idle);
}

static void nobody_is_lost_doubled_or_left_waiting(void **state)
{
	for (unsigned i = 0; i < STEPS; i++) {
		step(any_of(CPUS));
		for (unsigned k = 0; k < THREADS; k++)
			look_at(&threads[k]);
		for (unsigned cpu = 0; cpu < CPUS; cpu++)
			look_at_cpu(cpu);
	}
	/* Let go of all: each is where it may be. */
	for (unsigned i = 0; i < THREADS; i++)
		set_from(0, &threads[i], 1ull << i % CPUS, false);
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned cpu = 0; cpu < CPUS; cpu++) {
			serve(cpu);
			idle(cpu);
			tick_on(cpu);
		}
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_true(threads[i].state == HX_THREAD_BLOCKED ||
			    threads[i].rq == &sched_rqs[i % CPUS]);
}

#define ON_CPUS(fn)	cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_CPUS(a_released_thread_wakes_its_idle_cpu),
		ON_CPUS(one_that_stays_held_wakes_nobody),
		ON_CPUS(a_woken_thread_goes_where_it_was_if_that_idles),
		ON_CPUS(a_running_thread_leaves_a_cpu_that_it_may_not_use),
		ON_CPUS(a_woken_thread_goes_where_rules_leave_it),
		ON_CPUS(a_running_thread_leaves_a_cpu_that_rules_forbid),
		ON_CPUS(a_ready_thread_is_sent_where_rules_leave_it),
		ON_CPUS(rules_only_narrow),
		ON_CPUS(idle_cpus_take_from_the_busiest),
		ON_CPUS(nobody_is_lost_doubled_or_left_waiting),
	};

	return cmocka_run_group_tests_name("threads on CPUs that take turns", tests, NULL, NULL);
}
