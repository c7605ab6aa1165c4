// SPDX-License-Identifier: MIT
/*
 * What modules may call of this room.
 */
#include <hx/core/export.h>
#include <hx/core/log.h>

HX_EXPORT(hx_log, 1);
HX_EXPORT(hx_vlog, 1);
HX_EXPORT(hx_audit, 1);
