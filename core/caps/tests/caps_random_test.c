/* SPDX-License-Identifier: MIT */
/*
 * A million random operations against a model: a flat list of who derived what from whom. Each
 * answer must be the model's, and no capability may ever do more than the one it came from.
 * Revocations are taken step by step, with everything else going on in between.
 */
#include "hx_test.h"
#include <hx/core/heap.h>

#include "caps_priv.h"

#define STEPS		1000000u
#define MODELS		160u
#define OBJECTS		3u
#define TABLES		4u		/* the last one is in transit */
#define STALE		256u
#define REVOCATIONS	2u
#define LIMIT		48u		/* capabilities of one table */

/* A capability: live, or dropped and kept for its children. */
struct model {
	bool is_there, is_live;
	unsigned object, table, rights, depth;
	int parent;			/* -1: a root */
	hx_ns_t expires_ns;
	hx_cap_t cap;
};

static struct model models[MODELS];
static struct hx_cap_object objects[OBJECTS];
static struct hx_cap_table tables[TABLES];
static struct {
	bool is_on;
	int top;			/* -1: the whole object */
	unsigned object;
	struct hx_cap_revocation r;
} revs[REVOCATIONS];
static struct {
	unsigned table;
	hx_cap_t cap;
} stale[STALE];
static unsigned n_stale, n_made, n_refused, n_released;
static uint64_t seed;

static unsigned below(unsigned n)
{
	return (unsigned)hx_test_random_below(&seed, n);
}

static bool has_children(int at)
{
	for (unsigned i = 0; i < MODELS; i++)
		if (models[i].is_there && models[i].parent == at)
			return true;
	return false;
}

/* A revocation goes on below it, or of its object. */
static bool is_top(int at, unsigned object)
{
	for (unsigned i = 0; i < REVOCATIONS; i++)
		if (revs[i].is_on && revs[i].top == at && revs[i].object == object)
			return true;
	return false;
}

static bool is_cut(int at)
{
	unsigned object = models[at].object;

	for (at = models[at].parent; at >= 0; at = models[at].parent)
		if (is_top(at, object))
			return true;
	return is_top(-1, object);
}

static bool is_exclusive(int at)
{
	return (models[at].rights & HX_CAP_EXCLUSIVE) != 0;
}

static bool is_expired(int at)
{
	return models[at].expires_ns != HX_FOREVER && hx_now_ns() >= models[at].expires_ns;
}

/* Without children and dropped: away, and so may be the one above. */
static void settle(int at)
{
	while (at >= 0 && models[at].is_there && !models[at].is_live && !has_children(at)) {
		models[at].is_there = false;
		at = models[at].parent;
	}
}

static void forget(int at)
{
	stale[n_stale % STALE].table = models[at].table;
	stale[n_stale++ % STALE].cap = models[at].cap;
	models[at].is_live = false;
}

static int some_model(void)
{
	unsigned first = below(MODELS);

	for (unsigned i = 0; i < MODELS; i++)
		if (models[(first + i) % MODELS].is_live)
			return (int)((first + i) % MODELS);
	return -1;
}

static int free_model(void)
{
	for (unsigned i = 0; i < MODELS; i++)
		if (!models[i].is_there && !is_top((int)i, models[i].object))
			return (int)i;
	return -1;
}

static unsigned some_rights(void)
{
	return below(4) == 0 ? HX_CAP_RIGHTS_ALL : below(3) == 0 ? below(0x180)
		: (unsigned)(hx_test_random(&seed) & 0xff & ~(below(4) ? HX_CAP_EXCLUSIVE : 0));
}

/* Mostly for ever, else soon. */
static hx_ns_t some_expiry(void)
{
	return below(4) != 0 ? HX_FOREVER : hx_now_ns() + below(3000);
}

static bool is_wrong(unsigned rights)
{
	return rights == 0 || rights > HX_CAP_RIGHTS_ALL;
}

static bool is_full(unsigned table)
{
	return tables[table].n_used >= LIMIT;
}

