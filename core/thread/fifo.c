// SPDX-License-Identifier: MIT
/*
 * The plain queue that runs the machine when a scheduler had to be thrown out and nobody else can
 * take over: first come, first served, a turn per tick. It allocates nothing and keeps nothing, so
 * it cannot refuse. It is in no list of providers: a way out, not a choice.
 */
#include "swap_priv.h"

static int fifo_init(struct hx_runq *rq)
{
	return 0;	/* core has made rq->ready empty */
}

static void fifo_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	hx_list_push_back(&rq->ready, &t->run_link);
}

static void fifo_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	hx_list_unlink(&t->run_link);
}

static struct hx_thread *fifo_pick(struct hx_runq *rq)
{
	if (hx_list_is_empty(&rq->ready))
		return NULL;
	return HX_LIST_ENTRY(hx_list_unlink_first(&rq->ready), struct hx_thread, run_link);
}

static enum hx_tick fifo_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	return HX_TICK_TURN;
}

static size_t fifo_list(struct hx_runq *rq, struct hx_thread **ready, size_t room)
{
	struct hx_list *n;
	size_t i = 0;

	HX_LIST_FOREACH(n, &rq->ready) {
		if (i < room)
			ready[i++] = HX_LIST_ENTRY(n, struct hx_thread, run_link);
	}
	return i;
}

static void fifo_save_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
}

static void fifo_load_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (records[i]->t->state == HX_THREAD_READY)
			hx_list_push_back(&rq->ready, &records[i]->t->run_link);
	}
}

const struct hx_sched_ops sched_fifo_ops = {
	.abi = HX_SCHED_ABI, .name = "fifo", .init = fifo_init, .enqueue = fifo_enqueue,
	.dequeue = fifo_dequeue, .pick = fifo_pick, .tick = fifo_tick,
};

static const struct hx_sched_state_ops sched_fifo_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "fifo",
	.list = fifo_list, .save_all = fifo_save_all, .load_all = fifo_load_all,
};
HX_SCHED_STATE(sched_fifo_state);
