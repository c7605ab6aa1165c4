/* SPDX-License-Identifier: MIT */
/*
 * What core watches around each block must work with every heap: a write past the end is named when
 * the block is given back and by a sweep, and the live blocks are known by who took them.
 */
#include <hx/config/core_mem.h>

#include "heap_suite.h"

static const size_t sizes[] = { 1, 8, 16, 17, 40, 64, 100, 500, 1000, 2000, 3000 };

static int watched_up(void **state)
{
	return suite_up(state, SUITE_MACHINE_BYTES, HX_HEAP_REDZONES | HX_HEAP_SITES);
}

static void write_past_the_end_is_named_on_free(void **state)
{
	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		uint8_t *p = hx_alloc(sizes[i]), *q;
		uint64_t damaged = hx_heap_n_damaged();

		memset(p, 7, sizes[i]);		/* to the very end is right */
		hx_free(p);
		assert_int_equal(hx_heap_n_damaged(), damaged);
		for (size_t past = 0; past < 40; past += 13) {
			q = hx_alloc(sizes[i]);
			q[sizes[i] + past] ^= 1;
			last_refused = NULL;
			hx_free(q);
			assert_ptr_equal(last_refused, q);
			assert_int_equal(last_why, -HX_EBADMSG);
			assert_int_equal(hx_heap_n_damaged(), ++damaged);
		}
	}
	assert_int_equal(stats().used_bytes, 0);	/* they are given back all the same */
	check_heap();
}

static void report_says_which_block_and_where(void **state)
{
	uint8_t *p = hx_alloc(33);

	p[40] = 0;
	hx_heap_set_refusal(NULL);
	if (HX_ENABLED(DEBUG_ASSERT))
		assert_true(HX_TEST_ENDS(HX_TEST_BUG, "block", hx_free(p)));
	else
		hx_free(p);
	hx_heap_set_refusal(suite_listen);
	p[40] = 0xb5;
	hx_free(p);
}

static void sweep_finds_every_damaged_block(void **state)
{
	uint8_t *p[HX_ARRAY_LEN(sizes)];

	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++)
		p[i] = hx_alloc(sizes[i]);
	assert_int_equal(hx_heap_sweep(), 0);
	p[3][sizes[3]] ^= 0x80;
	assert_int_equal(hx_heap_sweep(), 1);
	assert_ptr_equal(last_refused, p[3]);
	p[7][sizes[7] + 15] ^= 1;
	assert_int_equal(hx_heap_sweep(), 2);
	p[3][sizes[3]] ^= 0x80;
	p[7][sizes[7] + 15] ^= 1;
	assert_int_equal(hx_heap_sweep(), 0);
	/* Everything behind the block: the size is gone too, the damage is still seen. */
	memset(p[5], 0xee, hx_alloc_size(p[5]) + 40);
	assert_int_equal(hx_heap_sweep(), 1);
	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++)
		hx_free(p[i]);
	assert_int_equal(stats().used_bytes, 0);
}

static void size_is_the_one_asked_for(void **state)
{
	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		void *p = hx_alloc(sizes[i]), *q = hx_alloc_aligned(sizes[i], 256);

		assert_int_equal(hx_alloc_size(p), sizes[i]);
		assert_int_equal(hx_alloc_size(q), sizes[i]);
		assert_int_equal((uintptr_t)q % 256, 0);
		p = hx_realloc(p, sizes[i] + 1);
		assert_int_equal(hx_alloc_size(p), sizes[i] + 1);
		hx_free(p);
		hx_free(q);
		assert_int_equal(hx_alloc_size(p), 0);
	}
	assert_int_equal(hx_heap_sweep(), 0);
}

static HX_NOINLINE void *taker_one(size_t size)
{
	void *p = hx_alloc(size);

	__asm__ volatile("" : "+r"(p));		/* no jump in place of the call */
	return p;
}

static HX_NOINLINE void *taker_two(size_t n, size_t size)
{
	void *p = hx_calloc(n, size);

	__asm__ volatile("" : "+r"(p));
	return p;
}

