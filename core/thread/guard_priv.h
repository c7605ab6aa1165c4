/* SPDX-License-Identifier: MIT */
/*
 * What guard.c gives to those that replace schedulers: the set of known threads, and who is called.
 */
#ifndef HX_GUARD_PRIV_H
#define HX_GUARD_PRIV_H

#include "swap_priv.h"

#define GUARD_BUCKETS	256u

extern struct hx_thread *guard_buckets[2][GUARD_BUCKETS];
extern struct hx_sched_ops guard_ops;	/* what is called of one behind the guard */
extern uint32_t guard_serial;		/* another one: somebody else is behind the guard */

static inline unsigned guard_bucket(const struct hx_thread *t)
{
	return (unsigned)((uintptr_t)t * 0x9e3779b97f4a7c15u >> 56);
}

/* t is not in that set. Nobody else looks at the set now. */
static HX_ALWAYS_INLINE void guard_add(unsigned set, struct hx_thread *t)
{
	struct hx_thread **bucket = &guard_buckets[set][guard_bucket(t)];

	t->guard.next[set] = *bucket;
	*bucket = t;
}

/* The set in use: for who walks it, with run queue locks held, which come first. */
void guard_lock(void);
void guard_unlock(void);
struct hx_thread *guard_first(unsigned bucket);
struct hx_thread *guard_next(const struct hx_thread *t);
bool guard_is_module(void);		/* who is called came with one */

static inline bool guard_is_on(void)
{
	return __atomic_load_n(&sched_calls, __ATOMIC_RELAXED) == &guard_ops;
}

/* In a tick: a built-in scheduler whose probation is over is called directly. */
void guard_tick(void);
/* Empties the set that nobody uses; which of the two that is. */
unsigned guard_spare(void);
/* The same for a set that is filled while threads run: the lock is held for each guard_add(), and
 * from now on one that is freed leaves it, until guard_begin() or guard_prepared_not(). */
unsigned guard_prepare(void);
void guard_prepared_not(void);
/* All CPUs parked. ops is called from now on, through the guard; all threads but the idle ones are
 * in that set. */
void guard_begin(const struct hx_sched_ops *ops, unsigned set);
/* The same without a set: for one that was good before. A built-in one is called directly. */
void guard_begin_anew(const struct hx_sched_ops *ops);

#endif
