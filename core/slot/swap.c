// SPDX-License-Identifier: MIT
/*
 * The protocol of a swap: the steps in order, what is undone when one fails, and the record.
 *
 * One swap of a slot at a time: whoever comes meanwhile is told "busy". A step fails by itself or
 * because a fault point (swap.<step>) says so; undo is then called once, with s->step the step that
 * failed. From commit on nothing can fail.
 */
#include <hx/config/core_slot.h>
#include <hx/core/failure.h>
#include <hx/core/fault.h>
#include <hx/core/init.h>
#include <hx/core/lock.h>
#include <hx/core/log.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/core/swap.h>
#include <hx/hal/cpu.h>
#include <hx/hal/timer.h>

#include "slot_priv.h"

#define SWAP_SLOTS	16u	/* kinds that can be swapped */
#define SWAP_FAILED	8u	/* providers of one slot that have failed */

/* Field keys: a atomic, b who made busy 1. */
static struct swap_slot {
	const struct hx_kind *kind;	/* a set once */
	uint32_t busy;			/* a */
	uint32_t step;			/* a enum hx_swap_step, for the node */
	const void *before;		/* b who was there before; NULL: nobody */
	hx_ns_t probation_until;	/* b */
	uint64_t probation_ns;		/* a how long it lasts */
	const void *failed[SWAP_FAILED];	/* a thrown out, and not to be taken again */
} swap_slots[SWAP_SLOTS];

static struct hx_spinlock swap_lock = HX_SPINLOCK_INIT("swap", HX_RANK_LEAF);
static struct swap_record swap_records[SWAP_RECORDS];	/* swap_lock */
static unsigned swap_n_records;				/* swap_lock */

static const char *const swap_step_names[HX_SWAP_STEPS] = {
	[HX_SWAP_NONE] = "active", [HX_SWAP_PREPARE] = "prepare", [HX_SWAP_QUIESCE] = "quiesce",
	[HX_SWAP_EXPORT] = "export", [HX_SWAP_IMPORT] = "import", [HX_SWAP_RETIRE] = "retire",
};

HX_FAULT_POINT(swap, "swap.*", "a step of a swap fails: prepare, quiesce, export, import");

const char *swap_step_name(enum hx_swap_step step)
{
	return swap_step_names[step];
}

static const char *name_of(const void *provider)
{
	return provider != NULL ? ((const struct hx_provider *)provider)->name : "-";
}

/* The slot's state; its first caller makes it. NULL: the table is full. */
static struct swap_slot *swap_slot_of(const struct hx_kind *kind)
{
	unsigned i;

	for (i = 0; i < SWAP_SLOTS; i++) {
		const struct hx_kind *none = NULL;
		struct swap_slot *s = &swap_slots[i];

		if (__atomic_load_n(&s->kind, __ATOMIC_ACQUIRE) == kind)
			return s;
		if (none == s->kind &&
		    __atomic_compare_exchange_n(&s->kind, &none, kind, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE)) {
			s->probation_ns = CONFIG_SLOT_PROBATION_MS * HX_NS_PER_MS;
			return s;
		}
		if (none == kind)
			return s;	/* another one made it */
	}
	return NULL;
}

/* ---- the record */

bool swap_record_at(unsigned idx, struct swap_record *out)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&swap_lock);
	unsigned first;
	bool found;

	first = swap_n_records > SWAP_RECORDS ? swap_n_records - SWAP_RECORDS : 0;
	found = first + idx < swap_n_records;
	if (found)
		*out = swap_records[(first + idx) % SWAP_RECORDS];
	hx_spin_unlock_irqrestore(&swap_lock, flags);
	return found;
}

static void swap_note(const struct swap_record *r)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&swap_lock);

	swap_records[swap_n_records++ % SWAP_RECORDS] = *r;
	hx_spin_unlock_irqrestore(&swap_lock, flags);
}

