// SPDX-License-Identifier: MIT
/*
 * The order of the ready threads of one CPU: three bands and those that are held.
 *
 * 1 Virtual time. A thread of FAIR that runs for x ns grows older by x * 1024 / weight. The queue's
 *   virtual time V is the weighted mean of all that are ready or run, so who is behind V is owed
 *   CPU. A thread's key is its virtual time at the beginning of its turn plus its request: the
 *   class's slice, made shorter by a latency target. The smallest key runs. A key stands still
 *   while its thread waits and the others' grow as they run, so everybody's turn comes; short
 *   requests come sooner, weights decide how much.
 * 2 Sleepers keep their virtual time, but come back at most one request behind V: what nobody
 *   asked for in time is lost.
 * 3 Credit. A thread more urgent than those that run or wait goes before them when it is woken, if
 *   it is not ahead of V. The credit changes its place, not its age: who uses up its share loses
 *   it, so urgency does not starve anybody.
 * 4 Real time is above all that, by level and then by absolute deadline (EDF). While others wait it
 *   gets at most 95 % of each second; critical threads are exempt.
 *
 * Cost: O(log n) for insert and remove (red-black trees), O(1) for the band IDLE and to find the
 * first.
 *
 * Sources: Stoica, Abdel-Wahab, EEVDF (1996), for virtual time as a mean and deadlines in it
 * (differs: no eligibility; a bounded request instead); Liu, Layland (1973) for EDF.
 */
#include "dis_priv.h"

static struct dis_thread *of_node(const struct hx_rb_node *n)
{
	return n == NULL ? NULL : HX_CONTAINER_OF(n, struct dis_thread, node);
}

static bool rt_before(const struct dis_thread *a, const struct dis_thread *b)
{
	if (a->p.level != b->p.level)
		return a->p.level < b->p.level;
	return a->deadline_ns < b->deadline_ns;
}

static bool rt_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return rt_before(of_node(a), of_node(b));
}

static bool fair_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return dis_before(of_node(a)->key, of_node(b)->key);
}

static bool held_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return of_node(a)->account.release_ns < of_node(b)->account.release_ns;
}

void dis_queue_init(struct dis_queue *q, struct hx_runq *rq)
{
	q->rq = rq;
	hx_rb_init(&q->rt, rt_less);
	hx_rb_init(&q->fair, fair_less);
	hx_rb_init(&q->held, held_less);
	hx_rb_init(&q->lent, held_less);
	hx_list_init(&q->idle);
	hx_list_init(&q->ready);
}

uint64_t dis_virtual_now(const struct dis_queue *q)
{
	const struct dis_thread *c = q->curr;
	int64_t sum = q->sum_wv, weight = (int64_t)q->sum_w;

	if (c != NULL && c->p.band == DIS_FAIR) {
		sum += (int64_t)c->p.weight * (int64_t)(c->v - q->base);
		weight += c->p.weight;
	}
	return weight == 0 ? q->base : q->base + (uint64_t)(sum / weight);
}

/* A new origin, near the values in use, so that the sums stay small. */
static void rebase(struct dis_queue *q, uint64_t base)
{
	q->sum_wv -= (int64_t)q->sum_w * (int64_t)(base - q->base);
	q->base = base;
}

struct dis_thread *dis_fair_first(const struct dis_queue *q)
{
	return q->soon[0] != NULL ? q->soon[0] : of_node(hx_rb_first(&q->fair));
}

/* Behind its equals, as in the tree (invariant 5). */
static void fair_insert(struct dis_queue *q, struct dis_thread *d)
{
	struct dis_thread *a = q->soon[0], *b = q->soon[1], *first = of_node(hx_rb_first(&q->fair));

	if (a == NULL ? first == NULL || dis_before(d->key, first->key)
	    : dis_before(d->key, a->key)) {
		q->soon[0] = d;
		q->soon[1] = a;
	} else if (a != NULL && (b == NULL ? first == NULL || dis_before(d->key, first->key)
				 : dis_before(d->key, b->key))) {
		q->soon[1] = d;
	} else {
		b = d;
	}
	if (b != NULL)
		hx_rb_insert(&q->fair, &b->node);
}

