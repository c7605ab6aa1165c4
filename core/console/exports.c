// SPDX-License-Identifier: MIT
/*
 * What modules may call of this room.
 */
#include <hx/core/console.h>
#include <hx/core/export.h>

HX_EXPORT(hx_call_ok, 1);
HX_EXPORT(hx_call_err, 1);
HX_EXPORT(hx_call_body, 1);
HX_EXPORT(hx_call_cut, 1);
