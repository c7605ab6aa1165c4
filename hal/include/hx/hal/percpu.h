/* SPDX-License-Identifier: MIT */
/*
 * What each CPU has for itself.
 *
 * On one CPU the area is one object at a fixed address. With several (CONFIG_SMP) the machine finds
 * it through a register: hx_percpu() is then a pointer of a named address space, so that
 * hx_percpu()->current is one instruction and can never be another CPU's field, wherever the thread
 * is moved to. Where a plain pointer is needed, with preemption off: hx_percpu_self().
 */
#ifndef HX_HAL_PERCPU_H
#define HX_HAL_PERCPU_H

#include <hx/base.h>
#include <hx/config/hal_common.h>

struct hx_thread;
struct hx_runq;

/* Field keys: o owner CPU (any context of that CPU), i owner CPU with interrupts off, a atomic. */
struct hx_percpu {
	uint32_t preempt_off;		/* o > 0: no preemption; nests */
	uint32_t irq_depth;		/* i > 0: in an interrupt */
	struct hx_thread *current;	/* o running thread; NULL before threads exist */
	uint32_t need_resched;		/* i a preemption is due */
	uint32_t cpu;			/* constant */
	uint32_t locks_held;		/* o debug: bit per rank of the spinlocks held */
	uint32_t ipi_reasons;		/* a enum hx_ipi: what others want of this CPU */
	struct hx_runq *runq;		/* constant once threads run here; core/thread's */
};

/*
 * From <hx/hal/arch/percpu.h> (same names on every machine, all inline, any context):
 *   HX_CPUS                         most CPUs that this kernel runs on; arrays per CPU have so many
 *   hx_percpu()                     this CPU's area, for hx_percpu()->field
 *   struct hx_percpu *hx_percpu_self(void)
 *   struct hx_percpu *hx_percpu_of(unsigned cpu)   cpu below HX_CPUS
 *   void hx_percpu_preempt_off_(void)     preempt_off++, in one step
 *   bool hx_percpu_preempt_on_(void)      preempt_off--, in one step; true if it is 0 now
 */
#include <hx/hal/arch/percpu.h>

#endif
