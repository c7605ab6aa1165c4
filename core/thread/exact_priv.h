/* SPDX-License-Identifier: MIT */
/* The timer's interrupt between two ticks, where a scheduler asks for it (hx_sched_may_tick_in).
 * All for this CPU, with interrupts off. */
#ifndef HX_EXACT_PRIV_H
#define HX_EXACT_PRIV_H

#include "thread_priv.h"

/* ---- exact.c */
void exact_start(void);			/* the periodic interrupt has just been started */
void exact_want(hx_ns_t at);		/* an interrupt no later than that */
bool exact_interrupt_oneshot(hx_ns_t now);	/* it came, and was a one-shot */

#define EXACT_PERIOD_NS	(HX_NS_PER_S / CONFIG_TICK_HZ)

/* Field key: i the CPU itself, interrupts off. */
struct exact {
	hx_ns_t tick_at;	/* i when the next regular tick is due */
	hx_ns_t due;		/* i what the one-shot is set to; HX_FOREVER: it is periodic */
};
extern struct exact exact_events[HX_CPUS];

static inline struct exact *exact_here(void)
{
	return &exact_events[HX_CPUS == 1 ? 0 : hx_percpu()->cpu];
}

/* A regular tick came at now, on the grid or a little off it. */
static HX_ALWAYS_INLINE void exact_next_tick(struct exact *e, hx_ns_t now)
{
	hx_ns_t ahead = e->tick_at + EXACT_PERIOD_NS - now;	/* 1 .. EXACT_PERIOD_NS: on it */

	if (HX_UNLIKELY(ahead - 1 >= EXACT_PERIOD_NS))
		ahead = EXACT_PERIOD_NS;
	e->tick_at = now + ahead;
}

/* The timer's interrupt came; true: as a regular tick. The next one is later than now. */
static HX_ALWAYS_INLINE bool exact_interrupt(hx_ns_t now)
{
	struct exact *e = exact_here();

	if (HX_UNLIKELY(e->due != HX_FOREVER))
		return exact_interrupt_oneshot(now);
	exact_next_tick(e, now);
	return true;
}

#endif
