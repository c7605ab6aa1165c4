// SPDX-License-Identifier: MIT
/*
 * Timers of who goes: found by where they or their functions lie, and taken off all trees.
 *
 * A function that runs just now may start its timer again, and others: so a look counts only if
 * none was found and no function ran, whichever it is: its timer may be gone and cannot be asked.
 * What other CPUs start in between they start in their own trees, or in one that was not clean yet.
 */
#include "timer_priv.h"

/* One of tree that lies there, or whose function does; NULL: none. */
static struct hx_timer *timer_in(const struct hx_rb_tree *tree, uintptr_t start, size_t bytes)
{
	struct hx_rb_node *n;

	for (n = hx_rb_first(tree); n != NULL; n = hx_rb_next(n)) {
		struct hx_timer *t = HX_CONTAINER_OF(n, struct hx_timer, node);

		if ((uintptr_t)t - start < bytes || (uintptr_t)t->fn - start < bytes)
			return t;
	}
	return NULL;
}

/* Off the trees of q, which is locked; how many. */
static unsigned timers_drop(struct timers *q, uintptr_t start, size_t bytes)
{
	struct hx_timer *t;
	unsigned n = 0;

	for (; (t = timer_in(&q->tree, start, bytes)) != NULL; n++)
		hx_rb_remove(&q->tree, &t->node);
	for (; hx_sched_may_tick_in && (t = timer_in(exact_of(q), start, bytes)) != NULL; n++)
		hx_rb_remove(exact_of(q), &t->node);
	return n;
}

void timers_forget(timer_fn_t fn)
{
	struct timers *q;

	for (q = timers; q < timers + HX_CPUS; q++) {
		hx_spin_acquire_(&q->lock);
		timers_drop(q, (uintptr_t)fn, 1);
		hx_spin_release_(&q->lock);
	}
}

unsigned hx_timers_release_memory(uintptr_t start, size_t bytes)
{
	unsigned n = 0, n_now;
	bool is_running;

	hx_assert_can_sleep();
	do {
		n_now = 0;
		is_running = false;
		for (struct timers *q = timers; q < timers + HX_CPUS; q++) {
			hx_irqflags_t flags = hx_spin_lock_irqsave(&q->lock);

			n_now += timers_drop(q, start, bytes);
			is_running |= HX_CPUS > 1 && q->running != NULL;
			hx_spin_unlock_irqrestore(&q->lock, flags);
		}
		n += n_now;
		if (is_running)
			hx_sleep_ns(HX_NS_PER_MS);
	} while (n_now != 0 || is_running);
	if (HX_ENABLED(DEBUG_LOCKS))
		timer_check_forget(start, bytes);
	return n;
}
