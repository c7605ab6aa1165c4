// SPDX-License-Identifier: MIT
/*
 * Priority inheritance: whoever owns a mutex that others wait for is as urgent as the most urgent
 * of them, and so on along the chain of owners that wait themselves.
 *
 *	A (10) waits for m1 -> B owns m1, waits for m2 -> C (120) owns m2     B and C run with 10
 *
 * 1 Data. The queue of a mutex is ordered by urgency, first come first served among equals, so its
 *   head says what the owner inherits. A thread has a list of the mutexes it owns that somebody
 *   waits for (owned, next_owned), and the mutex that it waits for (blocked_on). Mutexes that
 *   nobody waits for are on no list: the fast paths of lock and unlock know nothing of all this.
 * 2 Invariants. (a) m is on its owner's list <=> its queue is not empty. (b) t->prio is the most
 *   urgent of t->base_prio and the heads of the queues of t->owned. (c) Each queue is sorted.
 *   (d) There is no circle: who would close one is refused.
 * 3 Locking. All of it is guarded by one lock, taken after the queue's lock of the mutex concerned:
 *   a chain crosses many mutexes, whose own locks have one rank and cannot be held together. Only
 *   contended mutexes take it. Bit 0 of the owner's word keeps the owner where it is: it cannot
 *   unlock without the queue's lock and this one.
 * 4 Cost. O(waiters more urgent than this one are not looked at) to join a queue, and one step per
 *   owner of the chain, at most CHAIN_MAX: beyond that nothing is inherited, and no circle is seen.
 * 5 Source. Sha, Rajkumar, Lehoczky, "Priority Inheritance Protocols" (IEEE ToC, 1990), 3: the
 *   basic protocol. Deadlock is refused instead of prevented by ceilings.
 */
#include <hx/core/text.h>

#include "inherit_priv.h"

#define BUG_TEXT	200u

struct hx_spinlock inherit_lock = HX_SPINLOCK_INIT("inherit", HX_RANK_INHERIT);

int inherit_wait(struct hx_mutex *m, struct hx_thread *self)
{
	struct hx_thread *owner = owner_of(m);

	hx_assert_held(&m->queue.lock);
	quiet_lock(&inherit_lock);
	if (closes_circle(m, self)) {
		if (HX_ENABLED(DEADLOCKS))
			deadlock_refused(m, self);
		quiet_unlock(&inherit_lock);
		return -HX_EDEADLK;
	}
	if (hx_list_is_empty(&m->queue.waiters))
		owned_add(owner, m);
	queue_insert(m, self);
	self->blocked_on = m;
	inherit_spread(owner);
	quiet_unlock(&inherit_lock);
	return 0;
}

struct hx_thread *inherit_hand_over(struct hx_mutex *m, struct hx_thread *self)
{
	struct hx_thread *heir;

	hx_assert_held(&m->queue.lock);
	quiet_lock(&inherit_lock);
	heir = wait_first(&m->queue);
	if (heir != NULL) {
		owned_remove(self, m);
		hx_list_unlink(&heir->wait_link);
		heir->blocked_on = NULL;
		/* Those left are at most as urgent as the heir: nothing for it to inherit. */
		if (!hx_list_is_empty(&m->queue.waiters))
			owned_add(heir, m);
		inherit_spread(self);
	}
	/* Bit 0 is set, so nobody changes the word without both locks. */
	m->owner = (uintptr_t)heir | (hx_list_is_empty(&m->queue.waiters) ? 0 : MUTEX_WAITERS);
	quiet_unlock(&inherit_lock);
	return heir;
}

void inherit_give_up(struct hx_thread *t)
{
	struct hx_mutex *m = t->blocked_on;
	struct hx_thread *owner = owner_of(m);

	hx_assert_held(&t->waits_on->lock);
	quiet_lock(&inherit_lock);
	hx_list_unlink(&t->wait_link);
	t->blocked_on = NULL;
	if (hx_list_is_empty(&m->queue.waiters))
		owned_remove(owner, m);
	if (HX_ENABLED(IPC_TURNS) && (m->owner & MUTEX_TURN) != 0)
		turn_given_up(m);
	inherit_spread(owner);
	quiet_unlock(&inherit_lock);
}

void inherit_set_base(struct hx_thread *t, uint8_t prio)
{
	quiet_lock(&inherit_lock);
	t->base_prio = prio;
	inherit_spread(t);
	quiet_unlock(&inherit_lock);
}

void inherit_bug(struct hx_mutex *m)
{
	char buf[BUG_TEXT];
	struct hx_text_buf b;
	unsigned n;

	hx_text_buf_init(&b, buf, sizeof(buf));
	hx_text_printf(&b.text, "%u %s", hx_thread_self()->id, hx_thread_self()->name);
	for (n = 0; n < CHAIN_MAX && m != NULL; n++) {
		const struct hx_thread *t = owner_of(m);

		if (t == NULL)
			break;
		hx_text_printf(&b.text, " waits for %u %s", t->id, t->name);
		m = t != hx_thread_self() ? t->blocked_on : NULL;
	}
	hx_bug("deadlock: thread %s", buf);
}
