// SPDX-License-Identifier: MIT
/*
 * Replacing the frame allocator while the kernel runs (CONFIG_FRAMES_SWAP). What the old one knows
 * of each page goes over to the new one, run by run, from the lowest page up:
 *
 *	first    | start … low |             | high …          end |
 *	second                 | low … high  |
 *
 * 1 Whose a page is, its number says, at any moment: so runs are taken from either, and given back
 *   to the one who has them. Nobody has two, nobody has none.
 * 2 Before the commit the first is the old one, in whose view of the zone (struct hx_zone) all
 *   others see it, and the second, with a view of its own, is the new one. It is asked for pages
 *   only when the first has none. Undoing moves low up to high.
 * 3 A step is some 64 pages, with the zone's lock. Between two steps anybody comes in. No provider
 *   is entered without that lock, so who has had it after a change knows that nobody is inside.
 * 4 Meanwhile the zone's caches of single pages are shut: CACHED is a state of one provider's.
 * 5 A run of 2^k pages lies in one aligned block of 2^MAX_ORDER. Only where the edge is inside such
 *   a block can free pages be together and not be found: then the rest of the block is moved.
 * 6 z->n_free is of both. Metadata of the one who comes is taken as a run of pages, and so is a
 *   book of what goes over: the second's answers are held against it (frames_guard.c).
 * 7 Behind the commit the new one is the first, on trial, with the book of all pages; the old one
 *   is the second, with no page and its metadata. A swap back finds both. At the end of probation
 *   the metadata is given back, also what boot had set aside, and the book.
 */
#include <hx/config/core_slot.h>
#include <hx/core/assert.h>
#include <hx/core/fault.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/names.h>
#include <hx/core/printf.h>
#include <hx/core/slot.h>
#include <hx/core/string.h>
#include <hx/core/swap.h>
#include <hx/hal/mem.h>
#include <hx/hal/mmu.h>

#include "frames_share.h"

HX_FAULT_POINT(frames_move, "frames.move", "a step of a swap of frame allocators fails");

void (*frames_swap_listen)(void);
bool frames_caches_shut;

/* ---- what comes up for a zone */

static int pages_up(uint64_t bytes, void **room)
{
	hx_paddr_t pa;
	int err = hx_frames_alloc_run(hx_max_u64(1, frames_pages_of(bytes)), 0, 0, 0, &pa);

	if (err == 0)
		*room = hx_phys_to_virt(pa);
	return err;
}

/* A view of a zone for the new one, all holes, and an empty book. */
static int share_up(struct hx_swap *swap, struct frames_share *s)
{
	const struct hx_zone *z = s->first.view;
	const struct hx_frames_ops *new = swap->new;
	struct hx_zone *view = &s->view;
	void *room;
	int err;

	memset(view, 0, sizeof(*view));
	view->name = z->name;
	view->start = z->start;
	view->end = z->end;
	view->n_span = z->n_span;
	view->meta_bytes = hx_max_u64(1, new->meta_bytes(z->n_span));
	if (frames_pages_of(view->meta_bytes) > FRAMES_BLOCK ||
	    frames_pages_of(frames_book_bytes(z->n_span)) > FRAMES_BLOCK) {
		hx_snprintf(swap->why, sizeof(swap->why), "zone %s is too large for %s", z->name,
			    new->name);
		return -HX_ENOMEM;
	}
	err = pages_up(frames_book_bytes(z->n_span), &room);
	if (err != 0)
		return err;
	frames_book_init(&s->book, room, z);
	err = pages_up(view->meta_bytes, &view->meta);
	if (err == 0)
		err = new->init(view);
	s->second.ops = new;
	s->second.more = frames_swap_more(new);
	return err;
}

static void caches_shut(struct hx_zone *z)
{
	__atomic_store_n(&z->n_cache_max, 0, __ATOMIC_RELEASE);
	while (z->n_cached > 0) {
		uint32_t idx = z->cache[--z->n_cached];

		z->state[idx] = HX_PAGE_TAKEN;
		hx_verify(frames_swap_ops(z)->free(z, z->start + idx, 0) == 0);
		z->n_free++;
	}
	if (HX_ENABLED(ONE_CPU))
		return;
	__atomic_store_n(&frames_caches_shut, true, __ATOMIC_RELAXED);
	frames_cpus_drain(z);
	__atomic_store_n(&frames_caches_shut, false, __ATOMIC_RELAXED);
}

/* ---- the protocol */

static bool can_move(const struct hx_frames_ops *ops)
{
	const struct hx_frames_swap_ops *more = frames_swap_more(ops);

	return (ops->promises & HX_FRAMES_REUSES) != 0 && ops->split != NULL && more != NULL &&
	       more->look != NULL && more->drop != NULL && more->adopt != NULL;
}

