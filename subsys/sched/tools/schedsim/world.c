// SPDX-License-Identifier: MIT
/*
 * What scheduler providers call, in virtual time: the clock, timers, their run queue's lock and
 * kick. The rest that they use (lists, trees, bitmaps, text) is core/lib itself, or in services.c.
 */
#include "sim.h"
#include "trace.h"
#include <hx/core/assert.h>
#include <hx/core/time.h>
#include <hx/hal/host.h>
#include <hx/hal/timer.h>
#include <stdarg.h>
#include <stdlib.h>

struct sim *world;

/* ---- time. The host machine's clock is virtual and stands at world->now. */

static void timer_start(struct hx_timer *t, hx_ns_t deadline_ns, bool exact)
{
	struct sim *s = world;

	if (t->node.linked)
		hx_rb_remove(&s->timers, &t->node);
	t->deadline_ns = deadline_ns > s->timers_now ? deadline_ns : s->timers_now + 1;
	t->exact = exact;
	hx_rb_insert(&s->timers, &t->node);
}

void hx_timer_start(struct hx_timer *t, hx_ns_t deadline_ns)
{
	timer_start(t, deadline_ns, world->w->timers_exact);
}

void hx_timer_start_exact(struct hx_timer *t, hx_ns_t deadline_ns)
{
	timer_start(t, deadline_ns, true);
}

bool hx_timer_cancel(struct hx_timer *t)
{
	bool ran = t->node.linked;

	if (ran)
		hx_rb_remove(&world->timers, &t->node);
	return ran;
}

uint64_t hx_time_ticks(void)
{
	return world->now / world->tick_ns;
}

static struct hx_timer *first_timer(const struct sim *s)
{
	struct hx_rb_node *n = hx_rb_first(&s->timers);

	return n != NULL ? HX_CONTAINER_OF(n, struct hx_timer, node) : NULL;
}

struct hx_timer *world_due(struct sim *s)
{
	struct hx_timer *t = first_timer(s);

	s->timers_now = s->now;
	if (t == NULL || t->deadline_ns > s->now)
		return NULL;
	hx_rb_remove(&s->timers, &t->node);
	return t;
}

uint64_t world_next_timer(const struct sim *s)
{
	const struct hx_timer *t = first_timer(s);

	return t != NULL ? t->deadline_ns : NO_TIME;
}

uint64_t world_next_exact(const struct sim *s)
{
	const struct hx_rb_node *n = hx_rb_first(&s->timers);

	while (n != NULL && !HX_CONTAINER_OF(n, const struct hx_timer, node)->exact)
		n = hx_rb_next(n);
	return n != NULL ? HX_CONTAINER_OF(n, const struct hx_timer, node)->deadline_ns : NO_TIME;
}

/* ---- run queues */

static struct vcpu *vcpu_of(struct hx_runq *rq)
{
	return HX_CONTAINER_OF(rq, struct vcpu, rq);
}

hx_irqflags_t hx_runq_lock(struct hx_runq *rq)
{
	if (world->locked != NULL)
		sim_fail(world, "scheduler %s takes the lock of run queue %u and holds that of %u",
			 world->ops->name, rq->cpu, world->locked->rq.cpu);
	core_lock(world, vcpu_of(rq));
	return 0;
}

void hx_runq_unlock(struct hx_runq *rq, hx_irqflags_t flags)
{
	if (world->locked != vcpu_of(rq))
		sim_fail(world, "scheduler %s drops the lock of run queue %u, which it lacks",
			 world->ops->name, rq->cpu);
	core_unlock(world, vcpu_of(rq));
}

void hx_runq_kick(struct hx_runq *rq)
{
	struct vcpu *v = vcpu_of(rq);

	if (world->locked != v)
		sim_fail(world, "scheduler %s kicks run queue %u without its lock",
			 world->ops->name, rq->cpu);
	if (v->need_resched == 0)
		v->need_resched = HX_ENQUEUE_PREEMPT;
}

/* Rules of a provider that name CPUs are not simulated: nobody sets one here. */
void hx_runq_narrow(struct hx_runq *rq, struct hx_thread *t, uint64_t cpus)
{
	if (world->locked != vcpu_of(rq))
		sim_fail(world, "scheduler %s narrows thread %u without the lock of run queue %u",
			 world->ops->name, t->id, rq->cpu);
	if ((cpus & t->intent->affinity) == 0)
		sim_fail(world, "scheduler %s leaves no CPU to thread %u", world->ops->name, t->id);
}

void hx_runq_send(struct hx_runq *rq, struct hx_thread *t)
{
	sim_fail(world, "scheduler %s sends thread %u away from run queue %u, where it may run",
		 world->ops->name, t->id, rq->cpu);
}

void hx_runq_tick_in(struct hx_runq *rq, uint64_t ns)
{
	struct vcpu *v = vcpu_of(rq);

	if (world->locked != v)
		sim_fail(world, "scheduler %s asks run queue %u for a tick without its lock",
			 world->ops->name, rq->cpu);
	if (ns < world->tick_ns)
		v->tick_at = world->now + ns + HX_TICK_IN_LATE_NS;
}

/* ---- promises: who makes one is decided by core's own function */

static void give_back(struct sim *s, struct hx_thread *t)
{
	if (t->promised_ppm != 0)
		s->promised_ppm[t->home] -= t->promised_ppm;
	t->promised_ppm = 0;
}

int hx_sched_promise(struct hx_thread *t, const struct hx_intent *want, uint32_t ppm)
{
	struct sim *s = world;
	unsigned own = t->promised_ppm != 0 ? t->home : t->intent != NULL ? t->rq->cpu
		       : HX_CPUS_MAX;
	uint64_t cpus;
	int cpu;

	if (want == NULL || ppm == 0) {
		give_back(s, t);
		return 0;
	}
	cpus = want->affinity & (UINT64_MAX >> (64 - s->n_cpus));
	if ((want->flags & HX_INTENT_PINNED) && own < s->n_cpus && (cpus >> own & 1) != 0)
		cpus = (uint64_t)1 << own;
	cpu = hx_promise_cpu(s->promised_ppm, cpus, own, t->promised_ppm, ppm);
	if (cpu < 0)
		return cpu;
	give_back(s, t);
	s->promised_ppm[cpu] += ppm;
	t->home = (uint8_t)cpu;
	t->promised_ppm = ppm;
	return 0;
}

uint32_t hx_sched_promised_ppm(unsigned cpu)
{
	return world->promised_ppm[cpu];
}

/* ---- the CPU that providers believe to be on */

void world_enter(struct sim *s, struct vcpu *v)
{
	hx_percpu()->current = v->current;
	hx_percpu()->cpu = v->rq.cpu;
	s->in_provider = true;
}

void world_leave(struct sim *s)
{
	s->in_provider = false;
}

/* An assertion in a provider, or in the library it calls, ends the run with its words. */
void world_on_bug(const char *fmt, va_list ap)
{
	char text[256];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (world != NULL)
		sim_fail(world, "%s", text);
	fprintf(stderr, "schedsim: %s\n", text);
	exit(2);
}
