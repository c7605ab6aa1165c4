/* SPDX-License-Identifier: MIT */
/*
 * Channels: messages from any number of senders to any number of receivers, and calls with answers.
 *
 *	m.words[0] = 42; m.n_bytes = 8;			err = hx_chan_recv(ch, &m, 0);
 *	err = hx_chan_send(ch, &m, HX_FOREVER);
 *
 *	err = hx_chan_call(ch, &ask, &answer,		err = hx_chan_accept(ch, &c, HX_FOREVER);
 *			   HX_FOREVER);			while (err == 0) {
 *								... c.msg, answer ...
 *								err = hx_chan_reply_accept(&c,
 *										&answer,
 *										HX_FOREVER);
 *							}
 *
 * A message is copied once, into the buffer of a receiver that waits, or else into the channel's
 * queue of fixed length. What is larger than HX_MSG_BYTES moves as a part: pages, a reference to an
 * object, a capability. Parts belong to the sender until its call returned 0, then to the receiver.
 *
 * Each message and each call is either delivered, or its sender gets the error; never both.
 */
#ifndef HX_CORE_CHAN_H
#define HX_CORE_CHAN_H

#include <hx/base.h>
#include <hx/config/core_ipc.h>
#include <hx/core/handover.h>

#define HX_MSG_BYTES		64	/* carried inline */
#define HX_MSG_PARTS		2	/* what moves with a message */
#define HX_MSG_LEVELS		5
#define HX_CHAN_NAME_MAX	24	/* with the NUL */
#define HX_CHAN_CAPACITY_MAX	1024u	/* messages */

struct hx_chan;
struct hx_text;

/* Lower is more urgent, as everywhere. */
enum hx_msg_prio {
	HX_MSG_CRITICAL = -2,
	HX_MSG_HIGH = -1,
	HX_MSG_NORMAL = 0,
	HX_MSG_LOW = 1,
	HX_MSG_BACKGROUND = 2,
};

/*
 * What can move with a message. A room above defines kinds of its own; the functions are called in
 * thread context without a lock.
 */
struct hx_part_kind {
	const char *name;
	/* The message will not be received: the channel ended. Give back what was moved. */
	void (*drop)(uint64_t a, uint64_t b);
};

struct hx_part {
	const struct hx_part_kind *kind;
	uint64_t a, b;			/* the kind's */
};

struct hx_msg {
	uint64_t seq;			/* filled at the receiver: each channel counts from 0 */
	uint32_t tag;			/* what it is: the sender's word */
	uint8_t n_bytes;		/* 0..HX_MSG_BYTES */
	uint8_t n_parts;		/* 0..HX_MSG_PARTS */
	int8_t prio;			/* enum hx_msg_prio */
	uint8_t reserved;
	union {
		uint64_t words[HX_MSG_BYTES / 8];
		uint8_t bytes[HX_MSG_BYTES];
	};
	struct hx_part parts[HX_MSG_PARTS];
};

/* Pages that change hands: a is the address, b the order, as for hx_frames_free(). */
extern const struct hx_part_kind hx_part_frames;

enum hx_chan_ends {
	HX_CHAN_SEND = 1,		/* to send and call */
	HX_CHAN_RECV = 2,		/* to receive, or accept */
};

enum hx_chan_flags {
	HX_CHAN_CALLS = 1,		/* takes calls; hx_chan_accept() instead of recv */
	HX_CHAN_CAPS = 2,		/* capabilities may be sent: hx/core/chan_caps.h */
};

struct hx_chan_params {
	const char *name;		/* for /ipc/channels; copied, cut; NULL: "" */
	uint32_t capacity;		/* messages queued at most; 0: senders meet receivers */
	uint32_t flags;			/* enum hx_chan_flags */
};

/*
 * What a receiver has taken: a message, or a call that it owes an answer. The receiver's memory; it
 * stays where it is until the answer.
 */
struct hx_chan_call {
	struct hx_msg msg;		/* first: what was sent */
	bool is_call;			/* an answer is owed */
	struct hx_msg *answer;		/* where it goes; channel's */
	struct hx_chan *chan;		/* channel's */
	struct hx_turn turn;		/* channel's */
};

