/* SPDX-License-Identifier: MIT */
/*
 * What each CPU has for itself. One CPU runs so far, so the area is one object at a fixed address;
 * with more CPUs the machine's hx_percpu() finds it through a register, and nothing else changes.
 */
#ifndef HX_HAL_PERCPU_H
#define HX_HAL_PERCPU_H

#include <hx/base.h>

struct hx_thread;

/* Field keys: o owner CPU (any context of that CPU), i owner CPU with interrupts off. */
struct hx_percpu {
	struct hx_thread *current;	/* o running thread; NULL before threads exist */
	uint32_t preempt_off;		/* o > 0: no preemption; nests */
	uint32_t irq_depth;		/* i > 0: in an interrupt */
	uint32_t need_resched;		/* i a preemption is due */
	uint32_t cpu;			/* constant */
	uint32_t locks_held;		/* o debug: bit per rank of the spinlocks held */
	uint32_t reserved;
};

extern struct hx_percpu hx_percpu_boot;

static inline struct hx_percpu *hx_percpu(void)
{
	return &hx_percpu_boot;
}

#endif
