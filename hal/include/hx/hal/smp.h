/* SPDX-License-Identifier: MIT */
/*
 * The other CPUs: starting them, and interrupts between CPUs. Mechanism only; who starts whom, and
 * what an interrupt means, is for core/smp. CPU 0 is the one that booted.
 */
#ifndef HX_HAL_SMP_H
#define HX_HAL_SMP_H

#include <hx/hal/cpu.h>
#include <hx/hal/percpu.h>

/* What one CPU may want of another: bits of percpu->ipi_reasons. */
enum hx_ipi {
	HX_IPI_RESCHED = 1 << 0,	/* look at your run queue */
	HX_IPI_CALL = 1 << 1,		/* there are functions to call for you */
	HX_IPI_TLB = 1 << 2,		/* there are translations to forget */
	HX_IPI_STOP = 1 << 3,		/* halt for ever, whatever you hold: a panic */
	HX_IPI_QUIT = 1 << 4,		/* halt for ever, unless you hold a spinlock just now */
};

#define HX_CPU_TRAP_STACKS	3	/* most stacks that a machine wants for traps, per CPU */
#define HX_CPU_TRAP_STACK_MIN	8192u	/* bytes: a panic report must fit */

struct hx_cpu_start {
	uintptr_t stack_top;				/* 16-byte aligned */
	uintptr_t trap_stack_top[HX_CPU_TRAP_STACKS];	/* 16-byte aligned */
	void (*entry)(unsigned cpu);			/* interrupts off; must not return */
};

/**
 * hx_cpu_reset() - put a CPU into the state in which it waits to be started.
 * @cpu: 1 .. hx_cpus_present() - 1
 *
 * Returns: 0; -HX_ENODEV this machine cannot reach or start that CPU.
 * Context: thread.
 * Locks:   none; one flow starts CPUs.
 * Owner:   -
 * Cost:    two device writes. Before hx_cpu_start() 10 ms must pass.
 * Source:  Intel SDM vol. 3, 9.4.4 (INIT).
 */
HX_MUST_CHECK int hx_cpu_reset(unsigned cpu);

/**
 * hx_cpu_prepare() - make ready what a CPU that was reset will run with.
 * @cpu: as reset
 * @how: its stacks, and the function it comes out in; copied
 *
 * Returns: 0; -HX_ENODEV as hx_cpu_reset().
 * Context: thread.
 * Locks:   none; one flow starts CPUs. Others may be on their way meanwhile.
 * Owner:   the stacks are the CPU's until it stopped, or hx_cpu_withdraw() is true.
 * Cost:    some hundred instructions.
 * Source:  -
 */
HX_MUST_CHECK int hx_cpu_prepare(unsigned cpu, const struct hx_cpu_start *how);

/**
 * hx_cpu_start() - let a CPU that was prepared run.
 * @cpu: as prepared
 *
 * It comes to its entry with tables, protection and interrupt controller of its own, as the boot
 * CPU has them, with interrupts off and no timer running. It may sleep through the first call: call
 * again after 200 us. It may also be on its way; then the second call does nothing.
 *
 * Returns: nothing, whether it answers or not.
 * Context: thread.
 * Locks:   none.
 * Owner:   -
 * Cost:    two device writes.
 * Source:  Intel SDM vol. 3, 9.4.4 (SIPI).
 */
void hx_cpu_start(unsigned cpu);

/**
 * hx_cpu_withdraw() - wait no more for a CPU that was prepared, and perhaps started.
 * @cpu: as prepared
 *
 * Returns: true: it has not begun and never will, however late it wakes; false: it has begun, uses
 *          its stacks, and will come to its entry.
 * Context: thread.
 * Locks:   none; one flow starts CPUs.
 * Owner:   if true, the stacks are the caller's again.
 * Cost:    one atomic operation and two device writes.
 * Source:  -
 */
HX_MUST_CHECK bool hx_cpu_withdraw(unsigned cpu);

/**
 * hx_cpu_halt() - this CPU does nothing more, ever: no interrupts, no return.
 *
 * Returns: never.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    the CPU.
 * Source:  Intel SDM vol. 2, HLT.
 */
HX_NORETURN void hx_cpu_halt(void);

/**
 * hx_cpu_nmi() - interrupt a CPU that has interrupts off (CONFIG_CPU_STATES).
 * @cpu: a CPU that was started
 *
 * Returns: nothing; the CPU takes an exception, NMI, which comes to the up-call of hx/hal/trap.h.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    three device accesses.
 * Source:  Intel SDM vol. 3, 11.6.1 (delivery mode NMI).
 */
void hx_cpu_nmi(unsigned cpu);

/**
 * hx_interrupted_pc() - where the code was that this interrupt interrupted (CONFIG_CPU_STATES).
 *
 * Returns: its address; 0: this is no interrupt, or its frame was not found.
 * Context: interrupt.
 * Locks:   none.
 * Owner:   -
 * Cost:    looks through at most 128 words of the stack.
 * Source:  -
 */
uintptr_t hx_interrupted_pc(void);

/**
 * hx_ipi_line() - the line (hx/hal/irq.h) on which interrupts between CPUs arrive.
 *
 * Returns: the line; HX_IRQ_NONE on a machine with one CPU.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    none.
 * Source:  -
 */
uint32_t hx_ipi_line(void);

/**
 * hx_ipi_send() - want something of a CPU.
 * @cpu:     a CPU that was started; also this one
 * @reasons: HX_IPI_*, added to what others want of it
 *
 * The interrupt is sent by whoever makes the word non-zero; the receiver empties the word before
 * it looks at what is wanted, so nothing is lost and nothing is sent twice.
 *
 * Returns: nothing; the target takes the interrupt as soon as it has interrupts on.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    one atomic operation, and three device accesses if nothing was wanted before.
 * Source:  Intel SDM vol. 3, 11.6.1 (interrupt command register).
 */
void hx_ipi_send(unsigned cpu, uint32_t reasons);

/* What is wanted of this CPU; nothing is, afterwards. Interrupts off. */
static inline uint32_t hx_ipi_take(void)
{
	return __atomic_exchange_n(&hx_percpu_self()->ipi_reasons, 0, __ATOMIC_ACQ_REL);
}

#endif
