// SPDX-License-Identifier: MIT
/*
 * EEVDF hands its threads over to another scheduler, and takes those of another.
 */
#include <hx/core/rbtree_build.h>
#include <hx/core/sched_state.h>

#include "eevdf_priv.h"

/* The subtree at n in order, behind `ready`, which ends at `end`: where the next one stands. */
static struct hx_thread **list_tree(struct hx_rb_node *n, struct hx_thread **ready,
				    struct hx_thread *const *end)
{
	for (; n != NULL; n = n->right) {
		if (n->left != NULL)
			ready = list_tree(n->left, ready, end);
		if (ready == end)
			break;
		*ready++ = eevdf_thread_of(n);
	}
	return ready;
}

static size_t eevdf_list(struct hx_runq *rq, struct hx_thread **ready, size_t room)
{
	const struct eevdf_queue *q = rq->priv;
	size_t n;

	for (n = 0; n < q->n_few && n < room; n++)
		ready[n] = q->few[n];
	return (size_t)(list_tree(q->ready.root, ready + n, ready + room) - ready);
}

static void eevdf_save_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	const struct eevdf_queue *q = rq->priv;
	int64_t weight = 0, ahead = 0;	/* of V, before base, as a thread of that weight counts */
	size_t i;

	for (i = 0; i < n; i++) {
		const struct hx_thread *t = records[i]->t;
		const struct eevdf_thread *e = eevdf_of(t);
		struct hx_sched_state *s = &records[i]->state;
		int64_t lag = e->lag, left = (int64_t)e->deadline;

		if (t->state == HX_THREAD_RUNNING && q->current != t)
			continue;	/* the boot thread, of which it never heard */
		if (t->state == HX_THREAD_READY || t->state == HX_THREAD_RUNNING) {
			if (HX_UNLIKELY(e->weight != weight)) {
				weight = e->weight;
				ahead = weight * q->sum / q->load;
			}
			lag = (int64_t)(q->base - e->v) * weight + ahead - e->rest;
			left = (int64_t)(e->deadline - e->v) * weight;
		}
		s->has |= HX_STATE_LAG | HX_STATE_REQUEST;
		s->lag_ns = lag / (int64_t)HX_WEIGHT_NICE_0;
		s->request_ns = left > 0 ? (uint64_t)left / HX_WEIGHT_NICE_0 : 0;
	}
}

#define LAG_MOST	(EEVDF_LAG_MAX / (int64_t)HX_WEIGHT_NICE_0)

static HX_ALWAYS_INLINE int64_t capped(int64_t lag_ns)
{
	if (HX_LIKELY((uint64_t)(lag_ns + LAG_MOST) <= 2 * (uint64_t)LAG_MOST))
		return lag_ns;
	return lag_ns > 0 ? LAG_MOST : -LAG_MOST;
}

static HX_ALWAYS_INLINE uint64_t capped_request(uint64_t ns)
{
	return HX_LIKELY(ns <= EEVDF_REQUEST_MAX_NS) ? ns : EEVDF_REQUEST_MAX_NS;
}

struct loading {
	struct eevdf_queue *q;
	struct hx_rb_chain ready;
	const struct hx_thread *like;	/* the one before, who may have asked for the same */
};

static void load_terms(struct loading *l, struct hx_thread *t)
{
	const struct hx_thread *like = l->like;

	l->like = t;
	if (like == NULL || like->intent != t->intent || like->prio != t->prio ||
	    like->slice_ns != t->slice_ns) {
		eevdf_take_terms(t);
		return;
	}
	eevdf_of(t)->weight = eevdf_of(like)->weight;
	eevdf_of(t)->request = eevdf_of(like)->request;
}

/* It takes no part: what it is owed, and what is left of its request, by real time. */
static void load_away(struct loading *l, const struct hx_sched_record *r)
{
	struct eevdf_thread *e = eevdf_of(r->t);

	e->node = (struct hx_rb_node){ .linked = false };
	e->v = l->q->base;
	e->rest = 0;
	e->lag = capped(r->state.lag_ns) * (int64_t)HX_WEIGHT_NICE_0;
	e->deadline = capped_request(r->state.request_ns) * HX_WEIGHT_NICE_0;
	load_terms(l, r->t);
}

