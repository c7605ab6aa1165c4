/* SPDX-License-Identifier: MIT */
/*
 * What every frame allocator must do, through its ops on a zone made by hand.
 * contract_front_test.c goes through core's front, on whole machines.
 */
#include "frames_zone.h"

static void each_order_is_aligned_and_exhausts_and_recovers(void **state)
{
	static hx_pfn_t pfns[MAX_PAGES];

	make_zone(plain, 1);
	for (unsigned order = 0; order <= HX_FRAMES_MAX_ORDER; order++) {
		uint64_t expected = model_blocks(order), n = drain(order, pfns);

		assert_int_equal(n, expected);
		check_zone();
		while (n-- > 0)
			give(pfns[n], order);
		assert_int_equal(zone.n_free, MAX_PAGES);
		check_zone();
		expected = model_blocks(HX_FRAMES_MAX_ORDER);
		n = drain(HX_FRAMES_MAX_ORDER, pfns);
		assert_int_equal(n, expected);
		while (n-- > 0)
			give(pfns[n], HX_FRAMES_MAX_ORDER);
	}
}

static void holes_are_never_given_and_never_taken_back(void **state)
{
	static hx_pfn_t pfns[MAX_PAGES];
	uint64_t n;

	make_zone(holed, HX_ARRAY_LEN(holed));
	n = drain(0, pfns);
	assert_int_equal(n, zone.n_pages);
	for (hx_pfn_t p = zone.start; p < zone.end; p++) {
		if (owner[p - BASE_PFN] == 2)
			assert_int_equal(ops->free(&zone, p, 0), -HX_EINVAL);
	}
	assert_int_equal(zone.n_free, 0);
	while (n-- > 0)
		give(pfns[n], 0);
	check_zone();
	for (unsigned order = HX_FRAMES_MAX_ORDER; order > 0; order--) {
		uint64_t expected = model_blocks(order);

		n = drain(order, pfns);
		assert_int_equal(n, expected);
		while (n-- > 0)
			give(pfns[n], order);
	}
	check_zone();
}

static void double_free_is_named_whatever_merged(void **state)
{
	hx_pfn_t a, b;

	make_zone(plain, 1);
	assert_int_equal(take(0, &a), 0);
	assert_int_equal(take(3, &b), 0);
	give(a, 0);
	assert_int_equal(ops->free(&zone, a, 0), -HX_EEXIST);
	give(b, 3);
	for (unsigned i = 0; i < 8; i++)	/* every page of it, merged with others by now */
		assert_int_equal(ops->free(&zone, b + i, 0), -HX_EEXIST);
	assert_int_equal(ops->free(&zone, b, 3), -HX_EEXIST);
	check_zone();
}

static void wrong_order_and_interior_are_foreign(void **state)
{
	hx_pfn_t block[2], p, edge;

	make_zone(plain, 1);
	for (unsigned order = 0; order <= 8; order++) {
		/* Two blocks, so that a taken one follows each first page tried. */
		assert_int_equal(take(order, &block[0]), 0);
		assert_int_equal(take(order, &block[1]), 0);
		p = block[0] < block[1] ? block[0] : block[1];
		for (unsigned wrong = 0; wrong <= HX_FRAMES_MAX_ORDER; wrong++) {
			if (wrong == order || (p & ((1ull << wrong) - 1)) != 0 ||
			    p + (1ull << wrong) > zone.end)
				continue;
			assert_int_equal(ops->free(&zone, p, wrong), -HX_EINVAL);
		}
		for (unsigned i = 1; i < 1u << order; i += 1 + i / 2)
			assert_int_equal(ops->free(&zone, p + i, 0), -HX_EINVAL);
		check_zone();
		give(block[0], order);
		give(block[1], order);
	}
	/* The last block of the zone: nothing follows that could give it away. */
	for (edge = 0; take(0, &p) == 0;)
		edge = p > edge ? p : edge;
	assert_int_equal(edge, zone.end - 1);
	give(edge, 0);
	assert_int_equal(ops->free(&zone, edge, 0), -HX_EEXIST);
}

