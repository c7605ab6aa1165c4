// SPDX-License-Identifier: MIT
/*
 * The log in the booted kernel: from an interrupt, and under one that comes at any time.
 */
#include <hx/core/ktest.h>
#include <hx/core/log.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>
#include <hx/hal/timer.h>

static volatile unsigned n_logged;

static void log_in_interrupt(struct hx_timer *timer)
{
	hx_log(HX_LOG_DEBUG, "ktest", "interrupt %u", n_logged);
	n_logged++;
	if (n_logged < 20)
		hx_timer_start(timer, hx_now_ns() + HX_NS_PER_MS);
}

HX_KTEST(log_lines_from_interrupts_are_numbered_without_a_gap)
{
	struct hx_timer timer = { .fn = log_in_interrupt };
	uint64_t first = hx_log_next_seq();
	hx_ns_t end = hx_now_ns() + 5 * HX_NS_PER_S;
	unsigned mine = 0;

	n_logged = 0;
	hx_timer_start(&timer, hx_now_ns() + HX_NS_PER_MS);
	while (n_logged < 20 && hx_now_ns() < end) {
		hx_log(HX_LOG_DEBUG, "ktest", "thread %u", mine);
		mine++;
	}
	hx_timer_cancel(&timer);
	hx_expect(t, n_logged == 20);
	hx_expect(t, hx_log_next_seq() - first == mine + n_logged);
}

HX_KTEST(log_shows_what_was_logged_last)
{
	struct hx_text_buf b;
	char text[512];

	hx_log(HX_LOG_DEBUG, "ktest", "the very last %d", 4711);
	hx_text_buf_init(&b, text, sizeof(text));
	hx_log_show_last(&b.text, 1);
	hx_expect(t, hx_strncmp(text, "seq=", 4) == 0);
	hx_expect(t, hx_glob("*level=debug area=ktest the very last 4711\n", text));
}
