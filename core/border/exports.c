// SPDX-License-Identifier: MIT
/*
 * What modules call of this room, from the inline functions of locks.
 */
#include <hx/core/border.h>
#include <hx/core/export.h>

HX_EXPORT(hx_border_acquire, 1);
HX_EXPORT(hx_border_try, 1);
HX_EXPORT(hx_border_release, 1);
