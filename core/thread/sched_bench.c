// SPDX-License-Identifier: MIT
/*
 * What the scheduler's own work costs, by the number of threads that are ready: its operations are
 * driven as core does it, on a run queue of their own, with threads that exist but never run.
 */
#include <hx/core/bench.h>
#include <hx/core/heap.h>

#include "thread_priv.h"

#define SAMPLES		500u

enum op {
	PICK, ENQUEUE, DEQUEUE,
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

static int make_threads(unsigned n)
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
		err = sched_admit(t, &hx_intent_default);
		t->intent = &hx_intent_default;
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

static void block(struct hx_thread *t)
{
	if (hx_sched_may_leave && sched_ops()->leave != NULL)
		sched_ops()->leave(&bench_rq, t, HX_NS_PER_MS, HX_LEAVE_BLOCK);
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

/* With n threads ready, before the operation (pick, dequeue) or after it (enqueue). */
static int bench_op(struct hx_bench_run *b, unsigned n, enum op op)
{
	hx_irqflags_t flags;
	unsigned i;
	int err;

	b->n_max = (uint32_t)hx_min_u64(b->n_max, SAMPLES);
	bench_rnd = n;
	bench_rq = (struct hx_runq){ .cpu = 0 };
	hx_spin_init(&bench_rq.lock, "runq", HX_RANK_RUNQ);
	hx_list_init(&bench_rq.ready);
	err = sched_ops()->init(&bench_rq);
	if (err != 0)
		return err;
	err = make_threads(n);
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

#define BENCH_OP(n) \
	HX_BENCH(pick_##n, "sched.pick." #n, "the scheduler's pick with " #n " ready") \
	{ \
		return bench_op(b, n, PICK); \
	} \
	HX_BENCH(enqueue_##n, "sched.enqueue." #n, \
		 "the scheduler's enqueue of a woken thread, then " #n " ready") \
	{ \
		return bench_op(b, n, ENQUEUE); \
	} \
	HX_BENCH(dequeue_##n, "sched.dequeue." #n, \
		 "the scheduler's dequeue of any of " #n " ready") \
	{ \
		return bench_op(b, n, DEQUEUE); \
	}

BENCH_OP(1)
BENCH_OP(10)
BENCH_OP(100)
BENCH_OP(1000)
BENCH_OP(10000)
