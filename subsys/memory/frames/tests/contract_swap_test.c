// SPDX-License-Identifier: MIT
/*
 * What a frame allocator must do that can be swapped (struct hx_frames_swap_ops): say what begins
 * at each page, forget it, take it over. On a zone made by hand, against a model.
 */
#include "frames_zone.h"

#define MAX_LIVE	1500u

static const struct hx_frames_swap_ops *more;	/* the one on trial's; NULL: it has none */
static struct { hx_pfn_t pfn; unsigned order; } live[MAX_LIVE];
static unsigned n_live;
static uint8_t first_of[MAX_PAGES];	/* 1 + order at the first page of a run that is out */

static const struct hx_frames_swap_ops *more_of(const struct hx_frames_ops *of)
{
	const struct hx_frames_swap_ops *const *it;

	HX_SECTION_FOREACH(it, hx_frames_swaps) {
		if (strcmp((*it)->name, of->name) == 0 && (*it)->abi == HX_FRAMES_SWAP_ABI)
			return *it;
	}
	return NULL;
}

static int up(void **state)
{
	more = more_of(*state);
	n_live = 0;
	memset(first_of, 0, sizeof(first_of));
	return machine_on(state);
}

/* A zone in which somebody took and gave back for long. */
static void make_used_zone(const struct range *r, unsigned n)
{
	if (more == NULL)
		skip();
	assert_non_null(more->look);
	assert_non_null(more->drop);
	assert_non_null(more->adopt);
	make_zone(r, n);
	for (unsigned step = 0; step < 6000; step++) {
		if (rng() % 100 < 55 && n_live < MAX_LIVE) {
			unsigned order = (unsigned)__builtin_ctzll(rng() | 1u << 10);

			if (take(order, &live[n_live].pfn) == 0)
				live[n_live++].order = order;
		} else if (n_live > 0) {
			unsigned i = (unsigned)(rng() % n_live);

			give(live[i].pfn, live[i].order);
			live[i] = live[--n_live];
		}
	}
	for (unsigned i = 0; i < n_live; i++)
		first_of[live[i].pfn - BASE_PFN] = (uint8_t)(1 + live[i].order);
}

/* What look() must say of a page, if those below start belong to somebody else. */
static uint8_t model_look(hx_pfn_t pfn, hx_pfn_t start)
{
	hx_pfn_t at = pfn - BASE_PFN;
	unsigned k = 0;

	if (pfn < start || owner[at] == 2)
		return HX_PAGE_NONE;
	if (owner[at] == 1)
		return first_of[at] == 0 ? HX_PAGE_NONE
		       : (uint8_t)(HX_PAGE_TAKEN | (first_of[at] - 1));
	for (; k < HX_FRAMES_MAX_ORDER && (pfn & (1ull << k)) == 0; k++) {
		for (hx_pfn_t i = 1ull << k; i < 2ull << k; i++) {
			if (pfn + i >= zone.end || owner[at + i] != 0)
				return (uint8_t)(HX_PAGE_FREE | k);
		}
	}
	return (uint8_t)(HX_PAGE_FREE | k);
}

static void expect_looks(const struct hx_zone *z, hx_pfn_t start)
{
	for (hx_pfn_t p = zone.start; p < zone.end; p++)
		assert_int_equal(more->look(z, p), model_look(p, start));
}

static void each_page_is_told(void **state)
{
	make_used_zone(holed, HX_ARRAY_LEN(holed));
	assert_true(n_live > 50);
	expect_looks(&zone, zone.start);
	check_zone();			/* looking changed nothing */
}

/* Core moves it from one struct hx_zone to another. */
static void a_view_may_lie_elsewhere(void **state)
{
	static struct hx_zone other;

	make_used_zone(plain, 1);
	other = zone;
	memset(zone.priv, 0x5a, sizeof(zone.priv));
	expect_looks(&other, zone.start);
	zone = other;
	memset(other.priv, 0x5a, sizeof(other.priv));
	check_zone();
	while (n_live-- > 0)
		give(live[n_live].pfn, live[n_live].order);
	check_zone();
}

/* What lies below edge is another one's: nothing of it is given, and what is left is known. */
static void expect_rest(hx_pfn_t edge)
{
	static hx_pfn_t pfns[MAX_PAGES];
	uint64_t n_free = 0, n;

	for (hx_pfn_t p = edge; p < zone.end; p++)
		n_free += owner[p - BASE_PFN] == 0;
	assert_int_equal(zone.n_free, n_free);
	n = drain(0, pfns);
	assert_int_equal(n, n_free);
	for (uint64_t i = 0; i < n; i++)
		assert_true(pfns[i] >= edge);
	while (n-- > 0)
		give(pfns[n], 0);
	expect_looks(&zone, edge);
}

static void what_is_dropped_is_not_given_again(void **state)
{
	unsigned n_runs = 0;
	hx_pfn_t p;

	make_used_zone(holed, HX_ARRAY_LEN(holed));
	for (p = zone.start; p < zone.end; ) {
		uint8_t run = more->look(&zone, p);
		uint64_t n = 1ull << (run & HX_PAGE_ORDER);

		assert_int_equal(run, model_look(p, p));
		if (run == HX_PAGE_NONE) {
			p++;
			continue;
		}
		more->drop(&zone, p, run);
		zone.n_pages -= n;
		zone.n_free -= (run & HX_PAGE_CACHED) == HX_PAGE_FREE ? n : 0;
		p += n;
		check_zone();
		if (n_runs++ % 32 == 0)
			expect_rest(p);
	}
	assert_true(n_runs > 50);
	assert_int_equal(zone.n_pages, 0);
	for (p = zone.start; p < zone.end; p++) {
		assert_int_equal(more->look(&zone, p), HX_PAGE_NONE);
		assert_int_equal(ops->free(&zone, p, 0), -HX_EINVAL);
	}
	assert_int_equal(ops->alloc(&zone, 0, &p), -HX_ENOMEM);
	check_zone();
}

