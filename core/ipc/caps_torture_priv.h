/* SPDX-License-Identifier: MIT */
/*
 * Random traffic of capabilities, for tests on the host and in the booted kernel. Each thread has a
 * table and some originals; it moves them to the others and sends what it derives of them.
 * Originals are conserved: each is in exactly one table or message, whatever fails. What arrives
 * has the rights that the message says. In the end nothing is left. With revocation going on beside
 * it originals may vanish, and only the rest is checked.
 */
#ifndef HX_CAPS_TORTURE_PRIV_H
#define HX_CAPS_TORTURE_PRIV_H

#include <hx/core/chan_caps.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>

#include "chan_priv.h"

#define CT_TEAM		4u
#define CT_ORIGINALS	5u		/* of each thread */
#define CT_OBJECTS	3u
#define CT_LIMIT	24u		/* of a table: it shall be full at times */
#define CT_TICK_NS	(HX_NS_PER_S / CONFIG_TICK_HZ)
#define CT_RIGHTS	(HX_CAP_RIGHTS_ALL & ~(uint32_t)HX_CAP_EXCLUSIVE)
#define CT_ORIGINAL	0x100u		/* in a message's word: beside the rights */

struct ct_held {
	hx_cap_t cap;
	uint32_t word;			/* rights, CT_ORIGINAL */
};

struct ct_worker {
	struct hx_cap_table table;
	struct ct_held held[2 * CT_LIMIT];
	unsigned n_held;
	uint64_t rnd;
};

static struct ct {
	struct hx_chan *ch;
	struct hx_cap_object objects[CT_OBJECTS];
	struct ct_worker workers[CT_TEAM + 1];		/* the last one: who takes what is left */
	uint32_t rounds;
	bool revokes;
	uint32_t n_wrong, n_sent, n_unsent, n_taken, n_full, n_vanished, n_discarded;	/* atomic */
} ct;

static void ct_count(uint32_t *what, uint32_t n)
{
	__atomic_fetch_add(what, n, __ATOMIC_RELAXED);
}

static uint32_t ct_below(struct ct_worker *w, uint32_t n)
{
	w->rnd = w->rnd * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(w->rnd >> 33) % n;
}

static void ct_forget(struct ct_worker *w, unsigned at)
{
	w->held[at] = w->held[--w->n_held];
}

/* It is there, and has the rights it should have. */
static bool ct_is_right(struct ct_worker *w, const struct ct_held *h)
{
	struct hx_cap_info info;
	int err = hx_cap_info(&w->table, h->cap, &info);

	if (err != 0 && ct.revokes) {
		ct_count(&ct.n_vanished, 1);
		return false;
	}
	if (err != 0 || info.rights != (h->word & HX_CAP_RIGHTS_ALL)) {
		ct_count(&ct.n_wrong, 1);
		return false;
	}
	return true;
}

/* Drops what was derived, to make room. */
static void ct_tidy(struct ct_worker *w)
{
	for (unsigned i = w->n_held; i-- != 0;)
		if ((w->held[i].word & CT_ORIGINAL) == 0 || !ct_is_right(w, &w->held[i])) {
			(void)!hx_cap_drop(&w->table, w->held[i].cap);
			ct_forget(w, i);
		}
}

static hx_ns_t ct_timeout(struct ct_worker *w)
{
	return ct_below(w, 3) != 0 ? 0 : (1 + ct_below(w, 2)) * CT_TICK_NS;
}

/* Number at of what is held, as a gift. */
static void ct_choose(struct ct_worker *w, unsigned at, struct hx_cap_gift *g, uint64_t *word)
{
	const struct ct_held *h = &w->held[at];

	*g = (struct hx_cap_gift){ .cap = h->cap, .expires_ns = HX_FOREVER };
	g->is_moved = (h->word & CT_ORIGINAL) != 0 && ct_below(w, 2) == 0;
	if (!g->is_moved)
		g->rights = 1 + ct_below(w, CT_RIGHTS);
	*word = g->is_moved ? h->word : g->rights;
}

static void ct_send(struct ct_worker *w)
{
	struct hx_msg m = { .n_bytes = HX_MSG_BYTES };
	struct hx_cap_gift gifts[HX_MSG_PARTS];
	unsigned n = 1 + ct_below(w, HX_MSG_PARTS), first = w->n_held < n ? 0
		     : ct_below(w, w->n_held - n + 1), i;
	int err;

	if (w->n_held < n)
		return;
	for (i = 0; i < n; i++)
		ct_choose(w, first + i, &gifts[i], &m.words[i]);
	m.words[HX_MSG_PARTS] = n;
	err = hx_chan_send_caps(ct.ch, &m, &w->table, gifts, n, ct_timeout(w));
	ct_count(err == 0 ? &ct.n_sent : &ct.n_unsent, 1);
	for (i = n; i-- != 0;) {
		/* Granted is what the source has, and what may leave. */
		if (err == 0 && !gifts[i].is_moved &&
		    ((gifts[i].rights & ~w->held[first + i].word) != 0 ||
		     (w->held[first + i].word & HX_CAP_DELEGATE) == 0))
			ct_count(&ct.n_wrong, 1);
		if (err == 0 && gifts[i].is_moved)
			ct_forget(w, first + i);
		else if (!ct_is_right(w, &w->held[first + i]))
			ct_forget(w, first + i);
	}
}

/* What was in a message that nobody wants. */
static void ct_discard(struct hx_msg *m)
{
	for (unsigned i = 0; i < m->words[HX_MSG_PARTS]; i++)
		ct_count(&ct.n_discarded, (m->words[i] & CT_ORIGINAL) != 0);
	hx_chan_discard(ct.ch, m);
}

