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
 * 6 z->n_free is of both. Metadata of the one who comes is taken as a run of pages; that of the one
 *   who goes is given back, also what boot had set aside.
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

#define STEP_PAGES	64u

HX_FAULT_POINT(frames_move, "frames.move", "a step of a swap of frame allocators fails");

void (*frames_swap_listen)(void);
bool frames_caches_shut;

/* ---- a zone's metadata, caches and views */

static uint64_t meta_pages(const struct hx_zone *view)
{
	return (view->meta_bytes + HX_PAGE_SIZE - 1) >> HX_PAGE_SHIFT;
}

static void meta_give(struct hx_zone *view)
{
	if (view->meta != NULL)
		hx_frames_free_run(hx_virt_to_phys(view->meta), meta_pages(view));
	view->meta = NULL;
}

/* The new one's view of a zone: all holes. */
static int view_up(struct hx_swap *swap, struct frames_share *s)
{
	const struct hx_zone *z = s->first.view;
	struct hx_zone *view = &s->view;
	const struct hx_frames_ops *new = swap->new;
	hx_paddr_t pa;
	int err;

	memset(view, 0, sizeof(*view));
	view->name = z->name;
	view->start = z->start;
	view->end = z->end;
	view->n_span = z->n_span;
	view->meta_bytes = new->meta_bytes(z->n_span);
	if (meta_pages(view) > FRAMES_BLOCK) {
		hx_snprintf(swap->why, sizeof(swap->why), "zone %s is too large for %s", z->name,
			    new->name);
		return -HX_ENOMEM;
	}
	err = hx_frames_alloc_run(hx_max_u64(1, meta_pages(view)), 0, 0, 0, &pa);
	if (err != 0)
		return err;
	view->meta = hx_phys_to_virt(pa);
	err = new->init(view);
	s->second = (struct frames_side){ new, frames_swap_more(new), view };
	return err;
}

static void caches_open(struct hx_zone *z)
{
	bool can = z->state != NULL && z->n_span <= UINT32_MAX;

	__atomic_store_n(&z->n_cache_max, can ? HX_FRAMES_CACHE : 0, __ATOMIC_RELEASE);
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

/* ---- the protocol */

static bool can_move(const struct hx_frames_ops *ops)
{
	const struct hx_frames_swap_ops *more = frames_swap_more(ops);

	return (ops->promises & HX_FRAMES_REUSES) != 0 && ops->split != NULL && more != NULL &&
	       more->look != NULL && more->drop != NULL && more->adopt != NULL;
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
	FRAMES_SHARES_FOREACH(s)
		if (err == 0)
			err = view_up(swap, s);
	return err;
}

/* Nobody has to stand still. */
static int swap_quiesce(struct hx_swap *swap)
{
	struct frames_share *s;

	FRAMES_SHARES_FOREACH(s) {
		struct hx_zone *z = s->first.view;
		hx_irqflags_t irq = hx_spin_lock_irqsave(&z->lock);

		caches_shut(z);
		s->low = s->high = z->start;
		s->n_second = s->n_second_free = s->n_runs = 0;
		s->is_back = s->is_wrong = false;
		s->is_split = true;
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
	struct frames_side *side = &s->second;
	hx_pfn_t p[HX_FRAMES_MAX_ORDER + 1];
	unsigned got = 0;
	bool ok = true;

	for (unsigned k = 0; ok && k <= HX_FRAMES_MAX_ORDER; k++) {
		if (frames_share_take(s, k, &p[k]) != 0) {
			ok = !s->is_wrong && (k > 0 || s->n_second_free == 0);
			continue;
		}
		got |= 1u << k;
		ok = side->more->look(side->view, p[k]) == (HX_PAGE_TAKEN | k);
		for (unsigned i = 0; i < k; i++)
			ok = ok && ((got >> i & 1) == 0 || p[i] - p[k] >= 1ull << k);
	}
	for (unsigned k = 0; k <= HX_FRAMES_MAX_ORDER; k++) {
		if ((got >> k & 1) != 0 && side->ops->free(side->view, p[k], k) == 0)
			s->n_second_free += 1ull << k;
		else
			ok = ok && (got >> k & 1) == 0;
	}
	return ok ? 0 : -HX_EBADMSG;
}

/* Everything is the new one's now, and it says the same of it as the old one. */
static int share_is_over(struct frames_share *s)
{
	const struct hx_zone *z = s->first.view;

	return s->n_second == z->n_pages && s->n_second_free == z->n_free && !s->is_wrong
	       ? share_probe(s) : -HX_EBADMSG;
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
		err = s->is_wrong ? -HX_EBADMSG : frames_share_step(s, STEP_PAGES);
		is_over = frames_share_edge(s) == (s->is_back ? s->high : z->end);
		if (err == 0 && is_over && !s->is_back)
			err = share_is_over(s);
		hx_spin_unlock_irqrestore(&z->lock, irq);
		if (frames_swap_listen != NULL)
			frames_swap_listen();
	}
	return err;
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
			hx_snprintf(swap->why, sizeof(swap->why), "zone %s: %s of %s at page %#jx",
				    s->first.view->name, s->is_wrong ? "wrong page" : "wrong word",
				    s->second.ops->name, frames_share_edge(s));
	}
	return err;
}

