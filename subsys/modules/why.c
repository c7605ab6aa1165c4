// SPDX-License-Identifier: MIT
/*
 * Why a module is refused: one error and one line for the person who asked. What comes from the
 * file may be anything: only what can be read and belongs into one line is passed on.
 */
#include <hx/core/printf.h>

#include "hko.h"

int hko_refuse(struct hko_why *why, int err, const char *fmt, ...)
{
	va_list ap;

	why->err = err;
	va_start(ap, fmt);
	hx_vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	for (char *c = why->text; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return err;
}
