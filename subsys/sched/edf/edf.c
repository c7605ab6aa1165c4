// SPDX-License-Identifier: MIT
/*
 * Earliest deadline first, with a constant bandwidth server for each thread that has a deadline.
 *
 * 1 Concepts. An intent with (runtime Q, deadline D, period T), Q <= D <= T, is a promise: in each
 * period the thread may run Q, and has run it before D. Its server holds a budget (what is left of
 * Q) and an absolute deadline d; of all ready servers the one with the earliest d runs, at once.
 *
 *	       |<------- T ------->|			budget falls while the thread runs;
 *	d-D    |            d      |			at 0 it is held until d - D + T,
 *	  -----+--[##]--[#]-+------+--[###]----		then it has Q again and d + T
 *	  Q    \__  \__  \_0 held..| Q
 *
 * 2 Admission. The sum of Q / D over the threads of a CPU stays at or below 95 %; what fits on none
 * that the thread may run on is refused (hx/core/promise.h). Q / D is the density: for D = T the
 * utilisation, for D < T more than that, and sufficient. The rest keeps the others alive.
 *
 * 3 Why nobody is harmed. (1) No server asks for more than Q / D of any interval between a wake-up
 * and a deadline: one that wakes keeps (budget, d) only while budget / (d - now) <= Q / D, else it
 * begins anew at (Q, now + D); one whose budget is used up is held. (2) So by Liu and Layland all
 * deadlines are met while the sum is at most 1. What a thread does with its budget is its own
 * affair: too long a job makes that job late, not those of others. (3) A debt, from running on
 * until the interrupt, is kept over refills and renewals.
 *
 * 4 Grain. A budget ends when it is used up and a period begins when it begins, not at the tick
 * after that: the timer is set to these times. What remains is HX_TICK_IN_LATE_NS and the way into
 * the interrupt; an overrun by that is paid back, and deadlines of others can slip by as much.
 *
 * 5 Threads without a deadline are in the background: fixed priorities, turns among equals.
 *
 * 6 Locks. All under the run queue's lock; the timer for the next refill is armed under it (RUNQ
 * before TIMERS) and takes it when it fires.
 *
 * 7 Sources. Liu, Layland: Scheduling Algorithms for Multiprogramming in a Hard-Real-Time
 * Environment, JACM 20(1), 1973. Abeni, Buttazzo: Integrating Multimedia Applications in Hard
 * Real-Time Systems, RTSS 1998 (the wake-up rule). Differs: a server that is used up waits for its
 * next period (a hard reservation, as in Linux SCHED_DEADLINE) instead of going on with a later
 * deadline.
 */
#include <hx/config/subsys_sched_edf.h>
#include <hx/core/heap.h>
#include <hx/core/rbtree_build.h>
#include <hx/core/sched_class.h>
#include <hx/core/sched_state.h>
#include <hx/core/text.h>
#include <hx/sched/levels.h>

#include "edf_priv.h"

#define EDF_SLICE_NS	(CONFIG_SCHED_EDF_SLICE_MS * HX_NS_PER_MS)

struct edf_queue {
	struct hx_rb_tree ready;	/* by deadline */
	struct hx_rb_tree held;		/* by release */
	struct hx_timer timer;		/* runs for the first of held */
	struct hx_runq *rq;
	struct hx_levels background;
};

enum edf_place {
	EDF_NOWHERE,		/* runs, waits, or is in the background */
	EDF_READY,
	EDF_HELD,
};

/* In sched_priv. The server's words mean nothing while there is no deadline. */
struct edf_thread {
	struct hx_rb_node node;
	int64_t budget_ns;		/* negative: a debt */
	hx_ns_t deadline;		/* absolute */
	uint64_t used_ns;		/* background: of the slice */
	uint32_t place;			/* enum edf_place */
	uint32_t new_terms;		/* a: admitted, and not taken up yet */
};

_Static_assert(sizeof(struct edf_thread) <= sizeof(((struct hx_thread *)0)->sched_priv), "room");

static struct edf_thread *edf_of(const struct hx_thread *t)
{
	return (struct edf_thread *)(uintptr_t)t->sched_priv;
}

static struct hx_thread *edf_thread_of(const struct hx_rb_node *n)
{
	return HX_CONTAINER_OF(HX_CONTAINER_OF(n, struct edf_thread, node), struct hx_thread,
			       sched_priv);
}

static bool edf_has_deadline(const struct hx_thread *t)
{
	return t->intent->deadline_ns != 0;
}

static bool edf_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return HX_CONTAINER_OF(a, const struct edf_thread, node)->deadline <
	       HX_CONTAINER_OF(b, const struct edf_thread, node)->deadline;
}

/* The start of the period that its deadline belongs to: it may not run before. */
static hx_ns_t edf_release(const struct hx_thread *t)
{
	return edf_of(t)->deadline - t->intent->deadline_ns;
}

