/* SPDX-License-Identifier: MIT */
/*
 * What the files of this room share: the run queue, how a thread gets on and off the CPU, and the
 * calls between scheduling, threads, waiting and time. The functions below that are inline are the
 * hot path; each exists once in the source and is expanded where a switch begins.
 *
 * Invariants; the checks in the code cite them by number:
 *	1 A thread is RUNNING on exactly one CPU, or READY at the provider of exactly one run queue,
 *	  or neither.
 *	2 state == READY <=> enqueued. Idle threads never are: they are RUNNING, or BLOCKED until
 *	  nobody else can run.
 *	3 rq->n_ready is the number of threads enqueued and not yet picked or dequeued.
 *	4 A BLOCKED thread is on exactly one wait queue, or in one thread's joiner field, or both;
 *	  its timer wakes it only if has_timeout.
 *	5 The run queue lock is taken by the old flow before a switch and released by the new one.
 *	  So who holds the lock of t->rq and sees t not RUNNING knows that no CPU is on its stack.
 *	6 t->rq changes only under the lock of the queue that it names, and only to another queue's
 *	  owner or while t is on no queue. Whoever wants a thread takes that lock and looks again
 *	  (runq_lock_of()). Two run queue locks are never held at once.
 *	7 percpu->need_resched is written by others than its CPU only under its run queue's lock.
 */
#ifndef HX_THREAD_PRIV_H
#define HX_THREAD_PRIV_H

#include <hx/config/core_slot.h>
#include <hx/config/core_thread.h>
#include <hx/config/hal_paging.h>
#include <hx/core/assert.h>
#include <hx/core/sched_class.h>
#include <hx/core/thread.h>
#include <hx/core/wait.h>
#include <hx/hal/cpu.h>
#include <hx/hal/percpu.h>
#include <hx/hal/smp.h>
#include <hx/hal/space.h>
#include <hx/hal/timer.h>
#include <hx/hal/umode.h>
#include <sole_sched.h>

/* ---- sched.c */
extern struct hx_runq sched_rqs[HX_CPUS];
extern const void *sched_slot;		/* who sits in the slot "scheduler" */
extern const struct hx_sched_ops *sched_calls;	/* what is called of it, with CONFIG_SLOT_SWAP */

HX_MUST_CHECK int sched_start(struct hx_thread *first, struct hx_thread *idle);
/* This CPU gets a run queue and the thread it is running. 0, or what the provider says. */
HX_MUST_CHECK int sched_start_cpu(struct hx_thread *first, struct hx_thread *idle);
void sched_stop(void);
void sched_drop(struct hx_thread *t);
/* t, from pick or steal, is wrong. Idle, if the scheduler can be thrown out. */
HX_COLD struct hx_thread *sched_bad_pick(struct hx_runq *rq, const struct hx_thread *t);
HX_NORETURN void sched_idle_loop(void);
void sched_preempt(void);
/* space.c: the end of a switch to a thread that runs in a space; the end of such a thread. */
void sched_switch_space(struct hx_thread *prev, struct hx_thread *next);
HX_COLD void thread_leave_space(void);

static inline uintptr_t thread_stack_top(const struct hx_thread *t)
{
	return (uintptr_t)t->stack + t->stack_bytes;
}

void sched_tick(void);
void sched_tick_between(void);		/* a timer interrupt that is not one of CONFIG_TICK_HZ */
/* t's priority or intent is another now; its run queue's lock is held. */
void sched_changed(struct hx_runq *rq, struct hx_thread *t, bool less_urgent);

/* ---- swap.c, rescue.c, guard.c, fifo.c, with CONFIG_SLOT_SWAP */
extern const struct hx_kind sched_kind;
extern const struct hx_swap_class sched_swap;
extern const struct hx_sched_ops sched_fifo_ops;
extern volatile uint32_t sched_is_bad;
/* The scheduler's answer t is wrong; rq's lock is held. True: take nobody, idle throws it out. */
bool sched_bad_answer(struct hx_runq *rq, const struct hx_thread *t);
/* In an idle thread: throw the scheduler out. */
void sched_rescue(void);
/* guard.c: before others run, ops is called directly; t is about to be freed. */
void guard_set(const struct hx_sched_ops *ops);
void guard_forget(struct hx_thread *t);
/* stall.c: at the end of each tick of the CPU that rq is of. */
void stall_tick(struct hx_runq *rq, struct hx_thread *current);

