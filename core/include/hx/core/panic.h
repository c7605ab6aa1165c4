/* SPDX-License-Identifier: MIT */
/*
 * The end: one report on the early console, then the exit code. hx_bug() of assert.h comes here.
 */
#ifndef HX_CORE_PANIC_H
#define HX_CORE_PANIC_H

#include <hx/base.h>
#include <hx/core/text.h>
#include <stdarg.h>

struct hx_trap_frame;

/**
 * hx_panic_init() - from now on broken invariants and exceptions end in a report.
 *
 * Returns: nothing.
 * Context: boot; again at any time, by a test that had set an up-call for traps of its own.
 * Locks:   none.
 * Owner:   -
 * Cost:    two stores.
 * Source:  -
 */
void hx_panic_init(void);

/**
 * hx_panic() - report on the early console and leave with HX_EXIT_PANIC.
 * @fmt: printf format of hx/core/printf.h: what went wrong, with the values that tell why
 *
 * Returns: never.
 * Context: any, even NMI, with any lock held.
 * Locks:   none taken.
 * Owner:   -
 * Cost:    the kernel.
 * Source:  -
 */
HX_NORETURN HX_COLD void hx_panic(const char *fmt, ...) HX_PRINTF(1, 2);

/**
 * hx_vpanic() - hx_panic() with the arguments as a list, and the state at an exception.
 * @f:   the exception's frame; NULL: none, callers are shown from here
 * @fmt: as hx_panic()
 * @ap:  its arguments
 *
 * Returns: never.
 * Context: any, even NMI, with any lock held.
 * Locks:   none taken.
 * Owner:   -
 * Cost:    the kernel.
 * Source:  -
 */
HX_NORETURN HX_COLD void hx_vpanic(const struct hx_trap_frame *f, const char *fmt, va_list ap)
	HX_PRINTF(2, 0);

/**
 * hx_symbolize() - one address as text: "0xffffffff80001234 name+0x12 (core/x/y.c:34)".
 * @out: where to; gets the plain address alone if the image has no table or the table no answer
 * @pc:  an address of kernel code
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a binary search, then a walk over the lines of one function.
 * Source:  DWARF 5, 6.2 (what a line table says); the format is our own (core/panic/symtab.c).
 */
void hx_symbolize(struct hx_text *out, uintptr_t pc);

/**
 * hx_show_backtrace() - the callers, one a line, innermost first, at most 24.
 * @out: where to
 * @f:   the interrupted code, shown first; NULL: the caller of this function
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    one hx_symbolize() per caller.
 * Source:  -
 */
void hx_show_backtrace(struct hx_text *out, const struct hx_trap_frame *f);

#endif
