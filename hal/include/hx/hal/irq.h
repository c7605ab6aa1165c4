/* SPDX-License-Identifier: MIT */
/*
 * Interrupt delivery: numbered lines that the machine turns into one up-call. Core registers the
 * up-call; drivers go through core (hx/core/irq.h), never through this header.
 */
#ifndef HX_HAL_IRQ_H
#define HX_HAL_IRQ_H

#include <hx/base.h>

/*
 * A line is the machine's interrupt number as the floors above see it. On x86_64: 0..63, the
 * vector minus 32. Fixed ones the hal owns: the timer. Device lines are given by hx_irq_line_for().
 */
#define HX_IRQ_LINES	64u
#define HX_IRQ_NONE	UINT32_MAX

struct hx_trap_frame;

/* Called for each interrupt with interrupts off. The frame holds few registers: for backtraces. */
typedef void (*hx_irq_upcall_t)(uint32_t line, struct hx_trap_frame *frame);
/* Called last before an interrupt returns, interrupts off; may switch threads. */
typedef void (*hx_irq_exit_upcall_t)(void);

/**
 * hx_hal_irq_init() - bring up the interrupt controller, all device lines masked.
 * @upcall:      takes every interrupt
 * @exit_upcall: called before an interrupt returns if hx_percpu()->need_resched is set
 *
 * The controller is told the end of an interrupt after @upcall and before @exit_upcall.
 *
 * Returns: 0; -HX_ENODEV no controller found; -HX_EBADMSG the firmware's table is malformed (said
 *          on the early console).
 * Context: boot, interrupts off, once.
 * Locks:   none.
 * Owner:   -
 * Cost:    reads the firmware's tables; some 3,000 instructions.
 * Source:  Intel SDM vol. 3, 11; ACPI 6.4, 5.2.12.
 */
HX_MUST_CHECK int hx_hal_irq_init(hx_irq_upcall_t upcall, hx_irq_exit_upcall_t exit_upcall);

/**
 * hx_irq_line_for_isa() - the line of an interrupt of the ISA numbering.
 * @isa_irq: 0..15
 * @line:    receives the line, firmware's overrides applied; untouched on error
 *
 * Returns: 0; -HX_ENODEV no such interrupt, or no controller with it.
 * Context: any, after hx_hal_irq_init().
 * Locks:   none.
 * Owner:   -
 * Cost:    a table look-up.
 * Source:  ACPI 6.4, 5.2.12.5.
 */
HX_MUST_CHECK int hx_irq_line_for_isa(unsigned isa_irq, uint32_t *line);

/**
 * hx_irq_line_unmask() - let a device line through.
 * hx_irq_line_mask() - stop a device line; what is under way may still arrive.
 * @line: below HX_IRQ_LINES; lines without a controller (soft, timer) are ignored
 *
 * Returns: nothing.
 * Context: any; for short with interrupts off.
 * Locks:   none; one CPU changes lines.
 * Owner:   -
 * Cost:    four device writes.
 * Source:  Intel 82093AA datasheet, 3.2.4.
 */
void hx_irq_line_unmask(uint32_t line);
void hx_irq_line_mask(uint32_t line);

/**
 * hx_irq_line_set_level() - how a device signals on its line (CONFIG_LINE_CONTROL).
 * @line:  a device line
 * @level: true: as long as it wants something; false: once, when it begins to
 * @was:   receives what it was before; untouched on error. NULL: not wanted
 *
 * Returns: 0; -HX_ENODEV the line has no controller that could.
 * Context: any; the line is masked, or its interrupts may be lost.
 * Locks:   none; one CPU changes lines.
 * Owner:   -
 * Cost:    a store; the controller hears of it when the line is unmasked.
 * Source:  Intel 82093AA datasheet, 3.2.4.
 */
HX_MUST_CHECK int hx_irq_line_set_level(uint32_t line, bool level, bool *was);

/**
 * hx_irq_line_is_level() - what hx_irq_line_set_level() or the firmware's tables say.
 * @line: below HX_IRQ_LINES
 *
 * Returns: true: level-triggered.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a load.
 * Source:  -
 */
bool hx_irq_line_is_level(uint32_t line);

/**
 * hx_irq_line_route() - which CPU takes the interrupts of a line (CONFIG_LINE_CONTROL).
 * @line: a device line
 * @cpu:  a CPU that runs
 *
 * Returns: 0; -HX_ENODEV the line has no controller that could.
 * Context: any; the line is masked, and goes there when it is unmasked.
 * Locks:   none; one CPU changes lines.
 * Owner:   -
 * Cost:    a store.
 * Source:  Intel 82093AA datasheet, 3.2.4 (physical destination).
 */
HX_MUST_CHECK int hx_irq_line_route(uint32_t line, unsigned cpu);

/**
 * hx_irq_line_resend() - have an interrupt of a line taken once more, by the CPU it is routed to.
 * @line: below HX_IRQ_LINES
 *
 * For edges: one that came while the line was masked is lost in the controller, and the device
 * does not signal again before it is served (CONFIG_LINE_CONTROL).
 *
 * Returns: nothing; the interrupt comes as soon as that CPU has them enabled.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a device write, two for another CPU.
 * Source:  Intel SDM vol. 3, 11.6.1.
 */
void hx_irq_line_resend(uint32_t line);

/**
 * hx_irq_n_spurious() - interrupts that the controller took back while it delivered them.
 *
 * Returns: how many, of all CPUs; 0 without CONFIG_LINE_CONTROL, or where there are none.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a load.
 * Source:  Intel SDM vol. 3, 11.9 (spurious interrupt).
 */
uint64_t hx_irq_n_spurious(void);

/**
 * hx_irq_line_soft() - the line with no device behind it, for tests and for measuring.
 * hx_irq_raise_soft() - make this CPU take an interrupt on that line, through the real controller.
 *
 * Returns: the line; raising returns at once, the interrupt comes as soon as they are enabled.
 * Context: any, after hx_hal_irq_init().
 * Locks:   none.
 * Owner:   -
 * Cost:    one device write.
 * Source:  Intel SDM vol. 3, 11.6.1 (self interrupt).
 */
uint32_t hx_irq_line_soft(void);
void hx_irq_raise_soft(void);

#endif
