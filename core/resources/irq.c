// SPDX-License-Identifier: MIT
/* Interrupt lines of a holder: hx_irq_attach() with a lease. */
#include "resources_priv.h"

static void detach(struct hx_res_lease *l)
{
	struct hx_res_irq *i = HX_CONTAINER_OF(l, struct hx_res_irq, lease);

	hx_irq_detach(i->line, i->action);
}

int hx_res_irq_attach(struct hx_res_holder *h, struct hx_res_irq *i, uint32_t line,
		      struct hx_irq_action *a)
{
	int err = hx_res_lease_begin(h, &i->lease, HX_RES_INTERRUPTS, 1, detach);

	if (err != 0)
		return err;
	i->line = line;
	i->action = a;
	err = hx_irq_attach(line, a);
	if (err != 0)
		hx_res_lease_end(&i->lease);
	return err;
}

void hx_res_irq_detach(struct hx_res_irq *i)
{
	detach(&i->lease);
	hx_res_lease_end(&i->lease);
}
