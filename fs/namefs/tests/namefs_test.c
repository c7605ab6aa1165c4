// SPDX-License-Identifier: MIT
/*
 * Nodes as files, files as nodes: what a program reads and what the console shows agree.
 */
#include "hx_test.h"

#include <stdio.h>
#include <string.h>

#include <hx/core/names.h>
#include <hx/fs/vfs.h>

static char taken[64];

static int show_text(struct hx_text *out, const struct hx_node_args *args)
{
	for (int i = 0; i < 100; i++)
		hx_text_printf(out, "line=%d\n", i);
	return 0;
}

static int take_line(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	if (strcmp(line, "bad") == 0)
		return -HX_EINVAL;
	strcpy(taken, line);
	hx_text_puts(ack, "done=1");
	return 0;
}

static const struct hx_node text_node = {
	.path = "/nametest/text", .help = "a hundred lines", .rights = HX_NODE_READ,
	.max_bytes = 1000, .show = show_text,
};
HX_NODE(text_node);

static const struct hx_node ctl_node = {
	.path = "/nametest/ctl", .help = "takes lines", .rights = HX_NODE_APPEND,
	.max_bytes = 64, .take = take_line,
};
HX_NODE(ctl_node);

static int up(void **state)
{
	/* The one that is linked in, whatever else the configuration would boot with. */
	struct hx_host_params params = {
		.mem_bytes = 32 * HX_MIB, .cmdline = "helix.slot.rootfs=ramfs", .seed = 1,
	};

	hx_test_machine_with(&params);
	hx_test_start("namefs");
	return 0;
}

static int down(void **state)
{
	hx_test_machine_end();
	return 0;
}

static void a_node_reads_as_a_file(void **state)
{
	char whole[2000], pieces[2000];
	struct hx_text_buf b;
	struct hx_file f;
	hx_ssize_t n;
	size_t used = 0;

	hx_text_buf_init(&b, whole, sizeof(whole));
	assert_int_equal(hx_names_show("/nametest/text", &b.text), 0);
	assert_int_equal(hx_vfs_open(&f, "/nametest/text", HX_OPEN_READ, 0), 0);
	while ((n = hx_vfs_read(&f, pieces + used, 7)) > 0)
		used += (size_t)n;
	hx_vfs_close(&f);
	assert_int_equal(n, 0);
	assert_int_equal(used, b.text.total);
	assert_memory_equal(pieces, whole, used);
}

static void a_ctl_node_takes_whole_lines(void **state)
{
	struct hx_file f;
	char c;

	assert_int_equal(hx_vfs_open(&f, "/nametest/ctl", HX_OPEN_WRITE, 0), 0);
	assert_int_equal(hx_vfs_write(&f, "one\ntwo\n", 8), 8);
	assert_string_equal(taken, "two");
	assert_int_equal(hx_vfs_write(&f, "three", 5), 5);
	assert_string_equal(taken, "three");
	assert_int_equal(hx_vfs_write(&f, "four\nbad\nfive\n", 14), 5);
	assert_string_equal(taken, "four");
	assert_int_equal(hx_vfs_write(&f, "bad\n", 4), -HX_EINVAL);
	assert_int_equal(hx_vfs_read(&f, &c, 1), -HX_EBADF);
	hx_vfs_close(&f);
	assert_int_equal(hx_vfs_open(&f, "/nametest/ctl", HX_OPEN_READ, 0), 0);
	assert_int_equal(hx_vfs_read(&f, &c, 1), -HX_EACCES);
	hx_vfs_close(&f);
	assert_int_equal(hx_vfs_unlink("/nametest/ctl"), -HX_EROFS);
}

static void the_console_sees_one_tree(void **state)
{
	const struct hx_tree_ops *t = hx_tree();
	char name[HX_NAME_MAX], text[64];
	struct hx_name_stat st;
	struct hx_text_buf b;
	bool file = false, node = false;

	hx_text_buf_init(&b, text, sizeof(text));
	assert_int_equal(t->take("/zfile", "hello", &b.text), 0);
	assert_int_equal(t->take("/zfile", "again", &b.text), 0);
	for (unsigned i = 0; t->list("/", i, name, &st) == 0; i++) {
		file |= strcmp(name, "zfile") == 0 && !st.is_dir && st.size_bytes == 12;
		node |= strcmp(name, "nametest") == 0 && st.is_dir;
	}
	assert_true(file && node);
	hx_text_buf_init(&b, text, sizeof(text));
	assert_int_equal(t->show("/zfile", &b.text), 0);
	assert_string_equal(text, "hello\nagain\n");
	assert_int_equal(t->show("/nametest", &b.text), -HX_EISDIR);
	assert_int_equal(t->show("/nosuch", &b.text), -HX_ENOENT);
	assert_int_equal(t->list("/zfile", 0, name, &st), -HX_ENOTDIR);
	assert_int_equal(t->list("/nametest", 0, name, &st), 0);
	assert_string_equal(name, "ctl");
	assert_int_equal(hx_vfs_unlink("/zfile"), 0);
}

static void files_are_listed_in_byte_order(void **state)
{
	const struct hx_tree_ops *t = hx_tree();
	char name[HX_NAME_MAX], last[HX_NAME_MAX] = "", path[16];
	struct hx_name_stat st;
	unsigned n;

	assert_int_equal(hx_vfs_mkdir("/order", 0755), 0);
	for (int i = 0; i < 100; i++) {
		struct hx_file f;

		snprintf(path, sizeof(path), "/order/%d", i * 37 % 100);
		assert_int_equal(hx_vfs_open(&f, path, HX_OPEN_WRITE | HX_OPEN_CREATE, 0600), 0);
		hx_vfs_close(&f);
	}
	for (n = 0; t->list("/order", n, name, &st) == 0; n++) {
		assert_true(strcmp(last, name) < 0);
		strcpy(last, name);
	}
	assert_int_equal(n, 100);
	while (n-- > 0) {
		snprintf(path, sizeof(path), "/order/%u", n);
		assert_int_equal(hx_vfs_unlink(path), 0);
	}
	assert_int_equal(hx_vfs_rmdir("/order"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_reads_as_a_file),
		cmocka_unit_test(a_ctl_node_takes_whole_lines),
		cmocka_unit_test(the_console_sees_one_tree),
		cmocka_unit_test(files_are_listed_in_byte_order),
	};

	return cmocka_run_group_tests(tests, up, down);
}
