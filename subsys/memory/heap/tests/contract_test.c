/* SPDX-License-Identifier: MIT */
/*
 * What every heap must do, run over each one that is registered, above the first frame allocator
 * there is: its answers, its figures, its refusals, and a million random operations against a model
 * that knows each live block and its bytes.
 */
#include <hx/config/core_lib.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/text.h>
#include <hx/hal/mmu.h>
#include <hx_test.h>

#define MACHINE_BYTES	((uint64_t)16 << 20)
#define TRACE_STEPS	1000000u
#define LIVE_MAX	2000u

static const struct hx_heap_ops *ops;
static uint64_t frames_before;		/* free pages before the heap came up */
static uint64_t rng_state;
static const void *last_refused;

/* So that a refused free comes back as a code, in debug builds too. */
static void listen(const void *ptr, int why)
{
	last_refused = ptr;
}

static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state;
}

static int heap_up(void **state)
{
	struct hx_host_params p = { .mem_bytes = MACHINE_BYTES, .seed = 1 };
	const struct hx_boot_info *info;

	ops = *state;
	rng_state = 88172645463325252ull;
	if (hx_host_start(&p, &info) != 0 ||
	    hx_frames_start(__start_hx_frames_classes[0], info) != 0)
		return -1;
	frames_before = hx_frames_n_free();
	hx_heap_set_refusal(listen);
	return hx_heap_start(ops);
}

static int heap_down(void **state)
{
	bool ok;

	hx_heap_set_refusal(NULL);
	hx_heap_stop();
	ok = hx_frames_n_free() == frames_before && hx_frames_check() == 0;
	hx_frames_stop();
	hx_host_stop();
	return ok ? 0 : -1;		/* every page went back */
}

static void check_heap(void)
{
	assert_int_equal(hx_heap_check(), 0);
}

static struct hx_heap_stats stats(void)
{
	struct hx_heap_stats s;

	hx_heap_stats(&s);
	return s;
}

static void sizes_are_aligned_disjoint_and_usable(void **state)
{
	static const size_t sizes[] = { 1, 15, 16, 17, 63, 64, 65, 100, 128, 500, 512, 1000, 1024,
					1025, 2000, 2048, 2049, 4000, 4096, 4097, 10000 };
	uint8_t *p[HX_ARRAY_LEN(sizes)];

	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		p[i] = hx_alloc(sizes[i]);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % HX_HEAP_ALIGN, 0);
		assert_true(hx_alloc_size(p[i]) >= sizes[i]);
		memset(p[i], (int)i, hx_alloc_size(p[i]));
	}
	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		for (size_t k = 0; k < hx_alloc_size(p[i]); k++)
			assert_int_equal(p[i][k], i);
		hx_free(p[i]);
	}
	check_heap();
	assert_int_equal(stats().used_bytes, 0);
}

static void every_alignment_up_to_a_page(void **state)
{
	for (size_t align = 1; align <= HX_PAGE_SIZE; align *= 2) {
		for (size_t size = 1; size <= 3000; size = size * 3 + 1) {
			uint8_t *a = hx_alloc_aligned(size, align);
			uint8_t *b = hx_alloc_aligned(size, align);

			assert_non_null(a);
			assert_non_null(b);
			assert_int_equal((uintptr_t)a % align, 0);
			assert_int_equal((uintptr_t)b % align, 0);
			memset(a, 1, hx_alloc_size(a));
			memset(b, 2, hx_alloc_size(b));
			assert_int_equal(a[0] + a[size - 1], 2);
			check_heap();
			hx_free(a);
			hx_free(b);
		}
	}
	assert_null(hx_alloc_aligned(64, 0));
	assert_null(hx_alloc_aligned(64, 48));
	assert_null(hx_alloc_aligned(64, 2 * HX_PAGE_SIZE));
	assert_null(hx_alloc_aligned(0, 64));
	check_heap();
}

static void absurd_sizes_give_null(void **state)
{
	/* Through a variable, so that the run-time check is the one that is tested. */
	static const volatile size_t absurd[] = {
		0, HX_HEAP_MAX_BYTES + 1, SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2 + 1,
		(size_t)1 << 32,
	};
	volatile size_t half = SIZE_MAX / 2 + 1, two = 2;
	void *p = hx_alloc(32);

	for (unsigned i = 0; i < HX_ARRAY_LEN(absurd); i++) {
		assert_null(hx_alloc(absurd[i]));
		assert_null(hx_zalloc(absurd[i]));
		assert_null(hx_realloc(p, absurd[i]));
		assert_null(hx_alloc_aligned(absurd[i], 256));
	}
	assert_null(hx_calloc(half, two));
	assert_null(hx_calloc(two, half + 5));
	assert_null(hx_alloc(HX_HEAP_MAX_BYTES));	/* allowed, but there is not that much */
	assert_int_equal(stats().n_allocs - stats().n_frees, 1);
	hx_free(p);
	check_heap();
}

