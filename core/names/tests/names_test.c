/* SPDX-License-Identifier: MIT */
/*
 * The name space: every error of every call, order of listings, patterns, nodes that come and go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hx/config/core_names.h>
#include <hx/core/names.h>

static int show_path(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_puts(out, args->node->path);
	for (unsigned i = 0; i < args->n_vars; i++)
		hx_text_printf(out, " %s", args->var[i]);
	return 0;
}

/* Values 10, 2, 33: not in byte order on purpose. */
static int list_ids(unsigned idx, char name[HX_NAME_MAX], const struct hx_node_args *args)
{
	static const char *const ids[] = { "2", "33", "10" };

	if (idx >= 3)
		return -HX_ENOENT;
	strcpy(name, ids[idx]);
	return 0;
}

/* Depends on the first variable: id 2 has a and b, id 10 has c, others are not there. */
static int list_parts(unsigned idx, char name[HX_NAME_MAX], const struct hx_node_args *args)
{
	assert_true(args->n_vars >= 1);
	if (strcmp(args->var[0], "2") == 0 && idx < 2) {
		strcpy(name, idx == 0 ? "b" : "a");
		return 0;
	}
	if (strcmp(args->var[0], "10") == 0 && idx == 0) {
		strcpy(name, "c");
		return 0;
	}
	return -HX_ENOENT;
}

static int list_none(unsigned idx, char name[HX_NAME_MAX], const struct hx_node_args *args)
{
	return -HX_ENOENT;
}

static int show_id(struct hx_text *out, const struct hx_node_args *args)
{
	if (strcmp(args->var[0], "99") == 0)
		return -HX_ENOENT;
	return show_path(out, args);
}

static char taken[HX_LINE_MAX + 1];

static int take_line(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	if (strcmp(line, "bad") == 0) {
		hx_text_puts(ack, "detail=bad");
		return -HX_EPERM;
	}
	strcpy(taken, line);
	hx_text_printf(ack, "len=%zu", strlen(line));
	return 0;
}

#define SHOW(ident, path_) \
	static const struct hx_node ident = { .path = (path_), .help = "shows " path_, \
		.rights = HX_NODE_READ, .max_bytes = 128, .show = show_path }; \
	HX_NODE(ident)
#define PATTERN(ident, path_, list_) \
	static const struct hx_node ident = { .path = (path_), .help = "shows " path_, \
		.rights = HX_NODE_READ, .max_bytes = 128, .show = show_id, .list = (list_) }; \
	HX_NODE(ident)

SHOW(n_version, "/tst/version");
SHOW(n_ver_dash, "/tst/ver-sion");	/* '-' sorts before '/', 's' after */
SHOW(n_ver_sub, "/tst/ver/sub");
SHOW(n_ver_sub2, "/tst/ver/aaa");
SHOW(n_deep, "/tst/ver/x/y/z");
SHOW(n_utf8, "/tst/\xc3\xa4");
PATTERN(n_id_state, "/ids/<id>/state", list_ids);
PATTERN(n_id_stats, "/ids/<id>/stats", list_ids);
PATTERN(n_id_part, "/ids/<id>/parts/<part>", list_parts);
SHOW(n_ids_all, "/ids/all");
SHOW(n_ids_10, "/ids/10x");
SHOW(n_ids_lit, "/ids/literal/sub");
SHOW(n_ids_two, "/ids/2/literal");	/* beside the pattern's own */
PATTERN(n_leaf, "/leaf/<id>", list_ids);
PATTERN(n_empty, "/empty/<id>", list_none);
static const struct hx_node n_ctl = { .path = "/tst/ctl", .help = "takes lines",
	.rights = HX_NODE_APPEND, .take = take_line };
HX_NODE(n_ctl);
static const struct hx_node n_both = { .path = "/tst/both", .help = "both",
	.rights = HX_NODE_READ | HX_NODE_WRITE, .max_bytes = 128, .show = show_path,
	.take = take_line };
HX_NODE(n_both);

