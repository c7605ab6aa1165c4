// SPDX-License-Identifier: MIT
/*
 * What modules may call of this room.
 */
#include <hx/core/export.h>
#include <hx/core/names.h>

HX_EXPORT(hx_names_register, 1);
HX_EXPORT(hx_names_unregister, 1);
HX_EXPORT(hx_names_stat, 1);
HX_EXPORT(hx_names_list, 1);
HX_EXPORT(hx_names_show, 1);
HX_EXPORT(hx_names_take, 1);
HX_EXPORT(hx_tree, 1);