static void fair_remove(struct dis_queue *q, struct dis_thread *d)
{
	if (q->soon[0] == d) {
		q->soon[0] = q->soon[1];
		q->soon[1] = NULL;
	} else if (q->soon[1] == d) {
		q->soon[1] = NULL;
	} else {
		hx_rb_remove(&q->fair, &d->node);
	}
}

/* Out of budget until a later period. False: it waits for CPU that nobody else wants. */
static bool hold(struct dis_queue *q, struct dis_thread *d)
{
	uint64_t owed = (uint64_t)-d->account.left_ns;

	d->account.release_ns = d->account.period_end_ns +
				owed / d->p.quota_ns * d->p.period_ns;
	if (d->p.flags & HX_INTENT_BORROW) {
		d->where = DIS_IDLE;
		hx_rb_insert(&q->lent, &d->node);
		return false;
	}
	d->where = DIS_HELD;
	q->rq->n_held++;
	hx_rb_insert(&q->held, &d->node);
	return true;
}

void dis_insert(struct dis_queue *q, struct dis_thread *d)
{
	hx_assert(d->where == DIS_NOWHERE);
	d->home = q;
	hx_list_push_back(&q->ready, &d->ready);
	d->where = d->p.band;
	if (dis_is_overdrawn(d) && hold(q, d))
		return;
	q->n_class[d->p.class]++;
	if (HX_LIKELY(d->where == DIS_FAIR)) {
		q->sum_w += d->p.weight;
		q->sum_wv += (int64_t)d->p.weight * (int64_t)(d->v - q->base);
		fair_insert(q, d);
	} else if (d->where == DIS_RT) {
		hx_rb_insert(&q->rt, &d->node);
	} else if (d->why == HX_ENQUEUE_PREEMPT) {
		hx_list_push_front(&q->idle, &d->t->run_link);
	} else {
		hx_list_push_back(&q->idle, &d->t->run_link);
	}
}

void dis_remove(struct dis_queue *q, struct dis_thread *d)
{
	hx_list_unlink(&d->ready);
	if (HX_UNLIKELY(d->where == DIS_HELD)) {
		hx_rb_remove(&q->held, &d->node);
		q->rq->n_held--;
		d->where = DIS_NOWHERE;
		return;
	}
	q->n_class[d->p.class]--;
	if (HX_LIKELY(d->where == DIS_FAIR)) {
		fair_remove(q, d);
		q->sum_w -= d->p.weight;
		q->sum_wv -= (int64_t)d->p.weight * (int64_t)(d->v - q->base);
		rebase(q, d->v);
	} else if (d->where == DIS_RT) {
		hx_rb_remove(&q->rt, &d->node);
	} else {
		hx_list_unlink(&d->t->run_link);
		if (d->node.linked)
			hx_rb_remove(&q->lent, &d->node);
	}
	d->where = DIS_NOWHERE;
}

/* Has d to let the others have their 5 %? Not what is critical or within its promise: of promises
 * there are 95 % at most. */
bool dis_rt_is_capped(const struct dis_queue *q, const struct dis_thread *d)
{
	return HX_UNLIKELY(q->rt_used_ns >= DIS_RT_WINDOW_NS / 1000 * DIS_RT_PERMILLE) &&
	       d->p.class != HX_INTENT_CRITICAL && (!d->p.reserved || d->overran);
}

struct dis_thread *dis_rt_first(const struct dis_queue *q)
{
	struct dis_thread *rt = of_node(hx_rb_first(&q->rt));
	unsigned n = 0;

	while (rt != NULL && dis_rt_is_capped(q, rt))
		rt = n++ < DIS_SCAN_MAX ? of_node(hx_rb_next(&rt->node)) : NULL;
	return rt;
}

struct dis_thread *dis_first(struct dis_queue *q)
{
	struct dis_thread *rt = dis_rt_first(q), *fair = dis_fair_first(q);
	struct hx_list *idle;

