// SPDX-License-Identifier: MIT
/*
 * Tables: slots in one array that doubles, free ones on a list, and the list of all tables.
 *
 * Readers (hx_cap_check()) take no lock: they load the mask, then the array, then one slot. So the
 * array is published before the mask that goes with it, and an outgrown one is freed after a grace
 * period. Slots change only with the table's lock held, so a copy loses nothing; a reader that
 * still has the old array began before the change. test/models/cap_check.pml has readers beside
 * a table that doubles and a slot that is revoked and used again: (right), (gone), (there).
 */
#include <hx/core/init.h>
#include <hx/core/mutex.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>

#include "caps_priv.h"

#define FIRST_SLOTS	16u
#define NO_SLOT		UINT32_MAX	/* end of the list of free ones */

struct hx_cap_slot cap_no_slots[1] = { { .denied = UINT32_MAX } };

struct hx_cap_table hx_cap_kernel = {
	.slots = cap_no_slots, .first_free = NO_SLOT, .limit = HX_CAP_TABLE_MAX,
	.lock = HX_SPINLOCK_INIT("cap table", HX_RANK_CAP_TABLE), .holder = "kernel",
};

static struct hx_mutex tables_mutex = HX_MUTEX_INIT(tables_mutex);
static struct hx_cap_table *tables;	/* tables_mutex */

void cap_tables_lock(void)
{
	hx_mutex_lock(&tables_mutex);
}

void cap_tables_unlock(void)
{
	hx_mutex_unlock(&tables_mutex);
}

struct hx_cap_table *cap_tables_first(void)
{
	return tables;
}

static void list_table(struct hx_cap_table *t)
{
	cap_tables_lock();
	t->next = tables;
	tables = t;
	cap_tables_unlock();
}

static void unlist_table(struct hx_cap_table *t)
{
	struct hx_cap_table **at;

	cap_tables_lock();
	for (at = &tables; *at != NULL && *at != t;)
		at = &(*at)->next;
	if (*at != NULL)
		*at = t->next;
	cap_tables_unlock();
}

static void make_empty(struct hx_cap_table *t)
{
	t->mask = 0;
	t->slots = cap_no_slots;
	t->first_free = NO_SLOT;
	t->n_used = t->n_retired = 0;
}

void hx_cap_table_init(struct hx_cap_table *t, const char *holder, uint32_t limit, uint32_t flags)
{
	*t = (struct hx_cap_table){
		.limit = (uint32_t)hx_min_u64(limit, HX_CAP_TABLE_MAX), .flags = flags,
	};
	make_empty(t);
	hx_spin_init(&t->lock, "cap table", HX_RANK_CAP_TABLE);
	if (holder == NULL || holder[0] == '\0')
		return;
	hx_strlcpy(t->holder, holder, sizeof(t->holder));
	list_table(t);
}

static uint32_t n_slots(const struct hx_cap_table *t)
{
	return t->slots == cap_no_slots ? 0 : t->mask + 1;
}

static void free_array(struct hx_grace *g)
{
	hx_free(HX_CONTAINER_OF(g, struct cap_array, grace));
}

/* Without locks: the array is not in use any more, but a reader may be in it. */
static void drop_array(struct hx_cap_slot *slots)
{
	if (slots != cap_no_slots)
		hx_grace_call(&HX_CONTAINER_OF(slots, struct cap_array, slots)->grace, free_array);
}

/* Slots [from, to) of an array are free; the last one leads on to next. */
static void link_free(struct cap_array *a, uint32_t from, uint32_t to, uint32_t next)
{
	for (uint32_t i = from; i < to; i++)
		a->slots[i] = (struct hx_cap_slot){
			.denied = UINT32_MAX, .generation = 1,
			.next_free = i + 1 < to ? i + 1 : next,
		};
}

