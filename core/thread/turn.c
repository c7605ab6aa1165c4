// SPDX-License-Identifier: MIT
/*
 * Turns: what a thread owes to one that waits for its answer, in the chains of priority
 * inheritance.
 *
 * 1 Concepts. A turn looks to inherit.c like a contended mutex: its owner is who has to answer, its
 *   queue is who waits for that. So urgency spreads through calls and mutexes alike, and a circle
 *   of threads that wait for each other's answers is refused.
 * 2 Who stands for a pool. Callers that nobody took wait in the pool. Its owner is the thread that
 *   took a call last and has not answered it: it is expected back, and must not be kept from coming
 *   by somebody less urgent than those who wait. It stays so after the answer while somebody waits.
 *   With nobody waiting a pool has an owner only as long as that one owes a turn of this pool to
 *   somebody. Bit 0 of its word says exactly whether somebody waits, to who holds its lock.
 * 3 Invariants. (a) The owner of a turn or pool has not ended: it answers, or its caller gives
 *   up, or turn_abandon_all() runs, and each of them clears it. (b) A taken turn has one waiter
 *   or none, and bit 0 of its word says which until it is ended. (c) Somebody waits => the turn
 *   is on its owner's list (inherit.c, a); a pool may have no owner.
 * 4 Locking. The lock of turn->q, then inherit_lock; both for every change. Who wakes a caller
 *   still holds the first, so a timeout finds the wait over.
 * 5 Properties of the model test/models/call.pml: (told) an answer is given <=> the caller is told
 *   so; (gone) nobody writes to memory of one that has gone on; (woken) each caller comes back;
 *   (stands) no pool has an owner that has ended.
 */
#include <hx/core/handover.h>

#include "handover_priv.h"
#include "inherit_priv.h"

static inline struct hx_turn *turn_of(struct hx_mutex *m)
{
	return HX_CONTAINER_OF(m, struct hx_turn, m);
}

static inline bool nobody_waits(const struct hx_turn *turn)
{
	return hx_list_is_empty(&turn->m.queue.waiters);
}

/* What stands for the pool if t did, whom nobody waits for there: t, if it owes another turn. */
static uintptr_t pool_owner_after(const struct hx_turn *pool, struct hx_thread *t)
{
	struct hx_mutex *m;

	for (m = t->owned; m != NULL; m = m->next_owned)
		if ((m->owner & MUTEX_TURN) != 0 && turn_of(m)->pool == pool)
			return (uintptr_t)t | MUTEX_TURN;
	return MUTEX_TURN;
}

/* t may have answered its last call of this pool: then it no longer stands for it, if nobody
 * waits. */
static HX_ALWAYS_INLINE void pool_release(struct hx_turn *pool, struct hx_thread *t)
{
	/* The two other bits: bit 0 says that somebody waits, bit 1 is always set. */
	if (HX_LIKELY(pool->m.owner == ((uintptr_t)t | MUTEX_TURN)) && t != NULL)
		pool->m.owner = HX_LIKELY(t->owned == NULL) ? MUTEX_TURN
				: pool_owner_after(pool, t);
}

/* server owes caller an answer from now on. inherit_lock is held; what is inherited is not seen
 * to. */
static HX_ALWAYS_INLINE void turn_open(struct hx_turn *turn, struct hx_turn *pool,
				       struct hx_thread *server, struct hx_thread *caller)
{
	turn->q = pool->q;
	turn->pool = pool;
	turn->m.owner = (uintptr_t)server | MUTEX_WAITERS | MUTEX_TURN;
	hx_list_init(&turn->m.queue.waiters);
	hx_list_push_back(&turn->m.queue.waiters, &caller->wait_link);
	caller->blocked_on = &turn->m;
	owned_add(server, &turn->m);
}

