// SPDX-License-Identifier: MIT
/*
 * What a turn costs the intent scheduler alone, by the number of ready threads: leave and enqueue
 * of the one that ran a slice, pick of the next. Threads of 40 different weights on a run queue of
 * its own; core's part (the switch itself) is not in it.
 */
#include <hx/core/bench.h>
#include <hx/core/heap.h>
#include <hx/core/string.h>

#include "dis_priv.h"

#define SLICE_RAN_NS	(20 * HX_NS_PER_MS)
#define TURNS_MAX	1000u	/* interrupts are off meanwhile */

struct crowd {
	struct hx_runq rq;
	struct hx_thread *threads;
	unsigned n;
};

static void crowd_end(struct crowd *c)
{
	hx_irqflags_t flags;
	unsigned i;

	for (i = 0; i < c->n; i++) {
		flags = hx_runq_lock(&c->rq);
		hx_sched_dis_ops.dequeue(&c->rq, &c->threads[i]);
		c->rq.n_ready--;
		hx_runq_unlock(&c->rq, flags);
		hx_sched_dis_ops.admit(&c->threads[i], NULL);
	}
	hx_sched_dis_ops.fini(&c->rq);
	hx_free(c->threads);
}

static int crowd_add(struct crowd *c, struct hx_thread *t)
{
	hx_irqflags_t flags;
	int err;

	t->rq = &c->rq;
	t->prio = HX_PRIO_DEFAULT;
	t->own_intent = hx_intent_default;
	t->own_intent.nice = (int8_t)(HX_NICE_MIN + (int)(c->n % 40));
	err = hx_sched_dis_ops.admit(t, &t->own_intent);
	if (err != 0)
		return err;
	t->intent = &t->own_intent;
	flags = hx_runq_lock(&c->rq);
	t->state = HX_THREAD_READY;
	c->rq.n_ready++;
	hx_sched_dis_ops.enqueue(&c->rq, t, HX_ENQUEUE_NEW);
	hx_runq_unlock(&c->rq, flags);
	c->n++;
	return 0;
}

static int crowd_begin(struct crowd *c, unsigned n)
{
	int err;

	memset(c, 0, sizeof(*c));
	hx_spin_init(&c->rq.lock, "bench", HX_RANK_RUNQ);
	hx_list_init(&c->rq.ready);
	c->threads = hx_calloc(n, sizeof(*c->threads));
	if (c->threads == NULL)
		return -HX_ENOMEM;
	err = hx_sched_dis_ops.init(&c->rq);
	if (err != 0) {
		hx_free(c->threads);
		return err;
	}
	while (err == 0 && c->n < n)
		err = crowd_add(c, &c->threads[c->n]);
	if (err != 0)
		crowd_end(c);
	return err;
}

static int turns(struct hx_bench_run *b, unsigned n)
{
	static struct crowd c;
	hx_irqflags_t flags;
	struct hx_thread *t;
	int err = crowd_begin(&c, n);

	if (err != 0)
		return err;
	b->n_max = (uint32_t)hx_min_u64(b->n_max, TURNS_MAX);
	flags = hx_runq_lock(&c.rq);
	t = hx_sched_dis_ops.pick(&c.rq);
	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		hx_sched_dis_ops.leave(&c.rq, t, SLICE_RAN_NS, HX_ENQUEUE_SLICE);
		hx_sched_dis_ops.enqueue(&c.rq, t, HX_ENQUEUE_SLICE);
		t = hx_sched_dis_ops.pick(&c.rq);
		hx_bench_end(b);
	}
	hx_sched_dis_ops.leave(&c.rq, t, SLICE_RAN_NS, HX_ENQUEUE_SLICE);
	hx_sched_dis_ops.enqueue(&c.rq, t, HX_ENQUEUE_SLICE);
	hx_runq_unlock(&c.rq, flags);
	crowd_end(&c);
	return 0;
}

HX_BENCH(dis_turn_1, "sched.dis.turn.1", "leave, enqueue and pick of dis with one thread")
{
	return turns(b, 1);
}

HX_BENCH(dis_turn_10, "sched.dis.turn.10", "leave, enqueue and pick of dis among 10 threads")
{
	return turns(b, 10);
}

HX_BENCH(dis_turn_100, "sched.dis.turn.100", "leave, enqueue and pick of dis among 100 threads")
{
	return turns(b, 100);
}

HX_BENCH(dis_turn_1000, "sched.dis.turn.1000", "leave, enqueue and pick of dis among 1,000 threads")
{
	return turns(b, 1000);
}

HX_BENCH(dis_turn_10000, "sched.dis.turn.10000",
	 "leave, enqueue and pick of dis among 10,000 threads")
{
	return turns(b, 10000);
}
