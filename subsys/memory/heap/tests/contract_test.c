/* SPDX-License-Identifier: MIT */
/*
 * What every heap must do: its answers, its figures and its refusals. contract_trace_test.c drives
 * it with random operations against a model.
 */
#include "heap_suite.h"

static void sizes_are_aligned_disjoint_and_usable(void **state)
{
	static const size_t sizes[] = { 1, 15, 16, 17, 63, 64, 65, 100, 128, 500, 512, 1000, 1024,
					1025, 2000, 2048, 2049, 4000, 4096, 4097, 10000 };
	uint8_t *p[HX_ARRAY_LEN(sizes)];
	size_t largest = largest_size();

	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		p[i] = hx_alloc(sizes[i]);
		if (sizes[i] > largest) {
			hx_free(p[i]);
			p[i] = NULL;
			continue;
		}
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
	size_t largest = largest_size();

	for (size_t size = 1; size <= 5000 && size <= largest; size = size * 2 + 3) {
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
	size_t largest = largest_size();
	uint8_t *p = hx_realloc(NULL, 5);

	memcpy(p, "abcde", 5);
	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		if (sizes[i] > largest)
			continue;
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
	static const size_t sizes[] = { 16, 48, 64, 700, 1500, 2048 };

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

/* Neighbours that are free, on either side or both, do not hide what was freed before. */
static void double_free_is_named_whatever_joined(void **state)
{
	static const uint8_t orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 },
					     { 2, 0, 1 }, { 2, 1, 0 } };

	for (unsigned o = 0; o < HX_ARRAY_LEN(orders); o++) {
		void *low = hx_alloc(96), *p[3], *high;

		for (unsigned i = 0; i < 3; i++)
			p[i] = hx_alloc(96);
		high = hx_alloc(96);
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(ops->free(p[orders[o][i]]), 0);
			for (unsigned k = 0; k <= i; k++) {
				assert_true(ops->free(p[orders[o][k]]) < 0);
				assert_int_equal(ops->size_of(p[orders[o][k]]), 0);
			}
			check_heap();
		}
		hx_free(low);
		hx_free(high);
	}
	assert_int_equal(stats().used_bytes, 0);
}

static void interior_and_foreign_frees_are_named(void **state)
{
	static uint8_t global[8192];
	static const size_t sizes[] = { 16, 64, 256, 1024, 2048, 4096, 20000 };
	size_t largest = largest_size();
	uint8_t local[64];
	hx_paddr_t page;

	assert_int_equal(hx_frames_alloc(0, HX_FRAMES_ZERO, &page), 0);
	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		uint8_t *p;

		if (sizes[i] > largest)
			continue;
		p = hx_zalloc(sizes[i]);
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
	size_t largest = largest_size();

	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		uint64_t failed = stats().n_failed;
		unsigned n = 0, again = 0;

		while ((p[n] = hx_alloc(sizes[i])) != NULL) {
			memset(p[n], 0x3c, sizes[i]);
			n++;
		}
		assert_true(n > 0 || sizes[i] > largest);
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
	uint64_t asked = 0;
	void *p[100];
	unsigned n = 0;

	while (n < 100 && (p[n] = hx_alloc(1 + n * 37)) != NULL)
		asked += 1 + n++ * 37;
	assert_true(n > 20);
	s = stats();
	assert_int_equal(s.n_allocs - before.n_allocs, n);
	assert_int_equal(s.n_frees, before.n_frees);
	assert_int_equal(s.n_failed - before.n_failed, n < 100);
	assert_true(s.used_bytes - before.used_bytes >= asked);
	assert_true(s.used_bytes <= s.used_max_bytes && s.used_bytes <= s.reserved_bytes);
	for (unsigned i = 0; i < n; i += 2)
		hx_free(p[i]);
	s = stats();
	assert_int_equal(s.n_frees - before.n_frees, (n + 1) / 2);
	assert_int_equal(s.n_allocs - before.n_allocs, n);
	for (unsigned i = 1; i < n; i += 2)
		hx_free(p[i]);
	s = stats();
	assert_int_equal(s.used_bytes, before.used_bytes);
	assert_int_equal(s.n_allocs - before.n_allocs, s.n_frees - before.n_frees);
}

struct seen {
	void **blocks;
	unsigned n, n_found;
	bool is_wrong;
};

static void see(void *arg, void *ptr, size_t usable)
{
	struct seen *s = arg;

	s->n_found++;
	for (unsigned i = 0; i < s->n; i++) {
		if (s->blocks[i] == ptr) {
			s->blocks[i] = NULL;	/* once only */
			return;
		}
	}
	s->is_wrong = true;
}

static void walk_visits_each_live_block_once(void **state)
{
	static const size_t sizes[] = { 16, 30, 48, 64, 100, 500, 1000, 2000, 4000, 9000 };
	void *p[3 * HX_ARRAY_LEN(sizes)], *left[HX_ARRAY_LEN(p)];
	struct seen s = { .blocks = left };

	assert_non_null(ops->walk);
	ops->walk(see, &s);
	assert_int_equal(s.n_found, 0);
	for (unsigned i = 0; i < HX_ARRAY_LEN(p); i++)
		p[i] = hx_alloc(sizes[i % HX_ARRAY_LEN(sizes)]);
	for (unsigned i = 0; i < HX_ARRAY_LEN(p); i++) {
		if (i % 3 == 1)
			hx_free(p[i]);
		else if (p[i] != NULL)
			left[s.n++] = p[i];
	}
	ops->walk(see, &s);
	assert_int_equal(s.n_found, s.n);
	assert_false(s.is_wrong);
	for (unsigned i = 0; i < HX_ARRAY_LEN(p); i++) {
		if (i % 3 != 1)
			hx_free(p[i]);
	}
	s.n_found = 0;
	ops->walk(see, &s);
	assert_int_equal(s.n_found, 0);
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
	static const struct suite_case cases[] = {
		CASE(sizes_are_aligned_disjoint_and_usable),
		CASE(every_alignment_up_to_a_page),
		CASE(absurd_sizes_give_null),
		CASE(zalloc_and_calloc_are_zero),
		CASE(realloc_keeps_the_content),
		CASE(failed_realloc_leaves_the_block),
		CASE(free_of_null_is_nothing),
		CASE(double_free_is_named),
		CASE(double_free_is_named_whatever_joined),
		CASE(interior_and_foreign_frees_are_named),
		CASE(front_names_and_counts_bad_frees),
		CASE(kth_allocation_fails_once),
		CASE(exhausts_and_recovers),
		CASE(stats_add_up),
		CASE(walk_visits_each_live_block_once),
		CASE(shows_itself),
	};

	return suite_run(cases, HX_ARRAY_LEN(cases), heap_up);
}
