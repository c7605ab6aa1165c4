// SPDX-License-Identifier: MIT
/*
 * A scheduler that nobody knows yet is called through a guard: it may answer with any pointer, and
 * core follows none that is not a thread.
 *
 * 1 Whom. Each one that came by a swap while it is on probation, and a module as long as it sits in
 *   the slot. All others are called directly, and pay nothing: sched_calls is what core calls, the
 *   scheduler's own table or the guard's copy of it, in which pick, steal and enqueue are other.
 * 2 Known threads. A set of addresses: buckets of threads, linked through them. Only threads that
 *   are in it are looked at. There are two sets: while one serves a swap fills the other from the
 *   table of threads, before it stops the CPUs, and adds there what it finds beyond that; threads
 *   that are made later come with their first enqueue, and one that is freed leaves both. What is
 *   given may be known and wrong all the same: that is runq_pick()'s check.
 * 3 Out. Once an answer was wrong everybody is called through the guard, and nobody is asked to
 *   pick: each CPU that comes to a switch runs its idle thread, which throws the scheduler out
 *   (rescue.c).
 */
#include <hx/core/string.h>

#include "guard_priv.h"
#include "stall_priv.h"

/* Field keys: k known_lock, p with all CPUs parked or before others run, a atomic. */
static struct hx_spinlock known_lock = HX_SPINLOCK_INIT("known threads", HX_RANK_LEAF);
struct hx_thread *guard_buckets[2][GUARD_BUCKETS];	/* k of the set in use, p of the other */
static unsigned guard_in_use;			/* p which set */
static bool guard_prepares;			/* k the other one is being filled */
uint32_t guard_serial;				/* p */
static const struct hx_sched_ops *guarded;	/* p who is behind the guard */
struct hx_sched_ops guard_ops;			/* p */
const struct hx_sched_ops *sched_calls;		/* a */

unsigned guard_spare(void)
{
	memset(guard_buckets[guard_in_use ^ 1], 0, sizeof(guard_buckets[0]));
	return guard_in_use ^ 1;
}

unsigned guard_prepare(void)
{
	hx_irqflags_t flags = hx_irq_save();
	unsigned set;

	quiet_lock(&known_lock);
	set = guard_spare();
	guard_prepares = true;
	quiet_unlock(&known_lock);
	hx_irq_restore(flags);
	return set;
}

void guard_prepared_not(void)
{
	guard_prepares = false;
}

void guard_lock(void)
{
	quiet_lock(&known_lock);
}

void guard_unlock(void)
{
	quiet_unlock(&known_lock);
}

struct hx_thread *guard_first(unsigned bucket)
{
	return guard_buckets[guard_in_use][bucket];
}

struct hx_thread *guard_next(const struct hx_thread *t)
{
	return t->guard.next[guard_in_use];
}

static bool guard_knows(const struct hx_thread *t)
{
	const unsigned set = guard_in_use;
	const struct hx_thread *it;

	quiet_lock(&known_lock);
	it = guard_buckets[set][guard_bucket(t)];
	while (it != NULL && it != t)
		it = it->guard.next[set];
	quiet_unlock(&known_lock);
	return it != NULL;
}

/* known_lock is held. */
static void guard_take_out(unsigned set, struct hx_thread *t)
{
	struct hx_thread **link = &guard_buckets[set][guard_bucket(t)];

	while (*link != NULL && *link != t)
		link = &(*link)->guard.next[set];
	if (*link != NULL)
		*link = t->guard.next[set];
}

void guard_forget(struct hx_thread *t)
{
	hx_irqflags_t flags;

	if (HX_LIKELY(!guard_is_on() && !guard_prepares))
		return;
	flags = hx_irq_save();
	quiet_lock(&known_lock);
	if (guard_is_on())
		guard_take_out(guard_in_use, t);
	if (guard_prepares)
		guard_take_out(guard_in_use ^ 1, t);
	quiet_unlock(&known_lock);
	hx_irq_restore(flags);
}

/* ---- in place of the scheduler's */

/* From rq came t: is it a thread? NULL: no, and the scheduler is to go. */
static struct hx_thread *guard_check(struct hx_runq *rq, struct hx_thread *t)
{
	if (HX_LIKELY(t == NULL || guard_knows(t)))
		return t;
	rescue_note(rq, "gave %p, which is no thread", (void *)t);
	return NULL;
}

static struct hx_thread *guard_pick(struct hx_runq *rq)
{
	return sched_is_bad ? NULL : guard_check(rq, guarded->pick(rq));
}

static struct hx_thread *guard_steal(struct hx_runq *rq, unsigned cpu)
{
	return sched_is_bad ? NULL : guard_check(rq, guarded->steal(rq, cpu));
}

static void guard_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	if (why == HX_ENQUEUE_NEW) {
		quiet_lock(&known_lock);
		guard_add(guard_in_use, t);
		quiet_unlock(&known_lock);
	}
	/* stall.c: t waits from now on, here, and is looked at anew. */
	t->guard.seen = ~(uint32_t)t->n_switches;
	guarded->enqueue(rq, t, why);
}

/* ---- who is behind it */

static bool is_built_in(const struct hx_sched_ops *ops)
{
	const void *const *it;

	for (it = sched_kind.first; it < sched_kind.last; it++)
		if (*it == ops)
			return true;
	return ops == &sched_fifo_ops;
}

bool guard_is_module(void)
{
	return !is_built_in(guarded);
}

void guard_set(const struct hx_sched_ops *ops)
{
	guard_serial++;
	guarded = ops;
	guard_ops = *ops;
	guard_ops.pick = guard_pick;
	guard_ops.enqueue = guard_enqueue;
	if (ops->steal != NULL)
		guard_ops.steal = guard_steal;
	__atomic_store_n(&sched_calls, ops, __ATOMIC_RELEASE);
	stall_begin(swap_state_ops(ops));
}

void guard_begin(const struct hx_sched_ops *ops, unsigned set)
{
	struct hx_runq *rq;

	for (rq = swap_next_rq(NULL); rq != NULL; rq = swap_next_rq(rq))
		guard_add(set, rq->idle);
	guard_set(ops);
	guard_in_use = set;
	guard_prepares = false;
	guard_close();
}

static bool guard_know(struct hx_thread *t, void *arg)
{
	if ((t->flags & HX_THREAD_IDLE) == 0)
		guard_add(*(const unsigned *)arg, t);
	return true;
}

void guard_begin_anew(const struct hx_sched_ops *ops)
{
	unsigned set = guard_spare();

	if (is_built_in(ops)) {
		guard_set(ops);
		return;
	}
	thread_each(guard_know, &set);
	guard_begin(ops, set);
}

void guard_close(void)
{
	__atomic_store_n(&sched_calls, &guard_ops, __ATOMIC_SEQ_CST);
}

void guard_tick(void)
{
	if (sched_is_bad || hx_swap_before(&sched_kind) != NULL ||
	    !is_built_in(guarded))
		return;
	__atomic_store_n(&sched_calls, guarded, __ATOMIC_SEQ_CST);
	/* Another CPU may have closed it at the same time. */
	if (sched_is_bad)
		guard_close();
}
