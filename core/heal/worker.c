// SPDX-License-Identifier: MIT
/*
 * Calls with a deadline: a component's function runs in a thread of its own, the worker, so that
 * one that never comes back holds up nobody.
 *
 *	FREE --job--> BUSY --returned--> DONE --taken--> FREE
 *	               |
 *	               +--deadline--> LOST --returned--> (the worker ends)
 *
 * A lost worker is as little urgent as possible from then on, and another one is made for the next
 * call; at most WORKERS_LOST_MAX of them, then calls are refused until one comes back. While a
 * check or a save of a component is still running (stuck), it is not checked again, but may be
 * acted upon: what hangs in it is what the action is for. While an action is, nothing of it is
 * called.
 */
#include <hx/core/heap.h>
#include <hx/core/log.h>
#include <hx/core/thread.h>

#include "heal_priv.h"

#define WORKERS_LOST_MAX	8u
#define WORKER_PRIO		60
#define CALL_NS			(CONFIG_HEAL_CALL_MS * HX_NS_PER_MS)

enum worker_state { FREE, BUSY, DONE, LOST };

/* Field keys: a atomic, c constant, w by who called while FREE or DONE, else by the worker. */
struct heal_worker {
	struct hx_sem go, done;
	struct hx_thread *thread;	/* c valid while it is not LOST */
	uint32_t state;			/* a enum worker_state */
	enum heal_call what;		/* w */
	struct hx_healed *h;		/* w NULL: end */
	int result;			/* w */
};

static struct heal_worker *worker;	/* heal_doing */
static struct hx_thread *worker_self;	/* a of that one */
static uint32_t n_lost;			/* a */

static int run(struct hx_healed *h, enum heal_call what)
{
	const struct hx_healed_ops *ops = h->ops;

	switch (what) {
	case HEAL_CHECK:
		return (int)ops->check(h->arg);
	case HEAL_SAVE:
		return ops->save(h->arg, h->spare, h->state_bytes);
	case HEAL_RESTART:
		return ops->restart(h->arg, h->saved, h->saved_bytes);
	case HEAL_FALL_BACK:
		return ops->fall_back(h->arg);
	case HEAL_ISOLATE:
		return ops->isolate(h->arg);
	}
	return -HX_EINVAL;
}

static uint32_t stuck_by(enum heal_call what)
{
	return what == HEAL_CHECK || what == HEAL_SAVE ? 1u : 1u << 16 | 1u;
}

static bool change(struct heal_worker *w, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&w->state, &from, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

static int worker_main(void *arg)
{
	struct heal_worker *w = arg;
	struct hx_healed *h;

	for (;;) {
		(void)!hx_sem_take(&w->go, HX_FOREVER);
		h = w->h;
		if (h == NULL)
			break;
		w->result = run(h, w->what);
		if (!change(w, BUSY, DONE)) {
			hx_info("heal", "%s: a function came back after all", h->name);
			__atomic_fetch_sub(&h->stuck, stuck_by(w->what), __ATOMIC_RELEASE);
			__atomic_fetch_sub(&n_lost, 1, __ATOMIC_RELAXED);
			break;
		}
		hx_sem_give(&w->done);
	}
	hx_free(w);
	return 0;
}

int heal_worker_start(void)
{
	struct hx_thread_params p = {
		.name = "heal-worker", .fn = worker_main, .prio = WORKER_PRIO,
		.flags = HX_THREAD_DETACHED,
	};
	struct heal_worker *w;
	int err;

	if (__atomic_load_n(&n_lost, __ATOMIC_RELAXED) >= WORKERS_LOST_MAX)
		return -HX_ENFILE;
	w = hx_zalloc(sizeof(*w));
	if (w == NULL)
		return -HX_ENOMEM;
	hx_sem_init(&w->go, 0);
	hx_sem_init(&w->done, 0);
	p.arg = w;
	err = hx_thread_create(&p, &w->thread);
	if (err != 0) {
		hx_free(w);
		return -HX_ENOMEM;
	}
	worker = w;
	__atomic_store_n(&worker_self, w->thread, __ATOMIC_RELEASE);
	return 0;
}

/* The deadline has passed. False: it came back at the last moment. */
static bool give_up(struct heal_worker *w, struct hx_healed *h)
{
	/* While it is BUSY it cannot end, and a LOST one can at any time: this first. */
	hx_thread_set_prio(w->thread, HX_PRIO_LOWEST);
	__atomic_fetch_add(&h->stuck, stuck_by(w->what), __ATOMIC_RELEASE);
	__atomic_fetch_add(&n_lost, 1, __ATOMIC_RELAXED);
	if (change(w, BUSY, LOST)) {
		worker = NULL;
		__atomic_store_n(&worker_self, NULL, __ATOMIC_RELEASE);
		return true;
	}
	__atomic_fetch_sub(&n_lost, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&h->stuck, stuck_by(w->what), __ATOMIC_RELEASE);
	hx_thread_set_prio(w->thread, WORKER_PRIO);
	(void)!hx_sem_take(&w->done, HX_FOREVER);
	return false;
}

int heal_call(struct hx_healed *h, enum heal_call what)
{
	uint32_t stuck = __atomic_load_n(&h->stuck, __ATOMIC_ACQUIRE);
	struct heal_worker *w;

	if (stuck_by(what) == 1 ? stuck != 0 : stuck >> 16 != 0)
		return -HX_EBUSY;
	if (worker == NULL) {
		int err = heal_worker_start();

		if (err != 0)
			return err;
	}
	w = worker;
	w->h = h;
	w->what = what;
	__atomic_store_n(&w->state, BUSY, __ATOMIC_RELEASE);
	hx_sem_give(&w->go);
	if (hx_sem_take(&w->done, CALL_NS) != 0 && give_up(w, h))
		return -HX_ETIMEDOUT;
	__atomic_store_n(&w->state, FREE, __ATOMIC_RELAXED);
	return w->result;
}

bool heal_worker_runs(const struct hx_healed *h)
{
	/* If so, the worker is BUSY and stays: it is us. */
	return __atomic_load_n(&worker_self, __ATOMIC_ACQUIRE) == hx_thread_self() &&
	       worker->h == h;
}

unsigned heal_workers_lost(void)
{
	return __atomic_load_n(&n_lost, __ATOMIC_RELAXED);
}

void heal_worker_stop(void)
{
	if (worker == NULL)
		return;
	worker->h = NULL;
	hx_sem_give(&worker->go);
	worker = NULL;
	__atomic_store_n(&worker_self, NULL, __ATOMIC_RELEASE);
}