static bool edf_released_before(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return edf_release(edf_thread_of(a)) < edf_release(edf_thread_of(b));
}

static void edf_refill(struct hx_timer *timer);

static int edf_init(struct hx_runq *rq)
{
	struct edf_queue *q = hx_zalloc(sizeof(*q));

	if (q == NULL)
		return -HX_ENOMEM;
	hx_rb_init(&q->ready, edf_less);
	hx_rb_init(&q->held, edf_released_before);
	hx_levels_init(&q->background);
	q->timer.fn = edf_refill;
	q->rq = rq;
	rq->priv = q;
	return 0;
}

static void edf_fini(struct hx_runq *rq)
{
	struct edf_queue *q = rq->priv;

	hx_timer_cancel(&q->timer);
	hx_free(q);
	rq->priv = NULL;
}

/* ---- admission */

static int edf_admit(struct hx_thread *t, const struct hx_intent *want)
{
	int err;

	if (t->intent == NULL)
		*edf_of(t) = (struct edf_thread){ .new_terms = 0 };
	err = hx_sched_promise(t, want, want != NULL ? hx_promise_density(want) : 0);
	if (err == 0)
		__atomic_store_n(&edf_of(t)->new_terms, 1, __ATOMIC_RELAXED);
	return err;
}

/* ---- servers */

/* Rule (1): what is left may be used up to the old deadline only at the promised rate. */
static void edf_wake(struct hx_thread *t, hx_ns_t now)
{
	struct edf_thread *e = edf_of(t);
	const struct hx_intent *i = t->intent;

	if (e->deadline > now &&
	    (e->budget_ns <= 0 || (unsigned __int128)(uint64_t)e->budget_ns * i->deadline_ns <=
				  (unsigned __int128)(e->deadline - now) * i->runtime_ns))
		return;
	e->budget_ns = (e->budget_ns < 0 ? e->budget_ns : 0) + (int64_t)i->runtime_ns;
	e->deadline = now + i->deadline_ns;
}

/* A budget that is used up comes back in later periods: as many as it takes to have some again. */
static void edf_next_period(struct hx_thread *t, hx_ns_t now)
{
	struct edf_thread *e = edf_of(t);
	const struct hx_intent *i = t->intent;
	uint64_t n = (uint64_t)-e->budget_ns / i->runtime_ns + 1;

	e->budget_ns += (int64_t)(n * i->runtime_ns);
	e->deadline += n * i->period_ns;
	if (e->deadline <= now)		/* it came late to the CPU, by more than a period */
		e->deadline = now + i->deadline_ns;
}

static void edf_arm(struct edf_queue *q)
{
	struct hx_rb_node *first = hx_rb_first(&q->held);

	if (first != NULL)
		hx_timer_start_exact(&q->timer, edf_release(edf_thread_of(first)));
}

/* Before its next period begins it is put among the held ones; else it is to be among the ready
 * ones, and that is for the caller. */
static HX_ALWAYS_INLINE bool edf_is_held(struct edf_queue *q, struct hx_thread *t, hx_ns_t now)
{
	struct edf_thread *e = edf_of(t);

	if (e->budget_ns <= 0)
		edf_next_period(t, now);
	if (HX_LIKELY(edf_release(t) <= now)) {
		e->place = EDF_READY;
		return false;
	}
	e->place = EDF_HELD;
	hx_rb_insert(&q->held, &e->node);
	q->rq->n_held++;
	if (hx_rb_first(&q->held) == &e->node)
		edf_arm(q);
	return true;
}

static void edf_place(struct edf_queue *q, struct hx_thread *t, hx_ns_t now)
{
	if (!edf_is_held(q, t, now))
		hx_rb_insert(&q->ready, &edf_of(t)->node);
}

static void edf_take(struct edf_queue *q, struct edf_thread *e)
{
	if (e->place == EDF_HELD) {
		hx_rb_remove(&q->held, &e->node);
		q->rq->n_held--;
	} else {
		hx_rb_remove(&q->ready, &e->node);
	}
	e->place = EDF_NOWHERE;
}

/* The timer: periods begin. */
static void edf_refill(struct hx_timer *timer)
{
	struct edf_queue *q = HX_CONTAINER_OF(timer, struct edf_queue, timer);
	hx_irqflags_t flags = hx_runq_lock(q->rq);
	hx_ns_t now = hx_now_ns();
	struct hx_rb_node *n;
	bool any = false;

	while ((n = hx_rb_first(&q->held)) != NULL && edf_release(edf_thread_of(n)) <= now) {
		edf_take(q, edf_of(edf_thread_of(n)));
		edf_place(q, edf_thread_of(n), now);
		any = true;
	}
	edf_arm(q);
	if (any)
		hx_runq_kick(q->rq);
	hx_runq_unlock(q->rq, flags);
}

