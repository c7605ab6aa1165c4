// SPDX-License-Identifier: MIT
/*
 * Earliest eligible virtual deadline first.
 *
 * 1 Concepts. An ideal CPU would run all threads at once, each at a speed in proportion to its
 * weight w. Virtual time V goes on by 1024/W per ns, W being the weight of all who take part: by it
 * all threads of the ideal CPU go on alike. v is how far a thread really came, its own service in
 * the same unit. What it is owed is its lag = w * (V - v); the lags of all add up to 0. A thread
 * asks for slices: a request of r ns, begun at v, has the virtual deadline d = v + r * 1024 / w. A
 * thread is eligible if it is owed something (lag >= 0, v <= V). Of the eligible ones, the one with
 * the earliest deadline runs until its request is served, or until an eligible one with an earlier
 * deadline wakes up.
 *
 * 2 Data. Ready threads are in a tree by deadline; each node also keeps the least v of its subtree,
 * so the first eligible one is found on one way down:
 *
 *	           d=40 v=7 (least 2)		V = 5: left has one with 2 <= 5, so go left;
 *	          /                  \		d=30 has none on its left, and is not
 *	  d=30 v=9 (least 2)    d=70 v=3	eligible; on its right d=35 is: that one.
 *	          \
 *	     d=35 v=2
 *
 * Before the tree there is room for two, unordered: a CPU with no more ready threads than that,
 * which is most of them, never touches the tree. The one that runs is in neither, but takes part.
 * V is the mean of all v, by weight. It is kept as base + sum / W with sum = the sum of all
 * w * (v - base), brought to 0 <= sum < W before it is used: then v <= V is v <= base, in integers.
 *
 * 3 Invariants. (1) sum is that sum, load is W, over the ready threads and the running one. (2) A
 * thread that waits keeps its lag, a debt less what it paid off meanwhile, and joins with it:
 * neither sleeping before the end of a slice nor waking before a tick earns anything. (3) In a
 * steady system each lag stays within the longest request (or the tick, if that is longer):
 * -r < lag < r; the paper's theorem 1. Joining with a lag moves V by lag / W, so that what one
 * brings, all others together owe or are owed.
 *
 * 4 Arithmetic. v and d run freely through 64 bits and are compared by their differences. r is at
 * most 100 ms, w at least 1: r * 1024 / w <= 1.03e11 < 2^37. A kept lag is at most EEVDF_LAG_MAX
 * (100 ms * 1024 < 2^37), so for each w * |v - base| < 2^37 * (2 + w / W) <= 2^55, and the sum over
 * 10^6 threads of ordinary lags (2^37 each) < 2^57. ran_ns * 1024 fits up to 2^53 ns (104 days).
 * What a division leaves over is carried to the next, so services stay exact for ever.
 *
 * 5 Cost. O(log n) for enqueue, dequeue and pick; a pick of the leftmost is one look, and up to
 * two ready threads cost no tree at all, and their pick no V.
 *
 * 6 Sources. Stoica, Abdel-Wahab: Earliest Eligible Virtual Deadline First, TR-95-22, Old Dominion
 * University 1995. Linux 6.6 for the mean as V, lag over sleep, and latency-nice as request length.
 * Differs: the tree is by deadline with the least v (there the other way round), a debt is paid off
 * by a computed rate (there the sleeper stays in the queue until it is), and a yield gives up the
 * rest of the request.
 */
#include <hx/core/assert.h>
#include <hx/core/heap.h>
#include <hx/core/text.h>

#include "eevdf_priv.h"

/* How long t's requests are, in ns: its own slice, or the default by latency_nice. */
static uint64_t eevdf_request_ns(const struct hx_thread *t)
{
	uint64_t ns = t->slice_ns;

	if (ns == 0) {
		ns = EEVDF_SLICE_NS;
		if (t->intent->latency_nice != 0)
			ns = ns * HX_WEIGHT_NICE_0 /
			     hx_sched_weight_of_nice(t->intent->latency_nice);
	}
	return hx_max_u64(hx_min_u64(ns, EEVDF_REQUEST_MAX_NS), EEVDF_REQUEST_MIN_NS);
}