static const char *ls(const char *path)
{
	static char out[4096];
	struct hx_name_stat st;
	char name[HX_NAME_MAX];
	unsigned i;
	int err;

	out[0] = '\0';
	for (i = 0; (err = hx_names_list(path, i, name, &st)) == 0; i++) {
		strcat(out, name);
		strcat(out, st.is_dir ? "/ " : " ");
	}
	if (err != -HX_ENOENT)
		sprintf(out + strlen(out), "%d", err);
	return out;
}

static const char *cat(const char *path, int expect)
{
	static char buf[512];
	struct hx_text_buf b;

	hx_text_buf_init(&b, buf, sizeof(buf));
	assert_int_equal(hx_names_show(path, &b.text), expect);
	return buf;
}

static int stat_of(const char *path)
{
	struct hx_name_stat st;
	int err = hx_names_stat(path, &st);

	return err != 0 ? err : st.is_dir ? 1 : 0;
}

static void paths_are_checked(void **state)
{
	static const struct { const char *path; int result; } table[] = {
		{ "/", 1 }, { "", -HX_EINVAL }, { "tst", -HX_EINVAL }, { "//", -HX_EINVAL },
		{ "/tst/", -HX_EINVAL }, { "/tst//version", -HX_EINVAL }, { "/.", -HX_EINVAL },
		{ "/tst/.", -HX_EINVAL }, { "/tst/..", -HX_EINVAL }, { "/tst/../tst", -HX_EINVAL },
		{ "/tst/version", 0 }, { "/tst", 1 }, { "/tst/ver", 1 }, { "/tst/ver/x/y", 1 },
		{ "/tst/ver/x/y/z", 0 }, { "/tst/ver/x/y/z/q", -HX_ENOENT },
		{ "/ts", -HX_ENOENT }, { "/tst/versio", -HX_ENOENT },
		{ "/tst/versionx", -HX_ENOENT },
		{ "/nothing", -HX_ENOENT }, { "/TST", -HX_ENOENT }, { "/tst/...", -HX_ENOENT },
		{ "/tst/.x", -HX_ENOENT }, { "/tst/\xc3\xa4", 0 }, { "/tst/\xc3", -HX_EINVAL },
		{ "/tst/a\nb", -HX_EINVAL }, { "/ids/<id>/state", -HX_EINVAL },
		{ "/ids/<id>", -HX_EINVAL }, { "/tst/a>b", -HX_EINVAL },
		{ "/ids", 1 }, { "/ids/literal", 1 }, { "/ids/literal/sub", 0 },
		{ "/ids/literal/state", -HX_ENOENT }, { "/ids/2/literal", 0 },
		{ "/ids/2", 1 }, { "/ids/2/state", 0 }, { "/ids/3/state", -HX_ENOENT },
		{ "/ids/3", -HX_ENOENT }, { "/ids/2/parts", 1 }, { "/ids/2/parts/a", 0 },
		{ "/ids/2/parts/c", -HX_ENOENT }, { "/ids/10/parts/c", 0 },
		{ "/ids/3/parts/a", -HX_ENOENT }, { "/ids/all", 0 }, { "/ids/2/nope", -HX_ENOENT },
		{ "/leaf/33", 0 }, { "/leaf/34", -HX_ENOENT }, { "/empty", 1 },
		{ "/empty/x", -HX_ENOENT },
	};
	unsigned i;

	for (i = 0; i < HX_ARRAY_LEN(table); i++) {
		if (stat_of(table[i].path) != table[i].result)
			fail_msg("stat %s: %d, not %d", table[i].path, stat_of(table[i].path),
				 table[i].result);
	}
}

static void length_limits(void **state)
{
	char path[HX_NAME_PATH_MAX + 8], name[HX_NAME_MAX + 8];

	memset(name, 'a', sizeof(name));
	sprintf(path, "/%.*s", HX_NAME_MAX - 1, name);
	assert_int_equal(stat_of(path), -HX_ENOENT);
	sprintf(path, "/%.*s", HX_NAME_MAX, name);
	assert_int_equal(stat_of(path), -HX_ENAMETOOLONG);
	memset(path, 0, sizeof(path));
	for (unsigned i = 0; i < HX_NAME_PATH_MAX - 1; i++)
		path[i] = i % 4 == 0 ? '/' : 'a';
	assert_int_equal(stat_of(path), -HX_ENOENT);
	path[HX_NAME_PATH_MAX - 1] = 'a';
	assert_int_equal(stat_of(path), -HX_ENAMETOOLONG);
}

