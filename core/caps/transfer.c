// SPDX-License-Identifier: MIT
/*
 * Capabilities change hands together: all of them or none.
 *
 *	giver's table --hx_cap_send()--> table in transit --hx_cap_receive()--> receiver's table
 *	       ^-----hx_cap_send_undo()---------'
 *
 * What is derived needs no way back: it is dropped. What is moved leaves its slot behind: silent,
 * but counted and not free, so that nothing can fail on the way back and the giver's handle means
 * the same again. Capabilities in transit are in a table like others, so a revocation finds them.
 *
 * Receiving takes slots for all, then looks whether all are still there, then moves them. One that
 * is revoked between the look and the move is as if revoked right after it arrived.
 */
#include <hx/core/caps_send.h>
#include <hx/core/thread.h>

#include "caps_priv.h"

#define NO_HOME		UINT32_MAX	/* derived: no slot waits for it */

static int move_away(struct hx_cap_passage *p, hx_cap_t cap, unsigned at)
{
	uint32_t idx, type = 0, rights = 0;
	hx_irqflags_t flags;
	struct cap_node *n;
	int err = cap_slot_reserve(p->transit, &idx);

	if (err != 0)
		return err;
	n = cap_lock(p->from, cap, &flags);
	err = n == NULL ? -HX_EBADF : cap_refuse_move(n, p->from);
	if (err == 0) {
		p->homes[at] = cap_slot_keep(n);
		p->caps[at] = cap_slot_fill(p->transit, idx, n);
	}
	if (n != NULL) {
		type = n->object->state;
		rights = n->rights;
		cap_unlock(n, flags);
	}
	if (err != 0) {
		cap_slot_unreserve(p->transit, idx);
		cap_audit(CAP_DENY, p->from, cap, type, rights, err);
	}
	return err;
}

static int send_one(struct hx_cap_passage *p, const struct hx_cap_gift *g, unsigned at)
{
	if (g->is_moved)
		return g->rights != 0 ? -HX_EINVAL : move_away(p, g->cap, at);
	p->homes[at] = NO_HOME;
	return hx_cap_derive(p->from, g->cap, p->transit, g->rights, g->expires_ns, &p->caps[at]);
}

int hx_cap_send(struct hx_cap_passage *p, struct hx_cap_table *from,
		const struct hx_cap_gift *gifts, unsigned n, struct hx_cap_table *transit)
{
	int err = 0;

	hx_assert_can_sleep();
	hx_assert((transit->flags & HX_CAP_TABLE_TRANSIT) != 0 && from != transit);
	if (n == 0 || n > HX_CAP_GIFTS_MAX)
		return -HX_EINVAL;
	*p = (struct hx_cap_passage){ .from = from, .transit = transit };
	while (err == 0 && p->n < n) {
		err = send_one(p, &gifts[p->n], p->n);
		if (err == 0)
			p->n++;
	}
	if (err != 0)
		hx_cap_send_undo(p);
	return err;
}

void hx_cap_send_end(struct hx_cap_passage *p)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->homes[i] != NO_HOME)
			cap_slot_release(p->from, p->homes[i]);
	p->n = 0;
}

static void bring_back(struct hx_cap_passage *p, unsigned at)
{
	hx_irqflags_t flags;
	struct cap_node *n = cap_lock(p->transit, p->caps[at], &flags);

	if (n == NULL) {	/* revoked on the way */
		cap_slot_release(p->from, p->homes[at]);
		return;
	}
	cap_slot_clear(n);
	cap_slot_fill(p->from, p->homes[at], n);
	cap_unlock(n, flags);
}

void hx_cap_send_undo(struct hx_cap_passage *p)
{
	hx_assert_can_sleep();
	while (p->n != 0) {
		unsigned at = --p->n;

		if (p->homes[at] != NO_HOME)
			bring_back(p, at);
		else	/* what is being revoked goes without us */
			(void)!hx_cap_drop(p->transit, p->caps[at]);
	}
}

/* Whether it could be received now. */
static int look_at(struct hx_cap_table *transit, hx_cap_t cap)
{
	hx_irqflags_t flags;
	struct cap_node *n = cap_lock(transit, cap, &flags);
	int err;

	if (n == NULL)
		return -HX_EBADF;
	err = cap_refuse_move(n, transit);
	cap_unlock(n, flags);
	return err;
}

/* Into a slot that is reserved; HX_CAP_NONE: it went in the last moment. */
static hx_cap_t receive_one(struct hx_cap_table *transit, hx_cap_t cap, struct hx_cap_table *to,
			    uint32_t idx)
{
	hx_irqflags_t flags;
	struct cap_node *n = cap_lock(transit, cap, &flags);
	hx_cap_t made = HX_CAP_NONE;
	uint32_t type, rights;

	if (n == NULL) {
		cap_slot_unreserve(to, idx);
		return HX_CAP_NONE;
	}
	/* Also one that has been cut, or expired, since we looked: it does not resolve there. */
	cap_slot_clear(n);
	made = cap_slot_fill(to, idx, n);
	type = n->object->state;
	rights = n->rights;
	cap_unlock(n, flags);
	cap_audit(CAP_MOVE, to, made, type, rights, 0);
	return made;
}

static int reserve_all(struct hx_cap_table *to, unsigned n, uint32_t idx[HX_CAP_GIFTS_MAX])
{
	unsigned i;
	int err = 0;

	for (i = 0; i < n && err == 0; i++)
		err = cap_slot_reserve(to, &idx[i]);
	if (err == 0)
		return 0;
	for (i--; i-- != 0;)
		cap_slot_unreserve(to, idx[i]);
	return err;
}

int hx_cap_receive(struct hx_cap_table *transit, const hx_cap_t *caps, unsigned n,
		   struct hx_cap_table *to, hx_cap_t *out)
{
	uint32_t idx[HX_CAP_GIFTS_MAX];
	unsigned i;
	int err;

	hx_assert_can_sleep();
	if (n == 0 || n > HX_CAP_GIFTS_MAX)
		return -HX_EINVAL;
	err = reserve_all(to, n, idx);
	if (err != 0)
		return err;
	for (i = 0; i < n && err == 0; i++)
		err = look_at(transit, caps[i]);
	for (i = 0; i < n; i++) {
		if (err == 0) {
			out[i] = receive_one(transit, caps[i], to, idx[i]);
			continue;
		}
		cap_slot_unreserve(to, idx[i]);
		(void)!hx_cap_drop(transit, caps[i]);
	}
	return err;
}