/* ---- change.c */
/* hx_intent_check(), and that a CPU which runs is named. */
HX_MUST_CHECK int sched_check_intent(const struct hx_intent *want);
/* t's effective priority; locks its run queue. */
void sched_set_prio(struct hx_thread *t, uint8_t prio);
/* t goes to a CPU that it may run on, if the one where it is is none. Interrupts off. */
void sched_settle(struct hx_thread *t);

/* ---- promise.c */
void promise_reset(void);
/* What hx_sched_promise() does while all CPUs are parked. */
enum promise_mode {
	PROMISE_USUAL,
	PROMISE_RENEW,	/* the thread is on a CPU already, though new to its scheduler */
	PROMISE_KEEP,	/* nothing changes: a scheduler forgets a thread that another one has */
};
void promise_set_mode(enum promise_mode mode);
uint32_t promise_asked(void);		/* how often hx_sched_promise() was called */
void promise_save(uint32_t ppm[HX_CPUS]);
void promise_restore(const uint32_t ppm[HX_CPUS]);

/* ---- place.c, with several CPUs */
extern uint64_t cpus_running;		/* atomic: a bit per CPU that runs threads */
extern uint64_t cpus_idle;		/* atomic: a hint; who claims a CPU clears its bit */
/* rq's lock is held, t is on no queue: bring it to where it may run, make it ready, unlock. */
bool sched_arrive(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why);
/* Interrupts off, no lock: take threads from a CPU that has at least two more than this one. */
bool sched_pull(struct hx_runq *rq);
/* Interrupts off: rq->leaving goes on another CPU. */
void sched_send_off(struct hx_runq *rq);
/* Interrupts off: wakers may count on this CPU, or not. */
void sched_idle_begin(const struct hx_runq *rq);
void sched_idle_end(const struct hx_runq *rq);

/* ---- create.c */
/* The first function of every thread, its arg. It comes out of the switch that started it. */
void thread_entry(void *arg);
/* Main and idle: zeroed, with the few fields that are not zero, and in the table. */
void thread_make_static(struct hx_thread *t, const char *name, uint8_t prio, uint8_t flags);

/* ---- thread.c */
extern struct hx_spinlock thread_lock;
extern struct hx_wait_queue thread_joins;	/* with a timeout; its lock: every join */
extern struct hx_list thread_all;	/* thread_lock; ids ascend */
extern uint32_t thread_last_id;		/* thread_lock */
void thread_reap(void);
/* With all CPUs parked, or the table's lock: every thread whose words the scheduler may hold, also
 * ended ones; those in that state are left out. */
void thread_each_but(unsigned state, bool (*visit)(struct hx_thread *t, void *arg), void *arg);

static inline void thread_each(bool (*visit)(struct hx_thread *t, void *arg), void *arg)
{
	thread_each_but(~0u, visit, arg);
}

/* The thread with that id, which is not freed before thread_release(); NULL: there is none. */
struct hx_thread *thread_hold(uint32_t id);
void thread_release(struct hx_thread *t);

/* ---- wait.c */
/* hx_wait_locked() that does not take q->lock again; interrupts stay off; timeout_ns is not 0. */
int wait_and_drop(struct hx_wait_queue *q, hx_ns_t timeout_ns);
/* The same for a caller who is on q already. */
int wait_queued(struct hx_wait_queue *q, hx_ns_t timeout_ns);

/* ---- inherit.c, with CONFIG_MUTEX_INHERIT. m->queue.lock is held. */
/* self waits for m from now on. -HX_EDEADLK: for ever, it would; nothing changed then. */
HX_MUST_CHECK int inherit_wait(struct hx_mutex *m, struct hx_thread *self);
#define MUTEX_WAITERS	((uintptr_t)1)	/* in m->owner: somebody may wait */
#define MUTEX_TURN	((uintptr_t)2)	/* in m->owner: not a mutex but a turn, of turn.c */
/* Who owns m after self, off the queue now and to be made ready; NULL: nobody waits. self gives
 * back what it inherited through m. */
struct hx_thread *inherit_hand_over(struct hx_mutex *m, struct hx_thread *self);
/* t waits no more: off the queue with it. */
void inherit_give_up(struct hx_thread *t);
/* t's own priority is another. */
void inherit_set_base(struct hx_thread *t, uint8_t prio);
HX_NORETURN HX_COLD void inherit_bug(struct hx_mutex *m);

/* ---- turn.c, with CONFIG_IPC_TURNS */
/* Nobody waits in this turn any more: the last one timed out. Its lock and inherit_lock are
 * held. */
void turn_given_up(struct hx_mutex *m);
/* self ends and has not answered all: who waits for that gets -HX_EPIPE. Interrupts on. */
void turn_abandon_all(struct hx_thread *self);

