// SPDX-License-Identifier: MIT
/*
 * Slots of a table are charged to a holder of resources, where they are taken and put back.
 */
#include <hx/core/caps_charge.h>
#include <hx/core/thread.h>

#include "caps_priv.h"

bool cap_charge_slot(struct hx_cap_table *t)
{
	hx_assert_held(&t->lock);
	return hx_res_take(t->charge->holder, HX_RES_HANDLES, 1) == 0;
}

void cap_uncharge_slot(struct hx_cap_table *t)
{
	hx_assert_held(&t->lock);
	hx_res_release(t->charge->holder, HX_RES_HANDLES, 1);
}

void cap_charge_finish(struct hx_cap_table *t)
{
	struct hx_cap_charge *c = t->charge;

	t->charge = NULL;
	if (c->lease.holder != NULL)	/* else the holder ends, and took it off already */
		hx_res_lease_end(&c->lease);
}

static void table_end(struct hx_res_lease *l)
{
	hx_cap_table_fini(HX_CONTAINER_OF(l, struct hx_cap_charge, lease)->table);
}

int hx_cap_table_charge(struct hx_cap_table *t, struct hx_cap_charge *c, struct hx_res_holder *h)
{
	hx_irqflags_t flags;
	int err = 0;

	flags = hx_spin_lock_irqsave(&t->lock);
	if (t->n_used != 0 || t->charge != NULL) {
		err = -HX_EBUSY;
	} else {
		c->holder = h;
		c->table = t;
		t->charge = c;
	}
	hx_spin_unlock_irqrestore(&t->lock, flags);
	if (err != 0)
		return err;
	/* Of nothing: the slots are charged one by one. */
	err = hx_res_lease_begin(h, &c->lease, HX_RES_HANDLES, 0, table_end);
	hx_assert(err == 0);
	return err;
}
