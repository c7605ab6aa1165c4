/* SPDX-License-Identifier: MIT */
/*
 * What the files of the intent scheduler share.
 *
 *	intent --engine--> params --queue--> one of three bands, or held
 *	            ^                            |  tick, leave
 *	     rules, optimizer <--- statistics <--+
 *
 * Three bands, the first that has somebody is served:
 *
 *	RT    critical, real time, soft real time: by level, then by absolute deadline
 *	FAIR  interactive, server, batch, background: by virtual deadline
 *	IDLE  in turn, when there is nobody else
 *
 * and held: ready, but out of budget, ordered by when they get some again.
 *
 * Invariants, which dis_check() verifies:
 *	1 where says on which structure a thread is, and it is on that one only.
 *	2 rq->n_held == number of nodes of held; n_class counts the others that are enqueued.
 *	  lent is a part of the band IDLE.
 *	3 sum_w and sum_wv are the sums over all of FAIR that wait, of w and w * (v - base).
 *	4 Every enqueued thread is on the list ready, in the order of the rules' next look.
 *	5 FAIR is soon[0..1] and then the tree: no key is smaller than one before it. So with up to
 *	  two threads, the common case, no tree is touched.
 *
 * Field keys: c constant after admit, q run queue lock, d dis_lock, a atomic.
 */
#ifndef HX_DIS_PRIV_H
#define HX_DIS_PRIV_H

#include <hx/config/hal_common.h>
#include <hx/core/assert.h>
#include <hx/core/list.h>
#include <hx/core/rbtree_build.h>
#include <hx/core/sched_class.h>
#include <hx/core/text.h>
#include <hx/sched/dis.h>

#define DIS_WEIGHT_ONE		1024u		/* the weight of nice 0 in the class server */
#define DIS_PERCENT_PERIOD_NS	(100 * HX_NS_PER_MS)	/* a budget in percent is kept over this */
#define DIS_RT_WINDOW_NS	HX_NS_PER_S	/* real time gets RT_PERMILLE of each ... */
#define DIS_RT_PERMILLE		950u		/* ... while others wait, and admits no more */
#define DIS_WAKE_GRAIN_NS	HX_NS_PER_MS	/* a better claim than the running one by so much */
#define DIS_WAKE_PART		4u	/* of its request is the first of a woken thread */
#define DIS_HOUSE_NS		(10 * HX_NS_PER_MS)	/* the housekeeping timer */
#define DIS_SLICE_MIN_NS	(100 * HX_NS_PER_US)
#define DIS_SLICE_MAX_NS	(2 * HX_NS_PER_S)
#define DIS_SCAN_MAX		32u		/* threads that are looked at for one */
#define DIS_RULES_MAX		32u
#define DIS_CONDS_MAX		8u		/* in one rule, with all(), any(), not() */
#define DIS_ACTS_MAX		4u
#define DIS_LOOKS_MAX		8u		/* ready threads that rules look at in a turn */
#define DIS_EVENTS_MAX		64u		/* rules' log */
#define DIS_NONE		0xffu

enum dis_band { DIS_RT, DIS_FAIR, DIS_IDLE, DIS_BANDS, DIS_HELD = DIS_BANDS, DIS_NOWHERE };

enum dis_behaviour {
	DIS_CPU_BOUND, DIS_IO_BOUND, DIS_INTERACTIVE, DIS_BURSTY, DIS_PERIODIC, DIS_MIXED,
	DIS_BACKGROUND,
	DIS_BEHAVIOURS,
};

/* What an intent comes to, after rules and learning. */
struct dis_params {
	uint8_t class;			/* effective */
	uint8_t band;			/* enum dis_band, not HELD */
	uint8_t level;			/* 0..139 */
	bool reserved;			/* runtime and deadline were promised */
	int16_t urgency;		/* -100..127, before the level's own shift */
	bool no_preempt;
	bool postpones;			/* an overrun of a promise moves its deadline (CBS) */
	bool borrows;			/* out of budget it runs on while nobody else wants to */
	bool plain;			/* FAIR, no budget, no flag that counts in the order */
	uint32_t flags;
	uint32_t weight, inverse;	/* FAIR; inverse = 2^32 / weight */
	uint64_t slice_ns;		/* turn of equals */
	uint64_t own_slice_ns;		/* without what rules say and what was learned */
	uint32_t thread_slice_ns;	/* the thread's own slice and priority that are in this */
	uint8_t thread_prio;
	uint64_t wake_ns;		/* the part of a request that a woken thread begins with */
	uint64_t request_ns;		/* from a turn's beginning, or a release, to its deadline */
	uint64_t affinity;
	uint64_t quota_ns, period_ns;	/* quota 0: unlimited */
};

