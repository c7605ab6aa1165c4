/* SPDX-License-Identifier: MIT */
/* A field of this CPU's area in assembly, as <hx/hal/arch/percpu.h> has it in C. */
#ifndef HX_X86_PERCPU_ASM_H
#define HX_X86_PERCPU_ASM_H

#include <hx/config/hal_common.h>

#if CONFIG_SMP
#define PERCPU(offset)	%gs:(4096 + (offset))
#else
#define PERCPU(offset)	(hx_percpu_boot + (offset))(%rip)
#endif

#endif
