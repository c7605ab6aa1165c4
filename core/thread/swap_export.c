// SPDX-License-Identifier: MIT
/*
 * A scheduler gives up its threads: a record for each, made in two parts.
 *
 * 1 Gathered while threads run, with the lock of their table: the record's place, who it is of,
 *   what schedulers before the old one knew of it (HX_STATE_* bits that this one does not write),
 *   and the thread's place in the guard's set.
 * 2 Exported with all CPUs parked: the words, the state, the order. The old scheduler names the
 *   ready threads; each must have a record, once, or gets one now: it was made meanwhile. The
 *   others come from the table. A record that nobody came to is of a thread that has ended: it is
 *   emptied, and t not followed.
 */
#include <hx/core/fault.h>
#include <hx/core/heap.h>
#include <hx/core/printf.h>

#include "guard_priv.h"

#define ROOM_MORE	64u	/* threads that may be made between counting and standing still */

HX_FAULT_POINT(swap_export_item, "swap.export.item", "the old scheduler fails in the middle");

/* ---- while threads run */

static int gather_room(struct swap_work *w)
{
	const size_t count = hx_thread_count(), room = count + count / 8 + ROOM_MORE;
	struct swap_records *all = hx_alloc(sizeof(*all) + room * (sizeof(all->of[0]) +
								   sizeof(all->order[0])));

	if (all == NULL)
		return -HX_ENOMEM;
	all->room = room;
	all->n = all->n_order = 0;
	all->turn = swap_last != NULL ? swap_last->turn ^ 1 : 0;
	all->order = (struct swap_record_of **)&all->of[room];
	state_head_init(&all->head);
	w->records = all;
	return 0;
}

/* A record more. Nobody else changes the guard's set now. */
static void gather_one(struct swap_work *w, struct hx_thread *t)
{
	struct swap_records *all = w->records;
	const struct hx_sched_state *before = swap_find(swap_last, t);
	struct swap_record_of *r = &all->of[all->n];

	r->t = t;
	r->id = t->id;
	r->step = SWAP_PREPARED;
	r->carried = 0;
	r->state = (struct hx_sched_state){ .has = 0 };
	if (before != NULL) {
		r->state = *before;
		r->carried = before->has;
		r->state.has = 0;
	}
	guard_add(w->known, t);
	t->swap_idx[all->turn] = (uint32_t)all->n++;
}

static bool gather(struct hx_thread *t, void *arg)
{
	struct swap_work *w = arg;
	hx_irqflags_t flags;

	if ((t->flags & HX_THREAD_IDLE) != 0)
		return true;
	if (w->records->n == w->records->room)
		return false;		/* that many since they were counted: export says so */
	flags = hx_irq_save();
	guard_lock();
	gather_one(w, t);
	guard_unlock();
	hx_irq_restore(flags);
	return true;
}

int swap_gather(struct swap_work *w)
{
	int err = gather_room(w);

	if (err != 0)
		return err;
	w->known = guard_prepare();
	hx_spin_lock(&thread_lock);
	thread_each(gather, w);
	hx_spin_unlock(&thread_lock);
	return 0;
}

/* ---- with all CPUs parked */

/* r is t's. save comes last: nothing is kept across the call. */
static HX_ALWAYS_INLINE void export_to(struct swap_work *w, struct hx_thread *t,
				       struct swap_record_of *r)
{
	struct swap_records *all = w->records;

	r->step = SWAP_EXPORTED;
	r->old = *swap_words_of(t);
	all->order[all->n_order++] = r;
	w->from->save(t->rq, t, &r->state);
}

