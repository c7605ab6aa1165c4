// SPDX-License-Identifier: MIT
/*
 * What threads do: the steps between two stretches of work take no time, so they are all done when
 * the thread is on its CPU and its work is used up.
 */
#include "sim.h"
#include "trace.h"

static uint64_t draw(struct vthread *t, const struct op *op)
{
	return dist_draw(&op->time, &t->rng);
}

void program_timer(struct hx_timer *timer)
{
	struct vthread *t = HX_CONTAINER_OF(timer, struct vthread, timer);

	if (!t->in_io)
		measure_release(world, t, timer->deadline_ns);
	core_wake(world, t, NULL);
}

static void sleep_until(struct sim *s, struct vcpu *v, uint64_t when, bool in_io)
{
	struct vthread *t = vthread_of(v->current);

	t->in_io = in_io;
	t->job_open = t->job_open && in_io;
	t->timer.fn = program_timer;
	hx_timer_start(&t->timer, when);
	core_block(s, v, BLOCK_SLEEP);
}

/* The next beat of a period: wait for it, or, if it is past, be late. False: it waits. */
static bool beat(struct sim *s, struct vcpu *v, struct vthread *t, const struct op *op)
{
	if (t->every_next == 0)
		t->every_next = t->arrived_ns;
	t->every_next += draw(t, op);
	if (t->every_next > s->now) {
		sleep_until(s, v, t->every_next, false);
		return false;
	}
	measure_release(s, t, t->every_next);
	return true;
}

static void change_intent(struct sim *s, struct vthread *t, const struct op *op)
{
	struct hx_intent want = s->w->intents[op->idx];

	if (want.affinity == HX_AFFINITY_ANY)
		want.affinity = t->t.intent->affinity;	/* it said nothing about that */
	if (core_set_intent(s, t, &want) != 0) {
		t->refused = true;
		s->measured[t->spec].n_refused++;
		trace_add(s, TRACE_REFUSED, t, t->cpu, 0);
	}
}

static void change_prio(struct sim *s, struct vthread *t, uint8_t prio)
{
	uint8_t lent = t->t.prio < t->own_prio ? t->t.prio : HX_PRIO_LOWEST;

	t->own_prio = prio;
	core_set_prio(s, t, prio < lent ? prio : lent);
}

/* True: the step was just a jump. */
static bool jump(struct vthread *t, const struct op *op, const struct op *ops)
{
	if (op->kind == OP_LOOP) {
		t->loops[op->depth] = op->n;
		t->op++;
	} else if (op->kind == OP_AGAIN) {
		uint64_t *left = &t->loops[op->depth];

		/* 0: for ever */
		t->op = *left == 1 ? op + 1 : ops + op->idx;
		*left -= *left != 0;
	} else {
		return false;
	}
	return true;
}

static void end(struct sim *s, struct vcpu *v, struct vthread *t)
{
	if (t->n_held != 0)
		sim_fail(s, "thread %s ends and holds mutex %s", t->t.name, t->held[0]->w->name);
	core_exit(s, v);
}

/* One step of the thread on v. True: it is still there and may go on at once. */
static bool step(struct sim *s, struct vcpu *v, struct vthread *t, const struct op *op)
{
	bool stays = true;

	t->op++;		/* before it may leave the CPU */
	switch (op->kind) {
	case OP_RUN:
		t->left_ns = draw(t, op);
		return t->left_ns == 0;
	case OP_SLEEP:
	case OP_IO:
		sleep_until(s, v, s->now + draw(t, op), op->kind == OP_IO);
		return false;
	case OP_EVERY:
		stays = beat(s, v, t, op);
		break;
	case OP_LOCK:
		stays = sync_lock(s, v, &s->mutexes[op->idx]);
		break;
	case OP_UNLOCK:
		sync_unlock(s, v, &s->mutexes[op->idx]);
		break;
	case OP_WAIT:
		stays = sync_wait(s, v, &s->sems[op->idx]);
		break;
	case OP_POST:
		sync_post(s, v, &s->sems[op->idx]);
		break;
	case OP_YIELD:
		core_yield(s, v);
		return false;		/* even if alone: time must be able to pass */
	case OP_MARK:
		measure_mark(s, t, op->n);
		break;
	case OP_INTENT:
		change_intent(s, t, op);
		break;
	case OP_PRIORITY:
		change_prio(s, t, (uint8_t)op->n);
		break;
	default:
		end(s, v, t);
		return false;
	}
	return stays && v->current == &t->t && v->need_resched == 0;
}

void program_go_on(struct sim *s, struct vcpu *v)
{
	struct vthread *t = vthread_of(v->current);
	const struct spec *spec = &s->w->specs[t->spec];
	unsigned n = 0;

	do {
		if (t->op == spec->ops + spec->n_ops) {
			end(s, v, t);
			return;
		}
		if (n++ == 100000)
			sim_fail(s, "thread %s takes 100000 steps without any time passing "
				 "(line %u)", t->t.name, t->op->line);
	} while (jump(t, t->op, spec->ops) || step(s, v, t, t->op));
}

void program_start(struct sim *s, struct vthread *t)
{
	t->op = s->w->specs[t->spec].ops;
}
