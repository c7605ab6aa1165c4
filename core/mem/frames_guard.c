// SPDX-License-Identifier: MIT
/*
 * A frame allocator that nobody knows yet is called through a guard: what it answers is held
 * against a book that core keeps of each page, and who answers wrongly is thrown out.
 *
 * 1 Whom. The new one while pages go over to it, and behind the commit as long as it is on
 *   probation. All others are called directly: share->calls is what core calls, the provider's own
 *   table or the guard's. The caches of single pages are shut meanwhile, so that each page is seen.
 * 2 A wrong answer: a page outside the zone, not aligned, of the other side, out already, or a
 *   hole; no page though some are free; a bad free taken, a good one refused; an error that is
 *   none; other counts; another word of a page that moves. Nobody gets such a page. A free is
 *   answered as the book says.
 * 3 Out. The book is whole, so nothing is asked of the bad one any more. Its successor, who was
 *   there before and still has its metadata, begins empty and gets all pages as the book has them,
 *   some at each call: by number low ones are the successor's and high ones in the book alone. A
 *   free there is written into the book; an allocation moves pages until it has some. Other zones
 *   follow.
 * 4 The end of all that costs time and gives memory back, so it is not done under a zone's lock:
 *   whoever calls next does some of it behind his own call (frames_swap_work()).
 * 5 TRIAL becomes BAD or OVER, for all zones at one moment: who is trusted in one is trusted in
 *   all. What is wrong from then on stops the kernel, as without swaps; so does a second one that
 *   is wrong while the first is thrown out.
 */
#include <hx/core/assert.h>
#include <hx/core/init.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/hal/cpu.h>
#include <hx/hal/mem.h>
#include <hx/hal/mmu.h>

#include "frames_share.h"

#define WORK_STEPS	4u	/* of each zone behind one call */

enum guard_state { GUARD_NONE, GUARD_TRIAL, GUARD_BAD, GUARD_OVER };

/* Field keys: a atomic, h who holds the guard, w who made noted 1. */
bool frames_swap_due;				/* a somebody is to call frames_swap_work() */
static uint32_t guard_held;			/* a */
static enum guard_state guard_state;		/* a */
static const struct hx_frames_ops *guard_bad;	/* a set before BAD */
static uint32_t guard_noted;			/* a */
static char guard_why[HX_SWAP_WHY_MAX];		/* w the first wrong answer */

void frames_guard_reset(void)
{
	frames_swap_due = false;
	guard_held = guard_noted = 0;
	guard_state = GUARD_NONE;
}

