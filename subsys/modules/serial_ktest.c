/* SPDX-License-Identifier: MIT */
/*
 * Serial drivers that are modules: swapped to and fro while lines go out of that very port, with a
 * number in each; test/boot/serial.py looks that each line comes once, whole, in its order.
 */
#include <hx/core/console_dev.h>
#include <hx/core/ktest.h>
#include <hx/core/printf.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/core/swap.h>
#include <hx/hal/timer.h>

#include "modules_priv.h"

#define POLLED	"/boot/modules/uart_ns16550_poll.hko"
#define BROKEN	"/boot/modules/test_kernel_broken_serial.hko"
#define N_SWAPS	100u

static struct hko_why why;
static bool may_end;		/* atomic */
static unsigned n_lines;	/* the writer's; numbers go on from test to test */

static bool is_there(struct hx_ktest_run *t)
{
	char path[MODULES_PATH_MAX];

	if (modules_in_archive("uart_ns16550_poll", 0, path) &&
	    hx_strncmp(hx_console_dev_active()->name, "serial", 6) == 0)
		return true;
	hx_ktest_skip(t, "no serial driver is a module here, or none is the console");
	return false;
}

static void write_line(void)
{
	struct hx_console_dev *d = hx_console_dev_active();
	char line[80];
	int n = hx_snprintf(line, sizeof(line),
			    "# numbered %06u 0123456789 abcdefghijklmnopqrstuvwxyz\r\n", n_lines++);

	d->write(d, line, (size_t)n);
}

/* In bursts, so that the queue is now full and now empty. */
static int write_lines(void *arg)
{
	while (!__atomic_load_n(&may_end, __ATOMIC_RELAXED)) {
		for (unsigned i = 0; i < 20; i++)
			write_line();
		hx_sleep_ns(n_lines % 3 * HX_NS_PER_MS);
	}
	return 0;
}

static bool start_writer(struct hx_thread **w)
{
	struct hx_thread_params p = { .name = "lines", .fn = write_lines, .prio = HX_PRIO_DEFAULT };

	may_end = false;
	return hx_thread_create(&p, w) == 0;
}

static void end_writer(struct hx_ktest_run *t, struct hx_thread *w)
{
	__atomic_store_n(&may_end, true, __ATOMIC_RELAXED);
	hx_expect(t, hx_thread_join(w, 60 * HX_NS_PER_S, NULL) == 0);
}

static const char *provider(void)
{
	static char text[64];
	struct hx_text_buf out;

	hx_text_buf_init(&out, text, sizeof(text));
	return hx_names_show("/slots/serial/provider", &out.text) == 0 ? text : "";
}

/* The one on probation stays for a while. */
static void unload(struct hx_ktest_run *t, const char *name)
{
	int err = -HX_EBUSY;

	for (unsigned i = 0; i < 500 && err == -HX_EBUSY; i++) {
		err = module_unload(name, &why);
		if (err == -HX_EBUSY)
			hx_sleep_ns(10 * HX_NS_PER_MS);
	}
	hx_expect(t, err == 0);
}

HX_KTEST(modules_serial_swaps_under_traffic)
{
	static const char *const names[] = { "ns16550_poll", "ns16550" };
	struct module *m = NULL;
	struct hx_thread *w;

	if (!is_there(t))
		return;
	modules_quiet();
	hx_require(t, module_load(POLLED, &why, &m) == 0);
	hx_require(t, start_writer(&w));
	for (unsigned i = 0; i < N_SWAPS; i++) {
		struct hx_swap s;
		int err = hx_swap("serial", names[i % 2], &s);

		if (err != 0)
			hx_ktest_fail(t, __FILE_NAME__, __LINE__, s.why);
		hx_expect(t, hx_glob(i % 2 == 0 ? "*=ns16550_poll*" : "*=ns16550\n", provider()));
		hx_sleep_ns(i % 5 * HX_NS_PER_MS);
	}
	end_writer(t, w);
	unload(t, "uart_ns16550_poll");
	hx_expect(t, hx_swap("serial", "ns16550_poll", NULL) == -HX_ENOENT);
	hx_expect(t, modules_count() == 0);
}

static int tell_broken(const char *what)
{
	char text[32];
	struct hx_text_buf ack;

	hx_text_buf_init(&ack, text, sizeof(text));
	return hx_names_take("/test/broken_serial", what, &ack.text);
}

static void break_in_slot(struct hx_ktest_run *t, const char *how)
{
	struct module *m = NULL;

	if (module_load(BROKEN, &why, &m) != 0) {
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, why.text);
		return;
	}
	hx_expect(t, hx_swap("serial", "broken", NULL) == 0);
	hx_sleep_ns(5 * HX_NS_PER_MS);
	hx_expect(t, tell_broken(how) == 0);
	for (unsigned i = 0; i < 2000 && !hx_glob("*=ns16550\n", provider()); i++)
		hx_sleep_ns(HX_NS_PER_MS);
	hx_expect(t, hx_glob("*=ns16550\n", provider()));
	hx_expect(t, module_state_now(m) == MODULE_ERROR && m->owner.n_caught >= 1);
	hx_expect(t, hx_swap("serial", "broken", NULL) != 0);
	unload(t, "test_kernel_broken_serial");
}

/* What broke in the middle of a burst had counted what had gone. */
HX_KTEST(modules_a_serial_driver_that_breaks_is_thrown_out)
{
	static const char *const ways[] = { "put 0", "put 40", "get 0", "get 5", "want 0", "want 7",
					    "pending 0", "pending 9" };
	struct module *m = NULL;
	struct hx_thread *w;

	if (!is_there(t))
		return;
	if (!HX_ENABLED(BORDERS)) {
		hx_ktest_skip(t, "faults are not caught here");
		return;
	}
	modules_quiet();
	hx_require(t, start_writer(&w));
	hx_expect(t, module_load(BROKEN, &why, &m) == 0);
	hx_expect(t, tell_broken("load 0") == 0);
	hx_expect(t, hx_swap("serial", "broken", NULL) != 0);
	hx_expect(t, hx_glob("*=ns16550\n", provider()));
	unload(t, "test_kernel_broken_serial");
	for (unsigned i = 0; i < HX_ARRAY_LEN(ways); i++)
		break_in_slot(t, ways[i]);
	end_writer(t, w);
	hx_expect(t, modules_count() == 0);
}