static void listings_are_in_byte_order_without_duplicates(void **state)
{
	assert_string_equal(ls("/tst"), "both ctl ver/ ver-sion version \xc3\xa4 ");
	assert_string_equal(ls("/tst/ver"), "aaa sub x/ ");
	assert_string_equal(ls("/tst/ver/x"), "y/ ");
	assert_string_equal(ls("/ids"), "10/ 10x 2/ 33/ all literal/ ");
	assert_string_equal(ls("/ids/2"), "literal parts/ state stats ");
	assert_string_equal(ls("/ids/2/parts"), "a b ");
	assert_string_equal(ls("/ids/10/parts"), "c ");
	assert_string_equal(ls("/ids/33/parts"), "");
	assert_string_equal(ls("/leaf"), "10 2 33 ");
	assert_string_equal(ls("/empty"), "");
	assert_non_null(strstr(ls("/"), "empty/ "));
	assert_non_null(strstr(ls("/"), "ids/ leaf/ "));
}

static void listing_errors(void **state)
{
	assert_string_equal(ls("/tst/version"), "-20");
	assert_string_equal(ls("tst"), "-22");
	assert_string_equal(ls("/nothing"), "");
	assert_string_equal(ls("/ids/3"), "");
}

/* Whoever asks out of order, or for two directories in turn, gets the same entries. */
static void entries_do_not_depend_on_the_order_asked(void **state)
{
	struct hx_name_stat st;
	char name[HX_NAME_MAX];

	assert_int_equal(hx_names_list("/tst", 4, name, &st), 0);
	assert_string_equal(name, "version");
	assert_int_equal(hx_names_list("/tst", 0, name, &st), 0);
	assert_string_equal(name, "both");
	assert_int_equal(hx_names_list("/ids", 1, name, &st), 0);
	assert_string_equal(name, "10x");
	assert_int_equal(hx_names_list("/tst", 1, name, &st), 0);
	assert_string_equal(name, "ctl");
	assert_int_equal(st.rights, HX_NODE_APPEND);
	assert_int_equal(hx_names_list("/tst", 1, name, &st), 0);
	assert_string_equal(name, "ctl");
	assert_int_equal(hx_names_list("/tst", 6, name, &st), -HX_ENOENT);
	assert_int_equal(hx_names_list("/tst", UINT32_MAX, name, &st), -HX_ENOENT);
}

static void show_gets_its_variables(void **state)
{
	assert_string_equal(cat("/tst/version", 0), "/tst/version");
	assert_string_equal(cat("/ids/33/state", 0), "/ids/<id>/state 33");
	assert_string_equal(cat("/ids/2/parts/a", 0), "/ids/<id>/parts/<part> 2 a");
	assert_string_equal(cat("/ids/all", 0), "/ids/all");
	assert_string_equal(cat("/ids/2/literal", 0), "/ids/2/literal");
	assert_string_equal(cat("/ids/99/state", -HX_ENOENT), "");
	assert_string_equal(cat("/tst", -HX_EISDIR), "");
	assert_string_equal(cat("/", -HX_EISDIR), "");
	assert_string_equal(cat("/tst/ctl", -HX_EACCES), "");
	assert_string_equal(cat("/tst/none", -HX_ENOENT), "");
	assert_string_equal(cat("/tst//x", -HX_EINVAL), "");
}

