/* SPDX-License-Identifier: MIT */
/*
 * Short random sequences of public operations, each from nothing: what a handle may do at the end
 * is compared with what the owner of the object gave, less what was taken on the way. For tests on
 * the host (a million sequences) and in the booted kernel (fewer).
 *
 * The model is a list: each handle that an operation gave out, with the rights that were asked for
 * cut down to those of the one it came from. It does not say which operation must succeed (that is
 * tests/caps_random_test.c), only that what did succeed never gave more.
 */
#ifndef HX_CAPS_SEQUENCES_PRIV_H
#define HX_CAPS_SEQUENCES_PRIV_H

#include <hx/core/token.h>
#include <hx/hal/timer.h>

#include "caps_priv.h"

#define SEQ_LENGTH	12u	/* operations at most */
#define SEQ_TABLES	3u	/* the last one is in transit */
#define SEQ_TYPE	HX_CAP_CUSTOM

struct seq_cap {
	hx_cap_t cap;
	unsigned table;
	uint32_t rights;	/* at most */
	hx_ns_t expires_ns;	/* at the latest */
	int parent;		/* -1: created */
	bool is_gone;		/* moved, dropped or revoked */
};

static struct seq_run {
	struct hx_cap_object object;
	struct hx_cap_table tables[SEQ_TABLES];
	struct hx_token_issuer issuer;
	struct seq_cap caps[SEQ_LENGTH];
	unsigned n;
	uint64_t rnd;
	uint32_t n_given, n_refused;	/* operations */
	uint32_t n_allowed, n_wrong;	/* checks; of these more than was given */
} seq;

static uint32_t seq_below(uint32_t n)
{
	seq.rnd = seq.rnd * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seq.rnd >> 33) % n;
}

/* What came out of an operation on number from, or of none. */
static void seq_add(int err, int from, unsigned table, uint32_t rights, hx_ns_t expires_ns,
		    hx_cap_t cap)
{
	struct seq_cap *c = &seq.caps[seq.n];

	if (err != 0) {
		seq.n_refused++;
		return;
	}
	*c = (struct seq_cap){ .cap = cap, .table = table, .rights = rights,
			       .expires_ns = expires_ns, .parent = from };
	if (from >= 0) {
		c->rights &= seq.caps[from].rights;
		c->expires_ns = hx_min_u64(expires_ns, seq.caps[from].expires_ns);
		/* Out of a table only with the right to do so, unless it was on its way. */
		if (table != seq.caps[from].table && seq.caps[from].table != SEQ_TABLES - 1 &&
		    (seq.caps[from].rights & HX_CAP_DELEGATE) == 0)
			seq.n_wrong++;
	}
	seq.n++;
	seq.n_given++;
}

static bool seq_is_below(int at, int top)
{
	while (at >= 0 && at != top)
		at = seq.caps[at].parent;
	return at == top;
}

static void seq_take(int at, bool itself)
{
	const struct seq_cap *c = &seq.caps[at];
	int err = itself ? hx_cap_revoke(&seq.tables[c->table], c->cap)
			 : hx_cap_recall(&seq.tables[c->table], c->cap);

	for (int i = 0; err == 0 && i < (int)seq.n; i++)
		if (seq_is_below(i, at) && (itself || i != at))
			seq.caps[i].is_gone = true;
}

/* As a moved one is the same capability still, what is derived from it stays below it. */
static void seq_move(int at, unsigned to)
{
	struct seq_cap *c = &seq.caps[at];
	hx_cap_t cap = HX_CAP_NONE;
	int err = hx_cap_move(&seq.tables[c->table], c->cap, &seq.tables[to], &cap);

	if (err != 0) {
		seq.n_refused++;
		return;
	}
	if (c->table != SEQ_TABLES - 1 && (c->rights & HX_CAP_DELEGATE) == 0)
		seq.n_wrong++;
	c->table = to;
	c->cap = cap;
}

