// SPDX-License-Identifier: MIT
/*
 * Budgets: so much CPU in every period, and not more.
 *
 *	left   quota ---ran---> 0: off the CPU; an interrupt comes when it is used up
 *	at the period's end: left = min(quota, left + quota); a timer lets go who is in credit
 *
 * What ran until the interrupt came, about a microsecond, is a debt: it comes off the next period,
 * so over k periods at most k quotas and that microsecond are used; unused time is lost. What runs
 * over a period's end is charged to both, each its part. Periods follow each other from the
 * thread's first moment on; those of a promise begin anew when it is woken after a pause, because
 * its deadline counts from there. Beyond its budget
 *
 *	a quota, a hard deadline	is held
 *	a soft deadline, BORROW		runs on while nobody else wants to
 *	an extensible deadline		moves on by a period with each quota, and keeps its place in
 *					that order (a constant bandwidth server): it harms none of
 *					those that keep theirs
 *
 * Source: Abeni, Buttazzo, "Integrating Multimedia Applications in Hard Real-Time Systems" (1998).
 * Differs: the budget is charged in arrears, with the debt above.
 */
#include <hx/hal/timer.h>

#include "hot.h"

#define CATCH_UP_MAX	1000u	/* whoever slept longer than that many periods owes nothing */

/* All periods that have ended by now. */
static void refill(struct dis_thread *d, hx_ns_t now)
{
	struct dis_account *a = &d->account;
	int64_t quota = (int64_t)d->p.quota_ns;
	uint64_t n;

	if (now < a->period_end_ns)
		return;
	n = (now - a->period_end_ns) / d->p.period_ns + 1;
	a->period_end_ns += n * d->p.period_ns;
	a->left_ns = n > CATCH_UP_MAX || a->left_ns + (int64_t)n * quota > quota
		     ? quota : a->left_ns + (int64_t)n * quota;
}

/* It was woken, or is new. */
void dis_account_begin(struct dis_thread *d, hx_ns_t now)
{
	struct dis_account *a = &d->account;

	if (d->p.quota_ns == 0)
		return;
	if (a->period_end_ns == 0) {
		a->left_ns = (int64_t)d->p.quota_ns;
		a->period_end_ns = now + d->p.period_ns;
	} else if (now >= a->period_end_ns) {
		refill(d, now);
		if (d->p.reserved && a->left_ns == (int64_t)d->p.quota_ns)
			a->period_end_ns = now + d->p.period_ns;
	}
	d->overran = a->period_end_ns > now + d->p.period_ns;
}

/* The parameters are other ones now. A new budget begins at once; what is owed stays owed. */
void dis_account_change(struct dis_thread *d, hx_ns_t now)
{
	struct dis_account *a = &d->account;
	bool limited = d->p.quota_ns != 0;

	if (limited != d->limited) {
		__atomic_fetch_add(&dis_n_limited, limited ? 1u : -1u, __ATOMIC_RELAXED);
		d->limited = limited;
		a->period_end_ns = 0;
	}
	if (!limited)
		return;
	dis_account_begin(d, now);
	if (a->left_ns > (int64_t)d->p.quota_ns)
		a->left_ns = (int64_t)d->p.quota_ns;
	if (a->period_end_ns > now + d->p.period_ns)
		a->period_end_ns = now + d->p.period_ns;
}

/* What is borrowed was nobody's: it is not charged. */
static void charge(struct dis_thread *d, uint64_t ran_ns)
{
	struct dis_account *a = &d->account;
	bool was_out = a->left_ns <= 0;

	if (!was_out || !d->p.borrows)
		a->left_ns -= (int64_t)ran_ns;
	if (!was_out && a->left_ns <= 0)
		a->n_exhausted++;
}

void dis_account_charge(struct dis_thread *d, uint64_t ran_ns, hx_ns_t now)
{
	struct dis_account *a = &d->account;
	uint64_t in_this = ran_ns;

	if (now >= a->period_end_ns) {
		in_this = hx_min_u64(ran_ns, (now - a->period_end_ns) % d->p.period_ns);
		charge(d, ran_ns - in_this);
		refill(d, now);
	}
	charge(d, in_this);
	while (d->p.postpones && a->left_ns <= 0) {
		a->left_ns += (int64_t)d->p.quota_ns;
		a->period_end_ns += d->p.period_ns;
	}
	d->overran = a->period_end_ns > now + d->p.period_ns;
	if (d->p.reserved)
		d->deadline_ns = a->period_end_ns - d->p.period_ns + d->p.request_ns;
}

/* Let those of a tree go whose time has come. True: somebody better than who runs. */
static bool release_from(struct dis_queue *q, struct hx_rb_tree *tree, hx_ns_t now)
{
	const struct hx_rb_node *n;
	bool better = false;

	while ((n = hx_rb_first(tree)) != NULL) {
		struct dis_thread *d = HX_CONTAINER_OF(n, struct dis_thread, node);

		if (d->account.release_ns > now) {
			dis_release_at(q, d->account.release_ns);
			break;
		}
		dis_remove(q, d);
		refill(d, now);
		d->why = HX_ENQUEUE_WAKE;
		d->s.ready_ns = now;
		dis_place(q, d, HX_ENQUEUE_WAKE, now);
		dis_insert(q, d);
		better |= q->curr == NULL || dis_comes_before(q, d, q->curr);
	}
	return better;
}

/* The queue's timer: those who are in credit again go on. */
void dis_on_release(struct hx_timer *timer)
{
	struct dis_queue *q = HX_CONTAINER_OF(timer, struct dis_queue, release);
	hx_irqflags_t flags = hx_runq_lock(q->rq);
	hx_ns_t now = hx_now_ns();
	bool better;

	q->release_ns = HX_FOREVER;
	better = release_from(q, &q->held, now);
	better |= release_from(q, &q->lent, now);
	if (better) {
		if (q->curr == NULL)
			dis_end_idle(q, now);
		hx_runq_kick(q->rq);
	}
	hx_runq_unlock(q->rq, flags);
}

void dis_release_init(struct dis_queue *q)
{
	q->release.fn = dis_on_release;
	q->release_ns = HX_FOREVER;
}

void dis_release_at(struct dis_queue *q, hx_ns_t when)
{
	if (when >= q->release_ns)
		return;
	q->release_ns = when;
	hx_timer_start_exact(&q->release, when);
}
