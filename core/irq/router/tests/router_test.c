// SPDX-License-Identifier: MIT
/*
 * The router on the host machine: who gets a line, what is refused and in which words, what is
 * given back, storms and their pauses, and what the control node takes.
 */
#include "hx_test.h"
#include <hx/core/irq_router.h>
#include <hx/core/log.h>
#include <hx/core/names.h>
#include <hx/hal/irq.h>

#include "irq_router_priv.h"

#define LINE	5u

struct device {
	struct hx_irq_action action;
	unsigned n;
	bool denies;
};

static struct device dev[3];

static void on_interrupt(void *arg)
{
	struct device *d = arg;

	d->n++;
	assert_false(hx_irq_are_enabled());
	if (d->denies)
		hx_irq_not_mine();
}

static int setup(void **state)
{
	static const char *const names[] = { "one", "two", "three" };

	hx_test_machine(16 * HX_MIB);
	hx_test_start(NULL);
	for (int i = 0; i < 3; i++)
		dev[i] = (struct device){ .action = { .name = names[i], .handler = on_interrupt,
						      .arg = &dev[i] } };
	return 0;
}

static int teardown(void **state)
{
	for (uint32_t line = 0; line < HX_IRQ_LINES; line++)
		for (int i = 0; i < 3; i++)
			hx_irq_release(line, &dev[i].action);
	hx_test_machine_end();
	return 0;
}

static const char *shown(const char *path)
{
	static char buf[65536];
	struct hx_text_buf text;

	hx_text_buf_init(&text, buf, sizeof(buf));
	assert_int_equal(hx_names_show(path, &text.text), 0);
	return buf;
}

static bool log_has(const char *words)
{
	static char buf[65536];
	struct hx_text_buf text;

	hx_text_buf_init(&text, buf, sizeof(buf));
	hx_log_show_last(&text.text, 8);
	return strstr(buf, words) != NULL;
}

static const char *told(const char *line, int want)
{
	static char buf[256];
	struct hx_text_buf text;

	hx_text_buf_init(&text, buf, sizeof(buf));
	assert_int_equal(hx_names_take("/irq/ctl", line, &text.text), want);
	return buf;
}

static void flood(unsigned n)
{
	while (n-- > 0)
		hx_host_irq_raise(LINE);
}

static bool is_paused(void)
{
	struct irq_line l;

	assert_true(router_line(LINE, &l));
	assert_int_equal(l.is_paused, hx_host_irq_is_masked(LINE));
	return l.is_paused;
}

static void requested_line_is_open_until_it_is_released(void **state)
{
	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", 0), 0);
	assert_false(hx_host_irq_is_masked(LINE));
	flood(2);
	assert_int_equal(dev[0].n, 2);
	assert_int_equal(dev[0].action.count, 2);
	assert_non_null(strstr(shown("/irq/lines"),
			       "line=5 user=one owner=net mode=exclusive count=2\n"));
	assert_non_null(strstr(shown("/irq/counts"), "cpu=0 line=5 count="));
	assert_non_null(strstr(shown("/proc/interrupts"), "line=5 count=2 name=one\n"));
	hx_irq_release(LINE, &dev[0].action);
	assert_true(hx_host_irq_is_masked(LINE));
	flood(1);
	assert_int_equal(dev[0].n, 2);
	assert_null(strstr(shown("/irq/lines"), "line=5"));
}

static void exclusive_lines_clash_in_words(void **state)
{
	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", 0), 0);
	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", 0), -HX_EEXIST);
	assert_int_equal(hx_irq_request(LINE, &dev[1].action, "disk", HX_IRQ_SHARED), -HX_EBUSY);
	assert_true(log_has("line 5 refused to two of disk: one of net has it alone"));
	assert_int_equal(hx_irq_attach(LINE, &dev[1].action), -HX_EBUSY);
	hx_irq_release(LINE, &dev[0].action);
	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", HX_IRQ_SHARED), 0);
	assert_int_equal(hx_irq_request(LINE, &dev[1].action, "disk", 0), -HX_EBUSY);
	assert_true(log_has("line 5 refused to two of disk: one of net has it"));
	assert_int_equal(hx_irq_request(LINE, &dev[1].action, "disk", HX_IRQ_SHARED), 0);
	flood(1);
	assert_int_equal(dev[0].n, 1);
	assert_int_equal(dev[1].n, 1);
	hx_irq_release(LINE, &dev[0].action);
	assert_false(hx_host_irq_is_masked(LINE));
	hx_irq_release(LINE, &dev[1].action);
	assert_true(hx_host_irq_is_masked(LINE));
}

