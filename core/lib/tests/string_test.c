/* SPDX-License-Identifier: MIT */
/*
 * Strings: borders of each function, and the C library as the model where it has the same one.
 */
#include <fnmatch.h>
#include <strings.h>

#include <hx/core/string.h>

#include "test_priv.h"

static uint64_t seed = 88172645463325252;

/* A short string over a small alphabet, so that equal and nearly equal ones are common. */
static void make_string(char *s, size_t size, const char *alphabet)
{
	size_t i, n = test_random(&seed) % size;

	for (i = 0; i < n; i++)
		s[i] = alphabet[test_random(&seed) % strlen(alphabet)];
	s[n] = '\0';
}

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

static void comparing_and_searching_are_as_in_the_c_library(void **state)
{
	char a[8], b[8];
	unsigned i;

	for (i = 0; i < 100000; i++) {
		size_t n = test_random(&seed) % 10;
		int c = "abAB\xe4\0x"[test_random(&seed) % 7];

		make_string(a, sizeof(a), "abAB\xe4[{");
		make_string(b, sizeof(b), "abAB\xe4[{");
		assert_int_equal(hx_strlen(a), strlen(a));
		assert_int_equal(hx_strnlen(a, n), strnlen(a, n));
		assert_int_equal(sign(hx_strcmp(a, b)), sign(strcmp(a, b)));
		assert_int_equal(sign(hx_strncmp(a, b, n)), sign(strncmp(a, b, n)));
		assert_int_equal(sign(hx_strcasecmp(a, b)), sign(strcasecmp(a, b)));
		assert_ptr_equal(hx_strchr(a, c), strchr(a, c));
		assert_ptr_equal(hx_strrchr(a, c), strrchr(a, c));
		n = n > sizeof(a) ? sizeof(a) : n;
		assert_ptr_equal(hx_memchr(a, c, n), memchr(a, c, n));
	}
}

static void strlcpy_cuts_and_terminates(void **state)
{
	char dst[8];
	size_t size;

	for (size = 0; size <= sizeof(dst); size++) {
		memset(dst, 'x', sizeof(dst));
		assert_int_equal(hx_strlcpy(dst, "hello", size), 5);
		if (size == 0) {
			assert_int_equal(dst[0], 'x');
			continue;
		}
		assert_int_equal(strlen(dst), size - 1 < 5 ? size - 1 : 5);
		assert_memory_equal(dst, "hello", strlen(dst));
		if (size < sizeof(dst))
			assert_int_equal(dst[size], 'x');
	}
	assert_int_equal(hx_strlcpy(dst, "", sizeof(dst)), 0);
	assert_string_equal(dst, "");
}

static void glob_is_as_fnmatch(void **state)
{
	char pattern[8], text[10];
	unsigned i;

	for (i = 0; i < 200000; i++) {
		make_string(pattern, sizeof(pattern), "ab*?");
		make_string(text, sizeof(text), "ab");
		if (hx_glob(pattern, text) != (fnmatch(pattern, text, FNM_NOESCAPE) == 0))
			fail_msg("\"%s\" against \"%s\"", pattern, text);
	}
	assert_true(hx_glob("", ""));
	assert_true(hx_glob("***", ""));
	assert_false(hx_glob("?", ""));
	assert_true(hx_glob("sched_*_ok", "sched_a_b_ok_ok"));
}

/* A naive matcher needs more than 10^9 steps for this; ours must be done at once. */
static void glob_cost_is_bounded(void **state)
{
	assert_false(hx_glob("a*a*a*a*a*a*a*a*a*a*a*a*b",
			     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void parse_u64_takes_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int result;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 0, 0 },
		{ "007", 10, 0, 7 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -HX_ERANGE, 0 },
		{ "18446744073709551620", UINT64_MAX, -HX_ERANGE, 0 },
		{ "99999999999999999999999999", UINT64_MAX, -HX_ERANGE, 0 },
		{ "0xffffffffffffffff", UINT64_MAX, 0, UINT64_MAX },
		{ "0x10000000000000000", UINT64_MAX, -HX_ERANGE, 0 },
		{ "0XaBc", UINT64_MAX, 0, 0xabc },
		{ "0x10k", UINT64_MAX, 0, 16384 },
		{ "1k", 1024, 0, 1024 },
		{ "1k", 1023, -HX_ERANGE, 0 },
		{ "3M", UINT64_MAX, 0, 3 << 20 },
		{ "17179869183g", UINT64_MAX, 0, 17179869183ull << 30 },
		{ "17179869184g", UINT64_MAX, -HX_ERANGE, 0 },
		{ "100", 100, 0, 100 },
		{ "101", 100, -HX_ERANGE, 0 },
		{ "", UINT64_MAX, -HX_EINVAL, 0 },
		{ "0x", UINT64_MAX, -HX_EINVAL, 0 },
		{ "0xg", UINT64_MAX, -HX_EINVAL, 0 },
		{ "k", UINT64_MAX, -HX_EINVAL, 0 },
		{ "-1", UINT64_MAX, -HX_EINVAL, 0 },
		{ "+1", UINT64_MAX, -HX_EINVAL, 0 },
		{ " 1", UINT64_MAX, -HX_EINVAL, 0 },
		{ "1 ", UINT64_MAX, -HX_EINVAL, 0 },
		{ "1kk", UINT64_MAX, -HX_EINVAL, 0 },
		{ "1kB", UINT64_MAX, -HX_EINVAL, 0 },
		{ "12a", UINT64_MAX, -HX_EINVAL, 0 },
		{ "99999999999999999999x", UINT64_MAX, -HX_EINVAL, 0 },
	};
	unsigned i;

	for (i = 0; i < HX_ARRAY_LEN(cases); i++) {
		uint64_t value = 0x5555;
		int result = hx_parse_u64(cases[i].text, cases[i].max, &value);

		if (result != cases[i].result)
			fail_msg("\"%s\": %d", cases[i].text, result);
		assert_int_equal(value, result == 0 ? cases[i].value : 0x5555);
	}
}