/* What the rules in force ask for; all zero but where DIS_NONE is said: nothing. */
struct dis_overlay {
	int32_t adjust;
	int16_t urgency;
	bool has_urgency, no_preempt;
	uint8_t class, band;		/* DIS_NONE */
	uint8_t pin;			/* 0, or 1 pinned, 2 migratable */
	uint8_t budget_percent;		/* 0: as the intent says */
	uint32_t scale_percent;		/* of the slice; 100 */
	uint64_t slice_ns, affinity;
};

/* A budget. What was overdrawn is paid back, so that the long-term error is 0. */
struct dis_account {
	int64_t left_ns;
	hx_ns_t period_end_ns;		/* 0: no period was begun */
	hx_ns_t release_ns;		/* held: when it is in credit again */
	uint64_t n_exhausted;
};

struct dis_stats {
	uint64_t ran_ns;		/* in all */
	uint64_t burst_from, window_from;	/* of that, when the burst and the window began */
	hx_ns_t born_ns, blocked_ns, woken_ns, ready_ns, window_ns;
	/* Exponential averages, alpha 0.3, in ns; dev: of the absolute difference to the average
	 * before, so run_ema is the prediction of the next run and run_dev its error. */
	uint64_t run_ema, run_dev, sleep_ema, wait_ema, interval_ema, interval_dev;
	uint64_t wait_max_ns;
	uint32_t share_permille;	/* of one CPU; also an average */
	uint32_t n_bursts, n_sleeps, n_intervals, n_slice_ends;
	uint32_t n_deadlines, n_missed;
	hx_ns_t sampled_ns;		/* the last burst that was taken ended then ... */
	bool sampled;			/* ... and it is the last there was */
};

struct dis_learned {
	uint64_t slice_ns;		/* 0: nothing */
	hx_ns_t looked_ns;		/* when its behaviour was looked at last */
	uint8_t behaviour, confidence;
	uint8_t score;			/* burstiness, 0..100 */
};

struct dis_thread {
	struct hx_rb_node node;		/* q rt, fair or held */
	struct hx_list ready;		/* q */
	struct hx_thread *t;		/* c */
	struct dis_queue *home;		/* q where it was enqueued last */
	uint8_t where;			/* q enum dis_band */
	bool force_turn;		/* q it gives way when it is put back */
	bool overran;			/* q it runs on what is promised for later */
	bool counted_io;		/* q in dis_n_io_blocked */
	uint8_t why;			/* q enum hx_enqueue_why of the last enqueue */
	struct dis_params p;		/* q */
	uint64_t v, key;		/* q FAIR: virtual time, virtual deadline */
	int64_t lag;			/* q while dequeued: virtual time less the queue's ... */
	uint64_t rest;			/* ... and how far its deadline was from it */
	hx_ns_t deadline_ns;		/* q RT: absolute */
	uint64_t used_ns;		/* q of the slice */
	struct dis_account account;	/* q */
	struct dis_stats s;		/* q */
	struct dis_learned learned;	/* q */
	/* Rules. */
	struct dis_overlay overlay;	/* q */
	uint32_t active;		/* q bit per rule */
	uint32_t generation;		/* q of the rules that active belongs to */
	int32_t boost;			/* q added to the urgency until ... */
	hx_ns_t boost_until_ns, throttle_until_ns;	/* q 0: none */
	uint32_t throttle_percent;	/* q */
	bool limited;			/* q it counts in dis_n_limited */
	bool fired_is_set;		/* q the next is filled in: rules looked */
	uint32_t fired_ms[DIS_RULES_MAX];	/* q when each rule fired last */
};

