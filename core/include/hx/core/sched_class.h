/* SPDX-License-Identifier: MIT */
/*
 * What a scheduling policy provides: the order of the ready threads of one CPU. Core switches,
 * wakes, counts time and checks every answer.
 *
 * Life of a thread at a provider:
 *
 *	admit(want) - enqueue - pick -(tick ...)- leave - enqueue - ... - leave - admit(NULL)
 *	                 \_ dequeue (taken away while ready: moved, or changed)
 *
 * Its sched_priv words are garbage until admit or the enqueue for NEW fills them. leave says why
 * the running thread goes: for YIELD, PREEMPT and SLICE an enqueue with the same word follows at
 * once, for MOVE one at another CPU's run queue, for BLOCK and EXIT none. A thread that was stolen
 * or dequeued from one run queue and goes to another is enqueued there with MOVE; one that is woken
 * comes with WAKE wherever it goes. So what a provider keeps in a thread that is not enqueued must
 * mean the same on every CPU.
 *
 * A thread that is ready but may not run yet (its budget is used up) is enqueued and held: the
 * provider counts it in rq->n_held and gives it from pick only when it let it go again, from a
 * timer of its own: hx_runq_lock(), n_held--, hx_runq_kick(), hx_runq_unlock().
 *
 * A provider that has leave, admit or holds, or asks for extra ticks, says so in its meson.build,
 * as the third member of 'provides' ('leave', 'admit', 'hold', 'tick_in'); kernels without such a
 * one do not even look. Core refuses one that did not say.
 *
 * The boot thread alone runs without having been enqueued or picked: a provider hears of it first
 * by tick, leave or changed.
 *
 * Core checks each answer of pick: a thread that is not ready (picked twice, never enqueued, taken
 * away before), one of another run queue, or none though some are ready and not held, stops the
 * kernel with the provider's name, because going on would run one stack on two CPUs or lose a
 * thread for ever.
 */
#ifndef HX_CORE_SCHED_CLASS_H
#define HX_CORE_SCHED_CLASS_H

#include <hx/base.h>
#include <hx/core/intent.h>
#include <hx/core/lock.h>
#include <hx/core/promise.h>
#include <hx/core/thread.h>
#include <hx/hal/timer.h>

#define HX_SCHED_ABI	2u

struct hx_text;

/* Field keys: c constant after init, q own lock, o the CPU itself, interrupts off. */
struct hx_runq {
	struct hx_spinlock lock;	/* rank HX_RANK_RUNQ, interrupts off */
	struct hx_thread *idle;		/* c */
	uint32_t n_ready;		/* q enqueued at the provider; kept by core */
	uint32_t n_held;		/* q of these, how many may not run yet; the provider's */
	uint32_t cpu;			/* c */
	uint32_t balance_ticks;		/* o until this CPU looks whether others have too much */
	struct hx_thread *must_leave;	/* q who got HX_TICK_OFF and runs still; kept by core */
	void *priv;			/* c provider's own, from its init */
	struct hx_list ready;		/* q for providers that need just one list */
	uint64_t started_cycles;	/* q current was put on the CPU, or last ticked */
	uint64_t n_switches, n_preempted;	/* q */
	struct hx_thread *must_move;	/* q who may not run here any more, and still does */
	struct hx_thread *leaving;	/* q goes to another CPU; idle sends it off */
	uint64_t bit;			/* c 1 << cpu */
	uint64_t n_moved;		/* q threads that came from other CPUs */
} HX_ALIGNED(64);

enum hx_enqueue_why {
	HX_ENQUEUE_WAKE,	/* woken, perhaps on another CPU than it left */
	HX_ENQUEUE_NEW,		/* first time: its sched_priv words are garbage, or admit's */
	HX_ENQUEUE_YIELD,	/* gave up the CPU by itself */
	HX_ENQUEUE_PREEMPT,	/* taken off the CPU by something more urgent */
	HX_ENQUEUE_SLICE,	/* its slice or its budget ended */
	HX_ENQUEUE_CHANGE,	/* taken off the queue to change its priority or intent */
	HX_ENQUEUE_MOVE,	/* was ready, or ran, on another CPU; leave: goes to another one */
	HX_LEAVE_BLOCK,		/* only for leave: waits, or ... */
	HX_LEAVE_EXIT,		/* ... ends */
};

enum hx_tick {
	HX_TICK_GO_ON,
	HX_TICK_TURN,		/* its slice ended: switch if another can run */
	HX_TICK_OFF,		/* it may not go on: switch, to idle if need be */
};