static bool state_from(enum guard_state was, enum guard_state now)
{
	return __atomic_compare_exchange_n(&guard_state, &was, now, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

static bool state_is(enum guard_state state)
{
	return __atomic_load_n(&guard_state, __ATOMIC_SEQ_CST) == state;
}

const char *frames_wrong_why(void)
{
	return guard_why;
}

void frames_side_wrong(struct frames_share *s, struct frames_side *side, const char *fmt, ...)
{
	va_list ap;

	if (__atomic_exchange_n(&guard_noted, 1, __ATOMIC_ACQUIRE) == 0) {
		va_start(ap, fmt);
		hx_vsnprintf(guard_why, sizeof(guard_why), fmt, ap);
		va_end(ap);
	}
	side->is_bad = true;
	if (side == &s->second && !s->first.is_bad) {
		if (s->is_split && !s->is_back)
			frames_share_turn(s);
		return;
	}
	if (side == &s->first) {
		__atomic_store_n(&guard_bad, side->ops, __ATOMIC_RELEASE);
		(void)state_from(GUARD_TRIAL, GUARD_BAD);
	}
	if (side == &s->second || !state_is(GUARD_BAD) || s->second.ops == NULL || s->second.is_bad)
		hx_bug("frames provider %s %s", side->ops->name, guard_why);
	frames_share_rescue(s);
	__atomic_store_n(&frames_swap_due, true, __ATOMIC_RELAXED);
}

/* ---- in place of the provider's; the zone is locked */

static uint64_t side_n_free(const struct frames_share *s, const struct frames_side *side)
{
	return side == &s->second ? s->n_second_free : s->first.view->n_free - s->n_second_free;
}

/* Whether a side may give that run. */
static bool page_is_right(const struct frames_share *s, const struct frames_side *side, hx_pfn_t p,
			  unsigned order)
{
	const struct hx_zone *z = s->first.view;
	uint64_t n = 1ull << order;

	return (p & (n - 1)) == 0 && p - z->start < z->n_span && n <= z->end - p &&
	       frames_second_has(s, p) == (side == &s->second) &&
	       frames_second_has(s, p + n - 1) == (side == &s->second) &&
	       frames_book_is_free(&s->book, p, order);
}

int frames_side_take(struct frames_share *s, struct frames_side *side, unsigned order,
		     hx_pfn_t *pfn)
{
	hx_pfn_t p = 0;
	int err;

	if (side->is_bad || (side == &s->second && s->n_second_free < 1ull << order))
		return -HX_ENOMEM;
	err = side->ops->alloc(side->view, order, &p);
	if (frames_on_book(s, side)) {
		if (err == 0 ? !page_is_right(s, side, p, order)
			     : err != -HX_ENOMEM || (order == 0 && side_n_free(s, side) != 0)) {
			frames_side_wrong(s, side, "gave page %#jx of order %u (%d)", p, order,
					  err);
			return -HX_ENOMEM;
		}
		if (err == 0)
			frames_book_adopt(&s->book, p, (uint8_t)(HX_PAGE_TAKEN | order));
	}
	if (err != 0)
		return err;
	if (side == &s->second)
		s->n_second_free -= 1ull << order;
	*pfn = p;
	return 0;
}

/* Is the trial over? That is done when the zone is not locked. */
static void look_at_clock(const struct frames_share *s)
{
	if (s->on_trial && !s->is_split && hx_swap_before(&frames_kind) == NULL)
		__atomic_store_n(&frames_swap_due, true, __ATOMIC_RELAXED);
}

static int guard_take(struct hx_zone *z, unsigned order, hx_pfn_t *pfn)
{
	struct frames_share *s = frames_share_of(z);
	int err;

	look_at_clock(s);
	do {
		err = frames_side_take(s, &s->first, order, pfn);
		if (err != 0 && s->is_split)
			err = frames_side_take(s, &s->second, order, pfn);
	} while (err != 0 && frames_share_more(s, order));
	return err;
}

static struct frames_side *side_of(struct frames_share *s, hx_pfn_t pfn)
{
	return frames_second_has(s, pfn) ? &s->second : &s->first;
}

static int guard_give(struct hx_zone *z, hx_pfn_t pfn, unsigned order)
{
	struct frames_share *s = frames_share_of(z);
	struct frames_side *side = side_of(s, pfn);
	int err, said;

	look_at_clock(s);
	if (!frames_on_book(s, side))
		return side->ops->free(side->view, pfn, order);
	err = frames_book_give(&s->book, pfn, order);
	said = side->is_bad ? err : side->ops->free(side->view, pfn, order);
	if (err == 0 && side == &s->second)
		s->n_second_free += 1ull << order;
	if ((said == 0) != (err == 0))
		frames_side_wrong(s, side, "%s page %#jx of order %u back (%d)", said == 0 ? "took"
				  : "did not take", pfn, order, said);
	return err;
}

static void guard_split(struct hx_zone *z, hx_pfn_t pfn, unsigned order)
{
	struct frames_share *s = frames_share_of(z);
	struct frames_side *side = side_of(s, pfn);

	if (frames_on_book(s, side))
		frames_book_split(&s->book, pfn, order);
	if (!side->is_bad)
		side->ops->split(side->view, pfn, order);
}

/* Free blocks of a side, added. */
static HX_COLD void side_count(struct frames_share *s, struct frames_side *side,
			       uint64_t by_order[HX_FRAMES_MAX_ORDER + 1])
{
	uint64_t here[HX_FRAMES_MAX_ORDER + 1] = { 0 }, n = 0;

	if (side->is_bad || side->ops->count_free == NULL)
		return;
	side->ops->count_free(side->view, here);
	for (unsigned k = 0; k <= HX_FRAMES_MAX_ORDER; k++) {
		by_order[k] += here[k];
		n += here[k] << k;
	}
	if (frames_on_book(s, side) && n != side_n_free(s, side))
		frames_side_wrong(s, side, "counts %ju free pages, not %ju", n,
				  side_n_free(s, side));
}

static HX_COLD void guard_count(const struct hx_zone *z, uint64_t by_order[HX_FRAMES_MAX_ORDER + 1])
{
	struct frames_share *s = frames_share_of(z);

	side_count(s, &s->first, by_order);
	if (s->is_split && !s->is_rescue)
		side_count(s, &s->second, by_order);
}

/* Each is held to its own part of the figures. */
static HX_COLD int side_check(struct frames_share *s, struct frames_side *side, uint64_t n_pages)
{
	struct hx_zone *view = side->view;
	uint64_t was_pages = view->n_pages, was_free = view->n_free;
	int err;

	if (side->is_bad || side->ops->check == NULL)
		return 0;
	view->n_free = side_n_free(s, side);
	view->n_pages = n_pages;
	err = side->ops->check(view);
	view->n_pages = was_pages;
	view->n_free = was_free;
	if (err != 0 && frames_on_book(s, side))
		frames_side_wrong(s, side, "is broken, as it says itself (%d)", err);
	return err;
}

static HX_COLD int guard_check(const struct hx_zone *z)
{
	struct frames_share *s = frames_share_of(z);
	int err;

	look_at_clock(s);
	err = side_check(s, &s->first, z->n_pages - s->n_second);
	if (err == 0 && s->is_split)
		err = side_check(s, &s->second, s->n_second);
	return err;
}

const struct hx_frames_ops frames_guard_ops = {
	.abi = HX_FRAMES_ABI, .name = "guard", .alloc = guard_take, .free = guard_give,
	.split = guard_split, .count_free = guard_count, .check = guard_check,
};

/* ---- the end of a trial; no zone is locked, the guard is held */

static bool guard_try_hold(void)
{
	return __atomic_exchange_n(&guard_held, 1, __ATOMIC_ACQUIRE) == 0;
}

void frames_guard_hold(void)
{
	/* Who holds it behind a call has interrupts off. */
	while (!guard_try_hold())
		hx_cpu_relax();
	if (state_is(GUARD_NONE)) {
		guard_noted = 0;
		guard_why[0] = '\0';
	}
}

void frames_guard_let_go(void)
{
	__atomic_store_n(&guard_held, 0, __ATOMIC_RELEASE);
}

/* Some steps in each zone. True: none is left. */
static bool throw_out_some(void)
{
	struct frames_share *s;
	bool is_out = true;

	FRAMES_SHARES_FOREACH(s) {
		hx_irqflags_t irq = hx_spin_lock_irqsave(&s->first.view->lock);

		if (s->first.ops == guard_bad && !s->first.is_bad) {
			s->first.is_bad = true;		/* found so in another zone */
			frames_share_rescue(s);
		}
		for (unsigned i = 0; i < WORK_STEPS && s->is_rescue; i++)
			(void)frames_share_step(s, FRAMES_STEP_PAGES);
		is_out = is_out && !s->is_rescue;
		hx_spin_unlock_irqrestore(&s->first.view->lock, irq);
	}
	return is_out;
}

static void tell(void)
{
	const struct hx_frames_ops *now = frames_share_of(frames_top)->first.ops;

	__atomic_store_n(&frames_current, now, __ATOMIC_RELEASE);
	hx_swap_failed(&frames_kind, guard_bad, now, guard_why, 0);
}

/* Boot's metadata was never a page of the zone, and becomes some now. */
static void meta_to_zone(struct frames_share *s)
{
	struct hx_zone *z = s->first.view;
	hx_pfn_t pfn = hx_virt_to_phys(s->view.meta) >> HX_PAGE_SHIFT;
	uint64_t n = frames_pages_of(s->view.meta_bytes);

	s->first.ops->add_range(z, pfn, pfn + n);
	z->n_pages += n;
	z->n_free += n;
	s->view.meta = NULL;
}

static void share_end(struct frames_share *s)
{
	struct hx_zone *z = s->first.view;
	hx_irqflags_t irq = hx_spin_lock_irqsave(&z->lock);
	void *book = s->book.free, *meta;

	hx_assert(!s->is_split);
	s->book.free = NULL;
	s->on_trial = s->second.is_bad = false;
	s->second.ops = NULL;
	if (s->was_boot_meta && s->view.meta != NULL)
		meta_to_zone(s);
	meta = s->view.meta;
	s->view.meta = NULL;
	s->was_boot_meta = false;
	s->calls = s->first.ops;
	frames_caches_open(z);
	hx_spin_unlock_irqrestore(&z->lock, irq);
	if (meta != NULL)
		hx_frames_free_run(hx_virt_to_phys(meta), frames_pages_of(s->view.meta_bytes));
	if (book != NULL)
		hx_frames_free_run(hx_virt_to_phys(book),
				   frames_pages_of(frames_book_bytes(z->n_span)));
}

static void end_all(void)
{
	struct frames_share *s;

	FRAMES_SHARES_FOREACH(s)
		share_end(s);
	__atomic_store_n(&frames_swap_due, false, __ATOMIC_RELAXED);
	__atomic_store_n(&guard_state, GUARD_NONE, __ATOMIC_SEQ_CST);
	__atomic_store_n(&guard_noted, 0, __ATOMIC_RELEASE);
}

bool frames_guard_close(void)
{
	bool is_bad;

	(void)state_from(GUARD_TRIAL, GUARD_OVER);
	is_bad = state_is(GUARD_BAD);
	while (is_bad && !throw_out_some())
		;
	if (is_bad)
		tell();
	end_all();
	return is_bad;
}

bool frames_guard_begin(void)
{
	__atomic_store_n(&frames_swap_due, false, __ATOMIC_RELAXED);
	(void)state_from(GUARD_NONE, GUARD_TRIAL);
	return state_is(GUARD_TRIAL);
}

bool frames_guard_is_bad(void)
{
	return state_is(GUARD_BAD);
}

bool frames_guard_is_on(void)
{
	return state_is(GUARD_TRIAL);
}

static void work_on_bad(void)
{
	if (throw_out_some()) {
		tell();
		end_all();
	} else {
		__atomic_store_n(&frames_swap_due, true, __ATOMIC_RELAXED);
	}
}

HX_COLD void frames_swap_work(void)
{
	hx_irqflags_t irq = hx_irq_save();

	if (guard_try_hold()) {
		__atomic_store_n(&frames_swap_due, false, __ATOMIC_SEQ_CST);
		if (state_is(GUARD_TRIAL) && hx_swap_before(&frames_kind) == NULL) {
			if (state_from(GUARD_TRIAL, GUARD_OVER))
				end_all();
		} else if (state_is(GUARD_BAD)) {
			work_on_bad();
		}
		frames_guard_let_go();
	}
	hx_irq_restore(irq);
}
