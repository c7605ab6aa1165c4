// SPDX-License-Identifier: MIT
/*
 * A scheduler gives up its threads: a record for each, made in two parts.
 *
 * 1 Gathered while threads run, with the lock of their table: the record's place, who it is of,
 *   what schedulers before the old one knew of it (HX_STATE_* bits that this one does not write),
 *   and the thread's place in the guard's set.
 * 2 Exported with all CPUs parked: the words, the state, the order. The old scheduler lists the
 *   ready threads; each must have a record, once, or gets one now: it was made meanwhile. The
 *   others come from the table. A record that nobody came to is of a thread that has ended: it is
 *   not in the order, and t not followed. Then the old one saves all of them, queue by queue.
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

	w->listed = hx_alloc((room + 1) * sizeof(w->listed[0]));
	if (all == NULL || w->listed == NULL) {
		hx_free(all);
		return -HX_ENOMEM;
	}
	all->room = room;
	all->n = all->n_order = 0;
	all->carried = 0;
	all->turn = swap_last != NULL ? swap_last->turn ^ 1 : 0;
	all->order = (struct hx_sched_record **)&all->of[room];
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

	r->r.t = t;
	r->id = t->id;
	r->step = SWAP_PREPARED;
	if (before != NULL)
		r->r.state = *before;
	else
		r->r.state = (struct hx_sched_state){ .has = 0 };
	all->carried |= r->r.state.has;
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

/* Words that are kept aside: the few or all, so that there is no loop for each thread. */
#define KEEP_FEW	1u

/* The thread is there; its place in the order is for the caller. */
static HX_ALWAYS_INLINE void export_to(struct swap_work *w, struct swap_record_of *r,
				       unsigned n_words)
{
	const struct swap_words *words = swap_words_of(r->r.t);

	_Static_assert(KEEP_FEW == 1, "the one below");
	if (!HX_ENABLED(ONE_CPU) && HX_UNLIKELY(r->r.t->cpus != r->r.t->intent->affinity))
		w->is_narrowed = true;
	r->step = SWAP_EXPORTED;
	if (n_words == KEEP_FEW) {
		r->old.run_link = words->run_link;
		r->old.words[0] = words->words[0];
	} else {
		r->old = *words;
	}
}

static bool nothing_is_armed(void)
{
	return !HX_ENABLED(FAULT_INJECTION) || hx_fault_n_armed == 0;
}

struct search {
	const struct hx_thread *t;
	bool is_there;
};

static bool search_one(struct hx_thread *t, void *arg)
{
	struct search *s = arg;

	s->is_there = t == s->t && (t->flags & HX_THREAD_IDLE) == 0;
	return !s->is_there;
}

/* One without a record was made meanwhile, or is no thread at all. */
static bool is_in_table(const struct hx_thread *t)
{
	struct search s = { .t = t };

	thread_each(search_one, &s);
	return s.is_there;
}

/* Whatever is not as usual: t has no record, was there already, or a fault is due. NULL: that is
 * the end of it. */
static HX_NOINLINE struct swap_record_of *export_odd(struct swap_work *w, struct hx_thread *t)
{
	struct swap_records *all = w->records;
	struct swap_record_of *r = swap_record_for(all, t);

	w->full = r == NULL && all->n == all->room;	/* many were made meanwhile */
	w->bad = w->full || (r == NULL ? !is_in_table(t) : r->step != SWAP_PREPARED);
	if (w->bad)
		return NULL;
	if (hx_fault_hits("swap.export.item")) {
		w->err = -HX_EIO;
		return NULL;
	}
	if (r == NULL) {
		r = &all->of[all->n];
		gather_one(w, t);
	}
	return r;
}

/* The n that the old scheduler lists as ready on rq. Its answer is not trusted. How many of them,
 * up to the first that is wrong, are in the order then. What does not change is read once, for
 * stores may go anywhere, as far as compilers know. */
