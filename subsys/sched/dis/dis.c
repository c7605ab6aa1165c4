// SPDX-License-Identifier: MIT
/*
 * DIS, the dynamic intent scheduler: the operations that core calls. What they decide with is in
 * the neighbours: engine.c (what an intent means), queue.c (order), budget.c (limits), stats.c,
 * policy.c (rules), optimizer.c (learning).
 *
 * Housekeeping is one timer for all queues: it lets held threads go, has the rules look at some
 * threads, takes the load. Timers lie outside run queues in the order of locks, so none can be
 * armed where a thread is found out of budget; this one runs anyway, every tick while any thread
 * has a budget, else every 10 ms.
 */
#include <hx/core/heap.h>
#include <hx/core/string.h>
#include <hx/hal/timer.h>

#include "dis_priv.h"

struct hx_spinlock dis_lock = HX_SPINLOCK_INIT("dis", HX_RANK_LEAF);
uint32_t dis_n_limited;
static struct dis_queue *queues;	/* dis_lock; grows at boot */
static unsigned n_queues;		/* dis_lock */
static uint64_t promised_ppm;		/* dis_lock; of all CPUs together */
static uint32_t n_io_blocked;		/* a */
static hx_ns_t looked_ns;		/* the timer's own */
static struct dis_thread *spare;	/* dis_lock; of the last thread that ended, or NULL */

struct dis_queue *dis_queues(void)
{
	return queues;
}

unsigned dis_n_queues(void)
{
	return n_queues;
}

/* ---- time */

bool dis_expire(struct dis_thread *d, hx_ns_t now)
{
	bool over = false;

	if (d->boost_until_ns != 0 && now >= d->boost_until_ns) {
		d->boost = 0;
		d->boost_until_ns = 0;
		over = true;
	}
	if (d->throttle_until_ns != 0 && now >= d->throttle_until_ns) {
		d->throttle_until_ns = 0;
		over = true;
	}
	return over;
}

hx_ns_t dis_house(hx_ns_t now)
{
	bool look = now - looked_ns >= DIS_HOUSE_NS;
	struct dis_queue *q;
	hx_irqflags_t flags;

	if (look) {
		looked_ns = now;
		dis_policy_sample();
	}
	for (q = queues; q != NULL; q = q->next) {
		flags = hx_runq_lock(q->rq);
		dis_release(q, now);
		if (look) {
			dis_stats_load(q, now);
			dis_policy_look(q, now);
		}
		hx_runq_unlock(q->rq, flags);
	}
	return __atomic_load_n(&dis_n_limited, __ATOMIC_RELAXED) != 0 ? now + 1
	       : now + DIS_HOUSE_NS;
}

static void on_timer(struct hx_timer *timer)
{
	hx_timer_start(timer, dis_house(hx_now_ns()));
}

static struct hx_timer house_timer = { .fn = on_timer };

/* ---- memory */

/* Threads come and go one after the other, mostly: the last one's memory is kept for the next. Not
 * more, so that what is in use at rest does not depend on what was before. */
static struct dis_thread *take_spare(void)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&dis_lock);
	struct dis_thread *d = spare;

	spare = NULL;
	hx_spin_unlock_irqrestore(&dis_lock, flags);
	return d;
}

static void give_back(struct dis_thread *d)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&dis_lock);
	struct dis_thread *before = spare;

	spare = d;
	hx_spin_unlock_irqrestore(&dis_lock, flags);
	hx_free(before);
}

/* ---- queues come and go */

static int dis_init(struct hx_runq *rq)
{
	struct dis_queue *q = hx_zalloc(sizeof(*q));
	bool first = queues == NULL;
	hx_irqflags_t flags;
	int err;

	if (q == NULL)
		return -HX_ENOMEM;
	err = first ? dis_policy_start() : 0;
	if (err != 0) {
		hx_free(q);
		return err;
	}
	dis_queue_init(q, rq);
	q->load_since_ns = q->idle_since_ns = q->rt_since_ns = hx_now_ns();
	rq->priv = q;
	flags = hx_spin_lock_irqsave(&dis_lock);
	q->next = queues;
	queues = q;
	n_queues++;
	hx_spin_unlock_irqrestore(&dis_lock, flags);
	if (first) {
		promised_ppm = 0;
		dis_n_limited = n_io_blocked = 0;
		looked_ns = hx_now_ns();
		hx_timer_start(&house_timer, hx_now_ns() + DIS_HOUSE_NS);
	}
	return 0;
}

