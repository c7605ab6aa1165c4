/* SPDX-License-Identifier: MIT */
/*
 * What replacing a scheduler (swap.c) and throwing one out (rescue.c) share.
 */
#ifndef HX_SWAP_PRIV_H
#define HX_SWAP_PRIV_H

#include <hx/core/park.h>
#include <hx/core/swap.h>

#include "state_priv.h"
#include "thread_priv.h"

/* What a scheduler keeps in a thread. */
struct swap_words {
	struct hx_list run_link;
	uint64_t words[HX_ARRAY_LEN(((struct hx_thread *)0)->sched_priv)];
};
_Static_assert(offsetof(struct hx_thread, sched_priv) - offsetof(struct hx_thread, run_link) ==
	       offsetof(struct swap_words, words), "both are copied at once");

/* How far a record has come. */
enum swap_record_step {
	SWAP_PREPARED,			/* made before all CPUs stood: t may have ended since */
	SWAP_EXPORTED,			/* t is there, and its state in the record */
	SWAP_SHOWN,			/* and the new scheduler has it enqueued */
};

/* One thread. */
struct swap_record_of {
	struct hx_thread *t;		/* NULL: it ended before all CPUs stood */
	uint32_t id;			/* t may be another thread by the next swap */
	uint8_t step;			/* enum swap_record_step */
	uint8_t home;			/* t's, and ... */
	uint32_t promised_ppm;		/* ... what was promised, for undo of admissions */
	uint32_t carried;		/* HX_STATE_* that schedulers before knew */
	struct hx_sched_state state;	/* all 0 if it ended */
	struct swap_words old;		/* the old scheduler's, until it has forgotten the thread */
};

struct swap_records {
	size_t room, n;
	size_t n_order;			/* of order: the threads that are there */
	uint32_t turn;			/* which of t->swap_idx says where t's record is */
	struct hx_sched_state_head head;
	struct swap_record_of **order;	/* in which they are loaded */
	struct swap_record_of of[];
};

/* The records of the last swap; changed only with all CPUs parked. */
extern struct swap_records *swap_last;

/* t's record; NULL: there is none. What swap_idx holds is right or refuted. */
static HX_ALWAYS_INLINE struct swap_record_of *swap_record_for(struct swap_records *all,
								const struct hx_thread *t)
{
	const uint32_t i = t->swap_idx[all->turn];
	struct swap_record_of *r = &all->of[i];

	return HX_LIKELY(i < all->n && r->t == t && r->id == t->id) ? r : NULL;
}

/* What was kept of t then; NULL: nothing. All CPUs are parked, or a swap goes on. */
static inline const struct hx_sched_state *swap_find(struct swap_records *all,
						     const struct hx_thread *t)
{
	const struct swap_record_of *r = all != NULL ? swap_record_for(all, t) : NULL;

	return r != NULL ? &r->state : NULL;
}

struct swap_queue {
	void *priv;
	struct hx_list ready;
	uint32_t n_held;
	struct hx_thread *must_leave;
};

/* What a swap has while it goes on; in hx_swap.priv. */
struct swap_work {
	const struct hx_sched_state_ops *from, *to;
	struct hx_parking parking;
	bool parked;
	unsigned known;			/* the set of threads that is being made; guard.c */
	uint32_t serial;		/* guard_serial when this began */
	uint32_t n_inited;		/* run queues, in the order of cpu numbers */
	uint32_t n_admitted;		/* of records->order */
	bool is_asked;			/* admissions were asked for: what they change was kept */
	bool is_narrowed;		/* the old one's rules narrow where threads may run */
	struct swap_queue queues[HX_CPUS];
	uint32_t promised_ppm[HX_CPUS];
	struct swap_records *records, *before;
	/* Of the walk over one run queue. */
	struct hx_runq *rq;
	size_t n_shown;
	bool bad, full;
	int err;			/* what else went wrong in it */
};

static inline struct swap_words *swap_words_of(struct hx_thread *t)
{
	return (struct swap_words *)&t->run_link;
}

/* swap_export.c. Before all CPUs are parked: room, and a record for each thread. */
HX_MUST_CHECK int swap_gather(struct swap_work *w);
int swap_export(struct hx_swap *s);
/* swap_import.c */
int swap_import(struct hx_swap *s);
/* rq's lock is held: the scheduler is to go, for that reason; the first one counts. */
HX_COLD HX_PRINTF(2, 3) void rescue_note(struct hx_runq *rq, const char *fmt, ...);
/* guard.c: everybody is called through the guard from now on, from any context. */
void guard_close(void);
/* Every CPU asks its scheduler again who runs, as soon as it goes on. */
void swap_ask_all(void);
/* The state half of a scheduler; NULL: it has none, or one of another version. */
const struct hx_sched_state_ops *swap_state_ops(const struct hx_sched_ops *ops);
/* The run queue of the next CPU that runs threads; of the first for NULL; NULL: no more. */
struct hx_runq *swap_next_rq(struct hx_runq *rq);
/* t is new to this scheduler. A promise that it does not renew is given back and counted. */
int swap_admit(const struct hx_sched_ops *ops, struct hx_thread *t, uint64_t *n_ended);

#endif
