// SPDX-License-Identifier: MIT
/*
 * Publishing and reading events; event_priv.h has the ring and its invariants.
 *
 * Who waits says so first and looks again, who publishes writes first and looks then whether
 * somebody waits: with a full fence in between on both sides one of them sees the other (woken).
 * Subscribers are walked in a readers' section, which publishing is anyway, having interrupts off;
 * one that goes away waits for a grace period.
 */
#include <hx/core/assert.h>
#include <hx/core/bitmap.h>
#include <hx/core/grace.h>
#include <hx/core/time.h>
#include <hx/hal/timer.h>

#include "event_priv.h"

#define DONE(seq)	(2 * (seq) + 2)
#define WRITING(seq)	(2 * (seq) + 1)

static inline void full_fence(void)
{
	if (HX_ENABLED(ONE_CPU))
		__asm__ volatile("" ::: "memory");
	else
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* With one CPU and interrupts off nobody can come in between. */
static HX_ALWAYS_INLINE uint64_t take_ticket(struct hx_topic *topic)
{
	if (HX_ENABLED(ONE_CPU))
		return topic->next++;
	return __atomic_fetch_add(&topic->next, 1, __ATOMIC_SEQ_CST);
}

/* False: overtaken by a whole round, the slot holds a later event. */
static HX_ALWAYS_INLINE bool take_slot(struct event_slot *slot, uint64_t seq)
{
	uint64_t stamp = __atomic_load_n(&slot->stamp, __ATOMIC_RELAXED);

	if (HX_ENABLED(ONE_CPU)) {
		slot->stamp = WRITING(seq);
		__asm__ volatile("" ::: "memory");
		return true;
	}
	for (;;) {
		if (HX_UNLIKELY(stamp > WRITING(seq)))
			return false;
		if (HX_UNLIKELY((stamp & 1) != 0)) {
			hx_cpu_relax();
			hx_spin_poll();
			stamp = __atomic_load_n(&slot->stamp, __ATOMIC_RELAXED);
		} else if (HX_LIKELY(__atomic_compare_exchange_n(&slot->stamp, &stamp, WRITING(seq),
								 false, __ATOMIC_SEQ_CST,
								 __ATOMIC_RELAXED))) {
			return true;
		}
	}
}

static HX_ALWAYS_INLINE void put(uint64_t *to, uint64_t word)
{
	__atomic_store_n(to, word, __ATOMIC_RELAXED);
}

static HX_NOINLINE void write_part(struct event_slot *slot, const struct hx_event *e)
{
	unsigned n = e->n_bytes / 8, rest = e->n_bytes % 8, i;

	for (i = 0; i < n; i++)
		put(&slot->words[i], e->words[i]);
	if (rest != 0)
		put(&slot->words[n], e->words[n] & ((1ull << 8 * rest) - 1));
}

static HX_ALWAYS_INLINE void write_slot(struct event_slot *slot, const struct hx_event *e,
					uint64_t seq)
{
	uint64_t head;

	__builtin_memcpy(&head, &e->tag, sizeof(head));
	put(&slot->at_cycles, hx_cycles());
	put(&slot->head, head);
	if (HX_LIKELY(e->n_bytes == HX_EVENT_BYTES)) {
		put(&slot->words[0], e->words[0]);
		put(&slot->words[1], e->words[1]);
		put(&slot->words[2], e->words[2]);
		put(&slot->words[3], e->words[3]);
		put(&slot->words[4], e->words[4]);
	} else {
		write_part(slot, e);
	}
	__atomic_store_n(&slot->stamp, DONE(seq), __ATOMIC_RELEASE);
}

static HX_NOINLINE void wake_sub(struct hx_event_sub *sub)
{
	struct hx_wait_queue *q = __atomic_load_n(&sub->wait, __ATOMIC_RELAXED);

	hx_spin_acquire_(&q->lock);
	/* It may have seen the event already, or been woken by another. */
	if (__atomic_load_n(&sub->waiting, __ATOMIC_RELAXED)) {
		__atomic_store_n(&sub->waiting, false, __ATOMIC_RELAXED);
		hx_wake_one_locked(q);
	}
	hx_spin_release_(&q->lock);
}

static HX_ALWAYS_INLINE bool passes(const struct hx_event_sub *sub, uint32_t tag, uint8_t prio)
{
	return (tag & sub->tag_mask) == sub->tag && prio < sub->n_prios;
}

int hx_event_publish(struct hx_topic *topic, const struct hx_event *e)
{
	struct hx_event_sub *sub;
	struct event_slot *slot;
	hx_irqflags_t flags;
	uint64_t seq;

	if (HX_UNLIKELY(e->n_bytes > HX_EVENT_BYTES || e->prio >= HX_EVENT_PRIOS))
		return -HX_EINVAL;
	flags = hx_irq_save();
	seq = take_ticket(topic);
	slot = &topic->ring[seq % HX_EVENT_HISTORY];
	if (HX_LIKELY(take_slot(slot, seq)))
		write_slot(slot, e, seq);
	full_fence();
	for (sub = hx_read_pointer(&topic->subs); sub != NULL; sub = hx_read_pointer(&sub->next))
		if (HX_UNLIKELY(__atomic_load_n(&sub->waiting, __ATOMIC_RELAXED)) &&
		    passes(sub, e->tag, e->prio))
			wake_sub(sub);
	hx_irq_restore(flags);
	if (HX_UNLIKELY(hx_percpu()->need_resched))
		hx_preempt_point();
	return 0;
}

/* ---- reading */

static inline bool was_had(const struct hx_event_sub *sub, uint64_t seq)
{
	return (sub->taken >> seq % HX_EVENT_HISTORY & 1) != 0;
}

static inline void set_had(struct hx_event_sub *sub, uint64_t seq)
{
	sub->taken |= 1ull << seq % HX_EVENT_HISTORY;
}

static void lose(struct hx_event_sub *sub, uint64_t n)
{
	sub->n_lost_untold += n;
	__atomic_store_n(&sub->n_lost, sub->n_lost + n, __ATOMIC_RELAXED);
}

/* The ring has gone on: what was before it and not had is lost. */
static void catch_up(struct hx_event_sub *sub, uint64_t head)
{
	uint64_t first = head > HX_EVENT_HISTORY ? head - HX_EVENT_HISTORY : 0;

	if (first > sub->cursor + HX_EVENT_HISTORY) {
		lose(sub, first - sub->cursor - hx_bitmap_count(&sub->taken, 64));
		sub->taken = 0;
		sub->cursor = first;
	}
	for (; sub->cursor < first; sub->cursor++) {
		if (!was_had(sub, sub->cursor))
			lose(sub, 1);
		sub->taken &= ~(1ull << sub->cursor % HX_EVENT_HISTORY);
	}
	for (; sub->cursor < head && was_had(sub, sub->cursor); sub->cursor++)
		sub->taken &= ~(1ull << sub->cursor % HX_EVENT_HISTORY);
}

/* Priority of an event that could be had; HX_EVENT_PRIOS: none there (yet, or any more, or not for
 * this subscriber). */
static uint8_t look_at(struct hx_event_sub *sub, uint64_t seq)
{
	const struct event_slot *slot = &sub->topic->ring[seq % HX_EVENT_HISTORY];
	uint64_t stamp = __atomic_load_n(&slot->stamp, __ATOMIC_ACQUIRE);
	uint64_t head = __atomic_load_n(&slot->head, __ATOMIC_RELAXED);
	uint8_t prio = (uint8_t)(head >> 32);

	if (stamp < DONE(seq))
		return HX_EVENT_PRIOS;		/* being written */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&slot->stamp, __ATOMIC_RELAXED) != DONE(seq)) {
		set_had(sub, seq);
		lose(sub, 1);
		return HX_EVENT_PRIOS;
	}
	if (!passes(sub, (uint32_t)head, prio)) {
		set_had(sub, seq);
		return HX_EVENT_PRIOS;
	}
	return prio;
}

