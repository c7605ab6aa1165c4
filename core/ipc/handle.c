// SPDX-License-Identifier: MIT
/*
 * Handlers: the thread "events" reads for subscribers that gave a function, and calls it without
 * any lock. One at a time; in between it looks at all of them again from the start, so that whoever
 * subscribes or goes away meanwhile is seen. A subscriber that goes away waits for its handler's
 * end.
 */
#include <hx/core/assert.h>
#include <hx/core/grace.h>
#include <hx/core/init.h>

#include "event_priv.h"

static struct hx_wait_queue handle_queue = HX_WAIT_QUEUE_INIT(handle_queue);
static struct hx_wait_queue handle_ends = HX_WAIT_QUEUE_INIT(handle_ends);
static struct hx_list handled = HX_LIST_INIT(handled);	/* handle_queue.lock */
static bool handle_stop;				/* handle_queue.lock */
static struct hx_thread *handle_thread;

/* The next one that has something, marked as running, and what it has; NULL: none. In turn: who was
 * served goes to the end. The lock is held. */
static struct hx_event_sub *next_work(struct hx_event *e)
{
	struct hx_list *n;

	HX_LIST_FOREACH(n, &handled) {
		struct hx_event_sub *sub = HX_LIST_ENTRY(n, struct hx_event_sub, handled_link);

		__atomic_store_n(&sub->waiting, true, __ATOMIC_SEQ_CST);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (!sub->ending && event_take(sub, e) == 0) {
			hx_list_remove(n);
			hx_list_push_back(&handled, n);
			sub->running = true;
			return sub;
		}
	}
	return NULL;
}

static int handle_main(void *arg)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&handle_queue.lock);
	struct hx_event_sub *sub;
	struct hx_event e;

	while (!handle_stop) {
		sub = next_work(&e);
		if (sub == NULL) {
			(void)!hx_wait_locked(&handle_queue, HX_FOREVER);
			continue;
		}
		hx_spin_unlock_irqrestore(&handle_queue.lock, flags);
		sub->fn(&e, sub->arg);
		flags = hx_spin_lock_irqsave(&handle_queue.lock);
		sub->running = false;
		if (sub->ending) {
			hx_spin_unlock_irqrestore(&handle_queue.lock, flags);
			flags = hx_spin_lock_irqsave(&handle_ends.lock);
			hx_wake_all_locked(&handle_ends);
			hx_wake_end(&handle_ends, flags);
			flags = hx_spin_lock_irqsave(&handle_queue.lock);
		}
	}
	hx_spin_unlock_irqrestore(&handle_queue.lock, flags);
	return 0;
}

int hx_event_handle(struct hx_event_sub *sub, void (*fn)(const struct hx_event *e, void *arg),
		    void *arg)
{
	hx_irqflags_t flags;

	if (fn == NULL)
		return -HX_EINVAL;
	if (sub->fn != NULL)
		return -HX_EBUSY;
	sub->arg = arg;
	sub->fn = fn;
	__atomic_store_n(&sub->wait, &handle_queue, __ATOMIC_RELAXED);
	hx_grace_wait();	/* no publisher wakes the old queue any more */
	flags = hx_spin_lock_irqsave(&handle_queue.lock);
	hx_list_push_back(&handled, &sub->handled_link);
	hx_wake_one_locked(&handle_queue);	/* it has to look at this one, too */
	hx_wake_end(&handle_queue, flags);
	return 0;
}

static bool still_runs(struct hx_event_sub *sub)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&handle_queue.lock);
	bool runs = sub->running;

	sub->ending = true;
	if (!runs && hx_list_is_linked(&sub->handled_link))
		hx_list_remove(&sub->handled_link);
	hx_spin_unlock_irqrestore(&handle_queue.lock, flags);
	return runs;
}

/* The two locks have one rank. Who ends a handler wakes after it said so, so the look comes first
 * under the lock that the wake-up takes. */
void event_unhandle(struct hx_event_sub *sub)
{
	hx_assert_can_sleep();
	hx_assert(hx_thread_self() != handle_thread);
	while (still_runs(sub)) {
		hx_irqflags_t flags = hx_spin_lock_irqsave(&handle_ends.lock);

		if (__atomic_load_n(&sub->running, __ATOMIC_RELAXED))
			(void)!hx_wait_locked(&handle_ends, HX_FOREVER);
		hx_spin_unlock_irqrestore(&handle_ends.lock, flags);
	}
}

static int handle_init(void)
{
	static const struct hx_thread_params p = {
		.name = "events", .fn = handle_main, .prio = HX_PRIO_DEFAULT,
	};

	handle_stop = false;
	return hx_thread_create(&p, &handle_thread);
}

static void handle_shutdown(void)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&handle_queue.lock);

	handle_stop = true;
	hx_wake_all_locked(&handle_queue);
	hx_wake_end(&handle_queue, flags);
	(void)!hx_thread_join(handle_thread, HX_FOREVER, NULL);
}

HX_COMPONENT(events) = {
	.name = "events", .phase = HX_PHASE_CORE, .version = 1,
	.needs = "threads grace?",
	.init = handle_init, .shutdown = handle_shutdown,
};