struct dis_queue {
	struct hx_runq *rq;		/* c */
	struct dis_queue *next;		/* d all queues */
	struct hx_rb_tree rt, fair, held;	/* q */
	struct hx_rb_tree lent;		/* q those of idle that only borrow, as held */
	struct hx_timer release;	/* lets the first of held and lent go ... */
	hx_ns_t release_ns;		/* q ... at that time; HX_FOREVER: it is not started */
	struct dis_thread *soon[2];	/* q the first of FAIR, NULL at the end; not in the tree */
	struct hx_list idle, ready;	/* q */
	struct dis_thread *curr;	/* q who runs; NULL: idle, or not known yet */
	hx_ns_t now_ns;			/* q of the last leave, or wake-up: pick comes after one */
	uint64_t base;			/* q */
	int64_t sum_wv;			/* q */
	uint64_t sum_w;			/* q */
	uint32_t n_class[HX_INTENT_CLASSES];	/* q */
	hx_ns_t house_ns;		/* q of the last housekeeping */
	hx_ns_t rt_since_ns;		/* q */
	uint64_t rt_used_ns;		/* q */
	/* Load. */
	uint64_t busy_ns, iowait_ns;	/* q since load_since_ns */
	hx_ns_t load_since_ns;		/* q */
	bool idle_in_io;		/* q idle, while somebody waits for I/O */
	uint32_t load_permille, iowait_permille;	/* q averages */
};

static inline struct dis_thread *dis_of(const struct hx_thread *t)
{
	return (struct dis_thread *)(uintptr_t)t->sched_priv[0];
}

static inline bool dis_before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;	/* virtual time may wrap */
}

/* ---- engine.c */
void dis_engine(struct dis_thread *d, const struct hx_intent *i);
uint8_t dis_classify(const struct hx_intent *i);
uint32_t dis_promise_ppm(const struct hx_intent *i);
const char *dis_class_name(unsigned class);
const char *dis_flag_name(unsigned bit);
#define DIS_FLAGS	14u

/* ---- queue.c, and hot.h for what comes at every switch; run queue locked */
void dis_queue_init(struct dis_queue *q, struct hx_runq *rq);
void dis_insert(struct dis_queue *q, struct dis_thread *d);
void dis_remove(struct dis_queue *q, struct dis_thread *d);
void dis_rt_window(struct dis_queue *q, hx_ns_t now);
void dis_rt_charge(struct dis_queue *q, const struct dis_thread *d, uint64_t ran_ns);
bool dis_rt_is_capped(const struct dis_queue *q, const struct dis_thread *d);
void dis_place(struct dis_queue *q, struct dis_thread *d, enum hx_enqueue_why why, hx_ns_t now);
/* For hot.h: what is left over when the common case is done there. */
struct dis_thread *dis_rt_first_allowed(const struct dis_queue *q);
struct dis_thread *dis_first_of_all(struct dis_queue *q);
void dis_fair_insert_among(struct dis_queue *q, struct dis_thread *d);
void dis_fair_insert_all(struct dis_queue *q, struct hx_rb_chain *chain);
void dis_fair_remove_behind(struct dis_queue *q, struct dis_thread *d);
void dis_fair_place_rarely(struct dis_queue *q, struct dis_thread *d, enum hx_enqueue_why why);
bool dis_band_comes_before(const struct dis_queue *q, const struct dis_thread *d,
			   const struct dis_thread *curr);
void dis_carry(const struct dis_queue *q, struct dis_thread *d);
/* Its parameters are to be other ones: what dis_engine() says now. */
void dis_reseat(struct dis_queue *q, struct dis_thread *d, hx_ns_t now);
/* Core is told where it may run by the rules, as they were looked at last. */
void dis_confine(const struct dis_thread *d);

/* ---- check.c, in host builds */
bool dis_check(struct dis_queue *q);

/* ---- budget.c; run queue locked */
static inline bool dis_is_overdrawn(const struct dis_thread *d)
{
	return HX_UNLIKELY(d->p.quota_ns != 0) && d->account.left_ns <= 0;
}

static inline bool dis_is_out(const struct dis_thread *d)	/* and may not borrow */
{
	return dis_is_overdrawn(d) && !d->p.borrows;
}

void dis_account_begin(struct dis_thread *d, hx_ns_t now);
void dis_account_change(struct dis_thread *d, hx_ns_t now);
void dis_account_charge(struct dis_thread *d, uint64_t ran_ns, hx_ns_t now);
void dis_on_release(struct hx_timer *timer);
void dis_release_init(struct dis_queue *q);
void dis_release_at(struct dis_queue *q, hx_ns_t when);	/* one of held or lent may go then */

