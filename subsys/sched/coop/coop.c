// SPDX-License-Identifier: MIT
/*
 * First come, first served: the thread that became ready first runs first, and runs until it waits,
 * yields or ends. Nothing takes the CPU away from it, so it needs no locks against other threads;
 * one that never gives up stops all others.
 */
#include <hx/core/sched_class.h>
#include <hx/core/sched_state.h>
#include <hx/sched/share.h>

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

/* The first in turn: it has waited longest. */
static struct hx_thread *coop_steal(struct hx_runq *rq, unsigned cpu)
{
	return hx_sched_steal_from(&rq->ready, cpu);
}

const struct hx_sched_ops hx_sched_coop_ops = {
	.abi = HX_SCHED_ABI, .promises = HX_SCHED_FIFO, .name = "coop", .init = coop_init,
	.enqueue = coop_enqueue, .dequeue = coop_dequeue, .pick = coop_pick,
	.steal = HX_ENABLED(ONE_CPU) ? NULL : coop_steal,
};
HX_SCHED_CLASS(hx_sched_coop_ops);

/* ---- for a swap */

static size_t coop_list(struct hx_runq *rq, struct hx_thread **ready, size_t room)
{
	return hx_sched_list_of(&rq->ready, ready, room);
}

static void coop_save_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	/* The order is all there is. */
}

static void coop_load_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (records[i]->t->state == HX_THREAD_READY)
			hx_list_push_back(&rq->ready, &records[i]->t->run_link);
	}
}

static const struct hx_sched_state_ops coop_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "coop",
	.list = coop_list, .save_all = coop_save_all, .load_all = coop_load_all,
};
HX_SCHED_STATE(coop_state);