static void line_of_the_kernel_is_not_given_away(void **state)
{
	assert_int_equal(hx_irq_attach(LINE, &dev[0].action), 0);
	assert_int_equal(hx_irq_request(LINE, &dev[1].action, "net", HX_IRQ_SHARED), -HX_EBUSY);
	assert_true(log_has("line 5 refused to two of net: one of the kernel has it"));
	hx_irq_detach(LINE, &dev[0].action);
}

static void users_of_a_line_agree_on_its_trigger(void **state)
{
	uint32_t level = HX_IRQ_SHARED | HX_IRQ_LEVEL, edge = HX_IRQ_SHARED | HX_IRQ_EDGE;

	assert_false(hx_irq_line_is_level(LINE));
	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", level | edge), -HX_EINVAL);
	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", level), 0);
	assert_true(hx_irq_line_is_level(LINE));
	assert_int_equal(hx_irq_request(LINE, &dev[1].action, "disk", edge), -HX_EBUSY);
	assert_true(log_has("one of net has it with the trigger level"));
	assert_int_equal(hx_irq_request(LINE, &dev[1].action, "disk", HX_IRQ_SHARED), 0);
	hx_irq_release(LINE, &dev[0].action);
	assert_true(hx_irq_line_is_level(LINE));
	hx_irq_release(LINE, &dev[1].action);
	assert_false(hx_irq_line_is_level(LINE));	/* as it was before the first one */
	assert_int_equal(hx_irq_request(hx_irq_line_soft(), &dev[0].action, "net", level),
			 -HX_ENODEV);
	assert_true(log_has("its trigger cannot be set"));
}

static void wrong_requests_are_refused(void **state)
{
	assert_int_equal(hx_irq_request(HX_IRQ_LINES, &dev[0].action, "net", 0), -HX_EINVAL);
	assert_int_equal(hx_irq_request(HX_IRQ_NONE, &dev[0].action, "net", 0), -HX_EINVAL);
	hx_irq_release(HX_IRQ_NONE, &dev[0].action);
	hx_irq_release(LINE, &dev[0].action);
	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", 0), 0);
	hx_irq_release(LINE, &dev[1].action);
	hx_irq_release(LINE + 1, &dev[0].action);
	flood(1);
	assert_int_equal(dev[0].n, 1);
	hx_irq_release(LINE, &dev[0].action);
	dev[0].action.handler = NULL;
	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", 0), -HX_EINVAL);
}

static void memory_that_goes_gives_its_lines_back(void **state)
{
	uint32_t shared = HX_IRQ_SHARED;

	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", shared), 0);
	assert_int_equal(hx_irq_request(LINE, &dev[1].action, "disk", shared), 0);
	assert_int_equal(hx_irq_request(LINE + 1, &dev[1].action, "disk", 0), 0);
	assert_int_equal(hx_irq_request(HX_IRQ_LINES - 3, &dev[1].action, "disk", 0), 0);
	assert_int_equal(hx_irq_release_memory((uintptr_t)&dev[1], sizeof(dev[1])), 3);
	assert_true(log_has("line 5: taken back from disk, which goes"));
	assert_true(log_has("line 61: taken back from disk, which goes"));
	assert_true(hx_host_irq_is_masked(LINE + 1));
	assert_false(hx_host_irq_is_masked(LINE));
	flood(1);
	assert_int_equal(dev[0].n, 1);
	assert_int_equal(dev[1].n, 0);
	/* By the handler's address too. */
	assert_int_equal(hx_irq_release_memory((uintptr_t)on_interrupt, 1), 1);
	assert_int_equal(hx_irq_release_memory((uintptr_t)on_interrupt, 1), 0);
}

static int request_and_release(void)
{
	int err = hx_irq_request(LINE, &dev[0].action, "net", HX_IRQ_SHARED);

	if (err == 0)
		hx_irq_release(LINE, &dev[0].action);
	return err;
}

static void request_without_memory_changes_nothing(void **state)
{
	HX_TEST_EACH_ALLOC_FAILS(request_and_release);
	assert_true(hx_host_irq_is_masked(LINE));
}

