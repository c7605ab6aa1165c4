/* SPDX-License-Identifier: MIT */
/*
 * A channel, and what its files share.
 *
 *	senders that wait for room -> queued[level] -> receivers that wait
 *	callers (pool) ------------------------------^
 *
 * Invariants, all under q.lock:
 *	1 Receivers wait => nothing is queued, no sender and no caller waits.
 *	2 Senders wait => the queue is full.
 *	3 Bit n of levels is set <=> queued[n] is not empty; n_queued slots are in them, the others
 *	  are free.
 *	4 A message gets its seq when it is given to a receiver or to the queue, a call when it is
 *	  given to a receiver or joins the pool: each number once.
 *	5 Nobody waits on a side when the other has no holder.
 * Properties of the model test/models/channel.pml, which has the waits of hx/core/handover.h too:
 * (once) no message is received twice; (told) a sender was told 0 <=> its message was received, or
 * dropped when the last receiver went; (woken) and (closed) nobody waits for ever in vain.
 */
#ifndef HX_CHAN_PRIV_H
#define HX_CHAN_PRIV_H

#include <hx/config/core_ipc.h>
#include <hx/core/assert.h>
#include <hx/core/chan.h>
#include <hx/core/mutex.h>

struct chan_slot {
	struct hx_list link;
	struct hx_msg msg;
};

/* Field keys: c constant after creation, q q.lock, t the table's mutex. */
struct hx_chan {
	struct hx_wait_queue q;		/* receivers */
	uint64_t next_seq;		/* q */
	uint32_t levels;		/* q bit per level that has messages */
	uint32_t n_queued;		/* q */
	uint32_t n_send, n_recv;	/* q holders of the ends */
	uint32_t n_dropping;		/* q who is at work on dropped messages */
	uint32_t reserved;
	struct hx_list senders;		/* q the most urgent message first, then first come */
	struct hx_turn pool;		/* q callers */
	struct hx_list free;		/* q slots */
	struct hx_list queued[HX_MSG_LEVELS];	/* q slots */
	uint32_t capacity;		/* c */
	uint32_t flags;			/* c */
	uint64_t n_refused;		/* q */
	uint32_t id;			/* c */
	char name[HX_CHAN_NAME_MAX];	/* c */
	struct hx_list all_link;	/* t */
	struct chan_slot slots[];
};

/* Bit 0 is the most urgent level. */
static inline unsigned msg_level(const struct hx_msg *m)
{
	return (unsigned)(m->prio - HX_MSG_CRITICAL);
}

/* The common one: full, no parts, of normal priority. One comparison. */
static HX_ALWAYS_INLINE bool msg_is_plain(const struct hx_msg *m)
{
	static const struct hx_msg plain = { .n_bytes = HX_MSG_BYTES };

	return __builtin_memcmp(&m->n_bytes, &plain.n_bytes, 4) == 0;
}

static HX_ALWAYS_INLINE bool msg_is_valid(const struct hx_msg *m)
{
	return HX_LIKELY(msg_is_plain(m)) ||
	       (m->n_bytes <= HX_MSG_BYTES && m->n_parts <= HX_MSG_PARTS &&
		(uint8_t)(m->prio - HX_MSG_CRITICAL) < HX_MSG_LEVELS);
}

/* send.c: what does not fill all words, or has parts. */
void msg_copy_odd(struct hx_msg *to, const struct hx_msg *from);

/* The words; what lies before them is there already. */
static HX_ALWAYS_INLINE void msg_copy_words(struct hx_msg *to, const struct hx_msg *from)
{
	to->words[0] = from->words[0];
	to->words[1] = from->words[1];
	to->words[2] = from->words[2];
	to->words[3] = from->words[3];
	to->words[4] = from->words[4];
	to->words[5] = from->words[5];
	to->words[6] = from->words[6];
	to->words[7] = from->words[7];
}

/* One that is plain, all but seq. */
static HX_ALWAYS_INLINE void msg_copy_plain(struct hx_msg *to, const struct hx_msg *from)
{
	__builtin_memcpy(&to->tag, &from->tag, 8);
	msg_copy_words(to, from);
}

/* All but seq; of the bytes as many as are said to be there. */
static HX_ALWAYS_INLINE void msg_copy(struct hx_msg *to, const struct hx_msg *from)
{
	__builtin_memcpy(&to->tag, &from->tag, 8);
	if (HX_UNLIKELY(!msg_is_plain(from)))
		msg_copy_odd(to, from);
	else
		msg_copy_words(to, from);
}

_Static_assert(offsetof(struct hx_msg, words) - offsetof(struct hx_msg, tag) == 8,
	       "tag to reserved are copied as one word");
_Static_assert(offsetof(struct hx_msg, words) - offsetof(struct hx_msg, n_bytes) == 4,
	       "n_bytes to reserved are compared as one word");

static inline bool chan_has_calls(const struct hx_chan *ch)
{
	return HX_ENABLED(IPC_CALLS) && (ch->flags & HX_CHAN_CALLS) != 0;
}

static inline bool chan_has_caps(const struct hx_chan *ch)
{
	return HX_ENABLED(IPC_CAPS) && (ch->flags & HX_CHAN_CAPS) != 0;
}

#define CHAN_FLAGS	((uint32_t)HX_CHAN_CALLS | \
			 (HX_ENABLED(IPC_CAPS) ? (uint32_t)HX_CHAN_CAPS : 0))

/* caps.c: the table of what is in flight lies behind the slots of a channel that has one. */
#define CHAN_TRANSIT_BYTES	128u

static inline size_t chan_transit_bytes(uint32_t flags)
{
	return HX_ENABLED(IPC_CAPS) && (flags & HX_CHAN_CAPS) != 0 ? CHAN_TRANSIT_BYTES : 0;
}

void chan_transit_init(struct hx_chan *ch);
void chan_transit_fini(struct hx_chan *ch);	/* without locks: whatever is left is dropped */
uint32_t chan_transit_count(const struct hx_chan *ch);

/* send.c, with q.lock held */
/* The next message that needs no call to be accepted, into to; wakes senders who have room now. */
bool chan_take_message(struct hx_chan *ch, struct hx_msg *to);
/* Level of the most urgent message that could be taken now; HX_MSG_LEVELS: none. */
unsigned chan_top_level(const struct hx_chan *ch);

/* parts.c */
void msg_drop_parts(struct hx_msg *m);

#endif
