/* SPDX-License-Identifier: MIT */
/*
 * What stall.c saw, by whose fault it was.
 */
#ifndef HX_STALL_PRIV_H
#define HX_STALL_PRIV_H

#include "swap_priv.h"

enum stall_cause {
	STALL_POLICY,		/* the scheduler, which is thrown out then */
	STALL_URGENT,		/* somebody more urgent, as it should be */
	STALL_PREEMPTION_OFF,	/* a thread that cannot be taken off the CPU */
	STALL_INTERRUPTS_OFF,	/* a CPU that takes no ticks */
	STALL_CAUSES,
};

#define STALL_TEXT	80u

/* How often; and the last one, if last is not NULL. */
uint32_t stall_count(enum stall_cause cause, char last[STALL_TEXT]);
/* All CPUs parked, or before there are others: these are the rules that count from now on. */
void stall_begin(const struct hx_sched_state_ops *s);

#endif
