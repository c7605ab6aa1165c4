/* SPDX-License-Identifier: MIT */
/*
 * What every host test may use: cmocka with the headers it wants, a machine with the real
 * mechanisms of the kernel up on it, ends (hx_bug, hx_panic, a broken rule of the machine) as
 * results, each allocation failing in turn, the console's text, and repeatable random numbers.
 *
 * Each part is an object of its own in the harness library, so a test that uses only one needs only
 * the rooms which that one needs:
 *	expect.c	hal_host			random.c	nothing
 *	machine.c	core_boot, and what is brought up	alloc.c	core_mem
 */
#ifndef HX_TEST_H
#define HX_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hx/base.h>
#include <hx/hal/host.h>
#include <hx/hal/timer.h>

/* ---- ends (expect.c) */

enum hx_test_end {
	HX_TEST_RETURNED,	/* none: the statement came back */
	HX_TEST_BUG,		/* hx_bug(); what: its text */
	HX_TEST_EXIT,		/* hx_hal_exit() or hx_hal_reboot(); what: the code in decimal */
	HX_TEST_VIOLATION,	/* a rule of the host machine was broken; what: which */
};

extern jmp_buf hx_test_jump;
void hx_test_arm(void);
enum hx_test_end hx_test_disarm(void);
const char *hx_test_what(void);		/* of the last end; "" if it returned */
bool hx_test_ended(enum hx_test_end got, enum hx_test_end want, const char *words);

/*
 * True if the statement ended in this way and its text has these words in it; else prints what
 * happened. The mask, preemption and lock counters of the CPU are as before afterwards. A call of
 * hx_panic() itself is an HX_TEST_EXIT with "18".
 *
 *	assert_true(HX_TEST_ENDS(HX_TEST_BUG, "double free", hx_free(p)));
 */
#define HX_TEST_ENDS(want, words, statement) ({ \
	hx_test_arm(); \
	if (setjmp(hx_test_jump) == 0) { \
		statement; \
	} \
	hx_test_ended(hx_test_disarm(), (want), (words)); })

/* ---- console text (expect.c) */

/* From now on what the early console writes is kept (64 KiB, then it is cut), and input comes from
 * hx_test_console_type(). hx_host_stop() ends it. */
void hx_test_console_capture(void);
const char *hx_test_console_text(void);
void hx_test_console_clear(void);
void hx_test_console_type(const char *text);	/* not copied */

/* ---- a machine (machine.c) */

/*
 * Switch on a machine with this much RAM, or as described; time is virtual: nothing happens by
 * itself. Then bring up components with all they need, by their own init functions: words separated
 * by blanks, or NULL for all that are linked in up to phase CORE. Interrupts are on afterwards.
 *
 *	hx_test_machine(32 * HX_MIB);
 *	hx_test_start("heap threads");
 *	…
 *	hx_test_machine_end();
 *
 * What goes wrong fails the test with the name of who failed. Providers of frames, heap and
 * scheduler are linked in with the room that owns the kind; which one sits in the slot is as on the
 * kernel's command line: .cmdline = "helix.slot.heap=slab".
 */
void hx_test_machine(size_t mem_bytes);
/* The same with the slab heap and buddy frames, whatever else is linked in. */
void hx_test_machine_usual(size_t mem_bytes);
void hx_test_machine_with(const struct hx_host_params *params);
void hx_test_start(const char *components);
/* Down in reverse order, and off. Fails the test if a mask, lock or preemption was left behind. */
void hx_test_machine_end(void);

/* The same in one step, for setup and teardown functions, which return errors. */
struct hx_test_machine {
	size_t mem_bytes;		/* 0: 64 MiB */
	const char *cmdline;
	const struct hx_mem_range *holes;
	unsigned n_holes;
	const char *components;
	bool real_time;			/* the timer interrupts by itself */
};
HX_MUST_CHECK int hx_test_machine_start(const struct hx_test_machine *m);
HX_MUST_CHECK int hx_test_machine_stop(void);		/* -HX_EBUSY: something was left behind */

/* Ready for cmocka's setup and teardown columns: 64 MiB, everything that is linked in. */
int hx_test_machine_setup(void **state);
int hx_test_machine_teardown(void **state);

/* ---- allocations that fail (alloc.c) */

/*
 * Run fn with the 1st, 2nd, 3rd … allocation failing until it runs through without meeting the
 * failure. fn undoes all it did, also when it succeeds, and returns 0 or the negative error that it
 * got. Fails the test if a run leaks heap bytes, the untouched run has an error, or nothing was
 * allocated at all. Returns how many allocations were made to fail. Without CONFIG_FAULT_INJECTION
 * the test is skipped.
 */
unsigned hx_test_each_alloc_fails(const char *name, int (*fn)(void));
#define HX_TEST_EACH_ALLOC_FAILS(fn)	hx_test_each_alloc_fails(#fn, fn)

/* ---- random numbers (random.c) */

/* HX_TEST_SEED of the environment, else 1: so that a run can be repeated, or varied. */
uint64_t hx_test_seed(void);
uint64_t hx_test_random(uint64_t *state);			/* all 64 bits */
uint64_t hx_test_random_below(uint64_t *state, uint64_t n);	/* 0..n-1; n is not 0 */

#endif
