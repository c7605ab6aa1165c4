/* SPDX-License-Identifier: MIT */
/*
 * The ring of a topic, and what the files of the bus share.
 *
 *	ticket = next++		whose slot is ticket % HX_EVENT_HISTORY
 *	stamp	2 * seq + 2	the slot holds event seq
 *		2 * seq + 1	its publisher is writing it
 *		0		never written
 *
 * A stamp only grows. A publisher takes a ticket, then the slot: from a smaller even stamp to its
 * own odd one, in one atomic step; writes; and makes it even. If the stamp is larger already, it
 * was overtaken by a whole round, and its event counts as overwritten. It waits only for one who is
 * writing the same slot, a round behind it, with interrupts off on another CPU.
 *
 * A reader copies and then looks at the stamp again: another one, and the copy is worth nothing.
 *
 * Properties of the model test/models/eventring.pml: (whole) what a reader gets is one event, all
 * of it, with its own number; (once) no event is got twice; (told) each is got, or counted as lost;
 * (woken) nobody sleeps while there is an event for him.
 */
#ifndef HX_EVENT_PRIV_H
#define HX_EVENT_PRIV_H

#include <hx/config/core_ipc.h>
#include <hx/config/hal_common.h>
#include <hx/core/event.h>
#include <hx/core/thread.h>
#include <hx/core/wait.h>

#define EVENT_WORDS	(HX_EVENT_BYTES / 8)

/* A cache line. Field keys: a atomic. */
struct event_slot {
	uint64_t stamp;			/* a */
	uint64_t at_cycles;		/* a */
	uint64_t head;			/* a tag, prio, n_bytes, as in struct hx_event */
	uint64_t words[EVENT_WORDS];	/* a */
};

_Static_assert(sizeof(struct event_slot) == 64, "a cache line");
_Static_assert(offsetof(struct hx_event, words) == 8, "tag to reserved are one word");

/* Field keys: c constant after creation, a atomic, r reader only, l topic's lock, q *wait's
 * lock. */
struct hx_event_sub {
	struct hx_event_sub *next;	/* l; walked in readers' sections */
	struct hx_topic *topic;		/* c */
	uint32_t tag_mask, tag;		/* c */
	uint8_t n_prios;		/* c those below pass */
	bool waiting;			/* a to be woken, or its handler's thread */
	struct hx_wait_queue *wait;	/* own one; the dispatcher's if handled */
	struct hx_wait_queue own;
	uint64_t cursor;		/* r the oldest event not had yet */
	uint64_t taken;			/* r bit seq % 64: had, or not wanted */
	uint64_t n_lost_untold;		/* r */
	uint64_t n_lost;		/* r */
	/* With a handler: the dispatcher's lock. */
	void (*fn)(const struct hx_event *e, void *arg);
	void *arg;
	bool running, ending;
	struct hx_list handled_link;
};

/* Field keys: a atomic, l own lock, t table's mutex, c constant. */
struct hx_topic {
	uint64_t next HX_ALIGNED(64);	/* a tickets given */
	struct hx_event_sub *subs;	/* l published; readers' sections */
	struct hx_spinlock lock;
	uint32_t n_users;		/* t */
	uint32_t id;			/* c */
	struct hx_list all_link;	/* t */
	char name[HX_TOPIC_NAME_MAX];	/* c */
	struct event_slot ring[HX_EVENT_HISTORY] HX_ALIGNED(64);
};

/* event.c: what is there, without waiting; -HX_EAGAIN. */
int event_take(struct hx_event_sub *sub, struct hx_event *e);

/* handle.c: no handler of sub runs any more, nor will. */
void event_unhandle(struct hx_event_sub *sub);

#endif