/* Twice the slots, unless somebody else was faster. */
static int grow(struct hx_cap_table *t, uint32_t from)
{
	uint32_t to = from == 0 ? FIRST_SLOTS : from * 2;
	struct hx_cap_slot *old;
	struct cap_array *a;
	hx_irqflags_t flags;

	if (from >= HX_CAP_TABLE_MAX)
		return -HX_ENFILE;	/* as many as there may be, and none can be used again */
	a = hx_alloc(sizeof(*a) + to * sizeof(a->slots[0]));
	if (a == NULL)
		return -HX_ENOMEM;
	flags = hx_spin_lock_irqsave(&t->lock);
	if (n_slots(t) != from) {
		hx_spin_unlock_irqrestore(&t->lock, flags);
		hx_free(a);
		return 0;
	}
	old = t->slots;
	for (uint32_t i = 0; i < from; i++)
		a->slots[i] = old[i];
	link_free(a, from, to, t->first_free);
	t->first_free = from;
	__atomic_store_n(&t->slots, a->slots, __ATOMIC_RELEASE);
	__atomic_store_n(&t->mask, to - 1, __ATOMIC_RELEASE);
	hx_spin_unlock_irqrestore(&t->lock, flags);
	drop_array(old);
	return 0;
}

int cap_slot_reserve(struct hx_cap_table *t, uint32_t *idx)
{
	for (;;) {
		hx_irqflags_t flags = hx_spin_lock_irqsave(&t->lock);
		bool is_full = t->n_used >= t->limit, has_free = t->first_free != NO_SLOT;
		uint32_t n = n_slots(t);
		int err;

		if (!is_full && has_free && !cap_charge_one(t)) {
			is_full = true;
		} else if (!is_full && has_free) {
			*idx = t->first_free;
			t->first_free = t->slots[*idx].next_free;
			t->n_used++;
		}
		hx_spin_unlock_irqrestore(&t->lock, flags);
		if (is_full)
			return -HX_ENFILE;
		if (has_free)
			return 0;
		err = grow(t, n);
		if (err != 0)
			return err;
	}
}

/* A slot without a handle goes back; the table's lock held. Invariant 6: one whose generations are
 * used up never comes back. */
static HX_ALWAYS_INLINE void put_slot(struct hx_cap_table *t, struct hx_cap_slot *s, uint32_t idx)
{
	hx_assert_held(&t->lock);
	t->n_used--;
	if (HX_UNLIKELY(s->generation == 0)) {
		t->n_retired++;
		return;
	}
	s->next_free = t->first_free;
	t->first_free = idx;
}

void cap_slot_unreserve(struct hx_cap_table *t, uint32_t idx)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&t->lock);

	put_slot(t, &t->slots[idx], idx);
	cap_uncharge_one(t);
	hx_spin_unlock_irqrestore(&t->lock, flags);
}

/* What a check of the node must not find; invariant 4. */
static uint32_t denied_of(const struct cap_node *n)
{
	bool ask = n->expires_ns != HX_FOREVER || cap_is_lent(n);

	return (~(uint32_t)n->rights & HX_CAP_RIGHTS_ALL) | (ask ? HX_CAP_ASK_ : 0);
}

hx_cap_t cap_slot_fill(struct hx_cap_table *t, uint32_t idx, struct cap_node *n)
{
	struct hx_cap_slot *s;
	hx_cap_t cap;

	hx_assert_held(&n->object->lock);
	hx_spin_lock(&t->lock);
	s = &t->slots[idx];
	cap = (hx_cap_t)s->generation << 32 | idx;
	n->table = t;
	n->idx = idx;
	s->node = n;
	__atomic_store_n(&s->object, n->object, __ATOMIC_RELAXED);
	__atomic_store_n(&s->denied, denied_of(n), __ATOMIC_RELAXED);
	__atomic_store_n(&s->handle, cap, __ATOMIC_RELEASE);	/* last: now readers find it */
	hx_spin_unlock(&t->lock);
	return cap;
}

/* The node's slot answers to nothing; both locks held. */
static HX_ALWAYS_INLINE void silence(struct hx_cap_slot *s, struct cap_node *n)
{
	hx_assert(s->node == n);
	/* First: a reader that finds anything of what follows finds this as well. */
	__atomic_store_n(&s->handle, HX_CAP_NONE, __ATOMIC_RELEASE);
	__atomic_store_n(&s->denied, UINT32_MAX, __ATOMIC_RELEASE);
	n->table = NULL;
}

static HX_ALWAYS_INLINE void clear(struct cap_node *n, bool is_charged)
{
	struct hx_cap_table *t = n->table;
	uint32_t idx = n->idx;
	struct hx_cap_slot *s;

	hx_assert_held(&n->object->lock);
	hx_spin_lock(&t->lock);
	s = &t->slots[idx];
	silence(s, n);
	s->generation++;
	put_slot(t, s, idx);
	if (is_charged)
		cap_uncharge_one(t);
	hx_spin_unlock(&t->lock);
}

