/* SPDX-License-Identifier: MIT */
/*
 * The stack protector's secret word, and what happens when one on the stack no longer matches it.
 */
#include <hx/core/assert.h>
#include <hx/core/panic.h>
#include <hx/core/sanitize.h>
#include <hx/hal/boot_info.h>

#include "sanitize_priv.h"

#define PLACE_MAX	160	/* bytes of a symbolised address */

/* This first value serves the few functions that run before hx_main() chooses. */
uintptr_t __stack_chk_guard = (uintptr_t)0x595e9fbd94fda766;

/*
 * Not the bytes that others take from the same entropy: the last ones. The lowest byte, first in
 * memory, becomes 0, so that an overflow by a string function cannot write the word back.
 */
void hx_stack_guard_set_(const struct hx_boot_info *info)
{
	uintptr_t guard = 0;
	size_t i;

	for (i = HX_BOOT_ENTROPY_BYTES - sizeof(guard); i < HX_BOOT_ENTROPY_BYTES; i++)
		guard = guard << 8 | info->entropy[i];
	__stack_chk_guard = guard & ~(uintptr_t)0xff;
}

void __stack_chk_fail(void)
{
	struct hx_text_buf out;
	char place[PLACE_MAX];

	hx_text_buf_init(&out, place, sizeof(place));
	hx_symbolize(&out.text, SANITIZE_CALLER() - 1);
	hx_bug("stack smashed in %s", place);
}
