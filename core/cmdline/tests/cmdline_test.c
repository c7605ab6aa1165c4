/* SPDX-License-Identifier: MIT */
/*
 * The command line: quoting as people and GRUB write it, the last word wins, unknown words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include <hx/core/cmdline.h>
#include <hx/core/init.h>
#include <hx/hal/boot_info.h>

HX_WORD(test_level, "helix.level", "for this test");
HX_WORD(test_slot, "helix.seat.", "a family");

static struct hx_boot_info info;

static void set_line(const char *line)
{
	assert_true(strlen(line) < sizeof(info.cmdline));
	strcpy(info.cmdline, line);
	hx_boot_start(&info);
}

static const struct {
	const char *line, *name;
	int result;		/* length or error */
	const char *value;
} gets[] = {
	{ "helix.a=1", "helix.a", 1, "1" },
	{ "helix.a=1", "helix.b", -HX_ENOENT, NULL },
	{ "helix.a", "helix.a", 0, "" },
	{ "helix.a=", "helix.a", 0, "" },
	{ "", "helix.a", -HX_ENOENT, NULL },
	{ "   ", "helix.a", -HX_ENOENT, NULL },
	{ "  helix.a=x  ", "helix.a", 1, "x" },
	{ "\thelix.a=x\thelix.b=y", "helix.b", 1, "y" },
	{ "helix.a=1 helix.a=22", "helix.a", 2, "22" },
	{ "helix.a=1 helix.a", "helix.a", 0, "" },
	{ "helix.ab=1", "helix.a", -HX_ENOENT, NULL },
	{ "helix.a=1", "helix.ab", -HX_ENOENT, NULL },
	{ "xhelix.a=1", "helix.a", -HX_ENOENT, NULL },
	{ "helix.a=b=c", "helix.a", 3, "b=c" },
	{ "helix.a=\"one two\"", "helix.a", 7, "one two" },
	{ "\"helix.a=one two\"", "helix.a", 7, "one two" },
	{ "helix.a=\"x\" helix.b=2", "helix.b", 1, "2" },
	{ "helix.a=\"helix.b=9\"", "helix.b", -HX_ENOENT, NULL },
	{ "helix.a=\"x helix.b=9\"", "helix.b", -HX_ENOENT, NULL },
	{ "helix.a=o\"ne t\"wo", "helix.a", 7, "one two" },
	{ "helix.a=\"\"", "helix.a", 0, "" },
	{ "helix.a=\"echo /x \\\"q r\\\"\"", "helix.a", 13, "echo /x \"q r\"" },
	{ "helix.a=back\\\\slash", "helix.a", 10, "back\\slash" },
	{ "helix.a=it\\'s", "helix.a", 4, "it's" },
	{ "helix.a=c:\\dir", "helix.a", 6, "c:\\dir" },
	{ "helix.a=\"open end", "helix.a", 8, "open end" },
	{ "quiet helix.a=1 ro", "helix.a", 1, "1" },
	{ "helix.a=12345678", "helix.a", 8, "12345678" },
	{ "helix.a=123456789012345", "helix.a", 15, "123456789012345" },
	{ "helix.a=1234567890123456", "helix.a", -HX_ENAMETOOLONG, "123456789012345" },
	{ "HELIX.A=1", "helix.a", -HX_ENOENT, NULL },
	{ "=1", "helix.a", -HX_ENOENT, NULL },
	{ "helix.a=\xc3\xa4", "helix.a", 2, "\xc3\xa4" },
};

static void get_table(void **state)
{
	unsigned i;

	for (i = 0; i < HX_ARRAY_LEN(gets); i++) {
		char buf[16] = "untouched";
		int result;

		set_line(gets[i].line);
		result = hx_cmdline_get(gets[i].name, buf, sizeof(buf));
		assert_int_equal(result, gets[i].result);
		assert_string_equal(buf, gets[i].value != NULL ? gets[i].value : "untouched");
		assert_int_equal(hx_cmdline_has(gets[i].name), gets[i].value != NULL);
	}
}

static void get_without_room_writes_nothing(void **state)
{
	char c = 'x';

	set_line("helix.a=1");
	assert_int_equal(hx_cmdline_get("helix.a", &c, 0), -HX_ENAMETOOLONG);
	assert_int_equal(c, 'x');
	assert_int_equal(hx_cmdline_get("helix.a", &c, 1), -HX_ENAMETOOLONG);
	assert_int_equal(c, '\0');
}

static void unknown_words_are_found_in_order(void **state)
{
	char buf[16];

	set_line("root=1 helix.level=2 helix.typo=\"a helix.b\" helix.seat.front=x "
		 "\"helix.other one\"");
	assert_int_equal(hx_cmdline_unknown(0, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "helix.typo");
	assert_int_equal(hx_cmdline_unknown(1, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "helix.other one");
	assert_int_equal(hx_cmdline_unknown(2, buf, sizeof(buf)), -HX_ENOENT);
	set_line("");
	assert_int_equal(hx_cmdline_unknown(0, buf, sizeof(buf)), -HX_ENOENT);
	set_line("  helix.levels");
	assert_int_equal(hx_cmdline_unknown(0, buf, 8), 0);
	assert_string_equal(buf, "helix.l");
}

HX_SECTION_BOUNDS(hx_components, struct hx_component);

static int run_init(void)
{
	const struct hx_component *const *it;

	HX_SECTION_FOREACH(it, hx_components) {
		if (strcmp((*it)->name, "cmdline") == 0)
			return (*it)->init();
	}
	fail_msg("there is no component cmdline");
	return -HX_ENOENT;
}

static void problems_are_told(void **state)
{
	char full[HX_BOOT_CMDLINE_MAX];

	set_line("helix.a=\"b\" c");
	assert_int_equal(run_init(), 0);
	assert_null(hx_cmdline_problem());
	set_line("helix.a=\"b c");
	assert_int_equal(run_init(), 0);
	assert_non_null(strstr(hx_cmdline_problem(), "quote"));
	memset(full, 'x', sizeof(full) - 1);
	full[sizeof(full) - 1] = '\0';
	set_line(full);
	assert_int_equal(run_init(), 0);
	assert_non_null(strstr(hx_cmdline_problem(), "cut"));
}

/* Any bytes at all: no access outside of the line (the sanitizer looks), and always an end. */
static void garbage_is_survived(void **state)
{
	static const char bytes[] = "helix.a=\" \\'\t\n\x80\xff=x.";
	uint32_t seed = 1;
	char buf[32];
	int round;

	for (round = 0; round < 3000; round++) {
		size_t n = round % 64, i;

		for (i = 0; i < n; i++) {
			seed = seed * 1664525u + 1013904223u;
			info.cmdline[i] = bytes[(seed >> 16) % (sizeof(bytes) - 1)];
		}
		info.cmdline[n] = '\0';
		hx_boot_start(&info);
		assert_true(hx_cmdline_get("helix.a", buf, sizeof(buf)) >= -HX_ENAMETOOLONG);
		for (i = 0; hx_cmdline_unknown((unsigned)i, buf, sizeof(buf)) == 0; i++)
			assert_true(i < 64);
		assert_int_equal(run_init(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get_table),
		cmocka_unit_test(get_without_room_writes_nothing),
		cmocka_unit_test(unknown_words_are_found_in_order),
		cmocka_unit_test(problems_are_told),
		cmocka_unit_test(garbage_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
