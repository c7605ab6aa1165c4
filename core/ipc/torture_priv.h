/* SPDX-License-Identifier: MIT */
/*
 * Random traffic on channels, for tests on the host and in the booted kernel: every message has its
 * own number, every end of it is written down, and in the end the books must balance: what a sender
 * was told was delivered was received once or dropped at the close, and what it was told was not
 * was never seen.
 */
#ifndef HX_IPC_TORTURE_PRIV_H
#define HX_IPC_TORTURE_PRIV_H

#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>

#include "chan_priv.h"

#define TORTURE_SENDERS		6u	/* odd ones call if the channel takes calls */
#define TORTURE_RECEIVERS	3u
#define TORTURE_ROUNDS		4000u
#define TORTURE_TICK_NS		(HX_NS_PER_S / CONFIG_TICK_HZ)
#define TORTURE_UNTOLD		1	/* its sender has not come back yet */

struct torture_entry {
	int16_t told;		/* what the sender was told */
	uint8_t n_got;		/* atomic: times a receiver saw it */
	uint8_t n_dropped;	/* atomic: times its part was dropped */
};

static struct torture {
	struct hx_chan *ch;
	bool calls;
	uint32_t rounds;
	uint32_t n_bad;			/* atomic: contents, seq or answers that were wrong */
	uint32_t n_receivers;		/* atomic: that go on */
	uint32_t n_killed, n_given_up;	/* atomic */
	struct torture_entry entries[TORTURE_SENDERS][TORTURE_ROUNDS];
	uint8_t seqs[TORTURE_SENDERS * TORTURE_ROUNDS / 8 + 1];	/* atomic: seen */
} torture;

static uint32_t torture_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 33);
}

static void torture_drop(uint64_t a, uint64_t b)
{
	__atomic_fetch_add(&torture.entries[a][b].n_dropped, 1, __ATOMIC_RELAXED);
}

static const struct hx_part_kind torture_part = { .name = "torture", .drop = torture_drop };

static inline uint64_t torture_word(uint64_t sender, uint64_t i, unsigned word)
{
	return (sender << 32 | i) * 0x9e3779b97f4a7c15ull + word;
}

static void torture_fill(struct hx_msg *m, uint32_t sender, uint32_t i, uint64_t *rnd)
{
	m->tag = sender << 16 | i;
	m->n_bytes = torture_random(rnd) % 2 == 0 ? HX_MSG_BYTES
		     : (uint8_t)(torture_random(rnd) % (HX_MSG_BYTES + 1));
	m->prio = (int8_t)((int)(torture_random(rnd) % HX_MSG_LEVELS) + HX_MSG_CRITICAL);
	m->reserved = 0;
	for (unsigned w = 0; w < HX_MSG_BYTES / 8; w++)
		m->words[w] = torture_word(sender, i, w);
	m->n_parts = 1;
	m->parts[0] = (struct hx_part){ .kind = &torture_part, .a = sender, .b = i };
}

static void torture_bad(void)
{
	__atomic_fetch_add(&torture.n_bad, 1, __ATOMIC_RELAXED);
}

/* A message arrived: as it was sent, with a number that nobody had. */
static void torture_look(const struct hx_msg *m)
{
	uint32_t sender = m->tag >> 16, i = m->tag & 0xffff, n = m->n_bytes, w;
	bool good = sender < TORTURE_SENDERS && i < torture.rounds && m->n_parts == 1 &&
		    n <= HX_MSG_BYTES && m->parts[0].a == sender && m->parts[0].b == i &&
		    m->seq < TORTURE_SENDERS * TORTURE_ROUNDS;
	uint64_t want;

	if (!good) {
		torture_bad();
		return;
	}
	for (w = 0; w * 8 < n; w++) {
		want = torture_word(sender, i, w);
		if (memcmp(&m->words[w], &want, n - w * 8 < 8 ? n - w * 8 : 8) != 0)
			torture_bad();
	}
	__atomic_fetch_add(&torture.entries[sender][i].n_got, 1, __ATOMIC_RELAXED);
	if ((__atomic_fetch_or(&torture.seqs[m->seq / 8], 1u << m->seq % 8, __ATOMIC_RELAXED) >>
	     m->seq % 8 & 1) != 0)
		torture_bad();
}

static bool torture_calls(void)
{
	return HX_ENABLED(IPC_CALLS) && torture.calls;
}

