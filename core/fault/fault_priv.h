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
	uint64_t left;			/* hits until it fails */
};

/* A copy of entry idx. False past the last. */
bool fault_armed_at(unsigned idx, struct fault_armed *out);

#endif
