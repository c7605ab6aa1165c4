/* SPDX-License-Identifier: MIT */
/*
 * The format of exported state: head and sums.
 */
#ifndef HX_STATE_PRIV_H
#define HX_STATE_PRIV_H

#include <hx/core/sched_state.h>

void state_head_init(struct hx_sched_state_head *h);
/* Records are there, and have no fields but those: their number, and the sums. -HX_EBADMSG: one has
 * others. */
HX_MUST_CHECK int state_seal(struct hx_sched_state_head *h, struct hx_sched_record *const *records,
			     size_t n_records, uint32_t has);
/* 0; -HX_EPROTO another version; -HX_EBADMSG something is not what it was, or another number. */
HX_MUST_CHECK int state_check(const struct hx_sched_state_head *h,
			      struct hx_sched_record *const *records, size_t n_records);

#endif
