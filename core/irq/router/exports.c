// SPDX-License-Identifier: MIT
/*
 * What modules may call of this room.
 */
#include <hx/core/export.h>
#include <hx/core/irq_router.h>

HX_EXPORT(hx_irq_request, 1);
HX_EXPORT(hx_irq_release, 1);
HX_EXPORT(hx_irq_not_mine, 1);
HX_EXPORT(hx_irq_set_affinity, 1);
