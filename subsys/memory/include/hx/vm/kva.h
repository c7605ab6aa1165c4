/* SPDX-License-Identifier: MIT */
/*
 * Ranges of kernel addresses: as many pages as one wants side by side, from single frames, with a
 * page before and behind each that is never mapped. For large buffers (HX_AREA_HEAP) and loaded
 * code (HX_AREA_MODULES).
 */
#ifndef HX_VM_KVA_H
#define HX_VM_KVA_H

#include <hx/base.h>
#include <hx/hal/mmu.h>

/**
 * hx_kva_alloc() - take a range and map pages of zeroes into it.
 * @area:       HX_AREA_HEAP or HX_AREA_MODULES
 * @size_bytes: rounded up to whole pages; above 0
 * @flags:      HX_MAP_*; hx_mmu_protect() gives parts of it others later
 * @va:         receives where it begins; untouched on error
 *
 * Returns: 0; -HX_EINVAL area, size, or WRITE with EXEC; -HX_ENOSPC the area is full; -HX_ENOMEM.
 * Context: thread, may sleep; or boot.
 * Locks:   its own mutex; what mapping takes.
 * Owner:   the caller, until hx_kva_free().
 * Cost:    O(pages), and O(ranges) at worst to find room.
 * Source:  Linux vmalloc().
 */
HX_MUST_CHECK int hx_kva_alloc(enum hx_area area, size_t size_bytes, unsigned flags,
			       uintptr_t *va);

/**
 * hx_kva_free() - unmap a range and give its pages back.
 * @va: as hx_kva_alloc() gave it; 0 does nothing; anything else stops the kernel (hx_bug)
 *
 * Returns: nothing.
 * Context: thread, may sleep.
 * Locks:   as hx_kva_alloc().
 * Owner:   nobody may use the range any more.
 * Cost:    O(pages).
 * Source:  -
 */
void hx_kva_free(uintptr_t va);

/**
 * hx_kva_bytes() - how much is taken in an area, guards not counted.
 * @area: which
 *
 * Returns: bytes: a snapshot.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a load.
 * Source:  -
 */
uint64_t hx_kva_bytes(enum hx_area area);

#endif
