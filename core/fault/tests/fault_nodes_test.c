/* SPDX-License-Identifier: MIT */
/*
 * How people reach the fault points: the kernel word and the control node. Needs
 * CONFIG_FAULT_INJECTION.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <hx/core/fault.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/names.h>
#include <hx/hal/boot_info.h>

HX_SECTION_BOUNDS(hx_components, struct hx_component);
HX_FAULT_POINT(test_point, "test.point", "for this test");
HX_FAULT_POINT(test_family, "family.*", "any of them");
HX_FAULT_POINT_OF(test_leak, "test.leak", HX_FAULT_LEAK, "for this test, too");

static char ack[256];

static int ctl(const char *line)
{
	struct hx_text_buf b;

	hx_text_buf_init(&b, ack, sizeof(ack));
	return hx_names_take("/fault/ctl", line, &b.text);
}

static const char *points(void)
{
	static char text[8192];
	struct hx_text_buf b;

	hx_text_buf_init(&b, text, sizeof(text));
	assert_int_equal(hx_names_show("/fault/points", &b.text), 0);
	return text;
}

static void arm_and_disarm(void **state)
{
	assert_int_equal(ctl("arm test.point"), 0);
	assert_string_equal(ack, "point=test.point after=1 registered=1");
	assert_int_equal(ctl("arm family.x after 3"), 0);
	assert_string_equal(ack, "point=family.x after=3 registered=1");
	assert_int_equal(ctl("  arm   odd.one  after  2 "), 0);
	assert_string_equal(ack, "point=odd.one after=2 registered=0");
	assert_int_equal(hx_fault_n_armed, 3);
	assert_non_null(strstr(points(), "point=test.point kind=fail help=for this test\n"));
	assert_non_null(strstr(points(), "\narmed=family.x kind=fail after=3 every=1 times=1 "
				       "odds=1 hits=0 fired=0\n"));
	assert_false(hx_fault_hits("odd.one"));
	assert_true(hx_fault_hits("odd.one"));
	assert_int_equal(ctl("disarm family.x"), 0);
	assert_string_equal(ack, "point=family.x");
	assert_int_equal(ctl("disarm family.x"), -HX_ENOENT);
	assert_string_equal(ack, "detail=not-armed");
	assert_int_equal(ctl("disarm test.point"), 0);
	assert_null(strstr(points(), "\narmed="));
	assert_non_null(strstr(points(), "\ndisarmed=odd.one kind=fail hits=2 fired=1\n"));
}

static void options_of_arming(void **state)
{
	assert_int_equal(ctl("seed 18446744073709551615"), 0);
	assert_string_equal(ack, "seed=18446744073709551615");
	assert_int_equal(ctl("arm test.point odds 4 times always every 2 kind lost after 6"), 0);
	assert_non_null(strstr(points(), "\narmed=test.point kind=lost after=6 every=2 "
				       "times=always odds=4 hits=0 fired=0\n"));
	assert_int_equal(ctl("arm test.leak times 2"), 0);
	assert_non_null(strstr(points(), "\narmed=test.leak kind=leak after=1 every=1 times=2 "));
	assert_int_equal(hx_fault_kind_slow("test.leak"), HX_FAULT_LEAK);
	assert_int_equal(ctl("disarm test.leak"), 0);
	assert_int_equal(ctl("disarm test.point"), 0);
}

static void bad_lines_change_nothing(void **state)
{
	static const char *const bad[] = {
		"", " ", "arm", "arm ", "disarm", "fire test.point", "arm a after", "arm a after x",
		"arm a after 0", "arm a 3", "arm a after 3 4", "arm a:3", "disarm a b", "ARM a",
		"arm a kind", "arm a kind none", "arm a kind what", "arm a every 0",
		"arm a odds -1",
		"arm a times never", "arm a often 3", "seed", "seed x", "seed 1 2", "seed -1",
		"arm abcdefghijklmnopqrstuvwxyz0123456",
	};

	for (unsigned i = 0; i < HX_ARRAY_LEN(bad); i++) {
		assert_int_equal(ctl(bad[i]), -HX_EINVAL);
		assert_non_null(strstr(ack, "detail=usage"));
		assert_int_equal(hx_fault_n_armed, 0);
	}
}

static void full_table_is_told(void **state)
{
	char line[16];
	unsigned i;

	for (i = 0; i < 32; i++) {
		snprintf(line, sizeof(line), "arm p%u", i);
		assert_int_equal(ctl(line), 0);
	}
	assert_int_equal(ctl("arm another"), -HX_ENFILE);
	assert_string_equal(ack, "detail=table-full");
	for (i = 0; i < 32; i++) {
		snprintf(line, sizeof(line), "p%u", i);
		assert_int_equal(hx_fault_disarm(line), 0);
	}
	assert_int_equal(hx_fault_n_armed, 0);
}

static char seen[1024];

static void console(const char *bytes, size_t n)
{
	strncat(seen, bytes, n);
}

static void boot(const char *line)
{
	static struct hx_boot_info info;
	const struct hx_component *const *it;

	strcpy(info.cmdline, line);
	hx_boot_start(&info);
	seen[0] = '\0';
	hx_log_set_console(console);
	HX_SECTION_FOREACH(it, hx_components) {
		if (strcmp((*it)->name, "fault") == 0)
			assert_int_equal((*it)->init(), 0);
	}
}

static void word_arms_several(void **state)
{
	boot("helix.fault=init.log,heap.alloc:3");
	assert_int_equal(hx_fault_n_armed, 2);
	assert_true(hx_fault_hits("init.log"));
	assert_false(hx_fault_hits("heap.alloc"));
	assert_int_equal(hx_fault_disarm("heap.alloc"), 0);
	boot("helix.fault=x:0,y");
	assert_string_equal(seen, "warn fault: cannot arm x:0\n");
	assert_int_equal(hx_fault_disarm("y"), 0);
	boot("");
	boot("helix.fault=");
	assert_int_equal(hx_fault_n_armed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arm_and_disarm),
		cmocka_unit_test(options_of_arming),
		cmocka_unit_test(bad_lines_change_nothing),
		cmocka_unit_test(full_table_is_told),
		cmocka_unit_test(word_arms_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
