/* SPDX-License-Identifier: MIT */
/*
 * A zone of which two frame allocators know (CONFIG_FRAMES_SWAP), as frames_share.c, frames_guard.c
 * and frames_swap.c see it.
 *
 *	first    | start … low |             | high …          end |
 *	second                 | low … high  |
 */
#ifndef HX_MEM_FRAMES_SHARE_H
#define HX_MEM_FRAMES_SHARE_H

#include <hx/core/slot.h>
#include <hx/core/swap.h>
#include <hx/hal/mem.h>

#include "mem_priv.h"

#define FRAMES_BLOCK		(1ull << HX_FRAMES_MAX_ORDER)
#define FRAMES_STEP_PAGES	64u	/* moved while the zone is locked; or one run */

/* ---- frames_book.c: what core itself knows of each page, two bits. No look at any provider. */
struct frames_book {
	uint64_t *free, *head;		/* both: a hole; none: in a run, not its first page */
	hx_pfn_t start, end;
};

size_t frames_book_bytes(uint64_t n_pages);
void frames_book_init(struct frames_book *b, void *room, const struct hx_zone *z);  /* all holes */
bool frames_book_is_free(const struct frames_book *b, hx_pfn_t pfn, unsigned order);
/* As look() of struct hx_frames_swap_ops; of the free pages those below end. */
uint8_t frames_book_look(const struct frames_book *b, hx_pfn_t pfn, hx_pfn_t end);
void frames_book_adopt(struct frames_book *b, hx_pfn_t pfn, uint8_t run);
void frames_book_split(struct frames_book *b, hx_pfn_t pfn, unsigned order);
/* Answers as free() of struct hx_frames_ops must. */
int frames_book_give(struct frames_book *b, hx_pfn_t pfn, unsigned order);

/* ---- a zone */

struct frames_side {
	const struct hx_frames_ops *ops;	/* NULL: there is no second */
	const struct hx_frames_swap_ops *more;
	struct hx_zone *view;
	bool is_bad;			/* answered wrongly: it is asked nothing any more */
};

/* Of one zone. All under its lock, but for what comes up before it is shared. */
struct frames_share {
	const struct hx_frames_ops *calls;	/* what core calls: the first's, or the guard's */
	struct frames_side first, second;	/* first.view is the zone */
	struct hx_zone view;		/* the second's; behind the commit of who has left */
	struct frames_book book;	/* of the second's pages; with on_trial of all */
	hx_pfn_t low, high;		/* [low, high) is the second's */
	uint64_t n_second, n_second_free;	/* its pages, and those that are free */
	uint64_t n_runs;		/* that went over */
	bool is_split;
	bool is_back;			/* pages go to the first */
	bool is_rescue;			/* the first is bad: all of it goes to the second */
	bool on_trial;			/* the first is on probation; second was there before */
	bool is_boot_meta;		/* the zone's metadata is what boot set aside */
	bool was_boot_meta;		/* the same of view */
};
extern struct frames_share frames_shares[HX_ZONE_COUNT];
extern const struct hx_kind frames_kind;

/* The zones with pages. */
#define FRAMES_SHARES_FOREACH(s_) \
	for (s_ = frames_shares; s_ < frames_shares + HX_ZONE_COUNT; s_++) \
		if (s_->first.view != NULL && s_->first.view->n_span != 0)

static inline struct frames_share *frames_share_of(const struct hx_zone *z)
{
	return &frames_shares[z - hx_frames_zone(HX_ZONE_DMA)];
}

static inline bool frames_second_has(const struct frames_share *s, hx_pfn_t pfn)
{
	return pfn - s->low < s->high - s->low;
}

/* What it answers is held against the book. */
static inline bool frames_on_book(const struct frames_share *s, const struct frames_side *side)
{
	return side == &s->second || s->on_trial;
}

/* Of a provider that can be swapped; NULL: it has none. */
const struct hx_frames_swap_ops *frames_swap_more(const struct hx_frames_ops *ops);

/* ---- frames_share.c: the zone is locked */
/* At most this many pages and one run. 0; -HX_EBADMSG, and the run in question has not moved. */
int frames_share_step(struct frames_share *s, hx_pfn_t n_pages);
hx_pfn_t frames_share_edge(const struct frames_share *s);	/* where the next step begins */
bool frames_share_is_over(const struct frames_share *s);	/* there is no next step */
/* From now on pages go to the first. */
void frames_share_turn(struct frames_share *s);
/* One step, because a run is wanted and nobody has it. False: that cannot help. */
bool frames_share_more(struct frames_share *s, unsigned order);
/* The second is the first, in whose view others see the zone, and the first the second. */
void frames_share_exchange(struct frames_share *s);
/* The first is bad: the second, emptied, gets all that the book has; step by step. */
void frames_share_rescue(struct frames_share *s);
void frames_caches_open(struct hx_zone *z);

/* ---- frames_guard.c */
extern const struct hx_frames_ops frames_guard_ops;
/* An answer of side was wrong. The zone is locked. Comes back unless nobody else is left. */
HX_PRINTF(3, 4) void frames_side_wrong(struct frames_share *s, struct frames_side *side,
				       const char *fmt, ...);
const char *frames_wrong_why(void);
/* From a side, if it answers as it must; the zone is locked. 0; -HX_ENOMEM. */
int frames_side_take(struct frames_share *s, struct frames_side *side, unsigned order,
		     hx_pfn_t *pfn);
void frames_guard_reset(void);

/* No zone is locked. */
/* Nobody else moves pages, ends a trial or throws anybody out until the other one is called. */
void frames_guard_hold(void);
void frames_guard_let_go(void);
/* While it is held: a trial begins, or goes on. False: who was on trial was wrong. */
bool frames_guard_begin(void);
bool frames_guard_is_on(void);		/* somebody is on trial, and was right so far */
bool frames_guard_is_bad(void);		/* somebody was wrong, and is not out of all zones */
/* While it is held: who was wrong is out, nobody is on trial or a second one any more, and only the
 * first's metadata remains. True: somebody was wrong. */
bool frames_guard_close(void);

static inline uint64_t frames_pages_of(uint64_t bytes)
{
	return (bytes + HX_PAGE_SIZE - 1) >> HX_PAGE_SHIFT;
}

#endif
