/* SPDX-License-Identifier: MIT */
/*
 * Whose a page is while two frame allocators have pages of a zone: the moving of runs from one to
 * the other, and what others do meanwhile. frames_swap.c says when, and why this is right.
 */
#include <hx/core/string.h>
#include <hx/hal/mem.h>

#include "frames_share.h"

struct frames_share frames_shares[HX_ZONE_COUNT];

static struct frames_share *share_of(const struct hx_zone *z)
{
	return &frames_shares[z - hx_frames_zone(HX_ZONE_DMA)];
}

const struct hx_frames_swap_ops *frames_swap_more(const struct hx_frames_ops *ops)
{
	const struct hx_frames_swap_ops *const *it;

	HX_SECTION_FOREACH(it, hx_frames_swaps) {
		if (hx_strcmp((*it)->name, ops->name) == 0 && (*it)->abi == HX_FRAMES_SWAP_ABI)
			return *it;
	}
	return NULL;
}

HX_COLD void frames_swap_start(const struct hx_frames_ops *ops)
{
	memset(frames_shares, 0, sizeof(frames_shares));
	for (unsigned i = 0; i < HX_ZONE_COUNT; i++) {
		struct frames_share *s = &frames_shares[i];

		s->first = (struct frames_side){ ops, frames_swap_more(ops), hx_frames_zone(i) };
		s->is_boot_meta = true;
	}
}

/* ---- moving */

static uint64_t pages_of(uint8_t run)
{
	return 1ull << (run & HX_PAGE_ORDER);
}

static bool is_free(uint8_t run)
{
	return (run & HX_PAGE_CACHED) == HX_PAGE_FREE;
}

/* What somebody said of pfn: no more than a run can be. */
static bool run_can_be(hx_pfn_t pfn, hx_pfn_t end, uint8_t run)
{
	return (is_free(run) || (run & HX_PAGE_CACHED) == HX_PAGE_TAKEN) &&
	       (run & HX_PAGE_ORDER) <= HX_FRAMES_MAX_ORDER && (pfn & (pages_of(run) - 1)) == 0 &&
	       pages_of(run) <= end - pfn;
}

/* Free pages may be more than what was moved: they merge. */
static bool run_is_there(const struct frames_side *s, hx_pfn_t pfn, uint8_t run)
{
	uint8_t said = s->more->look(s->view, pfn);

	return said == run || (is_free(run) && is_free(said) && said > run);
}

static void run_count(struct frames_share *s, uint8_t run)
{
	uint64_t n = s->is_back ? -pages_of(run) : pages_of(run);

	s->n_runs++;
	s->n_second += n;
	if (is_free(run))
		s->n_second_free += n;
}

/* At most this many pages and one run. 0; -HX_EBADMSG, and the run in question has not moved. */
int frames_share_step(struct frames_share *s, hx_pfn_t n_pages)
{
	struct frames_side *from = s->is_back ? &s->second : &s->first;
	struct frames_side *to = s->is_back ? &s->first : &s->second;
	hx_pfn_t *edge = s->is_back ? &s->low : &s->high;
	hx_pfn_t end = s->is_back ? s->high : s->first.view->end;

	for (hx_pfn_t stop = hx_min_u64(end, *edge + n_pages); *edge < stop; ) {
		uint8_t run = from->more->look(from->view, *edge);

		if (run == HX_PAGE_NONE) {
			++*edge;
			continue;
		}
		if (!run_can_be(*edge, end, run))
			return -HX_EBADMSG;
		from->more->drop(from->view, *edge, run);
		to->more->adopt(to->view, *edge, run);
		if (!run_is_there(to, *edge, run)) {
			from->more->adopt(from->view, *edge, run);
			return -HX_EBADMSG;
		}
		run_count(s, run);
		*edge += pages_of(run);
	}
	return 0;
}

hx_pfn_t frames_share_edge(const struct frames_share *s)
{
	return s->is_back ? s->low : s->high;
}