/* The one before comes back, and has all it needs. */
static bool is_second(const void *new)
{
	struct frames_share *s;
	bool is = frames_guard_is_on();

	FRAMES_SHARES_FOREACH(s)
		is = is && s->second.ops == new && !s->second.is_bad;
	return is;
}

static int swap_prepare(struct hx_swap *swap)
{
	const struct hx_frames_ops *old = swap->old, *new = swap->new;
	struct frames_share *s;
	int err = 0;

	if (!can_move(old) || !can_move(new)) {
		hx_snprintf(swap->why, sizeof(swap->why), "%s cannot hand pages over",
			    can_move(old) ? new->name : old->name);
		return -HX_ENOTSUP;
	}
	frames_guard_hold();
	swap->priv = &frames_shares;	/* it is held */
	if (is_second(new))
		return 0;
	/* Whoever asks for a third one has decided on the one in the slot. */
	if (frames_guard_close() || frames_current != old) {
		hx_snprintf(swap->why, sizeof(swap->why), "%s has failed", old->name);
		return -HX_EBADMSG;
	}
	FRAMES_SHARES_FOREACH(s)
		if (err == 0)
			err = share_up(swap, s);
	return err;
}

/* Nobody has to stand still. */
static int swap_quiesce(struct hx_swap *swap)
{
	struct frames_share *s;

	FRAMES_SHARES_FOREACH(s) {
		struct hx_zone *z = s->first.view;
		hx_irqflags_t irq = hx_spin_lock_irqsave(&z->lock);

		s->n_runs = 0;
		if (!s->is_rescue) {
			caches_shut(z);
			s->low = s->high = z->start;
			s->n_second = s->n_second_free = 0;
			s->is_back = false;
			s->is_split = true;
			s->calls = &frames_guard_ops;
		}
		hx_spin_unlock_irqrestore(&z->lock, irq);
	}
	return 0;
}

/* What one knows and the other does not is never in one piece: swap_import() moves it. */
static int swap_export(struct hx_swap *swap)
{
	return 0;
}

/* Some runs of each order, from the new one alone, and back. */
static int share_probe(struct frames_share *s)
{
	struct hx_zone *z = s->first.view;
	hx_pfn_t p[HX_FRAMES_MAX_ORDER + 1];
	unsigned got = 0;

	for (unsigned k = 0; k <= HX_FRAMES_MAX_ORDER; k++)
		if (frames_side_take(s, &s->second, k, &p[k]) == 0)
			got |= 1u << k;
	for (unsigned k = 0; k <= HX_FRAMES_MAX_ORDER; k++)
		if ((got >> k & 1) != 0)
			hx_verify(s->calls->free(z, p[k], k) == 0);	/* as the book says */
	return s->second.is_bad ? -HX_EBADMSG : 0;
}

/* Everything is the new one's now, as core counts. */
static int share_is_done(struct frames_share *s)
{
	const struct hx_zone *z = s->first.view;

	return s->n_second == z->n_pages && s->n_second_free == z->n_free ? share_probe(s)
	       : -HX_EBADMSG;
}

static int share_move(struct frames_share *s)
{
	struct hx_zone *z = s->first.view;
	bool is_over = false;
	int err = 0;

	while (err == 0 && !is_over) {
		hx_irqflags_t irq;

		if (hx_fault_hits("frames.move"))
			return -HX_EIO;
		irq = hx_spin_lock_irqsave(&z->lock);
		if (!frames_guard_is_bad() && !s->second.is_bad)
			err = frames_share_step(s, FRAMES_STEP_PAGES);
		if (frames_guard_is_bad() || s->second.is_bad)
			err = -HX_EBADMSG;
		is_over = frames_share_is_over(s);
		if (err == 0 && is_over)
			err = share_is_done(s);
		hx_spin_unlock_irqrestore(&z->lock, irq);
		if (frames_swap_listen != NULL)
			frames_swap_listen();
	}
	return err;
}

/* The new one was wrong, or the old one, which may be on trial or not. */
static void say_why(struct hx_swap *swap, const struct frames_share *s)
{
	const struct frames_side *side = s->second.is_bad ? &s->second : &s->first;
	const char *why = frames_wrong_why();

	hx_snprintf(swap->why, sizeof(swap->why), "zone %s: %s %s", s->first.view->name,
		    side->ops->name, why[0] != '\0' ? why : "has not what it counts");
}

