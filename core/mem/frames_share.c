/* SPDX-License-Identifier: MIT */
/*
 * Whose a page is while two frame allocators have pages of a zone: the moving of runs from one to
 * the other, and what others do meanwhile. frames_swap.c says when, and why this is right.
 */
#include <hx/core/assert.h>
#include <hx/core/string.h>
#include <hx/hal/mem.h>

#include "frames_share.h"

struct frames_share frames_shares[HX_ZONE_COUNT];

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
	frames_guard_reset();
	for (unsigned i = 0; i < HX_ZONE_COUNT; i++) {
		struct frames_share *s = &frames_shares[i];

		s->calls = ops;
		s->first = (struct frames_side){ ops, frames_swap_more(ops), hx_frames_zone(i) };
		s->second.view = &s->view;
		s->is_boot_meta = true;
	}
}

const struct hx_frames_ops *frames_swap_ops(const struct hx_zone *z)
{
	return frames_share_of(z)->calls;
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

/* What begins at a page of a side: as it says, or as the book does. */
static uint8_t run_at(struct frames_share *s, struct frames_side *from, hx_pfn_t pfn, hx_pfn_t end)
{
	uint8_t run, said;

	if (!frames_on_book(s, from))
		return from->more->look(from->view, pfn);
	run = frames_book_look(&s->book, pfn, end);
	said = from->is_bad ? run : from->more->look(from->view, pfn);
	if (said != run)
		frames_side_wrong(s, from, "says %#x of page %#jx, which is %#x", said, pfn, run);
	return run;
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

/* From one to the other. False: that one did not take it over; who had it has it. */
static bool run_move(struct frames_share *s, struct frames_side *from, struct frames_side *to,
		     hx_pfn_t pfn, uint8_t run)
{
	if (!from->is_bad)
		from->more->drop(from->view, pfn, run);
	to->more->adopt(to->view, pfn, run);
	if (run_is_there(to, pfn, run)) {
		if (!s->on_trial && to == &s->second)
			frames_book_adopt(&s->book, pfn, run);
		run_count(s, run);
		return true;
	}
	if (!from->is_bad)
		from->more->adopt(from->view, pfn, run);
	if (frames_on_book(s, to))
		frames_side_wrong(s, to, "did not take page %#jx over as %#x", pfn, run);
	return false;
}

int frames_share_step(struct frames_share *s, hx_pfn_t n_pages)
{
	struct frames_side *from = s->is_back ? &s->second : &s->first;
	struct frames_side *to = s->is_back ? &s->first : &s->second;
	hx_pfn_t *edge = s->is_back ? &s->low : &s->high;
	hx_pfn_t end = s->is_back ? s->high : s->first.view->end;
	bool is_rescue = s->is_rescue;

	for (hx_pfn_t stop = hx_min_u64(end, *edge + n_pages); *edge < stop; ) {
		uint8_t run = run_at(s, from, *edge, end);

		if (s->is_rescue != is_rescue)	/* from was found bad: it begins anew */
			return -HX_EBADMSG;
		if (run == HX_PAGE_NONE) {
			++*edge;
			continue;
		}
		if (!run_can_be(*edge, end, run) || !run_move(s, from, to, *edge, run))
			return -HX_EBADMSG;
		*edge += pages_of(run);
	}
	if (s->is_rescue && frames_share_is_over(s))
		frames_share_exchange(s);
	return 0;
}

hx_pfn_t frames_share_edge(const struct frames_share *s)
{
	return s->is_back ? s->low : s->high;
}

bool frames_share_is_over(const struct frames_share *s)
{
	return frames_share_edge(s) == (s->is_back ? s->high : s->first.view->end);
}

/* The block in which high is goes in one piece, so that low is the only edge inside one. */
void frames_share_turn(struct frames_share *s)
{
	hx_pfn_t low = s->low, block = hx_max_u64(low, hx_align_down(s->high, FRAMES_BLOCK));

	s->is_back = true;
	for (s->low = block; s->low < s->high && !s->is_rescue; )
		if (frames_share_step(s, FRAMES_BLOCK) != 0 && !s->is_rescue)
			s->low++;		/* lost */
	if (s->is_rescue)
		return;
	s->low = low;
	s->high = block;
}

bool frames_share_more(struct frames_share *s, unsigned order)
{
	hx_pfn_t rest = -frames_share_edge(s) & (FRAMES_BLOCK - 1);

	if (!s->is_split || frames_share_is_over(s))
		return false;
	if (s->first.is_bad || s->second.is_bad)
		return frames_share_step(s, FRAMES_STEP_PAGES) == 0 || s->is_rescue;
	/* The edge is inside a block: what is left of it may be part of a larger run. */
	return order != 0 && s->low != s->high && rest != 0 && frames_share_step(s, rest) == 0;
}

/* ---- who is the first */

/* What is the provider's in a view. */
static void views_exchange(struct hx_zone *a, struct hx_zone *b)
{
	struct hx_zone was;

	memcpy(was.priv, a->priv, sizeof(was.priv));
	memcpy(a->priv, b->priv, sizeof(a->priv));
	memcpy(b->priv, was.priv, sizeof(b->priv));
	was.meta = a->meta;
	was.meta_bytes = a->meta_bytes;
	was.state = a->state;
	a->meta = b->meta;
	a->meta_bytes = b->meta_bytes;
	a->state = b->state;
	b->meta = was.meta;
	b->meta_bytes = was.meta_bytes;
	b->state = was.state;
}

void frames_share_exchange(struct frames_share *s)
{
	struct frames_side was = s->first;
	bool was_boot_meta = s->is_boot_meta;

	views_exchange(s->first.view, &s->view);
	s->first.ops = s->second.ops;
	s->first.more = s->second.more;
	s->first.is_bad = s->second.is_bad;
	s->second = was;
	s->second.view = &s->view;
	s->is_boot_meta = s->was_boot_meta;
	s->was_boot_meta = was_boot_meta;
	s->is_split = s->is_back = s->is_rescue = s->on_trial = false;
	s->low = s->high = 0;
	s->n_second = s->n_second_free = 0;
}

void frames_share_rescue(struct frames_share *s)
{
	int err;

	memset(s->view.priv, 0, sizeof(s->view.priv));
	s->view.state = NULL;
	err = s->second.ops->init(&s->view);	/* as it did before, for the same span */
	hx_verify(err == 0);
	s->is_split = s->is_rescue = true;
	s->is_back = false;
	s->low = s->high = s->first.view->start;
	s->n_second = s->n_second_free = 0;
}

void frames_caches_open(struct hx_zone *z)
{
	bool can = z->state != NULL && z->n_span <= UINT32_MAX;

	__atomic_store_n(&z->n_cache_max, can ? HX_FRAMES_CACHE : 0, __ATOMIC_RELEASE);
}
