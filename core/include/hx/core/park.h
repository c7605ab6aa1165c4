/* SPDX-License-Identifier: MIT */
/*
 * All CPUs but this one stand still, each where it could be preempted, until they are let go: for
 * the rare change that nobody may be in the middle of. On one CPU it is turning interrupts off.
 */
#ifndef HX_CORE_PARK_H
#define HX_CORE_PARK_H

#include <hx/base.h>
#include <hx/config/hal_common.h>
#include <hx/core/thread.h>
#include <hx/hal/cpu.h>

enum hx_park_state {
	HX_PARK_NO_ANSWER,	/* interrupts are off there */
	HX_PARK_NOT_NOW,	/* preemption is off there, or it is in an interrupt */
	HX_PARK_STANDS,
};

/* Who did not come to rest. */
struct hx_park_blocker {
	unsigned cpu;
	enum hx_park_state state;
	uint32_t thread_id;			/* what runs there, 0: nothing yet */
	char thread_name[HX_THREAD_NAME_MAX];
};

struct hx_parking {
	hx_irqflags_t flags;	/* of the caller, for hx_cpus_unpark() */
};

#if CONFIG_SMP

/**
 * hx_cpus_park() - stop all other CPUs at points where they could be preempted.
 * hx_cpus_unpark() - let them go on.
 * @p:       the caller's, for the time between
 * @wait_ns: give up after that long; a try lasts 1 ms, or as long as all before it; between them
 *           all go on
 * @who:     receives the CPU that blocked, if one did
 *
 * Between the two calls interrupts are off here, and the others are in an interrupt that found
 * preemption on: so none holds a spinlock, is inside a scheduler, or in a stretch with preemption
 * off. They answer TLB shoot-downs, and stop if told to; they call no functions.
 *
 * Returns: 0, interrupts are off now; -HX_EBUSY somebody else parks; -HX_ETIMEDOUT @who blocked, in
 *          this call or still in the last one. On error everything is as before.
 * Context: thread, interrupts and preemption on, no lock held.
 * Locks:   none.
 * Owner:   -
 * Cost:    an interrupt to each CPU at once, and waiting for the slowest.
 * Source:  Linux stop_machine(). Differs: from the interrupt and only where it found preemption
 *          on, so no thread per CPU is needed.
 */
HX_MUST_CHECK int hx_cpus_park(struct hx_parking *p, uint64_t wait_ns, struct hx_park_blocker *who);
void hx_cpus_unpark(struct hx_parking *p);

#else

static inline int hx_cpus_park(struct hx_parking *p, uint64_t wait_ns, struct hx_park_blocker *who)
{
	p->flags = hx_irq_save();
	return 0;
}

static inline void hx_cpus_unpark(struct hx_parking *p)
{
	hx_irq_restore(p->flags);
}

#endif
#endif
