/* SPDX-License-Identifier: MIT */
/*
 * core/thread on several CPUs that take turns: one flow plays each CPU for a step at a time, so
 * that every run is the same and every step can be looked at. A switch just returns, as whoever
 * runs then. The provider is a list per CPU; who has a budget is held until that is taken away.
 * For the one test that includes it.
 */
#ifndef SCHED_CPUS_H
#define SCHED_CPUS_H

#include <hx/core/irq.h>
#include <hx/core/slot.h>

#include "../../../core/thread/thread_priv.h"
#include "cpus.h"

#define CPUS		4u
#define THREADS		12u

static struct hx_thread threads[THREADS], idles[CPUS];
static bool is_halted[CPUS];	/* until an interrupt, of whatever kind */
static uint64_t rnd;

/* ---- what these sources want of the others */

void hx_context_switch(struct hx_context *from, struct hx_context *to)
{
	(void)from;
}

void hx_irq_set_exit(void (*fn)(void))
{
	(void)fn;
}

void inherit_set_base(struct hx_thread *t, uint8_t prio)
{
	sched_set_prio(t, prio);
}

void sched_switch_space(struct hx_thread *prev, struct hx_thread *next)
{
	(void)prev;
}

void thread_reap(void)
{
}

hx_ns_t hx_cycles_to_ns(uint64_t cycles)
{
	return cycles;
}

/* ---- the provider */

static bool is_held(const struct hx_thread *t)
{
	return t->intent->budget_kind != HX_BUDGET_UNLIMITED;
}

static int list_init(struct hx_runq *rq)
{
	hx_list_init(&rq->ready);
	return 0;
}

static void list_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	hx_list_push_back(&rq->ready, &t->run_link);
	rq->n_held += is_held(t);
}

static void list_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	hx_list_unlink(&t->run_link);
	rq->n_held -= is_held(t);
}

static struct hx_thread *first_that(struct hx_runq *rq, unsigned cpu)
{
	struct hx_list *n;

	HX_LIST_FOREACH(n, &rq->ready) {
		struct hx_thread *t = HX_LIST_ENTRY(n, struct hx_thread, run_link);

		if (!is_held(t) && (cpu == rq->cpu || hx_sched_may_move(t, cpu))) {
			hx_list_unlink(n);
			return t;
		}
	}
	return NULL;
}

static struct hx_thread *list_pick(struct hx_runq *rq)
{
	return first_that(rq, rq->cpu);
}

static struct hx_thread *list_steal(struct hx_runq *rq, unsigned cpu)
{
	return first_that(rq, cpu);
}

static bool list_preempts(struct hx_runq *rq, const struct hx_thread *t,
			  const struct hx_thread *current)
{
	assert_ptr_not_equal(current, rq->idle);	/* who gives way without being asked */
	return !is_held(t) && t->prio < current->prio;
}

static enum hx_tick list_tick(struct hx_runq *rq, struct hx_thread *t, uint64_t ran_ns)
{
	return HX_TICK_TURN;
}

static void list_changed(struct hx_runq *rq, struct hx_thread *t)
{
	(void)rq;
}

static const struct hx_sched_ops list_ops = {
	.abi = HX_SCHED_ABI, .name = "list", .init = list_init, .enqueue = list_enqueue,
	.dequeue = list_dequeue, .pick = list_pick, .steal = list_steal, .tick = list_tick,
	.preempts = list_preempts, .changed = list_changed,
};

int hx_slot_select(const struct hx_kind *kind)
{
	*kind->current = &list_ops;
	return 0;
}

/* ---- CPUs that take turns */

static int begin(void **state)
{
	memset(threads, 0, sizeof(threads));
	memset(idles, 0, sizeof(idles));
	memset(is_halted, 0, sizeof(is_halted));
	memset(hx_percpu_slots, 0, sizeof(hx_percpu_slots));
	cpus_running = cpus_idle = 0;
	rnd = 1;
	for (unsigned cpu = CPUS; cpu-- > 0;) {
		cpus_play(cpu);
		hx_irq_disable();
		idles[cpu].intent = &hx_intent_default;
		idles[cpu].prio = HX_PRIO_LOWEST;
		idles[cpu].id = 100 + cpu;
		assert_int_equal(cpu == CPUS - 1 ? sched_start(&idles[cpu], &idles[cpu])
				 : sched_start_cpu(&idles[cpu], &idles[cpu]), 0);
		hx_irq_enable();
	}
	for (unsigned i = 0; i < THREADS; i++) {
		threads[i].id = i + 1;
		threads[i].prio = threads[i].base_prio = HX_PRIO_DEFAULT;
		threads[i].intent = &hx_intent_default;
		threads[i].rq = &sched_rqs[i % CPUS];
		threads[i].state = HX_THREAD_BLOCKED;
		thread_set_cpus(&threads[i]);
	}
	return 0;
}

