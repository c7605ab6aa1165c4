// SPDX-License-Identifier: MIT
/*
 * What modules may call of this room.
 */
#include <hx/core/export.h>
#include <hx/core/serial_class.h>

HX_EXPORT(hx_serial_lent_read, 1);
HX_EXPORT(hx_serial_lent_write, 1);
