// SPDX-License-Identifier: MIT
/*
 * What the scheduler's own work costs, by the number of threads that are ready: its operations are
 * driven as core does it, on a run queue of their own, with threads that exist but never run. Where
 * a scheduler keeps deadlines, also with threads that have one each: so far away, and of so little
 * of the CPU, that ten thousand fit and none is used up.
 */
#include <hx/core/bench.h>
#include <hx/core/heap.h>
#include <hx/core/string.h>

#include "thread_priv.h"

#define SAMPLES		500u

#define FAR_NS		(1000000 * HX_NS_PER_S)

enum op {
	PICK, ENQUEUE, DEQUEUE, TICK,
};

static struct hx_runq bench_rq;
static struct hx_thread **bench_threads;
static uint64_t bench_rnd;

static unsigned any_of(unsigned n)
{
	bench_rnd = bench_rnd * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(bench_rnd >> 33) % n;
}

static void free_threads(unsigned n)
{
	const struct hx_sched_ops *ops = sched_ops();

	while (n-- > 0) {
		if (hx_sched_may_admit && ops->admit != NULL)
			ops->admit(bench_threads[n], NULL);
		hx_free(bench_threads[n]);
	}
	hx_free(bench_threads);
}

static void ask(struct hx_thread *t, bool deadline)
{
	t->own_intent = hx_intent_default;
	if (!deadline)
		return;
	t->own_intent.class = HX_INTENT_REALTIME;
	t->own_intent.runtime_ns = HX_NS_PER_S;
	t->own_intent.deadline_ns = t->own_intent.period_ns = FAR_NS * (1 + any_of(1000));
}

static int make_threads(unsigned n, bool deadlines)
{
	struct hx_thread *t;
	unsigned i;
	int err;

	bench_threads = hx_alloc(n * sizeof(*bench_threads));
	if (bench_threads == NULL)
		return -HX_ENOTSUP;
	for (i = 0; i < n; i++) {
		t = hx_zalloc(sizeof(*t));
		if (t == NULL)
			goto no_room;
		t->id = i + 1;
		t->rq = &bench_rq;
		t->prio = t->base_prio = (uint8_t)(100 + any_of(40));
		ask(t, deadlines);
		err = sched_admit(t, deadlines ? &t->own_intent : &hx_intent_default);
		t->intent = deadlines ? &t->own_intent : &hx_intent_default;
		thread_set_cpus(t);
		bench_threads[i] = t;
		if (err != 0) {
			hx_free(t);
			goto no_room;
		}
	}
	return 0;

no_room:
	free_threads(i);
	return -HX_ENOTSUP;
}

static void put(struct hx_thread *t, enum hx_enqueue_why why)
{
	bench_rq.n_ready++;
	t->state = HX_THREAD_READY;
	sched_ops()->enqueue(&bench_rq, t, why);
}

/* Takes the next one, which then blocks. */
static struct hx_thread *take(void)
{
	struct hx_thread *t = sched_ops()->pick(&bench_rq);

	bench_rq.n_ready--;
	t->state = HX_THREAD_RUNNING;
	return t;
}

static void leave(struct hx_thread *t, enum hx_enqueue_why why)
{
	if (hx_sched_may_leave && sched_ops()->leave != NULL)
		sched_ops()->leave(&bench_rq, t, HX_NS_PER_MS, why);
}

static void block(struct hx_thread *t)
{
	leave(t, HX_LEAVE_BLOCK);
	t->state = HX_THREAD_BLOCKED;
}

static void sample(struct hx_bench_run *b, unsigned n, enum op op)
{
	struct hx_thread *t;

	if (op == DEQUEUE) {
		t = bench_threads[any_of(n)];
		hx_bench_begin(b);
		sched_ops()->dequeue(&bench_rq, t);
		hx_bench_end(b);
		bench_rq.n_ready--;
		t->state = HX_THREAD_BLOCKED;
		put(t, HX_ENQUEUE_CHANGE);
	} else if (op == PICK) {
		hx_bench_begin(b);
		t = sched_ops()->pick(&bench_rq);
		hx_bench_end(b);
		bench_rq.n_ready--;
		t->state = HX_THREAD_RUNNING;
		block(t);
		put(t, HX_ENQUEUE_WAKE);
	} else if (op == TICK) {
		t = take();
		hx_bench_begin(b);
		sched_ops()->tick(&bench_rq, t, HX_NS_PER_MS);
		hx_bench_end(b);
		leave(t, HX_ENQUEUE_SLICE);
		put(t, HX_ENQUEUE_SLICE);
	} else {
		t = take();
		block(t);
		bench_rq.n_ready++;
		t->state = HX_THREAD_READY;
		hx_bench_begin(b);
		sched_ops()->enqueue(&bench_rq, t, HX_ENQUEUE_WAKE);
		hx_bench_end(b);
	}
}

/* With n threads ready, before the operation (pick, dequeue) or after it (enqueue); at a tick one
 * of them runs. */
