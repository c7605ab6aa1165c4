/* SPDX-License-Identifier: MIT */
/* The area of the one CPU that a process plays. Included by <hx/hal/percpu.h> only. */
#ifndef HX_HAL_ARCH_PERCPU_H
#define HX_HAL_ARCH_PERCPU_H

#include <hx/hal/percpu_one.h>

#endif
