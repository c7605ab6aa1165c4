/* SPDX-License-Identifier: MIT */
/*
 * What the slot registry remembers of each decision, for its nodes.
 */
#ifndef HX_CORE_SLOT_PRIV_H
#define HX_CORE_SLOT_PRIV_H

#include <hx/base.h>
#include <hx/config/core_slot.h>
#include <hx/core/names.h>
#include <hx/core/slot.h>
#include <hx/core/swap.h>
#include <hx/core/text.h>

#define SLOT_RECORDS	16	/* decisions kept; two per slot at boot at most */

struct slot_record {
	const struct hx_kind *kind;
	uint64_t cycles;		/* hx_cycles() of the decision */
	int result;			/* 0, or why it was refused */
	bool by_word;			/* asked for by helix.slot.<slot>= */
	char provider[HX_SLOT_NAME_MAX];
};

/* Record idx, oldest kept first; NULL past the last. */
const struct slot_record *slot_record_at(unsigned idx);
/* Whether a provider may sit in the slot: 0; -HX_EPROTO; -HX_EINVAL. */
int slot_check(const struct hx_kind *kind, const struct hx_provider *p);
/* A provider that came later, as it is now; dynamic.c, CONFIG_SLOT_DYNAMIC. */
struct slot_dynamic {
	char name[HX_SLOT_NAME_MAX], owner[HX_SLOT_NAME_MAX];
	const char *state;
	uint32_t abi, n_users;
};

/* The idx-th of a kind; false: there are no more. */
bool slot_dynamic_at(const struct hx_kind *kind, unsigned idx, struct slot_dynamic *out);
/* "unknown", "abi", "incomplete" for a refusal. */
const char *slot_reason(int err);
/* The kind whose slot has that name; NULL: none. */
const struct hx_kind *slot_kind(const char *slot);

/* ---- slot_nodes.c: the names of all slots, for <slot> in a path */
int slot_list(unsigned idx, char name[HX_NAME_MAX], const struct hx_node_args *args);

/* ---- swap.c, swap_nodes.c, with CONFIG_SLOT_SWAP */
#define SWAP_RECORDS	16	/* swaps kept, of all slots together */

struct swap_record {
	const struct hx_kind *kind;
	uint64_t cycles;		/* hx_cycles() of the request */
	const char *event;		/* "swap", "rollback", "failed" */
	int result;			/* 0, or why the old one stayed */
	enum hx_swap_step step;		/* where it ended */
	uint64_t n_items, n_bytes, n_ended;
	uint64_t wait_ns, pause_ns, total_ns;
	char from[HX_SLOT_NAME_MAX], to[HX_SLOT_NAME_MAX], why[HX_SWAP_WHY_MAX];
};

/* Record idx, oldest kept first; false past the last. */
bool swap_record_at(unsigned idx, struct swap_record *out);
const char *swap_step_name(enum hx_swap_step step);
/* "active", the step of a swap that goes on, or "probation". */
const char *swap_state(const struct hx_kind *kind);
HX_MUST_CHECK int swap_set_probation(const struct hx_kind *kind, uint64_t ms);
/* May a provider that came later go? Not while a swap goes on, or one on probation would be put
 * back for it, nor while the slot's owner has something of it. True: nothing here knows it any
 * more. May sleep. */
bool swap_lets_go(const struct hx_kind *kind, const void *provider);
/* The swaps of a slot, a line each. */
void swap_show_history(struct hx_text *out, const struct hx_kind *kind);

#endif