static int bench_op(struct hx_bench_run *b, unsigned n, enum op op, bool deadlines)
{
	hx_irqflags_t flags;
	unsigned i;
	int err;

	if (op == TICK && sched_ops()->tick == NULL)
		return -HX_ENOTSUP;
	b->n_max = (uint32_t)hx_min_u64(b->n_max, SAMPLES);
	bench_rnd = n;
	bench_rq = (struct hx_runq){ .cpu = 0, .bit = 1 };
	hx_spin_init(&bench_rq.lock, "runq", HX_RANK_RUNQ);
	hx_list_init(&bench_rq.ready);
	err = sched_ops()->init(&bench_rq);
	if (err != 0)
		return err;
	err = make_threads(n, deadlines);
	if (err == 0) {
		flags = hx_runq_lock(&bench_rq);
		for (i = 0; i < n; i++)
			put(bench_threads[i], HX_ENQUEUE_NEW);
		while (hx_bench_more(b))
			sample(b, n, op);
		for (i = 0; i < n; i++)
			block(take());
		hx_runq_unlock(&bench_rq, flags);
		free_threads(n);
	}
	if (sched_ops()->fini != NULL)
		sched_ops()->fini(&bench_rq);
	return err;
}

static int bench_deadlines(struct hx_bench_run *b, unsigned n, enum op op)
{
	return hx_sched_may_admit && HX_ENABLED(INTENTS) ? bench_op(b, n, op, true) : -HX_ENOTSUP;
}

#define BENCH_OP(n) \
	HX_BENCH(pick_##n, "sched.pick." #n, "the scheduler's pick with " #n " ready") \
	{ \
		return bench_op(b, n, PICK, false); \
	} \
	HX_BENCH(enqueue_##n, "sched.enqueue." #n, \
		 "the scheduler's enqueue of a woken thread, then " #n " ready") \
	{ \
		return bench_op(b, n, ENQUEUE, false); \
	} \
	HX_BENCH(dequeue_##n, "sched.dequeue." #n, \
		 "the scheduler's dequeue of any of " #n " ready") \
	{ \
		return bench_op(b, n, DEQUEUE, false); \
	} \
	HX_BENCH(tick_##n, "sched.tick." #n, \
		 "the scheduler's tick of one of " #n " threads that want to run") \
	{ \
		return bench_op(b, n, TICK, false); \
	} \
	HX_BENCH(pick_deadline_##n, "sched.deadline.pick." #n, \
		 "sched.pick." #n " of threads that have deadlines") \
	{ \
		return bench_deadlines(b, n, PICK); \
	} \
	HX_BENCH(enqueue_deadline_##n, "sched.deadline.enqueue." #n, \
		 "sched.enqueue." #n " of threads that have deadlines") \
	{ \
		return bench_deadlines(b, n, ENQUEUE); \
	} \
	HX_BENCH(dequeue_deadline_##n, "sched.deadline.dequeue." #n, \
		 "sched.dequeue." #n " of threads that have deadlines") \
	{ \
		return bench_deadlines(b, n, DEQUEUE); \
	}

BENCH_OP(1)
BENCH_OP(10)
BENCH_OP(100)
BENCH_OP(1000)
BENCH_OP(10000)

/* ---- the way through the slot */

#define CALLS	100u

/* From a queue where nobody is. */
static HX_NOINLINE uint64_t picks_through_slot(void)
{
	uint64_t began = hx_cycles();

	for (unsigned i = 0; i < CALLS; i++) {
		(void)sched_ops()->pick(&bench_rq);
		__asm__ volatile("" : : : "memory");
	}
	return hx_cycles() - began;
}

/* A register in place of a name: one instruction, as well. */
static HX_NOINLINE uint64_t picks_direct(struct hx_thread *(*pick)(struct hx_runq *rq))
{
	uint64_t began = hx_cycles();

	for (unsigned i = 0; i < CALLS; i++) {
		(void)pick(&bench_rq);
		__asm__ volatile("" : : : "memory");
	}
	return hx_cycles() - began;
}

HX_BENCH(slot_call_scheduler, "slot.call.scheduler",
	 "a call of the scheduler through its slot, beyond what it costs called directly; of 100")
{
	hx_irqflags_t flags;
	uint64_t through, direct;

	memset(&bench_rq, 0, sizeof(bench_rq));
	hx_spin_init(&bench_rq.lock, "runq", HX_RANK_RUNQ);
	hx_list_init(&bench_rq.ready);
	if (sched_ops()->init(&bench_rq) != 0)
		return -HX_ENOTSUP;
	flags = hx_runq_lock(&bench_rq);
	while (hx_bench_more(b)) {
		through = picks_through_slot();
		direct = picks_direct(sched_ops()->pick);
		hx_bench_sample(b, b->overhead + (hx_max_u64(through, direct) - direct +
						  CALLS / 2) / CALLS);
	}
	hx_runq_unlock(&bench_rq, flags);
	if (sched_ops()->fini != NULL)
		sched_ops()->fini(&bench_rq);
	return 0;
}