static int eevdf_init(struct hx_runq *rq)
{
	struct eevdf_queue *q = hx_zalloc(sizeof(*q));

	if (q == NULL)
		return -HX_ENOMEM;
	hx_rb_init(&q->ready, eevdf_less);
	rq->priv = q;
	return 0;
}

static void eevdf_fini(struct hx_runq *rq)
{
	hx_free(rq->priv);
	rq->priv = NULL;
}

/* ---- virtual time */

/* Bring sum into 0..load-1: base is V rounded down. */
static void eevdf_settle(struct eevdf_queue *q)
{
	int64_t step;

	if (HX_LIKELY((uint64_t)q->sum < (uint64_t)q->load) || q->load == 0)
		return;
	step = q->sum / q->load;
	q->sum -= step * q->load;
	if (q->sum < 0) {
		q->sum += q->load;
		step--;
	}
	q->base += (uint64_t)step;
}

static bool eevdf_is_eligible(const struct eevdf_queue *q, uint64_t v)
{
	return (int64_t)(v - q->base) <= 0;
}

/* t got service by real time, or gives it up: `virt` of its own virtual time. */
static void eevdf_go_on(struct eevdf_queue *q, struct eevdf_thread *e, uint64_t virt)
{
	e->v += virt;
	if (q->load == e->weight) {	/* alone it is the mean */
		q->base = e->v;
		q->sum = 0;
	} else {
		q->sum += (int64_t)(virt * e->weight);
	}
}

/*
 * Where a thread with a lag joins: so far from V that it has that lag when V, with it, has moved. A
 * debt is paid off while it is away, as fast as it would be if it were there: W nanoseconds of the
 * others' service are w * W / (W + w) of its own, so all of it needs debt / w + debt / W of V.
 */
static uint64_t eevdf_entry(const struct eevdf_queue *q, const struct eevdf_thread *e)
{
	uint64_t far = (uint64_t)(e->lag / e->weight + e->lag / q->load), v = q->base - far;

	if (e->lag < 0 && e->left == q) {
		v = e->v - far;
		if (eevdf_is_eligible(q, v))
			v = q->base;
	}
	return v;
}

/* t begins to take part, with a new request. */
static HX_ALWAYS_INLINE void eevdf_join(struct eevdf_queue *q, struct eevdf_thread *e)
{
	eevdf_settle(q);
	/* Alone nobody owes it anything. */
	e->v = e->lag != 0 && q->load != 0 ? eevdf_entry(q, e) : q->base;
	e->deadline = e->v + e->request;
	e->rest = 0;
	q->sum += (int64_t)(e->v - q->base) * e->weight;
	q->load += e->weight;
	eevdf_settle(q);
}

/* The same, and what was left of its last request counts again. */
static HX_NOINLINE void eevdf_rejoin(struct eevdf_queue *q, struct eevdf_thread *e)
{
	uint64_t left = e->deadline;

	eevdf_join(q, e);
	if (left != 0)
		e->deadline = e->v + hx_min_u64(left / e->weight, e->request);
}

/* ... and ends to, keeping its lag. */
static HX_ALWAYS_INLINE void eevdf_part(struct eevdf_queue *q, struct eevdf_thread *e)
{
	int64_t ahead, lag;

	if (HX_UNLIKELY((uint64_t)q->sum >= EEVDF_SUM_SMALL))
		eevdf_settle(q);
	ahead = (int64_t)(e->v - q->base) * e->weight;
	lag = (int64_t)e->weight * q->sum / q->load - ahead - e->rest;
	if (HX_UNLIKELY((uint64_t)(lag + EEVDF_LAG_MAX) > 2 * (uint64_t)EEVDF_LAG_MAX))
		lag = lag > 0 ? EEVDF_LAG_MAX : -EEVDF_LAG_MAX;
	e->lag = lag;
	q->sum -= ahead;
	q->load -= e->weight;
	eevdf_settle(q);
	e->v = q->base;
	e->left = q;
}

