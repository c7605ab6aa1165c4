// SPDX-License-Identifier: MIT
/*
 * What modules may call of this room.
 */
#include <hx/core/export.h>
#include <hx/core/grace.h>

HX_EXPORT(hx_grace_wait, 1);
HX_EXPORT(hx_grace_call, 1);
