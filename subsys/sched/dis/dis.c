// SPDX-License-Identifier: MIT
/*
 * DIS, the dynamic intent scheduler: the operations that core calls. What they decide with is in
 * the neighbours: engine.c (what an intent means), queue.c (order), budget.c (limits), stats.c,
 * policy.c (rules), optimizer.c (learning).
 *
 * Housekeeping is one timer for all queues, every 10 ms: it has the rules look at some threads and
 * takes the load. Each queue has another one, which lets held threads go (budget.c).
 */
#include <hx/core/heap.h>
#include <hx/core/string.h>
#include <hx/hal/timer.h>

#include "hot.h"

struct hx_spinlock dis_lock = HX_SPINLOCK_INIT("dis", HX_RANK_LEAF);
uint32_t dis_n_limited, dis_n_io_blocked;
static struct dis_queue *queues;	/* dis_lock; grows at boot */

struct dis_queue *dis_queues(void)
{
	return queues;
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

/* Of those at the end of the list, which the rules have just looked at. */
static struct hx_thread *find_astray(struct dis_queue *q)
{
	struct hx_list *l = q->ready.prev;

	for (unsigned n = 0; n < DIS_LOOKS_MAX && l != &q->ready; n++, l = l->prev) {
		struct hx_thread *t = HX_LIST_ENTRY(l, struct dis_thread, ready)->t;

		if ((t->cpus >> q->rq->cpu & 1) == 0)
			return t;
	}
	return NULL;
}

/* Who waits here and may not run here any more, because a rule says so, goes elsewhere. The run
 * queue's lock is dropped for each. */
static void dis_send_astray(struct dis_queue *q)
{
	struct hx_thread *t;

	for (unsigned n = 0; !HX_ENABLED(ONE_CPU) && n < DIS_LOOKS_MAX; n++) {
		t = find_astray(q);
		if (t == NULL)
			break;
		hx_runq_send(q->rq, t);
	}
}

void dis_house(hx_ns_t now)
{
	struct dis_queue *q;
	hx_irqflags_t flags;

	dis_policy_sample();
	for (q = queues; q != NULL; q = q->next) {
		flags = hx_runq_lock(q->rq);
		q->house_ns = now;
		dis_rt_window(q, now);
		dis_stats_load(q, now);
		dis_policy_look(q, now);
		dis_send_astray(q);
		hx_runq_unlock(q->rq, flags);
	}
}

void dis_on_house(struct hx_timer *timer)
{
	hx_ns_t now = hx_now_ns();

	dis_house(now);
	hx_timer_start(timer, now + DIS_HOUSE_NS);
}

static struct hx_timer house_timer = { .fn = dis_on_house };

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
	dis_release_init(q);
	q->load_since_ns = q->rt_since_ns = q->house_ns = hx_now_ns();
	rq->priv = q;
	flags = hx_spin_lock_irqsave(&dis_lock);
	q->next = queues;
	queues = q;
	hx_spin_unlock_irqrestore(&dis_lock, flags);
	if (first) {
		dis_n_limited = dis_n_io_blocked = 0;
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
	hx_spin_unlock_irqrestore(&dis_lock, flags);
	if (queues == NULL) {
		hx_timer_cancel(&house_timer);
		dis_policy_stop();
		dis_admit_stop();
	}
	hx_timer_cancel(&q->release);
	hx_free(q);
	rq->priv = NULL;
}

/* ---- the hot path */

static inline void charge(struct dis_queue *q, struct dis_thread *d, uint64_t ran_ns)
{
	d->s.ran_ns += ran_ns;
	q->busy_ns += ran_ns;
	d->used_ns += ran_ns;
	if (HX_LIKELY(d->p.band == DIS_FAIR))
		d->v += (uint64_t)((unsigned __int128)ran_ns * d->p.inverse >> 22);
}

/* What is not plain may have a budget besides, or be real time. */
static void charge_limits(struct dis_queue *q, struct dis_thread *d, uint64_t ran_ns, hx_ns_t now)
{
	dis_rt_charge(q, d, ran_ns);
	if (d->p.quota_ns != 0)
		dis_account_charge(d, ran_ns, now);
}

/* It waits no more. Its parameters are to be made anew: rules, a priority, a boost that ended. */
static HX_NOINLINE void renew(struct dis_thread *d, hx_ns_t now)
{
	if (d->generation != dis_policy_generation)
		dis_policy_forget(d);
	dis_expire(d, now);
	dis_engine(d, d->t->intent);
	dis_account_change(d, now);
}

/* A new thread. What admit made of the default is right still: that one is constant. */
static bool is_special(const struct dis_thread *d)
{
	return d->t->intent != &hx_intent_default || d->p.thread_prio != d->t->prio ||
	       d->p.thread_slice_ns != d->t->slice_ns;
}

/* Statistics, rules and budget of a thread that has just become ready, new or again. A change of
 * its priority was told by changed, one of its slice is found by tick. */
static inline void awaken(struct dis_thread *d, enum hx_enqueue_why why, hx_ns_t now)
{
	d->why = (uint8_t)why;
	if (why == HX_ENQUEUE_WAKE)
		dis_stats_woken(d, now);
	else if (is_special(d))
		renew(d, now);
	if (HX_UNLIKELY(d->counted_io)) {
		d->counted_io = false;
		__atomic_fetch_sub(&dis_n_io_blocked, 1, __ATOMIC_RELAXED);
	}
	if (HX_UNLIKELY(d->generation != dis_policy_generation ||
			(d->boost_until_ns | d->throttle_until_ns) != 0))
		renew(d, now);
	d->used_ns = 0;
	d->force_turn = false;
	d->s.ready_ns = now;
}

static HX_NOINLINE void enqueue_woken(struct dis_queue *q, struct dis_thread *d,
				      enum hx_enqueue_why why)
{
	hx_ns_t now = hx_now_ns();

