// SPDX-License-Identifier: MIT
/*
 * Which CPU a thread runs on, where there are several: the place of a new or woken thread, moving,
 * and evening out.
 *
 * 1 Waking. The waker holds the wait queue's lock; it takes the lock of the run queue where the
 *   thread was last. That one is held by its CPU from before the thread counts as blocked until it
 *   is off the CPU (invariant 5), so a thread on its way out is not picked elsewhere. Then the
 *   place is chosen: the last CPU if it idles, else this one if it idles, else any idle one, else
 *   the last again, always within t->cpus: the affinity, narrowed by the scheduler's rules; or
 *   the CPU that made a promise. If it is another, rq changes under the old lock,
 *   the old lock is dropped, the new one taken, and the question asked again, since nobody held the
 *   thread in between. The CPU is told by an interrupt if it idles or if the provider says so.
 * 2 No lost wake-up. An idle CPU looks at its queue with interrupts off and halts with the next
 *   instruction turning them on; whoever enqueues there after that look sends an interrupt, because
 *   under the lock he sees the idle thread running. These are the properties "lost", "twice"
 *   and "queue" of the model test/models/wakeup.pml; a thread in between two queues is BLOCKED
 *   or MOVING, which for the model is one state.
 * 3 Evening out. A CPU takes threads from the one that has most to do, if that is at least two more
 *   than itself: every 100 ms, and at once and at every tick when it has nothing to do. The
 *   provider says which thread goes (steal). The other CPU's lock is dropped before this one's is
 *   taken.
 * 4 Cost. Placing looks at three words, whatever the number of CPUs; pulling at each CPU's count.
 */
#include "thread_priv.h"

uint64_t cpus_running;			/* atomic */
uint64_t cpus_idle HX_ALIGNED(64);	/* atomic */

static inline uint64_t bit_of(unsigned cpu)
{
	return 1ull << cpu;
}

static inline bool may_run(const struct hx_thread *t, const struct hx_runq *rq)
{
	return HX_CPUS == 1 || (t->cpus & bit_of(rq->cpu)) != 0;
}

/* Where t, which is on no queue, should go. The lock of t's queue, rq, is held. */
static unsigned place_for(const struct hx_thread *t, const struct hx_runq *rq)
{
	uint64_t running = __atomic_load_n(&cpus_running, __ATOMIC_RELAXED);
	uint64_t may = t->cpus & running, idle;
	unsigned here = hx_percpu()->cpu, last = rq->cpu, cpu;

	if ((t->intent->flags & HX_INTENT_PINNED) != 0 && (may & bit_of(last)) != 0)
		return last;
	idle = __atomic_load_n(&cpus_idle, __ATOMIC_RELAXED) & may;
	if (idle != 0) {
		cpu = (idle & bit_of(last)) != 0 ? last : (idle & bit_of(here)) != 0 ? here
		      : (unsigned)__builtin_ctzll(idle);
		__atomic_fetch_and(&cpus_idle, ~bit_of(cpu), __ATOMIC_RELAXED);
		return cpu;
	}
	if ((may & bit_of(last)) != 0)
		return last;
	if ((may & bit_of(here)) != 0 || may == 0)
		return here;	/* none is left that it asked for: better here than never */
	return (unsigned)__builtin_ctzll(may);
}

/* As runq_arrive_here(), also on another CPU's run queue. */
static bool arrive_at(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	const struct hx_thread *current;

	if (why == HX_ENQUEUE_MOVE)
		rq->n_moved++;
	if (rq == sched_this_rq())
		return runq_arrive_here(rq, t, why);
	current = runq_current(rq);
	rq->n_ready++;
	runq_enqueue(rq, t, why);
	if (current == rq->idle ||
	    (sched_ops()->preempts != NULL && sched_ops()->preempts(rq, t, current)))
		runq_ask(rq, HX_ENQUEUE_PREEMPT);
	quiet_unlock(&rq->lock);
	return false;
}

bool sched_arrive(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	unsigned cpu = HX_CPUS == 1 ? rq->cpu : place_for(t, rq);

	while (HX_CPUS > 1 && cpu != rq->cpu) {
		struct hx_runq *to = &sched_rqs[cpu];

		__atomic_store_n(&t->rq, to, __ATOMIC_RELAXED);
		quiet_unlock(&rq->lock);
		rq = to;
		quiet_lock(&rq->lock);
		cpu = may_run(t, rq) ? rq->cpu : place_for(t, rq);
		if (!may_run(t, &sched_rqs[cpu]))
			break;
	}
	return arrive_at(rq, t, why);
}

