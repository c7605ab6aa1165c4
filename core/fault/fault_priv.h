/* SPDX-License-Identifier: MIT */
/*
 * What the nodes of fault injection read of its table.
 */
#ifndef HX_CORE_FAULT_PRIV_H
#define HX_CORE_FAULT_PRIV_H

#include <hx/base.h>
#include <hx/core/fault.h>

struct fault_armed {
	char name[HX_FAULT_NAME_MAX];	/* "" : free */
	bool is_armed;			/* else only its counts are kept */
	uint8_t kind;			/* enum hx_fault_kind */
	uint32_t odds;			/* one of so many fires; 1: each */
	uint64_t left;			/* hits until it may fire */
	uint64_t every;			/* what left becomes then */
	uint64_t times;			/* how often it still fires */
	uint64_t n_hits, n_fired;	/* since it was first armed */
};

#define FAULT_COUNT_MAX		UINT32_MAX

/* A copy of entry idx. False past the last. */
bool fault_armed_at(unsigned idx, struct fault_armed *out);

#endif