static int end(void **state)
{
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		assert_int_equal(sched_rqs[cpu].lock.locked, 0);
	cpus_play(0);
	hx_irq_disable();
	sched_stop();
	return 0;
}

/* An interrupt between CPUs, if one was sent, and what it leads to. */
static bool serve(unsigned cpu)
{
	uint32_t reasons;

	cpus_play(cpu);
	hx_irq_disable();
	reasons = hx_ipi_take();
	is_halted[cpu] &= reasons == 0;
	if ((reasons & HX_IPI_RESCHED) && hx_percpu()->need_resched == 0)
		hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
	if (hx_percpu()->need_resched != 0)
		sched_preempt();
	hx_irq_enable();
	return reasons != 0;
}

/* One round of sched_idle_loop(). */
static void idle(unsigned cpu)
{
	struct hx_runq *rq = &sched_rqs[cpu];

	cpus_play(cpu);
	if (hx_thread_self() != rq->idle)
		return;
	hx_irq_disable();
	if (rq->leaving != NULL)
		sched_send_off(rq);
	if (runq_has_next(rq) || sched_pull(rq))
		sched_preempt();
	else
		sched_idle_begin(rq);
	is_halted[cpu] = hx_thread_self() == rq->idle && (cpus_idle >> cpu & 1) != 0;
	hx_irq_enable();
}

static void wake_from(unsigned cpu, struct hx_thread *t)
{
	bool now;

	cpus_play(cpu);
	hx_irq_disable();
	is_halted[cpu] = false;		/* on an idle CPU it is an interrupt that wakes */
	now = runq_make_ready(t, HX_ENQUEUE_WAKE);
	hx_irq_enable();
	if (now)
		hx_preempt_point();
}

static void block_on(unsigned cpu)
{
	struct hx_runq *rq = &sched_rqs[cpu];
	struct hx_thread *self;

	cpus_play(cpu);
	self = hx_thread_self();
	hx_irq_disable();
	quiet_lock(&rq->lock);
	self->state = HX_THREAD_BLOCKED;
	runq_switch(rq, self, runq_next(rq));
	quiet_unlock(&sched_this_rq()->lock);
	hx_irq_enable();
}

static void tick_on(unsigned cpu)
{
	cpus_play(cpu);
	hx_irq_disable();
	is_halted[cpu] = false;
	sched_tick();
	if (hx_percpu()->need_resched != 0)
		sched_preempt();
	hx_irq_enable();
}

static struct hx_intent intent_of(uint64_t affinity, bool holds)
{
	struct hx_intent i;

	hx_intent_init(&i);
	i.affinity = affinity;
	if (holds) {
		i.budget_kind = HX_BUDGET_PERCENT;
		i.budget = 10;
	}
	return i;
}

static void set_from(unsigned cpu, struct hx_thread *t, uint64_t affinity, bool holds)
{
	struct hx_intent i = intent_of(affinity, holds);

	cpus_play(cpu);
	is_halted[cpu] = false;
	assert_int_equal(hx_thread_set_intent(t, &i), 0);
}

/* A rule of the scheduler's says where t may run. */
static void narrow_from(unsigned cpu, struct hx_thread *t, uint64_t cpus)
{
	struct hx_runq *rq = t->rq;
	hx_irqflags_t flags;

	cpus_play(cpu);
	is_halted[cpu] = false;
	flags = hx_runq_lock(rq);
	hx_runq_narrow(rq, t, cpus);
	hx_runq_send(rq, t);
	assert_int_equal(rq->lock.locked, 1);
	hx_runq_unlock(rq, flags);
}

static void all_idle(void)
{
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		idle(cpu);
}

static const struct hx_thread *runs_on(unsigned cpu)
{
	return hx_percpu_of(cpu)->current;
}

#endif
