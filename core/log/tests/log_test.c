/* SPDX-License-Identifier: MIT */
/*
 * The log: numbers and gaps when the ring wraps, levels, what the console gets, re-entry, the audit
 * log, and words of the command line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hx/config/core_cmdline.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/names.h>
#include <hx/hal/boot_info.h>

#include "../log_priv.h"

HX_SECTION_BOUNDS(hx_nodes, struct hx_node);

static char seen[65536];	/* what the console got */
static size_t n_seen;

static void console(const char *bytes, size_t n)
{
	assert_true(n_seen + n < sizeof(seen));
	memcpy(seen + n_seen, bytes, n);
	n_seen += n;
	seen[n_seen] = '\0';
}

static struct hx_boot_info info;

static int setup(void **state)
{
	n_seen = 0;
	seen[0] = '\0';
	info.cmdline[0] = '\0';
	hx_boot_start(&info);
	hx_log_set_console(console);
	hx_log_set_console_level(HX_LOG_WARN);
	return 0;
}

static char shown[1 << 20];

static const char *show(uint64_t seq, size_t max, uint64_t *next)
{
	struct hx_text_buf b;

	hx_text_buf_init(&b, shown, sizeof(shown));
	*next = hx_log_show(&b.text, seq, max);
	return shown;
}

