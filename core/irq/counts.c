// SPDX-License-Identifier: MIT
/*
 * What the dispatcher keeps for the router: how often each CPU took each line, and whose it is.
 */
#include "irq_priv.h"

_Static_assert(HX_IRQ_LINES <= 64, "a bit for each line");

uint64_t irq_counts[HX_CPUS][HX_IRQ_LINES];
uint64_t irq_routed;
