// SPDX-License-Identifier: MIT
/*
 * The invariants of dis_priv.h, looked at the slow way; in host builds only.
 */
#include "hot.h"

static bool check_held(struct dis_queue *q, unsigned *n)
{
	const struct hx_rb_node *it;

	for (it = hx_rb_first(&q->held); it != NULL; it = hx_rb_next(it), (*n)++) {
		if (dis_of_node(it)->where != DIS_HELD || dis_of_node(it)->account.left_ns > 0)
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
			d = dis_of_node(it);
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

/* All of them. */
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

static bool holds(struct hx_runq *rq)
{
	return dis_check(rq->priv);
}

static const struct hx_sched_check dis_self_check = { .name = "dis", .holds = holds };
HX_SCHED_CHECK(dis_self_check);
