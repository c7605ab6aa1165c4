/* SPDX-License-Identifier: MIT */
/* Translations that a CPU keeps: the tests' model of them (cpus.c). */
#ifndef HX_HAL_ARCH_MMU_H
#define HX_HAL_ARCH_MMU_H

#include <hx/base.h>

#define HX_TLB_RANGE_MAX	32u

void hx_tlb_flush(uintptr_t va, size_t n_pages);

#endif
