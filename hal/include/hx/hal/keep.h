/* SPDX-License-Identifier: MIT */
/*
 * RAM that is in the same place at each boot and that nobody touches: not this kernel's allocators,
 * not its boot code, and, as far as can be told, not firmware and loaders. What stands there was
 * written by the kernel before this one, or is garbage: after a cold start, or on a machine that
 * clears its memory. CONFIG_KEPT_RAM.
 */
#ifndef HX_HAL_KEEP_H
#define HX_HAL_KEEP_H

#include <hx/base.h>

/**
 * hx_kept_ram() - where it is.
 * @bytes: receives its size; untouched if there is none
 *
 * Returns: its first byte, page aligned, as the last boot left it; NULL: this machine has no place.
 * Context: any, even NMI.
 * Locks:   none.
 * Owner:   core/panic writes there.
 * Cost:    a load.
 * Source:  -
 */
void *hx_kept_ram(size_t *bytes);

/**
 * hx_kept_ram_flush() - what was written there is in RAM, not in a cache that a reset empties.
 *
 * Returns: nothing.
 * Context: any, even NMI.
 * Locks:   none.
 * Owner:   -
 * Cost:    all caches are written back.
 * Source:  Intel SDM vol. 2, WBINVD.
 */
void hx_kept_ram_flush(void);

#endif