static void zalloc_and_calloc_are_zero(void **state)
{
	for (size_t size = 1; size <= 5000; size = size * 2 + 3) {
		uint8_t *p = hx_alloc(size);

		memset(p, 0xff, size);
		hx_free(p);
		p = size % 2 ? hx_zalloc(size) : hx_calloc(size / 2, 2);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		hx_free(p);
	}
}

static void realloc_keeps_the_content(void **state)
{
	static const size_t sizes[] = { 10, 20, 100, 90, 3000, 1100, 9000, 50, 1 };
	uint8_t *p = hx_realloc(NULL, 5);

	memcpy(p, "abcde", 5);
	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		p = hx_realloc(p, sizes[i]);
		assert_non_null(p);
		assert_true(hx_alloc_size(p) >= sizes[i]);
		assert_memory_equal(p, "abcde", hx_min_u64(5, sizes[i]));
		memset(p + hx_min_u64(5, sizes[i]), 0x77, sizes[i] - hx_min_u64(5, sizes[i]));
	}
	hx_free(p);
	assert_int_equal(stats().used_bytes, 0);
}

static void failed_realloc_leaves_the_block(void **state)
{
	volatile size_t too_much = 64 * HX_MIB;
	uint8_t *p = hx_alloc(100);

	memset(p, 9, 100);
	assert_null(hx_realloc(p, too_much));
	assert_int_equal(p[0] + p[99], 18);
	hx_free(p);
}

static void free_of_null_is_nothing(void **state)
{
	uint64_t refused = hx_heap_n_refused();

	hx_free(NULL);
	assert_int_equal(ops->free(NULL), 0);
	assert_int_equal(hx_heap_n_refused(), refused);
	assert_int_equal(hx_alloc_size(NULL), 0);
}

static void double_free_is_named(void **state)
{
	static const size_t sizes[] = { 16, 64, 700, 1500, 4096 };

	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		void *stay = hx_alloc(sizes[i]), *p = hx_alloc(sizes[i]);
		void *after = hx_alloc(sizes[i]);
		struct hx_heap_stats s;

		assert_int_equal(ops->free(p), 0);
		s = stats();
		assert_int_equal(ops->free(p), -HX_EEXIST);
		assert_int_equal(ops->size_of(p), 0);
		assert_int_equal(stats().used_bytes, s.used_bytes);
		assert_int_equal(stats().n_frees, s.n_frees);
		check_heap();
		assert_int_equal(ops->free(after), 0);
		assert_int_equal(ops->free(stay), 0);
	}
}

static void interior_and_foreign_frees_are_named(void **state)
{
	static uint8_t global[8192];
	static const size_t sizes[] = { 16, 64, 256, 1024, 2048, 4096, 20000 };
	uint8_t local[64];
	hx_paddr_t page;

	assert_int_equal(hx_frames_alloc(0, HX_FRAMES_ZERO, &page), 0);
	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		uint8_t *p = hx_zalloc(sizes[i]);

		for (size_t off = 1; off < sizes[i]; off += off < 64 ? 1 : 61) {
			assert_int_equal(ops->free(p + off), -HX_EINVAL);
			assert_int_equal(ops->size_of(p + off), 0);
		}
		assert_int_equal(ops->free(p), 0);
	}
	for (size_t off = 0; off < HX_PAGE_SIZE; off += 16)
		assert_int_equal(ops->free((uint8_t *)hx_phys_to_virt(page) + off), -HX_EINVAL);
	assert_int_equal(ops->free(global + 4096), -HX_EINVAL);
	assert_int_equal(ops->free(local), -HX_EINVAL);
	assert_int_equal(ops->free((void *)(uintptr_t)8), -HX_EINVAL);
	assert_int_equal(ops->free((void *)UINTPTR_MAX), -HX_EINVAL);
	assert_int_equal(ops->size_of(global), 0);
	assert_int_equal(stats().used_bytes, 0);
	assert_int_equal(hx_frames_free(page, 0), 0);
	check_heap();
}

