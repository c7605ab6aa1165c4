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
 * 2 Admission. The sum of Q / D over the threads of a CPU stays at or below 95 %; what does not fit
 * is refused. Q / D is the density: for D = T the utilisation, for D < T more than that, and
 * sufficient. The rest keeps the others alive.
 *
 * 3 Why nobody is harmed. (1) No server asks for more than Q / D of any interval between a wake-up
 * and a deadline: one that wakes keeps (budget, d) only while budget / (d - now) <= Q / D, else it
 * begins anew at (Q, now + D); one whose budget is used up is held. (2) So by Liu and Layland all
 * deadlines are met while the sum is at most 1. What a thread does with its budget is its own
 * affair: too long a job makes that job late, not those of others. (3) A debt, from running into a
 * tick beyond the budget, is kept over refills and renewals.
 *
 * 4 Grain. Budgets end at timer ticks. An overrun can last up to one tick before it is seen, and is
 * paid back; deadlines of others can slip by as much. Choose periods of many ticks.
 *
 * 5 Threads without a deadline are in the background: fixed priorities, turns among equals.
 *
 * 6 Locks. All under the run queue's lock; the timer for the next refill is armed under it (RUNQ
 * before TIMERS) and takes it when it fires. The sum of densities moves between CPUs atomically.
 *
 * 7 Sources. Liu, Layland: Scheduling Algorithms for Multiprogramming in a Hard-Real-Time
 * Environment, JACM 20(1), 1973. Abeni, Buttazzo: Integrating Multimedia Applications in Hard
 * Real-Time Systems, RTSS 1998 (the wake-up rule). Differs: a server that is used up waits for its
 * next period (a hard reservation, as in Linux SCHED_DEADLINE) instead of going on with a later
 * deadline.
 */
#include <hx/config/subsys_sched_edf.h>
#include <hx/core/heap.h>
#include <hx/core/sched_class.h>
#include <hx/core/text.h>
#include <hx/sched/levels.h>

#define EDF_SLICE_NS	(CONFIG_SCHED_EDF_SLICE_MS * HX_NS_PER_MS)
#define EDF_UNIT	(1u << 20)			/* a whole CPU */
#define EDF_CAP		((uint32_t)(EDF_UNIT * 95ull / 100))

