// SPDX-License-Identifier: MIT
/*
 * What the compiler calls in modules as well.
 */
#include <hx/config/core_sanitize.h>
#include <hx/core/export.h>

#include "sanitize_priv.h"

HX_EXPORT_IF(STACK_PROTECTOR, __stack_chk_guard, 1);
HX_EXPORT_IF(STACK_PROTECTOR, __stack_chk_fail, 1);
