/* SPDX-License-Identifier: MIT */
/*
 * The little text helpers: appending cuts at the size, and kernel words are found as whole words.
 */
#include "memory_view.h"

static void append_cuts_and_terminates(void **state)
{
	char buf[8] = "????????";
	size_t used = 0;

	hx_text_put(buf, sizeof(buf), &used, "abc");
	assert_string_equal(buf, "abc");
	hx_text_put(buf, sizeof(buf), &used, "defghijk");
	assert_string_equal(buf, "abcdefg");
	hx_text_put(buf, sizeof(buf), &used, "x");
	assert_string_equal(buf, "abcdefg");
}

static void numbers_have_no_leading_zeros(void **state)
{
	static const struct { uint64_t value; const char *text; } cases[] = {
		{ 0, "0x0" }, { 15, "0xf" }, { 16, "0x10" }, { UINT64_MAX, "0xffffffffffffffff" },
	};

	for (unsigned i = 0; i < HX_ARRAY_LEN(cases); i++) {
		char buf[32];
		size_t used = 0;

		hx_text_put_hex(buf, sizeof(buf), &used, cases[i].value);
		assert_string_equal(buf, cases[i].text);
	}
}

static void words_are_found_whole(void **state)
{
	assert_string_equal(hx_boot_word("a helix.seed=7 b", "helix.seed="), "7 b");
	assert_string_equal(hx_boot_word("helix.seed=", "helix.seed="), "");
	assert_null(hx_boot_word("xhelix.seed=7", "helix.seed="));
	assert_null(hx_boot_word("helix.seed", "helix.seed="));
	assert_string_equal(hx_boot_word("helix.seedy=1  helix.seed=2", "helix.seed="), "2");
	assert_null(hx_boot_word("", "helix.seed="));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(append_cuts_and_terminates),
		cmocka_unit_test(numbers_have_no_leading_zeros),
		cmocka_unit_test(words_are_found_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
