// SPDX-License-Identifier: MIT
/*
 * First come, first served: the thread that became ready first runs first, and runs until it waits,
 * yields or ends. Nothing takes the CPU away from it, so it needs no locks against other threads;
 * one that never gives up stops all others.
 */
#include <hx/core/sched_class.h>

#define STEAL_TRIES	32u

static int coop_init(struct hx_runq *rq)
{
	hx_list_init(&rq->ready);
	return 0;
}

static void coop_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	hx_list_push_back(&rq->ready, &t->run_link);
}

static void coop_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	hx_list_unlink(&t->run_link);
}

static struct hx_thread *coop_pick(struct hx_runq *rq)
{
	if (hx_list_is_empty(&rq->ready))
		return NULL;
	return HX_LIST_ENTRY(hx_list_unlink_first(&rq->ready), struct hx_thread, run_link);
}

/* The last one has the longest way to go here. The search is bounded: a queue full of threads that
 * must stay is not worth more. */
static struct hx_thread *coop_steal(struct hx_runq *rq, unsigned cpu)
{
	struct hx_list *n = rq->ready.prev;
	unsigned tries;

	for (tries = 0; tries < STEAL_TRIES && n != &rq->ready; tries++, n = n->prev) {
		struct hx_thread *t = HX_LIST_ENTRY(n, struct hx_thread, run_link);

		if (hx_sched_may_move(t, cpu)) {
			hx_list_unlink(n);
			return t;
		}
	}
	return NULL;
}

const struct hx_sched_ops hx_sched_coop_ops = {
	.abi = HX_SCHED_ABI, .name = "coop", .init = coop_init,
	.enqueue = coop_enqueue, .dequeue = coop_dequeue, .pick = coop_pick,
	.steal = coop_steal,
};
HX_SCHED_CLASS(hx_sched_coop_ops);
