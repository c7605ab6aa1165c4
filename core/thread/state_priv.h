/* SPDX-License-Identifier: MIT */
/*
 * The format of exported state: head and sums.
 */
#ifndef HX_STATE_PRIV_H
#define HX_STATE_PRIV_H

#include <hx/core/sched_state.h>

void state_head_init(struct hx_sched_state_head *h);
/* 0; -HX_EPROTO another version; -HX_EBADMSG something is not what it was, or another number. */
HX_MUST_CHECK int state_check(const struct hx_sched_state_head *h,
			      const struct hx_sched_state *first, size_t stride, size_t n_records);

/* Two additions for a word: without the barrier compilers load all words first, and keep all
 * sums. */
#define STATE_SUM_WORD(i) \
	do { \
		a += word[i]; \
		b += a; \
		__asm__ volatile("" : "+r"(a), "+r"(b) : : "memory"); \
	} while (0)

/* One record more. */
static HX_ALWAYS_INLINE void state_sum(struct hx_sched_state_head *h,
				       const struct hx_sched_state *record)
{
	const uint64_t *word = (const uint64_t *)record;
	uint64_t a = h->sum_a, b = h->sum_b;

	_Static_assert(sizeof(*record) == 7 * sizeof(*word), "the words below");
	STATE_SUM_WORD(0);
	STATE_SUM_WORD(1);
	STATE_SUM_WORD(2);
	STATE_SUM_WORD(3);
	STATE_SUM_WORD(4);
	STATE_SUM_WORD(5);
	STATE_SUM_WORD(6);
	h->sum_a = a;
	h->sum_b = b;
}

#endif