static inline struct hx_thread *wait_first(struct hx_wait_queue *q)
{
	struct hx_list *n = q->waiters.next;

	return n != &q->waiters ? HX_LIST_ENTRY(n, struct hx_thread, wait_link) : NULL;
}

/* ---- timer.c */
typedef void (*timer_fn_t)(struct hx_timer *timer);
void time_tick_start(void);
void time_tick_stop(void);

/* ---- timer_release.c, with CONFIG_SLOT_SWAP or CONFIG_MODULES */
/* All CPUs parked: no timer with that function is started any more. */
void timers_forget(timer_fn_t fn);

/* ---- timer_check.c, with CONFIG_DEBUG_LOCKS; interrupts off */
void timer_note(timer_fn_t fn, uint32_t ranks);		/* fn ran, and took these */
void timer_check(timer_fn_t fn);	/* this CPU may wait for fn with what it holds */
void timer_check_forget(uintptr_t start, size_t bytes);	/* functions there are others now */

/* ---- stats.c, with CONFIG_SCHED_STATS */
#define STATS_BUCKETS	34	/* 1 ns .. 8 s and beyond */

/* Field keys: q as the thread's. */
struct hx_thread_stats {
	uint64_t since_cycles;		/* q when it became ready, or blocked */
	uint64_t waited_cycles;		/* q ready and not running */
	uint64_t slept_cycles;		/* q blocked */
	uint64_t n_wakes, n_moved;	/* q */
	bool woken;			/* q and has not run since */
	uint32_t latency[STATS_BUCKETS]; /* q from wake to run: bucket n is below 2^n ns */
};

extern struct hx_thread_stats stats_main;
/* t's counts at the upper end of the stack that its maker gave, if that leaves enough of one: how
 * much it leaves. */
size_t stats_in_stack(struct hx_thread *t, const struct hx_thread_params *p);
void stats_ready(struct hx_thread_stats *s, enum hx_enqueue_why why);
void stats_switch(struct hx_thread *prev, struct hx_thread *next, uint64_t now);

/* ---- nodes.c */
/* The thread with the lowest id above `after`, copied under the locks; false: none. */
struct thread_info {
	uint64_t ran_cycles, n_switches;
	size_t stack_bytes;
	uint32_t id, slice_ns, cpu;
	uint8_t state, prio, base_prio;
	char name[HX_THREAD_NAME_MAX];
	struct hx_thread_stats stats;	/* with CONFIG_SCHED_STATS, else zero */
};
bool thread_info_after(uint32_t after, struct thread_info *out);

/* ---- the hot path */
static inline const struct hx_sched_ops *sched_ops(void)
{
	return hx_sched_is_sole ? hx_sched_sole : HX_ENABLED(SLOT_SWAP) ? sched_calls : sched_slot;
}

/* Ask the provider whether t may have this intent; NULL: t ends. */
static inline int sched_admit(struct hx_thread *t, const struct hx_intent *want)
{
	return hx_sched_may_admit && sched_ops()->admit != NULL ? sched_ops()->admit(t, want) : 0;
}

/* Interrupts off, or the answer may be another CPU's by now. */
static inline struct hx_runq *sched_this_rq(void)
{
	return HX_ENABLED(ONE_CPU) ? &sched_rqs[0] : hx_percpu()->runq;
}

/* t's intent or promise is another: it may run where it asks to, or where its deadline is kept,
 * until its scheduler narrows that (hx_runq_narrow()). On no queue, or its lock is held. */
static HX_ALWAYS_INLINE void thread_set_cpus(struct hx_thread *t)
{
	if (!HX_ENABLED(ONE_CPU))
		t->cpus = hx_sched_may_admit &&
			  __atomic_load_n(&t->promised_ppm, __ATOMIC_ACQUIRE) != 0
			  ? 1ull << t->home : t->intent->affinity;
}

/* Who runs there; rq's lock is held. */
static inline struct hx_thread *runq_current(const struct hx_runq *rq)
{
	return HX_ENABLED(ONE_CPU) ? hx_thread_self() : hx_percpu_of(rq->cpu)->current;
}

/*
 * For the locks that are only taken with interrupts off (the run queue's), or also with preemption
 * off but never in an interrupt (the table's): interrupts are off, and with one CPU that is the
 * whole lock. The word is kept for the checks only.
 */
static inline void quiet_lock(struct hx_spinlock *l)
{
	if (!HX_ENABLED(ONE_CPU) || HX_ENABLED(DEBUG_LOCKS) || HX_ENABLED(DEBUG_ASSERT))
		hx_spin_acquire_(l);
	__asm__ volatile("" ::: "memory");
}

