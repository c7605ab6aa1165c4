/* SPDX-License-Identifier: MIT */
/*
 * RAM that is kept: an array of the process, so it stays when the machine is switched off and on.
 */
#include <hx/hal/host.h>
#include <hx/hal/keep.h>

#define KEEP_BYTES	(16 * HX_KIB)

static uint8_t kept[KEEP_BYTES] HX_ALIGNED(4096);

void *hx_kept_ram(size_t *bytes)
{
	*bytes = sizeof(kept);
	return kept;
}

void hx_kept_ram_flush(void)
{
}