/* The edge is inside a block: move what is left of it. False: it was not, or that went wrong. */
static bool share_finish_block(struct frames_share *s)
{
	hx_pfn_t rest = -frames_share_edge(s) & (FRAMES_BLOCK - 1);

	return s->low != s->high && rest != 0 && frames_share_step(s, rest) == 0;
}

/* ---- pages taken and given back meanwhile; the zone is locked */

const struct hx_frames_ops *frames_swap_ops(const struct hx_zone *z)
{
	return share_of(z)->first.ops;
}

static bool second_has(const struct frames_share *s, hx_pfn_t pfn)
{
	return pfn - s->low < s->high - s->low;
}

int frames_share_take(struct frames_share *s, unsigned order, hx_pfn_t *pfn)
{
	hx_pfn_t p;
	int err = s->n_second_free < 1ull << order || s->is_wrong ? -HX_ENOMEM
		  : s->second.ops->alloc(s->second.view, order, &p);

	if (err != 0)
		return err;
	/* It is new, and is not believed before it has the slot. */
	if ((p & ((1ull << order) - 1)) != 0 || !second_has(s, p) ||
	    s->high - p < 1ull << order) {
		s->is_wrong = true;
		return -HX_ENOMEM;
	}
	s->n_second_free -= 1ull << order;
	*pfn = p;
	return 0;
}

static HX_NOINLINE int share_take(struct frames_share *s, unsigned order, hx_pfn_t *pfn)
{
	int err = frames_share_take(s, order, pfn);

	if (err == 0 || order == 0 || !share_finish_block(s))
		return err;
	err = s->first.ops->alloc(s->first.view, order, pfn);
	return err == 0 ? 0 : frames_share_take(s, order, pfn);
}

int frames_swap_take(struct hx_zone *z, unsigned order, hx_pfn_t *pfn)
{
	struct frames_share *s = share_of(z);
	int err = s->first.ops->alloc(z, order, pfn);

	return err != 0 && s->is_split ? share_take(s, order, pfn) : err;
}

int frames_swap_give(struct hx_zone *z, hx_pfn_t pfn, unsigned order)
{
	struct frames_share *s = share_of(z);
	int err;

	if (!second_has(s, pfn))
		return s->first.ops->free(z, pfn, order);
	err = s->second.ops->free(s->second.view, pfn, order);
	s->n_second_free += err == 0 ? 1ull << order : 0;
	return err;
}

void frames_swap_split(struct hx_zone *z, hx_pfn_t pfn, unsigned order)
{
	struct frames_share *s = share_of(z);
	struct frames_side *side = second_has(s, pfn) ? &s->second : &s->first;

	side->ops->split(side->view, pfn, order);
}

HX_COLD void frames_swap_count(const struct hx_zone *z, uint64_t by_order[HX_FRAMES_MAX_ORDER + 1])
{
	const struct frames_share *s = share_of(z);
	uint64_t more[HX_FRAMES_MAX_ORDER + 1] = { 0 };

	if (s->first.ops->count_free != NULL)
		s->first.ops->count_free(z, by_order);
	if (!s->is_split || s->second.ops->count_free == NULL)
		return;
	s->second.ops->count_free(s->second.view, more);
	for (unsigned k = 0; k <= HX_FRAMES_MAX_ORDER; k++)
		by_order[k] += more[k];
}

/* Each is held to its own part of the figures. */
HX_COLD int frames_swap_check(struct hx_zone *z)
{
	struct frames_share *s = share_of(z);
	uint64_t n_pages = z->n_pages, n_free = z->n_free;
	int err;

	z->n_pages -= s->n_second;
	z->n_free -= s->n_second_free;
	err = s->first.ops->check != NULL ? s->first.ops->check(z) : 0;
	z->n_pages = n_pages;
	z->n_free = n_free;
	if (err != 0 || !s->is_split || s->second.ops->check == NULL)
		return err;
	s->view.n_pages = s->n_second;
	s->view.n_free = s->n_second_free;
	return s->second.ops->check(s->second.view);
}