static inline void quiet_unlock(struct hx_spinlock *l)
{
	__asm__ volatile("" ::: "memory");
	if (!HX_ENABLED(ONE_CPU) || HX_ENABLED(DEBUG_LOCKS) || HX_ENABLED(DEBUG_ASSERT))
		hx_spin_release_(l);
}

/* Nobody waits in line to take work from others, or to look: whose lock it is is busy anyway.
 * Interrupts are off. */
static inline bool quiet_try_lock(struct hx_spinlock *l)
{
	if (HX_ENABLED(ONE_CPU)) {
		quiet_lock(l);
		return true;
	}
	if (!hx_spin_try_(l))
		return false;
	if (HX_ENABLED(DEBUG_LOCKS))
		hx_lock_debug_acquire(l);
	return true;
}

/* Without n_ready: who calls this keeps invariant 3. */
static HX_ALWAYS_INLINE void runq_enqueue(struct hx_runq *rq, struct hx_thread *t,
					  enum hx_enqueue_why why)
{
	hx_assert_held(&rq->lock);
	hx_assert(t->state != HX_THREAD_READY && t->rq == rq);
	if (HX_ENABLED(SCHED_STATS) && t->stats != NULL)
		stats_ready(t->stats, why);
	t->state = HX_THREAD_READY;
	sched_ops()->enqueue(rq, t, why);
}

/* Is there one that can run? */
static HX_ALWAYS_INLINE bool runq_has_next(const struct hx_runq *rq)
{
	return hx_sched_may_hold ? rq->n_ready != rq->n_held : rq->n_ready != 0;
}

/* The running thread is about to go, for that reason. Where a scheduler may want to know how long
 * it ran, the counter is read here and not again by the switch. */
static HX_ALWAYS_INLINE void runq_leave(struct hx_runq *rq, struct hx_thread *self,
					enum hx_enqueue_why why)
{
	uint64_t now, ran;

	if (!hx_sched_may_leave)
		return;
	if (sched_ops()->leave == NULL) {
		rq->started_cycles = hx_cycles();
		return;
	}
	now = hx_cycles();
	ran = now - rq->started_cycles;
	rq->started_cycles = now;
	/* As in hx_runq_take_ran_ns(), which another CPU may have called. */
	if (HX_CPUS > 1 && HX_UNLIKELY((int64_t)ran < 0))
		ran = 0;
	sched_ops()->leave(rq, self, hx_cycles_to_ns(ran), why);
}

/* Idle goes, which is no business of the scheduler's. */
static inline void runq_leave_idle(struct hx_runq *rq)
{
	if (hx_sched_may_leave)
		rq->started_cycles = hx_cycles();
}

/* Somebody is ready: who runs next? Without n_ready. The provider is not trusted: core makes a
 * thread READY at enqueue and something else here, so another state means a pick of a thread that
 * is not enqueued (invariants 1 and 2). With CONFIG_SLOT_SWAP it can be thrown out: idle, then. */
static HX_ALWAYS_INLINE struct hx_thread *runq_pick(struct hx_runq *rq)
{
	struct hx_thread *t = sched_ops()->pick(rq);

	if (HX_UNLIKELY(t == NULL || t->state != HX_THREAD_READY ||
			(!HX_ENABLED(ONE_CPU) && t->rq != rq)))
		return sched_bad_pick(rq, t);
	return t;
}

/*
 * Leave prev, which is READY, BLOCKED or DEAD by now, for next; runq_leave() came before. Returns
 * when prev runs again; the run queue lock is held all along, by whoever runs (invariant 5).
 */
static HX_ALWAYS_INLINE void runq_switch(struct hx_runq *rq, struct hx_thread *prev,
					 struct hx_thread *next)
{
	uint64_t now = hx_sched_may_leave ? rq->started_cycles : hx_cycles();

	if (HX_ENABLED(SCHED_STATS))
		stats_switch(prev, next, now);
	prev->ran_cycles += now;
	next->ran_cycles -= now;
	if (!hx_sched_may_leave)
		rq->started_cycles = now;
	next->state = HX_THREAD_RUNNING;
	next->n_switches++;
	rq->n_switches++;
	hx_percpu()->current = next;
	hx_percpu()->need_resched = 0;
	/* A thread without a space leaves loaded what is loaded. */
	if (HX_ENABLED(MMU_SPACES) && HX_UNLIKELY(next->space != NULL))
		sched_switch_space(prev, next);
	else
		hx_context_switch(&prev->ctx, &next->ctx);
}

