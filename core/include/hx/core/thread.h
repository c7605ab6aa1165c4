/* SPDX-License-Identifier: MIT */
/*
 * Kernel threads: a stack, a saved context, a state. Which one runs next is the scheduler
 * provider's decision (hx/core/sched_class.h); that it runs, and that it is on exactly one queue
 * or running on exactly one CPU, is core's.
 *
 *	        create            pick                  exit
 *	(NEW) ---------> READY ---------> RUNNING --------------> DEAD --join--> gone
 *	                 ^  ^               |  |
 *	                 |  +--- yield, ----+  | wait, sleep, join, lock
 *	                 |       preempt       v
 *	                 +------ wake ------ BLOCKED
 *
 * From READY to READY on another CPU, and from RUNNING to there, a thread is MOVING for a moment.
 */
#ifndef HX_CORE_THREAD_H
#define HX_CORE_THREAD_H

#include <hx/base.h>
#include <hx/config/core_slot.h>
#include <hx/config/core_thread.h>
#include <hx/core/intent.h>
#include <hx/core/list.h>
#include <hx/core/rbtree.h>
#include <hx/core/wait.h>
#include <hx/hal/context.h>
#include <hx/hal/percpu.h>

#define HX_THREAD_NAME_MAX	24
#define HX_PRIO_DEFAULT		120	/* 0..139, lower is more urgent; below 100: real time */
#define HX_PRIO_LOWEST		139

enum hx_thread_state {
	HX_THREAD_NEW,		/* made, never run */
	HX_THREAD_READY,	/* on the run queue */
	HX_THREAD_RUNNING,	/* on a CPU */
	HX_THREAD_BLOCKED,	/* on a wait queue, perhaps with a timeout */
	HX_THREAD_DEAD,		/* ended; waits for its join */
	HX_THREAD_MOVING,	/* on no run queue, on its way to another CPU's */
};

struct hx_border;
struct hx_res_io;
struct hx_runq;
struct hx_mmu_space;
struct hx_mutex;
struct hx_user_start;
struct hx_thread_stats;

/*
 * A one-shot timer; fn runs in interrupt context with interrupts off, on the CPU that started it.
 * Field key: t lock of the timers of that CPU.
 */
struct hx_timer {
	struct hx_rb_node node;			/* t */
	hx_ns_t deadline_ns;			/* t absolute */
	void (*fn)(struct hx_timer *timer);	/* constant while started */
	uint32_t cpu;				/* t where it is, or was last */
	uint32_t exact;				/* t does not wait for the tick; core's */
};

/* In the sets of known threads, and since when it waits: core/thread/guard.c, stall.c. */
struct hx_thread_guard {
#if CONFIG_SLOT_SWAP
	struct hx_thread *next[2];
	uint32_t seen, since;
#endif
};

/*
 * Field keys: c constant after creation, q lock of the run queue that rq names, w lock of the wait
 * queue it is on, i lock of all priority inheritance, j lock of all joins, s itself only, T lock of
 * the table of all threads, p lock of promises, read without it, r lock of metered I/O, read by
 * itself without it. Two letters: written under both, so read under either.
 */
