/* SPDX-License-Identifier: MIT */
/*
 * The event bus: what happened, told to whoever asked for it. Who publishes never waits and need
 * not know who listens.
 *
 *	hx_event_publish(topic, &e);		err = hx_event_next(sub, &e, HX_FOREVER);
 *						if (e.n_lost != 0) ... some were missed ...
 *
 * A topic keeps its last HX_EVENT_HISTORY events in a ring that all its subscribers read, each at
 * its own pace. Who is slower than that loses the oldest and is told how many. Among the events
 * that a subscriber has not had yet it gets the most urgent first, then the oldest. seq counts a
 * topic's events from 0, so a gap shows.
 */
#ifndef HX_CORE_EVENT_H
#define HX_CORE_EVENT_H

#include <hx/base.h>
#include <hx/config/core_ipc.h>

#define HX_EVENT_BYTES		40	/* carried */
#define HX_EVENT_HISTORY	64	/* events kept per topic; a power of two */
#define HX_TOPIC_NAME_MAX	32	/* with the NUL */

struct hx_topic;
struct hx_event_sub;

/* Lower is more urgent, as everywhere. */
enum hx_event_prio {
	HX_EVENT_CRITICAL,
	HX_EVENT_HIGH,
	HX_EVENT_NORMAL,
	HX_EVENT_LOW,
	HX_EVENT_BACKGROUND,
	HX_EVENT_PRIOS,
};

struct hx_event {
	uint32_t tag;			/* what it is: the publisher's word */
	uint8_t prio;			/* enum hx_event_prio */
	uint8_t n_bytes;		/* 0..HX_EVENT_BYTES */
	uint16_t reserved;
	union {
		uint64_t words[HX_EVENT_BYTES / 8];
		uint8_t bytes[HX_EVENT_BYTES];
	};
	/* Filled at the subscriber. */
	uint64_t seq;
	hx_ns_t at_ns;			/* when it was published */
	uint64_t n_lost;		/* events overwritten since the one before; not all of them
					 * need have passed the filter */
};

/* What a subscriber wants to have: all zero is everything. */
struct hx_event_filter {
	uint32_t tag_mask, tag;		/* those with (event.tag & tag_mask) == tag */
	uint8_t less_urgent_than;	/* not those from this priority on; 0: all */
	bool with_history;		/* begin with what the topic still has */
};

/**
 * hx_topic_open() - a topic by its name; made if there is none.
 * hx_topic_close() - one user less; the last one's frees it.
 * @name: 1..HX_TOPIC_NAME_MAX - 1 bytes: a-z, 0-9, '.', '-', '_'
 * @out:  receives it; untouched on error
 *
 * Returns: open: 0; -HX_EINVAL the name; -HX_ENOMEM.
 * Context: thread, may sleep.
 * Locks:   the table of topics (a mutex), the heap's.
 * Owner:   the caller, until it closes; not while it publishes, nor with a subscription open.
 * Cost:    O(topics); one allocation of about 4 KiB for a new one.
 * Source:  -
 */
HX_MUST_CHECK int hx_topic_open(const char *name, struct hx_topic **out);
void hx_topic_close(struct hx_topic *topic);

/**
 * hx_event_publish() - tell everybody who listens.
 * @topic: open
 * @e:     copied: tag, prio, n_bytes and the bytes
 *
 * Returns: 0; -HX_EINVAL a length or priority that cannot be. Nobody listening is no error.
 * Context: any but NMI.
 * Locks:   none on the way into the ring; HX_RANK_WAIT of each subscriber that waits.
 * Owner:   -
 * Cost:    O(subscribers), 60 instructions with one that is awake.
 * Source:  ring with tickets and stamps: Vyukov, bounded MPMC queue; overwriting readers as in
 *          sequence locks. Model: test/models/eventring.pml.
 */
int hx_event_publish(struct hx_topic *topic, const struct hx_event *e);

/**
 * hx_event_subscribe() - from now on, keep events for this subscriber.
 * @topic:  open, and stays open meanwhile
 * @filter: read during the call only; NULL: everything
 * @out:    receives it; untouched on error
 *
 * Returns: 0; -HX_EINVAL a filter that nothing passes; -HX_ENOMEM.
 * Context: thread, may sleep.
 * Locks:   the topic's (HX_RANK_WAIT), the heap's.
 * Owner:   the caller, until hx_event_unsubscribe(); one thread at a time reads it.
 * Cost:    one allocation.
 * Source:  -
 */
HX_MUST_CHECK int hx_event_subscribe(struct hx_topic *topic, const struct hx_event_filter *filter,
				     struct hx_event_sub **out);

/**
 * hx_event_unsubscribe() - the end of it. A handler of it has returned when this returns.
 * @sub: nobody reads it; not from its own handler
 *
 * Returns: nothing.
 * Context: thread, may sleep.
 * Locks:   the topic's (HX_RANK_WAIT); waits for a grace period.
 * Owner:   @sub is gone.
 * Cost:    a grace period.
 * Source:  -
 */
void hx_event_unsubscribe(struct hx_event_sub *sub);

/**
 * hx_event_next() - the next event, the most urgent first.
 * @sub:        the caller's
 * @e:          filled; untouched on error
 * @timeout_ns: 0 does not wait; HX_FOREVER never gives up
 *
 * Returns: 0; -HX_EAGAIN nothing there, and @timeout_ns is 0; -HX_ETIMEDOUT; -HX_EBUSY it has a
 *          handler.
 * Context: thread, may sleep; with @timeout_ns 0 any context but NMI.
 * Locks:   its own (HX_RANK_WAIT) if it must wait.
 * Owner:   -
 * Cost:    O(events not read yet), at most HX_EVENT_HISTORY.
 * Source:  -
 */
HX_MUST_CHECK int hx_event_next(struct hx_event_sub *sub, struct hx_event *e, hx_ns_t timeout_ns);

/**
 * hx_event_handle() - have a function called for each event, by the thread "events".
 * @sub: the caller's, from now on read by that thread
 * @fn:  called in thread context, no lock held, may sleep; one handler runs at a time
 * @arg: given to @fn
 *
 * Returns: 0; -HX_EBUSY it has one; -HX_EINVAL no function.
 * Context: thread, may sleep.
 * Locks:   the list of handlers (HX_RANK_WAIT).
 * Owner:   @sub is still the caller's to unsubscribe.
 * Cost:    a few instructions; each event one wake-up of that thread at most.
 * Source:  -
 */
HX_MUST_CHECK int hx_event_handle(struct hx_event_sub *sub,
				  void (*fn)(const struct hx_event *e, void *arg), void *arg);

/* The state of a topic, for nodes and tests: a snapshot. */
struct hx_topic_info {
	uint32_t id;			/* from 1 */
	uint32_t n_users, n_subs;
	uint32_t n_waiting;		/* subscribers that wait */
	uint64_t n_published;
	uint64_t n_lost;		/* told to subscribers that are still there */
	char name[HX_TOPIC_NAME_MAX];
};

/**
 * hx_topic_next() - the state of the topic with the lowest id above @after.
 * @after: an id; 0: the first
 * @out:   filled
 *
 * Returns: true; false: there is none.
 * Context: thread, may sleep.
 * Locks:   the table of topics (a mutex), the topic's (HX_RANK_WAIT).
 * Owner:   -
 * Cost:    O(topics + subscribers).
 * Source:  -
 */
bool hx_topic_next(uint32_t after, struct hx_topic_info *out);

#endif