/* The same, keeping what is left of its request as well. */
static HX_NOINLINE void eevdf_part_for_now(struct eevdf_queue *q, struct eevdf_thread *e)
{
	int64_t left = (int64_t)(e->deadline - e->v);

	e->deadline = left > 0 ? (uint64_t)left * e->weight : 0;
	eevdf_part(q, e);
}

void eevdf_take_terms(struct hx_thread *t)
{
	struct eevdf_thread *e = eevdf_of(t);

	e->weight = hx_sched_weight(t);
	e->request = eevdf_request_ns(t) * HX_WEIGHT_NICE_0 / e->weight;
}

static HX_NOINLINE void eevdf_welcome(struct eevdf_queue *q, struct hx_thread *t)
{
	*eevdf_of(t) = (struct eevdf_thread){ .lag = 0 };
	eevdf_take_terms(t);
	eevdf_join(q, eevdf_of(t));
}

/* The boot thread comes here without having been picked. */
static HX_COLD void eevdf_adopt(struct eevdf_queue *q, struct hx_thread *t)
{
	eevdf_welcome(q, t);
	q->current = t;
}

static HX_ALWAYS_INLINE void eevdf_charge(struct eevdf_queue *q, struct hx_thread *t,
					  uint64_t ran_ns)
{
	struct eevdf_thread *e = eevdf_of(t);
	uint64_t done;

	if (HX_UNLIKELY(q->current != t))
		eevdf_adopt(q, t);
	if (HX_LIKELY(e->weight == HX_WEIGHT_NICE_0)) {		/* rest is 0, and stays so */
		eevdf_go_on(q, e, ran_ns);
		return;
	}
	done = ran_ns * HX_WEIGHT_NICE_0 + e->rest;
	eevdf_go_on(q, e, done / e->weight);
	e->rest = (uint32_t)(done % e->weight);
}

/* ---- operations */

static HX_ALWAYS_INLINE void eevdf_put(struct eevdf_queue *q, struct hx_thread *t)
{
	if (HX_LIKELY(q->n_few < EEVDF_FEW))
		q->few[q->n_few++] = t;
	else
		hx_rb_insert_augmented(&q->ready, &eevdf_of(t)->node, eevdf_update);
}

/* t joins, and not at the time of the last tick. */
static HX_NOINLINE void eevdf_come(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	struct eevdf_queue *q = rq->priv;

	if (q->current != NULL)
		eevdf_charge(q, q->current, hx_runq_take_ran_ns(rq));
	if (HX_LIKELY(why == HX_ENQUEUE_WAKE))
		eevdf_join(q, eevdf_of(t));
	else if (why == HX_ENQUEUE_NEW)
		eevdf_welcome(q, t);
	else
		eevdf_rejoin(q, eevdf_of(t));
	eevdf_put(q, t);
}

/* An eligible one that yields would perhaps be picked again: it gives up what is left. */
static HX_ALWAYS_INLINE void eevdf_give_up(struct eevdf_queue *q, struct eevdf_thread *e)
{
	eevdf_settle(q);
	if (!eevdf_is_eligible(q, e->v))
		return;
	if ((int64_t)(e->deadline - e->v) > 0)
		eevdf_go_on(q, e, e->deadline - e->v);
	e->deadline = e->v + e->request;
}

static void eevdf_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	switch (why) {
	case HX_ENQUEUE_YIELD:
		eevdf_give_up(rq->priv, eevdf_of(t));
		break;
	case HX_ENQUEUE_PREEMPT:
	case HX_ENQUEUE_SLICE:		/* tick began the next request */
		break;
	default:
		eevdf_come(rq, t, why);
		return;
	}
	eevdf_put(rq->priv, t);
}

/* Off the ready ones. */
static void eevdf_take(struct eevdf_queue *q, struct hx_thread *t)
{
	if (HX_UNLIKELY(eevdf_of(t)->node.linked))
		hx_rb_remove_augmented(&q->ready, &eevdf_of(t)->node, eevdf_update);
	else if (q->few[--q->n_few] != t)
		q->few[0] = q->few[1];
}

