// SPDX-License-Identifier: MIT
/*
 * What goes over when DIS is replaced by another scheduler, or replaces one: what a thread is owed
 * (its distance from V, as time), how much of its turn and of its request is left, its budget, its
 * deadline. What DIS has learned of it (averages, behaviour, rules in force) is nobody else's
 * business and begins anew.
 */
#include <hx/core/sched_state.h>
#include <hx/hal/timer.h>
#include <hx/sched/share.h>

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

static size_t list_tree(const struct hx_rb_tree *tree, struct hx_thread **ready, size_t room)
{
	const struct hx_rb_node *node;
	size_t n = 0;

	for (node = hx_rb_first(tree); node != NULL && n < room; node = hx_rb_next(node))
		ready[n++] = dis_of_node(node)->t;
	return n;
}

static size_t dis_state_list(struct hx_runq *rq, struct hx_thread **ready, size_t room)
{
	const struct dis_queue *q = rq->priv;
	size_t n = list_tree(&q->rt, ready, room);
	unsigned i;

	for (i = 0; i < 2 && q->soon[i] != NULL && n < room; i++)
		ready[n++] = q->soon[i]->t;
	n += list_tree(&q->fair, ready + n, room - n);
	n += hx_sched_list_of(&q->idle, ready + n, room - n);
	return n + list_tree(&q->held, ready + n, room - n);
}

static void save_fair(const struct dis_queue *q, const struct dis_thread *d,
		      struct hx_sched_state *s, uint64_t v)
{
	s->has |= HX_STATE_LAG | HX_STATE_REQUEST;
	s->lag_ns = to_real(d, (int64_t)(v - d->v));
	/* Who is behind when it wakes begins at V: nothing is owed to it. */
	if (s->lag_ns > 0 && !is_on_cpu_or_queue(d->t))
		s->lag_ns = 0;
	s->request_ns = 0;
	if (dis_before(d->v, d->key))
		s->request_ns = (uint64_t)to_real(d, (int64_t)(d->key - d->v));
}

static void dis_state_save_all(struct hx_runq *rq, struct hx_sched_record *const *records,
			       size_t n)
{
	const struct dis_queue *q = rq->priv;
	const uint64_t v = dis_virtual_now(q);
	size_t i;

	for (i = 0; i < n; i++) {
		const struct dis_thread *d = dis_of(records[i]->t);
		struct hx_sched_state *s = &records[i]->state;

		s->has |= HX_STATE_USED;
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
		/* Not the boot thread, of which it never heard. */
		if (d->p.band == DIS_FAIR && (d->home == q || d == q->curr))
			save_fair(q, d, s, v);
	}
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
static void load(struct dis_queue *q, const struct hx_sched_record *r, hx_ns_t now)
{
	struct dis_thread *d = dis_of(r->t);

	d->why = HX_ENQUEUE_SLICE;
	d->used_ns = hx_min_u64(r->state.used_ns, DIS_SLICE_MAX_NS);
	d->home = q;
	if (d->p.quota_ns != 0)
		load_budget(d, &r->state, now);
	load_place(q, d, &r->state, now);
}

/* Most are of FAIR, and put in order at once. */
static void dis_state_load_all(struct hx_runq *rq, struct hx_sched_record *const *records,
			       size_t n)
{
	struct dis_queue *q = rq->priv;
	struct hx_rb_chain fair = HX_RB_CHAIN_INIT;
	const bool at_once = q->soon[0] == NULL;
	hx_ns_t now = hx_now_ns();
	size_t i;

	for (i = 0; i < n; i++) {
		struct dis_thread *d = dis_of(records[i]->t);

		load(q, records[i], now);
		if (d->t->state == HX_THREAD_RUNNING) {
			q->curr = d;
		} else if (d->t->state == HX_THREAD_READY && at_once &&
			   d->p.band == DIS_FAIR && !dis_is_overdrawn(d)) {
			dis_fair_count(q, d);
			hx_rb_chain_add(&fair, &d->node);
		} else if (d->t->state == HX_THREAD_READY) {
			dis_insert(q, d);
		}
	}
	if (at_once)
		dis_fair_insert_all(q, &fair);
}

static const hx_timer_fn_t dis_timers[] = { dis_on_house, dis_on_release, NULL };

static const struct hx_sched_state_ops dis_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "dis",
	.turn_ns = DIS_SLICE_MAX_NS, .wait_ns = 5 * DIS_SLICE_MAX_NS,
	.fields = HX_STATE_USED | HX_STATE_BUDGET | HX_STATE_DEADLINE | HX_STATE_LAG |
		  HX_STATE_REQUEST,
	.n_words = 1, .timers = dis_timers, .list = dis_state_list,
	.save_all = dis_state_save_all, .load_all = dis_state_load_all,
};
HX_SCHED_STATE(dis_state);