/* Out of the kernel as a token, narrowed on the way, and back. */
static void seq_token(int at, unsigned to, uint32_t rights, hx_ns_t expires_ns)
{
	uint32_t fewer = seq_below(256);
	struct hx_token token;
	hx_cap_t cap = HX_CAP_NONE;
	int err;

	if (!HX_ENABLED(CAPS_TOKENS))
		return;
	seq.issuer.table = &seq.tables[seq.caps[at].table];
	err = hx_token_mint(&seq.issuer, seq.caps[at].cap, rights, expires_ns, &token);
	if (err == 0)
		err = hx_token_narrow(&token, fewer, HX_FOREVER);
	if (err == 0)
		err = hx_token_accept(&seq.issuer, &token, &seq.tables[to], &cap);
	seq_add(err, at, to, rights & fewer, expires_ns, cap);
}

static void seq_act(uint32_t token_of)
{
	int at = seq.n != 0 ? (int)seq_below(seq.n) : -1;
	uint32_t rights = seq_below(2) != 0 ? HX_CAP_RIGHTS_ALL : seq_below(0x110);
	unsigned to = seq_below(SEQ_TABLES);
	hx_ns_t expires_ns = seq_below(4) != 0 ? HX_FOREVER : hx_now_ns() + seq_below(2000);
	hx_cap_t cap = HX_CAP_NONE;
	int err;

	if (seq_below(2) != 0)
		rights &= ~(uint32_t)HX_CAP_EXCLUSIVE;
	if (at < 0 || seq_below(8) == 0) {
		err = hx_cap_create(&seq.tables[to], &seq.object, rights, expires_ns, &cap);
		seq_add(err, -1, to, rights, expires_ns, cap);
		return;
	}
	if (seq_below(token_of) == 0) {
		seq_token(at, to, rights, expires_ns);
		return;
	}
	switch (seq_below(8)) {
	case 0: case 1:
		seq_move(at, to);
		break;
	case 2:
		if (hx_cap_drop(&seq.tables[seq.caps[at].table], seq.caps[at].cap) == 0)
			seq.caps[at].is_gone = true;
		break;
	case 3:
		seq_take(at, seq_below(2) != 0);
		break;
	default:
		if (seq_below(2) != 0)
			rights &= seq.caps[at].rights;
		err = hx_cap_derive(&seq.tables[seq.caps[at].table], seq.caps[at].cap,
				    &seq.tables[to], rights, expires_ns, &cap);
		seq_add(err, at, to, rights, expires_ns, cap);
	}
}

/* Each handle that was ever given out, in each table, with each right. */
static void seq_check(void)
{
	for (unsigned i = 0; i < seq.n; i++) {
		const struct seq_cap *c = &seq.caps[i];
		unsigned right = seq_below(8);
		struct hx_cap_object *o;
		hx_ns_t before;
		int err;

		hx_read_begin();
		before = hx_now_ns();
		err = hx_cap_check(&seq.tables[c->table], c->cap, SEQ_TYPE, 1u << right, &o);
		hx_read_end();
		if (err != 0)
			continue;
		seq.n_allowed++;
		if (c->is_gone || (c->rights >> right & 1) == 0 || before >= c->expires_ns ||
		    o != &seq.object)
			seq.n_wrong++;
	}
}

/* n sequences; a token in one of token_of operations. Whatever was there before is forgotten. */
static void seq_run(uint32_t n, uint64_t seed, uint32_t token_of)
{
	seq = (struct seq_run){ .rnd = seed, .issuer = { .id = 7, .key = { 3, 1, 4, 1, 5 } } };
	hx_cap_object_init(&seq.object, SEQ_TYPE, NULL);
	for (unsigned i = 0; i < SEQ_TABLES; i++)
		hx_cap_table_init(&seq.tables[i], NULL, SEQ_LENGTH,
				  i == SEQ_TABLES - 1 ? HX_CAP_TABLE_TRANSIT : 0);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t length = 1 + seq_below(SEQ_LENGTH);

		seq.n = 0;
		while (length-- != 0)
			seq_act(token_of);
		seq_check();
		hx_cap_object_revoke(&seq.object);
		for (unsigned k = 0; k < SEQ_TABLES; k++)
			seq.n_wrong += seq.tables[k].n_used != 0;
		seq.n_wrong += seq.object.roots != NULL || seq.object.n_refs != 1;
	}
	for (unsigned i = 0; i < SEQ_TABLES; i++)
		hx_cap_table_fini(&seq.tables[i]);
}

#endif
