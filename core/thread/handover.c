// SPDX-License-Identifier: MIT
/*
 * Waiting with something to hand over: hx/core/handover.h says what for.
 */
#include <hx/core/handover.h>

#include "handover_priv.h"

int hx_wait_queued_locked(struct hx_wait_queue *q, void *data, hx_ns_t timeout_ns)
{
	struct hx_thread *self = hx_thread_self();

	hx_assert(timeout_ns != 0);
	self->wait_data = data;
	if (HX_UNLIKELY(timeout_ns != HX_FOREVER))
		return wait_queued(q, timeout_ns);
	return block(q, self);
}

int hx_wait_on_locked(struct hx_list *list, struct hx_wait_queue *q, void *data,
		      hx_ns_t timeout_ns)
{
	hx_list_push_back(list, &hx_thread_self()->wait_link);
	return hx_wait_queued_locked(q, data, timeout_ns);
}

void hx_wake_off_locked(struct hx_thread *t, int result)
{
	wait_end(t, result);
	runq_make_ready(t, HX_ENQUEUE_WAKE);
}

void hx_wake_with_locked(struct hx_thread *t, int result)
{
	wait_wake(t, result);
}