	dis_end_idle(q, now);
	awaken(d, why, now);
	if (HX_LIKELY(d->p.plain && d->home == q)) {
		dis_fair_place_woken(q, d);
		dis_fair_insert(q, d);
		return;
	}
	dis_account_begin(d, now);
	dis_place(q, d, why, now);
	dis_insert(q, d);
}

/* In turn with others although it did not ask for it: a rule, or its flag, says so. */
static inline bool must_yield(const struct dis_queue *q, const struct dis_thread *d)
{
	return d->force_turn || ((d->p.flags & HX_INTENT_COOPERATIVE) &&
				 q->n_class[d->p.class] != 0);
}

/* Back, without having waited for anything. */
static HX_NOINLINE void enqueue_again(struct dis_queue *q, struct dis_thread *d,
				      enum hx_enqueue_why why)
{
	hx_ns_t now = q->now_ns;	/* leave came just before, unless it was moved or changed */

	d->why = (uint8_t)why;
	if (why == HX_ENQUEUE_CHANGE || why == HX_ENQUEUE_MOVE)
		dis_end_idle(q, now = hx_now_ns());
	else if (why != HX_ENQUEUE_PREEMPT)
		d->used_ns = 0;
	else if (must_yield(q, d))
		why = HX_ENQUEUE_YIELD;
	d->force_turn = false;
	if (why != HX_ENQUEUE_CHANGE)
		d->s.ready_ns = now;
	if (HX_LIKELY(d->p.plain)) {
		dis_fair_place(q, d, why);
		dis_fair_insert(q, d);
	} else {
		dis_place(q, d, why, now);
		dis_insert(q, d);
	}
}

static void dis_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	if (why == HX_ENQUEUE_WAKE || why == HX_ENQUEUE_NEW)
		enqueue_woken(rq->priv, dis_of(t), why);
	else
		enqueue_again(rq->priv, dis_of(t), why);
}