static HX_ALWAYS_INLINE size_t export_listed(struct swap_work *w, const struct hx_runq *rq,
					     size_t n, unsigned n_words)
{
	struct swap_records *all = w->records;
	struct swap_record_of *of = all->of;
	struct hx_thread *const *listed = w->listed;
	struct hx_sched_record **order = &all->order[all->n_order];
	const uint32_t turn = all->turn;
	const size_t n_of = nothing_is_armed() ? all->n : 0;	/* 0: each one is odd */
	size_t i;

	for (i = 0; i < n; i++) {
		struct hx_thread *t = listed[i];
		struct swap_record_of *r;

		if (HX_UNLIKELY(t->state != HX_THREAD_READY || t->rq != rq))
			break;
		r = swap_record_among(of, n_of, turn, t);
		if (HX_UNLIKELY(r == NULL || r->step != SWAP_PREPARED)) {
			r = export_odd(w, t);
			if (r == NULL)
				break;
		}
		export_to(w, r, n_words);
		order[i] = &r->r;
	}
	all->n_order += i;
	return i;
}

/* Those that are READY have been listed: as many as there are, and none of them twice. */
static bool visit_other(struct hx_thread *t, void *arg)
{
	struct swap_work *w = arg;
	struct swap_record_of *r;

	if ((t->flags & HX_THREAD_IDLE) != 0)
		return true;
	r = nothing_is_armed() ? swap_record_for(w->records, t) : NULL;
	if (HX_UNLIKELY(r == NULL || r->step != SWAP_PREPARED)) {
		r = export_odd(w, t);
		if (r == NULL)
			return false;
	}
	export_to(w, r, w->from->n_words <= KEEP_FEW ? KEEP_FEW : SWAP_WORDS_MAX);
	w->records->order[w->records->n_order++] = &r->r;
	return true;
}

static int export_ready(struct hx_swap *s)
{
	struct swap_work *w = s->priv;
	struct hx_runq *rq;

	for (rq = swap_next_rq(NULL); rq != NULL; rq = swap_next_rq(rq)) {
		size_t n = swap_list(w, w->from, rq);

		if (n == rq->n_ready)
			n = w->from->n_words <= KEEP_FEW ?
			    export_listed(w, rq, n, KEEP_FEW) :
			    export_listed(w, rq, n, SWAP_WORDS_MAX);
		if (w->full || w->err != 0 || rq->n_ready > w->records->room)
			return w->err != 0 ? w->err : -HX_EAGAIN;
		if (n != rq->n_ready) {
			hx_snprintf(s->why, sizeof(s->why), "cpu %u: %s shows %zu ready, not %u",
				    rq->cpu, w->from->name, n, rq->n_ready);
			return -HX_EBADMSG;
		}
	}
	return 0;
}

/* n records of threads of rq: all at once, or one by one if a fault is due at one. */
static int hand_some(struct swap_work *w, swap_hand_t hand, const char *point, struct hx_runq *rq,
		     size_t at, size_t n)
{
	const size_t step = nothing_is_armed() ? n : 1, end = at + n;

	for (; at < end; at += step) {
		quiet_lock(&rq->lock);
		hand(rq, &w->records->order[at], step);
		quiet_unlock(&rq->lock);
		if (point != NULL && hx_fault_hits(point))
			return -HX_EIO;
	}
	return 0;
}

int swap_hand_over(struct swap_work *w, swap_hand_t hand, const char *point)
{
	const struct swap_records *all = w->records;
	struct hx_runq *rq;
	size_t at = 0, n;
	int err = 0;

	for (rq = swap_next_rq(NULL); rq != NULL && err == 0; rq = swap_next_rq(rq)) {
		err = hand_some(w, hand, point, rq, at, rq->n_ready);
		at += rq->n_ready;
	}
	for (; at < all->n_order && err == 0; at += n) {
		rq = all->order[at]->t->rq;
		for (n = 1; at + n < all->n_order && all->order[at + n]->t->rq == rq;)
			n++;
		err = hand_some(w, hand, point, rq, at, n);
	}
	return err;
}

int swap_export(struct hx_swap *s)
{
	struct swap_work *w = s->priv;
	struct swap_records *all = w->records;
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
	err = swap_hand_over(w, w->from->save_all, NULL);
	if (err == 0)
		err = state_seal(&all->head, all->order, all->n_order,
				 w->from->fields | all->carried);
	if (err != 0) {
		hx_snprintf(s->why, sizeof(s->why), "%s writes what it does not name",
			    w->from->name);
		return err;
	}
	s->n_items = all->n_order;
	s->n_bytes = sizeof(all->head) + all->n_order * sizeof(struct hx_sched_state);
	return 0;
}
