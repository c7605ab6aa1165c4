// SPDX-License-Identifier: MIT
/*
 * Stride scheduling: each thread owns tickets, and runs in proportion to them.
 *
 * A thread's pass is its clock: while it runs, it goes on by STRIDE1 / tickets per nanosecond, fast
 * for one with few tickets. The ready thread with the least pass runs next, so all clocks stay
 * together, and equal clocks mean shares in proportion to the tickets. For tickets 3, 2, 1 and
 * slices of one unit (strides 2, 3, 6), the pass of who runs in front:
 *
 *	a 0 0 0 | A 0->2 | 2 | 2 | A 2->4 | A 4->6 | ...	a runs 3 of 6,
 *	b 0 0 0 | 0 | B 0->3 | 3 | 3      | B ...		b runs 2,
 *	c 0 0 0 | 0 | 0 | C 0->6 | 6      | 6			c runs 1
 *
 * The queue's pass is the clock of an imagined thread that owns all tickets. Who leaves keeps how
 * far it was ahead of it (remain), and joins again just so far ahead: waiting neither earns nor
 * costs CPU time.
 *
 * Error: of any two threads that stay ready, neither has had more than one slice beyond its part of
 * what both had together. A thread that yields is charged for the rest of its slice.
 *
 * Arithmetic: clocks run freely through 64 bits and are compared by their difference, which stays
 * below 2^63 for slices up to 100 ms at one ticket (100e6 * 2^20 < 2^47). STRIDE1 is 2^20, so the
 * fraction that a division drops is worth less than 0.1 ns.
 *
 * Source: Waldspurger, Weihl: Stride Scheduling, MIT/LCS/TM-528, 1995 (figures 2 to 4: global pass
 * and tickets, join and leave). Differs: passes go on by time that was used, not by whole quanta.
 */
#include <hx/config/subsys_sched_stride.h>
#include <hx/core/heap.h>
#include <hx/core/rbtree_build.h>
#include <hx/core/sched_class.h>
#include <hx/core/sched_state.h>
#include <hx/core/text.h>
#include <hx/sched/share.h>

#define STRIDE1		(1ull << 20)
#define STRIDE_SLICE_NS	(CONFIG_SCHED_STRIDE_SLICE_MS * HX_NS_PER_MS)

struct stride_queue {
	struct hx_rb_tree ready;	/* by pass */
	struct hx_thread *current;	/* picked and not left yet */
	uint64_t pass;			/* of all tickets together */
	uint64_t tickets;		/* of current and the ready ones */
};

/* In sched_priv. */
struct stride_thread {
	struct hx_rb_node node;
	uint64_t pass;			/* while it takes part */
	int64_t remain;			/* while it does not: its pass less the queue's */
	uint64_t used_ns;		/* of its slice */
	uint64_t tickets;
};

_Static_assert(sizeof(struct stride_thread) <= sizeof(((struct hx_thread *)0)->sched_priv), "room");

static struct stride_thread *stride_of(const struct hx_thread *t)
{
	return (struct stride_thread *)(uintptr_t)t->sched_priv;
}

static struct hx_thread *stride_thread_of(const struct hx_rb_node *n)
{
	return HX_CONTAINER_OF(HX_CONTAINER_OF(n, struct stride_thread, node), struct hx_thread,
			       sched_priv);
}

static bool stride_less(const struct hx_rb_node *a, const struct hx_rb_node *b)
{
	return (int64_t)(HX_CONTAINER_OF(a, const struct stride_thread, node)->pass -
			 HX_CONTAINER_OF(b, const struct stride_thread, node)->pass) < 0;
}

static uint64_t stride_slice(const struct hx_thread *t)
{
	return t->slice_ns != 0 ? t->slice_ns : STRIDE_SLICE_NS;
}

static int stride_init(struct hx_runq *rq)
{
	struct stride_queue *q = hx_zalloc(sizeof(*q));

	if (q == NULL)
		return -HX_ENOMEM;
	hx_rb_init(&q->ready, stride_less);
	rq->priv = q;
	return 0;
}

static void stride_fini(struct hx_runq *rq)
{
	hx_free(rq->priv);
	rq->priv = NULL;
}

static void stride_join(struct stride_queue *q, struct hx_thread *t)
{
	struct stride_thread *s = stride_of(t);

	s->tickets = hx_sched_weight(t);
	s->pass = q->pass + (uint64_t)s->remain;
	q->tickets += s->tickets;
}

