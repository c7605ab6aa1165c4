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
 * two ready threads cost no tree at all.
 *
 * 6 Sources. Stoica, Abdel-Wahab: Earliest Eligible Virtual Deadline First, TR-95-22, Old Dominion
 * University 1995. Linux 6.6 for the mean as V, lag over sleep, and latency-nice as request length.
 * Differs: the tree is by deadline with the least v (there the other way round), a debt is paid off
 * by a computed rate (there the sleeper stays in the queue until it is), and a yield gives up the
 * rest of the request.
 */
#include <hx/config/subsys_sched_eevdf.h>
#include <hx/core/assert.h>
#include <hx/core/heap.h>
#include <hx/core/sched_class.h>
#include <hx/core/text.h>
#include <hx/sched/share.h>

#define EEVDF_SLICE_NS		(CONFIG_SCHED_EEVDF_SLICE_MS * HX_NS_PER_MS)
#define EEVDF_REQUEST_MIN_NS	(HX_NS_PER_MS / 10)
#define EEVDF_REQUEST_MAX_NS	(100 * HX_NS_PER_MS)
#define EEVDF_LAG_MAX		((int64_t)(EEVDF_REQUEST_MAX_NS * HX_WEIGHT_NICE_0))

#define EEVDF_FEW		2u

struct eevdf_queue {
	struct hx_thread *few[EEVDF_FEW]; /* ready, the first n_few of them */
	unsigned n_few;
	struct hx_rb_tree ready;	/* the other ready ones, by deadline */
	struct hx_thread *current;	/* picked and not left yet */
	uint64_t base;			/* V = base + sum / load */
	int64_t sum, load;		/* invariant 1 */
};

/* In sched_priv. Virtual times unless said otherwise. */
struct eevdf_thread {
	union {
		struct hx_rb_node node;
		const struct eevdf_queue *left;	/* while it does not take part: where it did */
	};
	uint64_t v;			/* while it takes part; else what V was when it left */
	uint64_t deadline;		/* while it takes part; else what is left of its request,
					 * in 1/1024 ns of real time */
	uint64_t least;			/* in the tree: the least v of its subtree */
	int64_t lag;			/* while it does not: w * (V - v), in 1/1024 ns */
	uint64_t request;		/* length of one */
	uint32_t weight, rest;		/* rest: of the division in eevdf_charge(), below weight */
};

_Static_assert(sizeof(struct eevdf_thread) <= sizeof(((struct hx_thread *)0)->sched_priv), "room");

static struct eevdf_thread *eevdf_of(const struct hx_thread *t)
{
	return (struct eevdf_thread *)(uintptr_t)t->sched_priv;
}

static struct eevdf_thread *eevdf_node(const struct hx_rb_node *n)
{
	return HX_CONTAINER_OF(n, struct eevdf_thread, node);
}

static struct hx_thread *eevdf_thread_of(const struct hx_rb_node *n)
{
	return HX_CONTAINER_OF(eevdf_node(n), struct hx_thread, sched_priv);
}

static bool eevdf_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return (int64_t)(eevdf_node(a)->deadline - eevdf_node(b)->deadline) < 0;
}

static bool eevdf_update(struct hx_rb_node *n)
{
	struct eevdf_thread *e = eevdf_node(n);
	uint64_t least = e->v;

	if (n->left != NULL && (int64_t)(eevdf_node(n->left)->least - least) < 0)
		least = eevdf_node(n->left)->least;
	if (n->right != NULL && (int64_t)(eevdf_node(n->right)->least - least) < 0)
		least = eevdf_node(n->right)->least;
	if (least == e->least)
		return false;
	e->least = least;
	return true;
}

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
	q->sum += (int64_t)(virt * e->weight);
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

/* t begins to take part; what is left of its last request counts again. */
static void eevdf_join(struct eevdf_queue *q, struct eevdf_thread *e)
{
	uint64_t left = e->deadline;

	eevdf_settle(q);
	/* Alone nobody owes it anything. */
	e->v = e->lag != 0 && q->load != 0 ? eevdf_entry(q, e) : q->base;
	e->deadline = e->v + (left != 0 ? hx_min_u64(left / e->weight, e->request) : e->request);
	e->rest = 0;
	q->sum += (int64_t)(e->v - q->base) * e->weight;
	q->load += e->weight;
	eevdf_settle(q);
}

