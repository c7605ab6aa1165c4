// SPDX-License-Identifier: MIT
/*
 * The long way of a check: with the object locked nothing moves, so it can say what is wrong.
 */
#include <hx/hal/timer.h>

#include "caps_priv.h"

/* Why the node does not allow it; 0: it does. The object's lock held. */
static int examine(const struct cap_node *n, uint32_t type, uint32_t rights)
{
	const struct hx_cap_object *o = n->object;

	if (cap_is_cut(n))
		return -HX_EBADF;
	if ((o->state & ~HX_CAP_UNSETTLED_) != type)
		return -HX_EINVAL;
	if (n->expires_ns != HX_FOREVER && hx_now_ns() >= n->expires_ns)
		return -HX_ETIMEDOUT;
	if (cap_is_lent(n))
		return -HX_EBUSY;
	return (rights & ~(uint32_t)n->rights) != 0 ? -HX_EACCES : 0;
}

/* The same refusal again and again shall not push everything else out of the log. */
static bool is_news(struct hx_cap_table *t, hx_cap_t cap)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&t->lock);
	bool news = t->n_denied++ == 0 || t->last_denied != cap;

	t->last_denied = cap;
	hx_spin_unlock_irqrestore(&t->lock, flags);
	return news;
}

HX_COLD int hx_cap_check_slow_(struct hx_cap_table *t, hx_cap_t cap, uint32_t type, uint32_t rights,
			       struct hx_cap_object **object)
{
	hx_irqflags_t flags;
	struct cap_node *n = cap_lock(t, cap, &flags);
	int err = -HX_EBADF;

	if (n != NULL) {
		err = examine(n, type, rights);
		if (err == 0)
			*object = n->object;
		cap_unlock(n, flags);
	}
	if (err != 0 && is_news(t, cap))
		cap_audit(CAP_DENY, t, cap, type, rights, err);
	return err;
}

int hx_cap_get(struct hx_cap_table *t, hx_cap_t cap, enum hx_cap_type type, uint32_t rights,
	       struct hx_cap_object **object)
{
	struct hx_cap_object *o;
	int err;

	hx_read_begin();
	err = hx_cap_check(t, cap, type, rights, &o);
	if (err == 0) {
		uint32_t n = __atomic_load_n(&o->n_refs, __ATOMIC_RELAXED);

		/* Its last reference may be on its way out: then it was revoked meanwhile. */
		do {
			hx_verify(n != UINT32_MAX);
		} while (n != 0 && !__atomic_compare_exchange_n(&o->n_refs, &n, n + 1, true,
								__ATOMIC_RELAXED,
								__ATOMIC_RELAXED));
		if (n != 0)
			*object = o;
		else
			err = -HX_EBADF;
	}
	hx_read_end();
	return err;
}

int hx_cap_info(const struct hx_cap_table *t, hx_cap_t cap, struct hx_cap_info *info)
{
	hx_irqflags_t flags;
	struct cap_node *n = cap_lock(t, cap, &flags);
	int err = -HX_EBADF;

	if (n == NULL)
		return err;
	if (!cap_is_cut(n)) {
		*info = (struct hx_cap_info){
			.type = (enum hx_cap_type)(n->object->state & ~HX_CAP_UNSETTLED_),
			.rights = n->rights, .expires_ns = n->expires_ns, .depth = n->depth,
			.is_lent = cap_is_lent(n),
		};
		err = 0;
	}
	cap_unlock(n, flags);
	return err;
}
