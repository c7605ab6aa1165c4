/* SPDX-License-Identifier: MIT */
/*
 * Capabilities in messages (CONFIG_IPC_CAPS), on channels made with HX_CHAN_CAPS.
 *
 *	struct hx_cap_gift g = {			err = hx_chan_recv(ch, &m, HX_FOREVER);
 *		.cap = file, .rights = HX_CAP_READ,	err = hx_chan_take_caps(ch, &m, table,
 *		.expires_ns = HX_FOREVER };					got, &n);
 *	err = hx_chan_send_caps(ch, &m, table,
 *				&g, 1, HX_FOREVER);
 *
 * Each is a part of the message. Between sender and receiver it is in a table of the channel's own,
 * so it may be revoked on the way, and goes when the message is dropped or the channel ends.
 */
#ifndef HX_CORE_CHAN_CAPS_H
#define HX_CORE_CHAN_CAPS_H

#include <hx/core/caps_send.h>
#include <hx/core/chan.h>

/* A capability in flight: a is its handle in the channel's table, b the table. Made by the
 * functions below only, and taken out before the message is sent on. */
extern const struct hx_part_kind hx_part_cap;

/**
 * hx_chan_send_caps() - hx_chan_send() with capabilities.
 * hx_chan_call_caps() - hx_chan_call() with capabilities in what is asked.
 * hx_chan_reply_caps() - hx_chan_reply() with capabilities in the answer.
 * @ch:         made with HX_CHAN_CAPS, whose sending end the caller holds
 * @c:          the call, taken by this thread
 * @m:          the message, without those parts
 * @ask:        the same; n_parts is 0 afterwards if the call was taken
 * @answer:     as for hx_chan_call() and hx_chan_reply()
 * @from:       the sender's table
 * @gifts:      what is given
 * @n:          how many; with the parts that are in the message already HX_MSG_PARTS at most
 * @timeout_ns: as for send and call
 *
 * Returns: as send, call and reply; also -HX_EINVAL too many parts, or as hx_cap_send() says;
 *          -HX_ENOTSUP the channel carries no capabilities; -HX_EBADF, -HX_ETIMEDOUT, -HX_EACCES,
 *          -HX_EBUSY, -HX_EAGAIN, -HX_ELOOP, -HX_ENFILE, -HX_ENOMEM as hx_cap_derive() and
 *          hx_cap_move() of one of the gifts. If the message was not delivered (for a call: not
 *          taken), the sender has all it had, with the same handles.
 * Context: thread, may sleep.
 * Locks:   as hx_cap_send(), then those of send, call or reply.
 * Owner:   the channel, until they are received.
 * Cost:    an allocation for each that is derived; a copy of the message more.
 * Source:  seL4 manual, 4.2 (capability transfer).
 */
HX_MUST_CHECK int hx_chan_send_caps(struct hx_chan *ch, const struct hx_msg *m,
				    struct hx_cap_table *from, const struct hx_cap_gift *gifts,
				    unsigned n, hx_ns_t timeout_ns);
HX_MUST_CHECK int hx_chan_call_caps(struct hx_chan *ch, struct hx_msg *ask,
				    struct hx_cap_table *from, const struct hx_cap_gift *gifts,
				    unsigned n, struct hx_msg *answer, hx_ns_t timeout_ns);
HX_MUST_CHECK int hx_chan_reply_caps(struct hx_chan_call *c, const struct hx_msg *answer,
				     struct hx_cap_table *from, const struct hx_cap_gift *gifts,
				     unsigned n);

/**
 * hx_chan_take_caps() - the capabilities of a message that was received, or of an answer.
 * @ch:  it came through; an end of it is held still
 * @m:   the message; the capabilities are no longer parts of it after 0, -HX_EBADF, -HX_ETIMEDOUT
 * @to:  the receiver's table
 * @out: receives the handles in the order of the gifts; untouched on error
 * @n:   receives how many; 0: the message had none
 *
 * Returns: 0; -HX_EINVAL a part is of another channel; as hx_cap_receive(): all are in @to, or none
 *          is.
 * Context: thread, may sleep.
 * Locks:   as hx_cap_receive().
 * Owner:   @to holds them. What is never taken goes when the channel ends.
 * Cost:    two look-ups for each.
 * Source:  as hx_chan_send_caps().
 */
HX_MUST_CHECK int hx_chan_take_caps(struct hx_chan *ch, struct hx_msg *m, struct hx_cap_table *to,
				    hx_cap_t out[HX_MSG_PARTS], unsigned *n);

/**
 * hx_chan_discard() - the receiver wants nothing of what moved with a message.
 * @ch: it came through; an end of it is held still
 * @m:  the message; has no parts afterwards
 *
 * Returns: nothing.
 * Context: thread, may sleep; as the kinds of its parts say.
 * Locks:   none, but the parts'.
 * Owner:   -
 * Cost:    the kinds'.
 * Source:  -
 */
void hx_chan_discard(struct hx_chan *ch, struct hx_msg *m);

#endif
