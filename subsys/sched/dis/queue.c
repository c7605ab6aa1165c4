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
 * 2 Sleepers keep their virtual time, but come back at V if they were behind: what nobody asked
 *   for in time is lost. To place them behind V would move V itself back, and whoever slept since
 *   would be ahead of it. Their first request is a quarter: most runs after a wake-up are short;
 *   who needs more goes on with a whole one.
 * 3 Credit. A thread more urgent than those that run or wait goes before them when it is woken or
 *   its slice ends, if it is not ahead of V by more than a request. The credit changes its place,
 *   not its age: who uses up its share loses it, so urgency does not starve anybody.
 * 4 Real time is above all that, by level and then by absolute deadline (EDF). While others wait it
 *   gets at most 95 % of each second; critical threads are exempt.
 *
 * Cost: O(log n) for insert and remove (red-black trees), O(1) for the band IDLE and to find the
 * first.
 *
 * Sources: Stoica, Abdel-Wahab, EEVDF (1996), for virtual time as a mean and deadlines in it
 * (differs: no eligibility; a bounded request instead); Liu, Layland (1973) for EDF.
 */
#include "hot.h"

static bool rt_before(const struct dis_thread *a, const struct dis_thread *b)
{
	if (a->p.level != b->p.level)
		return a->p.level < b->p.level;
	return a->deadline_ns < b->deadline_ns;
}

static bool rt_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return rt_before(dis_of_node(a), dis_of_node(b));
}

static bool fair_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return dis_before(dis_of_node(a)->key, dis_of_node(b)->key);
}

static bool held_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return dis_of_node(a)->account.release_ns < dis_of_node(b)->account.release_ns;
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

/* Somebody is there already. Behind its equals, as in the tree. Two that take turns stay out of the
 * tree: the one that waits in it comes forward, as it would at the next pick. */
void dis_fair_insert_among(struct dis_queue *q, struct dis_thread *d)
{
	struct dis_thread *a = q->soon[0], *b = q->soon[1];
	const struct dis_thread *first;

	if (a == NULL) {
		a = q->soon[0] = dis_of_node(hx_rb_first(&q->fair));
		hx_rb_remove(&q->fair, &a->node);
	}
	first = dis_of_node(hx_rb_first(&q->fair));
	if (dis_before(d->key, a->key)) {
		q->soon[0] = d;
		q->soon[1] = a;
	} else if (b == NULL ? first == NULL || dis_before(d->key, first->key)
		   : dis_before(d->key, b->key)) {
		q->soon[1] = d;
	} else {
		b = d;
	}
	if (b != NULL)
		hx_rb_insert(&q->fair, &b->node);
}

/* All of the chain are counted, and soon is empty: they come from the tree as after a pick. */
void dis_fair_insert_all(struct dis_queue *q, struct hx_rb_chain *chain)
{
	hx_assert(q->soon[0] == NULL);
	hx_rb_build(&q->fair, chain, fair_less, NULL);
}

void dis_fair_remove_behind(struct dis_queue *q, struct dis_thread *d)
{
	if (q->soon[1] == d)
		q->soon[1] = NULL;
	else
		hx_rb_remove(&q->fair, &d->node);
}

/* Out of budget until a later period. False: it waits for CPU that nobody else wants. */
static bool hold(struct dis_queue *q, struct dis_thread *d)
{
	uint64_t owed = (uint64_t)-d->account.left_ns;
	bool lent = d->p.borrows;

	d->account.release_ns = d->account.period_end_ns +
				owed / d->p.quota_ns * d->p.period_ns;
	if (lent) {
		d->where = DIS_IDLE;
		hx_rb_insert(&q->lent, &d->node);
	} else {
		d->where = DIS_HELD;
		q->rq->n_held++;
		hx_rb_insert(&q->held, &d->node);
	}
	dis_release_at(q, d->account.release_ns);
	return !lent;
}

void dis_insert(struct dis_queue *q, struct dis_thread *d)
{
	bool may_run = true;

	if (d->p.band == DIS_FAIR && !dis_is_overdrawn(d)) {
		dis_fair_insert(q, d);
		return;
	}
	hx_assert(d->where == DIS_NOWHERE);
	d->home = q;
	hx_list_push_back(&q->ready, &d->ready);
	d->where = d->p.band;
	if (dis_is_overdrawn(d))
		may_run = !hold(q, d);
	q->n_class[d->p.class] += may_run;
	if (d->where == DIS_RT)
		hx_rb_insert(&q->rt, &d->node);
	else if (d->where == DIS_IDLE && d->why == HX_ENQUEUE_PREEMPT)
		hx_list_push_front(&q->idle, &d->t->run_link);
	else if (d->where == DIS_IDLE)
		hx_list_push_back(&q->idle, &d->t->run_link);
}

void dis_remove(struct dis_queue *q, struct dis_thread *d)
{
	if (d->where == DIS_FAIR) {
		dis_fair_remove(q, d);
		return;
	}
	hx_list_unlink(&d->ready);
	if (d->where == DIS_HELD) {
		hx_rb_remove(&q->held, &d->node);
		q->rq->n_held--;
	} else {
		q->n_class[d->p.class]--;
		if (d->where == DIS_RT)
			hx_rb_remove(&q->rt, &d->node);
		else
			hx_list_unlink(&d->t->run_link);
		if (d->where == DIS_IDLE && d->node.linked)
			hx_rb_remove(&q->lent, &d->node);
	}
	d->where = DIS_NOWHERE;
}

