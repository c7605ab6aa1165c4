// SPDX-License-Identifier: MIT
/*
 * Multi-level feedback queue: what a thread did tells what it will do.
 *
 *	level 0   allows  10 ms   new threads, those that wait much
 *	level 1   allows  20 ms
 *	...                       a level runs only while all above it are empty
 *	level 7   allows 1280 ms  those that compute
 *
 * The rules, numbered as in the source: (1) a higher level runs first; (2) equals take turns; (3) a
 * new thread begins at the top; (4) one that has used up what its level allows sinks by one, no
 * matter in how many pieces it used it: it cannot keep its level by waiting or yielding just before
 * the end; (5) after a time all return to the top, so that nobody starves.
 *
 * Rule 5 in O(levels): the lists are joined, and the queue's epoch goes up. A thread of an older
 * epoch is at the top whatever its own words say. Time is that of running threads; while the CPU is
 * idle, nobody waits.
 *
 * Source: Arpaci-Dusseau, Operating Systems: Three Easy Pieces, chapter 8; Corbato et al. 1962.
 */
#include <hx/config/subsys_sched_mlfq.h>
#include <hx/core/heap.h>
#include <hx/core/sched_class.h>
#include <hx/core/sched_state.h>
#include <hx/core/text.h>
#include <hx/sched/share.h>

#define MLFQ_LEVELS	8u
#define MLFQ_TOP_NS	(CONFIG_SCHED_MLFQ_SLICE_MS * HX_NS_PER_MS)
#define MLFQ_BOOST_NS	(CONFIG_SCHED_MLFQ_BOOST_MS * HX_NS_PER_MS)

struct mlfq_queue {
	struct hx_list level[MLFQ_LEVELS];
	uint64_t epoch;			/* number of returns to the top */
	uint64_t ran_ns;		/* since the last one */
};

/* In sched_priv; valid only in this epoch. */
struct mlfq_thread {
	uint64_t level;
	uint64_t used_ns;		/* of what its level allows */
	uint64_t epoch;
};

_Static_assert(sizeof(struct mlfq_thread) <= sizeof(((struct hx_thread *)0)->sched_priv), "room");

static struct mlfq_thread *mlfq_words(const struct hx_thread *t)
{
	return (struct mlfq_thread *)(uintptr_t)t->sched_priv;
}

/* The thread's words, as of this epoch. */
static struct mlfq_thread *mlfq_of(const struct mlfq_queue *q, const struct hx_thread *t)
{
	struct mlfq_thread *m = mlfq_words(t);

	if (m->epoch != q->epoch)
		*m = (struct mlfq_thread){ .epoch = q->epoch };
	return m;
}

/* A thread's own slice replaces what the top allows. */
static uint64_t mlfq_allows(const struct hx_thread *t, uint64_t level)
{
	return (t->slice_ns != 0 ? t->slice_ns : MLFQ_TOP_NS) << level;
}

static int mlfq_init(struct hx_runq *rq)
{
	struct mlfq_queue *q = hx_zalloc(sizeof(*q));
	unsigned i;

	if (q == NULL)
		return -HX_ENOMEM;
	for (i = 0; i < MLFQ_LEVELS; i++)
		hx_list_init(&q->level[i]);
	q->epoch = 1;			/* zeroed words are of an older one */
	rq->priv = q;
	return 0;
}

static void mlfq_fini(struct hx_runq *rq)
{
	hx_free(rq->priv);
	rq->priv = NULL;
}

static HX_NOINLINE void mlfq_enqueue_odd(struct mlfq_queue *q, struct hx_thread *t,
					 enum hx_enqueue_why why)
{
	struct mlfq_thread *m;

	/* Another CPU's epochs are other ones: its thread begins anew, as if boosted. */
	if (why == HX_ENQUEUE_NEW || why == HX_ENQUEUE_MOVE)
		mlfq_words(t)->epoch = q->epoch - 1;
	m = mlfq_of(q, t);
	if (why == HX_ENQUEUE_PREEMPT && m->used_ns != 0)	/* 0: it has just sunk */
		hx_list_push_front(&q->level[m->level], &t->run_link);
	else
		hx_list_push_back(&q->level[m->level], &t->run_link);
}

/* The way of most: it was here in this epoch, and goes to the end of its level. */
static void mlfq_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	struct mlfq_queue *q = rq->priv;
	const struct mlfq_thread *m = mlfq_words(t);

	if (HX_LIKELY((why == HX_ENQUEUE_WAKE || why == HX_ENQUEUE_YIELD) && m->epoch == q->epoch))
		hx_list_push_back(&q->level[m->level], &t->run_link);
	else
		mlfq_enqueue_odd(q, t, why);
}

static void mlfq_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	hx_list_unlink(&t->run_link);
}

static struct hx_thread *mlfq_pick(struct hx_runq *rq)
{
	struct mlfq_queue *q = rq->priv;
	struct hx_list *level;

	for (level = q->level; level < q->level + MLFQ_LEVELS; level++) {
		if (HX_LIKELY(!hx_list_is_empty(level)))
			return HX_LIST_ENTRY(hx_list_unlink_first(level), struct hx_thread,
					     run_link);
	}
	return NULL;
}

/* All to the top, in the order in which they would have run. */
static void mlfq_boost(struct mlfq_queue *q)
{
	struct hx_list *top = &q->level[0];
	unsigned i;

	for (i = 1; i < MLFQ_LEVELS; i++) {
		struct hx_list *from = &q->level[i];

		if (hx_list_is_empty(from))
			continue;
		top->prev->next = from->next;
		from->next->prev = top->prev;
		from->prev->next = top;
		top->prev = from->prev;
		hx_list_init(from);
	}
	q->epoch++;
	q->ran_ns = 0;
}

