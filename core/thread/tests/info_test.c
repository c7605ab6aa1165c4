// SPDX-License-Identifier: MIT
/* What the nodes tell about threads. */
#include "hx_test.h"
#include <hx/core/names.h>
#include <hx/core/text.h>

#include "thread_priv.h"

#define RAM	(32 * HX_MIB)

static int setup(void **state)
{
	hx_test_machine(RAM);
	hx_test_start("threads names");
	return 0;
}

static void run_time_is_counted(void **state)
{
	struct thread_info before = { .id = 0 }, after = { .id = 0 };

	assert_true(thread_info_after(0, &before));
	for (int i = 0; i < 1000; i++)
		hx_cpu_relax();
	assert_true(thread_info_after(0, &after));
	assert_string_equal(after.name, "main");
	assert_int_equal(after.ran_cycles - before.ran_cycles, 1000 * HX_HOST_RELAX_NS);
}

static const char *shown(const char *path)
{
	static char buf[1024];
	struct hx_text_buf b;

	hx_text_buf_init(&b, buf, sizeof(buf));
	assert_int_equal(hx_names_show(path, &b.text), 0);
	return buf;
}

static int taken_by(const char *path, const char *line)
{
	char buf[256];
	struct hx_text_buf b;

	hx_text_buf_init(&b, buf, sizeof(buf));
	return hx_names_take(path, line, &b.text);
}

#define MAIN_INTENT	"/sched/threads/1/intent"

static int taken(const char *line)
{
	return taken_by(MAIN_INTENT, line);
}

static void intent_is_read_whole_and_then_changed(void **state)
{
	const struct hx_thread *self = hx_thread_self();

	if (!HX_ENABLED(INTENTS))
		skip();
	assert_non_null(strstr(shown(MAIN_INTENT), "class=server"));
	assert_non_null(strstr(shown(MAIN_INTENT), "affinity=any"));
	assert_int_equal(taken("class=batch nice=-7 flags=io_bound,borrow prio=125 affinity=1"), 0);
	assert_int_equal(self->intent->class, HX_INTENT_BATCH);
	assert_int_equal(self->intent->nice, -7);
	assert_int_equal(self->intent->flags, HX_INTENT_IO_BOUND | HX_INTENT_BORROW);
	assert_int_equal(self->intent->affinity, 1);
	assert_int_equal(self->prio, 125);
	assert_non_null(strstr(shown(MAIN_INTENT), " nice=-7 "));
	assert_non_null(strstr(shown(MAIN_INTENT), "flags=io_bound,borrow"));
	/* What is not named stays. */
	assert_int_equal(taken("budget_kind=quota quota_ns=2000000 budget_period_ns=10000000"), 0);
	assert_int_equal(self->intent->class, HX_INTENT_BATCH);
	assert_int_equal(self->intent->quota_ns, 2000000);
}

static void wrong_line_changes_nothing(void **state)
{
	static const char *const lines[] = {
		"prio=110 clas=batch", "prio=110 class=batsch", "prio=110 nice=20", "prio=110 nice",
		"prio=140", "prio=110 nice=-129", "prio=110 flags=borrow,", "prio=110 group=65536",
		"prio=110 affinity=2", "prio=110 affinity=0", "prio=110 flags=pinned,migratable",
		"prio=110 deadline_ns=5",
	};
	char before[1024];

	if (!HX_ENABLED(INTENTS))
		skip();
	strcpy(before, shown(MAIN_INTENT));
	for (size_t i = 0; i < HX_ARRAY_LEN(lines); i++) {
		assert_true(taken(lines[i]) < 0);
		assert_string_equal(shown(MAIN_INTENT), before);
	}
	assert_int_equal(taken_by("/sched/threads/2/intent", "prio=3"), -HX_EACCES);	/* idle */
	assert_int_equal(taken_by("/sched/threads/77/intent", "prio=3"), -HX_ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(run_time_is_counted, setup,
						hx_test_machine_teardown),
		cmocka_unit_test_setup_teardown(intent_is_read_whole_and_then_changed, setup,
						hx_test_machine_teardown),
		cmocka_unit_test_setup_teardown(wrong_line_changes_nothing, setup,
						hx_test_machine_teardown),
	};

	return cmocka_run_group_tests_name("thread information", tests, NULL, NULL);
}
