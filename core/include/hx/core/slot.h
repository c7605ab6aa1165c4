/* SPDX-License-Identifier: MIT */
/*
 * Kinds and slots. A kind is an ops table (at most 12 operations) whose first two members are its
 * ABI number and its name; providers register a pointer to theirs. A slot is where the running
 * kernel holds the provider in use.
 */
#ifndef HX_CORE_SLOT_H
#define HX_CORE_SLOT_H

#include <hx/base.h>

#define HX_SLOT_NAME_MAX	32	/* bytes of a slot's or a provider's name with the NUL */

/* How every ops table starts. */
struct hx_provider {
	uint32_t abi;
	const char *name;
};

struct hx_kind {
	const char *slot;		/* "scheduler", "frames", "heap", "rootfs" */
	uint32_t abi;			/* the ABI this kernel was built with */
	const char *default_name;	/* from Kconfig; "" if the kind has no provider */
	/* Bounds of the registration section (struct hx_provider pointers); may be NULL == NULL. */
	const void *const *first, *const *last;
	/* Required operations there? 0 or -HX_EINVAL. NULL: none is required. */
	int (*check)(const void *ops);
	const void **current;		/* where the owner keeps the provider in use */
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

#endif
