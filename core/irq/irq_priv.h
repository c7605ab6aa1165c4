/* SPDX-License-Identifier: MIT */
/* What the dispatcher tells its node. */
#ifndef HX_CORE_IRQ_PRIV_H
#define HX_CORE_IRQ_PRIV_H

#include <hx/core/irq.h>

/* Copy action number idx of a line, so that the text is written without the lock. False: none. */
bool irq_snapshot(uint32_t line, unsigned idx, struct hx_irq_action *out);
/* Interrupts on lines without an action. */
uint64_t irq_n_unclaimed(void);

#endif