/* Apart, so that the others need not keep registers for its call. */
static HX_NOINLINE void clear_charged(struct cap_node *n)
{
	clear(n, true);
}

void cap_slot_clear(struct cap_node *n)
{
	/* Nobody begins to charge a table that something is in. */
	if (HX_ENABLED(RESOURCES) && HX_UNLIKELY(n->table->charge != NULL))
		clear_charged(n);
	else
		clear(n, false);
}

uint32_t cap_slot_keep(struct cap_node *n)
{
	struct hx_cap_table *t = n->table;
	uint32_t idx = n->idx;

	hx_assert_held(&n->object->lock);
	hx_spin_lock(&t->lock);
	silence(&t->slots[idx], n);
	hx_spin_unlock(&t->lock);
	return idx;
}

void cap_slot_release(struct hx_cap_table *t, uint32_t idx)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&t->lock);

	t->slots[idx].generation++;
	put_slot(t, &t->slots[idx], idx);
	cap_uncharge_one(t);
	hx_spin_unlock_irqrestore(&t->lock, flags);
}

void cap_slot_update(const struct cap_node *n)
{
	struct hx_cap_table *t = n->table;

	hx_assert_held(&n->object->lock);
	if (t == NULL)
		return;
	hx_spin_lock(&t->lock);
	__atomic_store_n(&t->slots[n->idx].denied, denied_of(n), __ATOMIC_RELEASE);
	hx_spin_unlock(&t->lock);
}

/* The mask first: the array loaded after it has all the slots that it allows. */
static const struct hx_cap_slot *slot_at(const struct hx_cap_table *t, hx_cap_t cap)
{
	uint32_t idx = (uint32_t)cap & __atomic_load_n(&t->mask, __ATOMIC_ACQUIRE);

	return hx_read_pointer(&t->slots) + idx;
}

static bool answers_to(const struct hx_cap_slot *s, hx_cap_t cap)
{
	return cap != HX_CAP_NONE && __atomic_load_n(&s->handle, __ATOMIC_ACQUIRE) == cap;
}

struct cap_node *cap_lock(const struct hx_cap_table *t, hx_cap_t cap, hx_irqflags_t *flags)
{
	const struct hx_cap_slot *s;
	struct cap_node *n = NULL;

	hx_read_begin();
	s = slot_at(t, cap);
	if (answers_to(s, cap)) {
		/* It may be on its way out, or even another's by now; its memory is still there. */
		struct hx_cap_object *o = hx_read_pointer(&s->object);

		*flags = hx_spin_lock_irqsave(&o->lock);
		s = slot_at(t, cap);
		if (answers_to(s, cap))
			n = s->node;	/* and stays it: invariant 2 */
		else
			hx_spin_unlock_irqrestore(&o->lock, *flags);
	}
	hx_read_end();
	return n;
}

void cap_unlock(struct cap_node *n, hx_irqflags_t flags)
{
	hx_spin_unlock_irqrestore(&n->object->lock, flags);
}

void hx_cap_table_fini(struct hx_cap_table *t)
{
	struct hx_cap_slot *slots;
	hx_irqflags_t flags;

	hx_assert_can_sleep();
	unlist_table(t);
	for (uint32_t i = 0; i < n_slots(t); i++) {
		hx_cap_t cap = __atomic_load_n(&t->slots[i].handle, __ATOMIC_ACQUIRE);

		if (cap != HX_CAP_NONE)
			cap_drop_any(t, cap, true);	/* false: a revocation was faster */
	}
	/* Who cleared the last one may not have left the table's lock yet. */
	flags = hx_spin_lock_irqsave(&t->lock);
	hx_spin_unlock_irqrestore(&t->lock, flags);
	hx_assert(t->n_used == 0);
	cap_charge_end(t);
	slots = t->slots;
	if (slots == cap_no_slots)
		return;		/* never held any: nobody can be in it */
	make_empty(t);
	hx_grace_wait();
	hx_free(HX_CONTAINER_OF(slots, struct cap_array, slots));
}

static int caps_init(void)
{
	list_table(&hx_cap_kernel);
	return 0;
}

static void caps_shutdown(void)
{
	hx_cap_table_fini(&hx_cap_kernel);
}

HX_COMPONENT(caps) = {
	.name = "caps", .phase = HX_PHASE_CORE, .version = 1,
	.needs = "heap log names threads grace?",
	.init = caps_init, .shutdown = caps_shutdown,
};