/* d runs from now on: it is to be looked at when its budget is used up. */
static inline void dis_account_watch(struct dis_queue *q, const struct dis_thread *d)
{
	if (HX_UNLIKELY(d->p.quota_ns != 0) && d->account.left_ns > 0)
		hx_runq_tick_in(q->rq, (uint64_t)d->account.left_ns);
}

/* ---- stats.c; run queue locked */
#define DIS_WINDOW_NS	(100 * HX_NS_PER_MS)	/* over which shares and loads are taken */
#define DIS_SAMPLE_NS	DIS_SLICE_MIN_NS	/* between two bursts that are taken */
#define DIS_SAMPLE_MAX	((uint64_t)1 << 60)	/* 36 years: ten of them do not overflow */

static inline uint64_t dis_ema(uint64_t average, uint64_t sample)
{
	return (average * 7 + hx_min_u64(sample, DIS_SAMPLE_MAX) * 3 + 5) / 10;
}

void dis_stats_window_ends(struct dis_thread *d, hx_ns_t now);

static inline void dis_stats_window(struct dis_thread *d, hx_ns_t now)
{
	if (HX_UNLIKELY(now - d->s.window_ns >= DIS_WINDOW_NS))
		dis_stats_window_ends(d, now);
}

static inline void dis_stats_picked(struct dis_thread *d, hx_ns_t now)
{
	uint64_t waited = now - d->s.ready_ns;

	if (d->s.sampled)
		d->s.wait_ema = dis_ema(d->s.wait_ema, waited);
	if (HX_UNLIKELY(waited > d->s.wait_max_ns))
		d->s.wait_max_ns = waited;
}

void dis_stats_block_taken(struct dis_thread *d, hx_ns_t now);
void dis_stats_wake_taken(struct dis_thread *d, hx_ns_t now);

/* A burst ends. Of those that follow each other faster than any slice only some are taken. */
static inline void dis_stats_blocks(struct dis_thread *d, hx_ns_t now)
{
	d->s.sampled = now - d->s.sampled_ns >= DIS_SAMPLE_NS;
	if (d->s.sampled)
		dis_stats_block_taken(d, now);
	d->s.burst_from = d->s.ran_ns;
	if (HX_UNLIKELY(d->p.band == DIS_RT)) {
		d->s.n_deadlines++;
		d->s.n_missed += now > d->deadline_ns;
	}
}

static inline void dis_stats_woken(struct dis_thread *d, hx_ns_t now)
{
	if (d->s.sampled)
		dis_stats_wake_taken(d, now);
	d->s.woken_ns = now;
}

void dis_stats_iowait(struct dis_queue *q, hx_ns_t now);
void dis_stats_load(struct dis_queue *q, hx_ns_t now);

/* ---- optimizer.c; run queue locked */
void dis_learn(struct dis_thread *d, hx_ns_t now);
void dis_learn_slice(struct dis_thread *d);
const char *dis_behaviour_name(unsigned behaviour);
const char *dis_behaviour_why(unsigned behaviour);
uint32_t dis_error_percent(const struct dis_thread *d);

/* ---- admit.c; thread context */
int dis_admit(struct hx_thread *t, const struct hx_intent *want);
void dis_admit_stop(void);

/* ---- dis.c */
extern const struct hx_sched_ops hx_sched_dis_ops;
extern struct hx_spinlock dis_lock;		/* HX_RANK_LEAF: queues, rules, events */
extern uint32_t dis_n_limited;			/* a threads with a budget */
extern uint32_t dis_n_io_blocked;		/* a threads that wait for I/O */
struct dis_queue *dis_queues(void);		/* first of all queues */
/* What the timer does every 10 ms. */
void dis_house(hx_ns_t now);
void dis_on_house(struct hx_timer *timer);
/* A boost or a throttling has run out: true, and the parameters are to be made anew. */
bool dis_expire(struct dis_thread *d, hx_ns_t now);

/* ---- rules: policy.c */
HX_MUST_CHECK int dis_policy_start(void);
void dis_policy_stop(void);
void dis_policy_sample(void);
void dis_policy_look(struct dis_queue *q, hx_ns_t now);
/* Rules that d obeyed are gone. */
void dis_policy_forget(struct dis_thread *d);
extern uint32_t dis_policy_generation;		/* d */

#endif
