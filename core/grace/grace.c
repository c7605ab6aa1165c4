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
 * 3 Locking. grace_queue's lock guards both lists of calls: those that wait, and those whose grace
 *   period is over. The thread takes the first as a whole, so that all calls made during one grace
 *   period share the next.
 */
#include <hx/core/assert.h>
#include <hx/core/grace.h>
#include <hx/core/init.h>
#include <hx/core/smp.h>
#include <hx/core/thread.h>

static struct hx_wait_queue grace_queue = HX_WAIT_QUEUE_INIT(grace_queue);
static struct hx_grace *grace_first, **grace_end = &grace_first;	/* grace_queue.lock */
static struct hx_grace *grace_over;			/* grace_queue.lock; to be called */
static uintptr_t grace_called, grace_called_fn;		/* grace_queue.lock; 0: none is right now */
static uintptr_t grace_gone;				/* grace_queue.lock; who lies there … */
static size_t grace_gone_bytes;				/* … calls nobody any more */
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

static bool is_gone(const struct hx_grace *g)
{
	return (uintptr_t)g - grace_gone < grace_gone_bytes ||
	       (uintptr_t)g->fn - grace_gone < grace_gone_bytes;
}

void hx_grace_call(struct hx_grace *g, void (*fn)(struct hx_grace *g))
{
	hx_irqflags_t flags;

	hx_assert_can_sleep();
	g->fn = fn;
	g->next = NULL;
	flags = hx_spin_lock_irqsave(&grace_queue.lock);
	if (!is_gone(g)) {
		*grace_end = g;
		grace_end = &g->next;
		hx_wake_one_locked(&grace_queue);
	}
	hx_wake_end(&grace_queue, flags);
}

/* All calls that wait, once their grace period is over. False: it is time to end. */
static bool take_all(void)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&grace_queue.lock);
	bool is_any;

	while (grace_first == NULL && !grace_stop)
		hx_wait_locked(&grace_queue, HX_FOREVER);
	is_any = grace_first != NULL;
	grace_over = grace_first;
	grace_first = NULL;
	grace_end = &grace_first;
	hx_spin_unlock_irqrestore(&grace_queue.lock, flags);
	if (is_any)
		hx_grace_wait();
	return is_any;
}

/* The next whose grace period is over; NULL: none. What it was is noted: it is gone after its
 * function. */
static struct hx_grace *take_one(void)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&grace_queue.lock);
	struct hx_grace *g = grace_over;

	if (g != NULL)
		grace_over = g->next;
	grace_called = (uintptr_t)g;
	grace_called_fn = g != NULL ? (uintptr_t)g->fn : 0;
	hx_spin_unlock_irqrestore(&grace_queue.lock, flags);
	return g;
}

static int grace_main(void *arg)
{
	struct hx_grace *g;

	while (take_all())
		while ((g = take_one()) != NULL)
			g->fn(g);
	return 0;
}

/* ---- who goes */

/* Move those of a list that are gone to the end of another. Returns where the list ends. */
static struct hx_grace **move_gone(struct hx_grace **link, struct hx_grace ***to)
{
	struct hx_grace *g;

	while ((g = *link) != NULL) {
		if (!is_gone(g)) {
			link = &g->next;
			continue;
		}
		*link = g->next;
		g->next = NULL;
		**to = g;
		*to = &g->next;
	}
	return link;
}

/* From now on who lies there calls nobody anew. Returns who waits, which nobody else knows. */
static struct hx_grace *gone_begin(uintptr_t start, size_t bytes)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&grace_queue.lock);
	struct hx_grace *found = NULL, **end = &found;

	hx_assert(grace_gone_bytes == 0);
	grace_gone = start;
	grace_gone_bytes = bytes;
	(void)move_gone(&grace_over, &end);
	grace_end = move_gone(&grace_first, &end);
	hx_spin_unlock_irqrestore(&grace_queue.lock, flags);
	return found;
}

/* False: one of them is being called. */
static bool gone_end(void)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&grace_queue.lock);
	bool busy = grace_called - grace_gone < grace_gone_bytes ||
		    grace_called_fn - grace_gone < grace_gone_bytes;

	if (!busy)
		grace_gone_bytes = 0;
	hx_spin_unlock_irqrestore(&grace_queue.lock, flags);
	return !busy;
}

unsigned hx_grace_release_memory(uintptr_t start, size_t bytes)
{
	struct hx_grace *g = gone_begin(start, bytes), *next;
	unsigned n = 0;

	if (g != NULL)
		hx_grace_wait();
	for (; g != NULL; g = next, n++) {
		next = g->next;
		g->fn(g);
	}
	while (!gone_end())
		hx_sleep_ns(HX_NS_PER_MS);
	return n;
}

/* ---- */

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