/* It takes part: it is put where it was around V. */
static void load_part(struct loading *l, const struct hx_sched_record *r)
{
	struct eevdf_thread *e = eevdf_of(r->t);
	int64_t far = capped(r->state.lag_ns) * (int64_t)HX_WEIGHT_NICE_0;
	uint64_t request = capped_request(r->state.request_ns) * HX_WEIGHT_NICE_0;

	load_terms(l, r->t);
	e->rest = 0;
	far /= e->weight;
	e->v = l->q->base - (uint64_t)far;
	e->deadline = e->v + ((r->state.has & HX_STATE_REQUEST) != 0 ? request / e->weight
			      : e->request);
	l->q->sum -= far * e->weight;
	l->q->load += e->weight;
	e->node = (struct hx_rb_node){ .linked = false };
	if (r->t->state == HX_THREAD_READY)
		hx_rb_chain_add(&l->ready, &e->node);
	else
		l->q->current = r->t;
}

/* Ready ones of ordinary weight that ask for the same as the one before them, as most do: the same,
 * without what is the same for all of them. The first that is not so. */
static HX_NOINLINE struct hx_sched_record *const *
load_like(struct loading *l, struct hx_sched_record *const *records,
	  struct hx_sched_record *const *end)
{
	const struct hx_thread *like = records[-1]->t;
	const struct hx_intent *intent = like->intent;
	const uint64_t request = eevdf_of(like)->request, base = l->q->base;
	const uint32_t slice_ns = like->slice_ns;
	const uint8_t prio = like->prio;
	struct hx_sched_record *const *it;
	struct hx_rb_node *last = l->ready.last;
	int64_t lags = 0, lag;
	uint64_t left;

	for (it = records; it < end; it++) {
		const struct hx_sched_record *r = *it;
		struct hx_thread *t = r->t;
		struct eevdf_thread *e = eevdf_of(t);

		lag = r->state.lag_ns;
		if (HX_UNLIKELY(t->state != HX_THREAD_READY || t->intent != intent ||
				t->prio != prio || t->slice_ns != slice_ns || lag != capped(lag)))
			break;
		left = request;
		if ((r->state.has & HX_STATE_REQUEST) != 0) {
			left = r->state.request_ns;
			if (HX_UNLIKELY(left != capped_request(left)))
				break;
		}
		e->weight = HX_WEIGHT_NICE_0;
		e->rest = 0;
		e->request = request;
		e->v = base - (uint64_t)lag;
		e->deadline = e->v + left;
		lags += lag;
		last->right = &e->node;
		last = &e->node;
	}
	l->like = it[-1]->t;
	l->ready.last = last;
	l->ready.n += (size_t)(it - records);
	l->q->sum -= lags * (int64_t)HX_WEIGHT_NICE_0;
	l->q->load += (int64_t)(it - records) * (int64_t)HX_WEIGHT_NICE_0;
	return it;
}

static bool set_least(struct hx_rb_node *n)
{
	eevdf_node(n)->least = eevdf_least(n);
	return true;
}

/* All are put where they were around the same V: lags that add up to 0 leave it there. Words that
 * mean nothing while a thread takes part are left as they are. */
static void eevdf_load_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	struct hx_sched_record *const *end = records + n;
	struct loading l = { .q = rq->priv };

	while (records < end) {
		const struct hx_sched_record *r = *records++;

		if (r->t->state != HX_THREAD_READY && r->t->state != HX_THREAD_RUNNING) {
			load_away(&l, r);
			continue;
		}
		load_part(&l, r);
		if (r->t->state == HX_THREAD_READY &&
		    eevdf_of(r->t)->weight == HX_WEIGHT_NICE_0)
			records = load_like(&l, records, end);
	}
	while (l.q->n_few < EEVDF_FEW && l.ready.n != 0)
		l.q->few[l.q->n_few++] = eevdf_thread_of(hx_rb_chain_pop(&l.ready));
	hx_rb_build(&l.q->ready, &l.ready, eevdf_less, set_least);
}

static const struct hx_sched_state_ops eevdf_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "eevdf",
	.turn_ns = 300 * HX_NS_PER_MS, .fields = HX_STATE_LAG | HX_STATE_REQUEST,
	.n_words = HX_SCHED_WORDS(struct eevdf_thread),
	.list = eevdf_list, .save_all = eevdf_save_all, .load_all = eevdf_load_all,
};
HX_SCHED_STATE(eevdf_state);
