/* SPDX-License-Identifier: MIT */
/*
 * What a scheduling policy provides: the order of the ready threads of one CPU. Core switches,
 * wakes, counts time and checks every answer.
 *
 * Life of a thread at a provider: it appears with its sched_priv words zero; then any number of
 * enqueue (it became ready) followed by pick (it was chosen and is now on no queue) or dequeue (it
 * was taken away while ready); it vanishes while on no queue, without a word.
 *
 * Core checks each answer of pick: a thread that is not ready (picked twice, never enqueued, taken
 * away before), one of another run queue, or none though some are ready, stops the kernel with the
 * provider's name, because going on would run one stack on two CPUs or lose a thread for ever.
 */
#ifndef HX_CORE_SCHED_CLASS_H
#define HX_CORE_SCHED_CLASS_H

#include <hx/base.h>
#include <hx/core/lock.h>
#include <hx/core/thread.h>

#define HX_SCHED_ABI	1u

struct hx_text;

/* Field keys: c constant after init, q own lock. */
struct hx_runq {
	struct hx_spinlock lock;	/* rank HX_RANK_RUNQ, interrupts off */
	struct hx_thread *idle;		/* c */
	uint32_t n_ready;		/* q enqueued at the provider; kept by core */
	uint32_t cpu;			/* c */
	void *priv;			/* c provider's own, from its init */
	struct hx_list ready;		/* q for providers that need just one list */
	uint64_t started_cycles;	/* q current was put on the CPU, or last ticked */
	uint64_t n_switches, n_preempted;	/* q */
};

enum hx_enqueue_why {
	HX_ENQUEUE_WAKE,	/* new, or woken */
	HX_ENQUEUE_YIELD,	/* gave up the CPU by itself */
	HX_ENQUEUE_PREEMPT,	/* taken off the CPU by something more urgent */
	HX_ENQUEUE_SLICE,	/* its slice ended */
};

/* [T] thread or boot, may allocate.  [R] rq->lock held, irqs off: no sleep, no allocation. */
struct hx_sched_ops {
	uint32_t abi;		/* HX_SCHED_ABI, always first; any other value is refused */
	const char *name;	/* unique, lower case, e.g. "rr" */
	int (*init)(struct hx_runq *rq);				/* [T] 0 or negative */
	void (*fini)(struct hx_runq *rq);	/* [T] optional; rq is empty; undo init */
	void (*enqueue)(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why); /* [R] */
	void (*dequeue)(struct hx_runq *rq, struct hx_thread *t);	/* [R] t is enqueued here */
	struct hx_thread *(*pick)(struct hx_runq *rq);	/* [R] taken off the queue; NULL = none */
	/* [R] optional; current (never idle) ran ran_ns since the last call or since it came on
	 * the CPU. True: its slice ended, switch if another is ready. NULL: time never preempts. */
	bool (*tick)(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns);
	/* [R] optional; should t, just enqueued, take the CPU of current (not idle)? NULL: no. */
	bool (*preempts)(struct hx_runq *rq, const struct hx_thread *t,
			 const struct hx_thread *current);
	/* [R] optional; t->prio changed. It is enqueued if t->state is HX_THREAD_READY. */
	void (*prio_changed)(struct hx_runq *rq, struct hx_thread *t, uint8_t old_prio);
	/* [R] optional; a line or more for /sched/runq/<cpu>. */
	void (*show)(struct hx_runq *rq, struct hx_text *out);
};

HX_SECTION_BOUNDS(hx_sched_classes, struct hx_sched_ops);
#define HX_SCHED_CLASS(ops)	HX_REGISTER(hx_sched_classes, ops, struct hx_sched_ops, &(ops))

#endif
