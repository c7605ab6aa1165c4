/* SPDX-License-Identifier: MIT */
/*
 * Several CPUs in one process, for tests of what CPUs do to each other. Each is a POSIX thread with
 * its own area and interrupt mask; the code under test is the kernel's, compiled for HX_CPUS CPUs.
 *
 *	cpus_begin(4);			this thread is CPU 0, interrupts on
 *	cpus_all(fn, arg);		fn on all of them at once, this one too; waits for all
 *	cpus_end();
 *
 * Between two calls of cpus_all() the others idle: they answer interrupts. cpus_play(n) makes the
 * calling thread CPU n, for tests in which CPUs take turns and nothing happens by chance.
 */
#ifndef HX_TEST_CPUS_H
#define HX_TEST_CPUS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hx/core/init.h>
#include <hx/core/smp.h>

extern const struct hx_component hx_component_cpus;
extern const struct hx_component hx_component_grace;

extern const unsigned cpus_scale;	/* how many rounds a loop of a test takes */

/* Boots: the component "cpus" starts n - 1 others. */
void cpus_begin(unsigned n);
void cpus_end(void);
void cpus_all(void (*fn)(void *arg), void *arg);
/* One other CPU, and do not wait. */
void cpus_begin_on(unsigned cpu, void (*fn)(void *arg));
bool cpus_is_busy(unsigned cpu);
void cpus_play(unsigned cpu);

/* What a CPU does when it is started. */
enum cpus_how {
	CPUS_COMES,
	CPUS_COMES_AT_THE_SECOND,	/* sleeps through the first call */
	CPUS_NEVER,
	CPUS_LATE,			/* wakes when it was withdrawn */
	CPUS_BEGINS_LATE,		/* takes its ticket, and arrives when it was given up */
};
extern enum cpus_how cpus_how[];
/* Without waiting for the others: what the machine has, before hx_component_cpus.init(). */
void cpus_power_on(unsigned n);
void cpus_power_off(void);
unsigned cpus_stacks_out(void);		/* stacks allocated and not freed */
unsigned cpus_parked(void);		/* CPUs that woke and found no ticket, or came too late */
extern unsigned cpus_fail_stack;	/* the nth allocation of a stack fails; 0: none */
extern char cpus_word[16];		/* helix.cpus= */
extern char cpus_log[4096];		/* lines of the log */

/* The model of translations: page -> frame. A CPU keeps what it looked up until it flushes. */
#define CPUS_PAGES	16u
extern uint32_t cpus_table[CPUS_PAGES];
uint32_t cpus_translate(unsigned page);	/* interrupts off */

#endif
