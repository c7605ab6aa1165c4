// SPDX-License-Identifier: MIT
/*
 * Capabilities on several CPUs: everybody derives, moves, drops, revokes and checks the same ones,
 * objects end and are freed under the others' hands, and tables double. What a check gives out must
 * still be an object; what was revoked must not resolve anywhere; in the end nothing is left.
 */
#include <hx/config/core_lib.h>
#include <hx/core/ktest.h>
#include <hx/core/smp.h>
#include <hx/core/thread.h>

#include "caps_priv.h"

#define TEAM		4u
#define TABLES		3u
#define OBJECTS		2u
#define HANDLES		64u
#define LOOPS		(HX_ENABLED(DEBUG_LOCKS) || HX_ENABLED(DEBUG_ASSERT) ? 6000u : 30000u)
#define LONG_LOOK	100000u	/* longer than an object takes to end */
#define VICTIMS		60u
#define CHILDREN	150u		/* of a victim: several steps */
#define GOOD		0x600d600du
#define SPOILT		0xbadbadu
#define ALL_BUT_EXCL	(HX_CAP_RIGHTS_ALL & ~(uint32_t)HX_CAP_EXCLUSIVE)

struct thing {
	struct hx_cap_object object;
	volatile uint32_t word;
};

static struct hx_cap_table tables[TABLES];
static struct thing *things[OBJECTS];		/* replaced by one thread; others by grace */
static struct { uint32_t table; hx_cap_t cap; } handles[HANDLES];	/* racy on purpose */
static uint32_t n_made, n_freed;		/* of all tests: some are freed late */
static uint32_t n_bad, n_ok, n_refused;
static volatile bool stop;

static void count(uint32_t *what)
{
	__atomic_fetch_add(what, 1, __ATOMIC_RELAXED);
}

static void thing_release(struct hx_cap_object *o)
{
	struct thing *th = HX_CONTAINER_OF(o, struct thing, object);

	th->word = SPOILT;
	hx_free(th);
	count(&n_freed);
}

static struct thing *new_thing(void)
{
	struct thing *th = hx_alloc(sizeof(*th));

	if (th == NULL)
		return NULL;
	hx_cap_object_init(&th->object, HX_CAP_CUSTOM, thing_release);
	th->word = GOOD;
	count(&n_made);
	return th;
}

static uint32_t random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void set_up(uint32_t limit)
{
	n_bad = n_ok = n_refused = 0;
	stop = false;
	for (unsigned i = 0; i < TABLES; i++)
		hx_cap_table_init(&tables[i], NULL, limit, i == 2 ? HX_CAP_TABLE_TRANSIT : 0);
	for (unsigned i = 0; i < HANDLES; i++)
		handles[i].cap = HX_CAP_NONE;
}

static bool start_team(struct hx_thread *team[TEAM], int (*fn)(void *arg))
{
	for (unsigned i = 0; i < TEAM; i++) {
		const struct hx_thread_params p = {
			.name = "caps", .fn = fn, .arg = (void *)(uintptr_t)i,
			.prio = hx_thread_self()->prio,
		};

		if (hx_thread_create(&p, &team[i]) != 0)
			return false;
	}
	return true;
}

static void join_team(struct hx_thread *team[TEAM])
{
	for (unsigned i = 0; i < TEAM; i++)
		(void)!hx_thread_join(team[i], HX_FOREVER, NULL);
}

static void look(struct hx_cap_table *t, hx_cap_t cap, unsigned n)
{
	struct hx_cap_object *o;

	hx_read_begin();
	if (hx_cap_check(t, cap, HX_CAP_CUSTOM, 0, &o) == 0) {
		for (unsigned i = 0; i < n; i++)
			if (HX_CONTAINER_OF(o, struct thing, object)->word != GOOD)
				count(&n_bad);
		count(&n_ok);
	} else {
		count(&n_refused);
	}
	hx_read_end();
}

