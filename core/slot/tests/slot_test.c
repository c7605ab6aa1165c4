/* SPDX-License-Identifier: MIT */
/*
 * Slots: who is chosen, who is refused and why, and what the nodes say about it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include <hx/config/core_names.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/names.h>
#include <hx/core/slot.h>
#include <hx/hal/boot_info.h>

struct thing_ops {
	uint32_t abi;
	const char *name;
	int (*go)(void);
};

static int go(void)
{
	return 0;
}

static int check_thing(const void *ops)
{
	return ((const struct thing_ops *)ops)->go != NULL ? 0 : -HX_EINVAL;
}

static const struct thing_ops good = { 3, "good", go }, other = { 3, "other", go };
static const struct thing_ops old = { 2, "old", go }, hollow = { 3, "hollow", NULL };
static const struct thing_ops nameless = { 3, NULL, go };
static const void *const providers[] = { &nameless, &old, &good, &hollow, &other };

static const void *thing_now, *gap_now;
static const struct hx_kind thing_kind = {
	.slot = "thing", .abi = 3, .default_name = "good", .first = providers,
	.last = providers + HX_ARRAY_LEN(providers), .check = check_thing, .current = &thing_now,
};
static const struct hx_kind gap_kind = {
	.slot = "gap", .abi = 1, .default_name = "", .current = &gap_now,
};
HX_KIND(thing_kind);
HX_KIND(gap_kind);

static struct hx_boot_info info;
static char seen[4096];
static size_t n_seen;

static void console(const char *bytes, size_t n)
{
	memcpy(seen + n_seen, bytes, n);
	n_seen += n;
	seen[n_seen] = '\0';
}

static void boot(const char *line)
{
	strcpy(info.cmdline, line);
	hx_boot_start(&info);
	hx_log_set_console(console);
	n_seen = 0;
	seen[0] = '\0';
	thing_now = NULL;
}

static void default_is_chosen(void **state)
{
	boot("");
	assert_int_equal(hx_slot_select(&thing_kind), 0);
	assert_ptr_equal(thing_now, &good);
	assert_string_equal(seen, "");
}

static void word_is_obeyed(void **state)
{
	boot("helix.slot.thing=other helix.slot.thin=old helix.slot.things=old");
	assert_int_equal(hx_slot_select(&thing_kind), 0);
	assert_ptr_equal(thing_now, &other);
}

static void refused(const char *name, int err, const char *reason)
{
	char line[128], expect[128];
	const void *ops = "untouched";

	strcat(strcpy(line, "helix.slot.thing="), name);
	boot(line);
	assert_int_equal(hx_slot_find(&thing_kind, name, &ops), err);
	assert_string_equal(ops, "untouched");
	/* The word is refused with its reason, and the default boots. */
	assert_int_equal(hx_slot_select(&thing_kind), 0);
	assert_ptr_equal(thing_now, &good);
	strcat(strcat(strcpy(expect, "error slots: thing: provider "), name), " refused: ");
	strcat(strcat(expect, reason), "\n");
	assert_string_equal(seen, expect);
}

static void word_is_refused_with_its_reason(void **state)
{
	refused("old", -HX_EPROTO, "abi");
	refused("hollow", -HX_EINVAL, "incomplete");
	refused("nobody", -HX_ENOENT, "unknown");
	refused("goo", -HX_ENOENT, "unknown");
	refused("Good", -HX_ENOENT, "unknown");
	boot("helix.slot.thing");
	assert_int_equal(hx_slot_select(&thing_kind), 0);
	assert_string_equal(seen, "error slots: thing: provider  refused: unknown\n");
	boot("helix.slot.thing=a-name-that-is-far-too-long-to-be-one");
	assert_int_equal(hx_slot_select(&thing_kind), 0);
	assert_ptr_equal(thing_now, &good);
	assert_non_null(strstr(seen, "refused: unknown"));
}

static void default_that_does_not_fit_is_an_error(void **state)
{
	struct hx_kind k = thing_kind;

	boot("");
	k.default_name = "old";
	assert_int_equal(hx_slot_select(&k), -HX_EPROTO);
	k.default_name = "hollow";
	assert_int_equal(hx_slot_select(&k), -HX_EINVAL);
	k.default_name = "nobody";
	assert_int_equal(hx_slot_select(&k), -HX_ENOENT);
	assert_int_equal(hx_slot_select(&gap_kind), -HX_ENOENT);
	assert_null(thing_now);
	assert_null(gap_now);
}

static char text[4096];

static const char *cat(const char *path, int expect)
{
	struct hx_text_buf b;
	int err;

	hx_text_buf_init(&b, text, sizeof(text));
	err = hx_names_show(path, &b.text);
	if (err != expect)
		fail_msg("%s: %d", path, err);
	return text;
}

static void nodes_tell_the_same(void **state)
{
	struct hx_name_stat st;
	char name[HX_NAME_MAX];
	unsigned i, n_ours = 0;

	if (!HX_ENABLED(STATE_NODES))
		skip();
	boot("helix.slot.thing=old");
	assert_int_equal(hx_slot_select(&thing_kind), 0);
	assert_string_equal(cat("/slots/thing/provider", 0), "provider=good\n");
	assert_string_equal(cat("/slots/thing/state", 0), "state=active\n");
	assert_string_equal(cat("/slots/thing/abi", 0), "abi=3\n");
	assert_string_equal(cat("/slots/thing/providers", 0),
			    "name=old abi=2 state=abi\nname=good abi=3 state=active\n"
			    "name=hollow abi=3 state=incomplete\nname=other abi=3 state=ready\n");
	cat("/slots/thing/history", 0);
	assert_non_null(strstr(text, "event=boot by=word provider=old result=abi\n"));
	assert_non_null(strstr(text, "event=boot by=default provider=good result=ok\n"));
	assert_string_equal(cat("/slots/gap/provider", 0), "provider=-\n");
	assert_string_equal(cat("/slots/gap/state", 0), "state=empty\n");
	assert_string_equal(cat("/slots/gap/providers", 0), "");
	cat("/slots/none/state", -HX_ENOENT);
	/* Kinds of other rooms may be linked in as well. */
	for (i = 0; hx_names_list("/slots", i, name, &st) == 0; i++) {
		if (strcmp(name, "gap") == 0 || strcmp(name, "thing") == 0)
			n_ours += st.is_dir;
	}
	assert_int_equal(n_ours, 2);
}

/* More decisions than are kept: the newest stay, in order. */
static void history_is_bounded(void **state)
{
	unsigned i, n = 0;
	char *line;

	if (!HX_ENABLED(STATE_NODES))
		skip();
	for (i = 0; i < 100; i++) {
		boot(i % 2 ? "helix.slot.thing=other" : "");
		assert_int_equal(hx_slot_select(&thing_kind), 0);
	}
	cat("/slots/thing/history", 0);
	for (line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), n++)
		assert_non_null(strstr(line, n % 2 ? "provider=other" : "provider=good"));
	assert_int_equal(n, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_is_chosen),
		cmocka_unit_test(word_is_obeyed),
		cmocka_unit_test(word_is_refused_with_its_reason),
		cmocka_unit_test(default_that_does_not_fit_is_an_error),
		cmocka_unit_test(nodes_tell_the_same),
		cmocka_unit_test(history_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
