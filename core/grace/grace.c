// SPDX-License-Identifier: MIT
/*
 * Grace periods: asking each CPU whether it is outside of readers' sections.
 *
 * 1 Concepts. hx_grace_wait() calls probe() on each CPU. It runs in an interrupt, so code with
 *   interrupts off is not in the middle of anything; and if the code below had preemption on, it
 *   was in no section. Then the CPU has passed for good: what it reads from now on is the new
 *   state. A CPU in a section is asked again a tick later.
 * 2 Invariants, properties of the model test/models/grace.pml: (safe) when hx_grace_wait() returns,
 *   no reader holds what was unlinked before the call; (live) it returns if sections end.
 * 3 Locking. grace_queue's lock guards the list of calls. The thread takes the list as a whole, so
 *   that all calls made during one grace period share the next.
 */
#include <hx/core/assert.h>
#include <hx/core/grace.h>
#include <hx/core/init.h>
#include <hx/core/smp.h>
#include <hx/core/thread.h>

static struct hx_wait_queue grace_queue = HX_WAIT_QUEUE_INIT(grace_queue);
static struct hx_grace *grace_first, **grace_end = &grace_first;	/* grace_queue.lock */
static bool grace_stop;							/* grace_queue.lock */
static struct hx_thread *grace_thread;

/* A nested wait for an answer (hx_cpu_call()) gets here with preemption off: not passed. */
static void probe(void *passed)
{
	if (hx_percpu()->preempt_off == 0)
		hx_cpumask_set(passed, hx_percpu()->cpu);
}

void hx_grace_wait(void)
{
	struct hx_cpumask passed = { 0 };

	hx_assert_can_sleep();
	for (;;) {
		/* Where this thread runs now nobody is in a section: preemption was on. */
		hx_preempt_disable();
		hx_cpumask_set(&passed, hx_percpu()->cpu);
		hx_cpu_call_others(probe, &passed);
		hx_preempt_enable();
		/* One that was stopped meanwhile is not online, and reads nothing any more. */
		if ((hx_cpus_online().bits & ~passed.bits) == 0)
			return;
		hx_sleep_ns(HX_NS_PER_MS);
	}
}

void hx_grace_call(struct hx_grace *g, void (*fn)(struct hx_grace *g))
{
	hx_irqflags_t flags;

	hx_assert_can_sleep();
	g->fn = fn;
	g->next = NULL;
	flags = hx_spin_lock_irqsave(&grace_queue.lock);
	*grace_end = g;
	grace_end = &g->next;
	hx_wake_one_locked(&grace_queue);
	hx_wake_end(&grace_queue, flags);
}

/* All calls that wait; NULL: it is time to end. */
static struct hx_grace *take_all(void)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&grace_queue.lock);
	struct hx_grace *all;

	while (grace_first == NULL && !grace_stop)
		hx_wait_locked(&grace_queue, HX_FOREVER);
	all = grace_first;
	grace_first = NULL;
	grace_end = &grace_first;
	hx_spin_unlock_irqrestore(&grace_queue.lock, flags);
	return all;
}

static int grace_main(void *arg)
{
	struct hx_grace *g, *next;

	while ((g = take_all()) != NULL) {
		hx_grace_wait();
		for (; g != NULL; g = next) {
			next = g->next;	/* g is gone after its function */
			g->fn(g);
		}
	}
	return 0;
}

static int grace_init(void)
{
	static const struct hx_thread_params p = {
		.name = "grace", .fn = grace_main, .prio = HX_PRIO_DEFAULT,
	};

	grace_stop = false;
	return hx_thread_create(&p, &grace_thread);
}

/* What waits is still done: the thread ends when the list is empty. */
static void grace_shutdown(void)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&grace_queue.lock);

	grace_stop = true;
	hx_wake_all_locked(&grace_queue);
	hx_wake_end(&grace_queue, flags);
	(void)!hx_thread_join(grace_thread, HX_FOREVER, NULL);
}

HX_COMPONENT(grace) = {
	.name = "grace", .phase = HX_PHASE_CORE, .version = 1,
	.needs = "cpus threads",
	.init = grace_init, .shutdown = grace_shutdown,
};