/* One of many: any operation with any handle. */
static void act(uint32_t *seed)
{
	unsigned at = random(seed) % HANDLES, to = random(seed) % TABLES;
	struct hx_cap_table *t = &tables[handles[at].table % TABLES];
	struct hx_cap_object *o;
	hx_cap_t cap = handles[at].cap, out;
	int err = -HX_EBADF;

	switch (random(seed) % 10) {
	case 0: case 1: case 2:
		err = hx_cap_derive(t, cap, &tables[to], random(seed) & ALL_BUT_EXCL, HX_FOREVER,
				    &out);
		break;
	case 3:
		err = hx_cap_move(t, cap, &tables[to], &out);
		break;
	case 4:
		(void)!hx_cap_drop(t, cap);
		break;
	case 5:
		if (random(seed) % 4 == 0)
			(void)!hx_cap_revoke(t, cap);
		else
			(void)!hx_cap_recall(t, cap);
		break;
	case 6:
		if (hx_cap_get(t, cap, HX_CAP_CUSTOM, HX_CAP_READ, &o) == 0) {
			hx_yield();
			if (HX_CONTAINER_OF(o, struct thing, object)->word != GOOD)
				count(&n_bad);
			hx_cap_object_put(o);
		}
		break;
	default:
		look(t, cap, random(seed) % 64 == 0 ? LONG_LOOK : 10);
	}
	if (err == 0) {
		at = random(seed) % HANDLES;
		handles[at].table = to;
		handles[at].cap = out;
	}
}

/* The first one also makes objects and ends them. */
static void renew(uint32_t *seed)
{
	unsigned i = random(seed) % OBJECTS, at = random(seed) % HANDLES;
	struct thing *fresh;
	hx_cap_t cap;

	if (random(seed) % 16 == 0) {
		fresh = new_thing();
		if (fresh != NULL) {
			hx_cap_object_end(&things[i]->object);
			things[i] = fresh;
		}
	}
	if (hx_cap_create(&tables[0], &things[i]->object, ALL_BUT_EXCL, HX_FOREVER, &cap) == 0) {
		handles[at].table = 0;
		handles[at].cap = cap;
	}
}

static int worker(void *arg)
{
	uint32_t seed = (uint32_t)(uintptr_t)arg + 1;

	for (unsigned i = 0; i < LOOPS; i++) {
		if (arg == NULL && i % 4 == 0)
			renew(&seed);
		act(&seed);
	}
	return 0;
}

HX_KTEST(caps_hold_when_all_act_at_once)
{
	struct hx_thread *team[TEAM];

	set_up(500);
	for (unsigned i = 0; i < OBJECTS; i++) {
		things[i] = new_thing();
		hx_require(t, things[i] != NULL);
	}
	hx_require(t, start_team(team, worker));
	join_team(team);
	for (unsigned i = 0; i < TABLES; i++) {
		hx_cap_table_fini(&tables[i]);
		hx_expect(t, tables[i].n_used == 0);
	}
	for (unsigned i = 0; i < OBJECTS; i++) {
		hx_expect(t, things[i]->object.n_refs == 1 && things[i]->object.roots == NULL);
		hx_expect(t, things[i]->object.n_cuts == 0);
		hx_cap_object_end(&things[i]->object);
	}
	/* The last ones go after a grace period. */
	for (unsigned i = 0; i < 2000 && __atomic_load_n(&n_freed, __ATOMIC_RELAXED) != n_made; i++)
		hx_sleep_ns(HX_NS_PER_MS);
	hx_expect(t, n_bad == 0);
	hx_expect(t, n_freed == n_made);
	hx_expect(t, n_ok > 100 && n_refused > 100);
}

/* ---- who begins after the first step of a revocation finds nothing */

static struct thing *thing;
static hx_cap_t top, victims[CHILDREN];
static uint64_t n_published;	/* odd: victims come, or are there; even: they are cut */