/* Count what it ran. True: what its level allows is used up (within half of `grain`), it sank. */
static bool mlfq_charge(struct mlfq_queue *q, struct hx_thread *t, uint64_t ran_ns, uint64_t grain)
{
	struct mlfq_thread *m = mlfq_of(q, t);

	q->ran_ns += ran_ns;
	m->used_ns += ran_ns;
	if (q->ran_ns >= MLFQ_BOOST_NS) {
		mlfq_boost(q);
		mlfq_of(q, t);
		return true;
	}
	if (m->used_ns + grain / 2 < mlfq_allows(t, m->level))
		return false;
	m->level = hx_min_u64(m->level + 1, MLFQ_LEVELS - 1);
	m->used_ns = 0;
	return true;
}

/* Slices end at the tick nearest to their end. */
static enum hx_tick mlfq_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	return mlfq_charge(rq->priv, current, ran_ns, ran_ns) ? HX_TICK_TURN : HX_TICK_GO_ON;
}

/* Also what it ran since the tick: rule 4. */
static void mlfq_leave(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns,
		       enum hx_enqueue_why why)
{
	mlfq_charge(rq->priv, current, ran_ns, 0);
}

static bool mlfq_preempts(struct hx_runq *rq, const struct hx_thread *t,
			  const struct hx_thread *current)
{
	/* t has just been enqueued; current may be of an older epoch, and then is at the top. */
	return mlfq_words(t)->level < mlfq_words(current)->level &&
	       mlfq_words(t)->level < mlfq_of(rq->priv, current)->level;
}

/* From the bottom: who sank runs last here, and has the most to run elsewhere. */
static struct hx_thread *mlfq_steal(struct hx_runq *rq, unsigned cpu)
{
	struct mlfq_queue *q = rq->priv;
	struct hx_thread *t = NULL;
	unsigned i;

	for (i = MLFQ_LEVELS; t == NULL && i-- > 0;)
		t = hx_sched_steal_from(&q->level[i], cpu);
	return t;
}

static void mlfq_show(struct hx_runq *rq, struct hx_text *out)
{
	const struct mlfq_queue *q = rq->priv;
	const struct hx_list *n;
	unsigned i, count;

	hx_text_printf(out, "boosts=%llu boost_in_ns=%llu\n", (unsigned long long)q->epoch - 1,
		       (unsigned long long)(MLFQ_BOOST_NS - hx_min_u64(q->ran_ns, MLFQ_BOOST_NS)));
	for (i = 0; i < MLFQ_LEVELS; i++) {
		count = 0;
		HX_LIST_FOREACH(n, &q->level[i])
			count++;
		if (count != 0)
			hx_text_printf(out, "level=%u ready=%u\n", i, count);
	}
}

const struct hx_sched_ops hx_sched_mlfq_ops = {
	.abi = HX_SCHED_ABI, .name = "mlfq", .init = mlfq_init, .fini = mlfq_fini,
	.enqueue = mlfq_enqueue, .dequeue = mlfq_dequeue, .pick = mlfq_pick, .tick = mlfq_tick,
	.leave = mlfq_leave, .preempts = mlfq_preempts,
	.steal = HX_ENABLED(ONE_CPU) ? NULL : mlfq_steal, .show = mlfq_show,
};
HX_SCHED_CLASS(hx_sched_mlfq_ops);

/* ---- for a swap */

static size_t mlfq_list(struct hx_runq *rq, struct hx_thread **ready, size_t room)
{
	const struct mlfq_queue *q = rq->priv;
	size_t n = 0;
	unsigned i;

	for (i = 0; i < MLFQ_LEVELS; i++)
		n += hx_sched_list_of(&q->level[i], ready + n, room - n);
	return n;
}

static void mlfq_save_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	const struct mlfq_queue *q = rq->priv;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct mlfq_thread *m = mlfq_words(records[i]->t);
		const bool is_top = m->epoch != q->epoch;	/* and has all of its time */
		struct hx_sched_state *s = &records[i]->state;

		s->has |= HX_STATE_USED | HX_STATE_LEVEL;
		s->used_ns = is_top ? 0 : m->used_ns;
		s->level = is_top ? 0 : (uint32_t)m->level;
	}
}

static void mlfq_load_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	struct mlfq_queue *q = rq->priv;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct hx_sched_state *s = &records[i]->state;
		struct hx_thread *t = records[i]->t;
		struct mlfq_thread *m = mlfq_words(t);

		m->level = s->level < MLFQ_LEVELS ? s->level : MLFQ_LEVELS - 1;
		m->used_ns = s->used_ns;
		m->epoch = q->epoch;
		if (t->state == HX_THREAD_READY)
			hx_list_push_back(&q->level[m->level], &t->run_link);
	}
}

static const struct hx_sched_state_ops mlfq_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "mlfq",
	.turn_ns = MLFQ_TOP_NS, .wait_ns = 2 * CONFIG_SCHED_MLFQ_BOOST_MS * HX_NS_PER_MS,
	.fields = HX_STATE_USED | HX_STATE_LEVEL, .n_words = HX_SCHED_WORDS(struct mlfq_thread),
	.list = mlfq_list, .save_all = mlfq_save_all, .load_all = mlfq_load_all,
};
HX_SCHED_STATE(mlfq_state);
