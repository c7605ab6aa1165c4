// SPDX-License-Identifier: MIT
/*
 * Registers of devices for modules. hx_mmu_map_device() maps for ever, which suits a kernel and not
 * a driver that is loaded again and again: what one of them had mapped the next one gets.
 */
#include <hx/hal/mmu.h>

#include "modules_priv.h"

#define DEVICES	16u

static struct hx_mutex devices_lock = HX_MUTEX_INIT(devices_lock);
static struct { hx_paddr_t pa; size_t bytes; void *at; } devices[DEVICES];	/* devices_lock */

void *module_map_device(hx_paddr_t pa, size_t size_bytes)
{
	unsigned i = 0;
	void *at = NULL;

	hx_mutex_lock(&devices_lock);
	while (i < DEVICES && devices[i].at != NULL &&
	       (devices[i].pa != pa || devices[i].bytes != size_bytes))
		i++;
	if (i < DEVICES && devices[i].at == NULL) {
		devices[i].pa = pa;
		devices[i].bytes = size_bytes;
		devices[i].at = hx_mmu_map_device(pa, size_bytes);
	}
	if (i < DEVICES)
		at = devices[i].at;
	hx_mutex_unlock(&devices_lock);
	return at;
}
