/* SPDX-License-Identifier: MIT */
/*
 * One CPU in virtual time, for the tests of this room: plays core as core/thread/thread_priv.h and
 * sched.c do, checks every answer, and runs threads that compute and sleep as they are told.
 */
#ifndef DIS_DRIVER_H
#define DIS_DRIVER_H

#include "hx_test.h"
#include <hx/core/heap.h>
#include <hx/hal/percpu.h>

#include "../policy_priv.h"

#define MS		HX_NS_PER_MS
#define SIM_THREADS	64u

struct sim_job {
	struct hx_thread t;
	struct hx_intent own;
	bool alive;
	uint64_t burst_ns;	/* 0: for ever */
	uint64_t sleep_ns;	/* after a burst; or ... */
	uint64_t period_ns;	/* woken at even intervals */
	uint64_t left_ns;	/* of the burst */
	uint64_t wake_ns;	/* 0: not asleep */
	uint64_t release_ns;	/* periodic: when it was woken */
	uint64_t ready_ns;	/* since when it waits to run; 0: it does not */
	uint64_t ran_ns, worst_wait_ns, worst_response_ns;
	unsigned n_wakes, n_runs, n_late;
};

static const struct hx_sched_ops *sim_ops;
static struct hx_runq sim_rq;
static struct sim_job sim_jobs[SIM_THREADS];
static struct hx_thread *sim_current;		/* NULL: idle */
static uint64_t sim_started, sim_tick_ns, sim_next_tick, sim_idle_ns;
static uint64_t sim_origin;			/* of the machine's ticks */
static struct hx_runq sim_bystander;		/* for core's own tick: nobody is on it */
static bool sim_check_always;

static inline struct dis_queue *sim_queue(void)
{
	return sim_rq.priv;
}

static inline struct sim_job *sim_job_of(struct hx_thread *t)
{
	return HX_CONTAINER_OF(t, struct sim_job, t);
}

static inline struct dis_thread *sim_dis(unsigned i)
{
	return dis_of(&sim_jobs[i].t);
}

static inline int sim_setup(void **state)
{
	static const struct hx_host_params params = {
		.mem_bytes = 16 * HX_MIB, .cmdline = "helix.slot.heap=slab",
	};
	const struct hx_sched_ops *const *it;

	hx_test_machine_with(&params);
	hx_test_start("heap time");
	sim_ops = NULL;
	HX_SECTION_FOREACH(it, hx_sched_classes)
		if (strcmp((*it)->name, "dis") == 0)
			sim_ops = *it;
	assert_non_null(sim_ops);
	memset(&sim_rq, 0, sizeof(sim_rq));
	memset(sim_jobs, 0, sizeof(sim_jobs));
	hx_spin_init(&sim_rq.lock, "runq", HX_RANK_RUNQ);
	hx_list_init(&sim_rq.ready);
	sim_current = NULL;
	sim_tick_ns = MS;
	sim_idle_ns = 0;
	sim_check_always = false;
	hx_host_advance_ns(1000 * MS);
	memset(&sim_bystander, 0, sizeof(sim_bystander));
	hx_spin_init(&sim_bystander.lock, "bystander", HX_RANK_RUNQ);
	hx_percpu()->runq = &sim_bystander;
	hx_timer_periodic(HX_NS_PER_S / MS);	/* core's timers, those of the provider with them */
	sim_origin = hx_now_ns();
	sim_next_tick = sim_origin + sim_tick_ns;
	assert_int_equal(sim_ops->init(&sim_rq), 0);
	return 0;
}

/* As core does: everybody off first, then the memory goes. */
static inline int sim_teardown(void **state)
{
	for (unsigned i = 0; i < SIM_THREADS; i++) {
		struct sim_job *j = &sim_jobs[i];
		hx_irqflags_t flags = hx_runq_lock(&sim_rq);

		if (j->alive && j->t.state == HX_THREAD_READY)
			sim_ops->dequeue(&sim_rq, &j->t);
		hx_runq_unlock(&sim_rq, flags);
		if (j->alive)
			sim_ops->admit(&j->t, NULL);
	}
	sim_ops->fini(&sim_rq);
	hx_percpu()->need_resched = 0;
	hx_percpu()->runq = NULL;
	hx_test_machine_end();
	return 0;
}

