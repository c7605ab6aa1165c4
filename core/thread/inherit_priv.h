/* SPDX-License-Identifier: MIT */
/*
 * The steps of priority inheritance that mutexes (inherit.c) and calls (turn.c) share; inherit.c
 * says what they keep true. inherit_lock is held by whoever calls one.
 */
#ifndef HX_INHERIT_PRIV_H
#define HX_INHERIT_PRIV_H

#include <hx/core/mutex.h>

#include "thread_priv.h"

#define CHAIN_MAX	32u	/* owners that are followed, interrupts off */

/* HX_RANK_INHERIT: all of the above, of every mutex and turn. */
extern struct hx_spinlock inherit_lock;

static inline struct hx_thread *owner_of(const struct hx_mutex *m)
{
	return (struct hx_thread *)(m->owner & ~(MUTEX_WAITERS | MUTEX_TURN));
}

/* Into the queue, behind all that are as urgent; from the end, where equals belong. */
static HX_UNUSED void queue_insert(struct hx_mutex *m, struct hx_thread *t)
{
	struct hx_list *head = &m->queue.waiters, *before = head->prev;

	while (before != head &&
	       HX_LIST_ENTRY(before, struct hx_thread, wait_link)->prio > t->prio)
		before = before->prev;
	hx_list_insert_between(&t->wait_link, before, before->next);
}

static HX_UNUSED void owned_add(struct hx_thread *t, struct hx_mutex *m)
{
	m->next_owned = t->owned;
	t->owned = m;
}

static HX_UNUSED void owned_remove(struct hx_thread *t, const struct hx_mutex *m)
{
	struct hx_mutex **link;

	if (HX_ENABLED(IPC_TURNS) && t == NULL)
		return;		/* a turn that nobody has */
	link = &t->owned;
	while (*link != m)
		link = &(*link)->next_owned;
	*link = m->next_owned;
}

/* deadlock.c, with CONFIG_DEADLOCKS. Self was kept from waiting for m, which would close a circle:
 * tell of it. */
HX_COLD void deadlock_refused(const struct hx_mutex *m, const struct hx_thread *self);
/* The circle that t is in: how many threads; 0: none. The locks of joins and inherit_lock are held,
 * and no thread ends. */
uint32_t deadlock_length(const struct hx_thread *t);

/* What invariant (b) asks for. */
static HX_UNUSED uint8_t prio_of(const struct hx_thread *t)
{
	const struct hx_mutex *m;
	uint8_t prio = t->base_prio;

	for (m = t->owned; m != NULL; m = m->next_owned) {
		const struct hx_list *first = m->queue.waiters.next;
		uint8_t p = HX_LIST_ENTRY(first, struct hx_thread, wait_link)->prio;

		if (p < prio)
			prio = p;
	}
	return prio;
}

/* What t owns or is has changed: bring (b) and (c) about again, from t along the chain. */
static HX_UNUSED void inherit_spread(struct hx_thread *t)
{
	unsigned n;

	for (n = 0; n < CHAIN_MAX; n++) {
		struct hx_mutex *m;
		uint8_t prio;

		if (HX_ENABLED(IPC_TURNS) && t == NULL)
			return;
		prio = prio_of(t);
		m = t->blocked_on;
		if (prio == t->prio)
			return;
		sched_set_prio(t, prio);
		if (m == NULL)
			return;
		hx_list_unlink(&t->wait_link);
		queue_insert(m, t);
		t = owner_of(m);
	}
}

/* Would self, waiting for m, wait for itself? */
static HX_UNUSED bool closes_circle(const struct hx_mutex *m, const struct hx_thread *self)
{
	unsigned n;

	for (n = 0; n < CHAIN_MAX && m != NULL; n++) {
		const struct hx_thread *t = owner_of(m);

		if (t == self)
			return true;
		if (HX_ENABLED(IPC_TURNS) && t == NULL)
			return false;
		m = t->blocked_on;
	}
	return false;
}

#endif
