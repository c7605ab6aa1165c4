/* SPDX-License-Identifier: MIT */
/* Exceptions in numbers, without CONFIG_TRAP_TEXT: trap_text.c has the words. */
#include <hx/hal/trap.h>

#include "x86_priv.h"

const char *hx_trap_name(const struct hx_trap_frame *f)
{
	return hx_x86_is_exception(f) ? "exception" : "interrupt";
}

void hx_trap_describe(const struct hx_trap_frame *f, char *buf, size_t size)
{
	size_t n = 0;

	hx_text_put(buf, size, &n, "vector ");
	hx_text_put_hex(buf, size, &n, hx_trap_vector(f));
	hx_text_put(buf, size, &n, ", error code ");
	hx_text_put_hex(buf, size, &n, hx_x86_is_exception(f) ? f->error : 0);
	hx_text_put(buf, size, &n, ", address ");
	hx_text_put_hex(buf, size, &n, hx_trap_fault_address(f));
}
