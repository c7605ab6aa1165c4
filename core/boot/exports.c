// SPDX-License-Identifier: MIT
/*
 * What modules may call of this room.
 */
#include <hx/core/export.h>
#include <hx/core/init.h>

HX_EXPORT(hx_boot_info, 1);
HX_EXPORT(hx_strerror, 1);
