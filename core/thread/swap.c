// SPDX-License-Identifier: MIT
/*
 * Replacing the scheduler, with all threads, while they run.
 *
 * 1 At rest. All other CPUs are parked where they could be preempted, this one has interrupts off.
 *   So nobody is inside a scheduler, no run queue lock is held, no thread is MOVING, and none is
 *   between its admission and the table, or between the table and the end of its account: those
 *   stretches have preemption off.
 * 2 Records (swap_export.c). One per thread, with the words that the old scheduler keeps in the
 *   thread, as they are, and the state that any scheduler understands. What the old one does not
 *   know (HX_STATE_* bits) is taken from the thread's record of the swap before. The records are
 *   made before all CPUs stand; what is in them by then says only which thread they are of, and is
 *   looked at again: threads that came meanwhile get one then, those of threads that went are in no
 *   order. The order beside them has the ready ones as the old scheduler would run them, then all
 *   others.
 * 3 Nothing is lost. Before IMPORT changes anything: every thread that is READY was listed exactly
 *   once, and there are n_ready of each run queue. After it (swap_import.c): the new one shows just
 *   these again. (kept), (twice) in test/models/swap.pml.
 * 4 Undo is copying the words back, and the run queues' fields: the old one was only read, so it is
 *   bit for bit what it was.
 * 5 Accounts. A scheduler may allocate for a thread in admit. The new one is asked for all threads
 *   before one is loaded; the old one is told of their end after COMMIT, each time with its own
 *   words in place. The time that a thread has run since the last tick stays to be charged, to the
 *   new one. A promise of CPU time (promise.c) is renewed by the new one, which may refuse that and
 *   with it the swap, or has ended with the old one and is counted (n_ended).
 * 6 Ends of budgets. The new one is asked who runs on each CPU, also where nobody else is ready, so
 *   that it can ask for the tick that ends a budget. An interrupt that the old one asked for is
 *   just one more tick.
 * 7 Cost. O(threads) with all CPUs still, for what only then holds still: swap.scheduler.pause.<n>.
 *   Before that some 125 instructions for each thread, with the lock of their table.
 */
#include <hx/config/core_slot.h>
#include <hx/core/heap.h>
#include <hx/core/park.h>
#include <hx/core/printf.h>
#include <hx/core/slot.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>

#include "guard_priv.h"

struct swap_records *swap_last;

static bool swap_state_fits(const struct hx_sched_state_ops *s)
{
	return s->abi == HX_SCHED_STATE_ABI && s->version == HX_SCHED_STATE_VERSION &&
	       s->n_words <= SWAP_WORDS_MAX && s->list != NULL && s->save_all != NULL &&
	       s->load_all != NULL;
}

const struct hx_sched_state_ops *swap_state_ops(const struct hx_sched_ops *ops)
{
	const struct hx_sched_state_ops *const *it, *found = NULL;

	if (HX_ENABLED(SLOT_DYNAMIC))
		found = hx_slot_more(ops);
	HX_SECTION_FOREACH(it, hx_sched_states) {
		if (found == NULL && hx_strcmp((*it)->name, ops->name) == 0)
			found = *it;
	}
	return found != NULL && swap_state_fits(found) ? found : NULL;
}

struct hx_runq *swap_next_rq(struct hx_runq *rq)
{
	unsigned cpu = rq == NULL ? 0 : rq->cpu + 1;

	while (cpu < HX_CPUS && sched_rqs[cpu].idle == NULL)
		cpu++;
	return cpu < HX_CPUS ? &sched_rqs[cpu] : NULL;
}

/* ---- PREPARE */

static int swap_prepare(struct hx_swap *s)
{
	struct swap_work *w = hx_zalloc(sizeof(*w));

	if (w == NULL)
		return -HX_ENOMEM;
	s->priv = w;
	w->from = swap_state_ops(s->old);
	w->to = swap_state_ops(s->new);
	if (w->from == NULL || w->to == NULL) {
		hx_snprintf(s->why, sizeof(s->why), "%s keeps no state of version %u",
			    ((const struct hx_sched_ops *)(w->to == NULL ? s->new : s->old))->name,
			    HX_SCHED_STATE_VERSION);
		return -HX_ENOTSUP;
	}
	w->serial = guard_serial;
	return swap_gather(w);
}

/* ---- QUIESCE */

static int swap_quiesce(struct hx_swap *s)
{
	struct swap_work *w = s->priv;
	struct hx_park_blocker who = { .cpu = 0 };
	hx_ns_t until = hx_now_ns() + CONFIG_SLOT_SWAP_WAIT_MS * HX_NS_PER_MS;
	int err;

	/* Idle threads park to throw a scheduler out, or to see that it was done; not for long. */
	do {
		err = hx_cpus_park(&w->parking, CONFIG_SLOT_SWAP_WAIT_MS * HX_NS_PER_MS, &who);
	} while (err == -HX_EBUSY && hx_now_ns() < until);
	if (err == 0) {
		w->parked = true;
		s->stopped_cycles = hx_cycles();
	} else if (err == -HX_EBUSY) {
		hx_snprintf(s->why, sizeof(s->why), "somebody else stops the CPUs");
	} else {
		hx_snprintf(s->why, sizeof(s->why), "cpu %u thread %u %s: %s off", who.cpu,
			    who.thread_id, who.thread_name,
			    who.state == HX_PARK_NO_ANSWER ? "interrupts" : "preemption");
	}
	return err;
}

