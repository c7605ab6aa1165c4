// SPDX-License-Identifier: MIT
/*
 * Calls: a message whose sender waits for an answer. If somebody accepts already, message and CPU
 * are handed over in one step and nothing is queued; else the caller waits in the channel's pool,
 * in order of urgency. The turns of hx/core/handover.h carry urgency from the caller to who
 * answers.
 */
#include "chan_priv.h"

/* A caller in the pool; wait_data. */
struct chan_caller {
	struct hx_msg *ask, *answer;
	uint64_t seq;
	bool taken;
};

/* The parts are the receiver's now. */
static HX_ALWAYS_INLINE void call_copy(struct hx_msg *to, struct hx_msg *ask)
{
	msg_copy(to, ask);
	if (HX_UNLIKELY(ask->n_parts != 0))
		ask->n_parts = 0;
}

static HX_NOINLINE int call_slow(struct hx_chan *ch, struct hx_msg *ask, struct hx_msg *answer,
				 hx_ns_t timeout_ns, hx_irqflags_t flags)
{
	struct chan_caller caller = { .ask = ask, .answer = answer };
	int err;

	if (ch->n_recv == 0) {
		ch->n_refused++;
		hx_spin_unlock_irqrestore(&ch->q.lock, flags);
		return -HX_EPIPE;
	}
	caller.seq = ch->next_seq++;
	err = hx_turn_join_locked(&ch->pool, &caller, timeout_ns);
	hx_irq_restore(flags);
	return err == -HX_ETIMEDOUT && caller.taken ? -HX_ECANCELED : err;
}

/* t waits for calls and gets this one, whose bytes c has already. The lock is held, and dropped. */
static HX_ALWAYS_INLINE int call_give(struct hx_chan *ch, struct hx_thread *t,
				      struct hx_chan_call *c, struct hx_msg *answer,
				      hx_ns_t timeout_ns, hx_irqflags_t flags)
{
	c->msg.seq = ch->next_seq++;
	c->is_call = true;
	c->answer = answer;
	return hx_turn_give_locked(t, &c->turn, &ch->pool, timeout_ns, flags);
}

/* Any call. */
static HX_NOINLINE int call_any(struct hx_chan *ch, struct hx_msg *ask, struct hx_msg *answer,
				hx_ns_t timeout_ns)
{
	struct hx_chan_call *c;
	hx_irqflags_t flags;
	struct hx_thread *t;
	int err;

	if (HX_UNLIKELY(!msg_is_valid(ask) || timeout_ns == 0 || !chan_has_calls(ch)))
		return -HX_EINVAL;
	hx_assert_can_sleep();
	flags = hx_spin_lock_irqsave(&ch->q.lock);
	t = hx_wait_first(&ch->q.waiters);
	if (t == NULL)
		return call_slow(ch, ask, answer, timeout_ns, flags);
	c = hx_wait_data(t);
	call_copy(&c->msg, ask);
	err = call_give(ch, t, c, answer, timeout_ns, flags);
	return HX_UNLIKELY(err == -HX_ETIMEDOUT) ? -HX_ECANCELED : err;
}

/* Here only the common one: plain, somebody waits for it, and nothing is left to do afterwards. So
 * every call is the last thing that happens, and no register needs to be saved. */
int hx_chan_call(struct hx_chan *ch, struct hx_msg *ask, struct hx_msg *answer, hx_ns_t timeout_ns)
{
	struct hx_chan_call *c;
	hx_irqflags_t flags;
	struct hx_thread *t;

	if (HX_UNLIKELY(!msg_is_plain(ask) || timeout_ns != HX_FOREVER || !chan_has_calls(ch)))
		return call_any(ch, ask, answer, timeout_ns);
	hx_assert_can_sleep();
	if (HX_LIKELY(hx_spin_trylock_irqsave(&ch->q.lock, &flags))) {
		t = hx_wait_first(&ch->q.waiters);
		if (HX_LIKELY(t != NULL)) {
			c = hx_wait_data(t);
			msg_copy_plain(&c->msg, ask);
			return call_give(ch, t, c, answer, HX_FOREVER, flags);
		}
		hx_spin_unlock_irqrestore(&ch->q.lock, flags);
	}
	return call_any(ch, ask, answer, HX_FOREVER);
}

/* The most urgent caller's call becomes c. */
static void take_call(struct hx_chan *ch, struct hx_chan_call *c)
{
	struct hx_thread *t = hx_turn_take_locked(&ch->pool, &c->turn);
	struct chan_caller *caller = hx_wait_data(t);

	call_copy(&c->msg, caller->ask);
	c->msg.seq = caller->seq;
	c->is_call = true;
	c->answer = caller->answer;
	caller->taken = true;
}

/* What is there, the more urgent first. False: nothing. */
static bool take_any(struct hx_chan *ch, struct hx_chan_call *c)
{
	if (hx_turn_is_wanted(&ch->pool)) {
		const struct chan_caller *caller = hx_wait_data(hx_turn_first(&ch->pool));

		if (msg_level(caller->ask) < chan_top_level(ch)) {
			take_call(ch, c);
			return true;
		}
	}
	return chan_take_message(ch, &c->msg);
}

