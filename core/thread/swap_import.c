// SPDX-License-Identifier: MIT
/*
 * A scheduler takes the threads of another, with all CPUs parked: run queues, accounts, threads;
 * and then it must show just the ready ones, each once, at the run queue where it is.
 */
#include <hx/core/fault.h>
#include <hx/core/printf.h>

#include "guard_priv.h"

HX_FAULT_POINT_OF(swap_state, "swap.state", HX_FAULT_FLIP,
		  "a bit of the exported state changes");
HX_FAULT_POINT(swap_item, "swap.import.item", "a thread cannot be taken over by the new scheduler");

int swap_admit(const struct hx_sched_ops *ops, struct hx_thread *t, uint64_t *n_ended)
{
	const struct hx_intent *intent = t->intent;
	const uint32_t had_ppm = t->promised_ppm, n_asked = promise_asked();
	int err = 0;

	if (ops->admit != NULL) {
		t->intent = NULL;	/* new to this one */
		err = ops->admit(t, intent);
		t->intent = intent;
	}
	if (err != 0 || had_ppm == 0)
		return err;
	if (promise_asked() == n_asked)
		err = hx_sched_promise(t, NULL, 0);
	*n_ended += t->promised_ppm == 0;
	return err;
}

static int import_queues(struct swap_work *w, const struct hx_sched_ops *ops)
{
	struct hx_runq *rq;
	int err;

	for (rq = swap_next_rq(NULL); rq != NULL; rq = swap_next_rq(rq)) {
		struct swap_queue *q = &w->queues[rq->cpu];

		*q = (struct swap_queue){ rq->priv, rq->ready, rq->n_held, rq->must_leave };
		rq->priv = NULL;
		rq->n_held = 0;
		rq->must_leave = NULL;
		hx_list_init(&rq->ready);
		w->n_inited++;
		err = ops->init(rq);
		if (err != 0) {
			rq->priv = NULL;	/* nothing to undo of it */
			return err;
		}
	}
	return 0;
}

/* What admissions change, for undo. */
static void import_keep_promises(struct swap_work *w)
{
	size_t k;

	for (k = 0; k < w->records->n_order; k++) {
		struct swap_record_of *r = swap_of(w->records->order[k]);

		r->home = r->r.t->home;
		r->promised_ppm = r->r.t->promised_ppm;
	}
	w->is_asked = true;
}

/* Every thread is new to the new one, and has asked for what it has. */
static int import_accounts(struct hx_swap *s, const struct hx_sched_ops *ops)
{
	struct swap_work *w = s->priv;
	uint64_t promised = 0;
	unsigned cpu;

	for (cpu = 0; cpu < HX_CPUS; cpu++)
		promised += w->promised_ppm[cpu];
	if (ops->admit == NULL && promised == 0)
		return 0;
	import_keep_promises(w);
	for (; w->n_admitted < w->records->n_order; w->n_admitted++) {
		struct hx_thread *t = w->records->order[w->n_admitted]->t;
		int err = swap_admit(ops, t, &s->n_ended);

		if (err != 0) {
			hx_snprintf(s->why, sizeof(s->why), "%s refuses thread %u %s", ops->name,
				    t->id, t->name);
			return err;
		}
	}
	return 0;
}

/* Of the n that the new scheduler lists at rq, how many should be there; `order` is that in which
 * they were loaded. Mostly they are listed so. */
static size_t import_count(struct swap_work *w, const struct hx_runq *rq, size_t n,
			   struct hx_sched_record *const *order)
{
	struct swap_records *all = w->records;
	struct hx_thread *const *listed = w->listed;
	size_t k;

	for (k = 0; k < n; k++) {
		const struct hx_thread *t = listed[k];
		struct swap_record_of *r = swap_of(order[k]);

		if (r->r.t != t) {
			r = swap_record_for(all, t);
			if (r == NULL || t->state != HX_THREAD_READY || t->rq != rq)
				break;
		}
		if (HX_UNLIKELY(r->step != SWAP_EXPORTED))
			break;
		r->step = SWAP_SHOWN;
	}
	return k;
}

static int import_compare(struct hx_swap *s)
{
	struct swap_work *w = s->priv;
	struct hx_sched_record *const *order = w->records->order;
	struct hx_runq *rq;

	for (rq = swap_next_rq(NULL); rq != NULL; rq = swap_next_rq(rq)) {
		size_t n = swap_list(w, w->to, rq);

		if (n == rq->n_ready)
			n = import_count(w, rq, n, order);
		if (n != rq->n_ready || rq->n_held > rq->n_ready) {
			hx_snprintf(s->why, sizeof(s->why), "cpu %u: %s has %zu ready, not %u",
				    rq->cpu, w->to->name, n, rq->n_ready);
			return -HX_EBADMSG;
		}
		order += n;
	}
	return 0;
}

int swap_import(struct hx_swap *s)
{
	struct swap_work *w = s->priv;
	const struct swap_records *all = w->records;
	int err;

	if (hx_fault_hits("swap.state"))
		hx_fault_flip(&all->order[all->n_order / 2]->state,
			      all->head.sum_words * sizeof(uint64_t));
	promise_save(w->promised_ppm);
	err = state_check(&all->head, all->order, all->n_order);
	if (err == 0)
		err = import_queues(w, s->new);
	else
		hx_snprintf(s->why, sizeof(s->why), "the exported state does not fit");
	promise_set_mode(PROMISE_RENEW);
	if (err == 0)
		err = import_accounts(s, s->new);
	promise_set_mode(PROMISE_USUAL);
	if (err == 0)
		err = swap_hand_over(w, w->to->load_all, "swap.import.item");
	return err != 0 ? err : import_compare(s);
}
