// SPDX-License-Identifier: MIT
/*
 * Round robin: one queue, every ready thread gets the same slice in turn.
 *
 * sched_priv[0] is what is used of the slice, in ns. A thread that gives up or is woken starts a
 * new one at the tail; one that core takes off the CPU in the middle keeps the rest and its turn.
 */
#include <hx/config/subsys_sched_rr.h>
#include <hx/core/sched_class.h>
#include <hx/core/sched_state.h>
#include <hx/core/text.h>
#include <hx/sched/share.h>

#define RR_SLICE_NS	(CONFIG_SCHED_RR_SLICE_MS * HX_NS_PER_MS)

static int rr_init(struct hx_runq *rq)
{
	hx_list_init(&rq->ready);
	return 0;
}

static void rr_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	if (why == HX_ENQUEUE_PREEMPT) {
		hx_list_push_front(&rq->ready, &t->run_link);
		return;
	}
	t->sched_priv[0] = 0;
	hx_list_push_back(&rq->ready, &t->run_link);
}

static void rr_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	hx_list_unlink(&t->run_link);
}

static struct hx_thread *rr_pick(struct hx_runq *rq)
{
	if (hx_list_is_empty(&rq->ready))
		return NULL;
	return HX_LIST_ENTRY(hx_list_unlink_first(&rq->ready), struct hx_thread, run_link);
}

/* Slices end at ticks: at the one nearest to the end, so that a slice of exactly one tick does not
 * become two because the tick came a little early. */
static enum hx_tick rr_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	uint64_t slice = current->slice_ns != 0 ? current->slice_ns : RR_SLICE_NS;

	current->sched_priv[0] += ran_ns;
	if (current->sched_priv[0] + ran_ns / 2 < slice)
		return HX_TICK_GO_ON;
	current->sched_priv[0] = 0;
	return HX_TICK_TURN;
}

static void rr_show(struct hx_runq *rq, struct hx_text *out)
{
	hx_text_printf(out, "slice_ns=%llu\n", RR_SLICE_NS);
}

/* The first in turn: it has waited longest. */
static struct hx_thread *rr_steal(struct hx_runq *rq, unsigned cpu)
{
	return hx_sched_steal_from(&rq->ready, cpu);
}

const struct hx_sched_ops hx_sched_rr_ops = {
	.abi = HX_SCHED_ABI, .promises = HX_SCHED_FIFO, .name = "rr", .init = rr_init,
	.enqueue = rr_enqueue, .dequeue = rr_dequeue, .pick = rr_pick, .tick = rr_tick,
	.steal = HX_ENABLED(ONE_CPU) ? NULL : rr_steal, .show = rr_show,
};
HX_SCHED_CLASS(hx_sched_rr_ops);

/* ---- for a swap */

static size_t rr_list(struct hx_runq *rq, struct hx_thread **ready, size_t room)
{
	return hx_sched_list_of(&rq->ready, ready, room);
}

static void rr_save_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	struct hx_sched_record *const *end = records + n;

	for (; records < end; records++) {
		struct hx_sched_record *r = *records;

		r->state.has |= HX_STATE_USED;
		r->state.used_ns = r->t->sched_priv[0];
	}
}

static void rr_load_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	struct hx_sched_record *const *end = records + n;

	for (; records < end; records++) {
		struct hx_thread *t = (*records)->t;

		t->sched_priv[0] = (*records)->state.used_ns;
		if (t->state == HX_THREAD_READY)
			hx_list_push_back(&rq->ready, &t->run_link);
	}
}

static const struct hx_sched_state_ops rr_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "rr",
	.turn_ns = RR_SLICE_NS, .fields = HX_STATE_USED, .n_words = 1,
	.list = rr_list, .save_all = rr_save_all, .load_all = rr_load_all,
};
HX_SCHED_STATE(rr_state);
