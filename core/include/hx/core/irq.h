/* SPDX-License-Identifier: MIT */
/*
 * Interrupt handlers: who gets which line.
 */
#ifndef HX_CORE_IRQ_H
#define HX_CORE_IRQ_H

#include <hx/base.h>

/* Field keys: c constant while attached, i interrupts off, a atomic with several CPUs. */
struct hx_irq_action {
	const char *name;			/* c for /proc/interrupts */
	void (*handler)(void *arg);		/* c interrupts off, never sleeps */
	void *arg;				/* c */
	uint64_t count;				/* a kept by core: interrupts it was called for */
	struct hx_irq_action *next;		/* i kept by core: shared lines */
};

/**
 * hx_irq_attach() - have a function called for each interrupt of a line, and unmask the line.
 * @line: below HX_IRQ_LINES, from the hal's line functions
 * @a:    name, handler and arg set; several actions on one line are called in turn
 *
 * For the kernel's own lines, and where no router is chosen; drivers use hx/core/irq_router.h.
 *
 * Returns: 0; -HX_EINVAL no such line or no handler; -HX_EEXIST @a is on this line already;
 *          -HX_EBUSY the router has the line.
 * Context: thread or boot.
 * Locks:   takes the table's lock (HX_RANK_DRIVER).
 * Owner:   @a stays the caller's, unchanged until hx_irq_detach().
 * Cost:    O(actions of the line).
 * Source:  -
 */
HX_MUST_CHECK int hx_irq_attach(uint32_t line, struct hx_irq_action *a);

/**
 * hx_irq_detach() - take it off again; the last one masks the line.
 * @line: as attached
 * @a:    an action of this line; of another one: nothing happens
 *
 * Returns: nothing; the handler does not run any more.
 * Context: thread or boot.
 * Locks:   takes the table's lock (HX_RANK_DRIVER).
 * Owner:   @a is free to change.
 * Cost:    O(actions of the line).
 * Source:  -
 */
void hx_irq_detach(uint32_t line, struct hx_irq_action *a);

/**
 * hx_irq_detach_memory() - take off every action that lies in some memory, or whose handler does.
 * @start: its first byte
 * @bytes: its size
 *
 * For whoever takes code away (CONFIG_MODULES). Lines of the router: hx_irq_release_memory().
 *
 * Returns: how many were taken off.
 * Context: as hx_irq_detach().
 * Locks:   as hx_irq_detach().
 * Owner:   the memory is the caller's alone, as far as these lines are concerned.
 * Cost:    O(actions of all lines).
 * Source:  -
 */
unsigned hx_irq_detach_memory(uintptr_t start, size_t bytes);

/**
 * hx_irq_set_exit() - what is called last in an interrupt that left a preemption due.
 * @fn: called with interrupts off; may switch threads. NULL: nothing is called
 *
 * Returns: nothing.
 * Context: boot; for core/thread alone.
 * Locks:   none.
 * Owner:   -
 * Cost:    one store.
 * Source:  -
 */
void hx_irq_set_exit(void (*fn)(void));

/**
 * hx_irq_set_sync() - how to be sure that no other CPU is in a handler that was taken off.
 * @fn: returns when every other CPU was outside of interrupts at some moment. NULL: one CPU again
 *
 * Returns: nothing.
 * Context: boot; for core/smp alone.
 * Locks:   none.
 * Owner:   -
 * Cost:    one store.
 * Source:  -
 */
void hx_irq_set_sync(void (*fn)(void));

#endif
