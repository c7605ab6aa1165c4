// SPDX-License-Identifier: MIT
/*
 * Fixed priorities: the most urgent ready thread runs, at once; equals take turns.
 *
 * The queue is hx/sched/levels.h: O(1), whatever the number of threads. A level below a busy one
 * starves; that is what priorities mean.
 *
 * sched_priv[0] is what is used of the slice, in ns; a thread that was preempted keeps it and its
 * place at the head of its level.
 */
#include <hx/config/subsys_sched_prio.h>
#include <hx/core/heap.h>
#include <hx/core/sched_class.h>
#include <hx/core/sched_state.h>
#include <hx/core/text.h>
#include <hx/sched/levels.h>

#define PRIO_SLICE_NS	(CONFIG_SCHED_PRIO_SLICE_MS * HX_NS_PER_MS)

static int prio_init(struct hx_runq *rq)
{
	struct hx_levels *q = hx_alloc(sizeof(*q));

	if (q == NULL)
		return -HX_ENOMEM;
	hx_levels_init(q);
	rq->priv = q;
	return 0;
}

static void prio_fini(struct hx_runq *rq)
{
	hx_free(rq->priv);
	rq->priv = NULL;
}

static void prio_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	if (why == HX_ENQUEUE_PREEMPT) {
		hx_levels_push_front(rq->priv, t);
		return;
	}
	t->sched_priv[0] = 0;
	hx_levels_push_back(rq->priv, t);
}

static void prio_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	hx_levels_remove(rq->priv, t);
}

static struct hx_thread *prio_pick(struct hx_runq *rq)
{
	return hx_levels_pop(rq->priv);
}

/* Slices end at the tick nearest to their end, and only matter among equals. */
static enum hx_tick prio_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	const struct hx_levels *q = rq->priv;
	uint64_t slice = current->slice_ns != 0 ? current->slice_ns : PRIO_SLICE_NS;

	current->sched_priv[0] += ran_ns;
	if (current->sched_priv[0] + ran_ns / 2 < slice)
		return HX_TICK_GO_ON;
	current->sched_priv[0] = 0;
	return hx_levels_has(q, current->prio) ? HX_TICK_TURN : HX_TICK_GO_ON;
}

static bool prio_preempts(struct hx_runq *rq, const struct hx_thread *t,
			  const struct hx_thread *current)
{
	return t->prio < current->prio;
}

/* Where a thread stands is decided when it is enqueued; there is nothing else to correct. */
static void prio_changed(struct hx_runq *rq, struct hx_thread *t)
{
}

static struct hx_thread *prio_steal(struct hx_runq *rq, unsigned cpu)
{
	return hx_levels_steal(rq->priv, cpu);
}

static void prio_show(struct hx_runq *rq, struct hx_text *out)
{
	const struct hx_levels *q = rq->priv;
	const struct hx_list *n;
	unsigned level, count;

	for (level = 0; level < HX_LEVELS; level++) {
		count = q->few[0] != NULL && q->few[0]->prio == level;
		count += q->few[1] != NULL && q->few[1]->prio == level;
		HX_LIST_FOREACH(n, &q->level[level])
			count++;
		if (count != 0)
			hx_text_printf(out, "prio=%u ready=%u\n", level, count);
	}
}

const struct hx_sched_ops hx_sched_prio_ops = {
	.abi = HX_SCHED_ABI, .promises = HX_SCHED_FIFO | HX_SCHED_STRICT, .name = "prio",
	.init = prio_init, .fini = prio_fini,
	.enqueue = prio_enqueue, .dequeue = prio_dequeue, .pick = prio_pick, .tick = prio_tick,
	.preempts = prio_preempts, .changed = prio_changed,
	.steal = HX_ENABLED(ONE_CPU) ? NULL : prio_steal, .show = prio_show,
};
HX_SCHED_CLASS(hx_sched_prio_ops);

/* ---- for a swap */

static size_t prio_list(struct hx_runq *rq, struct hx_thread **ready, size_t room)
{
	return hx_levels_list(rq->priv, ready, room);
}

static void prio_save_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	struct hx_sched_record *const *end = records + n;

	for (; records < end; records++) {
		struct hx_sched_record *r = *records;

		r->state.has |= HX_STATE_USED;
		r->state.used_ns = r->t->sched_priv[0];
	}
}

static void prio_load_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	struct hx_sched_record *const *end = records + n;

	for (; records < end; records++) {
		struct hx_thread *t = (*records)->t;

		t->sched_priv[0] = (*records)->state.used_ns;
		if (t->state == HX_THREAD_READY)
			hx_levels_push_back(rq->priv, t);
	}
}

static const struct hx_sched_state_ops prio_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "prio",
	.turn_ns = PRIO_SLICE_NS, .fields = HX_STATE_USED, .n_words = 1,
	.list = prio_list, .save_all = prio_save_all, .load_all = prio_load_all,
};
HX_SCHED_STATE(prio_state);