/* None, a tick or a few, or as long as it takes. */
static hx_ns_t torture_timeout(uint64_t *rnd)
{
	uint32_t r = torture_random(rnd) % 8;

	return r < 2 ? 0 : r < 5 ? (1 + torture_random(rnd) % 3) * TORTURE_TICK_NS : HX_FOREVER;
}

static int torture_call(struct hx_msg *m, uint32_t sender, uint32_t i, hx_ns_t timeout_ns)
{
	struct hx_msg answer = { .tag = 0 };
	int err = hx_chan_call(torture.ch, m, &answer, timeout_ns != 0 ? timeout_ns : 1);

	if (err == 0 && (answer.tag != m->tag || answer.n_bytes != 16 || answer.n_parts != 0 ||
			 answer.words[0] != torture_word(sender, i, 100)))
		torture_bad();
	if ((m->n_parts != 0) != (err == -HX_ETIMEDOUT || err == -HX_EDEADLK) && err != -HX_EPIPE)
		torture_bad();
	return err;
}

static int torture_send(void *arg)
{
	uint32_t sender = (uint32_t)(uintptr_t)arg, i;
	uint64_t rnd = sender + 1;
	struct hx_msg m;

	for (i = 0; i < torture.rounds; i++) {
		hx_ns_t timeout_ns = torture_timeout(&rnd);
		int err;

		torture_fill(&m, sender, i, &rnd);
		if (torture_calls() && sender % 2 != 0)
			err = torture_call(&m, sender, i, timeout_ns);
		else
			err = hx_chan_send(torture.ch, &m, timeout_ns);
		torture.entries[sender][i].told = (int16_t)err;
		if (err == -HX_EPIPE && torture.n_receivers == 0)
			break;
		if (torture_random(&rnd) % 64 == 0)
			hx_sleep_ns(1);
	}
	return 0;
}

static void torture_answer_for(const struct hx_msg *m, struct hx_msg *answer)
{
	uint32_t sender = m->tag >> 16, i = m->tag & 0xffff;

	*answer = (struct hx_msg){ .tag = m->tag, .n_bytes = 16 };
	answer->words[0] = torture_word(sender, i, 100);
}

/* One life of a receiver that takes calls: ends after some, sometimes without the answer it
 * owes. */
static int torture_serve(uint64_t *rnd)
{
	struct hx_chan_call c;
	struct hx_msg answer;
	int err = hx_chan_accept(torture.ch, &c, torture_timeout(rnd));

	for (;;) {
		if (err != 0)
			return err;
		torture_look(&c.msg);
		if (!c.is_call) {
			err = hx_chan_accept(torture.ch, &c, torture_timeout(rnd));
			continue;
		}
		if (torture_random(rnd) % 16 == 0)
			hx_sleep_ns(TORTURE_TICK_NS);
		if (torture_random(rnd) % 128 == 0) {
			__atomic_fetch_add(&torture.n_killed, 1, __ATOMIC_RELAXED);
			hx_thread_exit(-HX_EAGAIN);	/* its call unanswered */
		}
		torture_answer_for(&c.msg, &answer);
		if (torture_random(rnd) % 4 == 0) {
			err = hx_chan_reply(&c, &answer);
			if (err == 0)
				err = hx_chan_accept(torture.ch, &c, torture_timeout(rnd));
		} else {
			err = hx_chan_reply_accept(&c, &answer, torture_timeout(rnd));
		}
		if (err == -HX_EPIPE) {	/* the caller gave up, or there is no sender any more */
			__atomic_fetch_add(&torture.n_given_up, 1, __ATOMIC_RELAXED);
			err = hx_chan_accept(torture.ch, &c, torture_timeout(rnd));
		}
	}
}

static int torture_receive(uint64_t *rnd)
{
	struct hx_msg m;
	int err;

	do {
		err = hx_chan_recv(torture.ch, &m, torture_timeout(rnd));
		if (err == 0)
			torture_look(&m);
	} while (err == 0);
	return err;
}

/* Each life is a thread of its own: what it owes dies with it. */
static int torture_life(void *arg)
{
	uint64_t rnd = (uintptr_t)arg;

	return torture_calls() ? torture_serve(&rnd) : torture_receive(&rnd);
}

/* Life after life, until no sender is left; the first receiver only so many. On a stack of its own,
 * because not every heap takes back what thousands of threads had. */