/* What a provider promises beyond the contract; its tests hold it to that. */
enum hx_sched_promises {
	HX_SCHED_FIFO = 1,	/* equals (of the same t->prio, if STRICT) run as they came */
	HX_SCHED_STRICT = 2,	/* the most urgent ready thread runs, at once */
};

/* [T] thread or boot, may allocate.  [R] rq->lock held, irqs off: no sleep, no allocation. */
struct hx_sched_ops {
	uint32_t abi;		/* HX_SCHED_ABI, always first; any other value is refused */
	uint32_t promises;	/* HX_SCHED_*; 0: order is the policy's own business */
	const char *name;	/* unique, lower case, e.g. "rr" */
	int (*init)(struct hx_runq *rq);	/* [T] once per CPU; 0 or negative */
	void (*fini)(struct hx_runq *rq);	/* [T] optional; rq is empty; undo init */
	/* [T] optional; t is new (t->intent is NULL), or wants another intent than *t->intent:
	 * 0, a promise to keep (hx_sched_promise()); -HX_ENOSPC no CPU time left to promise;
	 * -HX_ENOMEM.
	 * want NULL: t has ended, after leave EXIT, and its memory is about to go: free what admit
	 * allocated. The result is then ignored. */
	int (*admit)(struct hx_thread *t, const struct hx_intent *want);
	void (*enqueue)(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why); /* [R] */
	void (*dequeue)(struct hx_runq *rq, struct hx_thread *t);	/* [R] t is enqueued here */
	struct hx_thread *(*pick)(struct hx_runq *rq);	/* [R] taken off the queue; NULL = none */
	/* [R] optional; current (never idle) ran ran_ns since the last tick or since it came on
	 * the CPU: at each interrupt of the timer, so also between the ticks of CONFIG_TICK_HZ if
	 * hx_runq_tick_in() asked for that. NULL: time never preempts. */
	enum hx_tick (*tick)(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns);
	/* [R] optional; current (never idle) leaves the CPU; ran_ns as for tick. */
	void (*leave)(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns,
		      enum hx_enqueue_why why);
	/* [R] optional; should t, just enqueued, take the CPU of current (not idle)? NULL: no. */
	bool (*preempts)(struct hx_runq *rq, const struct hx_thread *t,
			 const struct hx_thread *current);
	/* [R] optional, NULL: order does not depend on them. t->prio or *t->intent changed; t is
	 * not enqueued now: if it is ready, dequeue came before and enqueue (CHANGE) comes next. */
	void (*changed)(struct hx_runq *rq, struct hx_thread *t);
	/* [R] optional; a ready thread, not held, that CPU cpu may run (its affinity; not
	 * PINNED), taken off rq: the one that loses least by moving. NULL: none. */
	struct hx_thread *(*steal)(struct hx_runq *rq, unsigned cpu);
	/* [R] optional; a line or more for /sched/runq/<cpu>. */
	void (*show)(struct hx_runq *rq, struct hx_text *out);
};

/* For steal: may t, ready on some CPU, be taken to that one? Run queue lock held. */
static inline bool hx_sched_may_move(const struct hx_thread *t, unsigned cpu)
{
	return cpu < 64 && (t->intent->affinity >> cpu & 1) != 0 &&
	       (t->intent->flags & HX_INTENT_PINNED) == 0 &&
	       (t->intent->deadline_ns == 0 || t->promised_ppm == 0);
}

/**
 * hx_runq_lock() - for a provider's own timers: lock a run queue.
 * hx_runq_unlock() - the end of it.
 * hx_runq_kick() - somebody is eligible now who was not: ask again who should run there.
 * @rq:    from init
 * @flags: what hx_runq_lock() returned
 *
 * Returns: lock: for unlock; the others nothing. After kick, pick is called as soon as that CPU can
 *          switch.
 * Context: any but NMI; kick and unlock with the lock held.
 * Locks:   HX_RANK_RUNQ.
 * Owner:   -
 * Cost:    a few instructions.
 * Source:  -
 */
hx_irqflags_t hx_runq_lock(struct hx_runq *rq);
void hx_runq_unlock(struct hx_runq *rq, hx_irqflags_t flags);
void hx_runq_kick(struct hx_runq *rq);