static inline bool sim_has_next(void)
{
	assert_true(sim_rq.n_held <= sim_rq.n_ready);
	return sim_rq.n_ready != sim_rq.n_held;
}

static inline void sim_put(struct hx_thread *t, enum hx_enqueue_why why)
{
	sim_rq.n_ready++;
	assert_int_not_equal(t->state, HX_THREAD_READY);
	t->state = HX_THREAD_READY;
	sim_ops->enqueue(&sim_rq, t, why);
	sim_job_of(t)->ready_ns = hx_now_ns();
}

/* What was run since the last look. */
static inline uint64_t sim_took(void)
{
	uint64_t now = hx_now_ns(), ran = now - sim_started;

	sim_started = now;
	return ran;
}

/* Who runs next; the last one was put back, or blocked, before. */
static inline void sim_switch(void)
{
	struct sim_job *j;

	hx_percpu()->need_resched = 0;
	sim_current = NULL;
	if (!sim_has_next())
		return;
	sim_rq.n_ready--;
	sim_current = sim_ops->pick(&sim_rq);
	assert_non_null(sim_current);
	assert_int_equal(sim_current->state, HX_THREAD_READY);
	sim_current->state = HX_THREAD_RUNNING;
	sim_started = hx_now_ns();
	j = sim_job_of(sim_current);
	assert_true(j->alive);
	if (hx_now_ns() - j->ready_ns > j->worst_wait_ns)
		j->worst_wait_ns = hx_now_ns() - j->ready_ns;
	j->ready_ns = 0;
	j->n_runs++;
}

/* sched_preempt() */
static inline void sim_preempt(void)
{
	enum hx_enqueue_why why = hx_percpu()->need_resched;
	hx_irqflags_t flags;

	if (why == 0)
		return;
	flags = hx_runq_lock(&sim_rq);
	hx_percpu()->need_resched = 0;
	if (sim_current == NULL) {
		sim_switch();
	} else if (sim_has_next() || sim_rq.must_leave == sim_current) {
		sim_rq.must_leave = NULL;
		sim_ops->leave(&sim_rq, sim_current, sim_took(), why);
		sim_put(sim_current, why);
		sim_switch();
	}
	hx_runq_unlock(&sim_rq, flags);
}

/* runq_make_ready() and what follows it */
static inline void sim_ready(struct hx_thread *t, enum hx_enqueue_why why)
{
	hx_irqflags_t flags = hx_runq_lock(&sim_rq);

	sim_put(t, why);
	if (sim_current == NULL || sim_ops->preempts(&sim_rq, t, sim_current))
		hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
	hx_runq_unlock(&sim_rq, flags);
	sim_preempt();
}

/* A thread, which computes for ever unless its job is changed. want NULL: the default. */
static inline int sim_try_create(unsigned i, const struct hx_intent *want)
{
	struct sim_job *j = &sim_jobs[i];
	int err;

	if (j->t.prio == 0)
		j->t.prio = HX_PRIO_DEFAULT;
	j->t.id = i + 1;
	j->t.rq = &sim_rq;
	j->t.state = HX_THREAD_NEW;
	j->t.intent = NULL;
	err = sim_ops->admit(&j->t, want != NULL ? want : &hx_intent_default);
	if (err != 0)
		return err;
	j->t.intent = &hx_intent_default;
	if (want != NULL) {
		j->own = *want;
		j->t.intent = &j->own;
	}
	j->alive = true;
	j->left_ns = j->burst_ns;
	j->release_ns = hx_now_ns();
	sim_ready(&j->t, HX_ENQUEUE_NEW);
	return 0;
}