static void take_checks_before_the_node_sees_the_line(void **state)
{
	char ack[64], line[HX_LINE_MAX + 2];
	struct hx_text_buf b;

	hx_text_buf_init(&b, ack, sizeof(ack));
	assert_int_equal(hx_names_take("/tst/ctl", "hello", &b.text), 0);
	assert_string_equal(ack, "len=5");
	assert_string_equal(taken, "hello");
	hx_text_buf_init(&b, ack, sizeof(ack));
	assert_int_equal(hx_names_take("/tst/ctl", "bad", &b.text), -HX_EPERM);
	assert_string_equal(ack, "detail=bad");
	hx_text_buf_init(&b, ack, sizeof(ack));
	assert_int_equal(hx_names_take("/tst/ctl", "two\nlines", &b.text), -HX_EINVAL);
	assert_int_equal(hx_names_take("/tst/ctl", "\xff", &b.text), -HX_EINVAL);
	assert_int_equal(hx_names_take("/tst/version", "x", &b.text), -HX_EACCES);
	assert_int_equal(hx_names_take("/tst", "x", &b.text), -HX_EISDIR);
	assert_int_equal(hx_names_take("/tst/no", "x", &b.text), -HX_ENOENT);
	assert_int_equal(hx_names_take("tst", "x", &b.text), -HX_EINVAL);
	memset(line, 'x', sizeof(line));
	line[HX_LINE_MAX + 1] = '\0';
	assert_int_equal(hx_names_take("/tst/ctl", line, &b.text), -HX_E2BIG);
	assert_string_equal(taken, "hello");
	assert_string_equal(ack, "");
	line[HX_LINE_MAX] = '\0';
	assert_int_equal(hx_names_take("/tst/both", line, &b.text), 0);
	assert_string_equal(taken, line);
}

static void help_of_nodes(void **state)
{
	const char *help = NULL;

	assert_int_equal(hx_names_help("/tst/ctl", &help), 0);
	assert_string_equal(help, "takes lines");
	assert_int_equal(hx_names_help("/ids/2/state", &help), 0);
	assert_string_equal(help, "shows /ids/<id>/state");
	assert_int_equal(hx_names_help("/tst", &help), -HX_EISDIR);
	assert_int_equal(hx_names_help("/nope", &help), -HX_ENOENT);
}

static void registration_refuses_what_is_malformed(void **state)
{
	static const struct hx_node table[] = {
		{ .path = "" }, { .path = "/" }, { .path = "x" }, { .path = "/x/" },
		{ .path = "/x//y" },
		{ .path = "/x/.." }, { .path = "/x/a<b" }, { .path = "/x/<>" }, { .path = "/x/<a" },
		{ .path = "/x/<a><b>" }, { .path = "/x/<a>/<b>/<c>", .list = list_ids },
		{ .path = "/x/<a>" },				/* nothing lists it */
		{ .path = "/x", .rights = HX_NODE_READ },
		{ .path = "/x", .rights = HX_NODE_WRITE },
		{ .path = "/x", .rights = HX_NODE_READ | HX_NODE_APPEND, .show = show_path },
	};
	static const struct hx_node taken_paths[] = {
		{ .path = "/tst/version" },			/* equal */
		{ .path = "/tst" }, { .path = "/tst/ver" },	/* directories */
		{ .path = "/tst/version/below" },		/* below a node */
		{ .path = "/tst/ver/x/y/z/deeper" },
		{ .path = "/ids/<id>/state", .list = list_ids },
	};
	unsigned i;

	for (i = 0; i < HX_ARRAY_LEN(table); i++)
		assert_int_equal(hx_names_register(&table[i]), -HX_EINVAL);
	for (i = 0; i < HX_ARRAY_LEN(taken_paths); i++)
		assert_int_equal(hx_names_register(&taken_paths[i]), -HX_EEXIST);
}

static void nodes_come_and_go(void **state)
{
	static const struct hx_node a = { .path = "/dyn/a", .rights = HX_NODE_READ, .max_bytes = 99,
					  .show = show_path };
	static const struct hx_node b = { .path = "/dyn/b", .rights = HX_NODE_READ, .max_bytes = 99,
					  .show = show_path };

	assert_int_equal(stat_of("/dyn"), -HX_ENOENT);
	assert_int_equal(hx_names_register(&b), 0);
	assert_int_equal(hx_names_register(&a), 0);
	assert_int_equal(hx_names_register(&a), -HX_EEXIST);
	assert_string_equal(ls("/dyn"), "a b ");
	assert_string_equal(cat("/dyn/a", 0), "/dyn/a");
	hx_names_unregister(&a);
	hx_names_unregister(&a);
	assert_string_equal(ls("/dyn"), "b ");
	assert_string_equal(cat("/dyn/a", -HX_ENOENT), "");
	hx_names_unregister(&b);
	assert_int_equal(stat_of("/dyn"), -HX_ENOENT);
	assert_string_equal(ls("/tst/ver"), "aaa sub x/ ");
}

