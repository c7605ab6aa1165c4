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

void hx_timer_start(struct hx_timer *t, hx_ns_t deadline_ns)
{
	struct sim *s = world;

	if (t->node.linked)
		hx_rb_remove(&s->timers, &t->node);
	t->deadline_ns = deadline_ns > s->timers_now ? deadline_ns : s->timers_now + 1;
	hx_rb_insert(&s->timers, &t->node);
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