static void swap_remember(const struct hx_swap *s, const char *event, int err)
{
	struct swap_record r = {
		.kind = s->kind, .cycles = s->asked_cycles, .event = event, .result = err,
		.step = s->step, .n_items = s->n_items, .n_bytes = s->n_bytes,
		.n_ended = s->n_ended,
		.total_ns = hx_cycles_to_ns(s->served_cycles - s->asked_cycles),
	};

	if (s->stopped_cycles != 0) {
		r.wait_ns = hx_cycles_to_ns(s->stopped_cycles - s->asked_cycles);
		r.pause_ns = hx_cycles_to_ns(s->released_cycles - s->stopped_cycles);
	}
	hx_strlcpy(r.from, name_of(s->old), sizeof(r.from));
	hx_strlcpy(r.to, name_of(s->new), sizeof(r.to));
	hx_strlcpy(r.why, s->why, sizeof(r.why));
	swap_note(&r);
	if (err == 0)
		hx_debug("slots", "%s: %s replaces %s, %llu items, paused %llu ns", s->kind->slot,
			 r.to, r.from, (unsigned long long)s->n_items,
			 (unsigned long long)r.pause_ns);
	else
		hx_info("slots", "%s: %s stays, %s failed in %s: %s%s%s", s->kind->slot, r.from,
			r.to, swap_step_name(s->step), hx_strerror(err),
			s->why[0] != '\0' ? ", " : "", s->why);
}

static bool swap_has_failed(const struct swap_slot *slot, const void *provider)
{
	unsigned i;

	for (i = 0; i < SWAP_FAILED; i++) {
		if (__atomic_load_n(&slot->failed[i], __ATOMIC_RELAXED) == provider)
			return true;
	}
	return false;
}