static void table_full(void **state)
{
	static struct hx_node nodes[CONFIG_NAMES_MAX];
	static char paths[CONFIG_NAMES_MAX][16];
	unsigned i, n;
	int err = 0;

	for (n = 0; n < CONFIG_NAMES_MAX && err == 0; n++) {
		sprintf(paths[n], "/full/%u", n);
		nodes[n] = (struct hx_node){ .path = paths[n], .rights = HX_NODE_READ,
					     .max_bytes = 99, .show = show_path };
		err = hx_names_register(&nodes[n]);
	}
	assert_int_equal(err, -HX_ENFILE);
	n--;
	for (i = 0; i < n; i++)
		assert_string_equal(cat(paths[i], 0), paths[i]);
	for (i = 0; i < n; i++)
		hx_names_unregister(&nodes[i]);
	assert_int_equal(stat_of("/full"), -HX_ENOENT);
}

/* Against a model: random nodes come and go, and the listing is the sorted set of what is there. */
static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void listing_follows_a_model(void **state)
{
	static struct hx_node nodes[40];
	static char paths[40][24];
	bool in[40] = { false };
	uint32_t seed = 7;
	unsigned i, round;

	for (i = 0; i < 40; i++) {
		sprintf(paths[i], "/mod/%c%u%s", 'a' + i % 5, i, i % 3 == 0 ? "/leaf" : "");
		nodes[i] = (struct hx_node){ .path = paths[i], .rights = HX_NODE_READ,
					     .max_bytes = 99, .show = show_path };
	}
	for (round = 0; round < 500; round++) {
		const char *names[40];
		char expect[1024] = "";
		unsigned n = 0;

		seed = seed * 1664525u + 1013904223u;
		i = (seed >> 16) % 40;
		if (in[i])
			hx_names_unregister(&nodes[i]);
		else
			assert_int_equal(hx_names_register(&nodes[i]), 0);
		in[i] = !in[i];
		for (i = 0; i < 40; i++) {
			if (in[i])
				names[n++] = paths[i] + 5;
		}
		qsort(names, n, sizeof(names[0]), compare_strings);
		for (i = 0; i < n; i++) {
			strncat(expect, names[i], strcspn(names[i], "/"));
			strcat(expect, strchr(names[i], '/') != NULL ? "/ " : " ");
		}
		assert_string_equal(ls("/mod"), expect);
	}
	for (i = 0; i < 40; i++)
		hx_names_unregister(&nodes[i]);
}

static int tree_stat(const char *path, struct hx_name_stat *st)
{
	return -HX_EROFS;
}

static void tree_can_be_replaced(void **state)
{
	static const struct hx_tree_ops ops = { .stat = tree_stat };
	struct hx_name_stat st;

	assert_int_equal(hx_tree()->stat("/tst/version", &st), 0);
	hx_tree_set(&ops);
	assert_int_equal(hx_tree()->stat("/tst/version", &st), -HX_EROFS);
	hx_tree_set(NULL);
	assert_int_equal(hx_tree()->stat("/tst/version", &st), 0);
	assert_int_equal(st.size_bytes, 128);
	assert_int_equal(st.rights, HX_NODE_READ);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_checked),
		cmocka_unit_test(length_limits),
		cmocka_unit_test(listings_are_in_byte_order_without_duplicates),
		cmocka_unit_test(listing_errors),
		cmocka_unit_test(entries_do_not_depend_on_the_order_asked),
		cmocka_unit_test(show_gets_its_variables),
		cmocka_unit_test(take_checks_before_the_node_sees_the_line),
		cmocka_unit_test(help_of_nodes),
		cmocka_unit_test(registration_refuses_what_is_malformed),
		cmocka_unit_test(nodes_come_and_go),
		cmocka_unit_test(table_full),
		cmocka_unit_test(listing_follows_a_model),
		cmocka_unit_test(tree_can_be_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