/* While something of an object is taken away, a loan may end a step before the model thinks so. */
static int loosely(int got, int want, unsigned object)
{
	for (unsigned i = 0; i < REVOCATIONS; i++)
		if (revs[i].is_on && revs[i].object == object && want == -HX_EBUSY && got == 0)
			return got;
	return want;
}

static void expect(int got, int want, const char *what)
{
	if (got != want)
		print_error("%s: %d instead of %d\n", what, got, want);
	assert_int_equal(got, want);
	n_refused += got != 0;
}

static void add(int at, int parent, unsigned object, unsigned table, unsigned rights, hx_ns_t at_ns,
		hx_cap_t cap)
{
	models[at] = (struct model){
		.is_there = true, .is_live = true, .object = object, .table = table,
		.rights = rights, .parent = parent, .expires_ns = at_ns, .cap = cap,
		.depth = parent >= 0 ? models[parent].depth + 1 : 0,
	};
	n_made++;
}

static void do_create(void)
{
	unsigned object = below(OBJECTS), table = below(TABLES), rights = some_rights();
	hx_ns_t expiry = some_expiry();
	int at = free_model(), want = 0, got;
	bool has_roots = false, is_lent = false;
	hx_cap_t cap;

	if (at < 0)
		return;
	for (unsigned i = 0; i < MODELS; i++)
		if (models[i].is_there && models[i].parent < 0 && models[i].object == object) {
			has_roots = true;
			is_lent |= is_exclusive((int)i);
		}
	if (is_wrong(rights))
		want = -HX_EINVAL;
	else if (is_full(table))
		want = -HX_ENFILE;
	else if (is_top(-1, object))
		want = -HX_EAGAIN;
	else if (has_roots && (is_lent || (rights & HX_CAP_EXCLUSIVE) != 0))
		want = -HX_EBUSY;
	got = hx_cap_create(&tables[table], &objects[object], rights, expiry, &cap);
	expect(got, loosely(got, want, object), "create");
	if (got == 0)
		add(at, -1, object, table, rights, expiry, cap);
}

static int derive_wanted(int s, unsigned to, unsigned rights)
{
	if (is_wrong(rights))
		return -HX_EINVAL;
	if (is_full(to))
		return -HX_ENFILE;
	if (is_cut(s))
		return -HX_EBADF;
	if (is_top(s, models[s].object))
		return -HX_EAGAIN;
	if (is_expired(s))
		return -HX_ETIMEDOUT;
	if ((rights & ~models[s].rights) != 0 ||
	    (to != models[s].table && (models[s].rights & HX_CAP_DELEGATE) == 0))
		return -HX_EACCES;
	for (unsigned i = 0; i < MODELS; i++)
		if (models[i].is_there && models[i].parent == s &&
		    (is_exclusive((int)i) || (rights & HX_CAP_EXCLUSIVE) != 0))
			return -HX_EBUSY;
	return models[s].depth >= HX_CAP_DEPTH_MAX ? -HX_ELOOP : 0;
}

static void do_derive(void)
{
	int s = some_model(), at = free_model(), want, got;
	unsigned to = below(TABLES), rights = some_rights();
	hx_ns_t expiry = some_expiry();
	hx_cap_t cap;

	if (s < 0 || at < 0)
		return;
	if (below(2) == 0)
		rights &= models[s].rights;
	want = derive_wanted(s, to, rights);
	got = hx_cap_derive(&tables[models[s].table], models[s].cap, &tables[to], rights, expiry,
			    &cap);
	expect(got, loosely(got, want, models[s].object), "derive");
	if (got == 0)
		add(at, s, models[s].object, to, rights,
		    hx_min_u64(expiry, models[s].expires_ns), cap);
}

