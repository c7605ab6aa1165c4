/* SPDX-License-Identifier: MIT */
/*
 * A zone whose pages two frame allocators have (CONFIG_FRAMES_SWAP), as frames_share.c and
 * frames_swap.c see it.
 *
 *	first    | start … low |             | high …          end |
 *	second                 | low … high  |
 */
#ifndef HX_MEM_FRAMES_SHARE_H
#define HX_MEM_FRAMES_SHARE_H

#include "mem_priv.h"

#define FRAMES_BLOCK	(1ull << HX_FRAMES_MAX_ORDER)

struct frames_side {
	const struct hx_frames_ops *ops;
	const struct hx_frames_swap_ops *more;
	struct hx_zone *view;
};

/* Of one zone. All under its lock, but for view and its side before they are shared. */
struct frames_share {
	struct frames_side first, second;	/* first.view is the zone */
	struct hx_zone view;		/* the second's; behind the commit of who has left */
	hx_pfn_t low, high;		/* [low, high) is the second's */
	uint64_t n_second, n_second_free;	/* its pages, and those that are free */
	uint64_t n_runs;		/* that went over */
	bool is_split;
	bool is_back;			/* pages go to the first */
	bool is_wrong;			/* the second gave what it does not have */
	bool is_boot_meta;		/* the zone's metadata is what boot set aside */
	bool was_boot_meta;		/* the same of view, behind the commit */
};
extern struct frames_share frames_shares[HX_ZONE_COUNT];

/* The zones with pages. */
#define FRAMES_SHARES_FOREACH(s_) \
	for (s_ = frames_shares; s_ < frames_shares + HX_ZONE_COUNT; s_++) \
		if (s_->first.view != NULL && s_->first.view->n_span != 0)

/* Of a provider that can be swapped; NULL: it has none. */
const struct hx_frames_swap_ops *frames_swap_more(const struct hx_frames_ops *ops);

/* The zone is locked. */
/* At most this many pages and one run. 0; -HX_EBADMSG, and the run in question has not moved. */
int frames_share_step(struct frames_share *s, hx_pfn_t n_pages);
hx_pfn_t frames_share_edge(const struct frames_share *s);	/* where the next step begins */
/* From the second, if it answers as it must. 0; -HX_ENOMEM. */
int frames_share_take(struct frames_share *s, unsigned order, hx_pfn_t *pfn);

#endif