int hx_turn_give_locked(struct hx_thread *server, struct hx_turn *turn, struct hx_turn *pool,
			hx_ns_t timeout_ns, hx_irqflags_t flags)
{
	struct hx_thread *self = hx_thread_self();
	int err;

	hx_assert(timeout_ns != 0 && nobody_waits(pool));
	hx_list_unlink(&server->wait_link);
	wait_end(server, 0);
	quiet_lock(&inherit_lock);
	turn_open(turn, pool, server, self);
	pool->m.owner = (uintptr_t)server | MUTEX_TURN;
	/* It waits for nobody's answer, and for no mutex: the chain ends with it. */
	if (HX_UNLIKELY(self->prio < server->prio))
		sched_set_prio(server, self->prio);
	quiet_unlock(&inherit_lock);
	err = pass_and_wait(pool->q, self, server, timeout_ns);
	hx_irq_restore(flags);
	return err;
}

int hx_turn_join_locked(struct hx_turn *pool, void *data, hx_ns_t timeout_ns)
{
	struct hx_thread *self = hx_thread_self(), *owner;

	hx_assert_held(&pool->q->lock);
	quiet_lock(&inherit_lock);
	if (closes_circle(&pool->m, self)) {
		if (HX_ENABLED(DEADLOCKS))
			deadlock_refused(&pool->m, self);
		quiet_unlock(&inherit_lock);
		hx_spin_release_(&pool->q->lock);
		return -HX_EDEADLK;
	}
	owner = owner_of(&pool->m);
	if (nobody_waits(pool) && owner != NULL)
		owned_add(owner, &pool->m);
	pool->m.owner |= MUTEX_WAITERS | MUTEX_TURN;
	queue_insert(&pool->m, self);
	self->blocked_on = &pool->m;
	inherit_spread(owner);
	quiet_unlock(&inherit_lock);
	return hx_wait_queued_locked(pool->q, data, timeout_ns);
}

struct hx_thread *hx_turn_first(const struct hx_turn *pool)
{
	struct hx_thread *first;

	/* A change of priorities may be putting the queue in order, with the other lock only. */
	quiet_lock(&inherit_lock);
	first = hx_wait_first(&pool->m.queue.waiters);
	quiet_unlock(&inherit_lock);
	return first;
}

struct hx_thread *hx_turn_take_locked(struct hx_turn *pool, struct hx_turn *turn)
{
	struct hx_thread *self = hx_thread_self(), *caller, *before;

	hx_assert_held(&pool->q->lock);
	quiet_lock(&inherit_lock);
	caller = hx_wait_first(&pool->m.queue.waiters);
	if (caller != NULL) {
		before = owner_of(&pool->m);
		owned_remove(before, &pool->m);
		hx_list_unlink(&caller->wait_link);
		pool->m.owner = (uintptr_t)self | MUTEX_TURN;
		if (!nobody_waits(pool)) {
			pool->m.owner |= MUTEX_WAITERS;
			owned_add(self, &pool->m);
		}
		turn_open(turn, pool, self, caller);
		if (before != self)
			inherit_spread(before);
		inherit_spread(self);
	}
	quiet_unlock(&inherit_lock);
	return caller;
}

/* self has answered the caller of its turn, who waits: not for it any more. inherit_lock is
 * held. */
static HX_ALWAYS_INLINE struct hx_thread *turn_close(struct hx_turn *turn, struct hx_thread *self)
{
	struct hx_thread *caller = hx_wait_first(&turn->m.queue.waiters);

	caller->blocked_on = NULL;
	hx_list_unlink(&caller->wait_link);
	if (HX_LIKELY(self->owned == &turn->m))
		self->owned = turn->m.next_owned;
	else
		owned_remove(self, &turn->m);
	pool_release(turn->pool, self);
	if (HX_UNLIKELY(self->prio != self->base_prio))
		inherit_spread(self);
	return caller;
}

struct hx_thread *hx_turn_end_locked(struct hx_turn *turn)
{
	struct hx_thread *caller = NULL;

	hx_assert_held(&turn->q->lock);
	quiet_lock(&inherit_lock);
	if (HX_LIKELY(hx_turn_is_awaited(turn)))
		caller = turn_close(turn, hx_thread_self());
	quiet_unlock(&inherit_lock);
	return caller;
}

