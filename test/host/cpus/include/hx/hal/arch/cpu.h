/* SPDX-License-Identifier: MIT */
/*
 * A processor as a POSIX thread plays it: an interrupt mask of its own. An interrupt between CPUs
 * is a signal, which does nothing while the mask is closed, and is looked for again when it opens.
 * Included by <hx/hal/cpu.h>.
 */
#ifndef HX_HAL_ARCH_CPU_H
#define HX_HAL_ARCH_CPU_H

#include <hx/base.h>

typedef uint32_t hx_irqflags_t;		/* were they on? */

extern __thread volatile uint32_t cpus_irq_on;

void cpus_serve(void);		/* what is wanted of this CPU, if interrupts are on */
void cpus_relax(void);
uint64_t hx_host_cycles(void);

static inline void hx_irq_enable(void)
{
	__asm__ volatile("" ::: "memory");
	cpus_irq_on = 1;
	cpus_serve();
}

static inline void hx_irq_disable(void)
{
	cpus_irq_on = 0;
	__asm__ volatile("" ::: "memory");
}

static inline bool hx_irq_are_enabled(void)
{
	return cpus_irq_on != 0;
}

static inline hx_irqflags_t hx_irq_save(void)
{
	hx_irqflags_t on = cpus_irq_on;

	hx_irq_disable();
	return on;
}

static inline void hx_irq_restore(hx_irqflags_t flags)
{
	if (flags != 0)
		hx_irq_enable();
	else
		hx_irq_disable();
}

static inline uint64_t hx_cycles(void)
{
	return hx_host_cycles();
}

/* Lets other threads run, since there are more CPUs than the host has; does not open the mask. */
static inline void hx_cpu_relax(void)
{
	cpus_relax();
}

static inline void hx_cpu_idle(void)
{
	hx_irq_enable();
	cpus_relax();
}

#endif
