/* SPDX-License-Identifier: MIT */
/*
 * That the stack protector's secret word is this boot's own.
 */
#include <hx/core/init.h>
#include <hx/core/ktest.h>
#include <hx/hal/boot_info.h>

#include "sanitize_priv.h"

HX_KTEST(stack_guard_comes_from_this_boots_entropy)
{
	const uint8_t *last = &hx_boot_info()->entropy[HX_BOOT_ENTROPY_BYTES - 8];
	uintptr_t guard = __stack_chk_guard;
	unsigned i;

	hx_expect(t, (guard & 0xff) == 0);	/* ends a string that is copied over it */
	for (i = 0; i < 7; i++)
		hx_expect(t, (uint8_t)(guard >> (56 - 8 * i)) == last[i]);
}