/* ---- operations */

static HX_NOINLINE void edf_enqueue_server(struct hx_runq *rq, struct hx_thread *t,
					   enum hx_enqueue_why why)
{
	hx_ns_t now = hx_now_ns();

	if (why == HX_ENQUEUE_WAKE || why == HX_ENQUEUE_NEW)
		edf_wake(t, now);
	edf_place(rq->priv, t, now);
	if (why == HX_ENQUEUE_CHANGE)
		hx_runq_kick(rq);
}

/* It has no deadline, or no more; it may have been held before. */
static HX_NOINLINE void edf_enqueue_changed(struct hx_runq *rq, struct hx_thread *t)
{
	edf_of(t)->used_ns = 0;
	hx_levels_push_back(&((struct edf_queue *)rq->priv)->background, t);
	hx_runq_kick(rq);
}

/* What is rare ends in a call, so that the rest saves no registers. */
static void edf_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	struct edf_queue *q = rq->priv;

	if (edf_has_deadline(t)) {
		edf_enqueue_server(rq, t, why);
	} else if (why == HX_ENQUEUE_PREEMPT) {
		hx_levels_push_front(&q->background, t);
	} else if (why == HX_ENQUEUE_CHANGE) {
		edf_enqueue_changed(rq, t);
	} else {
		edf_of(t)->used_ns = 0;
		hx_levels_push_back(&q->background, t);
	}
}

static void edf_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	struct edf_queue *q = rq->priv;

	if (edf_of(t)->place != EDF_NOWHERE)
		edf_take(q, edf_of(t));
	else
		hx_levels_remove(&q->background, t);
}

static HX_NOINLINE struct hx_thread *edf_pick_server(struct hx_runq *rq, struct hx_thread *t)
{
	edf_take(rq->priv, edf_of(t));
	hx_runq_tick_in(rq, (uint64_t)edf_of(t)->budget_ns);
	return t;
}

static struct hx_thread *edf_pick(struct hx_runq *rq)
{
	struct edf_queue *q = rq->priv;
	struct hx_rb_node *first = hx_rb_first(&q->ready);

	return first != NULL ? edf_pick_server(rq, edf_thread_of(first))
	       : hx_levels_pop(&q->background);
}

static enum hx_tick edf_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	const struct edf_queue *q = rq->priv;
	struct edf_thread *e = edf_of(current);
	uint64_t slice = current->slice_ns != 0 ? current->slice_ns : EDF_SLICE_NS;

	if (edf_has_deadline(current)) {
		e->budget_ns -= (int64_t)ran_ns;
		if (e->budget_ns <= 0)
			return HX_TICK_OFF;
		hx_runq_tick_in(rq, (uint64_t)e->budget_ns);
		return HX_TICK_GO_ON;
	}
	e->used_ns += ran_ns;
	if (e->used_ns + ran_ns / 2 < slice)	/* ends at the tick nearest to its end */
		return HX_TICK_GO_ON;
	e->used_ns = 0;
	return hx_levels_has(&q->background, current->prio) ? HX_TICK_TURN : HX_TICK_GO_ON;
}

static void edf_leave(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns,
		      enum hx_enqueue_why why)
{
	struct edf_thread *e = edf_of(current);

	if (edf_has_deadline(current))
		e->budget_ns -= (int64_t)ran_ns;
	else
		e->used_ns += ran_ns;
}

static bool edf_preempts(struct hx_runq *rq, const struct hx_thread *t,
			 const struct hx_thread *current)
{
	if (edf_has_deadline(t))
		return edf_of(t)->place == EDF_READY &&
		       (!edf_has_deadline(current) ||
			edf_of(t)->deadline < edf_of(current)->deadline);
	return !edf_has_deadline(current) && t->prio < current->prio;
}

/* New terms begin as if it woke: changing them often earns nothing. A priority needs no more than
 * the dequeue and enqueue around this. */
static void edf_changed(struct hx_runq *rq, struct hx_thread *t)
{
	struct edf_thread *e = edf_of(t);

	if (e->new_terms && edf_has_deadline(t)) {
		if (e->budget_ns > (int64_t)t->intent->runtime_ns)
			e->budget_ns = (int64_t)t->intent->runtime_ns;
		edf_wake(t, hx_now_ns());
		if (t->state == HX_THREAD_RUNNING && e->budget_ns > 0)
			hx_runq_tick_in(rq, (uint64_t)e->budget_ns);
	}
	e->new_terms = 0;
}

/* Deadlines were promised for this CPU: only the background moves. */
static struct hx_thread *edf_steal(struct hx_runq *rq, unsigned cpu)
{
	return hx_levels_steal(&((struct edf_queue *)rq->priv)->background, cpu);
}

