/* SPDX-License-Identifier: MIT */
/*
 * How people reach the fault points: the kernel word and the control node. Needs
 * CONFIG_FAULT_INJECTION.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include <hx/core/fault.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/names.h>
#include <hx/hal/boot_info.h>

HX_SECTION_BOUNDS(hx_components, struct hx_component);
HX_FAULT_POINT(test_point, "test.point", "for this test");
HX_FAULT_POINT(test_family, "family.*", "any of them");

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
	assert_non_null(strstr(points(), "point=test.point help=for this test\n"));
	assert_non_null(strstr(points(), "armed=family.x after=3\n"));
	assert_false(hx_fault_hits("odd.one"));
	assert_true(hx_fault_hits("odd.one"));
	assert_int_equal(ctl("disarm family.x"), 0);
	assert_string_equal(ack, "point=family.x");
	assert_int_equal(ctl("disarm family.x"), -HX_ENOENT);
	assert_string_equal(ack, "detail=not-armed");
	assert_int_equal(ctl("disarm test.point"), 0);
	assert_null(strstr(points(), "armed="));
}

static void bad_lines_change_nothing(void **state)
{
	static const char *const bad[] = {
		"", " ", "arm", "arm ", "disarm", "fire test.point", "arm a after", "arm a after x",
		"arm a after 0", "arm a 3", "arm a after 3 4", "arm a:3", "disarm a b", "ARM a",
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
	char line[] = "arm p0";

	for (; line[5] < '8'; line[5]++)
		assert_int_equal(ctl(line), 0);
	assert_int_equal(ctl(line), -HX_ENFILE);
	assert_string_equal(ack, "detail=table-full");
	while (line[5]-- > '0')
		hx_fault_disarm(line + 4);
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
		cmocka_unit_test(bad_lines_change_nothing),
		cmocka_unit_test(full_table_is_told),
		cmocka_unit_test(word_arms_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
