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
		struct swap_record_of *r = w->records->order[k];

		r->home = r->t->home;
		r->promised_ppm = r->t->promised_ppm;
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

static int import_threads(struct swap_work *w)
{
	const struct swap_records *all = w->records;
	struct hx_runq *rq = NULL;
	size_t k;
	int err = 0;

	/* Those of one run queue follow each other, mostly. */
	for (k = 0; k < all->n_order && err == 0; k++) {
		const struct swap_record_of *r = all->order[k];
		struct hx_thread *t = r->t;

		if (HX_UNLIKELY(t->rq != rq)) {
			if (rq != NULL)
				quiet_unlock(&rq->lock);
			rq = t->rq;
			quiet_lock(&rq->lock);
		}
		if (!HX_ENABLED(ONE_CPU) && HX_UNLIKELY(t->cpus != t->intent->affinity))
			w->is_narrowed = true;
		w->to->load(rq, t, &r->state);
		if (hx_fault_hits("swap.import.item"))
			err = -HX_EIO;
	}
	if (rq != NULL)
		quiet_unlock(&rq->lock);
	return err;
}

/* What the new scheduler shows. */
static void count_ready(void *arg, struct hx_thread *t)
{
	struct swap_work *w = arg;
	struct swap_record_of *r = swap_record_for(w->records, t);

	if (HX_LIKELY(r != NULL && r->step == SWAP_EXPORTED && t->state == HX_THREAD_READY &&
		      t->rq == w->rq)) {
		r->step = SWAP_SHOWN;
		w->n_shown++;
	} else {
		w->bad = true;
	}
}

static void import_end(const struct swap_work *w)
{
	struct hx_runq *rq;

	for (rq = swap_next_rq(NULL); w->to->loaded != NULL && rq != NULL; rq = swap_next_rq(rq)) {
		quiet_lock(&rq->lock);
		w->to->loaded(rq);
		quiet_unlock(&rq->lock);
	}
}

static int import_compare(struct hx_swap *s)
{
	struct swap_work *w = s->priv;

	for (w->rq = swap_next_rq(NULL); w->rq != NULL; w->rq = swap_next_rq(w->rq)) {
		w->n_shown = 0;
		quiet_lock(&w->rq->lock);
		w->to->walk(w->rq, count_ready, w);
		quiet_unlock(&w->rq->lock);
		if (w->bad || w->n_shown != w->rq->n_ready || w->rq->n_held > w->rq->n_ready) {
			hx_snprintf(s->why, sizeof(s->why), "cpu %u: %s has %zu ready, not %u",
				    w->rq->cpu, w->to->name, w->n_shown, w->rq->n_ready);
			return -HX_EBADMSG;
		}
	}
	return 0;
}

int swap_import(struct hx_swap *s)
{
	struct swap_work *w = s->priv;
	int err;

	if (hx_fault_hits("swap.state"))
		hx_fault_flip(&w->records->of[w->records->n / 2].state,
			      sizeof(w->records->of[0].state));
	promise_save(w->promised_ppm);
	err = state_check(&w->records->head, &w->records->of[0].state,
			  sizeof(w->records->of[0]), w->records->n);
	if (err == 0)
		err = import_queues(w, s->new);
	else
		hx_snprintf(s->why, sizeof(s->why), "the exported state does not fit");
	promise_set_mode(PROMISE_RENEW);
	if (err == 0)
		err = import_accounts(s, s->new);
	promise_set_mode(PROMISE_USUAL);
	if (err == 0)
		err = import_threads(w);
	if (err != 0)
		return err;
	import_end(w);
	return import_compare(s);
}
