// SPDX-License-Identifier: MIT
/*
 * Capabilities as parts of messages.
 *
 * A channel made for it has a table in transit, behind its slots. Sending puts the gifts in there
 * and their handles into a copy of the message; the channel itself knows nothing of it. Whether the
 * message was delivered decides what becomes of what was moved: hx_cap_send_end() or
 * hx_cap_send_undo(). Dropping a message drops its parts; the end of the channel what nobody took.
 */
#include <hx/core/chan_caps.h>
#include <hx/core/thread.h>

#include "chan_priv.h"

/* In flight at a time: all that fits into the queue, and of so many threads at work beside it. */
#define THREADS_IN_FLIGHT	128u

_Static_assert(sizeof(struct hx_cap_table) <= CHAN_TRANSIT_BYTES, "the room behind the slots");
_Static_assert(HX_MSG_PARTS <= HX_CAP_GIFTS_MAX, "a message's capabilities go in one step");
_Static_assert(sizeof(struct chan_slot) % _Alignof(struct hx_cap_table) == 0,
	       "what lies behind the slots is aligned");

static struct hx_cap_table *transit_of(const struct hx_chan *ch)
{
	return (struct hx_cap_table *)&ch->slots[ch->capacity];
}

void chan_transit_init(struct hx_chan *ch)
{
	hx_cap_table_init(transit_of(ch), NULL,
			  HX_MSG_PARTS * (ch->capacity + THREADS_IN_FLIGHT), HX_CAP_TABLE_TRANSIT);
}

void chan_transit_fini(struct hx_chan *ch)
{
	hx_cap_table_fini(transit_of(ch));
}

uint32_t chan_transit_count(const struct hx_chan *ch)
{
	return __atomic_load_n(&transit_of(ch)->n_used, __ATOMIC_RELAXED);
}

static void part_drop(uint64_t a, uint64_t b)
{
	/* It may have been revoked on the way. */
	(void)!hx_cap_drop((struct hx_cap_table *)(uintptr_t)b, a);
}

const struct hx_part_kind hx_part_cap = { .name = "capability", .drop = part_drop };

/* A copy of the message with the gifts as further parts. */
static int pack(struct hx_chan *ch, const struct hx_msg *m, struct hx_cap_table *from,
		const struct hx_cap_gift *gifts, unsigned n, struct hx_msg *copy,
		struct hx_cap_passage *p)
{
	struct hx_cap_table *transit;
	int err;

	if (!chan_has_caps(ch))
		return -HX_ENOTSUP;
	if (m->n_parts > HX_MSG_PARTS || n > HX_MSG_PARTS - m->n_parts)
		return -HX_EINVAL;
	transit = transit_of(ch);
	err = hx_cap_send(p, from, gifts, n, transit);
	if (err != 0)
		return err;
	*copy = *m;
	for (unsigned i = 0; i < n; i++)
		copy->parts[copy->n_parts++] = (struct hx_part){
			.kind = &hx_part_cap, .a = p->caps[i], .b = (uintptr_t)transit,
		};
	return 0;
}

static void settle(struct hx_cap_passage *p, bool is_delivered)
{
	if (is_delivered)
		hx_cap_send_end(p);
	else
		hx_cap_send_undo(p);
}

int hx_chan_send_caps(struct hx_chan *ch, const struct hx_msg *m, struct hx_cap_table *from,
		      const struct hx_cap_gift *gifts, unsigned n, hx_ns_t timeout_ns)
{
	struct hx_cap_passage p;
	struct hx_msg copy;
	int err = pack(ch, m, from, gifts, n, &copy, &p);

	if (err != 0)
		return err;
	err = hx_chan_send(ch, &copy, timeout_ns);
	settle(&p, err == 0);
	return err;
}

int hx_chan_call_caps(struct hx_chan *ch, struct hx_msg *ask, struct hx_cap_table *from,
		      const struct hx_cap_gift *gifts, unsigned n, struct hx_msg *answer,
		      hx_ns_t timeout_ns)
{
	struct hx_cap_passage p;
	struct hx_msg copy;
	bool is_taken;
	int err;

	if (!HX_ENABLED(IPC_CALLS))
		return -HX_ENOTSUP;
	err = pack(ch, ask, from, gifts, n, &copy, &p);
	if (err != 0)
		return err;
	err = hx_chan_call(ch, &copy, answer, timeout_ns);
	is_taken = copy.n_parts == 0;
	settle(&p, is_taken);
	if (is_taken && answer != ask)
		ask->n_parts = 0;
	return err;
}

int hx_chan_reply_caps(struct hx_chan_call *c, const struct hx_msg *answer,
		       struct hx_cap_table *from, const struct hx_cap_gift *gifts, unsigned n)
{
	struct hx_cap_passage p;
	struct hx_msg copy;
	int err;

	if (!HX_ENABLED(IPC_CALLS))
		return -HX_ENOTSUP;
	err = pack(c->chan, answer, from, gifts, n, &copy, &p);
	if (err != 0)
		return err;
	err = hx_chan_reply(c, &copy);
	settle(&p, err == 0);
	return err;
}

/* The other parts move up. */
static void remove_caps(struct hx_msg *m)
{
	unsigned left = 0;

	for (unsigned i = 0; i < m->n_parts; i++)
		if (m->parts[i].kind != &hx_part_cap)
			m->parts[left++] = m->parts[i];
	m->n_parts = (uint8_t)left;
}

int hx_chan_take_caps(struct hx_chan *ch, struct hx_msg *m, struct hx_cap_table *to,
		      hx_cap_t out[HX_MSG_PARTS], unsigned *n)
{
	hx_cap_t caps[HX_MSG_PARTS];
	unsigned found = 0;
	int err = 0;

	for (unsigned i = 0; i < m->n_parts; i++) {
		if (m->parts[i].kind != &hx_part_cap)
			continue;
		if (!chan_has_caps(ch) || m->parts[i].b != (uintptr_t)transit_of(ch))
			return -HX_EINVAL;
		caps[found++] = m->parts[i].a;
	}
	if (found != 0)
		err = hx_cap_receive(transit_of(ch), caps, found, to, out);
	if (err != -HX_ENFILE && err != -HX_ENOMEM)
		remove_caps(m);
	if (err == 0)
		*n = found;
	return err;
}

void hx_chan_discard(struct hx_chan *ch, struct hx_msg *m)
{
	hx_assert_can_sleep();
	msg_drop_parts(m);
}
