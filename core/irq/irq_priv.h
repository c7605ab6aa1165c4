/* SPDX-License-Identifier: MIT */
/* What the dispatcher tells its node. */
#ifndef HX_CORE_IRQ_PRIV_H
#define HX_CORE_IRQ_PRIV_H

#include <hx/config/core_irq_router.h>
#include <hx/config/hal_common.h>
#include <hx/core/irq.h>
#include <hx/core/lock.h>
#include <hx/hal/irq.h>
#include <hx/hal/percpu.h>

extern struct hx_spinlock irq_lock;
extern struct hx_irq_action *irq_lines[HX_IRQ_LINES];	/* irq_lock; read with interrupts off */

extern void (*irq_sync)(void);

/* When this returns no other CPU is in a handler that was taken off before. */
static inline void irq_wait_for_others(void)
{
	if (!HX_ENABLED(ONE_CPU) && irq_sync != NULL)
		irq_sync();
}

/* ---- counts.c (CONFIG_IRQ_ROUTER) */
extern uint64_t irq_counts[HX_CPUS][HX_IRQ_LINES];	/* written by that CPU, interrupts off */
extern uint64_t irq_routed;				/* irq_lock; bit: the router has the line */

/* Copy action number idx of a line, so that the text is written without the lock. False: none. */
bool irq_snapshot(uint32_t line, unsigned idx, struct hx_irq_action *out);
/* Interrupts on lines without an action. */
uint64_t irq_n_unclaimed(void);

#endif