static void front_names_and_counts_bad_frees(void **state)
{
	uint64_t refused = hx_heap_n_refused();
	uint8_t *a = hx_alloc(48), *b = hx_alloc(48);

	hx_free(a);
	hx_free(a);
	assert_ptr_equal(last_refused, a);
	hx_free(b + 1);
	assert_ptr_equal(last_refused, b + 1);
	assert_null(hx_realloc(a, 100));
	assert_ptr_equal(last_refused, a);
	assert_int_equal(hx_heap_n_refused(), refused + 3);
	hx_heap_set_refusal(NULL);
	if (HX_ENABLED(DEBUG_ASSERT))
		assert_true(HX_TEST_ENDS(HX_TEST_BUG, "double free", hx_free(a)));
	else
		hx_free(a);
	assert_int_equal(hx_heap_n_refused(), refused + 4);
	hx_free(b);
	assert_int_equal(stats().used_bytes, 0);
}

static void kth_allocation_fails_once(void **state)
{
	void *p[5];

	if (!HX_ENABLED(FAULT_INJECTION))
		skip();
	for (unsigned k = 1; k <= 5; k++) {
		hx_heap_fail_at(k);
		for (unsigned i = 0; i < 5; i++) {
			p[i] = i % 2 ? hx_alloc(64) : hx_alloc_aligned(64, 128);
			if (i + 1 == k)
				assert_null(p[i]);
			else
				assert_non_null(p[i]);
		}
		for (unsigned i = 0; i < 5; i++)
			hx_free(p[i]);
	}
	hx_heap_fail_at(1);
	hx_heap_fail_at(0);
	p[0] = hx_alloc(64);
	assert_non_null(p[0]);
	hx_free(p[0]);
}

static void exhausts_and_recovers(void **state)
{
	static const size_t sizes[] = { 40, 1000, 3000, 30000 };
	static void *p[400000];

	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		uint64_t failed = stats().n_failed;
		unsigned n = 0, again = 0;

		while ((p[n] = hx_alloc(sizes[i])) != NULL) {
			memset(p[n], 0x3c, sizes[i]);
			n++;
		}
		assert_true(n > 0);
		assert_true(stats().n_failed > failed);
		check_heap();
		for (unsigned k = n; k-- > 0;)
			hx_free(p[k]);
		assert_int_equal(stats().used_bytes, 0);
		check_heap();
		while (again < n && (p[again] = hx_alloc(sizes[i])) != NULL)
			again++;
		assert_int_equal(again, n);	/* all of it is there again */
		for (unsigned k = 0; k < n; k++)
			hx_free(p[k]);
		assert_int_equal(stats().used_bytes, 0);
	}
}

static void stats_add_up(void **state)
{
	struct hx_heap_stats before = stats(), s;
	void *p[100];

	for (unsigned i = 0; i < 100; i++)
		p[i] = hx_alloc(1 + i * 37);
	s = stats();
	assert_int_equal(s.n_allocs - before.n_allocs, 100);
	assert_int_equal(s.n_frees, before.n_frees);
	assert_true(s.used_bytes - before.used_bytes >= 100 + 37 * 4950);
	assert_true(s.used_bytes <= s.used_max_bytes && s.used_bytes <= s.reserved_bytes);
	for (unsigned i = 0; i < 100; i += 2)
		hx_free(p[i]);
	s = stats();
	assert_int_equal(s.n_frees - before.n_frees, 50);
	assert_int_equal(s.n_allocs - before.n_allocs, 100);
	for (unsigned i = 1; i < 100; i += 2)
		hx_free(p[i]);
	s = stats();
	assert_int_equal(s.used_bytes, before.used_bytes);
	assert_int_equal(s.n_allocs - before.n_allocs, s.n_frees - before.n_frees);
}

/* ---- random trace */

static struct block {
	uint8_t *p;
	size_t size;
	uint64_t seed;
} live[LIVE_MAX];
static unsigned n_live;

static uint8_t pattern(const struct block *b, size_t i)
{
	return (uint8_t)(b->seed + i * 131);
}

static void fill(struct block *b)
{
	for (size_t i = 0; i < b->size; i++)
		b->p[i] = pattern(b, i);
}

/* All bytes of small blocks, both ends of large ones. */
static void verify(const struct block *b)
{
	for (size_t i = 0; i < b->size; i++) {
		if (i == 64 && b->size > 256)
			i = b->size - 64;
		if (b->p[i] != pattern(b, i))
			fail_msg("block %p of %zu bytes: byte %zu changed", b->p, b->size, i);
	}
}

