// SPDX-License-Identifier: MIT
/*
 * Mutexes and semaphores, handed over at release as core/thread does it. A mutex that inherits
 * lends its owner the urgency of the most urgent waiter, and on through the mutex that the owner
 * itself waits for. A permit of a semaphore carries the time when it was posted: that is when the
 * job of the thread that takes it could have begun.
 */
#include "sim.h"
#include "trace.h"
#include <stdlib.h>

/* ---- inheritance */

static uint8_t most_urgent_waiter(const struct sim_mutex *m, uint8_t prio)
{
	struct hx_list *n;

	HX_LIST_FOREACH(n, &m->waiters) {
		const struct hx_thread *t = HX_LIST_ENTRY(n, struct hx_thread, wait_link);

		if (t->prio < prio)
			prio = t->prio;
	}
	return prio;
}

/* What t is owed now, and its owner's owner after it. No circle: sync_lock() refuses those. */
static void inherit(struct sim *s, struct vthread *t)
{
	while (t != NULL) {
		uint8_t prio = t->own_prio;
		unsigned i;

		for (i = 0; i < t->n_held; i++) {
			if (t->held[i]->w->inherits)
				prio = most_urgent_waiter(t->held[i], prio);
		}
		if (prio == t->t.prio)
			return;
		core_set_prio(s, t, prio);
		t = t->waits_for != NULL && t->waits_for->w->inherits ? t->waits_for->owner : NULL;
	}
}

static struct vthread *heir_of(struct sim_mutex *m)
{
	struct hx_list *n, *best = hx_list_first(&m->waiters);

	if (best == NULL || !m->w->inherits)
		return best != NULL ? vthread_of(HX_LIST_ENTRY(best, struct hx_thread, wait_link))
		       : NULL;
	HX_LIST_FOREACH(n, &m->waiters) {
		if (HX_LIST_ENTRY(n, struct hx_thread, wait_link)->prio <
		    HX_LIST_ENTRY(best, struct hx_thread, wait_link)->prio)
			best = n;
	}
	return vthread_of(HX_LIST_ENTRY(best, struct hx_thread, wait_link));
}

static void own(struct sim *s, struct vthread *t, struct sim_mutex *m)
{
	if (t->n_held == SIM_LOCKS_MAX)
		sim_fail(s, "thread %s holds more than %u mutexes", t->t.name, SIM_LOCKS_MAX);
	t->held[t->n_held++] = m;
	m->owner = t;
	trace_add(s, TRACE_LOCK, t, t->cpu, (uint64_t)(m - s->mutexes));
}

bool sync_lock(struct sim *s, struct vcpu *v, struct sim_mutex *m)
{
	struct vthread *t = vthread_of(v->current);
	const struct vthread *o;

	if (m->owner == NULL) {
		own(s, t, m);
		return true;
	}
	for (o = m->owner; o != NULL; o = o->waits_for != NULL ? o->waits_for->owner : NULL) {
		if (o == t)
			sim_fail(s, "thread %s waits for mutex %s in a circle: they wait for ever",
				 t->t.name, m->w->name);
	}
	t->waits_for = m;
	hx_list_push_back(&m->waiters, &t->t.wait_link);
	if (m->w->inherits)
		inherit(s, m->owner);
	core_block(s, v, BLOCK_MUTEX);
	return false;
}

void sync_unlock(struct sim *s, struct vcpu *v, struct sim_mutex *m)
{
	struct vthread *t = vthread_of(v->current), *heir = heir_of(m);
	unsigned i;

	if (m->owner != t)
		sim_fail(s, "thread %s unlocks mutex %s, which it does not hold", t->t.name,
			 m->w->name);
	for (i = 0; t->held[i] != m; i++)
		;
	t->held[i] = t->held[--t->n_held];
	trace_add(s, TRACE_UNLOCK, t, t->cpu, (uint64_t)(m - s->mutexes));
	m->owner = NULL;
	if (heir != NULL) {
		hx_list_remove(&heir->t.wait_link);
		heir->waits_for = NULL;
		own(s, heir, m);
		inherit(s, heir);
		core_wake(s, heir, v);
	}
	inherit(s, t);
}

/* ---- semaphores */

static void stamps_push(struct stamp_queue *q, uint64_t at)
{
	size_t i, room = q->room != 0 ? 2 * q->room : 16;
	uint64_t *v;

	if (q->n == q->room) {
		v = xalloc(room, sizeof(*v));
		for (i = 0; i < q->n; i++)
			v[i] = q->at[(q->first + i) % q->room];
		free(q->at);
		q->at = v;
		q->first = 0;
		q->room = room;
	}
	q->at[(q->first + q->n++) % q->room] = at;
}

bool sync_wait(struct sim *s, struct vcpu *v, struct sim_sem *sem)
{
	struct vthread *t = vthread_of(v->current);
	struct stamp_queue *q = &sem->permits;

	t->job_open = false;
	if (q->n == 0) {
		hx_list_push_back(&sem->waiters, &t->t.wait_link);
		core_block(s, v, BLOCK_SEM);
		return false;
	}
	measure_release(s, t, q->at[q->first]);
	q->first = (q->first + 1) % q->room;
	q->n--;
	return true;
}

void sync_post(struct sim *s, struct vcpu *waker, struct sim_sem *sem)
{
	struct hx_list *n = hx_list_pop_front(&sem->waiters);
	struct vthread *heir;

	sem->n_posted++;
	if (n == NULL) {
		stamps_push(&sem->permits, s->now);
		return;
	}
	heir = vthread_of(HX_LIST_ENTRY(n, struct hx_thread, wait_link));
	measure_release(s, heir, s->now);
	core_wake(s, heir, waker);
}