/**
 * hx_chan_create() - make a channel; the caller holds both ends.
 * @p:   read during the call only
 * @out: receives it; untouched on error
 *
 * Returns: 0; -HX_EINVAL capacity above HX_CHAN_CAPACITY_MAX, or flags, also HX_CHAN_CAPS
 *          without CONFIG_IPC_CAPS; -HX_ENOTSUP calls without CONFIG_IPC_CALLS; -HX_ENOMEM.
 * Context: thread, may sleep.
 * Locks:   the table of channels (a mutex), the heap's.
 * Owner:   the caller, of one end of each kind; see hx_chan_close().
 * Cost:    one allocation, 144 bytes for each message of the capacity.
 * Source:  Hoare, "Communicating Sequential Processes" (CACM 1978); with a queue: Brinch Hansen.
 */
HX_MUST_CHECK int hx_chan_create(const struct hx_chan_params *p, struct hx_chan **out);

/**
 * hx_chan_open() - one more holder of an end, or of both.
 * hx_chan_close() - one holder less. The last receiver's: who waits to send or call, or for a
 *                   message in the queue, gets -HX_EPIPE, and queued messages are dropped. The last
 *                   sender's: receivers get what is queued, then -HX_EPIPE. The last of all: freed.
 * @ch:   open: by who holds an end of it
 * @ends: enum hx_chan_ends bits
 *
 * Returns: open: 0; -HX_EPIPE nobody holds such an end any more: it does not come back;
 *          -HX_EINVAL other bits.
 * Context: thread, may sleep.
 * Locks:   the channel's (HX_RANK_WAIT), the table of channels (a mutex).
 * Owner:   a holder closes as often as it opened, not while it is inside a call on that end, and
 *          the receiving end not before it answered what it took. @ch may be gone after close.
 * Cost:    open: a few instructions; close: O(messages and waiters) for the last holder.
 * Source:  POSIX pipe(7), on who gets EPIPE.
 */
HX_MUST_CHECK int hx_chan_open(struct hx_chan *ch, unsigned ends);
void hx_chan_close(struct hx_chan *ch, unsigned ends);

/**
 * hx_chan_send() - send a message.
 * @ch:         whose sending end the caller holds
 * @m:          copied, but for seq; its parts are the receiver's after 0, else the caller's still
 * @timeout_ns: for room; 0 does not wait; HX_FOREVER never gives up
 *
 * Returns: 0 a receiver has it, or the queue; -HX_EAGAIN full, and @timeout_ns is 0; -HX_ETIMEDOUT;
 *          -HX_EPIPE no receiver any more; -HX_EINVAL a length, number or priority that cannot be.
 * Context: thread, may sleep; with @timeout_ns 0 any context but NMI.
 * Locks:   the channel's (HX_RANK_WAIT).
 * Owner:   -
 * Cost:    one copy; a wake-up if a receiver waits. Who waits for room: the most urgent message
 *          first, then the longest waiter.
 * Source:  -
 */
HX_MUST_CHECK int hx_chan_send(struct hx_chan *ch, const struct hx_msg *m, hx_ns_t timeout_ns);

/**
 * hx_chan_recv() - receive a message, the most urgent first, then the oldest.
 * @ch:         whose receiving end the caller holds; made without HX_CHAN_CALLS
 * @m:          filled; may be half filled on error
 * @timeout_ns: 0 does not wait; HX_FOREVER never gives up
 *
 * Returns: 0; -HX_EAGAIN nothing there, and @timeout_ns is 0; -HX_ETIMEDOUT; -HX_EPIPE nothing
 *          there, and no sender any more; -HX_EINVAL the channel takes calls.
 * Context: thread, may sleep; with @timeout_ns 0 any context but NMI.
 * Locks:   the channel's (HX_RANK_WAIT).
 * Owner:   parts in @m are the caller's.
 * Cost:    one copy if something is there, else a wait; the sender copies then.
 * Source:  -
 */
HX_MUST_CHECK int hx_chan_recv(struct hx_chan *ch, struct hx_msg *m, hx_ns_t timeout_ns);

