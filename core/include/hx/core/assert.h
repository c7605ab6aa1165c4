/* SPDX-License-Identifier: MIT */
/*
 * Four strengths of assertion. Outside bytes (disk, wire, device, user) are never asserted on.
 *   hx_assert   our own invariants; debug builds and host tests (CONFIG_DEBUG_ASSERT)
 *   hx_verify   going on would break memory safety or isolation; always
 *   hx_always / hx_never   "cannot happen", but there is a safe way out: assert in debug,
 *               a plain branch in release. if (hx_never(p == NULL)) return -HX_EINVAL;
 * Conditions have no side effects.
 */
#ifndef HX_CORE_ASSERT_H
#define HX_CORE_ASSERT_H

#include <hx/base.h>
#include <hx/config/core_lib.h>
#include <stdarg.h>

/**
 * hx_bug() - stop the kernel: an invariant is broken.
 * @fmt: printf format of hx/core/printf.h, with the values that tell why
 *
 * Returns: never.
 * Context: any, even NMI.
 * Locks:   none taken; works whatever is held.
 * Owner:   -
 * Cost:    the kernel.
 * Source:  -
 */
HX_NORETURN HX_COLD void hx_bug(const char *fmt, ...) HX_PRINTF(1, 2);

/**
 * hx_bug_set_hook() - say who reports broken invariants.
 * @hook: gets the format and its arguments; it may leave (panic) or jump away (host tests). If it
 *        returns, the text goes to the early console and the kernel exits. NULL: none
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   the hook stays set until the next call; it must cope with a bug inside itself.
 * Cost:    a store.
 * Source:  -
 */
void hx_bug_set_hook(void (*hook)(const char *fmt, va_list ap));

#define hx_verify(cond) \
	do { \
		if (HX_UNLIKELY(!(cond))) \
			hx_bug("%s:%d: %s", __FILE_NAME__, __LINE__, #cond); \
	} while (0)
#define hx_assert(cond) \
	do { if (HX_ENABLED(DEBUG_ASSERT)) hx_verify(cond); } while (0)
#define hx_always(cond)	hx_expected_((cond), true, #cond, __LINE__)
#define hx_never(cond)	hx_expected_((cond), false, #cond, __LINE__)

static inline bool hx_expected_(bool value, bool expected, const char *what, int line)
{
	if (HX_ENABLED(DEBUG_ASSERT) && HX_UNLIKELY(value != expected))
		hx_bug("line %d: %s is %d", line, what, value);
	return value;
}

#endif