/**
 * hx_sched_set_breaker() - who can end a call into a module on another CPU (CONFIG_SLOT_SWAP).
 * @fn: called in the tick of one CPU, or while one spins for a lock, again and again while @cpu
 *      takes no ticks: if that one is in code that @provider's module brought, and surely does not
 *      come back, get it out. NULL: nobody can
 *
 * Returns: nothing.
 * Context: boot or thread; fn: interrupt, or any where a spinlock may be waited for; on several
 *          CPUs at once.
 * Locks:   none, and fn takes none.
 * Owner:   -
 * Cost:    a store.
 * Source:  -
 */
typedef void (*hx_sched_breaker_t)(unsigned cpu, const void *provider, bool is_again);
void hx_sched_set_breaker(hx_sched_breaker_t fn);

#define HX_TICK_IN_LATE_NS	1000u	/* what rounding of clocks could take away */

/**
 * hx_runq_tick_in() - ask for a tick between the regular ones, when a budget will be used up.
 * @rq: from init; of the CPU that calls
 * @ns: how long from now on
 *
 * For pick, tick and changed of a provider that announced 'tick_in'. Holds until the next tick of
 * whatever kind: tick asks again if the budget is not used up then. Nothing has to be taken back:
 * a tick that nobody needs any more is only that. Called for another CPU's queue (changed may be),
 * it does nothing, and the next regular tick there is the first that can ask.
 *
 * Returns: nothing. tick comes HX_TICK_IN_LATE_NS after that time, so that what ran by then is what
 *          was asked for; or earlier, if a regular tick is due.
 * Context: [R].
 * Locks:   none; the run queue's is held.
 * Owner:   -
 * Cost:    about 25 instructions; two device writes if nothing else comes before it.
 * Source:  -
 */
void hx_runq_tick_in(struct hx_runq *rq, uint64_t ns);

/**
 * hx_runq_narrow() - a rule of the provider's has it that t runs on these CPUs only.
 * hx_runq_send() - t is ready on a CPU where it may not run any more: it goes to another one.
 * @rq:   whose lock is held, and which t belongs to
 * @t:    send: READY at the provider, or nothing happens; also if it may run here
 * @cpus: a bit per CPU; what the intent forbids is not allowed by it
 *
 * Core sees to it when t is woken, moved, or runs where it may not; ready threads the provider
 * looks for itself and sends. A mask that leaves no CPU that runs counts as none, and a promise
 * keeps a thread at its CPU. The mask holds until the next one, or another intent; changed is then
 * called and can narrow again. Another scheduler begins without.
 *
 * Returns: nothing. After narrow, t->cpus is where t may run.
 * Context: [R]; send not from an operation: from a timer of the provider's.
 * Locks:   HX_RANK_RUNQ is held. send drops it, takes another queue's, and comes back with it.
 * Owner:   -
 * Cost:    narrow: about 20 instructions. send: a dequeue and an enqueue.
 * Source:  -
 */
void hx_runq_narrow(struct hx_runq *rq, struct hx_thread *t, uint64_t cpus);
void hx_runq_send(struct hx_runq *rq, struct hx_thread *t);

/*
 * What current has run since tick or leave was told last, or since it came on the CPU, in ns. It
 * counts as told now: tick and leave go on from here. For providers that account before they let
 * somebody join; [R], and only while a thread that pick gave runs. Who plays core (a simulator)
 * keeps rq->started_cycles.
 */
static inline uint64_t hx_runq_take_ran_ns(struct hx_runq *rq)
{
	uint64_t now = hx_cycles(), ran = now - rq->started_cycles;

	if ((int64_t)ran <= 0)
		return 0;	/* another CPU's counter may be a little ahead */
	rq->started_cycles = now;
	return hx_cycles_to_ns(ran);
}

HX_SECTION_BOUNDS(hx_sched_classes, struct hx_sched_ops);
#define HX_SCHED_CLASS(ops)	HX_REGISTER(hx_sched_classes, ops, struct hx_sched_ops, &(ops))

/* A provider's look at all it keeps of a run queue, the slow way: for tests and a simulator, which
 * calls it after each event. In a file that only host builds have; the kernel collects none. */
struct hx_sched_check {
	const char *name;			/* the provider's */
	bool (*holds)(struct hx_runq *rq);	/* [R] its invariants */
};

HX_SECTION_BOUNDS(hx_sched_checks, struct hx_sched_check);
#define HX_SCHED_CHECK(check_) \
	HX_REGISTER(hx_sched_checks, check_, struct hx_sched_check, &(check_))

#endif
