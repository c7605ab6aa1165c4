/* SPDX-License-Identifier: MIT */
/*
 * What the slot registry remembers of each decision, for its nodes.
 */
#ifndef HX_CORE_SLOT_PRIV_H
#define HX_CORE_SLOT_PRIV_H

#include <hx/base.h>
#include <hx/core/slot.h>

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
/* "unknown", "abi", "incomplete" for a refusal. */
const char *slot_reason(int err);

#endif
