/* SPDX-License-Identifier: MIT */
/*
 * Kinds and slots. A kind is an ops table (at most 12 operations) whose first two members are its
 * ABI number and its name; providers register a pointer to theirs. A slot is where the running
 * kernel holds the provider in use.
 */
#ifndef HX_CORE_SLOT_H
#define HX_CORE_SLOT_H

#include <hx/base.h>
#include <hx/core/list.h>

#define HX_SLOT_NAME_MAX	32	/* bytes of a slot's or a provider's name with the NUL */

/* How every ops table starts. */
struct hx_provider {
	uint32_t abi;
	const char *name;
};

struct hx_swap_class;

struct hx_kind {
	const char *slot;		/* "scheduler", "frames", "heap", "rootfs" */
	uint32_t abi;			/* the ABI this kernel was built with */
	const char *default_name;	/* from Kconfig; "" if the kind has no provider */
	/* Bounds of the registration section (struct hx_provider pointers); may be NULL == NULL. */
	const void *const *first, *const *last;
	/* Required operations there? 0 or -HX_EINVAL. NULL: none is required. */
	int (*check)(const void *ops);
	const void **current;		/* where the owner keeps the provider in use */
	const struct hx_swap_class *swap;	/* how it is replaced; NULL: only at boot */
};

HX_SECTION_BOUNDS(hx_kinds, struct hx_kind);
#define HX_KIND(kind)	HX_REGISTER(hx_kinds, kind, struct hx_kind, &(kind))

/**
 * hx_slot_select() - choose the provider that boots and put it into its slot.
 * @kind: the kind; *@kind->current receives the ops table, untouched on error
 *
 * The one named by helix.slot.<slot>= is tried first, then the default. A provider with another ABI
 * number or without a required operation is refused; each refusal is logged with its reason and
 * kept for /slots/<slot>/history. A refused word therefore never stops a boot.
 *
 * Returns: 0; for the default: -HX_ENOENT no such or no provider; -HX_EPROTO another ABI;
 *          -HX_EINVAL incomplete.
 * Context: boot or thread, before anybody calls through the slot.
 * Locks:   none.
 * Owner:   the provider's table is constant.
 * Cost:    O(providers of the kind) and one walk of the command line.
 * Source:  -
 */
HX_MUST_CHECK int hx_slot_select(const struct hx_kind *kind);

/**
 * hx_slot_find() - a provider of a kind by its name, checked.
 * @kind: the kind
 * @name: the provider's name, exact
 * @ops:  receives its ops table; untouched on error
 *
 * Returns: 0; -HX_ENOENT no such provider; -HX_EPROTO another ABI; -HX_EINVAL incomplete.
 * Context: any.
 * Locks:   none.
 * Owner:   the provider's table is constant.
 * Cost:    O(providers of the kind).
 * Source:  -
 */
HX_MUST_CHECK int hx_slot_find(const struct hx_kind *kind, const char *name, const void **ops);

/* A provider that came while the kernel runs (CONFIG_SLOT_DYNAMIC). Key: s the slots' lock. */
struct hx_slot_entry {
	struct hx_list link;		/* s */
	const struct hx_provider *ops;	/* constant; the registrar's */
	const char *owner;		/* constant: who brought it, for /slots/<slot>/providers */
	const void *more;		/* constant: what the kind asks for besides; may be NULL */
	const struct hx_kind *kind;	/* constant once registered */
	uint32_t n_users;		/* s who took it and has not put it back */
	bool is_paused;			/* s nobody gets it any more */
};

/**
 * hx_slot_register() - offer a provider to a slot; nobody uses it by that.
 * hx_slot_unregister() - take the offer back.
 * @slot: the slot's name: "scheduler"
 * @e:    ops, owner and is_paused are set
 *
 * Returns: register: 0; -HX_ENODEV no such slot; -HX_EPROTO another ABI; -HX_EINVAL incomplete, or
 *          no name of at most 31 bytes; -HX_EEXIST a provider of that name is there. unregister: 0;
 *          -HX_EBUSY it sits in its slot or somebody took it: nothing happened.
 * Context: thread.
 * Locks:   the slots' (HX_RANK_SLOT).
 * Owner:   @e and its table stay the caller's, and stay until unregister said 0.
 * Cost:    O(providers).
 * Source:  -
 */
HX_MUST_CHECK int hx_slot_register(const char *slot, struct hx_slot_entry *e);
HX_MUST_CHECK int hx_slot_unregister(struct hx_slot_entry *e);

/**
 * hx_slot_pause() - whether a provider may be taken; who has it keeps it.
 * @e:         registered
 * @is_paused: true: hx_slot_take() refuses it
 *
 * Returns: nothing.
 * Context: thread.
 * Locks:   the slots' (HX_RANK_SLOT).
 * Owner:   -
 * Cost:    a store.
 * Source:  -
 */
void hx_slot_pause(struct hx_slot_entry *e, bool is_paused);

/**
 * hx_slot_take() - a provider by its name, built in or not, that stays until it is put back.
 * hx_slot_put() - the end of that; of a provider that is built in it is nothing.
 * @kind: the kind
 * @name: the provider's name
 * @ops:  receives its table, untouched on error; or what take gave
 *
 * Returns: take: 0; -HX_ENOENT no such; -HX_EPROTO, -HX_EINVAL one that is built in does not fit;
 *          -HX_EAGAIN paused.
 * Context: thread.
 * Locks:   the slots' (HX_RANK_SLOT).
 * Owner:   who took it puts it back.
 * Cost:    O(providers).
 * Source:  -
 */
HX_MUST_CHECK int hx_slot_take(const struct hx_kind *kind, const char *name, const void **ops);
void hx_slot_put(const void *ops);

/**
 * hx_slot_more() - what came with a provider's table: of a scheduler, its state calls.
 * @ops: the provider's table
 *
 * Returns: the entry's more; NULL: none, or it is built in.
 * Context: thread, or with all CPUs parked.
 * Locks:   the slots' (HX_RANK_SLOT).
 * Owner:   the registrar's, as long as the provider is registered.
 * Cost:    O(providers that came later).
 * Source:  -
 */
const void *hx_slot_more(const void *ops);

#endif