static void unclaimed_interrupts_pause_the_line(void **state)
{
	dev[0].denies = true;
	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", HX_IRQ_LEVEL), 0);
	flood(CONFIG_IRQ_STORM_UNCLAIMED - 1);
	assert_false(is_paused());
	flood(1);
	assert_true(is_paused());
	assert_true(log_has("line 5 of net: storm, 1000 unclaimed interrupts: paused for 10 ms"));
	assert_non_null(strstr(shown("/irq/storms"),
			       "line=5 owner=net cause=unclaimed interrupts=1000 pause_ms=10\n"));
	assert_non_null(strstr(shown("/irq/lines"), "line=5 state=paused trigger=level "));
}	/* and goes with a pause under way */

static void storms_and_pauses(unsigned storms_wanted)
{
	struct irq_line l;

	for (unsigned i = 0; i < storms_wanted; i++) {
		hx_ns_t want = hx_min_u64(IRQ_PAUSE_FIRST_NS << hx_min_u64(i, 20),
					  IRQ_PAUSE_MAX_NS);

		flood(CONFIG_IRQ_STORM_UNCLAIMED);
		assert_true(is_paused());
		assert_true(router_line(LINE, &l));
		assert_int_equal(l.pause_ns, want);
		hx_host_advance_ns(want - 2 * HX_NS_PER_MS);
		assert_true(is_paused());
		hx_host_advance_ns(30 * HX_NS_PER_MS);
		assert_false(is_paused());
	}
}

static void pauses_double_and_forget_after_a_quiet_second(void **state)
{
	dev[0].denies = true;
	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", HX_IRQ_LEVEL), 0);
	storms_and_pauses(12);
	hx_host_advance_ns(IRQ_RELAPSE_NS);
	storms_and_pauses(2);
}

static void few_unclaimed_ones_in_a_window_are_no_storm(void **state)
{
	struct irq_line l;

	dev[0].denies = true;
	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", HX_IRQ_LEVEL), 0);
	for (int i = 0; i < 5; i++) {
		flood(CONFIG_IRQ_STORM_UNCLAIMED - 1);
		hx_host_advance_ns(IRQ_WINDOW_NS + HX_NS_PER_MS);
	}
	assert_false(is_paused());
	assert_true(router_line(LINE, &l));
	assert_int_equal(l.n_unclaimed, 5 * (CONFIG_IRQ_STORM_UNCLAIMED - 1));
	assert_int_equal(l.n_storms, 0);
}

static void one_that_claims_is_enough_for_all(void **state)
{
	struct irq_line l;

	dev[0].denies = true;
	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", HX_IRQ_SHARED), 0);
	assert_int_equal(hx_irq_request(LINE, &dev[1].action, "disk", HX_IRQ_SHARED), 0);
	flood(2 * CONFIG_IRQ_STORM_UNCLAIMED);
	assert_false(is_paused());
	assert_true(router_line(LINE, &l));
	assert_int_equal(l.n_unclaimed, 0);
	dev[1].denies = true;
	flood(CONFIG_IRQ_STORM_UNCLAIMED);
	assert_true(is_paused());
}

static void too_many_claimed_ones_are_a_storm_as_well(void **state)
{
	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", HX_IRQ_LEVEL), 0);
	assert_int_equal(hx_irq_set_limit(LINE, 9), -HX_EINVAL);
	assert_int_equal(hx_irq_set_limit(LINE + 1, 1000), -HX_ENOENT);
	assert_int_equal(hx_irq_set_limit(LINE, 1000), 0);
	for (int i = 0; i < 30; i++) {	/* just not a hundred in a window */
		flood(10);
		hx_host_advance_ns(IRQ_WINDOW_NS / 9 + 1);
	}
	assert_false(is_paused());
	flood(99);
	assert_false(is_paused());
	flood(1);
	assert_true(is_paused());
	assert_non_null(strstr(shown("/irq/storms"), "cause=claimed interrupts=100 "));
	assert_int_equal(hx_irq_resume(LINE), 0);
	assert_false(is_paused());
	assert_int_equal(hx_irq_resume(LINE + 1), -HX_ENOENT);
}

