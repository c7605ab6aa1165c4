/* SPDX-License-Identifier: MIT */
/*
 * Code outside the image: where the area for modules is mapped executable.
 */
#include <hx/hal/mmu.h>

#include "x86_priv.h"

bool hx_x86_in_module(uintptr_t pc)
{
	struct hx_area_bounds area = hx_mmu_area(HX_AREA_MODULES);
	hx_paddr_t pa;
	unsigned flags;

	return pc >= area.start && pc < area.end && hx_mmu_query(pc, &pa, &flags) == 0 &&
	       (flags & HX_MAP_EXEC) != 0;
}