struct hx_thread {
	struct hx_context ctx;			/* q valid while not running */
	uint8_t state;				/* q enum hx_thread_state; READY: at the provider */
	uint8_t prio;				/* qi 0..139; its own, or inherited */
	uint8_t flags;				/* c enum hx_thread_flags */
	uint8_t has_timeout;			/* w its timer was started for this wait */
	uint32_t id;				/* c from 1, never reused within 2^32 */
	struct hx_runq *rq;			/* q its CPU's run queue, or where it was last */
	struct hx_list run_link;		/* q for the provider's queue */
	uint64_t sched_priv[10];		/* q the provider's words */
	const struct hx_intent *intent;		/* q never NULL */
	struct hx_intent own_intent;		/* q what intent points to, once it was set */
	uint64_t ran_cycles;			/* q total; while it runs, less its start */
	uint64_t n_switches;			/* q times put on a CPU */
	uint32_t slice_ns;			/* q 0: the provider's default */
	uint32_t n_holds;			/* T who looks at it; not freed meanwhile */
	int32_t wake_result;			/* w 0, or -HX_ETIMEDOUT */
	uint8_t base_prio;			/* i its own priority */
	uint8_t home;				/* p the CPU that promised; valid if one did */
	uint8_t is_joining;			/* j whom wait_data names (DEADLOCKS) */
	uint8_t user;				/* a HX_THREAD_IN_USER, _USER_ENDS (USER_MODE) */
	struct hx_list wait_link;		/* w */
	struct hx_wait_queue *waits_on;		/* w valid if has_timeout */
	struct hx_timer timeout;		/* w valid if has_timeout */
	struct hx_mutex *blocked_on;		/* iw the mutex it waits for; NULL: none */
	struct hx_mutex *owned;			/* i mutexes of its that others wait for */
	void *wait_data;			/* w for its waker (hx/core/handover.h) */
	struct hx_thread_stats *stats;		/* c NULL: not counted */
	struct hx_thread *joiner;		/* j who waits in hx_thread_join() */
	int32_t exit_value;			/* j */
	uint32_t promised_ppm;			/* p of that CPU, for its deadline; 0: nothing */
	int (*fn)(void *arg);			/* c */
	void *arg;				/* c */
	void *stack;				/* c lowest byte; NULL: the boot stack */
	size_t stack_bytes;			/* c */
	struct hx_mmu_space *space;		/* s user memory it runs in; NULL: none */
	struct hx_list all_link;		/* T */
	char name[HX_THREAD_NAME_MAX];		/* c */
	struct hx_border *border;		/* s innermost call into a module */
	uint32_t swap_idx[2];			/* its record in a swap and the next, or garbage */
	uint64_t cpus;				/* q where it may run, if there are several */
	struct hx_thread_guard guard;		/* where schedulers are swapped */
	struct hx_res_io *io;			/* r who pays for its I/O; NULL: nobody */
};

enum hx_thread_flags {
	HX_THREAD_OWN_STACK = 1,	/* stack given by the caller */
	HX_THREAD_IDLE = 2,
	HX_THREAD_STATIC = 4,		/* struct given by the caller */
	HX_THREAD_DETACHED = 8,		/* freed at exit; nobody joins */
};

struct hx_thread_params {
	const char *name;		/* copied, cut to HX_THREAD_NAME_MAX - 1; NULL: "" */
	int (*fn)(void *arg);		/* its return value is the exit value */
	void *arg;
	uint8_t prio;			/* 0..139; use HX_PRIO_DEFAULT */
	uint8_t flags;			/* HX_THREAD_DETACHED or 0 */
	void *stack;			/* aligned to 16; NULL: allocated, with a guard page */
	size_t stack_bytes;		/* with stack: its size, a multiple of 16 */
	const struct hx_intent *intent;	/* copied; NULL: hx_intent_default */
};

/**
 * hx_thread_create() - make a thread and start it.
 * @p:   what it runs, and how; read during the call only
 * @out: receives the thread, for hx_thread_join(); NULL allowed if detached; garbage on error
 *
 * Returns: 0; -HX_EINVAL no function, priority above 139, other flags, a stack that is too small or
 *          not aligned, or @out NULL though not detached; -HX_ENOMEM; -HX_ENFILE no stack slot;
 *          with an intent also the codes of hx_thread_set_intent().
 * Context: thread, does not sleep; a more urgent thread may run before it returns.
 * Locks:   takes those of the heap and of stacks, HX_RANK_THREADS, HX_RANK_RUNQ.
 * Owner:   the caller, until hx_thread_join(); nobody if detached. A given stack stays the caller's
 *          and must live until the join, of a detached thread for ever.
 * Cost:    two allocations and about 200 instructions; first frees detached threads that ended.
 * Source:  -
 */
HX_MUST_CHECK int hx_thread_create(const struct hx_thread_params *p, struct hx_thread **out);

/**
 * hx_thread_init() - the same with the caller's struct and stack.
 * @t: filled; the caller's until the join returns
 * @p: as in hx_thread_create(); stack is required, HX_THREAD_DETACHED refused: nobody could know
 *     when @t may be used again
 *
 * Returns: 0; -HX_EINVAL as above.
 * Context: thread, does not sleep; a more urgent thread may run before it returns.
 * Locks:   takes HX_RANK_THREADS, HX_RANK_RUNQ.
 * Owner:   struct and stack stay the caller's.
 * Cost:    about 150 instructions; allocates nothing; with CONFIG_SCHED_STATS 200 bytes of the
 *          stack, if that leaves HX_CONTEXT_STACK_MIN.
 * Source:  -
 */
