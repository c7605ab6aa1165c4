/* SPDX-License-Identifier: MIT */
/* The process's memory map is the system's, which keeps its own translations right. */
#ifndef HX_HAL_ARCH_MMU_H
#define HX_HAL_ARCH_MMU_H

#include <hx/base.h>

#define HX_TLB_RANGE_MAX	32u

static inline void hx_tlb_flush(uintptr_t va, size_t n_pages)
{
	(void)va;
	(void)n_pages;
}

#endif