static void dis_fini(struct hx_runq *rq)
{
	struct dis_queue *q = rq->priv, **at;
	hx_irqflags_t flags = hx_spin_lock_irqsave(&dis_lock);

	for (at = &queues; *at != q; at = &(*at)->next)
		;
	*at = q->next;
	n_queues--;
	hx_spin_unlock_irqrestore(&dis_lock, flags);
	if (queues == NULL) {
		hx_timer_cancel(&house_timer);
		dis_policy_stop();
		hx_free(take_spare());
	}
	hx_free(q);
	rq->priv = NULL;
}

/* ---- threads come and go */

/* Put a promise in the place of another one, if there is room: 95 % of each CPU. */
static int promise(uint32_t *held_ppm, uint32_t want_ppm)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&dis_lock);
	uint64_t sum = promised_ppm - *held_ppm + want_ppm;
	bool fits = want_ppm <= *held_ppm ||
		    (want_ppm <= DIS_RT_PERMILLE * 1000 &&
		     sum <= (uint64_t)DIS_RT_PERMILLE * 1000 * n_queues);

	if (fits) {
		promised_ppm = sum;
		*held_ppm = want_ppm;
	}
	hx_spin_unlock_irqrestore(&dis_lock, flags);
	return fits ? 0 : -HX_ENOSPC;
}

static void retire(struct hx_thread *t)
{
	struct dis_thread *d = dis_of(t);

	if (promise(&d->promised_ppm, 0) == 0 && d->limited)
		__atomic_fetch_sub(&dis_n_limited, 1, __ATOMIC_RELAXED);
	if (d->counted_io)
		__atomic_fetch_sub(&n_io_blocked, 1, __ATOMIC_RELAXED);
	t->sched_priv[0] = 0;
	give_back(d);
}

static int dis_admit(struct hx_thread *t, const struct hx_intent *want)
{
	struct dis_thread *d = dis_of(t);
	int err;

	if (want == NULL) {
		retire(t);
		return 0;
	}
	if (t->intent != NULL) {
		err = promise(&d->promised_ppm, dis_promise_ppm(want));
	} else {
		d = take_spare();
		if (d == NULL)
			d = hx_alloc(sizeof(*d));
		if (d == NULL)
			return -HX_ENOMEM;
		memset(d, 0, offsetof(struct dis_thread, fired_ms));
		d->t = t;
		d->where = DIS_NOWHERE;
		dis_policy_forget(d);
		err = promise(&d->promised_ppm, dis_promise_ppm(want));
		if (err != 0) {
			give_back(d);
			return err;
		}
		t->sched_priv[0] = (uintptr_t)d;
		d->learned.behaviour = DIS_MIXED;
		d->s.born_ns = d->s.window_ns = d->s.ready_ns = hx_now_ns();
		dis_engine(d, want);	/* the first thread of all runs without an enqueue */
		dis_account_change(d, d->s.born_ns);
	}
	/* The next tick, not in 10 ms: it may be held by then. */
	if (err == 0 && (want->budget_kind != HX_BUDGET_UNLIMITED || want->deadline_ns != 0))
		hx_timer_start(&house_timer, hx_now_ns());
	return err;
}

/* ---- the hot path */

static void charge(struct dis_queue *q, struct dis_thread *d, uint64_t ran_ns, hx_ns_t now)
{
	dis_stats_ran(d, ran_ns, now);
	q->busy_ns += ran_ns;
	d->used_ns += ran_ns;
	if (HX_LIKELY(d->p.band == DIS_FAIR))
		d->v += (uint64_t)((unsigned __int128)ran_ns * d->p.inverse >> 22);
	if (HX_UNLIKELY(now - q->rt_since_ns >= DIS_RT_WINDOW_NS)) {
		q->rt_since_ns = now;
		q->rt_used_ns = 0;
	}
	if (d->p.band == DIS_RT && d->p.class != HX_INTENT_CRITICAL)
		q->rt_used_ns += ran_ns;
	if (HX_UNLIKELY(d->p.quota_ns != 0))
		dis_account_charge(d, ran_ns, now);
}

