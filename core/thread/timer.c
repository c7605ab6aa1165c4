// SPDX-License-Identifier: MIT
/*
 * Timers in a red-black tree by deadline, and the tick that looks at its leftmost one.
 *
 * A periodic tick and no one-shot programming: an idle tree costs one load a tick, and arming a
 * timer never touches the machine. The price is that a timer fires up to a tick late.
 */
#include <hx/core/init.h>
#include <hx/core/irq.h>
#include <hx/core/time.h>
#include <hx/hal/timer.h>

#include "thread_priv.h"

static bool timer_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return HX_CONTAINER_OF(a, const struct hx_timer, node)->deadline_ns <
	       HX_CONTAINER_OF(b, const struct hx_timer, node)->deadline_ns;
}

static struct hx_spinlock timer_lock = HX_SPINLOCK_INIT("timers", HX_RANK_TIMERS);
static struct hx_rb_tree timers;	/* timer_lock */
static hx_ns_t timers_now;		/* timer_lock; what the last tick took as the time */
static uint64_t time_ticks;		/* timer interrupt */

void hx_timer_start(struct hx_timer *t, hx_ns_t deadline_ns)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&timer_lock);

	if (t->node.linked)
		hx_rb_remove(&timers, &t->node);
	/* Later than the tick that may be at work: one that restarts itself cannot keep it busy. */
	t->deadline_ns = hx_max_u64(deadline_ns, timers_now + 1);
	hx_rb_insert(&timers, &t->node);
	hx_spin_unlock_irqrestore(&timer_lock, flags);
}

bool hx_timer_cancel(struct hx_timer *t)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&timer_lock);
	bool ran = t->node.linked;

	if (ran)
		hx_rb_remove(&timers, &t->node);
	hx_spin_unlock_irqrestore(&timer_lock, flags);
	return ran;
}

/* The timer that is due first, taken off the tree; NULL if none is due. */
static struct hx_timer *timer_take_due(hx_ns_t now)
{
	struct hx_rb_node *n;
	struct hx_timer *t = NULL;

	hx_spin_acquire_(&timer_lock);
	timers_now = now;
	n = hx_rb_first(&timers);
	if (n != NULL && HX_CONTAINER_OF(n, struct hx_timer, node)->deadline_ns <= now) {
		t = HX_CONTAINER_OF(n, struct hx_timer, node);
		hx_rb_remove(&timers, n);
	}
	hx_spin_release_(&timer_lock);
	return t;
}

static void time_tick(void *arg)
{
	time_ticks++;
	if (hx_rb_first(&timers) != NULL) {
		hx_ns_t now = hx_now_ns();
		struct hx_timer *t;

		while ((t = timer_take_due(now)) != NULL)
			t->fn(t);
	}
	sched_tick();
}

static struct hx_irq_action time_action = { .name = "timer", .handler = time_tick };

uint64_t hx_time_ticks(void)
{
	return time_ticks;
}

void time_tick_start(void)
{
	hx_timer_periodic(CONFIG_TICK_HZ);
}

void time_tick_stop(void)
{
	hx_timer_stop();
}

/* The tick itself starts with the threads: before them there is nobody to wake or to preempt. */
static int time_init(void)
{
	uint64_t waited_cycles = 0;
	int err = hx_hal_timer_init(&waited_cycles);

	hx_boot_waited(waited_cycles);
	hx_rb_init(&timers, timer_less);
	timers_now = 0;
	return err != 0 ? err : hx_irq_attach(hx_timer_line(), &time_action);
}

static void time_shutdown(void)
{
	hx_timer_stop();
	hx_irq_detach(hx_timer_line(), &time_action);
}

HX_COMPONENT(time) = {
	.name = "time", .phase = HX_PHASE_CORE, .version = 1,
	.needs = "irq",
	.init = time_init, .shutdown = time_shutdown,
};