static HX_ALWAYS_INLINE bool nothing_there(const struct hx_chan *ch)
{
	return ch->levels == 0 && hx_list_is_empty(&ch->senders) && !hx_turn_is_wanted(&ch->pool);
}

int hx_chan_accept(struct hx_chan *ch, struct hx_chan_call *c, hx_ns_t timeout_ns)
{
	hx_irqflags_t flags;
	int err = 0;

	if (HX_UNLIKELY(!chan_has_calls(ch)))
		return -HX_EINVAL;
	hx_assert_can_sleep();
	c->is_call = false;
	c->chan = ch;
	flags = hx_spin_lock_irqsave(&ch->q.lock);
	if (nothing_there(ch)) {
		if (HX_LIKELY(ch->n_send != 0 && timeout_ns != 0)) {
			err = hx_wait_on_locked(&ch->q.waiters, &ch->q, c, timeout_ns);
			hx_irq_restore(flags);
			return err;
		}
		err = ch->n_send == 0 ? -HX_EPIPE : -HX_EAGAIN;
	} else {
		take_any(ch, c);
	}
	hx_wake_end(&ch->q, flags);
	return err;
}

static HX_ALWAYS_INLINE bool may_answer(const struct hx_chan_call *c, const struct hx_msg *answer)
{
	return HX_LIKELY(c->is_call) && msg_is_valid(answer) &&
	       HX_LIKELY(hx_turn_is_of(&c->turn, hx_thread_self()));
}

/* The answer to who waits for it; NULL: nobody any more. The lock is held. */
static HX_ALWAYS_INLINE struct hx_thread *call_end(struct hx_chan_call *c,
						   const struct hx_msg *answer)
{
	struct hx_thread *caller = hx_turn_end_locked(&c->turn);

	c->is_call = false;
	if (HX_LIKELY(caller != NULL)) {
		msg_copy(c->answer, answer);
		c->answer->seq = c->msg.seq;
	}
	return caller;
}

int hx_chan_reply(struct hx_chan_call *c, const struct hx_msg *answer)
{
	struct hx_thread *caller;
	struct hx_wait_queue *q;
	hx_irqflags_t flags;

	if (!may_answer(c, answer))
		return -HX_EINVAL;
	q = &c->chan->q;
	flags = hx_spin_lock_irqsave(&q->lock);
	caller = call_end(c, answer);
	if (caller != NULL)
		hx_wake_off_locked(caller, 0);
	hx_wake_end(q, flags);
	return caller != NULL ? 0 : -HX_EPIPE;
}

/* Something is there, or nobody waited for the answer, or not to wait: the lock is held. */
static HX_NOINLINE int reply_accept_slow(struct hx_chan *ch, struct hx_chan_call *c,
					 struct hx_thread *caller, hx_irqflags_t flags)
{
	int err = 0;

	if (caller == NULL) {
		hx_spin_unlock_irqrestore(&ch->q.lock, flags);
		return -HX_EPIPE;
	}
	hx_wake_off_locked(caller, 0);
	if (!nothing_there(ch))
		take_any(ch, c);
	else
		err = ch->n_send == 0 ? -HX_EPIPE : -HX_EAGAIN;
	hx_wake_end(&ch->q, flags);
	return err;
}

static HX_NOINLINE int reply_accept_any(struct hx_chan_call *c, const struct hx_msg *answer,
					hx_ns_t timeout_ns)
{
	struct hx_chan *ch = c->chan;
	hx_irqflags_t flags;

	if (!may_answer(c, answer))
		return -HX_EINVAL;
	hx_assert_can_sleep();
	flags = hx_spin_lock_irqsave(&ch->q.lock);
	if (!hx_turn_is_awaited(&c->turn) || timeout_ns == 0 || ch->n_send == 0 ||
	    !nothing_there(ch))
		return reply_accept_slow(ch, c, call_end(c, answer), flags);
	c->is_call = false;
	msg_copy(c->answer, answer);
	c->answer->seq = c->msg.seq;
	return hx_turn_end_and_wait_locked(&c->turn, c, timeout_ns, flags);
}

/* The common one, as above. */
int hx_chan_reply_accept(struct hx_chan_call *c, const struct hx_msg *answer, hx_ns_t timeout_ns)
{
	struct hx_chan *ch = c->chan;
	hx_irqflags_t flags;

	if (HX_UNLIKELY(!c->is_call || !msg_is_plain(answer) || timeout_ns != HX_FOREVER ||
			!hx_turn_is_of(&c->turn, hx_thread_self())))
		return reply_accept_any(c, answer, timeout_ns);
	hx_assert_can_sleep();
	if (HX_LIKELY(hx_spin_trylock_irqsave(&ch->q.lock, &flags))) {
		if (HX_LIKELY(hx_turn_is_awaited(&c->turn) && ch->n_send != 0 &&
			      nothing_there(ch))) {
			c->is_call = false;
			msg_copy_plain(c->answer, answer);
			c->answer->seq = c->msg.seq;
			return hx_turn_end_and_wait_locked(&c->turn, c, HX_FOREVER, flags);
		}
		hx_spin_unlock_irqrestore(&ch->q.lock, flags);
	}
	return reply_accept_any(c, answer, HX_FOREVER);
}
