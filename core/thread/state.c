// SPDX-License-Identifier: MIT
/*
 * The head of exported state: what says which fields the records have, and the sums that tell a
 * change. Checked whole before a new scheduler gets the first record.
 */
#include <hx/core/string.h>

#include "state_priv.h"

#define FIELD(bit, kind_, member) \
	{ .has = (bit), .kind = (kind_), .at = offsetof(struct hx_sched_state, member), \
	  .bytes = sizeof(((struct hx_sched_state *)0)->member) }

static const struct hx_sched_state_field fields[HX_SCHED_STATE_FIELDS] = {
	FIELD(0, HX_STATE_COUNT, has),
	FIELD(HX_STATE_LEVEL, HX_STATE_COUNT, level),
	FIELD(HX_STATE_USED, HX_STATE_SPAN, used_ns),
	FIELD(HX_STATE_REQUEST, HX_STATE_SPAN, request_ns),
	FIELD(HX_STATE_LAG, HX_STATE_BALANCE, lag_ns),
	FIELD(HX_STATE_BUDGET, HX_STATE_BALANCE, budget_ns),
	FIELD(HX_STATE_BUDGET, HX_STATE_TIME, period_end_ns),
	FIELD(HX_STATE_DEADLINE, HX_STATE_TIME, deadline_ns),
};

_Static_assert(sizeof(struct hx_sched_state) == 56, "docs/spec/state.md");
_Static_assert(sizeof(struct hx_sched_state_head) == 64, "docs/spec/state.md");

void state_head_init(struct hx_sched_state_head *h)
{
	*h = (struct hx_sched_state_head){
		.magic = HX_SCHED_STATE_MAGIC, .version = HX_SCHED_STATE_VERSION,
		.head_bytes = sizeof(*h), .record_bytes = sizeof(struct hx_sched_state),
		.n_fields = HX_SCHED_STATE_FIELDS,
	};
	memcpy(h->fields, fields, sizeof(fields));
}

int state_check(const struct hx_sched_state_head *h, const struct hx_sched_state *first,
		size_t stride, size_t n_records)
{
	struct hx_sched_state_head sums = { .sum_a = 0 };
	size_t i;

	if (h->magic != HX_SCHED_STATE_MAGIC)
		return -HX_EBADMSG;
	if (h->version != HX_SCHED_STATE_VERSION)
		return -HX_EPROTO;
	if (h->head_bytes != sizeof(*h) || h->record_bytes != sizeof(*first) ||
	    h->n_fields != HX_SCHED_STATE_FIELDS || h->n_records != n_records ||
	    memcmp(h->fields, fields, sizeof(fields)) != 0)
		return -HX_EBADMSG;
	for (i = 0; i < n_records; i++)
		state_sum(&sums, (const void *)((const uint8_t *)first + i * stride));
	return sums.sum_a == h->sum_a && sums.sum_b == h->sum_b ? 0 : -HX_EBADMSG;
}