void sched_idle_begin(const struct hx_runq *rq)
{
	if (HX_CPUS > 1)
		__atomic_fetch_or(&cpus_idle, bit_of(rq->cpu), __ATOMIC_RELAXED);
}

void sched_idle_end(const struct hx_runq *rq)
{
	if (HX_CPUS > 1 && (__atomic_load_n(&cpus_idle, __ATOMIC_RELAXED) & bit_of(rq->cpu)) != 0)
		__atomic_fetch_and(&cpus_idle, ~bit_of(rq->cpu), __ATOMIC_RELAXED);
}

void sched_send_off(struct hx_runq *rq)
{
	struct hx_thread *t;

	quiet_lock(&rq->lock);
	t = rq->leaving;
	rq->leaving = NULL;
	sched_arrive(rq, t, HX_ENQUEUE_MOVE);
}

/* How much there is to do there; without the lock, just to compare. */
static unsigned load_of(const struct hx_runq *rq)
{
	uint32_t n_ready = __atomic_load_n(&rq->n_ready, __ATOMIC_RELAXED);
	uint32_t n_held = hx_sched_may_hold ? __atomic_load_n(&rq->n_held, __ATOMIC_RELAXED) : 0;
	const struct hx_thread *current = __atomic_load_n(&hx_percpu_of(rq->cpu)->current,
							  __ATOMIC_RELAXED);

	return (n_ready > n_held ? n_ready - n_held : 0) + (current != rq->idle);
}

/* The CPU of the mask that has most to do. */
static struct hx_runq *busiest_of(uint64_t cpus, unsigned *load)
{
	struct hx_runq *busiest = NULL;

	*load = 0;
	for (; cpus != 0; cpus &= cpus - 1) {
		struct hx_runq *rq = &sched_rqs[__builtin_ctzll(cpus)];
		unsigned l = load_of(rq);

		if (l > *load) {
			*load = l;
			busiest = rq;
		}
	}
	return busiest;
}

/* The scheduler gave a thread that may not go: it has it still, or never had. */
static HX_COLD bool steal_refused(struct hx_runq *from, const struct hx_thread *t)
{
	from->n_ready--;
	sched_bad_pick(from, t);
	quiet_unlock(&from->lock);
	return false;
}

/* One thread from there to here. The provider's answer is checked as at a pick. */
static bool steal_one(struct hx_runq *from, struct hx_runq *rq)
{
	struct hx_thread *t;

	if (!quiet_try_lock(&from->lock))
		return false;
	t = from->n_ready != 0 ? sched_ops()->steal(from, rq->cpu) : NULL;
	if (t == NULL) {
		quiet_unlock(&from->lock);
		return false;
	}
	if (t->state != HX_THREAD_READY || t->rq != from || !hx_sched_may_move(t, rq->cpu))
		return steal_refused(from, t);
	from->n_ready--;
	t->state = HX_THREAD_MOVING;
	__atomic_store_n(&t->rq, rq, __ATOMIC_RELAXED);
	quiet_unlock(&from->lock);
	quiet_lock(&rq->lock);
	/* It stays here, even if another CPU idles by now: no second move. */
	if (may_run(t, rq))
		arrive_at(rq, t, HX_ENQUEUE_MOVE);
	else
		sched_arrive(rq, t, HX_ENQUEUE_MOVE);
	return true;
}

bool sched_pull(struct hx_runq *rq)
{
	uint64_t others = __atomic_load_n(&cpus_running, __ATOMIC_RELAXED) & ~bit_of(rq->cpu);
	bool got = false;

	if (sched_ops()->steal == NULL)
		return false;
	while (others != 0) {
		unsigned load, own = load_of(rq), n;
		struct hx_runq *from = busiest_of(others, &load);

		if (from == NULL || load < own + 2)
			break;
		for (n = (load - own) / 2; n > 0 && steal_one(from, rq); n--)
			got = true;
		if (got)
			break;
		others &= ~bit_of(from->cpu);	/* all it has must stay there */
	}
	return got;
}
