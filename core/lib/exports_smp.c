// SPDX-License-Identifier: MIT
/*
 * Where the areas of all CPUs are.
 */
#include <hx/core/export.h>
#include <hx/hal/percpu.h>

HX_EXPORT(hx_percpu_slots, 1);