/* The list is short, and a ninth one is not remembered. */
static void swap_replace_failed(struct swap_slot *slot, const void *what, const void *by)
{
	unsigned i;

	for (i = 0; i < SWAP_FAILED; i++) {
		const void *old = what;

		if (__atomic_compare_exchange_n(&slot->failed[i], &old, by, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return;
	}
}

bool hx_swap_is_failed(const struct hx_kind *kind, const void *provider)
{
	const struct swap_slot *slot = swap_slot_of(kind);

	return slot != NULL && swap_has_failed(slot, provider);
}

void hx_swap_forgive(const struct hx_kind *kind, const void *provider)
{
	struct swap_slot *slot = swap_slot_of(kind);

	if (slot != NULL)
		swap_replace_failed(slot, provider, NULL);
}

bool swap_lets_go(const struct hx_kind *kind, const void *provider)
{
	struct swap_slot *slot = kind->swap != NULL ? swap_slot_of(kind) : NULL;
	bool goes = true;

	if (slot == NULL)
		return true;
	if (__atomic_exchange_n(&slot->busy, 1, __ATOMIC_ACQUIRE) != 0)
		return false;
	if (slot->before == provider)
		goes = hx_now_ns() >= slot->probation_until;
	if (goes && kind->swap->release != NULL)
		goes = kind->swap->release(provider) == 0;
	if (goes && slot->before == provider)
		slot->before = NULL;
	if (goes)
		swap_replace_failed(slot, provider, NULL);
	__atomic_store_n(&slot->busy, 0, __ATOMIC_RELEASE);
	return goes;
}

void hx_swap_failed(const struct hx_kind *kind, const void *bad, const void *now, const char *why,
		    uint64_t n_ended)
{
	struct swap_slot *slot = swap_slot_of(kind);
	struct swap_record r = {
		.kind = kind, .cycles = hx_cycles(), .event = "failed", .result = -HX_EBADMSG,
		.n_ended = n_ended,
	};
	char who[HX_FAILURE_WHO_MAX];

	if (slot != NULL) {
		slot->before = NULL;
		swap_replace_failed(slot, NULL, bad);
	}
	hx_strlcpy(r.from, name_of(bad), sizeof(r.from));
	hx_strlcpy(r.to, name_of(now), sizeof(r.to));
	hx_strlcpy(r.why, why, sizeof(r.why));
	swap_note(&r);
	hx_snprintf(who, sizeof(who), "slot.%s", kind->slot);
	(void)hx_failure_tell(HX_FAILURE_CRASH, who, "%s failed (%s), %s serves", r.from, why,
			      r.to);
	hx_error("slots", "%s: %s failed (%s): %s serves", kind->slot, r.from, why, r.to);
}

/* ---- the protocol */

static int swap_step(struct swap_slot *slot, struct hx_swap *s, enum hx_swap_step step,
		     int (*fn)(struct hx_swap *s))
{
	char point[HX_FAULT_NAME_MAX] = "swap.";

	s->step = step;
	__atomic_store_n(&slot->step, step, __ATOMIC_RELAXED);
	if (HX_ENABLED(FAULT_INJECTION)) {
		hx_strlcpy(point + 5, swap_step_name(step), sizeof(point) - 5);
		if (hx_fault_hits(point))
			return -HX_EIO;
	}
	return fn(s);
}

static int swap_steps(struct swap_slot *slot, struct hx_swap *s)
{
	const struct hx_swap_class *c = s->kind->swap;
	int err = swap_step(slot, s, HX_SWAP_PREPARE, c->prepare);

	if (err == 0)
		err = swap_step(slot, s, HX_SWAP_QUIESCE, c->quiesce);
	if (err == 0)
		err = swap_step(slot, s, HX_SWAP_EXPORT, c->export);
	if (err == 0)
		err = swap_step(slot, s, HX_SWAP_IMPORT, c->import);
	if (err != 0) {
		c->undo(s);
		s->served_cycles = hx_cycles();
		return err;
	}
	/* The new one may fail before commit returns to us. */
	slot->before = s->old;
	slot->probation_until = hx_now_ns() +
				__atomic_load_n(&slot->probation_ns, __ATOMIC_RELAXED);
	c->commit(s);
	s->served_cycles = hx_cycles();
	s->step = HX_SWAP_RETIRE;
	c->retire(s);
	return 0;
}

static int swap_run(struct swap_slot *slot, struct hx_swap *s, const char *event)
{
	int err;

	s->asked_cycles = hx_cycles();
	err = swap_steps(slot, s);
	swap_remember(s, event, err);
	__atomic_store_n(&slot->step, HX_SWAP_NONE, __ATOMIC_RELAXED);
	return err;
}

static int swap_begin(const char *slot_name, struct swap_slot **slot, struct hx_swap *s)
{
	memset(s, 0, sizeof(*s));
	s->kind = slot_kind(slot_name);
	if (s->kind == NULL)
		return -HX_ENOENT;
	*slot = s->kind->swap != NULL ? swap_slot_of(s->kind) : NULL;
	if (*slot == NULL)
		return -HX_ENOTSUP;
	if (__atomic_exchange_n(&(*slot)->busy, 1, __ATOMIC_ACQUIRE) != 0)
		return -HX_EBUSY;
	s->old = *s->kind->current;
	return 0;
}

static void swap_end(struct swap_slot *slot, const struct hx_swap *s, struct hx_swap *out)
{
	__atomic_store_n(&slot->busy, 0, __ATOMIC_RELEASE);
	if (out != NULL)
		*out = *s;
}

static int swap_take(const struct hx_kind *kind, const char *name, const void **ops)
{
	return HX_ENABLED(SLOT_DYNAMIC) ? hx_slot_take(kind, name, ops)
	       : hx_slot_find(kind, name, ops);
}

int hx_swap(const char *slot_name, const char *name, struct hx_swap *out)
{
	struct swap_slot *slot;
	struct hx_swap s;
	int err = swap_begin(slot_name, &slot, &s);

	if (err != 0)
		return err;
	err = swap_take(s.kind, name, &s.new);
	if (err == 0)
		err = s.new == s.old ? -HX_EEXIST : swap_has_failed(slot, s.new) ? -HX_ENODEV
		      : swap_run(slot, &s, "swap");
	if (HX_ENABLED(SLOT_DYNAMIC) && s.new != NULL)
		hx_slot_put(s.new);	/* as long as it sits in the slot it stays anyway */
	swap_end(slot, &s, out);
	return err;
}

int hx_swap_back(const char *slot_name, struct hx_swap *out)
{
	struct swap_slot *slot;
	struct hx_swap s;
	int err = swap_begin(slot_name, &slot, &s);

	if (err != 0)
		return err;
	s.new = slot->before;
	err = s.new == NULL ? -HX_ENOENT : s.new == s.old ? -HX_EEXIST
	      : swap_run(slot, &s, "rollback");
	swap_end(slot, &s, out);
	return err;
}

const void *hx_swap_before(const struct hx_kind *kind)
{
	const struct swap_slot *slot = swap_slot_of(kind);

	return slot != NULL && slot->before != NULL && hx_now_ns() < slot->probation_until
	       ? slot->before : NULL;
}

/* ---- for the nodes */

const char *swap_state(const struct hx_kind *kind)
{
	struct swap_slot *slot = swap_slot_of(kind);
	uint32_t step = slot != NULL ? __atomic_load_n(&slot->step, __ATOMIC_RELAXED) : 0;

	if (step == HX_SWAP_NONE && hx_swap_before(kind) != NULL)
		return "probation";
	return swap_step_name(step);
}

int swap_set_probation(const struct hx_kind *kind, uint64_t ms)
{
	struct swap_slot *slot = kind->swap != NULL ? swap_slot_of(kind) : NULL;

	if (slot == NULL)
		return -HX_ENOTSUP;
	__atomic_store_n(&slot->probation_ns, ms * HX_NS_PER_MS, __ATOMIC_RELAXED);
	return 0;
}
