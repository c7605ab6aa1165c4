/* SPDX-License-Identifier: MIT */
/*
 * Text sinks: a window at any offset shows that part of the whole; a buffer never overflows.
 */
#include <hx/core/text.h>

#include "test_priv.h"

/* A text made of pieces of many lengths, empty ones too. */
static void write_report(struct hx_text *t)
{
	unsigned i;

	for (i = 0; i < 12; i++) {
		hx_text_printf(t, "line=%u %*s|%-*u\n", i, (int)i * 3, "x", (int)i, i * i);
		hx_text_puts(t, "");
		hx_text_write(t, "abcdefghijklmnop", i);
	}
}

static void windows_show_parts_of_the_whole(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 7, 64, 500, 2000 };
	struct hx_text_window w;
	struct hx_text_buf whole;
	char text[2000], part[2000];
	size_t off, i;

	hx_text_buf_init(&whole, text, sizeof(text));
	write_report(&whole.text);
	assert_int_equal(whole.text.total, whole.used);
	assert_int_equal(strlen(text), whole.used);
	assert_true(whole.used > 300);
	for (i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		for (off = 0; off < whole.used + 3; off++) {
			size_t left = off < whole.used ? whole.used - off : 0;
			size_t expected = left < sizes[i] ? left : sizes[i];

			memset(part, '#', sizeof(part));
			hx_text_window_init(&w, part, sizes[i], off);
			write_report(&w.text);
			assert_int_equal(w.text.total, whole.used);
			assert_int_equal(w.used, expected);
			assert_memory_equal(part, text + off, expected);
			if (expected < sizeof(part))
				assert_int_equal(part[expected], '#');
		}
	}
}

static void a_window_past_any_end_is_empty(void **state)
{
	struct hx_text_window w;
	char part[4];

	hx_text_window_init(&w, part, sizeof(part), UINT64_MAX);
	write_report(&w.text);
	assert_int_equal(w.used, 0);
}

static void buffers_cut_and_terminate_at_any_size(void **state)
{
	struct hx_text_buf whole, b;
	char text[2000], cut[2000];
	size_t size;

	hx_text_buf_init(&whole, text, sizeof(text));
	write_report(&whole.text);
	for (size = 0; size < 400; size++) {
		memset(cut, '#', sizeof(cut));
		hx_text_buf_init(&b, cut, size);
		write_report(&b.text);
		assert_int_equal(b.text.total, whole.text.total);
		if (size != 0) {
			assert_int_equal(b.used, size - 1 < whole.used ? size - 1 : whole.used);
			assert_int_equal(cut[b.used], '\0');
			assert_memory_equal(cut, text, b.used);
		}
		assert_int_equal(cut[size], '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_show_parts_of_the_whole),
		cmocka_unit_test(a_window_past_any_end_is_empty),
		cmocka_unit_test(buffers_cut_and_terminate_at_any_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
