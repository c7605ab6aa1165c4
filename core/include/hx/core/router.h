/* SPDX-License-Identifier: MIT */
/*
 * The router: messages to whom one knows by a number or a name, or to all.
 *
 *	hx_box_open("logger", 16, 0, &box);			the receiver
 *	hx_route_find("logger", &id);				anybody
 *	hx_route_send(id, &m, 0);				hx_chan_recv(hx_box_chan(box), ...)
 *
 * A box is a channel with an address. So its queue gives the most urgent message first, and among
 * equals the oldest; a request waits for its reply with the receiver as urgent as the caller. What
 * cannot be delivered is an error for the sender, never a silent loss. A number is never used
 * again, so a message for a box that is gone does not reach its successor.
 */
#ifndef HX_CORE_ROUTER_H
#define HX_CORE_ROUTER_H

#include <hx/base.h>
#include <hx/core/chan.h>

#define HX_BOX_NONE	0u	/* never the number of a box */

struct hx_box;

/**
 * hx_box_open() - an address to which messages can be sent.
 * @name:     1..HX_CHAN_NAME_MAX - 1 bytes: a-z, 0-9, '.', '-', '_'; NULL: only a number
 * @capacity: messages kept at most, 0..HX_CHAN_CAPACITY_MAX
 * @flags:    HX_CHAN_CALLS: takes requests, and is received from with hx_chan_accept()
 * @out:      receives it; untouched on error
 *
 * Returns: 0; -HX_EEXIST the name is taken; -HX_ENFILE CONFIG_IPC_BOXES_MAX are open; -HX_EINVAL
 *          the name, and as hx_chan_create(); -HX_ENOTSUP, -HX_ENOMEM as hx_chan_create().
 * Context: thread, may sleep.
 * Locks:   the table of boxes (a mutex), those of hx_chan_create().
 * Owner:   the caller, until hx_box_close().
 * Cost:    one allocation; O(boxes) for the name.
 * Source:  -
 */
HX_MUST_CHECK int hx_box_open(const char *name, uint32_t capacity, uint32_t flags,
			      struct hx_box **out);

/**
 * hx_box_close() - the address is gone; who waits to send there gets -HX_EPIPE.
 * hx_box_id() - its number.
 * hx_box_chan() - the channel to receive from.
 * @box: open; nobody is inside a receive on it, and what was accepted is answered
 *
 * Returns: id: never HX_BOX_NONE; chan: valid as long as the box is open.
 * Context: thread, close may sleep.
 * Locks:   close: the table of boxes (a mutex), the channel's.
 * Owner:   @box is gone after close; messages in it are dropped.
 * Cost:    close: as hx_chan_close(); the others a load.
 * Source:  -
 */
void hx_box_close(struct hx_box *box);
uint32_t hx_box_id(const struct hx_box *box);
struct hx_chan *hx_box_chan(const struct hx_box *box);

/**
 * hx_route_find() - the number of a box by its name.
 * @name: as given to hx_box_open()
 * @id:   receives it; untouched on error
 *
 * Returns: 0; -HX_ENOENT.
 * Context: thread, may sleep.
 * Locks:   the table of boxes (a mutex).
 * Owner:   -
 * Cost:    O(boxes).
 * Source:  -
 */
HX_MUST_CHECK int hx_route_find(const char *name, uint32_t *id);

/**
 * hx_route_send() - a message to a box.
 * hx_route_call() - a request to a box, and its reply. Only with CONFIG_IPC_CALLS.
 * @id:          number of the box
 * @m:           as in hx_chan_send()
 * @ask:         as in hx_chan_call()
 * @answer:      receives the reply
 * @timeout_ns:  for room; 0 does not wait
 * @deadline_ns: point in time, as hx_now_ns() counts, until which the reply must be there;
 *               HX_FOREVER: none
 *
 * Returns: -HX_ENOENT there is no such box; call: -HX_ETIMEDOUT also if the deadline has passed
 *          already; else as hx_chan_send() and hx_chan_call().
 * Context: thread, may sleep; also with @timeout_ns 0, for a moment.
 * Locks:   the table of boxes (a mutex), the channel's.
 * Owner:   as hx_chan_send() and hx_chan_call().
 * Cost:    look-up by an index, then as hx_chan_send() and hx_chan_call().
 * Source:  -
 */
HX_MUST_CHECK int hx_route_send(uint32_t id, const struct hx_msg *m, hx_ns_t timeout_ns);
HX_MUST_CHECK int hx_route_call(uint32_t id, struct hx_msg *ask, struct hx_msg *answer,
				hx_ns_t deadline_ns);

/* What became of a broadcast. */
struct hx_route_result {
	uint32_t n_delivered, n_full;	/* boxes */
};

/**
 * hx_route_broadcast() - a message to all boxes but one, without waiting.
 * @m:      without parts: they can have one owner only
 * @except: the sender's own box; HX_BOX_NONE: none
 * @r:      filled
 *
 * Returns: 0 everybody has it; -HX_EAGAIN some have no room: they are counted, and do not get it;
 *          -HX_ENOENT there is nobody; -HX_EINVAL as hx_chan_send(), or parts.
 * Context: thread, may sleep.
 * Locks:   the table of boxes (a mutex), each channel's.
 * Owner:   -
 * Cost:    O(boxes).
 * Source:  -
 */
HX_MUST_CHECK int hx_route_broadcast(const struct hx_msg *m, uint32_t except,
				     struct hx_route_result *r);

#endif
