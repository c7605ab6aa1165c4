/* SPDX-License-Identifier: MIT */
/*
 * Inside core/sanitize: reporting, KASAN's core, and the functions that compilers call by name.
 */
#ifndef HX_CORE_SANITIZE_PRIV_H
#define HX_CORE_SANITIZE_PRIV_H

#include <hx/base.h>
#include <hx/hal/mem.h>

enum sanitize_kind { SANITIZE_UBSAN, SANITIZE_KASAN, SANITIZE_KINDS };

#define SANITIZE_CALLER()	((uintptr_t)__builtin_return_address(0))

/* Count a report and tell it: panic or log, by CONFIG_SANITIZE_STOP. pc: 0 if the text says where.
 * A report that arises while another is being told is only counted. Any context. */
void sanitize_report(enum sanitize_kind kind, uintptr_t pc, const char *fmt, ...) HX_PRINTF(3, 4);

/* KASAN: check an access of n bytes by the instruction before pc; report it if it is bad. */
enum kasan_access { KASAN_READ, KASAN_WRITE };
void kasan_check(uintptr_t start, size_t n, enum kasan_access access, uintptr_t pc);

/* Set by link.ld: the constructors, of which there are none but those that KASAN needs. */
extern void (*const __init_array_start[])(void) __attribute__((visibility("hidden")));
extern void (*const __init_array_end[])(void) __attribute__((visibility("hidden")));

/* The stack protector: compilers emit the loads and calls. */
extern uintptr_t __stack_chk_guard;
HX_NORETURN void __stack_chk_fail(void);

#endif
