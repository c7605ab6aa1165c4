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

/* What a scheduler keeps in a thread: of the words, the first n_words of its table. */
#define SWAP_WORDS_MAX	HX_ARRAY_LEN(((struct hx_thread *)0)->sched_priv)

struct swap_words {
	struct hx_list run_link;
	uint64_t words[SWAP_WORDS_MAX];
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
	struct hx_sched_record r;	/* r.t may have ended if it is not in the order */
	uint32_t id;			/* t may be another thread by the next swap */
	uint8_t step;			/* enum swap_record_step */
	uint8_t home;			/* t's, and ... */
	uint32_t promised_ppm;		/* ... what was promised, for undo of admissions */
	struct swap_words old;		/* the old scheduler's, until it has forgotten the thread */
};

struct swap_records {
	size_t room, n;
	size_t n_order;			/* of order: the threads that are there */
	uint32_t turn;			/* which of t->swap_idx says where t's record is */
	uint32_t carried;		/* HX_STATE_* that schedulers before knew of somebody */
	struct hx_sched_state_head head;
	struct hx_sched_record **order;	/* in which they are loaded */
	struct swap_record_of of[];
};

static inline struct swap_record_of *swap_of(struct hx_sched_record *r)
{
	return HX_CONTAINER_OF(r, struct swap_record_of, r);
}

/* The records of the last swap; changed only with all CPUs parked. */
extern struct swap_records *swap_last;

/* t's record among those n; NULL: there is none. What swap_idx holds is right or refuted. */
static HX_ALWAYS_INLINE struct swap_record_of *
swap_record_among(struct swap_record_of *of, size_t n, uint32_t turn, const struct hx_thread *t)
{
	const uint32_t i = t->swap_idx[turn];
	struct swap_record_of *r = &of[i];

	return HX_LIKELY(i < n && r->r.t == t && r->id == t->id) ? r : NULL;
}

static inline struct swap_record_of *swap_record_for(struct swap_records *all,
						     const struct hx_thread *t)
{
	return swap_record_among(all->of, all->n, all->turn, t);
}

/* What was kept of t then; NULL: nothing. All CPUs are parked, or a swap goes on. */
static inline const struct hx_sched_state *swap_find(struct swap_records *all,
						     const struct hx_thread *t)
{
	const struct swap_record_of *r = all != NULL ? swap_record_for(all, t) : NULL;

	return r != NULL ? &r->r.state : NULL;
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
	struct hx_thread **listed;	/* what a scheduler shows of one queue: room + 1 */
	bool bad, full;
	int err;			/* what else went wrong with a thread */
};

static inline struct swap_words *swap_words_of(struct hx_thread *t)
{
	return (struct swap_words *)&t->run_link;
}

/* How many are ready on rq, as the scheduler shows them in w->listed: of those that are too many
 * one. */
static inline size_t swap_list(struct swap_work *w, const struct hx_sched_state_ops *ops,
			       struct hx_runq *rq)
{
	size_t n;

	quiet_lock(&rq->lock);
	n = ops->list(rq, w->listed, hx_min_u64(rq->n_ready, w->records->room) + 1);
	quiet_unlock(&rq->lock);
	return n;
}

typedef void (*swap_hand_t)(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n);

/* save_all or load_all for all threads that are in the order, those that are ready first, queue by
 * queue. -HX_EIO: that fault is due; NULL: none can be. */
HX_MUST_CHECK int swap_hand_over(struct swap_work *w, swap_hand_t hand, const char *point);

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