HX_MUST_CHECK int hx_thread_init(struct hx_thread *t, const struct hx_thread_params *p);

/* The word at the lowest end of a stack (CONFIG_STACK_CANARIES), which nobody but an overflow
 * writes: set when the thread is made, looked at by sweeps over all threads (hx_thread_foreach()).
 * Stacks of which nobody wrote one are not broken. Any context. */
#define HX_STACK_CANARY	0x5ca1ab1e57ac4e4dull

static inline void hx_thread_canary_set(const struct hx_thread *t)
{
	*(volatile uint64_t *)t->stack = HX_STACK_CANARY ^ (uintptr_t)t;
}

static inline bool hx_thread_canary_broken(const struct hx_thread *t)
{
	return HX_ENABLED(STACK_CANARIES) && t->stack != NULL && t->state != HX_THREAD_DEAD &&
	       (t->flags & HX_THREAD_IDLE) == 0 &&
	       *(const volatile uint64_t *)t->stack != (HX_STACK_CANARY ^ (uintptr_t)t);
}

/**
 * hx_thread_join() - wait for a thread's end, take its exit value, free it.
 * @t:          made by hx_thread_create() or hx_thread_init()
 * @timeout_ns: how long to wait; 0 just asks, HX_FOREVER never gives up
 * @exit_value: receives what it returned or gave to hx_thread_exit(); may be NULL
 *
 * Returns: 0; -HX_EDEADLK itself; -HX_EINVAL detached; -HX_EBUSY somebody else waits for it;
 *          -HX_ETIMEDOUT not ended yet, everything as before.
 * Context: thread, may sleep.
 * Locks:   takes the lock of joins (HX_RANK_WAIT), HX_RANK_THREADS; then those of heap and stacks.
 * Owner:   after 0, @t is gone (created) or the caller's again (initialised).
 * Cost:    one switch if it has not ended, else about 60 instructions and two frees.
 * Source:  POSIX pthread_join(). Differs: a second joiner is refused instead of undefined.
 */
int hx_thread_join(struct hx_thread *t, hx_ns_t timeout_ns, int *exit_value);

/**
 * hx_thread_exit() - end the calling thread; returning from its function does the same.
 * @exit_value: for the joiner
 *
 * Returns: never.
 * Context: thread, nothing held.
 * Locks:   takes the lock of joins (HX_RANK_WAIT), HX_RANK_RUNQ; detached also HX_RANK_THREADS.
 * Owner:   memory goes at the join; of a detached thread when the idle thread runs or the next
 *          thread is created, never while its stack is in use.
 * Cost:    one switch.
 * Source:  -
 */
HX_NORETURN void hx_thread_exit(int exit_value);

/**
 * hx_thread_set_space_end() - who gives back the address space of a thread that ends
 *                             (CONFIG_MMU_SPACES).
 * @fn: called in a thread that ends with t->space set, which is NULL when it returns; NULL: nobody
 *
 * Returns: nothing.
 * Context: boot; @fn runs in the thread that ends, and may sleep.
 * Locks:   none.
 * Owner:   -
 * Cost:    a store. A thread without a space pays a load and a branch at its end.
 * Source:  -
 */
void hx_thread_set_space_end(void (*fn)(void));

/**
 * hx_thread_enter_user() - the calling thread goes on in user mode (CONFIG_USER_MODE).
 * @start: where; read before it leaves
 *
 * Returns: -HX_EINVAL the thread runs in no space, is the main thread, or an address is not the
 *          user's; -HX_ECANCELED hx_thread_end_user(); else never: its kernel stack is empty from
 *          now on.
 * Context: thread, nothing held.
 * Locks:   none.
 * Owner:   what the stack held is lost.
 * Cost:    about 50 instructions; from then on some 5 more for each of its switches.
 * Source:  -
 */
HX_MUST_CHECK int hx_thread_enter_user(const struct hx_user_start *start);