struct edf_queue {
	struct hx_rb_tree ready;	/* by deadline */
	struct hx_rb_tree held;		/* by release */
	struct hx_timer timer;		/* runs for the first of held */
	struct hx_runq *rq;
	uint32_t promised;		/* atomic; sum of densities, in EDF_UNIT */
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
	struct hx_runq *home;		/* where it was promised */
	uint32_t density;		/* what was promised, in EDF_UNIT */
	uint16_t place;			/* enum edf_place */
	uint16_t new_terms;		/* admitted, and not taken up yet */
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

/* Rounded down, by less than a millionth, so that 19 of 5 % fit; but nobody is free. */
static uint32_t edf_density(const struct hx_intent *want)
{
	uint64_t runtime = want->runtime_ns, deadline = want->deadline_ns;

	if (deadline == 0)
		return 0;
	while (deadline >> 43 != 0) {
		runtime >>= 1;
		deadline >>= 1;
	}
	return (uint32_t)hx_max_u64(runtime * EDF_UNIT / deadline, 1);
}

static uint32_t *edf_promised(struct hx_runq *rq)
{
	return &((struct edf_queue *)rq->priv)->promised;
}

static int edf_admit(struct hx_thread *t, const struct hx_intent *want)
{
	struct edf_thread *e = edf_of(t);
	uint32_t density = want != NULL ? edf_density(want) : 0, *promised;
	struct hx_runq *rq = t->rq;
	hx_irqflags_t flags = hx_runq_lock(rq);
	int err = 0;

	if (t->intent == NULL)
		*e = (struct edf_thread){ .home = rq };
	promised = edf_promised(e->home);
	if (density > e->density && *promised - e->density + density > EDF_CAP) {
		err = -HX_ENOSPC;
	} else {
		__atomic_fetch_add(promised, density - e->density, __ATOMIC_RELAXED);
		e->density = density;
		e->new_terms = 1;
	}
	hx_runq_unlock(rq, flags);
	return err;
}

/* It moved to another CPU: the promise goes with it. */
static void edf_move_promise(struct edf_thread *e, struct hx_runq *to)
{
	if (e->home == to)
		return;
	__atomic_fetch_sub(edf_promised(e->home), e->density, __ATOMIC_RELAXED);
	__atomic_fetch_add(edf_promised(to), e->density, __ATOMIC_RELAXED);
	e->home = to;
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
		hx_timer_start(&q->timer, edf_release(edf_thread_of(first)));
}

/* Among the ready or, before its next period begins, the held ones. */
static void edf_place(struct edf_queue *q, struct hx_thread *t, hx_ns_t now)
{
	struct edf_thread *e = edf_of(t);

	if (e->budget_ns <= 0)
		edf_next_period(t, now);
	if (HX_LIKELY(edf_release(t) <= now)) {
		e->place = EDF_READY;
		hx_rb_insert(&q->ready, &e->node);
		return;
	}
	e->place = EDF_HELD;
	hx_rb_insert(&q->held, &e->node);
	q->rq->n_held++;
	if (hx_rb_first(&q->held) == &e->node)
		edf_arm(q);
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

static void edf_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	struct edf_queue *q = rq->priv;
	struct edf_thread *e = edf_of(t);
	hx_ns_t now;

	if (why == HX_ENQUEUE_MOVE)
		edf_move_promise(e, rq);
	if (edf_has_deadline(t)) {
		now = hx_now_ns();
		if (why == HX_ENQUEUE_WAKE || why == HX_ENQUEUE_NEW)
			edf_wake(t, now);
		edf_place(q, t, now);
	} else if (why == HX_ENQUEUE_PREEMPT) {
		hx_levels_push_front(&q->background, t);
	} else {
		e->used_ns = 0;
		hx_levels_push_back(&q->background, t);
	}
	if (why == HX_ENQUEUE_CHANGE)
		hx_runq_kick(rq);	/* it may have been held before */
}

static void edf_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	struct edf_queue *q = rq->priv;

	if (edf_of(t)->place != EDF_NOWHERE)
		edf_take(q, edf_of(t));
	else
		hx_levels_remove(&q->background, t);
}

static struct hx_thread *edf_pick(struct hx_runq *rq)
{
	struct edf_queue *q = rq->priv;
	struct hx_rb_node *first = hx_rb_first(&q->ready);

	if (first == NULL)
		return hx_levels_pop(&q->background);
	edf_take(q, edf_of(edf_thread_of(first)));
	return edf_thread_of(first);
}

static enum hx_tick edf_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	const struct edf_queue *q = rq->priv;
	struct edf_thread *e = edf_of(current);
	uint64_t slice = current->slice_ns != 0 ? current->slice_ns : EDF_SLICE_NS;

	if (edf_has_deadline(current)) {
		e->budget_ns -= (int64_t)ran_ns;
		return e->budget_ns > 0 ? HX_TICK_GO_ON : HX_TICK_OFF;
	}
	e->used_ns += ran_ns;
	if (e->used_ns + ran_ns / 2 < slice)	/* ends at the tick nearest to its end */
		return HX_TICK_GO_ON;
	e->used_ns = 0;
	return hx_bitmap_test(q->background.map, current->prio) ? HX_TICK_TURN : HX_TICK_GO_ON;
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

	hx_text_printf(out, "promised_ppm=%llu of=950000 deadlines_ready=%zu held=%zu\n",
		       (unsigned long long)q->promised * 1000000 / EDF_UNIT, q->ready.n_nodes,
		       q->held.n_nodes);
}

const struct hx_sched_ops hx_sched_edf_ops = {
	.abi = HX_SCHED_ABI, .promises = HX_SCHED_FIFO | HX_SCHED_STRICT, .name = "edf",
	.init = edf_init, .fini = edf_fini, .admit = edf_admit,
	.enqueue = edf_enqueue, .dequeue = edf_dequeue, .pick = edf_pick, .tick = edf_tick,
	.leave = edf_leave, .preempts = edf_preempts, .changed = edf_changed,
	.steal = HX_ENABLED(ONE_CPU) ? NULL : edf_steal, .show = edf_show,
};
HX_SCHED_CLASS(hx_sched_edf_ops);