/**
 * hx_chan_call() - send a message and wait for its answer. Only with CONFIG_IPC_CALLS, as all
 * below.
 * @ch:         made with HX_CHAN_CALLS, whose sending end the caller holds
 * @ask:        as in hx_chan_send(); n_parts is 0 afterwards if the parts were taken, also on error
 * @answer:     receives it; may be @ask
 * @timeout_ns: for all of it; not 0
 *
 * The thread that answers is at least as urgent as the caller meanwhile, through chains of calls
 * and mutexes. While nobody has taken the call, that is the thread that took one last.
 *
 * Returns: 0; -HX_ETIMEDOUT nobody took it; -HX_ECANCELED it was taken, and not answered in time;
 *          -HX_EPIPE no receiver any more, or the thread that took it ended without an answer;
 *          -HX_EDEADLK who would answer waits for the caller; -HX_EINVAL as hx_chan_send(), the
 *          channel takes no calls, or no time.
 * Context: thread, may sleep.
 * Locks:   the channel's (HX_RANK_WAIT), HX_RANK_INHERIT.
 * Owner:   parts in @answer are the caller's.
 * Cost:    two copies and two switches if a receiver waits, without a queue.
 * Source:  Liedtke (SOSP 1993); inheritance over messages: QNX, MsgSend().
 */
HX_MUST_CHECK int hx_chan_call(struct hx_chan *ch, struct hx_msg *ask, struct hx_msg *answer,
			       hx_ns_t timeout_ns);

/**
 * hx_chan_accept() - take the next call or message.
 * @ch:         made with HX_CHAN_CALLS, whose receiving end the caller holds
 * @c:          filled; if c->is_call, an answer is owed, by this thread
 * @timeout_ns: 0 does not wait; HX_FOREVER never gives up
 *
 * The more urgent message first; at the same priority queued messages, then the caller whose thread
 * is most urgent.
 *
 * Returns: as hx_chan_recv(); -HX_EINVAL the channel takes no calls.
 * Context: thread, may sleep.
 * Locks:   the channel's (HX_RANK_WAIT), HX_RANK_INHERIT.
 * Owner:   @c belongs to the channel while it waits and until the answer; parts are the caller's. A
 *          thread that ends without the answer ends by hx_thread_exit() while @c is still there.
 * Cost:    as hx_chan_recv().
 * Source:  -
 */
HX_MUST_CHECK int hx_chan_accept(struct hx_chan *ch, struct hx_chan_call *c, hx_ns_t timeout_ns);

/**
 * hx_chan_reply() - answer a call.
 * hx_chan_reply_accept() - answer it, and accept the next one into the same place.
 * @c:          taken by this thread
 * @answer:     may be &c->msg; its parts are the caller's after 0
 * @timeout_ns: as in hx_chan_accept()
 *
 * Returns: reply: 0; -HX_EPIPE who called has given up: nothing is owed any more, and the parts are
 *          still here; -HX_EINVAL as hx_chan_send(), or no answer is owed by this thread.
 *          reply_accept: the same errors, and then nothing was accepted; else as hx_chan_accept().
 * Context: thread; reply does not sleep, reply_accept may.
 * Locks:   the channel's (HX_RANK_WAIT), HX_RANK_INHERIT.
 * Owner:   as hx_chan_accept().
 * Cost:    one copy; reply_accept switches straight to who called, if the scheduler agrees.
 * Source:  seL4, ReplyRecv.
 */
HX_MUST_CHECK int hx_chan_reply(struct hx_chan_call *c, const struct hx_msg *answer);
HX_MUST_CHECK int hx_chan_reply_accept(struct hx_chan_call *c, const struct hx_msg *answer,
				       hx_ns_t timeout_ns);

/* The state of a channel, for nodes and tests: a snapshot. */
struct hx_chan_info {
	uint32_t id;			/* from 1, never used again within 2^32 */
	uint32_t capacity, flags;
	uint32_t n_senders, n_receivers;	/* holders of ends */
	uint32_t n_queued;			/* messages */
	uint32_t n_waiting_send, n_waiting_recv, n_waiting_call;	/* threads */
	uint32_t n_caps;			/* capabilities in flight */
	uint64_t n_accepted;			/* messages and calls that got a seq */
	uint64_t n_refused;			/* refused at once: full, or no receiver */
	char name[HX_CHAN_NAME_MAX];
};

/**
 * hx_chan_info() - what a channel is doing.
 * hx_chan_next() - the same of the channel with the lowest id above @after.
 * @ch:    any end held
 * @after: an id; 0: the first
 * @out:   filled
 *
 * Returns: next: true; false: there is none.
 * Context: thread; next may sleep.
 * Locks:   the channel's (HX_RANK_WAIT); next: the table of channels (a mutex).
 * Owner:   -
 * Cost:    O(waiters), interrupts off; next: O(channels).
 * Source:  -
 */
void hx_chan_info(struct hx_chan *ch, struct hx_chan_info *out);
bool hx_chan_next(uint32_t after, struct hx_chan_info *out);

#endif