static void fragmented_memory_gives_what_fits(void **state)
{
	static hx_pfn_t pfns[MAX_PAGES];
	uint64_t n;
	hx_pfn_t p;

	make_zone(plain, 1);
	n = drain(0, pfns);
	for (uint64_t i = 0; i < n; i++) {	/* every second page, by address */
		if (pfns[i] % 2 == 0)
			give(pfns[i], 0);
	}
	assert_int_equal(take(1, &p), -HX_ENOMEM);
	assert_int_equal(take(0, &p), 0);
	give(p, 0);
	for (uint64_t i = 0; i < n; i++) {
		if (pfns[i] % 2 != 0)
			give(pfns[i], 0);
	}
	check_zone();
	assert_int_equal(take(HX_FRAMES_MAX_ORDER, &p), 0);
}

static void tiny_zones_work(void **state)
{
	static hx_pfn_t pfns[64];

	for (unsigned n_pages = 1; n_pages <= 9; n_pages++) {
		struct range r = { 0, n_pages };
		uint64_t n;

		make_zone(&r, 1);
		n = drain(0, pfns);
		assert_int_equal(n, n_pages);
		while (n-- > 0)
			give(pfns[n], 0);
		check_zone();
		for (unsigned order = 1; order <= HX_FRAMES_MAX_ORDER; order++) {
			bool possible = model_blocks(order) > 0, is_done = take(order, pfns) == 0;

			assert_int_equal(is_done, possible);
			if (is_done)
				give(pfns[0], order);
		}
		free(zone.meta);
		zone.meta = NULL;
	}
}

/* 100,000 random operations against the model, a twentieth of them wrong ones. */
static void random_trace(const struct range *ranges, unsigned n_ranges)
{
	static struct { hx_pfn_t pfn; unsigned order; } live[MAX_PAGES];
	unsigned n_live = 0;

	make_zone(ranges, n_ranges);
	for (unsigned step = 0; step < 100000; step++) {
		unsigned what = rng() % 100, order = (unsigned)__builtin_ctzll(rng() | 1u << 10);

		if (what < 50) {
			uint64_t possible = 0;
			hx_pfn_t p;

			if (step % 64 == 0)
				possible = model_blocks(order) > 0;
			if (take(order, &p) == 0) {
				live[n_live].pfn = p;
				live[n_live++].order = order;
			} else {
				assert_int_equal(possible, 0);
			}
		} else if (what < 95 && n_live > 0) {
			unsigned i = rng() % n_live;

			give(live[i].pfn, live[i].order);
			live[i] = live[--n_live];
		} else {
			hx_pfn_t p = zone.start + rng() % zone.n_span;
			bool is_live = false;

			for (unsigned i = 0; i < n_live; i++)
				is_live |= live[i].pfn == p && live[i].order == 0;
			if (!is_live)
				assert_int_equal(ops->free(&zone, p, 0), owner[p - BASE_PFN] == 0 ?
								 -HX_EEXIST : -HX_EINVAL);
		}
		if (step % 4096 == 0)
			check_zone();
	}
	while (n_live-- > 0)
		give(live[n_live].pfn, live[n_live].order);
	assert_int_equal(zone.n_free, zone.n_pages);
	check_zone();
}

static void random_trace_agrees_with_the_model(void **state)
{
	random_trace(plain, 1);
}

static void random_trace_with_holes_agrees_with_the_model(void **state)
{
	random_trace(holed, HX_ARRAY_LEN(holed));
}

/* What was taken as one run is given back as several, in any order, and merges again. */
static void split_runs_are_given_back_in_parts(void **state)
{
	hx_pfn_t p;

	make_zone(plain, 1);
	assert_non_null(ops->split);
	for (unsigned order = HX_FRAMES_MAX_ORDER; order > 0; order--) {
		uint64_t n_free;

		assert_int_equal(take(order, &p), 0);
		n_free = zone.n_free + (1ull << order);
		for (unsigned k = order; k > 0; k--) {	/* 2^order = 1 + 1 + 2 + 4 + … */
			ops->split(&zone, p, k);
			if (ops->promises & HX_FRAMES_KNOWS_RUNS)
				assert_int_equal(ops->free(&zone, p, k), -HX_EINVAL);
		}
		check_zone();
		for (unsigned k = order; k-- > 0;)
			give(p + (1ull << k), k);
		assert_int_equal(ops->free(&zone, p + 1, 0), -HX_EEXIST);
		give(p, 0);
		assert_int_equal(zone.n_free, n_free);
		check_zone();
		assert_int_equal(take(order, &p), 0);
		give(p, order);
	}
}

