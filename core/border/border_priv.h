/* SPDX-License-Identifier: MIT */
/* The parts of core/border as they see each other. */
#ifndef BORDER_PRIV_H
#define BORDER_PRIV_H

#include <hx/config/core_slot.h>
#include <hx/config/hal_common.h>
#include <hx/core/border.h>
#include <hx/hal/percpu.h>

struct hx_trap_frame;

static inline struct hx_border_owner *border_owner(const struct hx_border *b)
{
	return HX_CONTAINER_OF(b->gate, struct hx_border_owner, gate);
}

/* border.c: the first fault of an owner stays as the reason; interrupts off. */
void border_note(struct hx_border *b, const char *what, uintptr_t pc, uintptr_t address);
/* The call is over. Interrupts off; spinlocks are released, mutexes not yet. */
void border_give_up(struct hx_border *b);
/* Calls that do not come back are ended from another CPU. */
#define BORDER_BREAKS	(HX_ENABLED(SLOT_SWAP) && HX_ENABLED(CPU_STATES) && HX_CPUS > 1)
/* break.c: for hx_sched_set_breaker(); that CPU's NMI, with the call that it is in: NULL if it is
 * not in its owner's code. True: that is what the NMI was for. */
void border_ask(unsigned cpu, const void *provider, bool is_again);
bool border_break(struct hx_trap_frame *f, struct hx_border *b);
/* catch.c: for hx_panic_set_catcher(). */
bool border_catch(struct hx_trap_frame *f);

#endif
