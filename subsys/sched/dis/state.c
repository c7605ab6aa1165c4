// SPDX-License-Identifier: MIT
/*
 * What goes over when DIS is replaced by another scheduler, or replaces one: what a thread is owed
 * (its distance from V, as time), how much of its turn and of its request is left, its budget, its
 * deadline. What DIS has learned of it (averages, behaviour, rules in force) is nobody else's
 * business and begins anew.
 */
#include <hx/core/sched_state.h>
#include <hx/hal/timer.h>

#include "hot.h"

#define LAG_MAX_NS	((int64_t)(100 * HX_NS_PER_MS))	/* as the other schedulers' of shares */

#define V_AT_INIT	0u	/* of a queue in which nobody ever was */

/* CPU time in its own virtual time, and back. */
static int64_t to_virtual(const struct dis_thread *d, int64_t ns)
{
	return ns * (int64_t)DIS_WEIGHT_ONE / (int64_t)d->p.weight;
}

static int64_t to_real(const struct dis_thread *d, int64_t v)
{
	return v * (int64_t)d->p.weight / (int64_t)DIS_WEIGHT_ONE;
}

static bool is_on_cpu_or_queue(const struct hx_thread *t)
{
	return t->state == HX_THREAD_READY || t->state == HX_THREAD_RUNNING;
}

static void walk_tree(const struct hx_rb_tree *tree, hx_sched_visit_t visit, void *arg)
{
	const struct hx_rb_node *n;

	for (n = hx_rb_first(tree); n != NULL; n = hx_rb_next(n))
		visit(arg, dis_of_node(n)->t);
}

static void dis_state_walk(struct hx_runq *rq, hx_sched_visit_t visit, void *arg)
{
	const struct dis_queue *q = rq->priv;
	const struct hx_list *l;
	unsigned i;

	walk_tree(&q->rt, visit, arg);
	for (i = 0; i < 2 && q->soon[i] != NULL; i++)
		visit(arg, q->soon[i]->t);
	walk_tree(&q->fair, visit, arg);
	HX_LIST_FOREACH(l, &q->idle)
		visit(arg, HX_LIST_ENTRY(l, struct hx_thread, run_link));
	walk_tree(&q->held, visit, arg);
}

static void dis_state_save(struct hx_runq *rq, const struct hx_thread *t, struct hx_sched_state *s)
{
	const struct dis_queue *q = rq->priv;
	const struct dis_thread *d = dis_of(t);

	s->has = HX_STATE_USED;
	s->used_ns = d->used_ns;
	if (d->p.quota_ns != 0) {
		s->has |= HX_STATE_BUDGET;
		s->budget_ns = d->account.left_ns;
		s->period_end_ns = d->account.period_end_ns;
	}
	if (d->p.band == DIS_RT) {
		s->has |= HX_STATE_DEADLINE;
		s->deadline_ns = d->deadline_ns;
	}
	if (d->p.band != DIS_FAIR || (d->home != q && d != q->curr))
		return;		/* or the boot thread, of which it never heard */
	s->has |= HX_STATE_LAG | HX_STATE_REQUEST;
	s->lag_ns = to_real(d, (int64_t)(dis_virtual_now(q) - d->v));
	/* Who is behind when it wakes begins at V: nothing is owed to it. */
	if (s->lag_ns > 0 && !is_on_cpu_or_queue(t))
		s->lag_ns = 0;
	s->request_ns = 0;
	if (dis_before(d->v, d->key))
		s->request_ns = (uint64_t)to_real(d, (int64_t)(d->key - d->v));
}

/* Whatever stands in s, at most one period is overdrawn, and one begun. */
static void load_budget(struct dis_thread *d, const struct hx_sched_state *s, hx_ns_t now)
{
	const int64_t quota = (int64_t)d->p.quota_ns;
	struct dis_account *a = &d->account;

	if ((s->has & HX_STATE_BUDGET) != 0) {
		a->left_ns = s->budget_ns > quota ? quota
			     : s->budget_ns < -quota ? -quota : s->budget_ns;
		a->period_end_ns = hx_min_u64(s->period_end_ns, now + d->p.period_ns);
	}
	if (a->period_end_ns == 0 || a->period_end_ns <= now)
		dis_account_begin(d, now);
	d->overran = a->period_end_ns > now + d->p.period_ns;
}

static void load_place(struct dis_queue *q, struct dis_thread *d, const struct hx_sched_state *s,
		       hx_ns_t now)
{
	int64_t lag = s->lag_ns > LAG_MAX_NS ? LAG_MAX_NS
		      : s->lag_ns < -LAG_MAX_NS ? -LAG_MAX_NS : s->lag_ns;
	uint64_t request = d->p.request_ns;

	if (d->p.band != DIS_FAIR) {
		dis_place(q, d, HX_ENQUEUE_WAKE, now);
		if ((s->has & HX_STATE_DEADLINE) != 0 && !d->p.reserved && d->p.band == DIS_RT)
			d->deadline_ns = hx_min_u64(s->deadline_ns, now + d->p.request_ns);
		return;
	}
	if ((s->has & HX_STATE_REQUEST) != 0)
		request = hx_min_u64(request, (uint64_t)to_virtual(d, (int64_t)
				     hx_min_u64(s->request_ns, DIS_SLICE_MAX_NS)));
	d->v = V_AT_INIT - (uint64_t)to_virtual(d, lag);
	d->key = d->v + request;
}

/* admit has made d. All are put where they were around the same V: lags that add up to 0 leave it
 * there. */
static void dis_state_load(struct hx_runq *rq, struct hx_thread *t, const struct hx_sched_state *s)
{
	struct dis_queue *q = rq->priv;
	struct dis_thread *d = dis_of(t);
	hx_ns_t now = hx_now_ns();

	d->why = HX_ENQUEUE_SLICE;
	d->used_ns = hx_min_u64(s->used_ns, DIS_SLICE_MAX_NS);
	d->home = q;
	if (d->p.quota_ns != 0)
		load_budget(d, s, now);
	load_place(q, d, s, now);
	if (t->state == HX_THREAD_READY)
		dis_insert(q, d);
	else if (t->state == HX_THREAD_RUNNING)
		q->curr = d;
}

static const hx_timer_fn_t dis_timers[] = { dis_on_house, dis_on_release, NULL };

static const struct hx_sched_state_ops dis_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "dis",
	.turn_ns = DIS_SLICE_MAX_NS, .wait_ns = 5 * DIS_SLICE_MAX_NS,
	.timers = dis_timers, .walk = dis_state_walk, .save = dis_state_save,
	.load = dis_state_load,
};
HX_SCHED_STATE(dis_state);