static int reader(void *arg)
{
	uint32_t seed = (uint32_t)(uintptr_t)arg + 7;

	while (!stop) {
		uint64_t before = __atomic_load_n(&n_published, __ATOMIC_ACQUIRE), after;
		unsigned i = random(&seed) % CHILDREN;
		hx_cap_t cap = __atomic_load_n(&victims[i], __ATOMIC_RELAXED);
		struct hx_cap_object *o;
		bool ok;

		hx_read_begin();
		ok = hx_cap_check(&tables[1], cap, HX_CAP_CUSTOM, HX_CAP_READ, &o) == 0;
		hx_read_end();
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		after = __atomic_load_n(&n_published, __ATOMIC_ACQUIRE);
		if (ok && before == after && before % 2 == 0)
			count(&n_bad);
		if (ok)
			count(&n_ok);
		else
			count(&n_refused);
		hx_yield();
	}
	return 0;
}

/* One round: derive, let them be used, revoke in steps. */
static bool sacrifice(struct hx_ktest_run *t)
{
	struct hx_cap_revocation r;
	uint32_t was = __atomic_load_n(&n_ok, __ATOMIC_RELAXED);

	__atomic_store_n(&n_published, n_published + 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < CHILDREN; i++) {
		hx_cap_t cap;

		if (hx_cap_derive(&tables[0], top, &tables[1], HX_CAP_READ, HX_FOREVER, &cap) != 0)
			return false;
		__atomic_store_n(&victims[i], cap, __ATOMIC_RELAXED);
	}
	for (unsigned i = 0; i < 1000 && __atomic_load_n(&n_ok, __ATOMIC_RELAXED) == was; i++)
		hx_yield();
	if (hx_cap_recall_start(&tables[0], top, &r) != 0)
		return false;
	__atomic_store_n(&n_published, n_published + 1, __ATOMIC_RELEASE);
	r.n_step = 8;
	while (hx_cap_revoke_step(&r))
		hx_yield();
	hx_expect(t, r.n_gone == CHILDREN);
	return true;
}

HX_KTEST(caps_revoked_are_gone_on_every_cpu)
{
	struct hx_thread *team[TEAM];
	bool went_well = true;

	set_up(CHILDREN + 1);
	thing = new_thing();
	hx_require(t, thing != NULL);
	hx_require(t, hx_cap_create(&tables[0], &thing->object, ALL_BUT_EXCL, HX_FOREVER,
				    &top) == 0);
	n_published = 0;
	hx_require(t, start_team(team, reader));
	for (unsigned i = 0; i < VICTIMS && went_well; i++)
		went_well = sacrifice(t);
	stop = true;
	join_team(team);
	hx_expect(t, went_well);
	hx_expect(t, n_bad == 0);
	hx_expect(t, n_ok >= VICTIMS / 2 && n_refused != 0);
	for (unsigned i = 0; i < TABLES; i++)
		hx_cap_table_fini(&tables[i]);
	hx_expect(t, thing->object.n_refs == 1);
	hx_cap_object_end(&thing->object);
}

/* ---- each allocation fails */

static int everything(struct thing *th)
{
	hx_cap_t cap, out;
	int err;

	set_up(100);
	err = hx_cap_create(&tables[0], &th->object, ALL_BUT_EXCL, HX_FOREVER, &cap);
	for (unsigned i = 0; err == 0 && i < 20; i++)
		err = hx_cap_derive(&tables[0], cap, &tables[0], HX_CAP_READ, HX_FOREVER, &out);
	if (err == 0)
		err = hx_cap_move(&tables[0], cap, &tables[1], &out);
	for (unsigned i = 0; i < TABLES; i++)
		hx_cap_table_fini(&tables[i]);
	return err;
}

HX_KTEST(caps_each_allocation_may_fail)
{
	struct thing *th;
	uint64_t left = 0;
	int err = 0;

	if (!HX_ENABLED(FAULT_INJECTION)) {
		hx_ktest_skip(t, "no FAULT_INJECTION");
		return;
	}
	th = new_thing();
	hx_require(t, th != NULL);
	for (uint64_t k = 1; left == 0 && k < 1000; k++) {
		hx_heap_fail_at(k);
		err = everything(th);
		left = hx_heap_fail_at(0);
		hx_expect(t, err == 0 || err == -HX_ENOMEM);
		hx_expect(t, th->object.n_refs == 1 && th->object.roots == NULL);
	}
	hx_expect(t, err == 0 && left != 0);
	hx_cap_object_end(&th->object);
}
