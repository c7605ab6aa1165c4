// SPDX-License-Identifier: MIT
/*
 * What modules may call of this room.
 */
#include <hx/core/export.h>
#include <hx/core/heal.h>

HX_EXPORT(hx_heal_register, 1);
HX_EXPORT(hx_heal_unregister, 1);
HX_EXPORT(hx_heal_beat, 1);
HX_EXPORT(hx_heal_on_round, 1);
