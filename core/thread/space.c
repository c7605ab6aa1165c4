/* SPDX-License-Identifier: MIT */
/* The end of a switch to a thread that runs in an address space: apart, so that a switch between
 * threads of the kernel pays two instructions for them. */
#include "thread_priv.h"

void sched_switch_space(struct hx_thread *prev, struct hx_thread *next)
{
	hx_mmu_switch(next->space);
	hx_context_switch(&prev->ctx, &next->ctx);
}
