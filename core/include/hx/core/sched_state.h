/* SPDX-License-Identifier: MIT */
/*
 * What is kept of a thread when its scheduler is replaced by another: in real time, not in
 * anybody's units, each field with a bit that says whether it was filled in. docs/spec/state.md.
 */
#ifndef HX_CORE_SCHED_STATE_H
#define HX_CORE_SCHED_STATE_H

#include <hx/base.h>
#include <hx/config/core_slot.h>
#include <hx/core/sched_class.h>

#define HX_SCHED_STATE_ABI	4u
#define HX_SCHED_STATE_VERSION	2u	/* of struct hx_sched_state and its head */

enum hx_sched_state_has {
	HX_STATE_USED = 1,
	HX_STATE_LAG = 2,
	HX_STATE_BUDGET = 4,	/* budget_ns and period_end_ns */
	HX_STATE_DEADLINE = 8,
	HX_STATE_LEVEL = 16,
	HX_STATE_REQUEST = 32,
};

struct hx_sched_state {
	uint32_t has;		/* enum hx_sched_state_has */
	uint32_t level;		/* 0 is the top; of a feedback queue */
	uint64_t used_ns;	/* of its turn */
	uint64_t request_ns;	/* left of what it asked for at once, where turns are requests */
	int64_t lag_ns;		/* CPU time it is owed; negative: it had too much */
	int64_t budget_ns;	/* left in its period; negative: overdrawn */
	hx_ns_t period_end_ns;	/* absolute: when the budget is whole again; 0: not begun */
	hx_ns_t deadline_ns;	/* absolute */
};

/* One thread, on its way. */
struct hx_sched_record {
	struct hx_thread *t;
	struct hx_sched_state state;
};

/*
 * What stands before the records, and says what is in them: docs/spec/state.md. Sums are over the
 * first words of each record, as Fletcher has it: a is the sum of words, b the sum of all a.
 */
#define HX_SCHED_STATE_MAGIC	0x53535848u	/* "HXSS" */
#define HX_SCHED_STATE_FIELDS	8u

enum hx_sched_state_kind {
	HX_STATE_COUNT = 1,	/* a number */
	HX_STATE_SPAN = 2,	/* ns, unsigned */
	HX_STATE_BALANCE = 3,	/* ns, signed */
	HX_STATE_TIME = 4,	/* ns since boot */
};

struct hx_sched_state_field {
	uint8_t has;		/* enum hx_sched_state_has; 0: always there */
	uint8_t kind;		/* enum hx_sched_state_kind */
	uint8_t at, bytes;	/* in a record */
};

struct hx_sched_state_head {
	uint32_t magic;		/* HX_SCHED_STATE_MAGIC */
	uint16_t version;	/* HX_SCHED_STATE_VERSION */
	uint16_t head_bytes;	/* of this */
	uint16_t record_bytes;	/* of one record */
	uint16_t n_fields;	/* HX_SCHED_STATE_FIELDS */
	uint32_t n_records;	/* threads */
	uint32_t has;		/* enum hx_sched_state_has: fields that some record may have */
	uint32_t sum_words;	/* of each record, of 64 bits: up to the last of those fields */
	uint64_t sum_a, sum_b;
	struct hx_sched_state_field fields[HX_SCHED_STATE_FIELDS];
};

typedef void (*hx_timer_fn_t)(struct hx_timer *timer);

/* [P] all CPUs parked, rq->lock held, irqs off: no sleep, no allocation. Calls are required. They
 * hand over all threads of a queue at once: what is paid for each of them is most of a pause. */
struct hx_sched_state_ops {
	uint32_t abi;		/* HX_SCHED_STATE_ABI */
	uint32_t version;	/* HX_SCHED_STATE_VERSION it was written for */
	const char *name;	/* the scheduler's */
	/* The functions of its timers, NULL at the end; NULL: it has none. If it is thrown out core
	 * stops them, since nothing is asked of it then, and fini not called. */
	const hx_timer_fn_t *timers;
	/* What the policy says of itself, so that core can tell a turn from a stall: for how long
	 * one thread runs while others as urgent are ready (0: until the next tick); and how long
	 * one may have to wait beyond a turn of each of the others, for what it had too much, or
	 * was refused. 10 ticks more, and the policy is thrown out. */
	uint64_t turn_ns, wait_ns;
	/* What it uses, so that core keeps, sums and copies no more: HX_STATE_* bits that save_all
	 * may write (one that writes others is refused), and how many of a thread's sched_priv
	 * words, from the first on. run_link is its own in any case. */
	uint32_t fields, n_words;
	/* [P] write the enqueued threads to `ready`, each once, in the order in which they would
	 * run as things are, held ones last; no more than room. How many. Reads only. */
	size_t (*list)(struct hx_runq *rq, struct hx_thread **ready, size_t room);
	/* [P] state.has and the fields are what a scheduler before knew: add the bits of those that
	 * are known better here, and write them. The threads were last enqueued at rq, and are in
	 * any state but NEW. Reads only, but for the records. What a thread ran since
	 * rq->started_cycles is not counted: the next one is told of it. */
	void (*save_all)(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n);
	/* [P] the threads' sched_priv words are garbage, or admit's. Fill them from the records,
	 * and by t->state: READY: it is enqueued now, behind those before it, here and in calls
	 * before, that would run at the same time; RUNNING: it is on this CPU, as if picked; else
	 * it is neither. All ready ones of a queue come in one call, unless something is wrong; so
	 * they can be put in order at once. Core counts n_ready. */
	void (*load_all)(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n);
};

/* n_words of who keeps a struct in sched_priv. */
#define HX_SCHED_WORDS(type)	(sizeof(type) / sizeof(uint64_t))

HX_SECTION_BOUNDS(hx_sched_states, struct hx_sched_state_ops);
#if CONFIG_SLOT_SWAP
#define HX_SCHED_STATE(ops)	HX_REGISTER(hx_sched_states, ops, struct hx_sched_state_ops, &(ops))
#else
/* Nobody asks: the compiler drops the table, and what only it names. */
#define HX_SCHED_STATE(ops) \
	static HX_UNUSED const struct hx_sched_state_ops *const ops##_is_not_asked = &(ops)
#endif

#endif
