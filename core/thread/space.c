/* SPDX-License-Identifier: MIT */
/* Threads that run in an address space: the end of a switch to one, and its own end. Apart, so that
 * threads of the kernel pay two instructions for it at each. */
#include "thread_priv.h"

static void (*space_end)(void);		/* c after boot */

void hx_thread_set_space_end(void (*fn)(void))
{
	space_end = fn;
}

void thread_leave_space(void)
{
	if (space_end != NULL)
		space_end();
	hx_assert(space_end == NULL || hx_thread_self()->space == NULL);
}

void sched_switch_space(struct hx_thread *prev, struct hx_thread *next)
{
	hx_mmu_switch(next->space);
	if (HX_ENABLED(USER_MODE))
		hx_user_set_stack(thread_stack_top(next));
	hx_context_switch(&prev->ctx, &next->ctx);
}
