// SPDX-License-Identifier: MIT
/*
 * The scheduler as a whole: random events with all invariants checked, memory that runs out, and
 * real threads of the real core under it.
 *
 * HX_TEST_EVENTS sets the number of random events (1,000,000); HX_TEST_SEED varies them.
 */
#include "dis_driver.h"
#include <hx/core/thread.h>

#define N_EVENTS	1000000u
#define CHECK_EVERY	64u

/* A random intent that is valid. */
static struct hx_intent random_intent(uint64_t *rnd)
{
	struct hx_intent i;

	do {
		hx_intent_init(&i);
		i.class = (uint8_t)hx_test_random_below(rnd, HX_INTENT_CLASSES);
		i.nice = (int8_t)((int)hx_test_random_below(rnd, 40) - 20);
		i.latency_nice = (int8_t)((int)hx_test_random_below(rnd, 40) - 20);
		i.energy = (uint8_t)hx_test_random_below(rnd, HX_ENERGY_LEVELS);
		i.flags = (uint32_t)hx_test_random(rnd) & (uint32_t)hx_test_random(rnd) &
			  HX_INTENT_FLAGS_ALL;
		i.budget_kind = (uint8_t)hx_test_random_below(rnd, 4);
		i.budget = 1 + (uint32_t)hx_test_random_below(rnd, 100);
		i.budget_period_ns = (1 + hx_test_random_below(rnd, 50)) * MS;
		i.quota_ns = 10000 + hx_test_random_below(rnd, i.budget_period_ns - 9999);
		i.latency = (uint8_t)hx_test_random_below(rnd, 4);
		i.latency_ns = 1 + hx_test_random_below(rnd, 300 * MS);
		i.latency_max_ns = i.latency_ns + hx_test_random_below(rnd, 100 * MS);
		if (hx_test_random_below(rnd, 4) == 0) {
			i.runtime_ns = 10000 + hx_test_random_below(rnd, 2 * MS);
			i.deadline_ns = i.runtime_ns + hx_test_random_below(rnd, 20 * MS);
			i.period_ns = i.deadline_ns + hx_test_random_below(rnd, 50 * MS);
		}
	} while (hx_intent_check(&i, NULL) != 0);
	return i;
}

static void create_random(unsigned i, uint64_t *rnd)
{
	struct hx_intent want = random_intent(rnd);
	struct sim_job *j = &sim_jobs[i];
	int err;

	memset(j, 0, sizeof(*j));
	j->t.prio = (uint8_t)(1 + hx_test_random_below(rnd, HX_PRIO_LOWEST));
	if (hx_test_random_below(rnd, 2) == 0)
		j->t.prio = HX_PRIO_DEFAULT;
	j->burst_ns = hx_test_random_below(rnd, 3) == 0 ? 0
		      : 1 + hx_test_random_below(rnd, 10 * MS);
	j->sleep_ns = 1 + hx_test_random_below(rnd, 30 * MS);
	err = sim_try_create(i, &want);
	if (err != 0)
		assert_int_equal(err, -HX_ENOSPC);
}

static void change_random(unsigned i, uint64_t *rnd)
{
	struct hx_intent want = random_intent(rnd);
	int err = sim_change(i, hx_test_random_below(rnd, 2) != 0 ? &want : NULL,
			     (unsigned)hx_test_random_below(rnd, HX_PRIO_LOWEST + 1));

	assert_true(err == 0 || err == -HX_ENOSPC);
}

/* Taken by another CPU, and back from it. */
static void move_random(void)
{
	hx_irqflags_t flags = hx_runq_lock(&sim_rq);
	struct hx_thread *t = sim_ops->steal(&sim_rq, 1);

	if (t != NULL) {
		assert_int_equal(t->state, HX_THREAD_READY);
		sim_ops->enqueue(&sim_rq, t, HX_ENQUEUE_MOVE);
	}
	hx_runq_unlock(&sim_rq, flags);
}

static void replace_rules(uint64_t *rnd)
{
	struct dis_rules *set = test_calloc(1, sizeof(*set));
	const char *const *lines;
	unsigned n;

	for (unsigned k = 0; k < 3; k++) {
		lines = dis_policy_lines(dis_policy_templates[
			hx_test_random_below(rnd, dis_n_policy_templates)], &n);
		assert_int_equal(dis_rules_add_lines(set, lines, n), 0);
	}
	dis_policy_set(set);
	test_free(set);
}