/* Whatever is not as usual: t has no record, was there already, or a fault is due. */
static HX_NOINLINE void export_odd(struct swap_work *w, struct hx_thread *t)
{
	struct swap_records *all = w->records;
	struct swap_record_of *r = swap_record_for(all, t);

	w->full = r == NULL && all->n == all->room;	/* many were made meanwhile */
	w->bad = w->full || (r != NULL && r->step != SWAP_PREPARED);
	if (w->bad)
		return;
	if (hx_fault_hits("swap.export.item")) {
		w->err = -HX_EIO;
		w->bad = true;
		return;
	}
	if (r == NULL) {
		r = &all->of[all->n];
		gather_one(w, t);
	}
	export_to(w, t, r);
}

static HX_ALWAYS_INLINE void export_thread(struct swap_work *w, struct hx_thread *t)
{
	struct swap_record_of *r = swap_record_for(w->records, t);

	if (HX_LIKELY(r != NULL && r->step == SWAP_PREPARED && !w->bad &&
		      (!HX_ENABLED(FAULT_INJECTION) || hx_fault_n_armed == 0)))
		export_to(w, t, r);
	else if (!w->bad)
		export_odd(w, t);
}

/* What the old scheduler shows as enqueued. Its answer is not trusted. */
static void visit_ready(void *arg, struct hx_thread *t)
{
	struct swap_work *w = arg;

	if (HX_LIKELY(t->state == HX_THREAD_READY && t->rq == w->rq))
		export_thread(w, t);
	else
		w->bad = true;
}

/* Those that are READY have been visited: as many as there are, and none of them twice. */
static bool visit_other(struct hx_thread *t, void *arg)
{
	struct swap_work *w = arg;

	if ((t->flags & HX_THREAD_IDLE) == 0)
		export_thread(w, t);
	return !w->bad;
}

/* What schedulers before knew is added, records of threads that have ended are emptied, and all is
 * summed. */
static void export_end(struct swap_records *all)
{
	struct hx_sched_state_head sums = { .sum_a = 0 };
	struct swap_record_of *r, *end = &all->of[all->n];

	for (r = all->of; r < end; r++) {
		r->state.has |= r->carried;
		if (HX_UNLIKELY(r->step == SWAP_PREPARED)) {
			r->t = NULL;
			r->state = (struct hx_sched_state){ .has = 0 };
		}
		state_sum(&sums, &r->state);
	}
	all->head.sum_a = sums.sum_a;
	all->head.sum_b = sums.sum_b;
	all->head.n_records = (uint32_t)all->n;
}

static int export_ready(struct hx_swap *s)
{
	struct swap_work *w = s->priv;

	for (w->rq = swap_next_rq(NULL); w->rq != NULL; w->rq = swap_next_rq(w->rq)) {
		size_t before = w->records->n_order, n;

		quiet_lock(&w->rq->lock);
		w->from->walk(w->rq, visit_ready, w);
		quiet_unlock(&w->rq->lock);
		n = w->records->n_order - before;
		if (w->full || w->err != 0)
			return w->full ? -HX_EAGAIN : w->err;
		if (w->bad || n != w->rq->n_ready) {
			hx_snprintf(s->why, sizeof(s->why), "cpu %u: %s shows %zu ready, not %u",
				    w->rq->cpu, w->from->name, n, w->rq->n_ready);
			return -HX_EBADMSG;
		}
	}
	return 0;
}

int swap_export(struct hx_swap *s)
{
	struct swap_work *w = s->priv;
	int err;

	if (guard_serial != w->serial) {
		hx_snprintf(s->why, sizeof(s->why), "the old one was thrown out meanwhile");
		return -HX_EAGAIN;
	}
	err = export_ready(s);
	if (err != 0)
		return err;
	thread_each_but(HX_THREAD_READY, visit_other, w);
	if (w->full || w->err != 0)
		return w->full ? -HX_EAGAIN : w->err;
	if (w->bad) {
		hx_snprintf(s->why, sizeof(s->why), "%s does not show all threads", w->from->name);
		return -HX_EBADMSG;
	}
	export_end(w->records);
	s->n_items = w->records->n_order;
	s->n_bytes = sizeof(w->records->head) + w->records->n * sizeof(struct hx_sched_state);
	return 0;
}