/* Encode as RFC 3629, section 3 says, without asking whether the value may be encoded. */
static size_t encode(uint32_t c, unsigned n, char *out)
{
	static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	unsigned i;

	for (i = n - 1; i > 0; i--, c >>= 6)
		out[i] = 0x80 | (c & 0x3f);
	out[0] = first[n] | c;
	return n;
}

static bool may_be_text(uint32_t c)
{
	return !(c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0xd800 && c <= 0xdfff) ||
		 c > 0x10ffff);
}

static void utf8_knows_every_code_point(void **state)
{
	static const uint32_t limit[] = { 0, 0x80, 0x800, 0x10000, 0x200000 };
	unsigned n, shortest;
	uint32_t c;
	char s[4];

	for (n = 1; n <= 4; n++) {
		for (c = 0; c < limit[n]; c++) {
			shortest = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
			encode(c, n, s);
			if (hx_utf8_is_text(s, n) != (n == shortest && may_be_text(c)))
				fail_msg("U+%x in %u bytes", c, n);
			if (n > 1 && hx_utf8_is_text(s, n - 1))
				fail_msg("U+%x cut short", c);
		}
	}
}

static void utf8_refuses_broken_sequences(void **state)
{
	char pair[2], three[3] = { '\xe2', 0, 0 };
	unsigned i, j;

	assert_true(hx_utf8_is_text("", 0));
	assert_true(hx_utf8_is_text("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 15));
	assert_false(hx_utf8_is_text("tab\t", 4));
	assert_false(hx_utf8_is_text("line\n", 5));
	assert_false(hx_utf8_is_text("nul", 4));
	for (i = 0; i < 256; i++) {
		pair[0] = (char)i;
		pair[1] = 'a';
		assert_int_equal(hx_utf8_is_text(pair, 2), i >= 0x20 && i < 0x7f);
		for (j = 0; j < 256; j++) {
			three[1] = (char)i;
			three[2] = (char)j;
			assert_int_equal(hx_utf8_is_text(three, 3), i >> 6 == 2 && j >> 6 == 2);
		}
	}
}

static unsigned words_of(const char *text, char *line, char *words[], unsigned n)
{
	strcpy(line, text);
	return hx_cut_words(line, words, n);
}

static void lines_are_cut_into_words(void **state)
{
	char line[32], *words[3] = { NULL };

	assert_int_equal(words_of("", line, words, 3), 0);
	assert_int_equal(words_of("   ", line, words, 3), 0);
	assert_int_equal(words_of("one", line, words, 3), 1);
	assert_string_equal(words[0], "one");
	assert_int_equal(words_of("  a bc   d ", line, words, 3), 3);
	assert_string_equal(words[0], "a");
	assert_string_equal(words[1], "bc");
	assert_string_equal(words[2], "d");
	assert_int_equal(words_of("a b c d e", line, words, 3), 4);
	assert_string_equal(words[1], "b");
	assert_int_equal(words_of("a", line, words, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparing_and_searching_are_as_in_the_c_library),
		cmocka_unit_test(strlcpy_cuts_and_terminates),
		cmocka_unit_test(glob_is_as_fnmatch),
		cmocka_unit_test(glob_cost_is_bounded),
		cmocka_unit_test(lines_are_cut_into_words),
		cmocka_unit_test(parse_u64_takes_numbers),
		cmocka_unit_test(utf8_knows_every_code_point),
		cmocka_unit_test(utf8_refuses_broken_sequences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
