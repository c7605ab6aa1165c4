// SPDX-License-Identifier: MIT
/*
 * Timers in red-black trees by deadline, one for each CPU, and the tick that looks at the leftmost
 * one of its CPU's.
 *
 * A tree per CPU and not one for all: arming and firing then take a lock that other CPUs hardly
 * ever want, and a sleeper is woken on the CPU it slept on. A timer is in the tree of the CPU that
 * started it; whoever wants it takes that tree's lock and looks again whether it is still there.
 * While its function runs it does not change trees, so that who cancels it knows where to look.
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

/* Field keys: t own lock, i the CPU itself, interrupts off; others read it. */
static struct timers {
	struct hx_spinlock lock;
	struct hx_rb_tree tree;		/* t */
	hx_ns_t now;			/* t what the last tick took as the time */
	struct hx_timer *running;	/* i whose function is being called; NULL: none */
} timers[HX_CPUS];

static uint64_t time_ticks;		/* timer interrupt of the first CPU */

static inline struct timers *timers_here(void)
{
	return HX_CPUS == 1 ? &timers[0] : &timers[hx_percpu()->cpu];
}

/* The tree where t is, or was last; locked. Interrupts off. */
static struct timers *timers_of(struct hx_timer *t)
{
	struct timers *q = &timers[HX_CPUS == 1 ? 0 : __atomic_load_n(&t->cpu, __ATOMIC_RELAXED)];

	hx_spin_acquire_(&q->lock);
	while (HX_CPUS > 1 && q != &timers[t->cpu]) {
		hx_spin_release_(&q->lock);
		q = &timers[__atomic_load_n(&t->cpu, __ATOMIC_RELAXED)];
		hx_spin_acquire_(&q->lock);
	}
	return q;
}

void hx_timer_start(struct hx_timer *t, hx_ns_t deadline_ns)
{
	hx_irqflags_t flags = hx_irq_save();
	struct timers *q = timers_of(t);

	while (HX_CPUS > 1 && q != timers_here() && !t->node.linked && q->running != t) {
		__atomic_store_n(&t->cpu, hx_percpu()->cpu, __ATOMIC_RELAXED);
		hx_spin_release_(&q->lock);
		q = timers_of(t);
	}
	if (t->node.linked)
		hx_rb_remove(&q->tree, &t->node);
	/* Later than the tick that may be at work: one that restarts itself cannot keep it busy. */
	t->deadline_ns = hx_max_u64(deadline_ns, q->now + 1);
	hx_rb_insert(&q->tree, &t->node);
	hx_spin_unlock_irqrestore(&q->lock, flags);
}

bool hx_timer_cancel(struct hx_timer *t)
{
	hx_irqflags_t flags = hx_irq_save();
	struct timers *q = timers_of(t);
	bool ran = t->node.linked;

	if (ran)
		hx_rb_remove(&q->tree, &t->node);
	hx_spin_release_(&q->lock);
	/* On this CPU it can only be the function itself, or what interrupted it, that calls. */
	while (HX_CPUS > 1 && q != timers_here() &&
	       HX_UNLIKELY(__atomic_load_n(&q->running, __ATOMIC_ACQUIRE) == t)) {
		hx_cpu_relax();
		hx_spin_poll();
	}
	hx_irq_restore(flags);
	return ran;
}

/* The timer that is due first, taken off the tree; NULL if none is due. */
static struct hx_timer *timer_take_due(struct timers *q, hx_ns_t now)
{
	struct hx_rb_node *n;
	struct hx_timer *t = NULL;

	hx_spin_acquire_(&q->lock);
	q->now = now;
	n = hx_rb_first(&q->tree);
	if (n != NULL && HX_CONTAINER_OF(n, struct hx_timer, node)->deadline_ns <= now) {
		t = HX_CONTAINER_OF(n, struct hx_timer, node);
		hx_rb_remove(&q->tree, n);
	}
	if (HX_CPUS > 1)
		__atomic_store_n(&q->running, t, __ATOMIC_RELEASE);
	hx_spin_release_(&q->lock);
	return t;
}

static void time_tick(void *arg)
{
	struct timers *q = timers_here();

	if (HX_CPUS == 1 || hx_percpu()->cpu == 0)
		time_ticks++;
	if (hx_rb_first(&q->tree) != NULL) {
		hx_ns_t now = hx_now_ns();
		struct hx_timer *t;

		while ((t = timer_take_due(q, now)) != NULL)
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
	unsigned cpu;
	int err = hx_hal_timer_init(&waited_cycles);

	hx_boot_waited(waited_cycles);
	for (cpu = 0; cpu < HX_CPUS; cpu++) {
		hx_spin_init(&timers[cpu].lock, "timers", HX_RANK_TIMERS);
		hx_rb_init(&timers[cpu].tree, timer_less);
		timers[cpu].now = 0;
	}
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
