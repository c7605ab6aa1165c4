// SPDX-License-Identifier: MIT
/*
 * Leases: a charge together with the way to give the thing back, on a list of the holder.
 */
#include "resources_priv.h"

int hx_res_lease_begin(struct hx_res_holder *h, struct hx_res_lease *l, enum hx_res_kind kind,
		       uint64_t n, void (*end)(struct hx_res_lease *l))
{
	hx_irqflags_t flags;
	int err = hx_res_take(h, kind, n);

	if (err != 0)
		return err;
	*l = (struct hx_res_lease){ .holder = h, .end = end, .n = n, .kind = kind };
	flags = hx_spin_lock_irqsave(&h->lock);
	hx_list_push_back(&h->leases, &l->link);
	hx_spin_unlock_irqrestore(&h->lock, flags);
	if (HX_ENABLED(IPC_EVENTS) && HX_UNLIKELY(res_load32(&res_n_untold) != 0))
		res_events_tell();
	return 0;
}

void hx_res_lease_end(struct hx_res_lease *l)
{
	struct hx_res_holder *h = l->holder;
	hx_irqflags_t flags = hx_spin_lock_irqsave(&h->lock);

	hx_list_unlink(&l->link);
	hx_spin_unlock_irqrestore(&h->lock, flags);
	l->holder = NULL;
	hx_res_release(h, l->kind, l->n);
}

void res_leases_end(struct hx_res_holder *h)
{
	for (;;) {
		hx_irqflags_t flags = hx_spin_lock_irqsave(&h->lock);
		struct hx_res_lease *l = hx_list_is_empty(&h->leases) ? NULL
			: HX_LIST_ENTRY(h->leases.prev, struct hx_res_lease, link);
		enum hx_res_kind kind;
		uint64_t n;

		if (l != NULL)
			hx_list_unlink(&l->link);
		hx_spin_unlock_irqrestore(&h->lock, flags);
		if (l == NULL)
			return;
		kind = l->kind;
		n = l->n;
		l->holder = NULL;
		l->end(l);		/* its memory may be gone now */
		hx_res_release(h, kind, n);
	}
}