	if (HX_UNLIKELY(rt != NULL))
		return rt;
	if (HX_LIKELY(fair != NULL))
		return fair;
	if (hx_rb_first(&q->rt) != NULL)	/* nobody else is there to be left something */
		return of_node(hx_rb_first(&q->rt));
	idle = hx_list_first(&q->idle);
	return idle != NULL ? dis_of(HX_LIST_ENTRY(idle, struct hx_thread, run_link)) : NULL;
}

/* The key of who runs; past it, in a slice longer than its request, the one of its next turn. */
static uint64_t claim_of(const struct dis_thread *d)
{
	return dis_before(d->v, d->key) ? d->key : d->v + d->p.request_ns;
}

/* Two of FAIR: the more urgent with its credit; among equals one that was woken, if it is clearly
 * behind; never a less urgent one, whose turn comes when the slice ends. */
static bool fair_comes_before(const struct dis_queue *q, const struct dis_thread *d,
			      const struct dis_thread *curr)
{
	bool same = d->p.class == curr->p.class;

	if (same && (d->p.flags & HX_INTENT_COOPERATIVE))
		return false;
	if (same && (curr->p.flags & HX_INTENT_COOPERATIVE))
		return true;
	if (d->p.flags & HX_INTENT_POWER_PREFER)
		return false;	/* switches cost power; it waits for the slice's end */
	if (d->p.level < curr->p.level)
		return dis_before(d->key, curr->key);
	return d->p.level == curr->p.level && d->why == HX_ENQUEUE_WAKE &&
	       dis_before(d->key + DIS_WAKE_GRAIN_NS, claim_of(curr));
}

bool dis_comes_before(const struct dis_queue *q, const struct dis_thread *d,
		      const struct dis_thread *curr)
{
	uint8_t band = dis_is_overdrawn(curr) ? DIS_IDLE : curr->p.band;

	if (d->where == DIS_HELD || d->where == DIS_NOWHERE || curr->p.no_preempt)
		return false;
	if (d->where == DIS_RT && band == DIS_FAIR && dis_rt_is_capped(q, d))
		return false;
	if (d->where != band)
		return d->where < band;
	if (band == DIS_RT)
		return rt_before(d, curr);
	return band == DIS_FAIR && fair_comes_before(q, d, curr);
}

void dis_credit(struct dis_queue *q, struct dis_thread *d)
{
	const struct dis_thread *first = dis_fair_first(q), *curr = q->curr;

	if (curr != NULL && curr->p.band == DIS_FAIR && d->p.level < curr->p.level &&
	    !dis_before(d->key, curr->key))
		d->key = curr->key - 1;
	if (first != NULL && d->p.level < first->p.level && !dis_before(d->key, first->key))
		d->key = first->key - 1;
}

static void place_fair(struct dis_queue *q, struct dis_thread *d, enum hx_enqueue_why why)
{
	const struct dis_thread *first;
	uint64_t v;

	if (why == HX_ENQUEUE_PREEMPT) {
		d->key = claim_of(d);	/* keeps its turn */
		return;
	}
	if (why == HX_ENQUEUE_SLICE || why == HX_ENQUEUE_YIELD) {
		d->key = d->v + d->p.request_ns;
		first = dis_fair_first(q);
		if (why == HX_ENQUEUE_YIELD && first != NULL && dis_before(d->key, first->key))
			d->key = first->key;	/* behind it: equals keep their order */
		return;
	}
	v = dis_virtual_now(q);
	if (why == HX_ENQUEUE_WAKE && d->home == q) {
		if (dis_before(d->v, v - d->p.request_ns))
			d->v = v - d->p.request_ns;
	} else if (why == HX_ENQUEUE_CHANGE || why == HX_ENQUEUE_MOVE) {
		d->v = v + (uint64_t)d->lag;
	} else {
		d->v = v;
	}
	d->key = d->v + d->p.request_ns;
	if (!dis_before(v, d->v))
		dis_credit(q, d);
}