_Static_assert(EEVDF_FEW == 2, "eevdf_take() closes the gap of one among two");

static void eevdf_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	eevdf_take(rq->priv, t);
	eevdf_part_for_now(rq->priv, eevdf_of(t));
}

/* The eligible one with the earliest deadline in the tree; NULL: none. */
static struct hx_thread *eevdf_first(const struct eevdf_queue *q)
{
	struct hx_rb_node *n = hx_rb_first(&q->ready);

	if (n == NULL || eevdf_is_eligible(q, eevdf_node(n)->v))
		return n != NULL ? eevdf_thread_of(n) : NULL;
	n = q->ready.root;
	while (n != NULL) {
		if (n->left != NULL && eevdf_is_eligible(q, eevdf_node(n->left)->least))
			n = n->left;
		else if (eevdf_is_eligible(q, eevdf_node(n)->v))
			return eevdf_thread_of(n);
		else
			n = n->right;
	}
	return NULL;
}

/* The eligible one with the earliest deadline; NULL: none. V is settled. */
static HX_ALWAYS_INLINE struct hx_thread *eevdf_best(const struct eevdf_queue *q)
{
	struct hx_thread *best = eevdf_first(q);
	unsigned i;

	for (i = 0; i < q->n_few; i++) {
		const struct eevdf_thread *e = eevdf_of(q->few[i]);

		if (eevdf_is_eligible(q, e->v) &&
		    (best == NULL || (int64_t)(e->deadline - eevdf_of(best)->deadline) < 0))
			best = q->few[i];
	}
	return best;
}

/* Somebody is always at or below the mean. */
static HX_NOINLINE struct hx_thread *eevdf_pick_among(struct eevdf_queue *q)
{
	struct hx_thread *best;

	eevdf_settle(q);
	best = eevdf_best(q);
	if (best == NULL) {
		if (!hx_never(q->n_few != 0 || q->ready.n_nodes != 0))
			return NULL;
		best = q->n_few != 0 ? q->few[0] : eevdf_thread_of(hx_rb_first(&q->ready));
	}
	eevdf_take(q, best);
	q->current = best;
	return best;
}

/* Of two that are all there are the first one comes second: V is between their v, so who is ahead
 * of the other is owed nothing; if they are level, both are at V. */
static HX_ALWAYS_INLINE bool eevdf_second_first(const struct eevdf_queue *q)
{
	const struct eevdf_thread *a = eevdf_of(q->few[0]), *b = eevdf_of(q->few[1]);
	int64_t ahead = (int64_t)(a->v - b->v);

	if (HX_LIKELY(ahead != 0))
		return ahead > 0;
	return (int64_t)(b->deadline - a->deadline) < 0;
}

static struct hx_thread *eevdf_pick(struct hx_runq *rq)
{
	struct eevdf_queue *q = rq->priv;
	struct hx_thread *best = q->few[0];

	if (HX_UNLIKELY(q->ready.n_nodes != 0 || q->n_few == 0))
		return eevdf_pick_among(q);
	if (q->n_few == EEVDF_FEW) {
		if (eevdf_second_first(q))
			best = q->few[1];
		else
			q->few[0] = q->few[1];
	}
	q->n_few--;
	q->current = best;	/* alone it is the mean */
	return best;
}

/* Would pick give somebody else than current, if it were asked again? V is settled. On equal
 * deadlines it would: current comes last. */
static bool eevdf_turns(const struct eevdf_queue *q, const struct eevdf_thread *current)
{
	const struct hx_thread *best = eevdf_best(q);

	return best != NULL && (!eevdf_is_eligible(q, current->v) ||
				(int64_t)(eevdf_of(best)->deadline - current->deadline) <= 0);
}

/* A request ends at the tick nearest to its end; the next one begins there. It may well be the most
 * urgent again, and then nobody has to be asked. */
