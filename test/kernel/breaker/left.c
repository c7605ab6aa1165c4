// SPDX-License-Identifier: MIT
/*
 * Ways that leave something behind, with memory of the module: each registers one thing with the
 * kernel and never takes it back. Nothing breaks until the memory is gone.
 */
#include <hx/config/core_irq_router.h>
#include <hx/core/grace.h>
#include <hx/core/irq_router.h>
#include <hx/core/names.h>
#include <hx/core/thread.h>
#include <hx/hal/timer.h>

#include "breaker_priv.h"

#define LINES		64u
#define AGAIN_NS	(5 * HX_NS_PER_MS)

static volatile uint32_t n_called;

static int left_show(struct hx_text *out, const struct hx_node_args *args)
{
	n_called++;
	hx_text_puts(out, "left\n");
	return 0;
}

/* It breaks as /test/break does. */
static int left_take(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	n_called++;
	return breaker_run(line);
}

static const struct hx_node node = {
	.path = "/test/left", .help = "what the breaker left",
	.rights = HX_NODE_READ | HX_NODE_APPEND, .max_bytes = 8, .show = left_show,
	.take = left_take,
};

int left_node(void)
{
	return hx_names_register(&node);
}

int no_break_node_goes(void)
{
	hx_names_unregister(&node);
	return 0;
}

/* It never ends by itself. */
static void again(struct hx_timer *t)
{
	n_called++;
	hx_timer_start(t, hx_now_ns() + AGAIN_NS);
}

int left_timer(void)
{
	static struct hx_timer timers[4];

	for (unsigned i = 0; i < HX_ARRAY_LEN(timers); i++) {
		timers[i].fn = again;
		hx_timer_start(&timers[i], hx_now_ns() + AGAIN_NS + i * HX_NS_PER_MS);
	}
	return 0;
}

static void on_interrupt(void *arg)
{
	n_called++;
}

static struct hx_irq_action action = { .name = "left", .handler = on_interrupt };

/* The first line that nobody has. */
int left_irq(void)
{
	int err = -HX_EBUSY;

	for (uint32_t line = 5; err != 0 && line < LINES; line++)
		err = hx_irq_attach(line, &action);
	return err;
}

int left_line(void)
{
	int err = -HX_EBUSY;

	for (uint32_t line = 5; err != 0 && line < LINES; line++)
		err = hx_irq_request(line, &action, "breaker", 0);
	return err;
}

static struct hx_thread thread;
static uint8_t stack[8192] HX_ALIGNED(16);

static int thread_fn(void *arg)
{
	hx_sleep_ns((hx_ns_t)(uintptr_t)arg);
	n_called++;
	return 0;
}

static int start_thread(hx_ns_t lives_ns)
{
	const struct hx_thread_params p = {
		.name = "left", .fn = thread_fn, .arg = (void *)(uintptr_t)lives_ns,
		.prio = HX_PRIO_DEFAULT, .stack = stack, .stack_bytes = sizeof(stack),
	};

	return hx_thread_init(&thread, &p);
}

/* It has ended, but nobody has joined it. */
int left_thread(void)
{
	int err = start_thread(1);

	for (unsigned i = 0; err == 0 && thread.state != HX_THREAD_DEAD && i < 100; i++)
		hx_sleep_ns(HX_NS_PER_MS);
	return err;
}

/* It runs, and will. */
int left_lives(void)
{
	return start_thread(HX_NS_PER_S);
}

static void after_grace(struct hx_grace *g)
{
	hx_sleep_ns(20 * HX_NS_PER_MS);
	n_called++;
	hx_grace_call(g, after_grace);
}

int left_grace(void)
{
	static struct hx_grace calls[2];

	for (unsigned i = 0; HX_ENABLED(SMP) && i < HX_ARRAY_LEN(calls); i++)
		hx_grace_call(&calls[i], after_grace);
	return 0;
}
