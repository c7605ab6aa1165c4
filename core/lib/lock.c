/* SPDX-License-Identifier: MIT */
/*
 * The call made when preemption is possible again.
 */
#include <hx/core/lock.h>

static void preempt_none(void)
{
	/* Before threads exist there is nobody to switch to. */
}

void (*hx_preempt_point)(void) = preempt_none;