static void stride_part(struct stride_queue *q, struct hx_thread *t)
{
	struct stride_thread *s = stride_of(t);

	s->remain = (int64_t)(s->pass - q->pass);
	q->tickets -= s->tickets;
}

static void stride_welcome(struct stride_queue *q, struct hx_thread *t)
{
	*stride_of(t) = (struct stride_thread){ .remain = 0 };
	stride_join(q, t);
}

/* t ran: its clock and the queue's go on. The boot thread comes here without having been picked. */
static void stride_charge(struct stride_queue *q, struct hx_thread *t, uint64_t ran_ns)
{
	struct stride_thread *s = stride_of(t);

	if (HX_UNLIKELY(q->current != t)) {
		stride_welcome(q, t);
		q->current = t;
	}
	q->pass += ran_ns * STRIDE1 / q->tickets;
	s->pass += ran_ns * STRIDE1 / s->tickets;
	s->used_ns += ran_ns;
}

static void stride_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	struct stride_queue *q = rq->priv;
	struct stride_thread *s = stride_of(t);
	uint64_t slice = stride_slice(t);

	switch (why) {
	case HX_ENQUEUE_PREEMPT:
		break;			/* goes on with its slice later */
	case HX_ENQUEUE_YIELD:
		if (s->used_ns < slice)
			s->pass += (slice - s->used_ns) * STRIDE1 / s->tickets;
		s->used_ns = 0;
		break;
	case HX_ENQUEUE_SLICE:
		s->used_ns = 0;
		break;
	default:			/* joins, and not at the clocks of the last tick */
		if (q->current != NULL)
			stride_charge(q, q->current, hx_runq_take_ran_ns(rq));
		if (why == HX_ENQUEUE_NEW)
			stride_welcome(q, t);
		else
			stride_join(q, t);
		s->used_ns = 0;
	}
	hx_rb_insert(&q->ready, &s->node);
}

static void stride_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	struct stride_queue *q = rq->priv;

	hx_rb_remove(&q->ready, &stride_of(t)->node);
	stride_part(q, t);
}

static struct hx_thread *stride_pick(struct hx_runq *rq)
{
	struct stride_queue *q = rq->priv;
	struct hx_rb_node *first = hx_rb_first(&q->ready);

	if (first == NULL)
		return NULL;
	hx_rb_remove(&q->ready, first);
	q->current = stride_thread_of(first);
	return q->current;
}

/* Slices end at the tick nearest to their end; who is behind all others then takes the next one. */
static enum hx_tick stride_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	struct stride_thread *s = stride_of(current);

	struct hx_rb_node *first = hx_rb_first(&((struct stride_queue *)rq->priv)->ready);

	stride_charge(rq->priv, current, ran_ns);
	if (s->used_ns + ran_ns / 2 < stride_slice(current))
		return HX_TICK_GO_ON;
	s->used_ns = 0;
	return first != NULL && !stride_less(&s->node, first) ? HX_TICK_TURN : HX_TICK_GO_ON;
}

static void stride_leave(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns,
			 enum hx_enqueue_why why)
{
	struct stride_queue *q = rq->priv;

	stride_charge(q, current, ran_ns);
	if (why == HX_LEAVE_BLOCK || why == HX_LEAVE_EXIT || why == HX_ENQUEUE_MOVE)
		stride_part(q, current);
	q->current = NULL;
}

/* Other tickets: what it is ahead, it is ahead in time, so in passes it is more with fewer. A ready
 * or waiting one takes them up when it joins. */
static void stride_changed(struct hx_runq *rq, struct hx_thread *t)
{
	struct stride_queue *q = rq->priv;
	struct stride_thread *s = stride_of(t);
	uint64_t old = s->tickets;

	if (q->current == t) {
		stride_charge(q, t, hx_runq_take_ran_ns(rq));
		stride_part(q, t);
	}
	s->tickets = hx_sched_weight(t);
	if (old != 0)
		s->remain = s->remain / (int64_t)s->tickets * (int64_t)old;
	if (q->current == t)
		stride_join(q, t);
}

/* Of the first few, the one with the greatest pass: it would run last here. */
static struct hx_thread *stride_steal(struct hx_runq *rq, unsigned cpu)
{
	const struct stride_queue *q = rq->priv;
	struct hx_thread *best = NULL;
	struct hx_rb_node *n = hx_rb_first(&q->ready);
	unsigned looks;