static void blocks_are_known_by_who_took_them(void **state)
{
	struct hx_heap_site s[8], rest;
	void *a[10], *b[5];

	assert_int_equal(hx_heap_sites(s, 8, &rest), 0);
	for (unsigned i = 0; i < 10; i++)
		a[i] = taker_one(100 + i);
	for (unsigned i = 0; i < 5; i++)
		b[i] = taker_two(3, 200);
	assert_int_equal(hx_heap_sites(s, 8, &rest), 2);
	assert_int_equal(rest.n_blocks, 0);
	assert_int_equal(s[0].live_bytes, 3000);	/* most bytes first */
	assert_int_equal(s[0].n_blocks, 5);
	assert_in_range(s[0].pc, (uintptr_t)taker_two, (uintptr_t)taker_two + 512);
	assert_int_equal(s[1].live_bytes, 1045);
	assert_int_equal(s[1].n_blocks, 10);
	assert_in_range(s[1].pc, (uintptr_t)taker_one, (uintptr_t)taker_one + 512);
	/* No room for all: the sum is still right. */
	assert_int_equal(hx_heap_sites(s, 1, &rest), 1);
	assert_int_equal(s[0].n_blocks + rest.n_blocks, 15);
	for (unsigned i = 0; i < 10; i++)
		hx_free(a[i]);
	assert_int_equal(hx_heap_sites(s, 8, &rest), 1);
	for (unsigned i = 0; i < 5; i++)
		hx_free(b[i]);
	assert_int_equal(hx_heap_sites(s, 8, &rest), 0);
}

static void what_one_place_left_is_taken_back(void **state)
{
	struct hx_heap_site s[8], rest;
	uintptr_t one, two;
	unsigned n = 0;
	void *b[5];

	/* Some heaps have fewer of one size. */
	for (unsigned i = 0; i < 70; i++)
		n += taker_one(10 + i) != NULL;
	for (unsigned i = 0; i < 5; i++)
		b[i] = taker_two(3, 200);
	assert_int_equal(hx_heap_sites(s, 8, &rest), 2);
	assert_true(n > 5);
	two = s[s[1].n_blocks == 5].pc;
	one = s[s[0].n_blocks == 5].pc;
	assert_int_equal(hx_heap_take_back(one + 1, one + 2), 0);
	assert_int_equal(hx_heap_take_back(one, one + 1), n);
	assert_int_equal(hx_heap_take_back(one, one + 1), 0);
	assert_int_equal(hx_heap_sites(s, 8, &rest), 1);
	assert_int_equal(s[0].pc, two);
	assert_int_equal(s[0].n_blocks, 5);
	for (unsigned i = 0; i < 5; i++)
		hx_free(b[i]);
	assert_int_equal(stats().used_bytes, 0);
	check_heap();
}

static void bad_frees_are_still_named(void **state)
{
	uint8_t *p = hx_alloc(64), *q = hx_alloc(64);

	hx_free(p);
	hx_free(p);
	assert_ptr_equal(last_refused, p);
	assert_int_equal(last_why, -HX_EEXIST);
	hx_free(q + 16);
	assert_ptr_equal(last_refused, q + 16);
	assert_int_equal(last_why, -HX_EINVAL);
	hx_free(q);
	assert_int_equal(stats().used_bytes, 0);
}

int main(void)
{
	static const struct suite_case cases[] = {
		CASE(write_past_the_end_is_named_on_free),
		CASE(report_says_which_block_and_where),
		CASE(sweep_finds_every_damaged_block),
		CASE(size_is_the_one_asked_for),
		CASE(blocks_are_known_by_who_took_them),
		CASE(what_one_place_left_is_taken_back),
		CASE(bad_frees_are_still_named),
	};

	if (!HX_ENABLED(HEAP_REDZONES) || !HX_ENABLED(MEM_LEAKS)) {
		printf("1..0 # skipped: needs CONFIG_HEAP_REDZONES and CONFIG_MEM_LEAKS\n");
		return 0;
	}
	return suite_run(cases, HX_ARRAY_LEN(cases), watched_up);
}
