/* SPDX-License-Identifier: MIT */
/*
 * Capabilities as a resource: what a table holds is charged to a holder of hx/core/resources.h,
 * with CONFIG_RESOURCES.
 */
#ifndef HX_CORE_CAPS_CHARGE_H
#define HX_CORE_CAPS_CHARGE_H

#include <hx/core/caps.h>
#include <hx/core/resources.h>

struct hx_cap_charge {
	struct hx_res_lease lease;
	struct hx_res_holder *holder;
	struct hx_cap_table *table;
};

/**
 * hx_cap_table_charge() - every capability of a table is a handle of a holder from now on.
 * @t: an empty table
 * @c: the caller's memory, as long as @t
 * @h: the holder; its end ends the table (hx_cap_table_fini()), if that has not ended before
 *
 * At a hard limit of @h the table is as if it were full: -HX_ENFILE.
 *
 * Returns: 0; -HX_EBUSY something is in the table, or it is charged already.
 * Context: thread.
 * Locks:   the table's; HX_RANK_LEAF.
 * Owner:   @t keeps @c until its end.
 * Cost:    then an atomic operation for each holder up the tree, each time a slot is taken or free.
 * Source:  -
 */
HX_MUST_CHECK int hx_cap_table_charge(struct hx_cap_table *t, struct hx_cap_charge *c,
				      struct hx_res_holder *h);

#endif