	for (looks = 0; n != NULL && (looks < HX_SCHED_STEAL_LOOKS || best == NULL); looks++) {
		if (hx_sched_may_move(stride_thread_of(n), cpu))
			best = stride_thread_of(n);
		n = hx_rb_next(n);
	}
	if (best != NULL)
		stride_dequeue(rq, best);
	return best;
}

static void stride_show(struct hx_runq *rq, struct hx_text *out)
{
	const struct stride_queue *q = rq->priv;

	hx_text_printf(out, "tickets=%llu pass=%llu ready=%zu slice_ns=%llu\n",
		       (unsigned long long)q->tickets, (unsigned long long)q->pass,
		       q->ready.n_nodes, (unsigned long long)STRIDE_SLICE_NS);
}

const struct hx_sched_ops hx_sched_stride_ops = {
	.abi = HX_SCHED_ABI, .name = "stride", .init = stride_init, .fini = stride_fini,
	.enqueue = stride_enqueue, .dequeue = stride_dequeue, .pick = stride_pick,
	.tick = stride_tick, .leave = stride_leave, .changed = stride_changed,
	.steal = HX_ENABLED(ONE_CPU) ? NULL : stride_steal, .show = stride_show,
};
HX_SCHED_CLASS(hx_sched_stride_ops);

/* ---- for a swap: how far its clock is ahead, as time that it had too much */

static size_t stride_list(struct hx_runq *rq, struct hx_thread **ready, size_t room)
{
	const struct stride_queue *q = rq->priv;
	struct hx_rb_node *node = hx_rb_first(&q->ready);
	size_t n;

	for (n = 0; node != NULL && n < room; n++, node = hx_rb_next(node))
		ready[n] = stride_thread_of(node);
	return n;
}

static void stride_save(const struct stride_queue *q, struct hx_sched_record *r)
{
	const struct stride_thread *w = stride_of(r->t);
	int64_t ahead = w->remain;

	if (r->t->state == HX_THREAD_RUNNING && q->current != r->t)
		return;		/* the boot thread, of which it never heard */
	if (r->t->state == HX_THREAD_READY || r->t->state == HX_THREAD_RUNNING)
		ahead = (int64_t)(w->pass - q->pass);
	r->state.has |= HX_STATE_USED | HX_STATE_LAG;
	r->state.used_ns = w->used_ns;
	r->state.lag_ns = -(ahead * (int64_t)w->tickets / (int64_t)STRIDE1);
}

static void stride_save_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		stride_save(rq->priv, records[i]);
}

/* True: it is ready. */
static bool stride_load(struct stride_queue *q, const struct hx_sched_record *r)
{
	struct stride_thread *w = stride_of(r->t);
	const int64_t most = 100 * HX_NS_PER_MS;
	int64_t lag = r->state.lag_ns;

	lag = lag > most ? most : lag < -most ? -most : lag;
	*w = (struct stride_thread){ .used_ns = r->state.used_ns,
				     .tickets = hx_sched_weight(r->t) };
	w->remain = -(lag * (int64_t)STRIDE1 / (int64_t)w->tickets);
	if (r->t->state != HX_THREAD_READY && r->t->state != HX_THREAD_RUNNING)
		return false;
	stride_join(q, r->t);
	if (r->t->state == HX_THREAD_READY)
		return true;
	q->current = r->t;
	return false;
}

static void stride_load_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	struct stride_queue *q = rq->priv;
	struct hx_rb_chain ready = HX_RB_CHAIN_INIT;
	size_t i;

	for (i = 0; i < n; i++) {
		if (stride_load(q, records[i]))
			hx_rb_chain_add(&ready, &stride_of(records[i]->t)->node);
	}
	hx_rb_build(&q->ready, &ready, stride_less, NULL);
}

static const struct hx_sched_state_ops stride_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "stride",
	.turn_ns = STRIDE_SLICE_NS, .wait_ns = 200 * HX_NS_PER_MS,
	.fields = HX_STATE_USED | HX_STATE_LAG, .n_words = HX_SCHED_WORDS(struct stride_thread),
	.list = stride_list, .save_all = stride_save_all, .load_all = stride_load_all,
};
HX_SCHED_STATE(stride_state);