int hx_turn_end_and_wait_locked(struct hx_turn *turn, void *data, hx_ns_t timeout_ns,
				hx_irqflags_t flags)
{
	struct hx_thread *self = hx_thread_self(), *caller;
	struct hx_wait_queue *q = turn->q;
	int err;

	hx_assert(timeout_ns != 0 && hx_turn_is_awaited(turn));
	quiet_lock(&inherit_lock);
	caller = turn_close(turn, self);
	quiet_unlock(&inherit_lock);
	wait_end(caller, 0);
	self->wait_data = data;
	hx_list_push_back(&q->waiters, &self->wait_link);
	err = pass_and_wait(q, self, caller, timeout_ns);
	hx_irq_restore(flags);
	return err;
}

/* The last one in the pool was taken out without a turn. */
static void pool_emptied(struct hx_turn *pool, struct hx_thread *owner)
{
	owned_remove(owner, &pool->m);
	pool->m.owner &= ~MUTEX_WAITERS;
	pool_release(pool, owner);
}

struct hx_thread *hx_turn_drop_locked(struct hx_turn *pool)
{
	struct hx_thread *caller, *owner;

	hx_assert_held(&pool->q->lock);
	quiet_lock(&inherit_lock);
	caller = hx_wait_first(&pool->m.queue.waiters);
	if (caller != NULL) {
		owner = owner_of(&pool->m);
		hx_list_unlink(&caller->wait_link);
		caller->blocked_on = NULL;
		if (nobody_waits(pool))
			pool_emptied(pool, owner);
		inherit_spread(owner);
	}
	quiet_unlock(&inherit_lock);
	return caller;
}

uint32_t hx_turn_count_locked(const struct hx_turn *pool)
{
	const struct hx_list *n;
	uint32_t count = 0;

	quiet_lock(&inherit_lock);
	HX_LIST_FOREACH(n, &pool->m.queue.waiters)
		count++;
	quiet_unlock(&inherit_lock);
	return count;
}

void turn_given_up(struct hx_mutex *m)
{
	struct hx_turn *turn = turn_of(m);

	if (turn->pool != NULL) {
		m->owner &= ~MUTEX_WAITERS;
		pool_release(turn->pool, owner_of(m));
	} else if (nobody_waits(turn)) {
		m->owner &= ~MUTEX_WAITERS;
		pool_release(turn, owner_of(m));
	}
}

/* The first turn that self owes, or the first pool it stands for. */
static struct hx_turn *first_owed(const struct hx_thread *self)
{
	struct hx_mutex *m = self->owned;

	while (m != NULL && (m->owner & MUTEX_TURN) == 0)
		m = m->next_owned;
	return m != NULL ? turn_of(m) : NULL;
}

/* Nobody waits for self in this turn any more. The caller, off its list, to be woken; NULL: it was
 * a pool, in which they wait on. Both locks are held. */
static struct hx_thread *turn_abandon(struct hx_turn *turn, struct hx_thread *self)
{
	struct hx_thread *caller = NULL;

	owned_remove(self, &turn->m);
	if (turn->pool == NULL) {
		turn->m.owner = MUTEX_TURN | MUTEX_WAITERS;	/* they wait for whoever comes */
	} else {
		caller = hx_wait_first(&turn->m.queue.waiters);
		caller->blocked_on = NULL;
		hx_list_unlink(&caller->wait_link);
		pool_release(turn->pool, self);
	}
	return caller;
}

/* A turn of self stays where it is while self runs this; a pool, while it is open for receiving. */
void turn_abandon_all(struct hx_thread *self)
{
	for (;;) {
		hx_irqflags_t flags = hx_irq_save();
		struct hx_thread *caller = NULL;
		struct hx_wait_queue *q;
		struct hx_turn *turn;

		quiet_lock(&inherit_lock);
		turn = first_owed(self);
		q = turn != NULL ? turn->q : NULL;
		quiet_unlock(&inherit_lock);
		if (turn == NULL) {
			hx_irq_restore(flags);
			return;
		}
		hx_spin_acquire_(&q->lock);
		quiet_lock(&inherit_lock);
		if (first_owed(self) == turn)
			caller = turn_abandon(turn, self);
		quiet_unlock(&inherit_lock);
		if (caller != NULL)
			hx_wake_off_locked(caller, -HX_EPIPE);
		hx_wake_end(q, flags);
	}
}
