// SPDX-License-Identifier: MIT
/* Samples become figures: sorting, nearest-rank percentiles, one line of JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../bench_priv.h"

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void sort_agrees_with_qsort(void **state)
{
	static uint32_t mine[300], theirs[300];
	uint32_t seed = 7;

	for (uint32_t n = 0; n <= 300; n++) {
		for (uint32_t i = 0; i < n; i++) {
			seed = seed * 1664525u + 1013904223u;
			mine[i] = n % 3 == 0 ? seed : (seed >> 24) % 5;	/* also many equal ones */
		}
		memcpy(theirs, mine, n * sizeof(mine[0]));
		figure_sort(mine, n);
		qsort(theirs, n, sizeof(theirs[0]), compare);
		assert_memory_equal(mine, theirs, n * sizeof(mine[0]));
	}
}

static void percentile_is_the_nearest_rank(void **state)
{
	uint32_t hundred[100], one[] = { 42 }, two[] = { 1, 2 }, five[] = { 15, 20, 35, 40, 50 };

	for (uint32_t i = 0; i < 100; i++)
		hundred[i] = i + 1;
	assert_int_equal(figure_percentile(hundred, 100, 50), 50);
	assert_int_equal(figure_percentile(hundred, 100, 99), 99);
	assert_int_equal(figure_percentile(hundred, 100, 100), 100);
	assert_int_equal(figure_percentile(hundred, 100, 1), 1);
	assert_int_equal(figure_percentile(one, 1, 50), 42);
	assert_int_equal(figure_percentile(one, 1, 99), 42);
	assert_int_equal(figure_percentile(two, 2, 50), 1);
	assert_int_equal(figure_percentile(two, 2, 99), 2);
	assert_int_equal(figure_percentile(five, 5, 30), 20);
	assert_int_equal(figure_percentile(five, 5, 40), 20);
	assert_int_equal(figure_percentile(five, 5, 50), 35);
}

static void figure_as_json(void **state)
{
	static const struct figure_machine m = { "x86_64", "server", "gcc 12.2.0", 4 };
	uint32_t samples[] = { 9, 4294967295u, 7, 8 };
	struct figure f;
	struct hx_text_buf out;
	char text[384];

	figure_make(&f, "sched.switch", "insn", samples, 4);
	hx_text_buf_init(&out, text, sizeof(text));
	figure_show(&out.text, &f, &m);
	assert_string_equal(text,
		"{\"bench\":\"sched.switch\",\"unit\":\"insn\",\"n\":4,\"min\":7,\"p50\":8,"
		"\"p99\":4294967295,\"max\":4294967295,\"arch\":\"x86_64\",\"profile\":\"server\","
		"\"cpus\":4,\"cc\":\"gcc 12.2.0\"}\n");
}

static void samples_are_bounded(void **state)
{
	uint32_t samples[3] = { 0, 0, 77 };
	struct hx_bench_run b = { .samples = samples, .n_max = 2, .overhead = 10 };

	hx_bench_sample(&b, 25);
	hx_bench_sample(&b, 5);		/* below the overhead: 0, not a huge number */
	hx_bench_sample(&b, 100);
	assert_int_equal(b.n, 2);
	assert_int_equal(samples[0], 15);
	assert_int_equal(samples[1], 0);
	assert_int_equal(samples[2], 77);
	b.n = 0;
	hx_bench_value(&b, 5);
	hx_bench_value(&b, UINT64_MAX);
	assert_int_equal(samples[0], 5);
	assert_int_equal(samples[1], UINT32_MAX);
	assert_false(hx_bench_more(&b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sort_agrees_with_qsort),
		cmocka_unit_test(percentile_is_the_nearest_rank),
		cmocka_unit_test(figure_as_json),
		cmocka_unit_test(samples_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