static void edf_show(struct hx_runq *rq, struct hx_text *out)
{
	const struct edf_queue *q = rq->priv;

	hx_text_printf(out, "deadlines_ready=%zu held=%zu\n", q->ready.n_nodes, q->held.n_nodes);
}

const struct hx_sched_ops hx_sched_edf_ops = {
	.abi = HX_SCHED_ABI, .promises = HX_SCHED_FIFO | HX_SCHED_STRICT, .name = "edf",
	.init = edf_init, .fini = edf_fini, .admit = edf_admit,
	.enqueue = edf_enqueue, .dequeue = edf_dequeue, .pick = edf_pick, .tick = edf_tick,
	.leave = edf_leave, .preempts = edf_preempts, .changed = edf_changed,
	.steal = HX_ENABLED(ONE_CPU) ? NULL : edf_steal, .show = edf_show,
};
HX_SCHED_CLASS(hx_sched_edf_ops);

/* ---- for a swap */

static size_t edf_list(struct hx_runq *rq, struct hx_thread **ready, size_t room)
{
	const struct edf_queue *q = rq->priv;
	const struct hx_rb_node *node;
	size_t n = 0;

	for (node = hx_rb_first(&q->ready); node != NULL && n < room; node = hx_rb_next(node))
		ready[n++] = edf_thread_of(node);
	n += hx_levels_list(&q->background, ready + n, room - n);
	for (node = hx_rb_first(&q->held); node != NULL && n < room; node = hx_rb_next(node))
		ready[n++] = edf_thread_of(node);
	return n;
}

static void edf_save_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct hx_thread *t = records[i]->t;
		const struct edf_thread *e = edf_of(t);
		struct hx_sched_state *s = &records[i]->state;

		s->has |= HX_STATE_USED;
		s->used_ns = e->used_ns;
		if (HX_LIKELY(!edf_has_deadline(t)))
			continue;
		s->has |= HX_STATE_BUDGET | HX_STATE_DEADLINE;
		s->budget_ns = e->budget_ns;
		s->deadline_ns = e->deadline;
		s->period_end_ns = edf_release(t) + t->intent->period_ns;
	}
}

/* What was saved, if it can be: no more than the budget, no debt of more than 8 periods. */
static bool edf_load_server(struct hx_thread *t, const struct hx_sched_state *s, hx_ns_t now)
{
	const int64_t runtime = (int64_t)t->intent->runtime_ns;
	const hx_ns_t most = now + t->intent->deadline_ns + 8 * t->intent->period_ns;

	if ((s->has & HX_STATE_DEADLINE) == 0 || (s->has & HX_STATE_BUDGET) == 0 ||
	    s->deadline_ns < t->intent->deadline_ns || s->deadline_ns > most ||
	    s->budget_ns < -8 * runtime)
		return false;
	edf_of(t)->budget_ns = s->budget_ns < runtime ? s->budget_ns : runtime;
	edf_of(t)->deadline = s->deadline_ns;
	return true;
}

/* admit has filled the words. A server that nobody knew begins as if it woke. True: it is ready and
 * not held, and for the tree. */
static bool edf_load(struct edf_queue *q, const struct hx_sched_record *r, hx_ns_t now)
{
	struct edf_thread *e = edf_of(r->t);

	e->new_terms = 0;
	e->used_ns = r->state.used_ns;
	if (HX_LIKELY(!edf_has_deadline(r->t))) {
		if (r->t->state == HX_THREAD_READY)
			hx_levels_push_back(&q->background, r->t);
		return false;
	}
	if (!edf_load_server(r->t, &r->state, now))
		edf_wake(r->t, now);
	return r->t->state == HX_THREAD_READY && !edf_is_held(q, r->t, now);
}

/* Servers that may run are put in order at once. Each is held for a time of its own: those that are
 * take the way of every day. */
static void edf_load_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	struct edf_queue *q = rq->priv;
	struct hx_rb_chain ready = HX_RB_CHAIN_INIT;
	hx_ns_t now = hx_now_ns();
	size_t i;

	for (i = 0; i < n; i++) {
		if (edf_load(q, records[i], now))
			hx_rb_chain_add(&ready, &edf_of(records[i]->t)->node);
	}
	hx_rb_build(&q->ready, &ready, edf_less, NULL);
}

static const hx_timer_fn_t edf_timers[] = { edf_refill, NULL };

static const struct hx_sched_state_ops edf_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "edf",
	.turn_ns = EDF_SLICE_NS, .wait_ns = 100 * HX_NS_PER_MS,
	.fields = HX_STATE_USED | HX_STATE_BUDGET | HX_STATE_DEADLINE,
	.n_words = HX_SCHED_WORDS(struct edf_thread), .timers = edf_timers,
	.list = edf_list, .save_all = edf_save_all, .load_all = edf_load_all,
};
HX_SCHED_STATE(edf_state);
