// SPDX-License-Identifier: MIT
/*
 * Channels from creation to the end of the last holder, and the table that /ipc/channels shows.
 *
 * An end has a number of holders. When the last receiver goes, whoever waits to send gets an error
 * at once, and what is queued will never be received: it is dropped. When the last sender goes,
 * receivers still get what is queued. The channel is freed with its last holder; nobody waits in it
 * then, because who waits holds an end.
 */
#include <hx/core/heap.h>
#include <hx/core/string.h>

#include "chan_priv.h"

static struct hx_mutex chan_table = HX_MUTEX_INIT(chan_table);
static struct hx_list chan_all = HX_LIST_INIT(chan_all);	/* chan_table; ids ascend */
static uint32_t chan_last_id;					/* chan_table */

static void chan_publish(struct hx_chan *ch)
{
	hx_mutex_lock(&chan_table);
	ch->id = ++chan_last_id;
	hx_list_push_back(&chan_all, &ch->all_link);
	hx_mutex_unlock(&chan_table);
}

int hx_chan_create(const struct hx_chan_params *p, struct hx_chan **out)
{
	struct hx_chan *ch;
	uint32_t i;

	if (p->capacity > HX_CHAN_CAPACITY_MAX || (p->flags & ~CHAN_FLAGS) != 0)
		return -HX_EINVAL;
	if (!HX_ENABLED(IPC_CALLS) && (p->flags & HX_CHAN_CALLS) != 0)
		return -HX_ENOTSUP;
	ch = hx_zalloc(sizeof(*ch) + p->capacity * sizeof(ch->slots[0]) +
		       chan_transit_bytes(p->flags));
	if (ch == NULL)
		return -HX_ENOMEM;
	hx_wait_init(&ch->q);
	hx_list_init(&ch->senders);
	hx_list_init(&ch->free);
	hx_turn_init(&ch->pool, &ch->q);
	for (i = 0; i < HX_MSG_LEVELS; i++)
		hx_list_init(&ch->queued[i]);
	for (i = 0; i < p->capacity; i++)
		hx_list_push_back(&ch->free, &ch->slots[i].link);
	ch->capacity = p->capacity;
	ch->flags = p->flags;
	if (chan_has_caps(ch))
		chan_transit_init(ch);
	ch->n_send = ch->n_recv = 1;
	hx_strlcpy(ch->name, p->name != NULL ? p->name : "", sizeof(ch->name));
	chan_publish(ch);
	*out = ch;
	return 0;
}

int hx_chan_open(struct hx_chan *ch, unsigned ends)
{
	hx_irqflags_t flags;
	int err = -HX_EPIPE;

	if (ends == 0 || (ends & ~(unsigned)(HX_CHAN_SEND | HX_CHAN_RECV)) != 0)
		return -HX_EINVAL;
	flags = hx_spin_lock_irqsave(&ch->q.lock);
	if (((ends & HX_CHAN_SEND) == 0 || ch->n_send != 0) &&
	    ((ends & HX_CHAN_RECV) == 0 || ch->n_recv != 0)) {
		ch->n_send += (ends & HX_CHAN_SEND) != 0;
		ch->n_recv += (ends & HX_CHAN_RECV) != 0;
		err = 0;
	}
	hx_spin_unlock_irqrestore(&ch->q.lock, flags);
	return err;
}

/* Everybody who waits in a list gets the error. */
static void wake_list(struct hx_list *list, int err)
{
	struct hx_thread *t;

	while ((t = hx_wait_first(list)) != NULL)
		hx_wake_with_locked(t, err);
}

/* No receiver any more; q.lock is held. What is queued goes to dead. */
static void end_receiving(struct hx_chan *ch, struct hx_list *dead)
{
	struct hx_thread *t;
	struct hx_list *n;
	unsigned i;

	wake_list(&ch->senders, -HX_EPIPE);
	while (HX_ENABLED(IPC_CALLS) && (t = hx_turn_drop_locked(&ch->pool)) != NULL)
		hx_wake_off_locked(t, -HX_EPIPE);
	for (i = 0; i < HX_MSG_LEVELS; i++)
		while ((n = hx_list_pop_front(&ch->queued[i])) != NULL)
			hx_list_push_back(dead, n);
	ch->levels = 0;
	ch->n_queued = 0;
	ch->n_dropping++;
}