/* A thread that has just become ready, for the first time or again. */
static void awaken(struct dis_thread *d, enum hx_enqueue_why why, hx_ns_t now)
{
	/* What admit made of the default is right still: that one is constant. */
	bool anew = (why == HX_ENQUEUE_NEW && d->t->intent != &hx_intent_default) ||
		    d->p.thread_prio != d->t->prio ||
		    d->p.thread_slice_ns != d->t->slice_ns;

	if (why == HX_ENQUEUE_WAKE)
		dis_stats_woken(d, now);
	if (d->counted_io) {
		d->counted_io = false;
		__atomic_fetch_sub(&n_io_blocked, 1, __ATOMIC_RELAXED);
	}
	if (HX_UNLIKELY(d->generation != dis_policy_generation)) {
		dis_policy_forget(d);
		anew = true;
	}
	if (HX_UNLIKELY((d->boost_until_ns | d->throttle_until_ns) != 0))
		anew |= dis_expire(d, now);
	if (anew) {
		dis_engine(d, d->t->intent);
		dis_account_change(d, now);
	}
	d->used_ns = 0;
	dis_account_begin(d, now);
}

static void dis_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	struct dis_queue *q = rq->priv;
	struct dis_thread *d = dis_of(t);
	hx_ns_t now = q->now_ns;

	d->why = (uint8_t)why;
	if (why == HX_ENQUEUE_WAKE || why == HX_ENQUEUE_NEW) {
		now = hx_now_ns();
		q->now_is_fresh = false;
		awaken(d, why, now);
	} else if (why == HX_ENQUEUE_CHANGE || why == HX_ENQUEUE_MOVE) {
		now = hx_now_ns();
	} else if (why == HX_ENQUEUE_PREEMPT) {
		if (d->force_turn || ((d->p.flags & HX_INTENT_COOPERATIVE) &&
				      q->n_class[d->p.class] != 0))
			why = HX_ENQUEUE_YIELD;
	} else {
		d->used_ns = 0;
	}
	d->force_turn = false;
	if (why != HX_ENQUEUE_CHANGE)
		d->s.ready_ns = now;
	dis_place(q, d, why, now);
	dis_insert(q, d);
}

static void dis_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	struct dis_queue *q = rq->priv;
	struct dis_thread *d = dis_of(t);

	d->lag = d->p.band == DIS_FAIR ? (int64_t)(d->v - dis_virtual_now(q)) : 0;
	dis_remove(q, d);
}

static struct hx_thread *dis_pick(struct hx_runq *rq)
{
	struct dis_queue *q = rq->priv;
	struct dis_thread *d = dis_first(q);
	hx_ns_t now = q->now_is_fresh ? q->now_ns : hx_now_ns();

	if (d == NULL)
		return NULL;
	if (!q->now_is_fresh && q->idle_in_io) {
		q->iowait_ns += now - q->idle_since_ns;
		q->idle_in_io = false;
	}
	q->now_is_fresh = false;
	dis_remove(q, d);
	dis_stats_picked(d, now);
	q->curr = d;
	return d->t;
}

/* A slice is over. Is there somebody to take turns with? Else another one begins. */
static enum hx_tick end_slice(struct dis_queue *q, struct dis_thread *d, hx_ns_t now)
{
	const struct dis_thread *rt = dis_rt_first(q);
	bool turn;

	dis_learn_slice(d);
	if (d->p.band == DIS_RT) {
		/* A promise has no slices: its budget ends its turn. */
		turn = rt != NULL && rt->p.level <= d->p.level && !d->p.reserved;
		if (!d->p.reserved)
			d->deadline_ns = now + d->p.request_ns;
	} else {
		turn = rt != NULL || dis_fair_first(q) != NULL ||
		       (d->p.band == DIS_IDLE && !hx_list_is_empty(&q->idle));
	}
	if (!turn) {
		d->used_ns = 0;
		d->key = d->v + d->p.request_ns;
	}
	return turn ? HX_TICK_TURN : HX_TICK_GO_ON;
}

/* Reasons to give way within a slice. */
static bool must_turn(const struct dis_queue *q, const struct dis_thread *d)
{
	bool is_last = d->p.band == DIS_IDLE || dis_is_overdrawn(d);
	const struct dis_thread *rt = dis_rt_first(q);

	if (d->force_turn || d->p.no_preempt)
		return d->force_turn;
	if (d->p.band == DIS_RT && !is_last)	/* its deadline may have moved */
		return (rt != NULL && dis_comes_before(q, rt, d)) ||
		       (dis_fair_first(q) != NULL && dis_rt_is_capped(q, d));
	return rt != NULL || (is_last && dis_fair_first(q) != NULL) ||
	       ((d->p.flags & HX_INTENT_COOPERATIVE) && q->n_class[d->p.class] != 0);
}

