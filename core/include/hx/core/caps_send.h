/* SPDX-License-Identifier: MIT */
/*
 * Several capabilities that change hands together, all of them or none, by way of a table in
 * transit (HX_CAP_TABLE_TRANSIT): what a message with capabilities is made of. Who sends messages
 * wants hx/core/chan_caps.h.
 */
#ifndef HX_CORE_CAPS_SEND_H
#define HX_CORE_CAPS_SEND_H

#include <hx/core/caps.h>

#define HX_CAP_GIFTS_MAX	4u	/* capabilities that change hands in one step */

/* One of several capabilities that change hands together. */
struct hx_cap_gift {
	hx_cap_t cap;			/* in the giver's table */
	uint32_t rights;		/* of what is derived from it; 0 if it is moved */
	bool is_moved;			/* it goes itself, with all its rights and its expiry */
	hx_ns_t expires_ns;		/* of what is derived */
};

/* Gifts on their way; the giver's memory until it knows whether they arrive. */
struct hx_cap_passage {
	struct hx_cap_table *from, *transit;
	uint32_t n;
	hx_cap_t caps[HX_CAP_GIFTS_MAX];	/* in transit */
	uint32_t homes[HX_CAP_GIFTS_MAX];	/* slots in from, kept for the way back */
};

/**
 * hx_cap_send() - put several capabilities, or what is derived of them, into a table in transit.
 * hx_cap_send_end() - they arrived, or will: what was moved is gone from the giver for good.
 * hx_cap_send_undo() - they will not: the giver has all it had, with the same handles; what was
 *                      revoked meanwhile stays revoked.
 * @p:       the giver's memory; after success call one of the other two, once
 * @from:    the giver's table
 * @gifts:   what is given; each with HX_CAP_DELEGATE
 * @n:       1..HX_CAP_GIFTS_MAX
 * @transit: a table with HX_CAP_TABLE_TRANSIT
 *
 * Returns: 0; -HX_EINVAL @n, or rights with a capability that is moved; for any of them as
 *          hx_cap_derive() or hx_cap_move(), and then nothing has changed.
 * Context: thread, may sleep; not in a reader's section.
 * Locks:   as hx_cap_derive(), one gift at a time.
 * Owner:   @transit holds them; the slots of what is moved stay counted in @from until the end.
 * Cost:    an allocation for each that is derived.
 * Source:  seL4 manual, 4.2 (capability transfer); all or nothing: ours.
 */
HX_MUST_CHECK int hx_cap_send(struct hx_cap_passage *p, struct hx_cap_table *from,
			      const struct hx_cap_gift *gifts, unsigned n,
			      struct hx_cap_table *transit);
void hx_cap_send_end(struct hx_cap_passage *p);
void hx_cap_send_undo(struct hx_cap_passage *p);

/**
 * hx_cap_receive() - take what was sent out of transit, all of it or nothing.
 * @transit: table they are in
 * @caps:    their handles there
 * @n:       how many; 1..HX_CAP_GIFTS_MAX
 * @to:      the receiver's table
 * @out:     receives @n handles; untouched on error. HX_CAP_NONE: revoked in this very moment
 *
 * Returns: 0; -HX_EINVAL @n; -HX_ENFILE @to is full, -HX_ENOMEM: then they are in transit still,
 *          and it may be tried again; -HX_EBADF one of them was revoked on the way, -HX_ETIMEDOUT
 *          has expired: then none arrives, and the others are dropped.
 * Context: thread, may sleep; not in a reader's section.
 * Locks:   as hx_cap_move(), one capability at a time.
 * Owner:   @to holds them.
 * Cost:    no allocation, but when the table must grow.
 * Source:  as hx_cap_send().
 */
HX_MUST_CHECK int hx_cap_receive(struct hx_cap_table *transit, const hx_cap_t *caps, unsigned n,
				 struct hx_cap_table *to, hx_cap_t *out);

#endif