static int swap_import(struct hx_swap *swap)
{
	struct frames_share *s;
	int err = 0;

	FRAMES_SHARES_FOREACH(s) {
		if (err != 0)
			break;
		err = share_move(s);
		swap->n_items += s->n_runs;
		swap->n_bytes += s->n_runs;		/* each is told by one */
		if (err == -HX_EBADMSG)
			say_why(swap, s);
	}
	return err;
}

static void swap_commit(struct hx_swap *swap)
{
	bool is_trial = frames_guard_begin();
	struct frames_share *s;

	FRAMES_SHARES_FOREACH(s) {
		struct hx_zone *z = s->first.view;
		hx_irqflags_t irq = hx_spin_lock_irqsave(&z->lock);

		/* The old one may have been on trial, and found wrong just now. */
		while (s->is_rescue)
			(void)frames_share_step(s, FRAMES_BLOCK);
		if (s->first.ops != swap->new)
			frames_share_exchange(s);
		s->on_trial = is_trial;
		hx_spin_unlock_irqrestore(&z->lock, irq);
	}
	__atomic_store_n(&frames_current, swap->new, __ATOMIC_RELEASE);
}

static void share_step_back(struct frames_share *s)
{
	if (frames_share_step(s, FRAMES_STEP_PAGES) != 0 && !s->is_rescue)
		s->low++;		/* lost */
}

/* All that the second has goes back. */
static void share_join(struct frames_share *s)
{
	struct hx_zone *z = s->first.view;
	hx_irqflags_t irq = hx_spin_lock_irqsave(&z->lock);
	uint64_t n_lost;

	if (!s->is_back)
		frames_share_turn(s);
	while (!s->is_rescue) {
		share_step_back(s);
		if (s->is_rescue || s->low >= s->high)
			break;
		hx_spin_unlock_irqrestore(&z->lock, irq);
		if (frames_swap_listen != NULL)
			frames_swap_listen();
		irq = hx_spin_lock_irqsave(&z->lock);
	}
	if (s->is_rescue) {		/* who was to get it is wrong */
		hx_spin_unlock_irqrestore(&z->lock, irq);
		return;
	}
	n_lost = s->n_second;
	z->n_free -= s->n_second_free;
	z->n_pages -= s->n_second;
	s->is_split = s->is_back = false;
	s->low = s->high = 0;
	s->n_second = s->n_second_free = 0;
	hx_spin_unlock_irqrestore(&z->lock, irq);
	if (n_lost != 0)
		hx_error("mem", "frames: zone %s: %s lost %ju pages", z->name, s->second.ops->name,
			 n_lost);
}

static void swap_undo(struct hx_swap *swap)
{
	struct frames_share *s;

	if (swap->priv == NULL)
		return;
	FRAMES_SHARES_FOREACH(s)
		if (s->is_split && !s->is_rescue)
			share_join(s);
	/* The old one's trial goes on if the one before it is still good. */
	if (!is_second(swap->new))
		(void)frames_guard_close();
	frames_guard_let_go();
}

/* The rest waits for the end of probation. */
static void swap_retire(struct hx_swap *swap)
{
	if (frames_guard_is_bad() || hx_swap_before(&frames_kind) == NULL)
		(void)frames_guard_close();
	frames_guard_let_go();
}

const struct hx_swap_class frames_swap_class = {
	.prepare = swap_prepare, .quiesce = swap_quiesce, .export = swap_export,
	.import = swap_import, .commit = swap_commit, .undo = swap_undo, .retire = swap_retire,
};

/* ---- the node */

static HX_COLD int zones_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct frames_share *s;

	frames_swap_poll();
	FRAMES_SHARES_FOREACH(s) {
		struct hx_zone *z = s->first.view;
		hx_irqflags_t irq = hx_spin_lock_irqsave(&z->lock);
		struct frames_share now = *s;
		size_t meta_bytes = z->meta_bytes;

		hx_spin_unlock_irqrestore(&z->lock, irq);
		hx_text_printf(out, "zone=%s provider=%s meta_bytes=%zu meta=%s", z->name,
			       now.first.ops->name, meta_bytes, now.is_boot_meta ? "boot" : "run");
		if (now.is_split)
			hx_text_printf(out, " second=%s pages=%ju free=%ju", now.second.ops->name,
				       now.n_second, now.n_second_free);
		else if (now.on_trial)
			hx_text_printf(out, " before=%s", now.second.ops->name);
		hx_text_puts(out, "\n");
	}
	return 0;
}

static const struct hx_node zones_node = {
	.path = "/slots/frames/zones", .help = "whose the pages of each zone are, and its metadata",
	.rights = HX_NODE_READ, .max_bytes = 1024, .show = zones_show,
};
HX_NODE(zones_node);