static void do_move(void)
{
	int s = some_model(), want = 0;
	unsigned to = below(TABLES);
	hx_cap_t cap;

	if (s < 0)
		return;
	if (is_full(to))
		want = -HX_ENFILE;
	else if (is_cut(s))
		want = -HX_EBADF;
	else if (is_expired(s))
		want = -HX_ETIMEDOUT;
	else if ((models[s].rights & HX_CAP_DELEGATE) == 0 && models[s].table != TABLES - 1)
		want = -HX_EACCES;
	expect(hx_cap_move(&tables[models[s].table], models[s].cap, &tables[to], &cap), want,
	       "move");
	if (want != 0)
		return;
	forget(s);
	models[s].is_live = true;
	models[s].table = to;
	models[s].cap = cap;
}

static void do_drop(void)
{
	int s = some_model();

	if (s < 0)
		return;
	expect(hx_cap_drop(&tables[models[s].table], models[s].cap), is_cut(s) ? -HX_EBADF : 0,
	       "drop");
	if (is_cut(s))
		return;
	forget(s);
	settle(s);
}

/* All below a finished cut is gone. */
static void take_below(int top, unsigned object)
{
	bool more = true;

	while (more) {
		more = false;
		for (unsigned i = 0; i < MODELS; i++) {
			int p = models[i].parent;

			if (!models[i].is_there || models[i].object != object ||
			    has_children((int)i) || (int)i == top)
				continue;
			while (p >= 0 && p != top)
				p = models[p].parent;
			if (p != top)
				continue;
			if (models[i].is_live)
				forget((int)i);
			models[i].is_there = false;
			more = true;
		}
	}
}

static void do_start(void)
{
	unsigned slot = below(REVOCATIONS);
	bool itself = below(2) != 0;
	int s = some_model(), want;
	struct hx_cap_table *t;

	if (s < 0 || revs[slot].is_on || below(3) != 0)
		return;
	t = &tables[models[s].table];
	want = is_cut(s) ? -HX_EBADF : 0;
	expect(itself ? hx_cap_revoke_start(t, models[s].cap, &revs[slot].r)
		      : hx_cap_recall_start(t, models[s].cap, &revs[slot].r), want, "start");
	if (want != 0)
		return;
	revs[slot].is_on = true;
	revs[slot].r.n_step = 1 + below(3);
	revs[slot].top = s;
	revs[slot].object = models[s].object;
	if (itself) {
		forget(s);
		settle(s);
	}
}

/* Takes a while, so that others come between. */
static void do_step(void)
{
	unsigned slot = below(REVOCATIONS);

	if (!revs[slot].is_on || hx_cap_revoke_step(&revs[slot].r))
		return;
	/* What another one has a hold on goes when that one is done. */
	take_below(revs[slot].top, revs[slot].object);
	revs[slot].is_on = false;
	for (unsigned i = 0; i < REVOCATIONS; i++)
		if (revs[i].is_on && revs[i].top >= 0 && !models[revs[i].top].is_there) {
			while (hx_cap_revoke_step(&revs[i].r))
				;
			revs[i].is_on = false;
		}
	settle(revs[slot].top);
}

static void do_object(void)
{
	unsigned o = below(OBJECTS);

	if (below(200) != 0)
		return;
	for (unsigned i = 0; i < REVOCATIONS; i++)
		if (revs[i].is_on && revs[i].object == o)
			return;
	if (below(2) == 0) {
		hx_cap_object_revoke(&objects[o]);
	} else {
		unsigned was = n_released;

		hx_cap_object_end(&objects[o]);
		assert_int_equal(n_released, was + 1);
		hx_cap_object_init(&objects[o], HX_CAP_FILE, objects[o].release);
	}
	take_below(-1, o);
}

/* What a check of a live one must say; -1: it may be lent or not, a revocation is at it. */
static int check_wanted(int s, unsigned rights)
{
	if (is_cut(s))
		return -HX_EBADF;
	if (is_expired(s))
		return -HX_ETIMEDOUT;
	if (is_exclusive(s) && has_children(s)) {
		for (unsigned i = 0; i < REVOCATIONS; i++)
			if (revs[i].is_on && revs[i].object == models[s].object)
				return -1;
		return -HX_EBUSY;
	}
	return (rights & ~models[s].rights) != 0 ? -HX_EACCES : 0;
}

