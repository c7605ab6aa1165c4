/* SPDX-License-Identifier: MIT */
/*
 * What happens at every switch to or from a thread of FAIR: its place, on and off the queue, whose
 * turn it is. Inline, because each is small and called from one or two places: as functions their
 * frames would cost as much as they do. What is rare is in queue.c. The ideas are explained there.
 */
#ifndef HX_DIS_HOT_H
#define HX_DIS_HOT_H

#include "dis_priv.h"

/* ---- virtual time */

static inline uint64_t dis_virtual_now(const struct dis_queue *q)
{
	const struct dis_thread *c = q->curr;
	int64_t sum = q->sum_wv, weight = (int64_t)q->sum_w;

	if (HX_LIKELY(c != NULL && c->p.band == DIS_FAIR)) {
		if (weight == 0)
			return c->v;	/* nobody else: no mean to take */
		sum += (int64_t)c->p.weight * (int64_t)(c->v - q->base);
		weight += c->p.weight;
	}
	return weight == 0 ? q->base : q->base + (uint64_t)(sum / weight);
}

/* From now on there is somebody for the CPU, if it idled. Did one wait for I/O meanwhile? */
static inline void dis_end_idle(struct dis_queue *q, hx_ns_t now)
{
	if (HX_UNLIKELY(q->idle_in_io)) {
		dis_stats_iowait(q, now);
		q->idle_in_io = false;
	}
	q->now_ns = now;
}

/* ---- the first ones */

static inline struct dis_thread *dis_of_node(const struct hx_rb_node *n)
{
	return n == NULL ? NULL : HX_CONTAINER_OF(n, struct dis_thread, node);
}

static inline struct dis_thread *dis_fair_first(const struct dis_queue *q)
{
	return HX_LIKELY(q->soon[0] != NULL) ? q->soon[0] : dis_of_node(hx_rb_first(&q->fair));
}

/* That may run now; NULL. */
static inline struct dis_thread *dis_rt_first(const struct dis_queue *q)
{
	return HX_LIKELY(hx_rb_first(&q->rt) == NULL) ? NULL : dis_rt_first_allowed(q);
}

static inline struct dis_thread *dis_first(struct dis_queue *q)
{
	struct dis_thread *d = q->soon[0];

	return HX_LIKELY(d != NULL && hx_rb_first(&q->rt) == NULL) ? d : dis_first_of_all(q);
}

/* ---- on and off */

/* In all but the order. True: it is alone. */
static inline bool dis_fair_count(struct dis_queue *q, struct dis_thread *d)
{
	hx_assert(d->where == DIS_NOWHERE);
	d->home = q;
	d->where = DIS_FAIR;
	hx_list_push_back(&q->ready, &d->ready);
	q->n_class[d->p.class]++;
	if (q->sum_w == 0) {
		q->base = d->v;
		q->sum_w = d->p.weight;
		return true;
	}
	q->sum_w += d->p.weight;
	q->sum_wv += (int64_t)d->p.weight * (int64_t)(d->v - q->base);
	return false;
}

static inline void dis_fair_insert(struct dis_queue *q, struct dis_thread *d)
{
	if (dis_fair_count(q, d))
		q->soon[0] = d;
	else
		dis_fair_insert_among(q, d);
}

static inline void dis_fair_remove(struct dis_queue *q, struct dis_thread *d)
{
	hx_list_unlink(&d->ready);
	d->where = DIS_NOWHERE;
	q->n_class[d->p.class]--;
	if (HX_LIKELY(q->soon[0] == d)) {
		q->soon[0] = q->soon[1];
		q->soon[1] = NULL;
	} else {
		dis_fair_remove_behind(q, d);
	}
	/* A new origin, near the values in use, so that the sums stay small. At it, d adds 0. */
	if (q->sum_w == d->p.weight)
		q->sum_wv = 0;
	else
		q->sum_wv -= (int64_t)q->sum_w * (int64_t)(d->v - q->base);
	q->sum_w -= d->p.weight;
	q->base = d->v;
}

/* ---- its place */

/* The key of who runs; past it, in a slice longer than its request, the one of its next turn. */
static inline uint64_t dis_claim_of(const struct dis_thread *d)
{
	return dis_before(d->v, d->key) ? d->key : d->v + d->p.request_ns;
}

/* Before those less urgent, if it is not so far ahead of V that its urgency is used up. */
static inline void dis_credit(struct dis_queue *q, struct dis_thread *d, uint64_t v)
{
	const struct dis_thread *first = dis_fair_first(q), *curr = q->curr;

	if (dis_before(v + d->p.request_ns, d->v))
		return;
	if (curr != NULL && curr->p.band == DIS_FAIR && d->p.level < curr->p.level &&
	    !dis_before(d->key, curr->key))
		d->key = curr->key - 1;
	if (first != NULL && d->p.level < first->p.level && !dis_before(d->key, first->key))
		d->key = first->key - 1;
}

static inline void dis_fair_place_woken(struct dis_queue *q, struct dis_thread *d)
{
	uint64_t v = dis_virtual_now(q);

	if (dis_before(d->v, v))
		d->v = v;
	d->key = d->v + d->p.wake_ns;
	/* Nobody else waits, and who runs is no less urgent: credit would change nothing. */
	if (q->sum_w != 0 || q->curr == NULL || d->p.level < q->curr->p.level)
		dis_credit(q, d, v);
}

static inline void dis_fair_place(struct dis_queue *q, struct dis_thread *d,
				  enum hx_enqueue_why why)
{
	const struct dis_thread *first;

	if (why != HX_ENQUEUE_YIELD) {
		dis_fair_place_rarely(q, d, why);
		return;
	}
	d->key = d->v + d->p.request_ns;
	first = dis_fair_first(q);
	if (first != NULL && dis_before(d->key, first->key))
		d->key = first->key;	/* behind it: equals keep their order */
}

/* ---- whose turn */

/* Two of FAIR: the more urgent with its credit; among equals one that was woken, if it is clearly
 * behind; never a less urgent one, whose turn comes when the slice ends. */
static inline bool dis_keys_come_before(const struct dis_thread *d, const struct dis_thread *curr)
{
	if (d->p.level < curr->p.level)
		return dis_before(d->key, curr->key);
	return d->p.level == curr->p.level && d->why == HX_ENQUEUE_WAKE &&
	       dis_before(d->key + DIS_WAKE_GRAIN_NS, dis_claim_of(curr));
}

static inline bool dis_comes_before(const struct dis_queue *q, const struct dis_thread *d,
				    const struct dis_thread *curr)
{
	if (HX_LIKELY(d->p.plain && curr->p.plain))
		return dis_keys_come_before(d, curr);
	return dis_band_comes_before(q, d, curr);
}

#endif