static void edge_line_is_looked_at_after_a_pause(void **state)
{
	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", HX_IRQ_EDGE), 0);
	assert_int_equal(hx_irq_set_limit(LINE, 100), 0);
	flood(10);
	assert_true(is_paused());
	assert_int_equal(dev[0].n, 10);
	hx_host_advance_ns(30 * HX_NS_PER_MS);
	assert_false(is_paused());
	assert_int_equal(dev[0].n, 11);
}

static void lines_go_where_they_may(void **state)
{
	struct irq_line l;

	assert_int_equal(hx_irq_set_affinity(LINE, (struct hx_cpumask){ 1 }), -HX_ENOENT);
	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", 0), 0);
	assert_int_equal(hx_irq_set_affinity(LINE, (struct hx_cpumask){ 2 }), -HX_EINVAL);
	assert_int_equal(hx_irq_set_affinity(LINE, (struct hx_cpumask){ 0 }), -HX_EINVAL);
	assert_int_equal(hx_irq_set_affinity(LINE, (struct hx_cpumask){ 0x33 }), 0);
	assert_true(router_line(LINE, &l));
	assert_int_equal(l.affinity.bits, 0x33);
	assert_int_equal(hx_host_irq_cpu(LINE), 0);
	assert_non_null(strstr(shown("/irq/lines"), " cpu=0 affinity=0-1,4-5\n"));
	hx_irq_release(LINE, &dev[0].action);
	assert_int_equal(hx_irq_request(hx_irq_line_soft(), &dev[0].action, "net", 0), 0);
	assert_int_equal(hx_irq_set_affinity(hx_irq_line_soft(), (struct hx_cpumask){ 1 }),
			 -HX_ENODEV);
}

static void control_lines_are_checked_whole(void **state)
{
	static const char *const wrong[] = {
		"", "fly 5", "affinity", "affinity 5", "affinity 64 0", "affinity 5 0 0",
		"affinity 5 a", "affinity 5 0-", "affinity 5 -1", "affinity 5 1-0", "affinity 5 64",
		"affinity 5 0,", "affinity 5 ,0", "affinity 5 0--1", "limit 5", "limit 5 x",
		"resume", "resume x", "resume 5 5",
	};

	assert_int_equal(hx_irq_request(LINE, &dev[0].action, "net", 0), 0);
	for (size_t i = 0; i < HX_ARRAY_LEN(wrong); i++)
		assert_non_null(strstr(told(wrong[i], -HX_EINVAL), "detail=usage "));
	assert_string_equal(told("affinity 5 0-3,7", 0), "line=5");
	assert_non_null(strstr(shown("/irq/lines"), " affinity=0-3,7\n"));
	assert_string_equal(told("affinity 5 all", 0), "line=5");
	assert_string_equal(told("affinity 5 0-63", 0), "line=5");
	assert_non_null(strstr(shown("/irq/lines"), " affinity=all\n"));
	assert_string_equal(told("affinity 5 1", -HX_EINVAL), "detail=value line=5");
	assert_string_equal(told("affinity 6 0", -HX_ENOENT), "detail=free-line line=6");
	assert_string_equal(told("limit 5 5000", 0), "line=5");
	assert_non_null(strstr(shown("/irq/lines"), " limit=5000 "));
	assert_string_equal(told("limit 5 1", -HX_EINVAL), "detail=value line=5");
	assert_string_equal(told("resume 5", 0), "line=5");
	assert_string_equal(told("resume 7", -HX_ENOENT), "detail=free-line line=7");
}

#define TEST(f)	{ .name = #f, .test_func = (f), .setup_func = setup, .teardown_func = teardown }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requested_line_is_open_until_it_is_released),
		TEST(exclusive_lines_clash_in_words),
		TEST(line_of_the_kernel_is_not_given_away),
		TEST(users_of_a_line_agree_on_its_trigger),
		TEST(wrong_requests_are_refused),
		TEST(memory_that_goes_gives_its_lines_back),
		TEST(request_without_memory_changes_nothing),
		TEST(unclaimed_interrupts_pause_the_line),
		TEST(pauses_double_and_forget_after_a_quiet_second),
		TEST(few_unclaimed_ones_in_a_window_are_no_storm),
		TEST(one_that_claims_is_enough_for_all),
		TEST(too_many_claimed_ones_are_a_storm_as_well),
		TEST(edge_line_is_looked_at_after_a_pause),
		TEST(lines_go_where_they_may),
		TEST(control_lines_are_checked_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
