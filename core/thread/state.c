// SPDX-License-Identifier: MIT
/*
 * The head of exported state: what says which fields the records have, and the sums that tell a
 * change. Checked whole before a new scheduler gets the first record.
 *
 * Sums stop at the last field that any record has: most schedulers keep no budgets and no
 * deadlines, and words that nobody reads need no guard. That a record has no more is checked.
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
_Static_assert(sizeof(struct hx_sched_state_head) == 72, "docs/spec/state.md");

void state_head_init(struct hx_sched_state_head *h)
{
	*h = (struct hx_sched_state_head){
		.magic = HX_SCHED_STATE_MAGIC, .version = HX_SCHED_STATE_VERSION,
		.head_bytes = sizeof(*h), .record_bytes = sizeof(struct hx_sched_state),
		.n_fields = HX_SCHED_STATE_FIELDS,
	};
	memcpy(h->fields, fields, sizeof(fields));
}

#define WORDS_ALL	((uint32_t)(sizeof(struct hx_sched_state) / sizeof(uint64_t)))
#define WORDS_FEW	((uint32_t)(offsetof(struct hx_sched_state, budget_ns) / sizeof(uint64_t)))

static uint32_t words_of(uint32_t has)
{
	return (has & (HX_STATE_BUDGET | HX_STATE_DEADLINE)) != 0 ? WORDS_ALL : WORDS_FEW;
}

/* Two additions for a word: without the barrier compilers load all words first, and keep all
 * sums. */
#define SUM_WORD(i) \
	do { \
		a += word[i]; \
		b += a; \
		__asm__ volatile("" : "+r"(a), "+r"(b) : : "memory"); \
	} while (0)

/* The sums of all records; which fields these have. */
static HX_ALWAYS_INLINE uint32_t sum_words(struct hx_sched_state_head *h,
					   struct hx_sched_record *const *records, size_t n,
					   uint32_t n_words)
{
	struct hx_sched_record *const *end = records + n;
	uint64_t a = h->has, b = 0;
	uint32_t has = 0;

	for (; records < end; records++) {
		const uint64_t *word = (const uint64_t *)&(*records)->state;

		has |= (*records)->state.has;
		SUM_WORD(0);
		SUM_WORD(1);
		SUM_WORD(2);
		SUM_WORD(3);
		if (n_words == WORDS_FEW)
			continue;
		SUM_WORD(4);
		SUM_WORD(5);
		SUM_WORD(6);
	}
	h->sum_a = a;
	h->sum_b = b;
	return has;
}

_Static_assert(WORDS_FEW == 4 && WORDS_ALL == 7, "the words above");

static HX_ALWAYS_INLINE uint32_t sum_records(struct hx_sched_state_head *h,
					     struct hx_sched_record *const *records, size_t n)
{
	return h->sum_words == WORDS_FEW ? sum_words(h, records, n, WORDS_FEW)
					 : sum_words(h, records, n, WORDS_ALL);
}

int state_seal(struct hx_sched_state_head *h, struct hx_sched_record *const *records,
	       size_t n_records, uint32_t has)
{
	h->n_records = (uint32_t)n_records;
	h->has = has;
	h->sum_words = words_of(has);
	return (sum_records(h, records, n_records) & ~has) == 0 ? 0 : -HX_EBADMSG;
}

int state_check(const struct hx_sched_state_head *h, struct hx_sched_record *const *records,
		size_t n_records)
{
	struct hx_sched_state_head sums = { .has = h->has, .sum_words = h->sum_words };

	if (h->magic != HX_SCHED_STATE_MAGIC)
		return -HX_EBADMSG;
	if (h->version != HX_SCHED_STATE_VERSION)
		return -HX_EPROTO;
	if (h->head_bytes != sizeof(*h) || h->record_bytes != sizeof(struct hx_sched_state) ||
	    h->n_fields != HX_SCHED_STATE_FIELDS || h->n_records != n_records ||
	    h->sum_words != words_of(h->has) || memcmp(h->fields, fields, sizeof(fields)) != 0)
		return -HX_EBADMSG;
	sum_records(&sums, records, n_records);
	return sums.sum_a == h->sum_a && sums.sum_b == h->sum_b ? 0 : -HX_EBADMSG;
}
