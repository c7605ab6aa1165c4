// SPDX-License-Identifier: MIT
/*
 * The area of the only CPU.
 */
#include <hx/core/export.h>
#include <hx/hal/percpu.h>

HX_EXPORT(hx_percpu_boot, 1);