/* Its place in the order, from its parameters; before dis_insert(). */
void dis_place(struct dis_queue *q, struct dis_thread *d, enum hx_enqueue_why why, hx_ns_t now)
{
	if (HX_LIKELY(d->p.band == DIS_FAIR)) {
		place_fair(q, d, why);
	} else if (d->p.reserved) {
		/* A period and its deadline begin together; an early end does not move them. */
		d->deadline_ns = d->account.period_end_ns - d->p.period_ns + d->p.request_ns;
	} else if (d->p.band == DIS_RT) {
		if (why == HX_ENQUEUE_CHANGE)
			d->deadline_ns = d->s.ready_ns + d->p.request_ns;
		else if (why != HX_ENQUEUE_PREEMPT && why != HX_ENQUEUE_MOVE)
			d->deadline_ns = now + d->p.request_ns;
	}
}

void dis_reseat(struct dis_queue *q, struct dis_thread *d, hx_ns_t now)
{
	bool queued = d->where != DIS_NOWHERE, was_fair = d->p.band == DIS_FAIR;

	if (queued) {
		d->lag = was_fair ? (int64_t)(d->v - dis_virtual_now(q)) : 0;
		dis_remove(q, d);
	}
	dis_engine(d, d->t->intent);
	dis_account_change(d, now);
	if (queued) {
		dis_place(q, d, HX_ENQUEUE_CHANGE, now);
		dis_insert(q, d);
	} else if (d->p.band == DIS_FAIR) {
		/* It runs, or waits for something: a new turn from here on. */
		if (!was_fair) {
			d->home = NULL;
			d->v = q->base;
		}
		d->key = d->v + d->p.request_ns;
	} else {
		dis_place(q, d, HX_ENQUEUE_WAKE, now);
	}
}

static bool check_held(struct dis_queue *q, unsigned *n)
{
	const struct hx_rb_node *it;

	for (it = hx_rb_first(&q->held); it != NULL; it = hx_rb_next(it), (*n)++) {
		if (of_node(it)->where != DIS_HELD || of_node(it)->account.left_ns > 0)
			return false;
	}
	return hx_rb_check(&q->held) == 0 && *n == q->rq->n_held;
}

/* The sums over all of FAIR, and that soon and the tree are one order. */
static bool check_fair(const struct dis_queue *q, unsigned *n)
{
	const struct hx_rb_node *it = hx_rb_first(&q->fair);
	const struct dis_thread *d = NULL, *last = NULL;
	uint64_t w = 0;
	int64_t wv = 0;
	unsigned i = 0;

	if (q->soon[0] == NULL && q->soon[1] != NULL)
		return false;
	for (;; last = d, (*n)++) {
		if (i < 2 && q->soon[i] != NULL) {
			d = q->soon[i++];
		} else if (it != NULL) {
			d = of_node(it);
			it = hx_rb_next(it);
		} else {
			break;
		}
		if (d->where != DIS_FAIR || d == q->curr ||
		    (last != NULL && dis_before(d->key, last->key)))
			return false;
		w += d->p.weight;
		wv += (int64_t)d->p.weight * (int64_t)(d->v - q->base);
	}
	return w == q->sum_w && wv == q->sum_wv && hx_rb_check(&q->fair) == 0;
}

/* All invariants, the slow way; for tests. */
bool dis_check(struct dis_queue *q)
{
	unsigned n_held = 0, n_fair = 0, n_ready = 0, n_classes = 0, n_idle = 0, i;
	const struct hx_list *l;

	HX_LIST_FOREACH(l, &q->ready)
		n_ready++;
	HX_LIST_FOREACH(l, &q->idle)
		n_idle++;
	for (i = 0; i < HX_INTENT_CLASSES; i++)
		n_classes += q->n_class[i];
	return check_held(q, &n_held) && check_fair(q, &n_fair) && hx_rb_check(&q->rt) == 0 &&
	       n_ready == n_classes + n_held && n_classes == q->rt.n_nodes + n_fair + n_idle;
}