/* ---- COMMIT, or back */

/* The old one's words change places with those that stand in the thread. */
static void swap_words(const struct swap_work *w, struct swap_record_of *r)
{
	struct swap_words *in = swap_words_of(r->r.t), now = *in;

	in->run_link = r->old.run_link;
	memcpy(in->words, r->old.words, w->from->n_words * sizeof(in->words[0]));
	r->old = now;
}

/* `ops` forgets the threads and run queues that it has; its words are in place. */
static void swap_forget(struct swap_work *w, const struct hx_sched_ops *ops, uint32_t n_admitted)
{
	struct hx_runq *rq = swap_next_rq(NULL);
	uint32_t i;

	promise_set_mode(PROMISE_KEEP);
	for (i = 0; i < n_admitted && ops->admit != NULL; i++)
		ops->admit(w->records->order[i]->t, NULL);
	promise_set_mode(PROMISE_USUAL);
	for (i = 0; i < w->n_inited; i++, rq = swap_next_rq(rq)) {
		if (rq->priv != NULL && ops->fini != NULL)
			ops->fini(rq);
	}
}

static void swap_queues(struct swap_work *w)
{
	struct hx_runq *rq = swap_next_rq(NULL);
	uint32_t i;

	for (i = 0; i < w->n_inited; i++, rq = swap_next_rq(rq)) {
		struct swap_queue *q = &w->queues[rq->cpu], now;

		now = (struct swap_queue){ rq->priv, rq->ready, rq->n_held, rq->must_leave };
		rq->priv = q->priv;
		rq->ready = q->ready;
		rq->n_held = q->n_held;
		rq->must_leave = q->must_leave;
		*q = now;
	}
}

static void swap_release(struct hx_swap *s)
{
	struct swap_work *w = s->priv;

	if (!w->parked)
		return;
	w->parked = false;
	s->released_cycles = hx_cycles();
	hx_cpus_unpark(&w->parking);
}

/* The old one once more sees its own, to give it back. The list that rq->ready heads is found again
 * at the same place, so lists survive the copies. */
static void commit_old_forgets(struct swap_work *w, const struct hx_sched_ops *old)
{
	size_t i;

	if (old->admit == NULL && old->fini == NULL)
		return;
	swap_queues(w);
	promise_set_mode(PROMISE_KEEP);
	for (i = 0; old->admit != NULL && i < w->records->n_order; i++) {
		struct swap_record_of *r = swap_of(w->records->order[i]);

		swap_words(w, r);
		old->admit(r->r.t, NULL);
		swap_words(w, r);
	}
	swap_forget(w, old, 0);
	swap_queues(w);
}

void swap_ask_all(void)
{
	struct hx_runq *rq;

	for (rq = swap_next_rq(NULL); rq != NULL; rq = swap_next_rq(rq)) {
		quiet_lock(&rq->lock);
		rq->must_leave = runq_current(rq);
		hx_runq_kick(rq);
		quiet_unlock(&rq->lock);
	}
}

/* Where threads may run: the old one's rules are gone, and the new one's promises hold. */
static void commit_places(const struct swap_work *w)
{
	size_t i;

	/* Without rules it is what they ask for, and promises come by admission only. */
	for (i = 0; (w->is_narrowed || w->is_asked) && i < w->records->n_order; i++) {
		struct hx_thread *t = w->records->order[i]->t;

		thread_set_cpus(t);
		if (HX_UNLIKELY(t->promised_ppm != 0))
			sched_settle(t);
	}
}

static void swap_commit(struct hx_swap *s)
{
	struct swap_work *w = s->priv;
	const struct hx_sched_ops *new = s->new;

	sched_slot = new;
	guard_begin(new, w->known);
	commit_old_forgets(w, s->old);
	commit_places(w);
	swap_ask_all();
	w->before = swap_last;
	swap_last = w->records;
	swap_release(s);
}

static void swap_undo(struct hx_swap *s)
{
	struct swap_work *w = s->priv;
	uint32_t i;

	if (w == NULL)
		return;
	if (w->n_inited != 0) {
		swap_forget(w, s->new, w->n_admitted);
		swap_queues(w);
		promise_restore(w->promised_ppm);
	}
	for (i = 0; w->n_inited != 0 && i < w->records->n_order; i++) {
		struct swap_record_of *r = swap_of(w->records->order[i]);

		swap_words(w, r);
		if (w->is_asked) {
			r->r.t->home = r->home;
			r->r.t->promised_ppm = r->promised_ppm;
		}
	}
	guard_prepared_not();
	swap_release(s);
	hx_free(w->records);
	hx_free(w->listed);
	hx_free(w);
	s->priv = NULL;
}

static void swap_retire(struct hx_swap *s)
{
	struct swap_work *w = s->priv;

	hx_free(w->before);
	hx_free(w->listed);
	hx_free(w);
	s->priv = NULL;
	if (hx_percpu()->need_resched)
		hx_preempt_point();
}

const struct hx_swap_class sched_swap = {
	.prepare = swap_prepare, .quiesce = swap_quiesce, .export = swap_export,
	.import = swap_import, .commit = swap_commit, .undo = swap_undo, .retire = swap_retire,
};