static unsigned lines_of(const char *s)
{
	unsigned n = 0;

	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

static void line_has_all_fields(void **state)
{
	uint64_t seq = hx_log_next_seq(), next, t;
	unsigned long long got_seq;
	char level[8], area[8];

	hx_log(HX_LOG_INFO, "mem", "%d of %s", 3, "four");
	assert_int_equal(hx_log_next_seq(), seq + 1);
	show(seq, 10, &next);
	assert_int_equal(next, seq + 1);
	assert_int_equal(sscanf(shown, "seq=%llu t_ns=%lu level=%7s area=%7s ", &got_seq, &t, level,
				area), 4);
	assert_int_equal(got_seq, seq);
	assert_string_equal(level, "info");
	assert_string_equal(area, "mem");
	assert_non_null(strstr(shown, "area=mem 3 of four\n"));
}

static void console_gets_its_levels_only(void **state)
{
	hx_log(HX_LOG_ERROR, "a", "one");
	hx_log(HX_LOG_WARN, "a", "two");
	hx_log(HX_LOG_INFO, "a", "three");
	hx_log(HX_LOG_DEBUG, "a", "four");
	assert_string_equal(seen, "error a: one\nwarn a: two\n");
	hx_log_set_console_level(HX_LOG_DEBUG);
	assert_int_equal(hx_log_console_level(), HX_LOG_DEBUG);
	hx_log(HX_LOG_DEBUG, "a", "five");
	assert_string_equal(seen, "error a: one\nwarn a: two\ndebug a: five\n");
}

static void long_lines_are_cut(void **state)
{
	uint64_t seq = hx_log_next_seq(), next;
	char text[600], area[64];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	memset(area, 'y', sizeof(area));
	area[sizeof(area) - 1] = '\0';
	hx_log(HX_LOG_ERROR, area, "%s", text);
	show(seq, 1, &next);
	assert_int_equal(strspn(strchr(shown, 'x'), "x"), HX_LOG_TEXT_MAX);
	assert_int_equal(strspn(strchr(shown, 'y'), "y"), LOG_AREA_MAX);
	assert_int_equal(lines_of(shown), 1);
	assert_int_equal(strspn(strchr(seen, 'x'), "x"), HX_LOG_TEXT_MAX);
}

/* A line that quotes outside bytes cannot fake another one or move the cursor. */
static void control_bytes_are_replaced(void **state)
{
	uint64_t seq = hx_log_next_seq(), next;

	hx_log(HX_LOG_WARN, "a", "x\nseq=0 \033[2J\x7f");
	show(seq, 1, &next);
	assert_non_null(strstr(shown, "a x?seq=0 ?[2J?\n"));
	assert_string_equal(seen, "warn a: x?seq=0 ?[2J?\n");
}

static void wrap_leaves_a_gap_in_the_numbers(void **state)
{
	uint64_t first = hx_log_next_seq(), next, seq, expect;
	unsigned i, n = 10000;
	char *line;

	for (i = 0; i < n; i++)
		hx_log(HX_LOG_INFO, "wrap", "line %u %.*s", i, (int)(i % 60),
		       "............................................................");
	assert_int_equal(hx_log_next_seq(), first + n);
	show(first, SIZE_MAX, &next);
	assert_int_equal(next, first + n);
	/* The first one kept is later than what was asked for; from there on nothing is missing. */
	expect = strtoull(shown + 4, NULL, 10);
	assert_true(expect > first);
	for (line = strtok(shown, "\n"); line != NULL; line = strtok(NULL, "\n"), expect++) {
		unsigned nr;

		assert_int_equal(sscanf(line, "seq=%lu", &seq), 1);
		assert_int_equal(seq, expect);
		assert_int_equal(sscanf(strstr(line, "area=wrap") + 9, " line %u", &nr), 1);
		assert_int_equal(nr, seq - first);
	}
	assert_int_equal(expect, first + n);
}

static void reading_on_continues_where_it_stopped(void **state)
{
	uint64_t seq = hx_log_next_seq(), next;

	hx_log(HX_LOG_INFO, "a", "one");
	hx_log(HX_LOG_INFO, "a", "two");
	hx_log(HX_LOG_INFO, "a", "three");
	show(seq, 2, &next);
	assert_int_equal(next, seq + 2);
	assert_int_equal(lines_of(shown), 2);
	show(next, 100, &next);
	assert_int_equal(lines_of(shown), 1);
	assert_non_null(strstr(shown, "three"));
	show(next, 100, &next);
	assert_string_equal(shown, "");
	assert_int_equal(next, seq + 3);
	show(next + 1000, 100, &next);
	assert_string_equal(shown, "");
}

static void last_lines_for_the_panic(void **state)
{
	struct hx_text_buf b;

	hx_log(HX_LOG_INFO, "a", "one");
	hx_log(HX_LOG_INFO, "a", "two");
	hx_log(HX_LOG_INFO, "a", "three");
	hx_text_buf_init(&b, shown, sizeof(shown));
	hx_log_show_last(&b.text, 2);
	assert_int_equal(lines_of(shown), 2);
	assert_null(strstr(shown, "one"));
	assert_non_null(strstr(shown, "three"));
}

/* A sink that logs, as a driver does in trouble: the record is copied out, nothing hangs. */
static void logging_put(struct hx_text *t, const char *bytes, size_t n)
{
	hx_log(HX_LOG_INFO, "sink", "again");
}

static void sink_may_log(void **state)
{
	struct hx_text t = { .put = logging_put };
	uint64_t seq = hx_log_next_seq();

	hx_log(HX_LOG_INFO, "a", "one");
	hx_log_show(&t, seq, 1);
	assert_true(hx_log_next_seq() > seq + 1);
}

static void ring_keeps_whole_records_at_any_size(void **state)
{
	uint8_t buf[1024];
	struct log_ring r = { .buf = buf, .size_bytes = sizeof(buf) };
	char text[HX_LOG_TEXT_MAX];
	unsigned i;

	memset(text, 'x', sizeof(text));
	for (i = 0; i < 5000; i++) {
		struct log_header h = { .cycles = i, .len = (uint16_t)((i * 7919) % sizeof(text)),
					.area_len = 3 };
		uint64_t seq = 0, last = 0;
		struct log_line line;
		uint32_t pos = r.tail - 1;
		unsigned n = 0;

		assert_true(log_ring_put(&r, &h, "abc", text));
		for (; log_ring_next(&r, &pos, &seq, &line); n++) {
			assert_string_equal(line.area, "abc");
			assert_int_equal(strlen(line.text), (line.h.seq * 7919) % sizeof(text));
			assert_true(n == 0 || line.h.seq == last + 1);
			last = line.h.seq;
		}
		assert_int_equal(last, i);
		assert_true(n >= 1);
		assert_true(r.head - r.tail <= sizeof(buf));
	}
}

static void lost_lines_leave_a_gap(void **state)
{
	uint8_t buf[1024];
	struct log_ring r = { .buf = buf, .size_bytes = sizeof(buf) };
	struct log_header h = { .len = 1 };

	assert_true(log_ring_put(&r, &h, "", "x"));
	r.n_lost = 3;		/* as a non-maskable interrupt inside log_ring_put() does */
	assert_true(log_ring_put(&r, &h, "", "y"));
	assert_int_equal(h.seq, 4);
	assert_int_equal(log_ring_next_seq(&r), 5);
}

static const struct hx_node *node(const char *path)
{
	const struct hx_node *const *it;

	HX_SECTION_FOREACH(it, hx_nodes) {
		if (strcmp((*it)->path, path) == 0)
			return *it;
	}
	return NULL;
}

static void audit_keeps_who_did_what(void **state)
{
	struct hx_node_args args = { 0 };
	struct hx_text_buf b;

	if (!HX_ENABLED(LOG_AUDIT_KIB))
		skip();
	hx_audit("console", "/fault/ctl", "arm x\nafter 2", -HX_EINVAL);
	hx_text_buf_init(&b, shown, sizeof(shown));
	assert_int_equal(node("/log/audit")->show(&b.text, &args), 0);
	assert_non_null(strstr(shown, "who=console node=/fault/ctl result=-22 "
			       "line=arm x?after 2\n"));
	assert_string_equal(seen, "");
}

static void nodes_stay_in_their_bounds(void **state)
{
	struct hx_node_args args = { 0 };
	struct hx_text_buf b;
	unsigned i;

	for (i = 0; i < 20000; i++) {
		hx_log(HX_LOG_DEBUG, "", "%s", "");	/* the shortest record: the most overhead */
		hx_audit("", "", "", 0);
	}
	hx_text_buf_init(&b, shown, sizeof(shown));
	assert_int_equal(node("/log/kernel")->show(&b.text, &args), 0);
	assert_true(b.text.total <= node("/log/kernel")->max_bytes);
	if (!HX_ENABLED(LOG_AUDIT_KIB))
		return;
	hx_text_buf_init(&b, shown, sizeof(shown));
	assert_int_equal(node("/log/audit")->show(&b.text, &args), 0);
	assert_true(b.text.total <= node("/log/audit")->max_bytes);
}

HX_SECTION_BOUNDS(hx_components, struct hx_component);

static int run_init(void)
{
	const struct hx_component *const *it;

	HX_SECTION_FOREACH(it, hx_components) {
		if (strcmp((*it)->name, "log") == 0)
			return (*it)->init();
	}
	fail_msg("there is no component log");
	return -HX_ENOENT;
}

static void level_word(const char *line, enum hx_log_level level, const char *warning)
{
	setup(NULL);
	strcpy(info.cmdline, line);
	assert_int_equal(run_init(), 0);
	assert_int_equal(hx_log_console_level(), level);
	assert_string_equal(seen, warning);
}

static void level_words(void **state)
{
	level_word("helix.loglevel=debug", HX_LOG_DEBUG, "");
	level_word("helix.loglevel=0", HX_LOG_ERROR, "");
	level_word("helix.loglevel=2", HX_LOG_INFO, "");
	level_word("helix.loglevel=info", HX_LOG_INFO, "");
	level_word("", HX_LOG_WARN, "");
	level_word("helix.loglevel=4", HX_LOG_WARN, "warn log: helix.loglevel=4 is not a level\n");
	level_word("helix.loglevel=loud", HX_LOG_WARN,
		   "warn log: helix.loglevel=loud is not a level\n");
	level_word("helix.loglevel=verbosely", HX_LOG_WARN,
		   "warn log: helix.loglevel=verbose is not a level\n");
}

static void unknown_words_are_reported_with_those_that_exist(void **state)
{
	strcpy(info.cmdline, "helix.lgolevel=0 quiet helix.x");
	assert_int_equal(run_init(), 0);
	assert_non_null(strstr(seen, "warn cmdline: unknown word helix.lgolevel\n"));
	assert_non_null(strstr(seen, "warn cmdline: unknown word helix.x\n"));
	assert_non_null(strstr(seen, HX_ENABLED(HELP_TEXTS) ?
			       "warn cmdline: known word helix.loglevel: error|warn|" :
			       "warn cmdline: known word helix.loglevel: \n"));
	assert_null(strstr(seen, "quiet"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(line_has_all_fields, setup),
		cmocka_unit_test_setup(console_gets_its_levels_only, setup),
		cmocka_unit_test_setup(long_lines_are_cut, setup),
		cmocka_unit_test_setup(control_bytes_are_replaced, setup),
		cmocka_unit_test_setup(wrap_leaves_a_gap_in_the_numbers, setup),
		cmocka_unit_test_setup(reading_on_continues_where_it_stopped, setup),
		cmocka_unit_test_setup(last_lines_for_the_panic, setup),
		cmocka_unit_test_setup(sink_may_log, setup),
		cmocka_unit_test_setup(ring_keeps_whole_records_at_any_size, setup),
		cmocka_unit_test_setup(lost_lines_leave_a_gap, setup),
		cmocka_unit_test_setup(audit_keeps_who_did_what, setup),
		cmocka_unit_test_setup(nodes_stay_in_their_bounds, setup),
		cmocka_unit_test_setup(level_words, setup),
		cmocka_unit_test_setup(unknown_words_are_reported_with_those_that_exist, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
