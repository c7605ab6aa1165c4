// SPDX-License-Identifier: MIT
/* Handlers of who goes: CONFIG_MODULES. */
#include <hx/core/irq.h>

#include "irq_priv.h"

static struct hx_irq_action *action_in(uint32_t line, uintptr_t start, size_t bytes)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&irq_lock);
	struct hx_irq_action *a = irq_lines[line];

	while (a != NULL && (uintptr_t)a - start >= bytes &&
	       (uintptr_t)a->handler - start >= bytes)
		a = a->next;
	hx_spin_unlock_irqrestore(&irq_lock, flags);
	return a;
}

unsigned hx_irq_detach_memory(uintptr_t start, size_t bytes)
{
	struct hx_irq_action *a;
	unsigned n = 0;

	for (uint32_t line = 0; line < HX_IRQ_LINES; line++)
		for (; (a = action_in(line, start, bytes)) != NULL; n++)
			hx_irq_detach(line, a);
	return n;
}