/* A second is over: real time has its 95 % again. Looked at every 10 ms. */
void dis_rt_window(struct dis_queue *q, hx_ns_t now)
{
	if (now - q->rt_since_ns < DIS_RT_WINDOW_NS)
		return;
	q->rt_since_ns = now;
	q->rt_used_ns = 0;
}

void dis_rt_charge(struct dis_queue *q, const struct dis_thread *d, uint64_t ran_ns)
{
	if (d->p.band == DIS_RT && d->p.class != HX_INTENT_CRITICAL)
		q->rt_used_ns += ran_ns;
}

/* Has d to let the others have their 5 %? Not what is critical or within its promise: of promises
 * there are 95 % at most. */
bool dis_rt_is_capped(const struct dis_queue *q, const struct dis_thread *d)
{
	return HX_UNLIKELY(q->rt_used_ns >= DIS_RT_WINDOW_NS / 1000 * DIS_RT_PERMILLE) &&
	       d->p.class != HX_INTENT_CRITICAL && (!d->p.reserved || d->overran);
}

struct dis_thread *dis_rt_first_allowed(const struct dis_queue *q)
{
	struct dis_thread *rt = dis_of_node(hx_rb_first(&q->rt));
	unsigned n = 0;

	while (rt != NULL && dis_rt_is_capped(q, rt))
		rt = n++ < DIS_SCAN_MAX ? dis_of_node(hx_rb_next(&rt->node)) : NULL;
	return rt;
}

struct dis_thread *dis_first_of_all(struct dis_queue *q)
{
	struct dis_thread *rt = dis_rt_first(q), *fair = dis_fair_first(q);
	struct hx_list *idle;

	if (rt != NULL)
		return rt;
	if (fair != NULL)
		return fair;
	if (hx_rb_first(&q->rt) != NULL)	/* nobody else is there to be left something */
		return dis_of_node(hx_rb_first(&q->rt));
	idle = hx_list_first(&q->idle);
	return idle != NULL ? dis_of(HX_LIST_ENTRY(idle, struct hx_thread, run_link)) : NULL;
}

static bool fair_comes_before(const struct dis_thread *d, const struct dis_thread *curr)
{
	bool same = d->p.class == curr->p.class;

	if (same && (d->p.flags & HX_INTENT_COOPERATIVE))
		return false;
	if (same && (curr->p.flags & HX_INTENT_COOPERATIVE))
		return true;
	if (d->p.flags & HX_INTENT_POWER_PREFER)
		return false;	/* switches cost power; it waits for the slice's end */
	return dis_keys_come_before(d, curr);
}

bool dis_band_comes_before(const struct dis_queue *q, const struct dis_thread *d,
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
	return band == DIS_FAIR && fair_comes_before(d, curr);
}

/* All but a yield. */
void dis_fair_place_rarely(struct dis_queue *q, struct dis_thread *d, enum hx_enqueue_why why)
{
	uint64_t v, request = d->p.wake_ns;

	if (why == HX_ENQUEUE_WAKE && d->home == q) {
		dis_fair_place_woken(q, d);
		return;
	}
	if (why == HX_ENQUEUE_PREEMPT) {
		d->key = dis_claim_of(d);	/* keeps its turn */
		return;
	}
	v = dis_virtual_now(q);
	if (why == HX_ENQUEUE_SLICE) {
		request = d->p.request_ns;
	} else if (why == HX_ENQUEUE_CHANGE || why == HX_ENQUEUE_MOVE) {
		d->v = v + (uint64_t)d->lag;
		request = hx_min_u64(d->rest, d->p.request_ns);
	} else {
		d->v = v;
	}
	d->key = d->v + request;
	dis_credit(q, d, v);
}

/* Its place in the order, from its parameters; before dis_insert(). */
void dis_place(struct dis_queue *q, struct dis_thread *d, enum hx_enqueue_why why, hx_ns_t now)
{
	if (d->p.band == DIS_FAIR) {
		dis_fair_place(q, d, why);
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

/* It will come back with CHANGE or MOVE, perhaps elsewhere: what it is owed goes with it. */
void dis_carry(const struct dis_queue *q, struct dis_thread *d)
{
	bool fair = d->p.band == DIS_FAIR;

	d->lag = fair ? (int64_t)(d->v - dis_virtual_now(q)) : 0;
	d->rest = fair ? d->key - d->v : UINT64_MAX;
}

void dis_confine(const struct dis_thread *d)
{
	if (!HX_ENABLED(ONE_CPU) && HX_UNLIKELY(d->p.affinity != d->t->cpus))
		hx_runq_narrow(d->t->rq, d->t, d->p.affinity);
}

void dis_reseat(struct dis_queue *q, struct dis_thread *d, hx_ns_t now)
{
	bool queued = d->where != DIS_NOWHERE, was_fair = d->p.band == DIS_FAIR;

	if (queued) {
		dis_carry(q, d);
		dis_remove(q, d);
	}
	dis_engine(d, d->t->intent);
	dis_confine(d);
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