static enum hx_tick dis_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	struct dis_queue *q = rq->priv;
	struct dis_thread *d = dis_of(current);
	hx_ns_t now = hx_now_ns();

	q->curr = d;
	charge(q, d, ran_ns, now);
	if (HX_UNLIKELY(dis_is_out(d)))
		return HX_TICK_OFF;
	if (HX_UNLIKELY(d->p.thread_slice_ns != current->slice_ns))
		dis_engine(d, current->intent);
	/* At the tick nearest to its end. */
	if (d->used_ns + ran_ns / 2 >= d->p.slice_ns)
		return end_slice(q, d, now);
	return must_turn(q, d) ? HX_TICK_TURN : HX_TICK_GO_ON;
}

static void dis_leave(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns,
		      enum hx_enqueue_why why)
{
	struct dis_queue *q = rq->priv;
	struct dis_thread *d = dis_of(current);
	hx_ns_t now = hx_now_ns();

	charge(q, d, ran_ns, now);
	q->now_ns = now;
	q->now_is_fresh = true;
	q->curr = NULL;
	if (why < HX_LEAVE_BLOCK)
		return;
	if (why == HX_LEAVE_BLOCK) {
		dis_stats_blocks(d, now);
		if ((d->p.flags & HX_INTENT_IO_BOUND) || d->learned.behaviour == DIS_IO_BOUND) {
			d->counted_io = true;
			__atomic_fetch_add(&n_io_blocked, 1, __ATOMIC_RELAXED);
		}
	}
	q->idle_since_ns = now;
	q->idle_in_io = __atomic_load_n(&n_io_blocked, __ATOMIC_RELAXED) != 0;
}

static bool dis_preempts(struct hx_runq *rq, const struct hx_thread *t,
			 const struct hx_thread *current)
{
	return dis_comes_before(rq->priv, dis_of(t), dis_of(current));
}

static void dis_changed(struct hx_runq *rq, struct hx_thread *t)
{
	dis_reseat(rq->priv, dis_of(t), hx_now_ns());
}

/* Does d lose less by moving than other? Who says so itself, then who waits for longest: it has the
 * least in this CPU's caches. */
static bool moves_better(const struct dis_thread *d, const struct dis_thread *other)
{
	uint32_t a = d->p.flags & HX_INTENT_MIGRATABLE;
	uint32_t b = other != NULL ? other->p.flags & HX_INTENT_MIGRATABLE : 0;

	return other == NULL || a > b || (a == b && d->s.ready_ns < other->s.ready_ns);
}

/* Of the first 32 that may go. */
static struct hx_thread *dis_steal(struct hx_runq *rq, unsigned cpu)
{
	struct dis_queue *q = rq->priv;
	struct dis_thread *best = NULL, *d;
	unsigned n = 0;
	struct hx_list *l;

	HX_LIST_FOREACH(l, &q->ready) {
		d = HX_LIST_ENTRY(l, struct dis_thread, ready);
		if (d->where == DIS_HELD || (d->p.flags & HX_INTENT_PINNED) ||
		    cpu >= 64 || (d->p.affinity >> cpu & 1) == 0)
			continue;
		if (n++ == DIS_SCAN_MAX)
			break;
		if (moves_better(d, best))
			best = d;
	}
	if (best == NULL)
		return NULL;
	dis_dequeue(rq, best->t);
	return best->t;
}

static void dis_show(struct hx_runq *rq, struct hx_text *out)
{
	const struct dis_queue *q = rq->priv;
	size_t n_fair = q->fair.n_nodes + (q->soon[0] != NULL) + (q->soon[1] != NULL);
	const struct hx_list *l;
	unsigned i, n_idle = 0;

	HX_LIST_FOREACH(l, &q->idle)
		n_idle++;
	hx_text_printf(out, "rt=%zu fair=%zu idle=%u held=%u load_permille=%u iowait_permille=%u "
		       "rt_used_ns=%llu budgets=%u\n", q->rt.n_nodes, n_fair, n_idle,
		       rq->n_held, q->load_permille, q->iowait_permille,
		       (unsigned long long)q->rt_used_ns, dis_n_limited);
	for (i = 0; i < HX_INTENT_CLASSES; i++)
		if (q->n_class[i] != 0)
			hx_text_printf(out, "class=%s ready=%u\n", dis_class_name(i),
				       q->n_class[i]);
}

const struct hx_sched_ops hx_sched_dis_ops = {
	.abi = HX_SCHED_ABI, .name = "dis", .init = dis_init, .fini = dis_fini,
	.admit = dis_admit, .enqueue = dis_enqueue, .dequeue = dis_dequeue, .pick = dis_pick,
	.tick = dis_tick, .leave = dis_leave, .preempts = dis_preempts, .changed = dis_changed,
	.steal = dis_steal, .show = dis_show,
};
HX_SCHED_CLASS(hx_sched_dis_ops);
