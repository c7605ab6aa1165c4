// SPDX-License-Identifier: MIT
/*
 * What modules may call of this room.
 */
#include <hx/core/export.h>
#include <hx/core/irq.h>

HX_EXPORT(hx_irq_attach, 1);
HX_EXPORT(hx_irq_detach, 1);