static void dis_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	dis_carry(rq->priv, dis_of(t));
	dis_remove(rq->priv, dis_of(t));
}

static struct hx_thread *dis_pick(struct hx_runq *rq)
{
	struct dis_queue *q = rq->priv;
	struct dis_thread *d = dis_first(q);

	if (HX_UNLIKELY(d == NULL))
		return NULL;
	if (HX_LIKELY(d->p.plain)) {
		dis_fair_remove(q, d);
	} else {
		dis_remove(q, d);
		dis_account_watch(q, d);
	}
	dis_stats_picked(d, q->now_ns);
	q->curr = d;
	return d->t;
}

/* A slice is over. Is there somebody to take turns with? Else another one begins. */
static HX_NOINLINE enum hx_tick end_slice(struct dis_queue *q, struct dis_thread *d)
{
	bool is_last = d->p.band == DIS_IDLE || dis_is_overdrawn(d);
	const struct dis_thread *rt = dis_rt_first(q);
	bool turn;

	dis_learn_slice(d);
	if (d->p.band == DIS_RT && !is_last) {
		/* A promise has no slices: its budget ends its turn. */
		turn = rt != NULL && rt->p.level <= d->p.level && !d->p.reserved;
		if (!d->p.reserved)
			d->deadline_ns = hx_now_ns() + d->p.request_ns;
	} else {
		turn = rt != NULL || dis_fair_first(q) != NULL ||
		       (is_last && !hx_list_is_empty(&q->idle));
	}
	if (!turn) {
		d->used_ns = 0;
		d->key = d->v + d->p.request_ns;
	}
	return turn ? HX_TICK_TURN : HX_TICK_GO_ON;
}

/* Reasons to give way within a slice. */
static HX_NOINLINE bool must_turn(const struct dis_queue *q, const struct dis_thread *d)
{
	bool is_last = d->p.band == DIS_IDLE || dis_is_overdrawn(d);
	const struct dis_thread *rt = dis_rt_first(q), *fair = dis_fair_first(q);

	if (d->force_turn || d->p.no_preempt)
		return d->force_turn;
	if (d->p.band == DIS_RT && !is_last)	/* its deadline may have moved */
		return (rt != NULL && dis_comes_before(q, rt, d)) ||
		       (fair != NULL && dis_rt_is_capped(q, d));
	/* Who was woken and not clearly behind then may be so by now. */
	return rt != NULL || (fair != NULL && (is_last || dis_comes_before(q, fair, d))) ||
	       ((d->p.flags & HX_INTENT_COOPERATIVE) && q->n_class[d->p.class] != 0);
}

static inline enum hx_tick judge(struct dis_queue *q, struct dis_thread *d, uint64_t ran_ns)
{
	/* At the tick nearest to its end. */
	if (d->used_ns + ran_ns / 2 >= d->p.slice_ns)
		return end_slice(q, d);
	if (d->p.plain && q->sum_w == 0 && hx_rb_first(&q->rt) == NULL && !d->force_turn)
		return HX_TICK_GO_ON;	/* nobody is there to give way to */
	return must_turn(q, d) ? HX_TICK_TURN : HX_TICK_GO_ON;
}

/* Its window is over? It is seen at the first tick after housekeeping, which reads the clock. */
static inline bool window_ends(const struct dis_queue *q, const struct dis_thread *d)
{
	return (int64_t)(q->house_ns - d->s.window_ns) >= (int64_t)DIS_WINDOW_NS;
}

static HX_NOINLINE enum hx_tick tick_rarely(struct dis_queue *q, struct dis_thread *d,
					    uint64_t ran_ns)
{
	hx_ns_t now = hx_now_ns();

	if (!d->p.plain) {
		charge_limits(q, d, ran_ns, now);
		if (dis_is_out(d))
			return HX_TICK_OFF;
		dis_account_watch(q, d);
	}
	if (window_ends(q, d))
		dis_stats_window_ends(d, now);
	if (d->p.thread_slice_ns != d->t->slice_ns)
		dis_engine(d, d->t->intent);
	return judge(q, d, ran_ns);
}