static inline void sim_create(unsigned i, const struct hx_intent *want)
{
	assert_int_equal(hx_intent_check(want != NULL ? want : &hx_intent_default, NULL), 0);
	assert_int_equal(sim_try_create(i, want), 0);
}

/* hx_thread_set_intent() and hx_thread_set_prio(); want NULL: as it was. */
static inline int sim_change(unsigned i, const struct hx_intent *want, unsigned prio)
{
	struct hx_thread *t = &sim_jobs[i].t;
	hx_irqflags_t flags;
	bool was_ready;
	int err = want != NULL ? sim_ops->admit(t, want) : 0;

	if (err != 0)
		return err;
	flags = hx_runq_lock(&sim_rq);
	was_ready = t->state == HX_THREAD_READY;
	if (was_ready)
		sim_ops->dequeue(&sim_rq, t);
	t->prio = (uint8_t)prio;
	if (want != NULL) {
		sim_jobs[i].own = *want;
		t->intent = &sim_jobs[i].own;
	}
	sim_ops->changed(&sim_rq, t);
	if (was_ready)
		sim_ops->enqueue(&sim_rq, t, HX_ENQUEUE_CHANGE);
	if (t == sim_current ? sim_has_next()
	    : was_ready && sim_current != NULL && sim_ops->preempts(&sim_rq, t, sim_current))
		hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
	if (was_ready && sim_current == NULL)
		hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
	hx_runq_unlock(&sim_rq, flags);
	sim_preempt();
	return 0;
}

/* The running thread waits, or ends. */
static inline void sim_leave(enum hx_enqueue_why why)
{
	hx_irqflags_t flags = hx_runq_lock(&sim_rq);
	struct sim_job *j = sim_job_of(sim_current);

	sim_ops->leave(&sim_rq, sim_current, sim_took(), why);
	sim_current->state = why == HX_LEAVE_EXIT ? HX_THREAD_DEAD : HX_THREAD_BLOCKED;
	sim_switch();
	hx_runq_unlock(&sim_rq, flags);
	if (why == HX_LEAVE_EXIT) {
		sim_ops->admit(&j->t, NULL);
		j->alive = false;
	}
}

static inline void sim_yield(void)
{
	hx_irqflags_t flags = hx_runq_lock(&sim_rq);

	if (sim_has_next()) {
		sim_ops->leave(&sim_rq, sim_current, sim_took(), HX_ENQUEUE_YIELD);
		sim_put(sim_current, HX_ENQUEUE_YIELD);
		sim_switch();
	}
	hx_runq_unlock(&sim_rq, flags);
}

/* sched_tick(); timers fired while the time passed. */
static inline void sim_tick(void)
{
	hx_irqflags_t flags = hx_runq_lock(&sim_rq);
	enum hx_tick what = HX_TICK_GO_ON;

	if (sim_current != NULL)
		what = sim_ops->tick(&sim_rq, sim_current, sim_took());
	sim_rq.must_leave = what == HX_TICK_OFF ? sim_current : NULL;
	if (what != HX_TICK_GO_ON && (sim_has_next() || what == HX_TICK_OFF) &&
	    hx_percpu()->need_resched == 0)
		hx_percpu()->need_resched = HX_ENQUEUE_SLICE;
	hx_runq_unlock(&sim_rq, flags);
	sim_preempt();
}

static inline void sim_burst_ends(struct sim_job *j)
{
	uint64_t now = hx_now_ns();

	if (now - j->release_ns > j->worst_response_ns)
		j->worst_response_ns = now - j->release_ns;
	if (j->t.intent->deadline_ns != 0 && now - j->release_ns > j->t.intent->deadline_ns)
		j->n_late++;
	j->wake_ns = j->period_ns == 0 ? now + j->sleep_ns
		     : j->release_ns + j->period_ns > now ? j->release_ns + j->period_ns : now + 1;
	sim_leave(HX_LEAVE_BLOCK);
}