/* Who comes after a thread that is not READY any more: the next one, or idle. */
static HX_ALWAYS_INLINE struct hx_thread *runq_next(struct hx_runq *rq)
{
	if (!runq_has_next(rq))
		return rq->idle;
	rq->n_ready--;
	return runq_pick(rq);
}

/* t becomes ready, and who runs next? Perhaps t. One in, one out, unless all are held. */
static HX_ALWAYS_INLINE struct hx_thread *runq_replace(struct hx_runq *rq, struct hx_thread *t,
						       enum hx_enqueue_why why)
{
	runq_enqueue(rq, t, why);
	if (hx_sched_may_hold && HX_UNLIKELY(rq->n_held > rq->n_ready)) {
		rq->n_ready++;
		return rq->idle;
	}
	return runq_pick(rq);
}

/* The running thread goes back to the provider, which has others, or holds this one: take turns. */
static HX_ALWAYS_INLINE void runq_rotate(struct hx_runq *rq, struct hx_thread *self,
					 enum hx_enqueue_why why)
{
	struct hx_thread *next;

	runq_leave(rq, self, why);
	next = runq_replace(rq, self, why);
	if (next != self)
		runq_switch(rq, self, next);
	else
		self->state = HX_THREAD_RUNNING;
}

/* That CPU is to switch as soon as it can, for that reason. rq's lock is held. */
static HX_ALWAYS_INLINE void runq_ask(struct hx_runq *rq, enum hx_enqueue_why why)
{
	if (HX_ENABLED(ONE_CPU) || rq->cpu == hx_percpu()->cpu) {
		hx_percpu()->need_resched = why;
		return;
	}
	hx_percpu_of(rq->cpu)->need_resched = why;
	if (HX_CPUS > 1)
		hx_ipi_send(rq->cpu, HX_IPI_RESCHED);
}

/* The run queue of t, locked; interrupts off. */
static inline struct hx_runq *runq_lock_of(struct hx_thread *t)
{
	struct hx_runq *rq = HX_ENABLED(ONE_CPU) ? sched_this_rq()
			     : __atomic_load_n(&t->rq, __ATOMIC_RELAXED);

	quiet_lock(&rq->lock);
	while (!HX_ENABLED(ONE_CPU) && t->rq != rq) {
		quiet_unlock(&rq->lock);
		rq = __atomic_load_n(&t->rq, __ATOMIC_RELAXED);
		quiet_lock(&rq->lock);
	}
	return rq;
}

/* t, which is on no queue, becomes ready on this CPU, whose run queue is locked; unlocks it. True:
 * a preemption is due. Idle always gives way. */
static HX_ALWAYS_INLINE bool runq_arrive_here(struct hx_runq *rq, struct hx_thread *t,
					      enum hx_enqueue_why why)
{
	bool now;

	rq->n_ready++;
	runq_enqueue(rq, t, why);
	now = (!(HX_ENABLED(ONE_CPU) && why == HX_ENQUEUE_NEW) && hx_thread_self() == rq->idle) ||
	      (sched_ops()->preempts != NULL && sched_ops()->preempts(rq, t, hx_thread_self()));
	if (now)
		hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
	quiet_unlock(&rq->lock);
	return now;
}

/* A new or woken thread becomes ready. Interrupts off. True: it should run here and at once. */
static HX_ALWAYS_INLINE bool runq_make_ready(struct hx_thread *t, enum hx_enqueue_why why)
{
	/* Nobody moves a thread that waits, or is new. */
	struct hx_runq *rq = HX_ENABLED(ONE_CPU) ? sched_this_rq() : t->rq;

	quiet_lock(&rq->lock);
	/* The way of most: it was here, may run here, and no other CPU that it may run on idles. */
	if (HX_ENABLED(ONE_CPU) ||
	    HX_LIKELY(rq == sched_this_rq() && (t->cpus & (rq->bit |
		      __atomic_load_n(&cpus_idle, __ATOMIC_RELAXED))) == rq->bit))
		return runq_arrive_here(rq, t, why);
	return sched_arrive(rq, t, why);
}

/* t, off its wait queue, whose lock is held, is to be made ready by the caller. Its timer may still
 * fire, to no effect; t stops it when it runs. */
static HX_ALWAYS_INLINE void wait_end(struct hx_thread *t, int result)
{
	t->wake_result = result;
	t->has_timeout = 0;
}

/* Take t, a waiter of a queue whose lock is held, off it and make it ready. */
static HX_ALWAYS_INLINE void wait_wake(struct hx_thread *t, int result)
{
	hx_list_unlink(&t->wait_link);
	wait_end(t, result);
	runq_make_ready(t, HX_ENQUEUE_WAKE);
}

#endif