static void ct_take(struct ct_worker *w, struct hx_msg *m)
{
	hx_cap_t got[HX_MSG_PARTS];
	uint32_t used = w->table.n_used;
	unsigned n = 0;
	int err = hx_chan_take_caps(ct.ch, m, &w->table, got, &n);

	if (err == -HX_ENFILE) {
		ct_count(&ct.n_full, 1);
		if (w->table.n_used != used || m->n_parts != m->words[HX_MSG_PARTS])
			ct_count(&ct.n_wrong, 1);	/* none of them came in */
		if (ct_below(w, 4) == 0) {
			ct_discard(m);
			return;
		}
		ct_tidy(w);
		err = hx_chan_take_caps(ct.ch, m, &w->table, got, &n);
	}
	if (err == -HX_EBADF && ct.revokes) {
		ct_count(&ct.n_vanished, 1);
		return;
	}
	if (err == -HX_ENFILE) {
		ct_discard(m);
		return;
	}
	if (err != 0 || n != m->words[HX_MSG_PARTS] || m->n_parts != 0) {
		ct_count(&ct.n_wrong, 1);
		return;
	}
	ct_count(&ct.n_taken, n);
	for (unsigned i = 0; i < n; i++) {
		struct ct_held h = { .cap = got[i], .word = (uint32_t)m->words[i] };

		if (ct_is_right(w, &h))
			w->held[w->n_held++] = h;
	}
}

static int ct_work(void *arg)
{
	struct ct_worker *w = arg;
	struct hx_msg m;

	for (uint32_t i = 0; i < ct.rounds; i++) {
		if (w->n_held > CT_LIMIT - HX_MSG_PARTS && ct_below(w, 2) == 0)
			ct_tidy(w);
		if (ct_below(w, 2) == 0)
			ct_send(w);
		else if (hx_chan_recv(ct.ch, &m, ct_timeout(w)) == 0)
			ct_take(w, &m);
		if (ct.revokes && ct_below(w, 50) == 0)
			hx_cap_object_revoke(&ct.objects[ct_below(w, CT_OBJECTS)]);
		if (ct_below(w, 64) == 0)
			hx_yield();
	}
	return 0;
}

static int ct_set_up(uint32_t capacity)
{
	const struct hx_chan_params p = {
		.name = "caps", .capacity = capacity, .flags = HX_CHAN_CAPS,
	};

	for (unsigned i = 0; i < CT_OBJECTS; i++)
		hx_cap_object_init(&ct.objects[i], HX_CAP_CUSTOM, NULL);
	for (unsigned i = 0; i <= CT_TEAM; i++) {
		struct ct_worker *w = &ct.workers[i];

		w->rnd = i + 1;
		hx_cap_table_init(&w->table, NULL, CT_LIMIT, 0);
		for (unsigned k = 0; i < CT_TEAM && k < CT_ORIGINALS; k++) {
			struct ct_held *h = &w->held[w->n_held++];
			int err = hx_cap_create(&w->table, &ct.objects[k % CT_OBJECTS], CT_RIGHTS,
						HX_FOREVER, &h->cap);

			if (err != 0)
				return err;
			h->word = CT_RIGHTS | CT_ORIGINAL;
		}
	}
	return hx_chan_create(&p, &ct.ch);
}

/* All that is somewhere is taken, originals are counted, and then everything ends. */
static void ct_end(void)
{
	struct ct_worker *last = &ct.workers[CT_TEAM];
	uint32_t n_originals = ct.n_discarded;
	struct hx_chan_info info;
	struct hx_msg m;

	while (hx_chan_recv(ct.ch, &m, 0) == 0) {
		ct_tidy(last);
		ct_take(last, &m);
	}
	hx_chan_info(ct.ch, &info);
	ct.n_wrong += info.n_caps != 0;
	for (unsigned i = 0; i <= CT_TEAM; i++) {
		for (unsigned k = 0; k < ct.workers[i].n_held; k++)
			n_originals += (ct.workers[i].held[k].word & CT_ORIGINAL) != 0;
		hx_cap_table_fini(&ct.workers[i].table);
	}
	if (!ct.revokes)
		ct.n_wrong += n_originals != CT_TEAM * CT_ORIGINALS;
	hx_chan_close(ct.ch, HX_CHAN_SEND | HX_CHAN_RECV);
	for (unsigned i = 0; i < CT_OBJECTS; i++)
		ct.n_wrong += ct.objects[i].n_refs != 1 || ct.objects[i].roots != NULL;
}

/* 0, or why it could not be done; ct.n_wrong: what was found. */
static int ct_run(uint32_t capacity, bool revokes, uint32_t rounds)
{
	struct hx_thread *team[CT_TEAM];
	int err;

	memset(&ct, 0, sizeof(ct));
	ct.rounds = rounds;
	ct.revokes = revokes;
	err = ct_set_up(capacity);
	for (unsigned i = 0; i < CT_TEAM && err == 0; i++) {
		const struct hx_thread_params p = {
			.name = "caps", .fn = ct_work, .arg = &ct.workers[i],
			.prio = hx_thread_self()->prio,
		};

		err = hx_thread_create(&p, &team[i]);
	}
	for (unsigned i = 0; i < CT_TEAM && err == 0; i++)
		err = hx_thread_join(team[i], HX_FOREVER, NULL);
	if (err == 0)
		ct_end();
	return err;
}

#endif
