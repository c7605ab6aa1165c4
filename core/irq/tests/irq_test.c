// SPDX-License-Identifier: MIT
/*
 * Interrupt lines on the host machine: who is called, who is counted, when the line is masked, and
 * when the exit may switch threads.
 */
#include "hx_test.h"
#include <hx/config/core_names.h>
#include <hx/core/irq.h>
#include <hx/core/names.h>
#include <hx/hal/irq.h>
#include <hx/hal/percpu.h>

#define LINE	5u

HX_SECTION_BOUNDS(hx_nodes, struct hx_node);

struct probe {
	struct hx_irq_action action;
	unsigned n;
	bool detach_itself;
};

static void on_interrupt(void *arg)
{
	struct probe *p = arg;

	p->n++;
	assert_false(hx_irq_are_enabled());
	assert_int_equal(hx_percpu()->irq_depth, 1);
	if (p->detach_itself) {
		hx_irq_detach(LINE, &p->action);
		memset(&p->action, 0xaa, sizeof(p->action));
	}
}

static void init_probe(struct probe *p, const char *name)
{
	*p = (struct probe){ .action = { .name = name, .handler = on_interrupt, .arg = p } };
}

static int setup(void **state)
{
	hx_test_machine(8 * HX_MIB);
	hx_test_start("irq");
	return 0;
}

static int teardown(void **state)
{
	hx_irq_set_exit(NULL);
	hx_test_machine_end();
	return 0;
}

static const char *shown(void)
{
	static char buf[4096];
	struct hx_text_buf text;
	const struct hx_node *const *it;

	hx_text_buf_init(&text, buf, sizeof(buf));
	HX_SECTION_FOREACH(it, hx_nodes) {
		if (strcmp((*it)->path, "/proc/interrupts") == 0)
			assert_int_equal((*it)->show(&text.text, NULL), 0);
	}
	return buf;
}

static void attached_handler_is_called_and_counted(void **state)
{
	struct probe p;

	init_probe(&p, "probe");
	assert_true(hx_host_irq_is_masked(LINE));
	assert_int_equal(hx_irq_attach(LINE, &p.action), 0);
	assert_false(hx_host_irq_is_masked(LINE));
	hx_host_irq_raise(LINE);
	hx_host_irq_raise(LINE);
	assert_int_equal(p.n, 2);
	assert_int_equal(p.action.count, 2);
	assert_int_equal(strstr(shown(), "line=5 count=2 name=probe\n") != NULL,
			 HX_ENABLED(STATE_NODES));
	hx_irq_detach(LINE, &p.action);
	assert_true(hx_host_irq_is_masked(LINE));
	hx_host_irq_raise(LINE);
	assert_int_equal(p.n, 2);
	assert_null(strstr(shown(), "probe"));
}

static void shared_line_calls_all_until_the_last_leaves(void **state)
{
	struct probe p[3];

	for (int i = 0; i < 3; i++) {
		init_probe(&p[i], "shared");
		assert_int_equal(hx_irq_attach(LINE, &p[i].action), 0);
	}
	hx_host_irq_raise(LINE);
	hx_irq_detach(LINE, &p[1].action);
	hx_host_irq_raise(LINE);
	assert_int_equal(p[0].n, 2);
	assert_int_equal(p[1].n, 1);
	assert_int_equal(p[2].n, 2);
	hx_irq_detach(LINE, &p[0].action);
	assert_false(hx_host_irq_is_masked(LINE));
	hx_irq_detach(LINE, &p[2].action);
	assert_true(hx_host_irq_is_masked(LINE));
}

static void handler_may_detach_itself(void **state)
{
	struct probe first, second;

	init_probe(&first, "first");
	init_probe(&second, "second");
	first.detach_itself = true;
	assert_int_equal(hx_irq_attach(LINE, &first.action), 0);
	assert_int_equal(hx_irq_attach(LINE, &second.action), 0);
	hx_host_irq_raise(LINE);
	hx_host_irq_raise(LINE);
	assert_int_equal(first.n, 1);
	assert_int_equal(second.n, 2);
	hx_irq_detach(LINE, &second.action);
}

static void wrong_use_is_refused(void **state)
{
	struct probe p;

	init_probe(&p, "probe");
	assert_int_equal(hx_irq_attach(HX_IRQ_LINES, &p.action), -HX_EINVAL);
	assert_int_equal(hx_irq_attach(HX_IRQ_NONE, &p.action), -HX_EINVAL);
	assert_int_equal(hx_irq_attach(LINE, &p.action), 0);
	assert_int_equal(hx_irq_attach(LINE, &p.action), -HX_EEXIST);
	hx_irq_detach(LINE + 1, &p.action);	/* not its line: nothing happens */
	hx_irq_detach(HX_IRQ_NONE, &p.action);
	hx_host_irq_raise(LINE);
	assert_int_equal(p.n, 1);
	hx_irq_detach(LINE, &p.action);
	p.action.handler = NULL;
	assert_int_equal(hx_irq_attach(LINE, &p.action), -HX_EINVAL);
}

static void interrupt_nobody_wants_is_counted(void **state)
{
	unsigned long long before, after;

	if (!HX_ENABLED(STATE_NODES))
		skip();
	before = strtoull(strstr(shown(), "unclaimed=") + 10, NULL, 10);
	hx_irq_raise_soft();
	after = strtoull(strstr(shown(), "unclaimed=") + 10, NULL, 10);
	assert_int_equal(after, before + 1);
}

static unsigned n_exits;

static void count_exit(void)
{
	n_exits++;
	assert_int_equal(hx_percpu()->irq_depth, 0);
	hx_percpu()->need_resched = 0;
}

static void exit_is_called_only_if_a_preemption_is_due_and_allowed(void **state)
{
	n_exits = 0;
	hx_irq_set_exit(count_exit);
	hx_irq_raise_soft();
	assert_int_equal(n_exits, 0);
	hx_percpu()->need_resched = 1;
	hx_percpu()->preempt_off = 1;
	hx_irq_raise_soft();
	assert_int_equal(n_exits, 0);
	hx_percpu()->preempt_off = 0;
	hx_irq_raise_soft();
	assert_int_equal(n_exits, 1);
	hx_irq_raise_soft();
	assert_int_equal(n_exits, 1);
}

#define TEST(f)	{ .name = #f, .test_func = (f), .setup_func = setup, .teardown_func = teardown }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(attached_handler_is_called_and_counted),
		TEST(shared_line_calls_all_until_the_last_leaves),
		TEST(handler_may_detach_itself),
		TEST(wrong_use_is_refused),
		TEST(interrupt_nobody_wants_is_counted),
		TEST(exit_is_called_only_if_a_preemption_is_due_and_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
