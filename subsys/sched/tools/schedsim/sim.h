/* SPDX-License-Identifier: MIT */
/*
 * The simulated machine: virtual CPUs with the run queues of core, threads that follow a program,
 * and one clock. It plays core/thread for the scheduler providers, which are the kernel's objects.
 *
 *	workload.h  what is to happen          core.c     on and off a CPU, as core/thread does it
 *	sim.c       the clock and the loop     place.c    which CPU, stealing, balancing
 *	program.c   the steps of a thread      sync.c     mutexes and semaphores
 *	world.c     what providers call        check.c    the invariants
 *	life.c      made, opened, closed
 *
 * Invariants; check.c looks after every step, and cites them:
 *	1 A thread is on one CPU, or at one provider's queue, or neither.
 *	2 n_ready of a queue is the number of threads that are at it; n_held is not more.
 *	3 No CPU idles while its own queue has a thread that may run.
 *	4 No CPU idles longer than a tick and a bit while another queue has one for it, without a
 *	  deadline, if the provider can give threads away.
 *	5 A thread's state, queue and CPU agree.
 */
#ifndef SCHEDSIM_SIM_H
#define SCHEDSIM_SIM_H

#include "workload.h"
#include <hx/core/sched_class.h>
#include <setjmp.h>

#define SIM_ERROR_MAX	512u
#define SIM_LOCKS_MAX	16u	/* mutexes held by one thread at a time */
#define NO_TIME		UINT64_MAX

struct trace;
struct budget_watch;

/* Why a thread is BLOCKED. */
enum block_why { BLOCK_SLEEP, BLOCK_MUTEX, BLOCK_SEM, BLOCK_DRIVER };

struct vthread {
	struct hx_thread t;		/* first: providers know only this */
	unsigned spec, nr;		/* which thread of the workload */
	const struct op *op;		/* NULL: no program, a driver decides (random.c) */
	uint64_t loops[WL_DEPTH_MAX];
	uint64_t left_ns;		/* of the current run */
	uint64_t rng, every_next;
	uint64_t release_ns;		/* when the current job could have begun */
	bool job_open, in_io, refused, started, admitted;
	uint8_t own_prio;		/* without what it inherits */
	enum block_why why;
	struct sim_mutex *waits_for;
	struct sim_mutex *held[SIM_LOCKS_MAX];
	unsigned n_held, cpu;		/* cpu: where it is, or was last */
	struct hx_timer timer;
	/* account */
	uint64_t arrived_ns, ended_ns, ready_since, run_since;
	uint64_t ran_ns, waited_ns, n_runs, n_preempted, n_moved;
	uint64_t window, window_ran;	/* the current window of its budget */
};

struct sim_mutex {
	const struct wl_mutex *w;
	struct vthread *owner;
	struct hx_list waiters;		/* of t.wait_link */
};

struct stamp_queue {
	uint64_t *at;
	size_t first, n, room;
};

struct sim_sem {
	const struct wl_sem *w;
	struct stamp_queue permits;	/* when each was posted */
	struct hx_list waiters;
	uint64_t n_posted;
};

struct vcpu {
	struct hx_runq rq;		/* first: providers know only this */
	struct hx_thread idle;
	struct hx_thread *current;
	uint32_t need_resched;		/* enum hx_enqueue_why; 0: no */
	uint64_t tick_at;		/* of the tick that the provider asked for; NO_TIME */
	uint64_t acc_at;		/* accounted up to here */
	uint64_t cost_left;		/* of the switch to current */
	uint64_t idle_since, surplus_since;
	uint64_t idle_ns, cost_ns, wasted_ns;	/* wasted: idle while somebody could run */
	uint64_t n_moved_here;
};

struct samples {
	uint64_t *v;
	size_t n, room;
};

/* What is measured of the threads of one spec. */
struct measured {
	struct samples response, wait, open;	/* open: ages of jobs not done */
	uint64_t n_marks, n_missed, n_refused, n_ended, turnaround_ns;
	int64_t worst_over_ns;		/* most beyond its budget in one window */
	uint64_t due_ns;	/* of its first mark; 0: none */
	bool marks;
};

struct sim_options {
	const struct hx_sched_ops *ops;
	unsigned cpus;			/* 0: the workload's */
	uint64_t seed;			/* 0: the workload's */
	bool check;
	struct trace *trace;		/* NULL: none */
};

struct sim {
	const struct hx_sched_ops *ops;
	const struct hx_sched_check *self_check;	/* the provider's own; NULL: it has none */
	const struct workload *w;
	struct sim_options opt;
	uint64_t now, tick_ns, seed, next_balance, n_steps;
	unsigned n_cpus, n_threads, n_alive;
	struct vcpu *cpus;
	struct vthread *threads;
	unsigned *arrivals;		/* indices of threads by time of arrival */
	unsigned n_arrived;
	struct sim_mutex mutexes[WL_THINGS_MAX];
	struct sim_sem sems[WL_THINGS_MAX];
	uint64_t source_next[WL_THINGS_MAX], source_rng[WL_THINGS_MAX];
	struct measured *measured;	/* per spec */
	uint32_t promised_ppm[WL_CPUS_MAX];	/* by CPU */
	struct hx_rb_tree timers;
	uint64_t timers_now;
	struct vcpu *locked;		/* whose run queue lock is held */
	bool in_provider, finished;
	unsigned alloc_fails_in;	/* one of so many allocations, drawn; 0: none */
	uint64_t alloc_rng, n_alloc_failed;
	jmp_buf fail;
	char error[SIM_ERROR_MAX];
};

