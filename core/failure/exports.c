// SPDX-License-Identifier: MIT
/*
 * What modules may call of this room.
 */
#include <hx/core/export.h>
#include <hx/core/failure.h>

HX_EXPORT(hx_failure_tell, 1);
