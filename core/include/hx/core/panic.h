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
 * hx_panic_is_kept() - did the kernel before this one leave a report (CONFIG_PANIC_KEEP)?
 *
 * Returns: true: /log/last_panic shows it.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a checksum over the report.
 * Source:  -
 */
bool hx_panic_is_kept(void);

/**
 * hx_panic_set_modules() - who tells what was loaded (CONFIG_PANIC_STATE).
 * @show: writes a line for each module; called in a panic: takes no lock, allocates nothing. NULL:
 *        nobody
 *
 * Returns: nothing.
 * Context: boot or thread.
 * Locks:   none.
 * Owner:   -
 * Cost:    a store.
 * Source:  -
 */
void hx_panic_set_modules(void (*show)(struct hx_text *out));

/**
 * hx_panic_stopping() - this CPU halts for ever; if that is for a panic, what it does is noted.
 *
 * Returns: nothing.
 * Context: any; for core/smp alone, with CONFIG_PANIC_STATE.
 * Locks:   none.
 * Owner:   -
 * Cost:    a backtrace.
 * Source:  -
 */
void hx_panic_stopping(void);

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

/* Where an address outside the image belongs to. */
struct hx_symbol {
	const char *owner;	/* the module's name */
	const char *name;	/* of the function; NULL: none is known there */
	uint32_t offset;	/* bytes from its start */
};

/**
 * hx_symbols_set_other() - who knows the functions outside the image (CONFIG_PANIC_MODULES).
 * @find: fills *out for an address that is its; called in a panic too: takes no lock, allocates
 *        nothing. NULL: nobody
 *
 * Returns: nothing.
 * Context: boot or thread.
 * Locks:   none.
 * Owner:   what *out points at is the finder's and stays while the report is made.
 * Cost:    a store.
 * Source:  -
 */
void hx_symbols_set_other(bool (*find)(uintptr_t pc, struct hx_symbol *out));

/**
 * hx_panic_set_catcher() - who may deal with an exception instead (CONFIG_PANIC_MODULES).
 * @catch: called first, on the exception's stack, interrupts off; true: the interrupted code, or
 *         what the frame now says, goes on. NULL: nobody
 *
 * Returns: nothing.
 * Context: boot or thread.
 * Locks:   none.
 * Owner:   -
 * Cost:    a store.
 * Source:  -
 */
void hx_panic_set_catcher(bool (*catch)(struct hx_trap_frame *f));

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