/* What moved with messages that nobody will receive; without a lock, for it is the owners' code. */
static void drop_messages(struct hx_list *dead)
{
	struct hx_list *n;

	while ((n = hx_list_pop_front(dead)) != NULL)
		msg_drop_parts(&HX_LIST_ENTRY(n, struct chan_slot, link)->msg);
}

static inline bool is_unused(const struct hx_chan *ch)
{
	return ch->n_send == 0 && ch->n_recv == 0 && ch->n_dropping == 0;
}

static void chan_free(struct hx_chan *ch)
{
	hx_mutex_lock(&chan_table);
	hx_list_unlink(&ch->all_link);
	hx_mutex_unlock(&chan_table);
	if (chan_has_caps(ch))
		chan_transit_fini(ch);
	hx_free(ch);
}

void hx_chan_close(struct hx_chan *ch, unsigned ends)
{
	struct hx_list dead = HX_LIST_INIT(dead);
	hx_irqflags_t flags;
	bool no_recv, last;

	flags = hx_spin_lock_irqsave(&ch->q.lock);
	hx_assert((ends & HX_CHAN_SEND) == 0 || ch->n_send != 0);
	hx_assert((ends & HX_CHAN_RECV) == 0 || ch->n_recv != 0);
	if ((ends & HX_CHAN_SEND) != 0 && --ch->n_send == 0)
		wake_list(&ch->q.waiters, -HX_EPIPE);
	no_recv = (ends & HX_CHAN_RECV) != 0 && --ch->n_recv == 0;
	if (no_recv)
		end_receiving(ch, &dead);
	last = is_unused(ch);
	hx_wake_end(&ch->q, flags);
	if (no_recv) {
		drop_messages(&dead);
		flags = hx_spin_lock_irqsave(&ch->q.lock);
		ch->n_dropping--;
		last = is_unused(ch);
		hx_spin_unlock_irqrestore(&ch->q.lock, flags);
	}
	if (last)
		chan_free(ch);
}

static uint32_t count_list(const struct hx_list *list)
{
	const struct hx_list *n;
	uint32_t count = 0;

	HX_LIST_FOREACH(n, list)
		count++;
	return count;
}

void hx_chan_info(struct hx_chan *ch, struct hx_chan_info *out)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&ch->q.lock);

	*out = (struct hx_chan_info){
		.id = ch->id, .capacity = ch->capacity, .flags = ch->flags,
		.n_senders = ch->n_send, .n_receivers = ch->n_recv, .n_queued = ch->n_queued,
		.n_waiting_send = count_list(&ch->senders),
		.n_waiting_recv = count_list(&ch->q.waiters),
		.n_waiting_call = HX_ENABLED(IPC_CALLS) ? hx_turn_count_locked(&ch->pool) : 0,
		.n_accepted = ch->next_seq, .n_refused = ch->n_refused,
		.n_caps = chan_has_caps(ch) ? chan_transit_count(ch) : 0,
	};
	hx_spin_unlock_irqrestore(&ch->q.lock, flags);
	memcpy(out->name, ch->name, sizeof(out->name));
}

bool hx_chan_next(uint32_t after, struct hx_chan_info *out)
{
	struct hx_chan *ch = NULL;
	struct hx_list *n;

	hx_mutex_lock(&chan_table);
	HX_LIST_FOREACH(n, &chan_all) {
		ch = HX_LIST_ENTRY(n, struct hx_chan, all_link);
		if (ch->id > after)
			break;
	}
	if (n == &chan_all)
		ch = NULL;
	else
		hx_chan_info(ch, out);
	hx_mutex_unlock(&chan_table);
	return ch != NULL;
}