/* What every provider can do, also one that gives memory out once: all of it, aligned, and back in
 * the reverse order. */
static void taken_and_given_back_in_reverse(void **state)
{
	static struct { hx_pfn_t pfn; unsigned order; } stack[MAX_PAGES];
	unsigned n = 0;
	uint64_t total;

	make_zone(holed, HX_ARRAY_LEN(holed));
	total = zone.n_free;
	for (unsigned step = 0; step < 20000; step++) {
		unsigned order = (unsigned)__builtin_ctzll(rng() | 1u << HX_FRAMES_MAX_ORDER);

		if (rng() % 100 < 60 && n < MAX_PAGES) {
			if (take(order, &stack[n].pfn) == 0)
				stack[n++].order = order;
		} else if (n > 0) {
			n--;
			give(stack[n].pfn, stack[n].order);
			assert_true(ops->free(&zone, stack[n].pfn, stack[n].order) < 0);
		}
		assert_true(zone.n_free <= total);
		if (step % 512 == 0)
			check_zone();
	}
	while (n-- > 0)
		give(stack[n].pfn, stack[n].order);
	check_zone();
	if (ops->promises & HX_FRAMES_REUSES)
		assert_int_equal(zone.n_free, total);
}

/* Holes, what was never given out, and what was given back are refused, whatever is known. */
static void free_of_what_is_not_out_is_refused(void **state)
{
	static hx_pfn_t pfns[MAX_PAGES];
	uint64_t n;

	make_zone(holed, HX_ARRAY_LEN(holed));
	for (hx_pfn_t p = zone.start; p < zone.end; p++)
		assert_true(ops->free(&zone, p, 0) < 0);
	n = drain(0, pfns);
	assert_int_equal(n, zone.n_pages);
	for (hx_pfn_t p = zone.start; p < zone.end; p++) {
		if (owner[p - BASE_PFN] == 2)
			assert_true(ops->free(&zone, p, 0) < 0);
	}
	for (uint64_t i = 0; i < n; i += 2) {
		give(pfns[i], 0);
		assert_true(ops->free(&zone, pfns[i], 0) < 0);
		check_zone();
	}
	for (uint64_t i = 0; i < n; i += 2)
		assert_true(ops->free(&zone, pfns[i], 0) < 0);
}

/* Without HX_FRAMES_REUSES: n_free says what is still to be had, to the page. */
static void what_is_given_up_is_not_counted(void **state)
{
	static hx_pfn_t pfns[MAX_PAGES];
	uint64_t n_free, n;
	hx_pfn_t a, b;

	make_zone(plain, 1);
	n_free = zone.n_free;
	assert_int_equal(take(0, &a), 0);
	assert_int_equal(take(5, &b), 0);
	n_free -= b + 32 - a;			/* with what the alignment leaves out */
	assert_int_equal(zone.n_free, n_free);
	give(a, 0);				/* there is one above it */
	assert_int_equal(zone.n_free, n_free);
	give(b, 5);				/* the last one: it comes back */
	assert_int_equal(zone.n_free, n_free + 32);
	check_zone();
	n_free = zone.n_free;
	n = drain(0, pfns);
	assert_int_equal(n, n_free);
	assert_int_equal(zone.n_free, 0);
	check_zone();
}

int main(void)
{
	static const struct suite_case cases[] = {
		CASE(taken_and_given_back_in_reverse),
		CASE(free_of_what_is_not_out_is_refused),
		CASE(split_runs_are_given_back_in_parts),
		CASE_IF_NOT(HX_FRAMES_REUSES, what_is_given_up_is_not_counted),
		CASE_IF(HX_FRAMES_REUSES, each_order_is_aligned_and_exhausts_and_recovers),
		CASE_IF(ALL, holes_are_never_given_and_never_taken_back),
		CASE_IF(ALL, double_free_is_named_whatever_merged),
		CASE_IF(ALL, wrong_order_and_interior_are_foreign),
		CASE_IF(HX_FRAMES_REUSES, fragmented_memory_gives_what_fits),
		CASE_IF(HX_FRAMES_REUSES, tiny_zones_work),
		CASE_IF(ALL, random_trace_agrees_with_the_model),
		CASE_IF(ALL, random_trace_with_holes_agrees_with_the_model),
	};

	return suite_run(cases, HX_ARRAY_LEN(cases), machine_on, machine_off);
}
