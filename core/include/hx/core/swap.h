/* SPDX-License-Identifier: MIT */
/*
 * Replacing the provider of a slot while the kernel runs: one protocol for every kind.
 *
 *	ACTIVE -> PREPARE -> QUIESCE -> EXPORT -> IMPORT -> (commit) -> PROBATION -> ACTIVE
 *	             |          |          |         |                      |
 *	             +----------+----------+---------+--> the old one goes on, as it was
 *	                                                                    +-> back to the old one
 *
 * The engine runs the steps, times them and keeps the record; what a step means, the owner of the
 * slot says. docs/design/swapping.md has the whole picture. With CONFIG_SLOT_SWAP off nothing of it
 * exists.
 */
#ifndef HX_CORE_SWAP_H
#define HX_CORE_SWAP_H

#include <hx/base.h>
#include <hx/core/slot.h>

#define HX_SWAP_WHY_MAX		64	/* bytes of a reason with the NUL */

enum hx_swap_step {
	HX_SWAP_NONE,		/* no swap goes on */
	HX_SWAP_PREPARE,
	HX_SWAP_QUIESCE,
	HX_SWAP_EXPORT,
	HX_SWAP_IMPORT,
	HX_SWAP_RETIRE,
	HX_SWAP_STEPS,
};

/* One swap, from the request to the record. Field keys: c constant during it, s the engine's. */
struct hx_swap {
	const struct hx_kind *kind;	/* c */
	const void *old, *new;		/* c providers' tables */
	void *priv;			/* the owner's, from prepare to retire or undo */
	enum hx_swap_step step;		/* s where it is, or failed */
	uint64_t asked_cycles, served_cycles;	/* s from the request until the new one serves */
	/* Filled by the owner. */
	uint64_t n_items;		/* tasks, blocks, ... that went over */
	uint64_t n_bytes;		/* of exported state */
	uint64_t n_ended;		/* promises of the old one that the new one cannot keep */
	uint64_t stopped_cycles;	/* others stood still from here ... */
	uint64_t released_cycles;	/* ... to here; both 0: nobody had to */
	char why[HX_SWAP_WHY_MAX];	/* who blocked, what was wrong; "" if nothing to say */
};

/*
 * What the owner of a slot gives. All in thread context, one swap of a slot at a time. A step that
 * fails has changed nothing that undo does not put back; after a success of import, commit follows
 * and cannot fail.
 */
struct hx_swap_class {
	int (*prepare)(struct hx_swap *s);	/* may sleep; the old one works on */
	int (*quiesce)(struct hx_swap *s);	/* bounded; then still until commit or undo */
	int (*export)(struct hx_swap *s);	/* the old one's state; only reads */
	int (*import)(struct hx_swap *s);	/* into the new one; core counts */
	void (*commit)(struct hx_swap *s);	/* *kind->current = new; everybody goes on */
	void (*undo)(struct hx_swap *s);	/* of the steps up to s->step; everybody goes on */
	void (*retire)(struct hx_swap *s);	/* memory of prepare, and of the old one */
	/* A provider that came later is to go, and is not in the slot. 0: the owner has nothing of
	 * it any more; -HX_EBUSY: it has. No swap goes on. NULL: the owner never has. May sleep. */
	int (*release)(const void *provider);
};

/**
 * hx_swap() - put another provider into a slot.
 * @slot: the slot's name
 * @name: the provider's
 * @out:  receives what happened, also on error; may be NULL
 *
 * Returns: 0; -HX_ENOENT no such slot or provider; -HX_EEXIST it is there already; -HX_ENODEV it
 *          failed before; -HX_EAGAIN it is paused; -HX_EPROTO,
 *          -HX_EINVAL it does not fit; -HX_ENOTSUP this slot, or this provider, cannot be swapped;
 *          -HX_EBUSY a swap goes on; -HX_ETIMEDOUT somebody did not come to rest, out->why says
 *          who; -HX_ENOMEM; -HX_EBADMSG what the old one gave or the new one took is not what core
 *          counts; -HX_EIO a fault was injected. On any error the old one goes on as before.
 * Context: thread, may sleep.
 * Locks:   takes the owner's, and the engine's mutex of that slot.
 * Owner:   -
 * Cost:    the owner's; for a scheduler O(threads).
 * Source:  Theseus (OSDI 2020) for swapping at safe points; K42 (Soules et al., USENIX 2003) for
 *          quiescing and state transfer. Differs: the old one is kept whole until COMMIT.
 */
HX_MUST_CHECK int hx_swap(const char *slot, const char *name, struct hx_swap *out);

/**
 * hx_swap_back() - put the provider before this one back.
 * @slot: the slot's name
 * @out:  as for hx_swap()
 *
 * Returns: as hx_swap(); -HX_ENOENT also: there was none before.
 * Context: as hx_swap().
 * Locks:   as hx_swap().
 * Owner:   -
 * Cost:    as hx_swap().
 * Source:  -
 */
HX_MUST_CHECK int hx_swap_back(const char *slot, struct hx_swap *out);

/**
 * hx_swap_failed() - the provider in the slot failed; its owner has put another one there.
 * @kind:  of the slot
 * @bad:   who failed
 * @now:   who serves
 * @why:   what it did
 * @n_ended: how many of its promises nobody keeps now
 *
 * Leaves a record; nothing is called.
 *
 * Returns: nothing.
 * Context: thread.
 * Locks:   the record's own.
 * Owner:   @why is copied.
 * Cost:    a few hundred instructions.
 * Source:  -
 */
void hx_swap_failed(const struct hx_kind *kind, const void *bad, const void *now, const char *why,
		    uint64_t n_ended);

/**
 * hx_swap_is_failed() - whether a provider failed in this slot and was thrown out.
 * hx_swap_forgive() - it may be taken again.
 * @kind:     of the slot
 * @provider: its table
 *
 * What failed is not taken again: whatever it was doing then, it was not asked to end. A module
 * that is loaded anew begins anew.
 *
 * Returns: is_failed: that; forgive: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a few instructions.
 * Source:  -
 */
bool hx_swap_is_failed(const struct hx_kind *kind, const void *provider);
void hx_swap_forgive(const struct hx_kind *kind, const void *provider);

/**
 * hx_swap_before() - who was in the slot before, while the provider in it is on probation.
 * @kind: of the slot
 *
 * Returns: that provider; NULL: none, or the probation is over.
 * Context: any.
 * Locks:   none.
 * Owner:   it stays as long as the probation lasts.
 * Cost:    reading the clock.
 * Source:  -
 */
const void *hx_swap_before(const struct hx_kind *kind);

#endif
