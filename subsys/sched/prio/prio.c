// SPDX-License-Identifier: MIT
/*
 * Fixed priorities: the most urgent ready thread runs, at once; equals take turns.
 *
 *	map    140 bits, one per level: somebody is ready there        level[0]   -> a -> b
 *	level  a queue per level, 0 the most urgent                    level[120] -> c
 *
 * The next thread is the head of the first level whose bit is set: three words to look at, whatever
 * the number of threads. A level below a busy one starves; that is what priorities mean.
 *
 * Invariant: a bit of map is set <=> its level is not empty. sched_priv[0] is what is used of the
 * slice, in ns; a thread that was preempted keeps it and its place at the head of its level.
 */
#include <hx/config/subsys_sched_prio.h>
#include <hx/core/bitmap.h>
#include <hx/core/heap.h>
#include <hx/core/sched_class.h>
#include <hx/core/text.h>

#define PRIO_LEVELS	(HX_PRIO_LOWEST + 1u)
#define STEAL_TRIES	32u
#define PRIO_SLICE_NS	(CONFIG_SCHED_PRIO_SLICE_MS * HX_NS_PER_MS)

struct prio_queue {
	uint64_t map[HX_BITMAP_WORDS(PRIO_LEVELS)];
	struct hx_list level[PRIO_LEVELS];
};

static int prio_init(struct hx_runq *rq)
{
	struct prio_queue *q = hx_zalloc(sizeof(*q));
	unsigned i;

	if (q == NULL)
		return -HX_ENOMEM;
	for (i = 0; i < PRIO_LEVELS; i++)
		hx_list_init(&q->level[i]);
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
	struct prio_queue *q = rq->priv;
	struct hx_list *level = &q->level[t->prio];

	if (hx_list_is_empty(level))
		hx_bitmap_set(q->map, t->prio);
	if (why == HX_ENQUEUE_PREEMPT) {
		hx_list_push_front(level, &t->run_link);
		return;
	}
	t->sched_priv[0] = 0;
	hx_list_push_back(level, &t->run_link);
}

static void prio_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	struct prio_queue *q = rq->priv;

	hx_list_unlink(&t->run_link);
	if (hx_list_is_empty(&q->level[t->prio]))
		hx_bitmap_clear(q->map, t->prio);
}

static struct hx_thread *prio_pick(struct hx_runq *rq)
{
	struct prio_queue *q = rq->priv;
	unsigned word = q->map[0] != 0 ? 0 : q->map[1] != 0 ? 1 : 2;
	struct hx_list *level, *first;

	if (q->map[word] == 0)
		return NULL;
	level = &q->level[word * 64 + (unsigned)__builtin_ctzll(q->map[word])];
	first = hx_list_unlink_first(level);
	if (hx_list_is_empty(level))
		q->map[word] &= q->map[word] - 1;	/* its bit is the lowest one */
	return HX_LIST_ENTRY(first, struct hx_thread, run_link);
}

_Static_assert(HX_BITMAP_WORDS(PRIO_LEVELS) == 3, "prio_pick() looks at three words");

/* Slices end at the tick nearest to their end, and only matter among equals. */
static enum hx_tick prio_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	const struct prio_queue *q = rq->priv;
	uint64_t slice = current->slice_ns != 0 ? current->slice_ns : PRIO_SLICE_NS;

	current->sched_priv[0] += ran_ns;
	if (current->sched_priv[0] + ran_ns / 2 < slice)
		return HX_TICK_GO_ON;
	current->sched_priv[0] = 0;
	return hx_bitmap_test(q->map, current->prio) ? HX_TICK_TURN : HX_TICK_GO_ON;
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

/* A thread of that level that may move, taken off; the last one has the longest way to go here. */
static struct hx_thread *prio_steal_level(struct prio_queue *q, unsigned prio, unsigned cpu,
					  unsigned *tries)
{
	struct hx_list *level = &q->level[prio], *n;

	for (n = level->prev; n != level && *tries > 0; n = n->prev, (*tries)--) {
		struct hx_thread *t = HX_LIST_ENTRY(n, struct hx_thread, run_link);

		if (!hx_sched_may_move(t, cpu))
			continue;
		hx_list_unlink(n);
		if (hx_list_is_empty(level))
			hx_bitmap_clear(q->map, prio);
		return t;
	}
	return NULL;
}

/* The most urgent that waits, as it would run next on a CPU that is free. The search is bounded: a
 * queue full of threads that must stay is not worth more. */
static struct hx_thread *prio_steal(struct hx_runq *rq, unsigned cpu)
{
	struct prio_queue *q = rq->priv;
	unsigned word, tries = STEAL_TRIES;
	struct hx_thread *t = NULL;

	for (word = 0; word < HX_BITMAP_WORDS(PRIO_LEVELS) && t == NULL; word++) {
		uint64_t map = q->map[word];

		for (; map != 0 && t == NULL; map &= map - 1)
			t = prio_steal_level(q, word * 64 + (unsigned)__builtin_ctzll(map), cpu,
					     &tries);
	}
	return t;
}

static void prio_show(struct hx_runq *rq, struct hx_text *out)
{
	const struct prio_queue *q = rq->priv;
	const struct hx_list *n;
	unsigned level, count;

	for (level = 0; level < PRIO_LEVELS; level++) {
		count = 0;
		HX_LIST_FOREACH(n, &q->level[level])
			count++;
		if (count != 0)
			hx_text_printf(out, "prio=%u ready=%u\n", level, count);
	}
}

const struct hx_sched_ops hx_sched_prio_ops = {
	.abi = HX_SCHED_ABI, .name = "prio", .init = prio_init, .fini = prio_fini,
	.enqueue = prio_enqueue, .dequeue = prio_dequeue, .pick = prio_pick, .tick = prio_tick,
	.preempts = prio_preempts, .changed = prio_changed,
	.steal = prio_steal, .show = prio_show,
};
HX_SCHED_CLASS(hx_sched_prio_ops);