static void check_one(int s, unsigned rights)
{
	struct hx_cap_object *o = NULL;
	int got = hx_cap_check(&tables[models[s].table], models[s].cap, HX_CAP_FILE, rights, &o);
	int want = check_wanted(s, rights), p = models[s].parent;

	if (want != -1)
		expect(got, want, "check");
	if (got != 0)
		return;
	assert_ptr_equal(o, &objects[models[s].object]);
	/* The property: nothing is allowed that any above it would not have allowed. */
	for (; p >= 0; p = models[p].parent) {
		assert_true((rights & ~models[p].rights) == 0);
		assert_true(models[p].expires_ns >= models[s].expires_ns);
	}
	/* Exclusive means alone. */
	if (is_exclusive(s))
		for (int i = 0; i < (int)MODELS; i++)
			if (i != s && models[i].is_live && models[i].object == models[s].object)
				assert_int_not_equal(
					hx_cap_check(&tables[models[i].table], models[i].cap,
						     HX_CAP_FILE, 0, &o), 0);
}

static void do_checks(void)
{
	struct hx_cap_object *o;
	unsigned i = below(STALE), t = below(TABLES);
	int s = some_model();

	if (s >= 0)
		check_one(s, below(2) ? 1u << below(8) : below(256));
	if (stale[i].cap != HX_CAP_NONE)
		expect(hx_cap_check(&tables[stale[i].table], stale[i].cap, HX_CAP_FILE, 0, &o),
		       -HX_EBADF, "stale");
	if (tables[t].slots != cap_no_slots)	/* a handle that is still to come */
		expect(hx_cap_check(&tables[t], (hx_cap_t)0x7fffffff << 32 | below(LIMIT),
				    HX_CAP_FILE, 0, &o), -HX_EBADF, "early");
}

static void sweep(void)
{
	for (int i = 0; i < (int)MODELS; i++)
		for (unsigned right = 0; models[i].is_live && right < 8; right++)
			check_one(i, 1u << right);
	for (unsigned t = 0; t < TABLES; t++)
		assert_in_range(tables[t].n_used, 0, LIMIT);
}

static void released(struct hx_cap_object *o)
{
	n_released++;
}

static void no_sequence_widens_rights(void **state)
{
	static void (*const ops[])(void) = {
		do_create, do_derive, do_derive, do_derive, do_move, do_drop, do_start, do_step,
		do_object, do_checks,
	};
	uint32_t refs = 0;

	seed = hx_test_seed();
	for (unsigned i = 0; i < OBJECTS; i++)
		hx_cap_object_init(&objects[i], HX_CAP_FILE, released);
	for (unsigned i = 0; i < TABLES; i++)
		hx_cap_table_init(&tables[i], NULL, LIMIT,
				  i == TABLES - 1 ? HX_CAP_TABLE_TRANSIT : 0);
	for (unsigned i = 0; i < STEPS; i++) {
		ops[below(HX_ARRAY_LEN(ops))]();
		do_checks();
		if (i % 256 == 0)
			hx_host_advance_ns(100);
		if (i % 4096 == 0)
			sweep();
	}
	for (unsigned i = 0; i < REVOCATIONS; i++)
		while (revs[i].is_on && hx_cap_revoke_step(&revs[i].r))
			;
	for (unsigned i = 0; i < TABLES; i++)
		hx_cap_table_fini(&tables[i]);
	for (unsigned i = 0; i < OBJECTS; i++) {
		assert_null(objects[i].roots);
		assert_int_equal(objects[i].n_cuts, 0);
		refs += objects[i].n_refs;
	}
	assert_int_equal(refs, OBJECTS);
	/* It was no walk through refusals only, nor one without. */
	assert_true(n_made > STEPS / 20 && n_refused > STEPS / 20);
}

static int setup(void **state)
{
	hx_test_machine_usual(32 * HX_MIB);
	hx_test_start("caps");
	return 0;
}

static int teardown(void **state)
{
	hx_test_machine_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_sequence_widens_rights, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
