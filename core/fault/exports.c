// SPDX-License-Identifier: MIT
/*
 * What modules may call of this room: what a point in their code needs.
 */
#include <hx/core/export.h>
#include <hx/core/fault.h>

HX_EXPORT_IF(FAULT_INJECTION, hx_fault_n_armed, 1);
HX_EXPORT_IF(FAULT_INJECTION, hx_fault_kind_slow, 1);
HX_EXPORT_IF(FAULT_INJECTION, hx_fault_flip, 1);