static void random_event(uint64_t *rnd)
{
	unsigned i = (unsigned)hx_test_random_below(rnd, SIM_THREADS);
	unsigned kind = (unsigned)hx_test_random_below(rnd, 64);
	struct sim_job *j = &sim_jobs[i];

	if (kind < 4 && !j->alive)
		create_random(i, rnd);
	else if (kind < 6 && j->alive)
		change_random(i, rnd);
	else if (kind == 6 && sim_current != NULL)
		sim_leave(HX_LEAVE_EXIT);
	else if (kind < 12 && sim_current != NULL)
		sim_yield();
	else if (kind < 14)
		move_random();
	else if (kind == 14 && hx_test_random_below(rnd, 1000) == 0)
		replace_rules(rnd);
	else
		sim_run(1 + hx_test_random_below(rnd, 400000));
}

static void invariants_hold_through_random_events(void **state)
{
	const char *env = getenv("HX_TEST_EVENTS");
	unsigned n_events = env != NULL ? (unsigned)strtoul(env, NULL, 0) : N_EVENTS;
	uint64_t rnd = hx_test_seed(), n_fired, n_noted, n_runs = 0;

	for (unsigned n = 0; n < n_events; n++) {
		random_event(&rnd);
		if (n % CHECK_EVERY == 0)
			assert_true(dis_check(sim_queue()));
	}
	assert_true(dis_check(sim_queue()));
	dis_policy_count(&n_fired, &n_noted);
	for (unsigned i = 0; i < SIM_THREADS; i++)
		n_runs += sim_jobs[i].n_runs;
	print_message("%u events, %llu s of virtual time, rules fired %llu times, %u held at the "
		      "end\n", n_events, (unsigned long long)(hx_now_ns() / HX_NS_PER_S),
		      (unsigned long long)n_fired, sim_rq.n_held);
	assert_true(n_fired > 0 && n_runs > 0);
}

/* ---- memory */

static int start_and_stop(void)
{
	static struct hx_runq rq;
	static struct hx_thread t;
	int err;

	memset(&rq, 0, sizeof(rq));
	memset(&t, 0, sizeof(t));
	hx_spin_init(&rq.lock, "runq", HX_RANK_RUNQ);
	t.rq = &rq;
	t.prio = HX_PRIO_DEFAULT;
	err = sim_ops->init(&rq);
	if (err != 0)
		return err;
	err = sim_ops->admit(&t, &hx_intent_default);
	if (err == 0)
		sim_ops->admit(&t, NULL);
	sim_ops->fini(&rq);
	return err;
}

static void each_allocation_may_fail(void **state)
{
	const struct hx_sched_ops *const *it;

	hx_test_machine(16 * HX_MIB);
	hx_test_start("heap time");
	HX_SECTION_FOREACH(it, hx_sched_classes)
		if (strcmp((*it)->name, "dis") == 0)
			sim_ops = *it;
	HX_TEST_EACH_ALLOC_FAILS(start_and_stop);
	hx_test_machine_end();
}

/* ---- real threads */

static volatile bool stop;

static int compute(void *arg)
{
	while (!stop)
		hx_cpu_relax();
	return 0;
}

static void real_threads_keep_their_budget(void **state)
{
	static const struct hx_host_params params = {
		.mem_bytes = 32 * HX_MIB, .cmdline = "helix.slot.scheduler=dis",
	};
	struct hx_thread_params p = { .name = "t", .fn = compute, .prio = HX_PRIO_DEFAULT };
	struct hx_intent i;
	struct hx_thread *t;
	uint64_t ran;

	hx_test_machine_with(&params);
	hx_test_start("heap threads");
	hx_intent_init(&i);
	i.budget_kind = HX_BUDGET_QUOTA;
	i.quota_ns = 20 * MS;
	i.budget_period_ns = 100 * MS;
	p.intent = &i;
	stop = false;
	assert_int_equal(hx_thread_create(&p, &t), 0);
	hx_sleep_ns(1000 * MS);
	ran = hx_cycles_to_ns(t->ran_cycles);
	hx_sleep_ns(10000 * MS);
	assert_in_range(hx_cycles_to_ns(t->ran_cycles) - ran, 1980 * MS, 2020 * MS);
	/* Without a budget it gets all. */
	hx_intent_init(&i);
	assert_int_equal(hx_thread_set_intent(t, &i), 0);
	ran = hx_cycles_to_ns(t->ran_cycles);
	hx_sleep_ns(1000 * MS);
	assert_true(hx_cycles_to_ns(t->ran_cycles) - ran > 950 * MS);
	stop = true;
	assert_int_equal(hx_thread_join(t, HX_FOREVER, NULL), 0);
	hx_test_machine_end();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SIM_TEST(invariants_hold_through_random_events),
		cmocka_unit_test(each_allocation_may_fail),
		cmocka_unit_test(real_threads_keep_their_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