static void drop(unsigned i)
{
	verify(&live[i]);
	assert_int_equal(ops->free(live[i].p), 0);
	live[i] = live[--n_live];
}

static size_t random_size(void)
{
	unsigned what = rng() % 1000;

	return what < 800 ? 1 + rng() % 200 : what < 990 ? 1 + rng() % 3000 : 1 + rng() % 40000;
}

static void trace_alloc(void)
{
	struct block b = { .size = random_size(), .seed = rng() };

	b.p = rng() % 16 ? hx_alloc(b.size) : hx_alloc_aligned(b.size, 16u << rng() % 9);
	if (b.p == NULL) {	/* full: everything goes, and all of it must come back */
		while (n_live > 0)
			drop(n_live - 1);
		assert_int_equal(stats().used_bytes, 0);
		return;
	}
	fill(&b);
	live[n_live++] = b;
}

static void trace_realloc(struct block *b)
{
	struct block n = { .size = random_size(), .seed = b->seed };

	n.p = hx_realloc(b->p, n.size);
	if (n.p == NULL) {
		verify(b);
		return;
	}
	b->size = hx_min_u64(b->size, n.size);
	b->p = n.p;
	verify(b);
	*b = n;
	fill(b);
}

static void million_random_operations_agree_with_the_model(void **state)
{
	unsigned wanted = LIVE_MAX / 2;

	n_live = 0;
	for (unsigned step = 0; step < TRACE_STEPS; step++) {
		unsigned what = rng() % 100;

		if (step % 20000 == 0)
			wanted = 1 + rng() % (LIVE_MAX - 1);	/* grow and shrink in turns */
		if (n_live < wanted ? what < 60 : what < 35) {
			if (n_live < LIVE_MAX)
				trace_alloc();
		} else if (what < 95 && n_live > 0) {
			drop(rng() % n_live);
		} else if (n_live > 0 && what < 98) {
			trace_realloc(&live[rng() % n_live]);
		} else if (n_live > 0) {
			const struct block *b = &live[rng() % n_live];

			assert_true(hx_alloc_size(b->p) >= b->size);
			if (b->size > 1)
				assert_int_equal(ops->free(b->p + 1), -HX_EINVAL);
		}
		if (step % 50000 == 0)
			check_heap();
	}
	while (n_live > 0)
		drop(n_live - 1);
	assert_int_equal(stats().used_bytes, 0);
	check_heap();
}

static void shows_itself(void **state)
{
	struct hx_text_buf b;
	char buf[4096];
	void *p = hx_alloc(64);

	hx_text_buf_init(&b, buf, sizeof(buf));
	hx_heap_show(&b.text);
	assert_true(b.text.total < sizeof(buf));
	assert_string_equal(hx_heap_provider(), ops->name);
	hx_free(p);
}

int main(void)
{
	static const struct { const char *name; CMUnitTestFunction fn; } cases[] = {
#define CASE(fn_) { #fn_, fn_ }
		CASE(sizes_are_aligned_disjoint_and_usable),
		CASE(every_alignment_up_to_a_page),
		CASE(absurd_sizes_give_null),
		CASE(zalloc_and_calloc_are_zero),
		CASE(realloc_keeps_the_content),
		CASE(failed_realloc_leaves_the_block),
		CASE(free_of_null_is_nothing),
		CASE(double_free_is_named),
		CASE(interior_and_foreign_frees_are_named),
		CASE(front_names_and_counts_bad_frees),
		CASE(kth_allocation_fails_once),
		CASE(exhausts_and_recovers),
		CASE(stats_add_up),
		CASE(million_random_operations_agree_with_the_model),
		CASE(shows_itself),
	};
	const struct hx_heap_ops *const *it;
	unsigned n_providers = 0;
	int failed = 0;

	HX_SECTION_FOREACH(it, hx_heap_classes) {
		struct CMUnitTest tests[HX_ARRAY_LEN(cases)] = { 0 };

		n_providers++;
		for (unsigned i = 0; i < HX_ARRAY_LEN(cases); i++) {
			tests[i] = (struct CMUnitTest){ cases[i].name, cases[i].fn, heap_up,
							heap_down, (void *)(uintptr_t)*it };
		}
		failed += cmocka_run_group_tests_name((*it)->name, tests, NULL, NULL);
	}
	return n_providers == 0 ? 1 : failed;	/* a suite over nobody proves nothing */
}
