/* SPDX-License-Identifier: MIT */
/*
 * Lines of devices: who has which, alone or with others, and where its interrupts go.
 *
 * Drivers ask here and not in hx/core/irq.h. Without CONFIG_IRQ_ROUTER this is hx_irq_attach() and
 * costs nothing: every line can be shared, and nobody watches.
 */
#ifndef HX_CORE_IRQ_ROUTER_H
#define HX_CORE_IRQ_ROUTER_H

#include <hx/base.h>
#include <hx/config/core_irq_router.h>
#include <hx/core/irq.h>
#include <hx/core/smp.h>

#define HX_IRQ_OWNER_MAX	32	/* bytes of an owner's name with the NUL */

/* How a line is wanted. */
enum hx_irq_want {
	HX_IRQ_SHARED = 1 << 0,		/* with others that say so; else it is ours alone */
	HX_IRQ_EDGE = 1 << 1,		/* the device signals once */
	HX_IRQ_LEVEL = 1 << 2,		/* until it is served; neither: as the firmware says */
};

#if CONFIG_IRQ_ROUTER

/**
 * hx_irq_request() - have a function called for each interrupt of a line, and open the line.
 * @line:  a device line
 * @a:     name, handler and arg set
 * @owner: the component or module that asks; at most 31 bytes are kept
 * @want:  HX_IRQ_SHARED, HX_IRQ_EDGE or HX_IRQ_LEVEL
 *
 * What is refused is also told in the log, with the names of those who have the line.
 *
 * Returns: 0; -HX_EINVAL no such line, no handler, or both triggers; -HX_EEXIST @a has it already;
 *          -HX_EBUSY others have it, and one of them or the caller does not share, or shares it
 *          with another trigger; -HX_ENODEV its trigger cannot be changed; -HX_ENOMEM.
 * Context: thread or boot, once time runs (component "time").
 * Locks:   the table's (HX_RANK_DRIVER), and what the heap takes.
 * Owner:   @a stays the caller's, unchanged until hx_irq_release().
 * Cost:    O(users of the line); allocates.
 * Source:  Linux request_irq(9): shared lines, and a trigger that all of their users agree on.
 */
HX_MUST_CHECK int hx_irq_request(uint32_t line, struct hx_irq_action *a, const char *owner,
				 uint32_t want);

/**
 * hx_irq_release() - give a line back; the last user closes it.
 * @line: as requested
 * @a:    as requested; of another line: nothing happens
 *
 * Returns: nothing; the handler does not run any more.
 * Context: thread or boot; not in the handler.
 * Locks:   as hx_irq_request(); waits until other CPUs are out of interrupts.
 * Owner:   @a is the caller's to change.
 * Cost:    O(users of the line).
 * Source:  -
 */
void hx_irq_release(uint32_t line, struct hx_irq_action *a);

/**
 * hx_irq_release_memory() - give back every line whose handler or action lies in some memory.
 * @start: its first byte
 * @bytes: its size
 *
 * For whoever takes code away: a module that forgot hx_irq_release() leaves nothing behind.
 *
 * Returns: how many were given back; each is told in the log.
 * Context: as hx_irq_release().
 * Locks:   as hx_irq_release().
 * Owner:   the memory is the caller's alone, as far as interrupts are concerned.
 * Cost:    O(users of all lines).
 * Source:  -
 */
unsigned hx_irq_release_memory(uintptr_t start, size_t bytes);

/**
 * hx_irq_not_mine() - in a handler: its device did not want anything.
 *
 * A handler that does not call it has claimed the interrupt. Interrupts that nobody claims are
 * counted; many of them are a storm, and the line gets a pause.
 *
 * Returns: nothing.
 * Context: in a handler of hx_irq_request(), at most once in each call.
 * Locks:   none.
 * Owner:   -
 * Cost:    3 instructions.
 * Source:  -
 */
void hx_irq_not_mine(void);

/**
 * hx_irq_set_affinity() - which CPUs may take the interrupts of a line.
 * @line: a device line that somebody has
 * @cpus: the set; the one of it that has fewest lines takes this one
 *
 * Returns: 0; -HX_EINVAL no CPU of the set runs; -HX_ENOENT nobody has the line; -HX_ENODEV the
 *          machine cannot direct it.
 * Context: thread.
 * Locks:   the table's (HX_RANK_DRIVER).
 * Owner:   -
 * Cost:    O(lines).
 * Source:  -
 */
HX_MUST_CHECK int hx_irq_set_affinity(uint32_t line, struct hx_cpumask cpus);

/**
 * hx_irq_set_limit() - how many interrupts of a line in a second are a storm.
 * @line:       a device line that somebody has
 * @per_second: at least 10
 *
 * Returns: 0; -HX_EINVAL; -HX_ENOENT nobody has the line.
 * Context: thread.
 * Locks:   the table's (HX_RANK_DRIVER).
 * Owner:   -
 * Cost:    some stores.
 * Source:  -
 */
HX_MUST_CHECK int hx_irq_set_limit(uint32_t line, uint64_t per_second);

/**
 * hx_irq_resume() - end the pause of a line now.
 * @line: a device line that somebody has
 *
 * Returns: 0, also if it has none; -HX_ENOENT nobody has the line.
 * Context: thread.
 * Locks:   the table's (HX_RANK_DRIVER).
 * Owner:   -
 * Cost:    some device writes.
 * Source:  -
 */
HX_MUST_CHECK int hx_irq_resume(uint32_t line);

#else

HX_MUST_CHECK static inline int hx_irq_request(uint32_t line, struct hx_irq_action *a,
					       const char *owner, uint32_t want)
{
	return hx_irq_attach(line, a);
}

static inline void hx_irq_release(uint32_t line, struct hx_irq_action *a)
{
	hx_irq_detach(line, a);
}

static inline unsigned hx_irq_release_memory(uintptr_t start, size_t bytes)
{
	return 0;
}

static inline void hx_irq_not_mine(void)
{
}

#endif

#endif
