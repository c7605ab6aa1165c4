// SPDX-License-Identifier: MIT
/*
 * Interrupts between the ticks: where a scheduler says when a budget ends (hx_runq_tick_in()), or
 * has timers that must not wait for a tick (hx_timer_start_exact()), the CPU's event source is set
 * to that time.
 *
 *	tick           due        tick                  tick
 *	 |--------------X..........|---------------------|
 *	 periodic    one-shot to X, then one-shot       periodic
 *	             to the tick that it has put off
 *
 * There is one event source per CPU, and setting it costs a device write or two, on a virtual
 * machine even an exit. So it is set only to something earlier than what is to come anyway, and
 * never taken back: an interrupt for somebody who has left the CPU by then is just another tick.
 * After it every one who still waits for something asks again.
 *
 * While nobody asks the periodic interrupt goes on by itself. tick_at follows it on a grid of its
 * own, and is never later than the next one: the clock that we read and the one that interrupts may
 * drift apart, and how late an interrupt was does not add up.
 */
#include <hx/hal/timer.h>

#include "exact_priv.h"

struct exact exact_events[HX_CPUS];

void exact_start(void)
{
	*exact_here() = (struct exact){
		.tick_at = hx_now_ns() + EXACT_PERIOD_NS, .due = HX_FOREVER,
	};
}

static void exact_set(struct exact *e, hx_ns_t at, hx_ns_t now)
{
	e->due = at;
	hx_timer_oneshot(at > now ? at - now : 0);
}

void exact_want(hx_ns_t at)
{
	struct exact *e = exact_here();

	if (at < e->tick_at && at < e->due)
		exact_set(e, at, hx_now_ns());
}

bool exact_interrupt_oneshot(hx_ns_t now)
{
	struct exact *e = exact_here();

	if (now < e->tick_at) {
		exact_set(e, e->tick_at, now);
		return false;
	}
	hx_timer_periodic(CONFIG_TICK_HZ);
	e->due = HX_FOREVER;
	exact_next_tick(e, now);
	return true;
}

void hx_runq_tick_in(struct hx_runq *rq, uint64_t ns)
{
	hx_assert_held(&rq->lock);
	if ((HX_CPUS == 1 || rq->cpu == hx_percpu()->cpu) && ns < EXACT_PERIOD_NS)
		exact_want(hx_now_ns() + ns + HX_TICK_IN_LATE_NS);
}