static enum hx_tick dis_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	struct dis_queue *q = rq->priv;
	struct dis_thread *d = dis_of(current);

	q->curr = d;
	charge(q, d, ran_ns);
	if (HX_UNLIKELY(!d->p.plain || window_ends(q, d) ||
			d->p.thread_slice_ns != current->slice_ns))
		return tick_rarely(q, d, ran_ns);
	return judge(q, d, ran_ns);
}

static inline bool someone_in_io(void)
{
	return __atomic_load_n(&dis_n_io_blocked, __ATOMIC_RELAXED) != 0;
}

static inline void block(struct dis_thread *d, hx_ns_t now)
{
	dis_stats_blocks(d, now);
	if (HX_UNLIKELY((d->p.flags & HX_INTENT_IO_BOUND) ||
			d->learned.behaviour == DIS_IO_BOUND)) {
		d->counted_io = true;
		__atomic_fetch_add(&dis_n_io_blocked, 1, __ATOMIC_RELAXED);
	}
}

/* It is limited, or real time; it moves, or ends. */
static HX_NOINLINE void leave_rarely(struct dis_queue *q, struct dis_thread *d, uint64_t ran_ns,
				     enum hx_enqueue_why why)
{
	hx_ns_t now = hx_now_ns();

	if (!d->p.plain)
		charge_limits(q, d, ran_ns, now);
	q->now_ns = now;
	if (why >= HX_ENQUEUE_MOVE) {
		if (why == HX_LEAVE_BLOCK)
			block(d, now);
		else if (why == HX_ENQUEUE_MOVE)
			dis_carry(q, d);
		q->idle_in_io = someone_in_io();
	}
	q->curr = NULL;
}

static void dis_leave(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns,
		      enum hx_enqueue_why why)
{
	struct dis_queue *q = rq->priv;
	struct dis_thread *d = dis_of(current);

	charge(q, d, ran_ns);
	if (HX_UNLIKELY(!d->p.plain || (why >= HX_ENQUEUE_MOVE && why != HX_LEAVE_BLOCK))) {
		leave_rarely(q, d, ran_ns, why);
		return;
	}
	q->curr = NULL;
	q->now_ns = hx_now_ns();
	if (why == HX_LEAVE_BLOCK) {
		block(d, q->now_ns);
		q->idle_in_io = someone_in_io();	/* the CPU may idle now */
	}
}

static bool dis_preempts(struct hx_runq *rq, const struct hx_thread *t,
			 const struct hx_thread *current)
{
	return dis_comes_before(rq->priv, dis_of(t), dis_of(current));
}

static void dis_changed(struct hx_runq *rq, struct hx_thread *t)
{
	struct dis_queue *q = rq->priv;

	dis_reseat(q, dis_of(t), hx_now_ns());
	if (dis_of(t) == q->curr)
		dis_account_watch(q, q->curr);
}

/* Does d lose less by moving than other? Who says so itself, then who waits for longest: it has the
 * least in this CPU's caches. */
static bool moves_better(const struct dis_thread *d, const struct dis_thread *other)
{
	uint32_t a = d->p.flags & HX_INTENT_MIGRATABLE;
	uint32_t b = other != NULL ? other->p.flags & HX_INTENT_MIGRATABLE : 0;

	return other == NULL || a > b || (a == b && d->s.ready_ns < other->s.ready_ns);
}

/* By what it asked for, which core checks, and by what rules add to that. */
static bool may_go(const struct dis_thread *d, unsigned cpu)
{
	return hx_sched_may_move(d->t, cpu) && (d->p.flags & HX_INTENT_PINNED) == 0 &&
	       (d->p.affinity >> cpu & 1) != 0;
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
		if (d->where == DIS_HELD || !may_go(d, cpu))
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
