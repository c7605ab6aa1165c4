// SPDX-License-Identifier: MIT
/*
 * Objects: references, and whether everything about their capabilities is settled.
 */
#include "caps_priv.h"

void hx_cap_object_init(struct hx_cap_object *o, enum hx_cap_type type,
			void (*release)(struct hx_cap_object *o))
{
	*o = (struct hx_cap_object){ .state = type, .n_refs = 1, .release = release };
	hx_spin_init(&o->lock, "cap object", HX_RANK_CAP_OBJECT);
}

void hx_cap_object_get(struct hx_cap_object *o)
{
	uint32_t was = __atomic_fetch_add(&o->n_refs, 1, __ATOMIC_RELAXED);

	/* More would come round to 0, and the object would be freed under the others. */
	hx_verify(was != 0 && was != UINT32_MAX);
}

static void released(struct hx_grace *g)
{
	struct hx_cap_object *o = HX_CONTAINER_OF(g, struct hx_cap_object, grace);

	o->release(o);
}

static void put_refs(struct hx_cap_object *o, uint32_t n)
{
	uint32_t was = __atomic_fetch_sub(&o->n_refs, n, __ATOMIC_ACQ_REL);

	hx_verify(was >= n);
	/* A reader may have found it in a slot a moment ago. */
	if (was == n && o->release != NULL)
		hx_grace_call(&o->grace, released);
}

void hx_cap_object_put(struct hx_cap_object *o)
{
	put_refs(o, 1);
}

void cap_free_gone(struct hx_cap_object *o, struct cap_gone *gone)
{
	while (gone->first != NULL) {
		struct cap_node *n = gone->first;

		gone->first = n->next;
		hx_free(n);
	}
	if (gone->n_refs != 0)
		put_refs(o, gone->n_refs);
	gone->n_refs = 0;
}

void cap_settle(struct hx_cap_object *o)
{
	uint32_t type = o->state & ~HX_CAP_UNSETTLED_;

	hx_assert_held(&o->lock);
	__atomic_store_n(&o->state, o->n_cuts != 0 || o->is_ended ? type | HX_CAP_UNSETTLED_ : type,
			 __ATOMIC_RELEASE);
}
