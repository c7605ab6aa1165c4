// SPDX-License-Identifier: MIT
/* The marks of a boot: their table is bounded, the prompt counts once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <hx/config/core_names.h>
#include <hx/core/init.h>
#include <hx/core/names.h>
#include <hx/core/text.h>
#include <hx/hal/boot_info.h>
#include <hx/hal/cpu.h>

#include "../boot_priv.h"

HX_SECTION_BOUNDS(hx_nodes, struct hx_node);

static struct hx_boot_info info;
static char shown[16384];
static unsigned n_prompts;

static void on_prompt(void)
{
	struct hx_boot_times t;

	hx_boot_times(&t);
	assert_true(t.prompt != 0);
	n_prompts++;
}

static const struct hx_node *find_node(const char *path)
{
	const struct hx_node *const *it;

	HX_SECTION_FOREACH(it, hx_nodes) {
		if (strcmp((*it)->path, path) == 0)
			return *it;
	}
	fail_msg("no node %s", path);
	return NULL;
}

static void show(const char *path)
{
	const struct hx_node *node = find_node(path);
	struct hx_text_buf out;

	hx_text_buf_init(&out, shown, sizeof(shown));
	assert_int_equal(node->show(&out.text, NULL), 0);
	assert_true(out.text.total <= node->max_bytes);
}

static int setup(void **state)
{
	info.entry_cycles = hx_cycles();
	hx_boot_start(&info);
	return 0;
}

static void info_is_what_the_loader_gave(void **state)
{
	assert_ptr_equal(hx_boot_info(), &info);
}

static void marks_are_shown_in_order(void **state)
{
	char *first, *second;

	if (!HX_ENABLED(STATE_NODES))
		skip();
	hx_boot_mark("alpha");
	hx_boot_mark("beta");
	show("/proc/boot");
	first = strstr(shown, "step=alpha cycles=");
	second = strstr(shown, "step=beta cycles=");
	assert_true(strncmp(shown, "step=main cycles=", 17) == 0);
	assert_true(first != NULL && second != NULL && first < second);
	assert_non_null(strstr(shown, "dropped=0\n"));
	assert_null(strstr(shown, "to_prompt"));
}

static void marks_past_the_table_are_counted(void **state)
{
	if (!HX_ENABLED(STATE_NODES))
		skip();
	for (int i = 0; i < BOOT_MARKS_MAX + 2; i++)
		hx_boot_mark("a-component-with-a-long-name");
	show("/proc/boot");
	assert_non_null(strstr(shown, "dropped=3\n"));	/* "main" took one place */
}

static void waiting_is_added_up_and_apart(void **state)
{
	struct hx_boot_times t;
	char line[64];

	hx_boot_waited(300);
	hx_boot_waited(44);
	hx_boot_prompt_reached();
	hx_boot_times(&t);
	assert_int_equal(t.waited, 344);
	assert_true(t.entry <= t.main && t.main <= t.prompt);
	if (!HX_ENABLED(STATE_NODES))
		return;
	show("/proc/boot");
	assert_non_null(strstr(shown, "waited_cycles=344\n"));
	snprintf(line, sizeof(line), "to_prompt_cycles=%llu\n",
		 (unsigned long long)(t.prompt - t.entry - 344));
	assert_non_null(strstr(shown, line));
}

static void prompt_counts_once(void **state)
{
	struct hx_boot_times first, second;

	n_prompts = 0;
	hx_boot_on_prompt(on_prompt);
	hx_boot_prompt_reached();
	hx_boot_times(&first);
	hx_boot_prompt_reached();
	hx_boot_times(&second);
	hx_boot_on_prompt(NULL);
	assert_int_equal(n_prompts, 1);
	assert_int_equal(first.prompt, second.prompt);
}

static void version_names_the_build(void **state)
{
	show("/proc/version");
	assert_non_null(strstr(shown, "name=helix build="));
	assert_non_null(strstr(shown, " arch="));
	assert_non_null(strstr(shown, " profile="));
	assert_non_null(strstr(shown, " config="));
	assert_non_null(strstr(shown, "\ncompiler="));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(info_is_what_the_loader_gave, setup),
		cmocka_unit_test_setup(marks_are_shown_in_order, setup),
		cmocka_unit_test_setup(marks_past_the_table_are_counted, setup),
		cmocka_unit_test_setup(waiting_is_added_up_and_apart, setup),
		cmocka_unit_test_setup(prompt_counts_once, setup),
		cmocka_unit_test_setup(version_names_the_build, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