static inline void sim_wake_due(void)
{
	for (unsigned i = 0; i < SIM_THREADS; i++) {
		struct sim_job *j = &sim_jobs[i];

		if (!j->alive || j->wake_ns == 0 || j->wake_ns > hx_now_ns())
			continue;
		j->release_ns = j->wake_ns;
		j->wake_ns = 0;
		j->left_ns = j->burst_ns;
		j->n_wakes++;
		sim_ready(&j->t, HX_ENQUEUE_WAKE);
	}
}

static inline uint64_t sim_next_event(uint64_t end)
{
	uint64_t next = hx_min_u64(end, hx_min_u64(sim_next_tick, hx_host_timer_due()));

	for (unsigned i = 0; i < SIM_THREADS; i++)
		if (sim_jobs[i].alive && sim_jobs[i].wake_ns != 0)
			next = hx_min_u64(next, sim_jobs[i].wake_ns);
	if (sim_current != NULL && sim_job_of(sim_current)->burst_ns != 0)
		next = hx_min_u64(next, hx_now_ns() + sim_job_of(sim_current)->left_ns);
	return next;
}

/* Let so much time pass. */
static inline void sim_run(uint64_t ns)
{
	uint64_t end = hx_now_ns() + ns;

	while (hx_now_ns() < end) {
		uint64_t took = hx_max_u64(sim_next_event(end), hx_now_ns()) - hx_now_ns();
		struct sim_job *j = sim_current != NULL ? sim_job_of(sim_current) : NULL;
		bool is_tick;		/* that the provider asked for, between the others */

		/* Nobody idles while somebody could run. */
		assert_true(j != NULL || !sim_has_next());
		is_tick = hx_now_ns() + took == hx_host_timer_due() &&
			  (hx_host_timer_due() - sim_origin) % MS != 0;
		hx_host_advance_ns(took);
		if (j == NULL) {
			sim_idle_ns += took;
		} else {
			j->ran_ns += took;
			j->left_ns -= j->burst_ns != 0 ? took : 0;
			if (j->burst_ns != 0 && j->left_ns == 0)
				sim_burst_ends(j);
		}
		sim_preempt();
		sim_wake_due();
		if (hx_now_ns() >= sim_next_tick) {
			sim_next_tick += sim_tick_ns;
			is_tick = true;
		}
		if (is_tick)
			sim_tick();
		if (sim_check_always)
			assert_true(dis_check(sim_queue()));
	}
}

/* Forget what was measured so far. */
static inline void sim_measure(void)
{
	for (unsigned i = 0; i < SIM_THREADS; i++) {
		struct sim_job *j = &sim_jobs[i];

		j->ran_ns = j->worst_wait_ns = j->worst_response_ns = 0;
		j->n_wakes = j->n_runs = j->n_late = 0;
		if (j->ready_ns != 0)
			j->ready_ns = hx_now_ns();
	}
	sim_idle_ns = 0;
}

static inline struct hx_intent sim_intent(unsigned class)
{
	struct hx_intent i;

	hx_intent_init(&i);
	i.class = (uint8_t)class;
	if (class == HX_INTENT_REALTIME) {
		i.latency = HX_LATENCY_MAXIMUM;
		i.latency_ns = 10 * MS;
	}
	return i;
}

static inline void sim_no_rules(void)
{
	struct dis_rules *none = test_calloc(1, sizeof(*none));

	dis_policy_set(none);
	test_free(none);
}

/* These rules and no others. */
static inline void sim_rules(const char *const *lines, unsigned n)
{
	struct dis_rules *set = test_calloc(1, sizeof(*set));

	assert_int_equal(dis_rules_add_lines(set, lines, n), 0);
	dis_policy_set(set);
	test_free(set);
}

static inline void sim_rule(const char *line)
{
	sim_rules(&line, 1);
}

#define SIM_TEST(f)	cmocka_unit_test_setup_teardown(f, sim_setup, sim_teardown)

#endif