struct told {
	hx_pfn_t pfn;
	uint8_t run;
};
static struct told told[MAX_PAGES];

static unsigned tell_all(const struct hx_frames_swap_ops *by, const struct hx_zone *z)
{
	unsigned n = 0;

	for (hx_pfn_t p = z->start; p < z->end; ) {
		told[n] = (struct told){ p, by->look(z, p) };
		p += told[n].run == HX_PAGE_NONE ? 1 : 1ull << (told[n].run & HX_PAGE_ORDER);
		n += told[n].run != HX_PAGE_NONE;
	}
	return n;
}

/* A view that knows of nothing but holes, in place of the zone's. */
static void renew(const struct hx_frames_ops *by, struct hx_zone *z)
{
	free(z->meta);
	memset(z->priv, 0, sizeof(z->priv));
	z->state = NULL;
	z->n_pages = z->n_free = 0;
	z->meta_bytes = by->meta_bytes(z->n_span);
	z->meta = malloc(z->meta_bytes);
	memset(z->meta, 0x5a, z->meta_bytes);
	assert_int_equal(by->init(z), 0);
}

static void adopt_told(const struct hx_frames_swap_ops *by, struct hx_zone *z, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t n_pages = 1ull << (told[i].run & HX_PAGE_ORDER);
		uint8_t said;

		by->adopt(z, told[i].pfn, told[i].run);
		said = by->look(z, told[i].pfn);
		assert_true(said == told[i].run ||
			    ((said & told[i].run & HX_PAGE_FREE) != 0 && said > told[i].run));
		z->n_pages += n_pages;
		z->n_free += (told[i].run & HX_PAGE_CACHED) == HX_PAGE_FREE ? n_pages : 0;
	}
}

static void shuffle_told(unsigned n)
{
	for (unsigned i = n; i > 1; i--) {
		unsigned j = (unsigned)(rng() % i);
		struct told was = told[i - 1];

		told[i - 1] = told[j];
		told[j] = was;
	}
}

/* In whatever order: the same looks, the same refusals, and all of it merges in the end. */
static void what_is_taken_over_is_known_as_before(void **state)
{
	for (unsigned turn = 0; turn < 2; turn++) {
		static hx_pfn_t pfns[MAX_PAGES];
		uint64_t n_pages, expected, n;
		unsigned n_told;

		n_live = 0;
		memset(first_of, 0, sizeof(first_of));
		make_used_zone(holed, HX_ARRAY_LEN(holed));
		n_pages = zone.n_pages;
		n_told = tell_all(more, &zone);
		if (turn == 1)
			shuffle_told(n_told);
		renew(ops, &zone);
		adopt_told(more, &zone, n_told);
		assert_int_equal(zone.n_pages, n_pages);
		expect_looks(&zone, zone.start);
		check_zone();
		for (unsigned i = 0; i < n_live; i++) {
			if (live[i].order > 0)
				assert_int_equal(ops->free(&zone, live[i].pfn, live[i].order - 1),
						 -HX_EINVAL);
			give(live[i].pfn, live[i].order);
			assert_int_equal(ops->free(&zone, live[i].pfn, live[i].order), -HX_EEXIST);
		}
		check_zone();
		expected = model_blocks(HX_FRAMES_MAX_ORDER);
		n = drain(HX_FRAMES_MAX_ORDER, pfns);
		assert_int_equal(n, expected);
		free(zone.meta);
		zone.meta = NULL;
	}
}

/* To each other one and back: every page as it was. */
static void there_and_back_every_page_is_as_it_was(void **state)
{
	const struct hx_frames_ops *const *it;

	make_used_zone(holed, HX_ARRAY_LEN(holed));
	HX_SECTION_FOREACH(it, hx_frames_classes) {
		unsigned n = tell_all(more, &zone);

		if (more_of(*it) == NULL)
			continue;
		renew(*it, &zone);
		adopt_told(more_of(*it), &zone, n);
		assert_int_equal(tell_all(more_of(*it), &zone), n);
		renew(ops, &zone);
		adopt_told(more, &zone, n);
		expect_looks(&zone, zone.start);
		check_zone();
	}
}

/* What boot had set aside: a range is added while runs are out. */
static void holes_become_memory_later(void **state)
{
	make_used_zone(holed, HX_ARRAY_LEN(holed));
	ops->add_range(&zone, BASE_PFN + 4200, BASE_PFN + 4711);
	memset(owner + 4200, 0, 511);
	zone.n_pages += 511;
	zone.n_free += 511;
	expect_looks(&zone, zone.start);
	check_zone();
}

int main(void)
{
	static const struct suite_case cases[] = {
		CASE(each_page_is_told),
		CASE(a_view_may_lie_elsewhere),
		CASE(what_is_dropped_is_not_given_again),
		CASE(what_is_taken_over_is_known_as_before),
		CASE(there_and_back_every_page_is_as_it_was),
		CASE(holes_become_memory_later),
	};

	return suite_run(cases, HX_ARRAY_LEN(cases), up, machine_off);
}