/* False: it was overwritten meanwhile. */
static bool copy_event(const struct event_slot *slot, uint64_t seq, struct hx_event *e)
{
	uint64_t stamp = __atomic_load_n(&slot->stamp, __ATOMIC_ACQUIRE), head, at, i;
	uint64_t words[EVENT_WORDS];

	at = __atomic_load_n(&slot->at_cycles, __ATOMIC_RELAXED);
	head = __atomic_load_n(&slot->head, __ATOMIC_RELAXED);
	for (i = 0; i < EVENT_WORDS; i++)
		words[i] = __atomic_load_n(&slot->words[i], __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (stamp != DONE(seq) || __atomic_load_n(&slot->stamp, __ATOMIC_RELAXED) != stamp)
		return false;
	__builtin_memcpy(&e->tag, &head, sizeof(head));
	for (i = 0; i < EVENT_WORDS; i++)	/* nothing of an older event behind the end */
		e->words[i] = i * 8 < e->n_bytes ? words[i] : 0;
	e->seq = seq;
	e->at_ns = hx_cycles_to_ns(at);
	return true;
}

int event_take(struct hx_event_sub *sub, struct hx_event *e)
{
	uint64_t head, seq, best_seq;
	uint8_t best, prio;

	for (;;) {
		head = __atomic_load_n(&sub->topic->next, __ATOMIC_ACQUIRE);
		catch_up(sub, head);
		best = HX_EVENT_PRIOS;
		best_seq = 0;
		for (seq = sub->cursor; seq < head; seq++) {
			if (was_had(sub, seq))
				continue;
			prio = look_at(sub, seq);
			if (prio < best) {
				best = prio;
				best_seq = seq;
			}
		}
		if (best == HX_EVENT_PRIOS)
			return -HX_EAGAIN;
		set_had(sub, best_seq);
		if (copy_event(&sub->topic->ring[best_seq % HX_EVENT_HISTORY], best_seq, e)) {
			e->n_lost = sub->n_lost_untold;
			sub->n_lost_untold = 0;
			return 0;
		}
		lose(sub, 1);
	}
}

static hx_ns_t time_left(hx_ns_t deadline)
{
	hx_ns_t now = hx_now_ns();

	return deadline == HX_FOREVER ? HX_FOREVER : now < deadline ? deadline - now : 0;
}

/* Says first that it waits, then looks again: it or the publisher sees the other (woken). */
static int event_wait(struct hx_event_sub *sub, struct hx_event *e, hx_ns_t timeout_ns)
{
	hx_ns_t now = hx_now_ns();
	hx_ns_t deadline = timeout_ns < HX_FOREVER - now ? now + timeout_ns : HX_FOREVER;
	hx_irqflags_t flags = hx_spin_lock_irqsave(&sub->own.lock);
	int err;

	for (;;) {
		hx_ns_t left;

		__atomic_store_n(&sub->waiting, true, __ATOMIC_RELAXED);
		full_fence();
		err = event_take(sub, e);
		if (err == 0)
			break;
		left = time_left(deadline);
		if (left == 0) {
			err = -HX_ETIMEDOUT;
			break;
		}
		(void)!hx_wait_locked(&sub->own, left);
	}
	__atomic_store_n(&sub->waiting, false, __ATOMIC_RELAXED);
	hx_spin_unlock_irqrestore(&sub->own.lock, flags);
	return err;
}

int hx_event_next(struct hx_event_sub *sub, struct hx_event *e, hx_ns_t timeout_ns)
{
	int err;

	if (HX_UNLIKELY(sub->fn != NULL))
		return -HX_EBUSY;
	err = event_take(sub, e);
	if (err != -HX_EAGAIN || timeout_ns == 0)
		return err;
	hx_assert_can_sleep();
	return event_wait(sub, e, timeout_ns);
}