/**
 * hx_thread_end_user() - a thread's next instruction in user mode is not carried out: it ends
 *                        (CONFIG_USER_MODE).
 * @t: any thread; one that is in the kernel gets to the end of what it does there, and one that
 *     never goes to user mode never hears of it
 *
 * It ends with -HX_ECANCELED, on its empty kernel stack, as if it had called hx_thread_exit()
 * there: so it holds nothing of the kernel's, and leaves its space as every thread does.
 *
 * Returns: nothing; when it has ended its join says. Asking again changes nothing.
 * Context: thread, interrupts on.
 * Locks:   takes HX_RANK_RUNQ; none held that code with interrupts off elsewhere may wait for.
 * Owner:   the caller sees to it that @t is not joined and freed meanwhile.
 * Cost:    about 60 instructions; if it runs on another CPU, an interrupt round trip.
 * Source:  POSIX kill(SIGKILL). Differs: of one thread, and of no kernel thread
 *          (docs/design/scheduling.md).
 */
void hx_thread_end_user(struct hx_thread *t);

enum hx_thread_user {
	HX_THREAD_IN_USER = 1,		/* its kernel stack begins with a frame of user mode */
	HX_THREAD_USER_ENDS = 2,	/* hx_thread_end_user() was called */
};

/* May the calling thread go on in user mode? */
static inline bool hx_thread_user_ends(const struct hx_thread *self)
{
	return (__atomic_load_n(&self->user, __ATOMIC_RELAXED) & HX_THREAD_USER_ENDS) != 0;
}

/**
 * hx_resched_now() - switch if that is due and allowed here; what hx_resched_point() calls.
 *
 * Returns: when it is this thread's turn again.
 * Context: any; does nothing where switching is not allowed.
 * Locks:   takes HX_RANK_RUNQ.
 * Owner:   -
 * Cost:    one switch.
 * Source:  -
 */
void hx_resched_now(void);

/**
 * hx_yield() - let another ready thread run, if the scheduler sees one.
 *
 * Returns: when it is this thread's turn again.
 * Context: thread, nothing held.
 * Locks:   takes HX_RANK_RUNQ if another thread is ready.
 * Owner:   -
 * Cost:    about 15 instructions alone, else one switch.
 * Source:  -
 */
void hx_yield(void);

/* For long loops in the kernel: with CONFIG_PREEMPT_VOLUNTARY somebody more urgent, or whose turn
 * it is, runs here; with the other kinds of preemption it is nothing. Thread, nothing held. */
static inline void hx_resched_point(void)
{
	if (HX_ENABLED(PREEMPT_VOLUNTARY) && HX_UNLIKELY(hx_percpu()->need_resched))
		hx_resched_now();
}

/**
 * hx_sleep_ns() - do nothing for at least so long.
 * @ns: rounded up to the next tick (CONFIG_TICK_HZ); 0 is a yield
 *
 * Returns: not before @ns have passed.
 * Context: thread, nothing held; before threads exist it spins.
 * Locks:   takes HX_RANK_WAIT, HX_RANK_TIMERS, HX_RANK_RUNQ.
 * Owner:   -
 * Cost:    O(log n) in the timers that run, two switches.
 * Source:  -
 */
void hx_sleep_ns(hx_ns_t ns);

/**
 * hx_thread_set_prio() - make a thread more or less urgent.
 * @t:    a thread that was not joined yet
 * @prio: 0..HX_PRIO_LOWEST, lower is more urgent; while it owns a mutex that somebody more urgent
 *        waits for, it stays as urgent as that one
 *
 * Returns: 0; -HX_ERANGE.
 * Context: any but NMI; in thread context another thread may run before it returns.
 * Locks:   takes HX_RANK_INHERIT, HX_RANK_RUNQ.
 * Owner:   -
 * Cost:    the provider's dequeue and enqueue if it ranks and @t is ready.
 * Source:  -
 */
int hx_thread_set_prio(struct hx_thread *t, unsigned prio);

/**
 * hx_thread_foreach() - visit all threads by id, also dead ones not joined yet.
 * hx_thread_count() - how many there are.
 * @visit: called with the table's lock held: no sleep, no thread creation, no output that may wait;
 *         returns false to stop
 * @arg:   given to @visit
 *
 * Returns: nothing.
 * Context: thread.
 * Locks:   holds HX_RANK_THREADS during the calls.
 * Owner:   @visit borrows the thread.
 * Cost:    O(threads), preemption off meanwhile.
 * Source:  -
 */
void hx_thread_foreach(bool (*visit)(struct hx_thread *t, void *arg), void *arg);