static void swap_commit(struct hx_swap *swap)
{
	struct frames_share *s;

	FRAMES_SHARES_FOREACH(s) {
		struct hx_zone *z = s->first.view;
		hx_irqflags_t irq = hx_spin_lock_irqsave(&z->lock);

		views_exchange(z, &s->view);
		s->first.ops = s->second.ops;
		s->first.more = s->second.more;
		s->was_boot_meta = s->is_boot_meta;
		s->is_boot_meta = s->is_split = false;
		s->low = s->high = 0;
		s->n_second = s->n_second_free = 0;
		caches_open(z);
		hx_spin_unlock_irqrestore(&z->lock, irq);
	}
	__atomic_store_n(&frames_current, swap->new, __ATOMIC_RELEASE);
}

static void share_step_back(struct frames_share *s, hx_pfn_t n_pages)
{
	if (frames_share_step(s, n_pages) != 0)
		s->low++;		/* lost */
}

/* The block in which high is, in one piece, so that low is the only edge inside one. */
static void share_turn(struct frames_share *s)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&s->first.view->lock);
	hx_pfn_t low = s->low, block = hx_max_u64(low, hx_align_down(s->high, FRAMES_BLOCK));

	s->is_back = true;
	for (s->low = block; s->low < s->high; )
		share_step_back(s, FRAMES_BLOCK);
	s->low = low;
	s->high = block;
	hx_spin_unlock_irqrestore(&s->first.view->lock, irq);
}

/* All that the second says it has goes back; it tells nothing but the truth, or pages are lost. */
static void share_join(struct frames_share *s)
{
	struct hx_zone *z = s->first.view;
	hx_irqflags_t irq;

	share_turn(s);
	for (;;) {
		irq = hx_spin_lock_irqsave(&z->lock);
		share_step_back(s, STEP_PAGES);
		if (s->low >= s->high)
			break;
		hx_spin_unlock_irqrestore(&z->lock, irq);
		if (frames_swap_listen != NULL)
			frames_swap_listen();
	}
	z->n_free -= s->n_second_free;
	z->n_pages -= s->n_second;
	s->is_split = s->is_back = false;
	s->low = s->high = 0;
	caches_open(z);
	hx_spin_unlock_irqrestore(&z->lock, irq);
	if (s->n_second != 0)
		hx_error("mem", "frames: zone %s: %s lost %ju pages, %ju of them free", z->name,
			 s->second.ops->name, s->n_second, s->n_second_free);
	s->n_second = s->n_second_free = 0;
}

static void swap_undo(struct hx_swap *swap)
{
	struct frames_share *s;

	FRAMES_SHARES_FOREACH(s) {
		if (s->is_split)
			share_join(s);
		meta_give(&s->view);
	}
}

/* Who left is inside nowhere: the lock was ours behind the change. */
static void swap_retire(struct hx_swap *swap)
{
	struct frames_share *s;

	FRAMES_SHARES_FOREACH(s) {
		struct hx_zone *z = s->first.view;
		uint64_t n = meta_pages(&s->view);
		hx_pfn_t pfn = hx_virt_to_phys(s->view.meta) >> HX_PAGE_SHIFT;
		hx_irqflags_t irq;

		if (!s->was_boot_meta) {
			meta_give(&s->view);
			continue;
		}
		s->view.meta = NULL;
		irq = hx_spin_lock_irqsave(&z->lock);
		s->first.ops->add_range(z, pfn, pfn + n);
		z->n_pages += n;
		z->n_free += n;
		hx_spin_unlock_irqrestore(&z->lock, irq);
	}
}

const struct hx_swap_class frames_swap_class = {
	.prepare = swap_prepare, .quiesce = swap_quiesce, .export = swap_export,
	.import = swap_import, .commit = swap_commit, .undo = swap_undo, .retire = swap_retire,
};

/* ---- the node */

static HX_COLD int zones_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct frames_share *s;

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
		hx_text_puts(out, "\n");
	}
	return 0;
}

static const struct hx_node zones_node = {
	.path = "/slots/frames/zones", .help = "whose the pages of each zone are, and its metadata",
	.rights = HX_NODE_READ, .max_bytes = 1024, .show = zones_show,
};
HX_NODE(zones_node);
