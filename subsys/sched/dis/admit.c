// SPDX-License-Identifier: MIT
/*
 * Threads come and go: their memory, and what they were promised.
 */
#include <hx/core/heap.h>
#include <hx/core/string.h>
#include <hx/hal/timer.h>

#include "dis_priv.h"

static struct dis_thread *spare;	/* dis_lock; of the last thread that ended, or NULL */

/* ---- memory */

/* Threads come and go one after the other, mostly: the last one's memory is kept for the next. Not
 * more, so that what is in use at rest does not depend on what was before. */
static struct dis_thread *take_spare(void)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&dis_lock);
	struct dis_thread *d = spare;

	spare = NULL;
	hx_spin_unlock_irqrestore(&dis_lock, flags);
	return d;
}

static void give_back(struct dis_thread *d)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&dis_lock);
	struct dis_thread *before = spare;

	spare = d;
	hx_spin_unlock_irqrestore(&dis_lock, flags);
	hx_free(before);
}

void dis_admit_stop(void)
{
	hx_free(take_spare());
}

/* ---- promises */

static void retire(struct hx_thread *t)
{
	struct dis_thread *d = dis_of(t);

	if (hx_sched_promise(t, NULL, 0) == 0 && d->limited)
		__atomic_fetch_sub(&dis_n_limited, 1, __ATOMIC_RELAXED);
	if (d->counted_io)
		__atomic_fetch_sub(&dis_n_io_blocked, 1, __ATOMIC_RELAXED);
	t->sched_priv[0] = 0;
	give_back(d);
}

/* What the engine makes of a new thread that asks for nothing: always the same. */
static struct dis_params default_params;
static bool default_is_known;		/* a */

static void new_params(struct dis_thread *d, const struct hx_intent *want)
{
	bool is_default = want == &hx_intent_default && d->t->prio == HX_PRIO_DEFAULT &&
			  d->t->slice_ns == 0;
	hx_irqflags_t flags;

	if (is_default && __atomic_load_n(&default_is_known, __ATOMIC_ACQUIRE)) {
		d->p = default_params;
		return;
	}
	dis_engine(d, want);
	if (!is_default)
		return;
	flags = hx_spin_lock_irqsave(&dis_lock);
	if (!default_is_known) {
		default_params = d->p;
		__atomic_store_n(&default_is_known, true, __ATOMIC_RELEASE);
	}
	hx_spin_unlock_irqrestore(&dis_lock, flags);
}

static void begin(struct dis_thread *d, struct hx_thread *t, const struct hx_intent *want)
{
	memset(d, 0, offsetof(struct dis_thread, fired_ms));
	d->t = t;
	d->where = DIS_NOWHERE;
	dis_policy_forget(d);
	t->sched_priv[0] = (uintptr_t)d;
	d->learned.behaviour = DIS_MIXED;
	d->s.sampled = true;
	d->s.born_ns = d->s.window_ns = d->s.ready_ns = hx_now_ns();
	new_params(d, want);	/* the first thread of all runs without an enqueue */
	dis_account_change(d, d->s.born_ns);
}

int dis_admit(struct hx_thread *t, const struct hx_intent *want)
{
	struct dis_thread *d;
	int err;

	if (want == NULL) {
		retire(t);
		return 0;
	}
	if (t->intent != NULL)
		return hx_sched_promise(t, want, dis_promise_ppm(want));
	d = take_spare();
	if (d == NULL)
		d = hx_alloc(sizeof(*d));
	if (d == NULL)
		return -HX_ENOMEM;
	err = hx_sched_promise(t, want, dis_promise_ppm(want));
	if (err == 0)
		begin(d, t, want);
	else
		give_back(d);
	return err;
}