static int torture_lives(void *arg)
{
	static uint8_t stacks[TORTURE_RECEIVERS][HX_CONTEXT_STACK_MIN + 8192] HX_ALIGNED(16);
	static struct hx_thread threads[TORTURE_RECEIVERS];
	uint32_t n = (uint32_t)(uintptr_t)arg, lives;
	int err = 0;

	for (lives = 1; err != -HX_EPIPE && (n != 0 || lives < torture.rounds / 8); lives++) {
		struct hx_thread_params p = {
			.name = "receiver", .fn = torture_life,
			.arg = (void *)(uintptr_t)(n << 24 | lives), .prio = hx_thread_self()->prio,
			.stack = stacks[n], .stack_bytes = sizeof(stacks[n]),
		};

		err = hx_thread_init(&threads[n], &p);
		if (err != 0) {
			torture_bad();
			break;
		}
		(void)!hx_thread_join(&threads[n], HX_FOREVER, &err);
		if (lives % 16 == 0)
			hx_yield();
	}
	__atomic_fetch_sub(&torture.n_receivers, 1, __ATOMIC_RELEASE);
	hx_chan_close(torture.ch, HX_CHAN_RECV);
	return 0;
}

/* What a sender was told, and what became of its message. */
static bool torture_entry_is_good(const struct torture_entry *e)
{
	unsigned seen = e->n_got + e->n_dropped;

	switch (e->told) {
	case 0:
		return seen == 1;
	case -HX_ECANCELED:		/* a call that was taken */
		return e->n_got == 1 && e->n_dropped == 0;
	case -HX_EPIPE:			/* of a call: perhaps who took it died */
		return e->n_got <= (torture.calls ? 1 : 0) && e->n_dropped == 0;
	case -HX_EAGAIN: case -HX_ETIMEDOUT: case -HX_EDEADLK: case TORTURE_UNTOLD:
		return seen == 0;
	default:
		return false;
	}
}

struct torture_result {
	uint32_t n_wrong;	/* entries whose books do not balance, or bad contents */
	uint32_t n_delivered, n_failed;
	int err;
};

static int torture_start(uint32_t i, struct hx_thread **t)
{
	bool sends = i < TORTURE_SENDERS;
	struct hx_thread_params p = {
		.name = sends ? "sender" : "receivers", .fn = sends ? torture_send : torture_lives,
		.arg = (void *)(uintptr_t)(sends ? i : i - TORTURE_SENDERS),
		.prio = (uint8_t)(HX_PRIO_DEFAULT - (sends ? i % 3 : 0)),
	};

	return hx_thread_create(&p, t);
}

/* rounds messages from each sender; the channel is open at the end for as long as it lives. */
static void torture_run(uint32_t capacity, bool calls, uint32_t rounds, struct torture_result *r)
{
	const struct hx_chan_params p = {
		.name = "torture", .capacity = capacity, .flags = calls ? HX_CHAN_CALLS : 0,
	};
	struct hx_thread *t[TORTURE_SENDERS + TORTURE_RECEIVERS];
	uint32_t i, k;

	memset(&torture, 0, sizeof(torture));
	*r = (struct torture_result){ .err = hx_chan_create(&p, &torture.ch) };
	if (r->err != 0)
		return;
	torture.calls = calls;
	torture.rounds = rounds;
	torture.n_receivers = TORTURE_RECEIVERS;
	for (i = 0; i < TORTURE_SENDERS; i++)
		for (k = 0; k < rounds; k++)
			torture.entries[i][k].told = TORTURE_UNTOLD;
	for (i = 1; i < TORTURE_RECEIVERS && r->err == 0; i++)
		r->err = hx_chan_open(torture.ch, HX_CHAN_RECV);
	for (i = 0; i < HX_ARRAY_LEN(t) && r->err == 0; i++)
		r->err = torture_start(i, &t[i]);
	if (r->err != 0)
		return;
	for (i = 0; i < TORTURE_SENDERS; i++)
		(void)!hx_thread_join(t[i], HX_FOREVER, NULL);
	hx_chan_close(torture.ch, HX_CHAN_SEND);
	for (; i < HX_ARRAY_LEN(t); i++)
		(void)!hx_thread_join(t[i], HX_FOREVER, NULL);
	r->n_wrong = torture.n_bad;
	for (i = 0; i < TORTURE_SENDERS; i++)
		for (k = 0; k < rounds; k++) {
			r->n_wrong += !torture_entry_is_good(&torture.entries[i][k]);
			r->n_delivered += torture.entries[i][k].told == 0;
			r->n_failed += torture.entries[i][k].told < 0;
		}
}

#endif