/* How many threads there are, with idle and dead ones. Thread context, O(threads). */
unsigned hx_thread_count(void);

/**
 * hx_threads_release_memory() - whether no thread has anything in some memory.
 * @start: its first byte
 * @bytes: its size
 * @id:    receives one that has; untouched otherwise
 *
 * For whoever takes code away (CONFIG_MODULES). Counted are the thread itself, its function and its
 * stack. One that has ended and was not joined is joined.
 *
 * Returns: 0; -HX_EBUSY one has not ended, or somebody waits for its end.
 * Context: thread, may sleep.
 * Locks:   as hx_thread_foreach() and hx_thread_join().
 * Owner:   nobody else joins such a thread meanwhile.
 * Cost:    O(threads) for each that is found.
 * Source:  -
 */
HX_MUST_CHECK int hx_threads_release_memory(uintptr_t start, size_t bytes, uint32_t *id);

/* The running thread; NULL before threads exist. In an interrupt: the interrupted one. */
static inline struct hx_thread *hx_thread_self(void)
{
	return hx_percpu()->current;
}

/**
 * hx_timer_start() - call timer->fn once, at a point in time; restarts a timer that runs.
 * @t:           its fn is set; all else is zero, or it was started before
 * @deadline_ns: in hx_now_ns() time; in the past: at the next tick
 *
 * Returns: nothing.
 * Context: any but NMI, also the timer's own fn.
 * Locks:   takes HX_RANK_TIMERS; fn is called without it.
 * Owner:   the caller keeps @t alive until it fired or was cancelled.
 * Cost:    O(log n) in the timers that run; fires up to one tick late.
 * Source:  -
 */
void hx_timer_start(struct hx_timer *t, hx_ns_t deadline_ns);

/**
 * hx_timer_start_exact() - the same, and it does not wait for the tick after that time.
 * @t:           as for hx_timer_start()
 * @deadline_ns: as there; in the past: a microsecond from now
 *
 * Only for schedulers whose room announces 'tick_in'; in a kernel without such a one it is
 * hx_timer_start(). A timer whose function runs on another CPU just now is started there, and
 * waits for a tick once.
 *
 * Returns: nothing.
 * Context: any but NMI, also the timer's own fn.
 * Locks:   takes HX_RANK_TIMERS; fn is called without it.
 * Owner:   the caller keeps @t alive until it fired or was cancelled.
 * Cost:    O(log n) in such timers; two device writes if nothing else comes before it.
 * Source:  -
 */
void hx_timer_start_exact(struct hx_timer *t, hx_ns_t deadline_ns);

/**
 * hx_timer_cancel() - stop a timer; when this returns its function does not run any more.
 * @t: zero, or started before
 *
 * If the function runs on another CPU just now, this waits for its end; the function itself may
 * call it as well, and need not wait.
 *
 * Returns: true if it ran and now will not fire; false if it has fired or never ran.
 * Context: any but NMI; holding no lock that the timer's function takes, nor one of a higher rank:
 *          CONFIG_DEBUG_LOCKS checks that, for functions that have run once.
 * Locks:   takes HX_RANK_TIMERS.
 * Owner:   @t is the caller's again.
 * Cost:    O(log n).
 * Source:  -
 */
bool hx_timer_cancel(struct hx_timer *t);

/**
 * hx_timers_release_memory() - stop every timer that lies in some memory, or whose function does.
 * @start: its first byte
 * @bytes: its size
 *
 * For whoever takes code away (CONFIG_MODULES). Waits until no function of a timer runs on any CPU,
 * so that one which starts itself again is stopped as well.
 *
 * Returns: how many ran.
 * Context: thread, may sleep.
 * Locks:   takes HX_RANK_TIMERS of each CPU in turn.
 * Owner:   the memory is the caller's alone, as far as timers are concerned. Nobody but functions
 *          of such timers starts one in it meanwhile.
 * Cost:    O(timers that run) for each that is found, under a lock that ticks take.
 * Source:  -
 */
unsigned hx_timers_release_memory(uintptr_t start, size_t bytes);

/**
 * hx_can_sleep() - whether sleeping is allowed here.
 *
 * Returns: true if threads run, interrupts are on and preemption is not disabled.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a few loads.
 * Source:  -
 */
bool hx_can_sleep(void);
#define hx_assert_can_sleep()	hx_assert(hx_can_sleep())

#endif