/* ... and ends to, keeping both its lag and that. */
static void eevdf_part(struct eevdf_queue *q, struct eevdf_thread *e)
{
	int64_t lag, left = (int64_t)(e->deadline - e->v);

	eevdf_settle(q);
	lag = (int64_t)(q->base - e->v) * e->weight + (int64_t)e->weight * q->sum / q->load -
	      e->rest;
	if (lag > EEVDF_LAG_MAX)
		lag = EEVDF_LAG_MAX;
	if (lag < -EEVDF_LAG_MAX)
		lag = -EEVDF_LAG_MAX;
	e->lag = lag;
	e->deadline = left > 0 ? (uint64_t)left * e->weight : 0;
	q->sum -= (int64_t)(e->v - q->base) * e->weight;
	q->load -= e->weight;
	eevdf_settle(q);
	e->v = q->base;
	e->left = q;
}

/* Its weight and the length of its requests, as it asks for them now. */
static void eevdf_take_terms(struct hx_thread *t)
{
	struct eevdf_thread *e = eevdf_of(t);

	e->weight = hx_sched_weight(t);
	e->request = eevdf_request_ns(t) * HX_WEIGHT_NICE_0 / e->weight;
}

static void eevdf_welcome(struct eevdf_queue *q, struct hx_thread *t)
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

static void eevdf_charge(struct eevdf_queue *q, struct hx_thread *t, uint64_t ran_ns)
{
	struct eevdf_thread *e = eevdf_of(t);
	uint64_t done;

	if (HX_UNLIKELY(q->current != t))
		eevdf_adopt(q, t);
	done = ran_ns * HX_WEIGHT_NICE_0 + e->rest;
	eevdf_go_on(q, e, done / e->weight);
	e->rest = (uint32_t)(done % e->weight);
}

/* ---- operations */

static void eevdf_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	struct eevdf_queue *q = rq->priv;
	struct eevdf_thread *e = eevdf_of(t);

	switch (why) {
	case HX_ENQUEUE_PREEMPT:
	case HX_ENQUEUE_SLICE:		/* tick began the next request */
		break;
	case HX_ENQUEUE_YIELD:
		/* An eligible one would perhaps be picked again: it gives up what is left. */
		eevdf_settle(q);
		if (eevdf_is_eligible(q, e->v)) {
			if ((int64_t)(e->deadline - e->v) > 0)
				eevdf_go_on(q, e, e->deadline - e->v);
			e->deadline = e->v + e->request;
		}
		break;
	default:			/* joins, and not at the time of the last tick */
		if (q->current != NULL)
			eevdf_charge(q, q->current, hx_runq_take_ran_ns(rq));
		if (why == HX_ENQUEUE_NEW) {
			eevdf_welcome(q, t);
			break;
		}
		if (why == HX_ENQUEUE_WAKE)
			e->deadline = 0;	/* a new request */
		eevdf_join(q, e);
	}
	if (q->n_few < EEVDF_FEW)
		q->few[q->n_few++] = t;
	else
		hx_rb_insert_augmented(&q->ready, &e->node, eevdf_update);
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
	eevdf_part(rq->priv, eevdf_of(t));
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

/* Somebody is always at or below the mean. */
static struct hx_thread *eevdf_pick(struct hx_runq *rq)
{
	struct eevdf_queue *q = rq->priv;
	struct hx_thread *best;
	unsigned i;

	eevdf_settle(q);
	best = eevdf_first(q);
	for (i = 0; i < q->n_few; i++) {
		const struct eevdf_thread *e = eevdf_of(q->few[i]);

		if (eevdf_is_eligible(q, e->v) &&
		    (best == NULL || (int64_t)(e->deadline - eevdf_of(best)->deadline) < 0))
			best = q->few[i];
	}
	if (best == NULL) {
		if (!hx_never(q->n_few != 0 || q->ready.n_nodes != 0))
			return NULL;
		best = q->n_few != 0 ? q->few[0] : eevdf_thread_of(hx_rb_first(&q->ready));
	}
	eevdf_take(q, best);
	q->current = best;
	return best;
}

/* A request ends at the tick nearest to its end; the next one begins there. */
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
	return HX_TICK_TURN;
}

static void eevdf_leave(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns,
			enum hx_enqueue_why why)
{
	struct eevdf_queue *q = rq->priv;

	eevdf_charge(q, current, ran_ns);
	if (why == HX_LEAVE_BLOCK || why == HX_LEAVE_EXIT || why == HX_ENQUEUE_MOVE)
		eevdf_part(q, eevdf_of(current));
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
	eevdf_part(q, eevdf_of(t));
	eevdf_take_terms(t);
	eevdf_join(q, eevdf_of(t));
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
	.changed = eevdf_changed,
	.steal = HX_ENABLED(ONE_CPU) ? NULL : eevdf_steal, .show = eevdf_show,
};
HX_SCHED_CLASS(hx_sched_eevdf_ops);
