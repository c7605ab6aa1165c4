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
 * timer never touches the machine. The price is that a timer fires up to a tick late. Exact timers,
 * which only some schedulers have, are in trees of their own, and interrupt when they are due
 * (exact.c).
 */
#include <hx/core/init.h>
#include <hx/core/irq.h>
#include <hx/core/smp.h>
#include <hx/core/time.h>
#include <hx/hal/timer.h>

#include "exact_priv.h"
#include "timer_priv.h"

static bool timer_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return HX_CONTAINER_OF(a, const struct hx_timer, node)->deadline_ns <
	       HX_CONTAINER_OF(b, const struct hx_timer, node)->deadline_ns;
}

struct timers timers[HX_CPUS];
struct hx_rb_tree timers_exact[HX_CPUS];
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

/* The tree that t is in. */
static inline struct hx_rb_tree *tree_of(struct timers *q, const struct hx_timer *t)
{
	return hx_sched_may_tick_in && t->exact ? exact_of(q) : &q->tree;
}

static HX_ALWAYS_INLINE void timer_start(struct hx_timer *t, hx_ns_t deadline_ns, bool exact)
{
	hx_irqflags_t flags = hx_irq_save();
	struct timers *q = timers_of(t);

	while (HX_CPUS > 1 && q != timers_here() && !t->node.linked && q->running != t) {
		__atomic_store_n(&t->cpu, hx_percpu()->cpu, __ATOMIC_RELAXED);
		hx_spin_release_(&q->lock);
		q = timers_of(t);
	}
	if (t->node.linked)
		hx_rb_remove(tree_of(q, t), &t->node);
	if (hx_sched_may_tick_in)
		t->exact = exact;
	/* Later than the tick that may be at work: one that restarts itself cannot keep it busy. */
	t->deadline_ns = hx_max_u64(deadline_ns, q->now + 1);
	hx_rb_insert(tree_of(q, t), &t->node);
	if (t->deadline_ns < q->soonest)
		__atomic_store_n(&q->soonest, t->deadline_ns, __ATOMIC_RELAXED);
	if (hx_sched_may_tick_in && exact && q == timers_here())
		exact_want(t->deadline_ns);
	hx_spin_unlock_irqrestore(&q->lock, flags);
}

void hx_timer_start(struct hx_timer *t, hx_ns_t deadline_ns)
{
	timer_start(t, deadline_ns, false);
}

void hx_timer_start_exact(struct hx_timer *t, hx_ns_t deadline_ns)
{
	timer_start(t, deadline_ns, true);
}

bool hx_timer_cancel(struct hx_timer *t)
{
	hx_irqflags_t flags = hx_irq_save();
	struct timers *q = timers_of(t);
	bool ran = t->node.linked;

	/* The function itself waits for nobody. */
	if (HX_ENABLED(DEBUG_LOCKS) && (q != timers_here() || q->running != t)) {
		hx_spin_release_(&q->lock);
		timer_check(t->fn);
		q = timers_of(t);
		ran = t->node.linked;
	}
	if (ran)
		hx_rb_remove(tree_of(q, t), &t->node);
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

/* The first of a tree, if it is due; NULL: it is not. */
static inline struct hx_timer *first_due(const struct hx_rb_tree *tree, hx_ns_t now)
{
	struct hx_rb_node *n = hx_rb_first(tree);

	return n != NULL && HX_CONTAINER_OF(n, struct hx_timer, node)->deadline_ns <= now
	       ? HX_CONTAINER_OF(n, struct hx_timer, node) : NULL;
}

static inline hx_ns_t first_deadline(const struct hx_rb_tree *tree)
{
	struct hx_rb_node *n = hx_rb_first(tree);

	return n != NULL ? HX_CONTAINER_OF(n, struct hx_timer, node)->deadline_ns : HX_FOREVER;
}

static inline void note_soonest(struct timers *q)
{
	hx_ns_t soonest = first_deadline(&q->tree);

	if (hx_sched_may_tick_in)
		soonest = hx_min_u64(soonest, first_deadline(exact_of(q)));
	__atomic_store_n(&q->soonest, soonest, __ATOMIC_RELAXED);
}

/* A timer that is due, taken off its tree, of each tree the first first; NULL if none is due. */
static struct hx_timer *timer_take_due(struct timers *q, hx_ns_t now)
{
	struct hx_timer *t = NULL;

	hx_spin_acquire_(&q->lock);
	q->now = now;
	if (hx_sched_may_tick_in)
		t = first_due(exact_of(q), now);
	if (t == NULL)
		t = first_due(&q->tree, now);
	if (t != NULL)
		hx_rb_remove(tree_of(q, t), &t->node);
	else
		note_soonest(q);
	if (HX_CPUS > 1 || HX_ENABLED(DEBUG_LOCKS))
		__atomic_store_n(&q->running, t, __ATOMIC_RELEASE);
	hx_spin_release_(&q->lock);
	return t;
}

/* The next exact one is to interrupt. */
static void timers_want(struct timers *q)
{
	struct hx_rb_node *n;

	if (hx_rb_first(exact_of(q)) == NULL)
		return;
	hx_spin_acquire_(&q->lock);
	n = hx_rb_first(exact_of(q));
	if (n != NULL)
		exact_want(HX_CONTAINER_OF(n, struct hx_timer, node)->deadline_ns);
	hx_spin_release_(&q->lock);
}

static HX_ALWAYS_INLINE void timer_run(struct hx_timer *t)
{
	timer_fn_t fn = t->fn;

	if (HX_ENABLED(DEBUG_LOCKS))
		hx_lock_debug_taken();
	fn(t);		/* t may be gone */
	if (HX_ENABLED(DEBUG_LOCKS))
		timer_note(fn, hx_lock_debug_taken());
}

/* Mostly none is due, and that needs no lock to see. */
static HX_ALWAYS_INLINE void timers_run(struct timers *q, hx_ns_t now)
{
	struct hx_timer *t;

	while (now >= __atomic_load_n(&q->soonest, __ATOMIC_RELAXED) &&
	       (t = timer_take_due(q, now)) != NULL)
		timer_run(t);
}

/* One is due before the next tick. An exact one is to interrupt then. */
static HX_NOINLINE void timers_look(struct timers *q, hx_ns_t now)
{
	timers_run(q, now);
	timers_want(q);
}

static void time_tick(void *arg)
{
	hx_ns_t now = hx_sched_may_tick_in ? hx_now_ns() : 0;
	bool regular = !hx_sched_may_tick_in || exact_interrupt(now);
	struct timers *q = timers_here();
	hx_ns_t soonest = __atomic_load_n(&q->soonest, __ATOMIC_RELAXED);

	hx_smp_answer();	/* an interrupt of theirs was lost, or is late */
	if (regular && (HX_CPUS == 1 || hx_percpu()->cpu == 0))
		time_ticks++;
	if (hx_sched_may_tick_in) {
		if (HX_UNLIKELY(soonest < exact_here()->tick_at))
			timers_look(q, now);
	} else if (soonest != HX_FOREVER) {
		timers_run(q, hx_now_ns());
	}
	if (regular)
		sched_tick();
	else
		sched_tick_between();
}

static struct hx_irq_action time_action = { .name = "timer", .handler = time_tick };

uint64_t hx_time_ticks(void)
{
	return time_ticks;
}

void time_tick_start(void)
{
	hx_timer_periodic(CONFIG_TICK_HZ);
	if (hx_sched_may_tick_in)
		exact_start();
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
		if (hx_sched_may_tick_in)
			hx_rb_init(&timers_exact[cpu], timer_less);
		timers[cpu].now = timers[cpu].soonest = 0;
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
