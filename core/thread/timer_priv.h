/* SPDX-License-Identifier: MIT */
/* The trees of timers, for the two files that change them: timer.c, and timer_release.c, where that
 * is wanted. */
#ifndef HX_TIMER_PRIV_H
#define HX_TIMER_PRIV_H

#include "thread_priv.h"

/* Field keys: t own lock, i the CPU itself, interrupts off; others read it. */
struct timers {
	struct hx_spinlock lock;
	struct hx_rb_tree tree;		/* t */
	hx_ns_t now;			/* t what the last tick took as the time */
	hx_ns_t soonest;		/* t none is due before; a tick reads it without */
	struct hx_timer *running;	/* i whose function is being called; NULL: none */
};
extern struct timers timers[HX_CPUS];
extern struct hx_rb_tree timers_exact[HX_CPUS];	/* t of the CPU's timers */

static inline struct hx_rb_tree *exact_of(struct timers *q)
{
	return &timers_exact[q - timers];
}

#endif