/* ---- sim.c */
/* Run to the end. 0; -HX_EINVAL with s->error: the provider or the program broke a rule. The
 * result stays in *s until sim_free(). */
HX_MUST_CHECK int sim_run(const struct workload *w, const struct sim_options *o, struct sim **out);
void sim_settle(struct sim *s);			/* do what is due now: preemptions, idle CPUs */
void sim_tick(struct sim *s);
void sim_between(struct sim *s);		/* what is due and does not wait for the tick */
uint64_t sim_next_between(const struct sim *s);	/* when that is next */
HX_NORETURN void sim_fail(struct sim *s, const char *fmt, ...) HX_PRINTF(2, 3);
uint64_t sim_next_tick(const struct sim *s);

/* ---- life.c */
struct sim *sim_make(const struct workload *w, const struct sim_options *o);
void sim_open(struct sim *s);			/* init of the provider; may sim_fail() */
void sim_close(struct sim *s);			/* threads out, fini */
void sim_free(struct sim *s);
int sim_failed(struct sim *s);			/* after sim_fail(); -HX_EINVAL */

/* ---- world.c */
extern struct sim *world;		/* the one that runs: providers give no context */
void world_enter(struct sim *s, struct vcpu *v);	/* the provider is called on this CPU */
void world_leave(struct sim *s);
void world_on_bug(const char *fmt, va_list ap);
struct hx_timer *world_due(struct sim *s);	/* taken off; NULL: none due */
uint64_t world_next_timer(const struct sim *s);
uint64_t world_next_exact(const struct sim *s);	/* that does not wait for a tick */
uint64_t world_heap_used(void);

/* ---- core.c: as core/thread does it */
int core_create(struct sim *s, struct vthread *t, struct vcpu *v);	/* admit and enqueue */
void core_wake(struct sim *s, struct vthread *t, struct vcpu *waker);
void core_block(struct sim *s, struct vcpu *v, enum block_why why);
void core_exit(struct sim *s, struct vcpu *v);
void core_yield(struct sim *s, struct vcpu *v);
void core_preempt(struct sim *s, struct vcpu *v);
void core_tick(struct sim *s, struct vcpu *v);
void core_account(struct sim *s, struct vcpu *v);
void core_set_prio(struct sim *s, struct vthread *t, uint8_t prio);
int core_set_intent(struct sim *s, struct vthread *t, const struct hx_intent *want);
void core_move(struct sim *s, struct vthread *t, struct vcpu *to);	/* taken off already */
void core_lock(struct sim *s, struct vcpu *v);
void core_unlock(struct sim *s, struct vcpu *v);

static inline struct vthread *vthread_of(struct hx_thread *t)
{
	return HX_CONTAINER_OF(t, struct vthread, t);
}

static inline bool cpu_is_idle(const struct vcpu *v)
{
	return v->current == &v->idle;
}

static inline bool runq_has_next(const struct hx_runq *rq)
{
	return rq->n_ready != rq->n_held;
}

static inline bool may_run_on(const struct vthread *t, unsigned cpu)
{
	return (t->t.cpus >> cpu & 1) != 0;
}

/* ---- place.c */
struct vcpu *place_new(struct sim *s, const struct vthread *t);
struct vcpu *place_woken(struct sim *s, const struct vthread *t, const struct vcpu *waker);
bool place_pull(struct sim *s, struct vcpu *to);	/* from CPUs that have more to do */
void place_balance(struct sim *s);

/* ---- program.c */
void program_start(struct sim *s, struct vthread *t);
void program_go_on(struct sim *s, struct vcpu *v);	/* its run ended: the next steps */
void program_timer(struct hx_timer *timer);

/* ---- sync.c */
bool sync_lock(struct sim *s, struct vcpu *v, struct sim_mutex *m);	/* false: it waits */
void sync_unlock(struct sim *s, struct vcpu *v, struct sim_mutex *m);
bool sync_wait(struct sim *s, struct vcpu *v, struct sim_sem *sem);	/* false: it waits */
void sync_post(struct sim *s, struct vcpu *waker, struct sim_sem *sem);

/* ---- check.c */
void check_step(struct sim *s);
bool check_could_use(struct sim *s, const struct vcpu *v);	/* somebody waits that v may run */
void check_drain(struct sim *s);	/* at the end: every ready thread comes out, once */

/* ---- measure.c: collects while it runs */
void sample_add(struct samples *s, uint64_t v);
void sample_sort(struct samples *s);
void measure_arrival(struct sim *s, struct vthread *t);
void measure_release(struct sim *s, struct vthread *t, uint64_t at);
void measure_mark(struct sim *s, struct vthread *t, uint64_t due_ns);
void measure_end(struct sim *s, struct vthread *t);
void measure_ran(struct sim *s, struct vthread *t, uint64_t from, uint64_t ns);
void measure_finish(struct sim *s);
uint64_t measure_budget(const struct vthread *t, uint64_t *window);	/* ns a window; 0: none */

#endif
