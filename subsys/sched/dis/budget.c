// SPDX-License-Identifier: MIT
/*
 * Budgets: so much CPU in every period, and not more.
 *
 *	left   quota ---ran---> 0 ... may go below: what ran until somebody looked (a tick)
 *	at the period's end: left = min(quota, left + quota)
 *
 * An overrun is a debt: it comes off the next period, so over k periods at most k quotas and one
 * tick are used, whatever the tick; unused time is lost. Who is at 0 or below is held until the
 * period in which it is in credit again. A promise with a soft or extensible deadline is not held:
 * its deadline moves on by a period with each quota (a constant bandwidth server), so it harms none
 * of those that keep theirs.
 *
 * Source: Abeni, Buttazzo, "Integrating Multimedia Applications in Hard Real-Time Systems" (1998).
 * Differs: the budget is charged in arrears, with the debt above.
 */
#include "dis_priv.h"

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

/* It was woken, or is new: a period that is over is not caught up with, a new one begins. */
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
		if (a->left_ns == (int64_t)d->p.quota_ns)
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

void dis_account_charge(struct dis_thread *d, uint64_t ran_ns, hx_ns_t now)
{
	struct dis_account *a = &d->account;
	bool was_out = a->left_ns <= 0;

	/* What is borrowed was nobody's: it is not charged. */
	if (!was_out || !(d->p.flags & HX_INTENT_BORROW))
		a->left_ns -= (int64_t)ran_ns;
	if (!was_out && a->left_ns <= 0)
		a->n_exhausted++;
	refill(d, now);
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

		if (d->account.release_ns > now)
			break;
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

void dis_release(struct dis_queue *q, hx_ns_t now)
{
	bool better = release_from(q, &q->held, now);

	better |= release_from(q, &q->lent, now);
	if (better)
		hx_runq_kick(q->rq);
}
