// SPDX-License-Identifier: MIT
/*
 * Messages that go one way. A receiver that waits gets the sender's copy straight into its buffer
 * and is woken; else the message goes to the queue; else the sender waits in order of urgency, and
 * who makes room takes the message out of its buffer. Nobody looks twice: a wait that ends with 0
 * has given or got its message.
 */
#include "chan_priv.h"

/* A sender that waits; wait_data. */
struct chan_sender {
	const struct hx_msg *msg;
};

void msg_copy_odd(struct hx_msg *to, const struct hx_msg *from)
{
	unsigned n = from->n_bytes / 8, rest = from->n_bytes % 8, i;

	for (i = 0; i < n; i++)
		to->words[i] = from->words[i];
	if (rest != 0)		/* nothing behind the end comes along */
		to->words[n] = from->words[n] & ((1ull << 8 * rest) - 1);
	for (i = 0; i < from->n_parts; i++)
		to->parts[i] = from->parts[i];
}

static void chan_enqueue(struct hx_chan *ch, const struct hx_msg *m)
{
	struct chan_slot *slot = HX_LIST_ENTRY(hx_list_unlink_first(&ch->free), struct chan_slot,
					       link);
	unsigned level = msg_level(m);

	msg_copy(&slot->msg, m);
	slot->msg.seq = ch->next_seq++;
	hx_list_push_back(&ch->queued[level], &slot->link);
	ch->levels |= 1u << level;
	ch->n_queued++;
}

unsigned chan_top_level(const struct hx_chan *ch)
{
	if (ch->levels != 0)
		return (unsigned)__builtin_ctz(ch->levels);
	if (!hx_list_is_empty(&ch->senders)) {
		const struct chan_sender *s = hx_wait_data(hx_wait_first(&ch->senders));

		return msg_level(s->msg);
	}
	return HX_MSG_LEVELS;
}

/* A slot is free, and a sender may wait for it (invariant 2). */
static void chan_refill(struct hx_chan *ch)
{
	struct hx_thread *t = hx_wait_first(&ch->senders);
	const struct chan_sender *s;

	if (t == NULL)
		return;
	s = hx_wait_data(t);
	chan_enqueue(ch, s->msg);
	hx_wake_with_locked(t, 0);
}

bool chan_take_message(struct hx_chan *ch, struct hx_msg *to)
{
	struct chan_slot *slot;
	struct hx_thread *t;
	unsigned level;

	if (ch->levels != 0) {
		level = (unsigned)__builtin_ctz(ch->levels);
		slot = HX_LIST_ENTRY(hx_list_unlink_first(&ch->queued[level]), struct chan_slot,
				     link);
		if (hx_list_is_empty(&ch->queued[level]))
			ch->levels &= ~(1u << level);
		msg_copy(to, &slot->msg);
		to->seq = slot->msg.seq;
		hx_list_push_front(&ch->free, &slot->link);
		ch->n_queued--;
		chan_refill(ch);
		return true;
	}
	t = hx_wait_first(&ch->senders);
	if (t == NULL)
		return false;
	msg_copy(to, ((const struct chan_sender *)hx_wait_data(t))->msg);
	to->seq = ch->next_seq++;
	hx_wake_with_locked(t, 0);
	return true;
}

/* Among the senders that wait: before all whose message is less urgent. */
static void join_senders(struct hx_chan *ch, struct hx_thread *self, const struct hx_msg *m)
{
	struct hx_list *before = ch->senders.prev;

	while (before != &ch->senders) {
		const struct chan_sender *s = hx_wait_data(HX_LIST_ENTRY(before, struct hx_thread,
									 wait_link));

		if (s->msg->prio <= m->prio)
			break;
		before = before->prev;
	}
	hx_list_insert_between(&self->wait_link, before, before->next);
}

/* No receiver waits; the lock is held, and dropped. */
static HX_NOINLINE int send_slow(struct hx_chan *ch, const struct hx_msg *m, hx_ns_t timeout_ns,
				 hx_irqflags_t flags)
{
	struct chan_sender s = { .msg = m };
	int err = 0;

	if (ch->n_recv == 0) {
		err = -HX_EPIPE;
	} else if (ch->n_queued < ch->capacity) {
		chan_enqueue(ch, m);
	} else if (timeout_ns == 0) {
		err = -HX_EAGAIN;
	} else {
		join_senders(ch, hx_thread_self(), m);
		err = hx_wait_queued_locked(&ch->q, &s, timeout_ns);
		hx_irq_restore(flags);
		return err;
	}
	if (err != 0)
		ch->n_refused++;
	hx_spin_unlock_irqrestore(&ch->q.lock, flags);
	return err;
}

int hx_chan_send(struct hx_chan *ch, const struct hx_msg *m, hx_ns_t timeout_ns)
{
	hx_irqflags_t flags;
	struct hx_thread *t;
	struct hx_msg *to;

	if (HX_UNLIKELY(!msg_is_valid(m)))
		return -HX_EINVAL;
	hx_assert(timeout_ns == 0 || hx_can_sleep());
	flags = hx_spin_lock_irqsave(&ch->q.lock);
	if (hx_list_is_empty(&ch->q.waiters))
		return send_slow(ch, m, timeout_ns, flags);
	t = HX_LIST_ENTRY(ch->q.waiters.next, struct hx_thread, wait_link);
	to = hx_wait_data(t);
	msg_copy(to, m);
	to->seq = ch->next_seq++;
	hx_wake_with_locked(t, 0);
	hx_wake_end(&ch->q, flags);
	return 0;
}

int hx_chan_recv(struct hx_chan *ch, struct hx_msg *m, hx_ns_t timeout_ns)
{
	hx_irqflags_t flags;
	int err;

	if (HX_UNLIKELY((ch->flags & HX_CHAN_CALLS) != 0))
		return -HX_EINVAL;
	hx_assert(timeout_ns == 0 || hx_can_sleep());
	flags = hx_spin_lock_irqsave(&ch->q.lock);
	if (ch->levels != 0 || !hx_list_is_empty(&ch->senders)) {
		chan_take_message(ch, m);
		hx_wake_end(&ch->q, flags);
		return 0;
	}
	if (HX_LIKELY(ch->n_send != 0 && timeout_ns != 0)) {
		err = hx_wait_on_locked(&ch->q.waiters, &ch->q, m, timeout_ns);
		hx_irq_restore(flags);
		return err;
	}
	err = ch->n_send == 0 ? -HX_EPIPE : -HX_EAGAIN;
	hx_spin_unlock_irqrestore(&ch->q.lock, flags);
	return err;
}
