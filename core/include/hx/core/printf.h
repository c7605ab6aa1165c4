/* SPDX-License-Identifier: MIT */
/*
 * Formatting, checked by the compiler's format attribute. Supports %d %i %u %x %X %o %c %s %p %%
 * with flags - 0 + space #, width and precision (also *), and lengths hh h l ll z t j.
 * No floating point, no %n.
 */
#ifndef HX_CORE_PRINTF_H
#define HX_CORE_PRINTF_H

#include <hx/base.h>
#include <stdarg.h>

/**
 * hx_snprintf() - formatted text into a buffer
 * hx_vsnprintf() - the same with the arguments as a list
 * @buf:  receives the text, NUL-terminated unless size is 0; NULL only then
 * @size: of buf, bytes
 * @fmt:  the format
 * @ap:   the arguments; the caller's list is not consumed
 *
 * Returns: the length of the whole text without the NUL, so >= size means cut.
 * Context: any.
 * Locks:   none.
 * Owner:   the caller has buf.
 * Cost:    as hx_text_printf().
 * Source:  ISO C11, 7.21.6.5. A NULL string is "(null)", an unknown conversion shows itself.
 */
int hx_snprintf(char *buf, size_t size, const char *fmt, ...) HX_PRINTF(3, 4);
int hx_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) HX_PRINTF(3, 0);

#endif