static enum hx_tick eevdf_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	struct eevdf_queue *q = rq->priv;
	struct eevdf_thread *e = eevdf_of(current);
	uint64_t near;

	eevdf_charge(q, current, ran_ns);
	near = e->v + ran_ns / 2 * HX_WEIGHT_NICE_0 / e->weight;
	if ((int64_t)(near - e->deadline) < 0)
		return HX_TICK_GO_ON;
	e->deadline = e->v + e->request;
	eevdf_settle(q);
	return eevdf_turns(q, e) ? HX_TICK_TURN : HX_TICK_GO_ON;
}

static void eevdf_leave(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns,
			enum hx_enqueue_why why)
{
	struct eevdf_queue *q = rq->priv;

	eevdf_charge(q, current, ran_ns);
	if (why == HX_LEAVE_BLOCK || why == HX_LEAVE_EXIT)
		eevdf_part(q, eevdf_of(current));
	else if (why == HX_ENQUEUE_MOVE)
		eevdf_part_for_now(q, eevdf_of(current));
	q->current = NULL;
}

/* enqueue has just settled V and charged current. */
static bool eevdf_preempts(struct hx_runq *rq, const struct hx_thread *t,
			   const struct hx_thread *current)
{
	const struct eevdf_queue *q = rq->priv;
	const struct eevdf_thread *e = eevdf_of(t);

	return q->current == current && eevdf_is_eligible(q, e->v) &&
	       (int64_t)(e->deadline - eevdf_of(current)->deadline) < 0;
}

/* A thread that does not take part keeps its lag and what is left of its request in real time, so
 * its weight can change. */
static void eevdf_changed(struct hx_runq *rq, struct hx_thread *t)
{
	struct eevdf_queue *q = rq->priv;

	if (q->current != t) {
		eevdf_take_terms(t);
		return;
	}
	eevdf_charge(q, t, hx_runq_take_ran_ns(rq));
	eevdf_part_for_now(q, eevdf_of(t));
	eevdf_take_terms(t);
	eevdf_rejoin(q, eevdf_of(t));
}

/* Of the first ones in the tree, the one with the latest deadline; else one of the few. */
static struct hx_thread *eevdf_steal(struct hx_runq *rq, unsigned cpu)
{
	const struct eevdf_queue *q = rq->priv;
	struct hx_thread *best = NULL;
	struct hx_rb_node *n = hx_rb_first(&q->ready);
	unsigned looks;

	for (looks = 0; n != NULL && (looks < HX_SCHED_STEAL_LOOKS || best == NULL); looks++) {
		if (hx_sched_may_move(eevdf_thread_of(n), cpu))
			best = eevdf_thread_of(n);
		n = hx_rb_next(n);
	}
	for (looks = 0; best == NULL && looks < q->n_few; looks++) {
		if (hx_sched_may_move(q->few[looks], cpu))
			best = q->few[looks];
	}
	if (best != NULL)
		eevdf_dequeue(rq, best);
	return best;
}

static void eevdf_show(struct hx_runq *rq, struct hx_text *out)
{
	const struct eevdf_queue *q = rq->priv;

	hx_text_printf(out, "vtime=%llu load=%lld ready=%zu slice_ns=%llu\n",
		       (unsigned long long)q->base, (long long)q->load, q->ready.n_nodes + q->n_few,
		       (unsigned long long)EEVDF_SLICE_NS);
}

const struct hx_sched_ops hx_sched_eevdf_ops = {
	.abi = HX_SCHED_ABI, .name = "eevdf", .init = eevdf_init, .fini = eevdf_fini,
	.enqueue = eevdf_enqueue, .dequeue = eevdf_dequeue, .pick = eevdf_pick,
	.tick = eevdf_tick, .leave = eevdf_leave, .preempts = eevdf_preempts,
	.changed = eevdf_changed, .show = eevdf_show,
	.steal = HX_ENABLED(ONE_CPU) ? NULL : eevdf_steal,
};
HX_SCHED_CLASS(hx_sched_eevdf_ops);
