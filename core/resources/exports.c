// SPDX-License-Identifier: MIT
/*
 * What modules may call of this room: shares of what they were given. Limits are not theirs to set.
 */
#include <hx/core/export.h>
#include <hx/core/resources.h>

HX_EXPORT(hx_res_reserve, 1);
HX_EXPORT(hx_res_unreserve, 1);
HX_EXPORT(hx_res_use, 1);
HX_EXPORT(hx_res_take, 1);
HX_EXPORT(hx_res_release, 1);
HX_EXPORT(hx_res_alloc, 1);
HX_EXPORT(hx_res_free, 1);
HX_EXPORT(hx_res_ports_take, 1);
HX_EXPORT(hx_res_ports_give, 1);
