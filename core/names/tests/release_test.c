/* SPDX-License-Identifier: MIT */
/* Nodes taken back with the memory that something of theirs lies in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <hx/core/names.h>

static int show_nothing(struct hx_text *out, const struct hx_node_args *args)
{
	return 0;
}

static int show_other(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_puts(out, "other");
	return 0;
}

static int take_nothing(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	return 0;
}

static int list_nothing(unsigned idx, char name[HX_NAME_MAX], const struct hx_node_args *args)
{
	return -HX_ENOENT;
}

static const struct hx_node built_in = { .path = "/built/in", .help = "h", .rights = HX_NODE_READ,
					 .max_bytes = 1, .show = show_nothing };
HX_NODE(built_in);

static struct hx_node node;
static char path[16], help[16];

static bool is_there(const char *where)
{
	struct hx_name_stat st;

	return hx_names_stat(where, &st) == 0;
}

static void register_one(void)
{
	strcpy(path, "/rel/<x>/one");
	strcpy(help, "helps");
	node = (struct hx_node){ .path = path, .help = help,
				 .rights = HX_NODE_READ | HX_NODE_APPEND, .max_bytes = 1,
				 .show = show_nothing, .take = take_nothing,
				 .list = list_nothing };
	assert_int_equal(hx_names_register(&node), 0);
}

static void whatever_of_a_node_lies_there_counts(void **state)
{
	const uintptr_t parts[] = { (uintptr_t)&node, (uintptr_t)path, (uintptr_t)help,
				    (uintptr_t)show_nothing, (uintptr_t)take_nothing,
				    (uintptr_t)list_nothing };
	struct hx_node other = { .path = "/rel/two", .help = "", .rights = HX_NODE_READ,
				 .show = show_other };

	assert_int_equal(hx_names_register(&other), 0);
	for (size_t i = 0; i < HX_ARRAY_LEN(parts); i++) {
		register_one();
		assert_int_equal(hx_names_release_memory(parts[i] - 1, 1), 0);
		assert_int_equal(hx_names_release_memory(parts[i] + 1, 0), 0);
		assert_true(is_there("/rel"));
		assert_int_equal(hx_names_release_memory(parts[i], 1), 1);
		assert_int_equal(hx_names_release_memory(parts[i], 1), 0);
		hx_names_unregister(&node);	/* it is out: nothing happens */
	}
	assert_true(is_there("/rel/two"));
	hx_names_unregister(&other);
	assert_false(is_there("/rel"));
}

static void all_that_lie_there_go_and_what_is_built_in_stays(void **state)
{
	static struct hx_node nodes[5];
	static char paths[5][16];

	for (unsigned i = 0; i < 5; i++) {
		snprintf(paths[i], sizeof(paths[i]), "/rel/%u", i);
		nodes[i] = (struct hx_node){ .path = paths[i], .rights = HX_NODE_READ,
					     .show = show_nothing };
		assert_int_equal(hx_names_register(&nodes[i]), 0);
	}
	assert_int_equal(hx_names_release_memory((uintptr_t)&nodes[1], 3 * sizeof(nodes[0])), 3);
	assert_true(is_there("/rel/0") && !is_there("/rel/1") && !is_there("/rel/3") &&
		    is_there("/rel/4"));
	assert_int_equal(hx_names_release_memory((uintptr_t)nodes, sizeof(nodes)), 2);
	assert_int_equal(hx_names_release_memory((uintptr_t)&built_in, sizeof(built_in)), 0);
	assert_true(is_there("/built/in"));
}

/* A node that tries to take itself out, from inside. */
static int tried;

static int show_tries(struct hx_text *out, const struct hx_node_args *args)
{
	tried = hx_names_try_unregister(args->node);
	return 0;
}

static void one_that_is_in_use_is_not_taken_out_at_once(void **state)
{
	struct hx_node tries = { .path = "/rel/tries", .help = "", .rights = HX_NODE_READ,
				 .show = show_tries };
	struct hx_text_buf out;
	char text[8];

	assert_int_equal(hx_names_try_unregister(&tries), 0);	/* it is not in: nothing happens */
	assert_int_equal(hx_names_register(&tries), 0);
	hx_text_buf_init(&out, text, sizeof(text));
	assert_int_equal(hx_names_show("/rel/tries", &out.text), 0);
	assert_int_equal(tried, -HX_EBUSY);
	assert_true(is_there("/rel/tries"));
	assert_int_equal(hx_names_try_unregister(&tries), 0);
	assert_false(is_there("/rel/tries"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_of_a_node_lies_there_counts),
		cmocka_unit_test(all_that_lie_there_go_and_what_is_built_in_stays),
		cmocka_unit_test(one_that_is_in_use_is_not_taken_out_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
