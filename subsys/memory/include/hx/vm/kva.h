/* SPDX-License-Identifier: MIT */
/*
 * Ranges of kernel addresses: as many pages as one wants side by side, from single frames, with a
 * page before and behind each that is never mapped. For large buffers (HX_AREA_HEAP) and loaded
 * code (HX_AREA_MODULES). Rooms select CONFIG_KVA.
 *
 * How code is loaded: one range for all of it, written first and protected then, part by part.
 *
 *	hx_kva_alloc(HX_AREA_MODULES, size_bytes, HX_MAP_WRITE, &va)
 *	copy, relocate
 *	hx_kva_protect(va + text, text_bytes, HX_MAP_EXEC)		r-x
 *	hx_kva_protect(va + rodata, rodata_bytes, HX_MAP_READ)		r--
 *	run; hx_kva_free(va) when nobody is in there any more
 *
 * What an address maps to is never writable and executable at once. The frames of text can still be
 * written through the direct map, as all of RAM can.
 */
#ifndef HX_VM_KVA_H
#define HX_VM_KVA_H

#include <hx/base.h>
#include <hx/hal/mmu.h>

/**
 * hx_kva_alloc() - take a range and map pages of zeroes into it.
 * @area:       HX_AREA_HEAP or HX_AREA_MODULES
 * @size_bytes: rounded up to whole pages; above 0
 * @flags:      HX_MAP_READ, HX_MAP_WRITE, or in HX_AREA_MODULES HX_MAP_EXEC
 * @va:         receives where it begins; untouched on error
 *
 * Returns: 0; -HX_EINVAL area, size or flags; -HX_ENOSPC the area is full; -HX_ENOMEM.
 * Context: thread, may sleep; or boot.
 * Locks:   its own mutex; what mapping takes.
 * Owner:   the caller, until hx_kva_free().
 * Cost:    O(pages), and O(ranges) at worst to find room.
 * Source:  Linux vmalloc().
 */
HX_MUST_CHECK int hx_kva_alloc(enum hx_area area, size_t size_bytes, unsigned flags,
			       uintptr_t *va);

/**
 * hx_kva_protect() - give a part of a range other rights.
 * @va:         page aligned
 * @size_bytes: rounded up to whole pages; above 0; the part lies in one range of hx_kva_alloc()
 * @flags:      as for hx_kva_alloc()
 *
 * Returns: 0: no CPU has the old rights; -HX_EINVAL alignment, no such range, or flags: nothing
 *          happened.
 * Context: thread, may sleep.
 * Locks:   as hx_kva_alloc().
 * Owner:   unchanged.
 * Cost:    O(pages), and a shoot-down.
 * Source:  Linux set_memory_ro(), set_memory_x().
 */
HX_MUST_CHECK int hx_kva_protect(uintptr_t va, size_t size_bytes, unsigned flags);

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
