// SPDX-License-Identifier: MIT
/*
 * EEVDF hands its threads over to another scheduler, and takes those of another.
 */
#include <hx/core/sched_state.h>

#include "eevdf_priv.h"

static void eevdf_walk(struct hx_runq *rq, hx_sched_visit_t visit, void *arg)
{
	const struct eevdf_queue *q = rq->priv;
	struct hx_rb_node *n;
	unsigned i;

	for (i = 0; i < q->n_few; i++)
		visit(arg, q->few[i]);
	for (n = hx_rb_first(&q->ready); n != NULL; n = hx_rb_next(n))
		visit(arg, eevdf_thread_of(n));
}

static void eevdf_save(struct hx_runq *rq, const struct hx_thread *t, struct hx_sched_state *s)
{
	const struct eevdf_queue *q = rq->priv;
	const struct eevdf_thread *e = eevdf_of(t);
	int64_t lag = e->lag, left = (int64_t)e->deadline;

	if (t->state == HX_THREAD_RUNNING && q->current != t)
		return;		/* the boot thread, of which it never heard */
	if (t->state == HX_THREAD_READY || t->state == HX_THREAD_RUNNING) {
		lag = (int64_t)(q->base - e->v) * e->weight +
		      (int64_t)e->weight * q->sum / q->load - e->rest;
		left = (int64_t)(e->deadline - e->v) * e->weight;
	}
	s->has = HX_STATE_LAG | HX_STATE_REQUEST;
	s->lag_ns = lag / (int64_t)HX_WEIGHT_NICE_0;
	s->request_ns = left > 0 ? (uint64_t)left / HX_WEIGHT_NICE_0 : 0;
}

/* All are put where they were around the same V: lags that add up to 0 leave it there. */
static void eevdf_load(struct hx_runq *rq, struct hx_thread *t, const struct hx_sched_state *s)
{
	struct eevdf_queue *q = rq->priv;
	struct eevdf_thread *e = eevdf_of(t);
	const int64_t most = EEVDF_LAG_MAX / (int64_t)HX_WEIGHT_NICE_0;
	int64_t lag = s->lag_ns > most ? most : s->lag_ns < -most ? -most : s->lag_ns;

	e->node = (struct hx_rb_node){ .linked = false };	/* each word once: all CPUs stand */
	e->v = q->base;
	e->least = 0;
	e->lag = lag * (int64_t)HX_WEIGHT_NICE_0;
	e->rest = 0;
	eevdf_take_terms(t);
	e->deadline = hx_min_u64(s->request_ns, EEVDF_REQUEST_MAX_NS) * HX_WEIGHT_NICE_0;
	if (t->state != HX_THREAD_READY && t->state != HX_THREAD_RUNNING)
		return;
	e->v -= (uint64_t)(e->lag / e->weight);
	e->deadline = e->v + ((s->has & HX_STATE_REQUEST) != 0 ? e->deadline / e->weight
			      : e->request);
	q->sum += (int64_t)(e->v - q->base) * e->weight;
	q->load += e->weight;
	if (t->state == HX_THREAD_RUNNING)
		q->current = t;
	else if (q->n_few < EEVDF_FEW)
		q->few[q->n_few++] = t;
	else
		hx_rb_chain_add(&q->loaded, &e->node);
}

static void eevdf_loaded(struct hx_runq *rq)
{
	struct eevdf_queue *q = rq->priv;

	hx_rb_build(&q->ready, &q->loaded, eevdf_less, eevdf_update);
	q->loaded = (struct hx_rb_chain)HX_RB_CHAIN_INIT;
}

static const struct hx_sched_state_ops eevdf_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "eevdf",
	.turn_ns = 300 * HX_NS_PER_MS, .walk = eevdf_walk, .save = eevdf_save,
	.load = eevdf_load, .loaded = eevdf_loaded,
};
HX_SCHED_STATE(eevdf_state);
