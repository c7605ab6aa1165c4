/* SPDX-License-Identifier: MIT */
/*
 * For the sources of core/thread on CPUs that are played: nobody answers wrongly here, nothing
 * stalls, and no scheduler is replaced.
 */
#include <hx/core/swap.h>

#include "../../../core/thread/thread_priv.h"

volatile uint32_t sched_is_bad;
const struct hx_swap_class sched_swap;

bool sched_bad_answer(struct hx_runq *rq, const struct hx_thread *t)
{
	return false;
}

const struct hx_sched_ops *sched_calls;

void guard_set(const struct hx_sched_ops *ops)
{
	sched_calls = ops;
}

void stall_tick(struct hx_runq *rq, struct hx_thread *current)
{
}

void sched_rescue(void)
{
}
