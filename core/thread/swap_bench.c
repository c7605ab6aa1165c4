// SPDX-License-Identifier: MIT
/*
 * What replacing the scheduler costs, by the number of threads that are ready: from the request
 * until the others stand (quiesce), how long nobody runs (pause), until the new one serves (total).
 * There and back again, between the default and the first other one that is built in; the slower of
 * the two is the sample.
 */
#include <hx/core/bench.h>
#include <hx/core/heap.h>
#include <hx/core/string.h>

#include "swap_priv.h"

#define SAMPLES		20u
#define STACK_BYTES	4096u

enum part { QUIESCE, PAUSE, TOTAL };

/* Whoever is ready with nothing to do. */
struct crowd {
	struct hx_thread thread;
	uint8_t stack[STACK_BYTES] HX_ALIGNED(16);
};

static volatile bool go_home;

static int crowd_main(void *arg)
{
	while (!go_home)
		hx_yield();
	return 0;
}

static const char *other_scheduler(void)
{
	const void *const *it;

	for (it = sched_kind.first; it < sched_kind.last; it++) {
		const struct hx_sched_ops *ops = *it;

		if (ops != sched_slot && ops->name != NULL && swap_state_ops(ops) != NULL &&
		    hx_strncmp(ops->name, "test-", 5) != 0)
			return ops->name;
	}
	return NULL;
}

static void crowd_end(struct crowd **crowd, unsigned n)
{
	go_home = true;
	while (n-- > 0) {
		if (hx_thread_join(&crowd[n]->thread, HX_FOREVER, NULL) == 0)
			hx_free(crowd[n]);
	}
	hx_free(crowd);
}

static struct crowd **crowd_begin(unsigned n)
{
	struct hx_thread_params p = {
		.name = "crowd", .fn = crowd_main, .prio = hx_thread_self()->prio,
		.stack_bytes = STACK_BYTES,
	};
	struct crowd **crowd = hx_calloc(n, sizeof(*crowd));
	unsigned i;

	go_home = false;
	for (i = 0; crowd != NULL && i < n; i++) {
		crowd[i] = hx_alloc(sizeof(**crowd));
		p.stack = crowd[i] != NULL ? crowd[i]->stack : NULL;
		if (crowd[i] == NULL || hx_thread_init(&crowd[i]->thread, &p) != 0) {
			hx_free(crowd[i]);
			crowd_end(crowd, i);
			return NULL;
		}
	}
	return crowd;
}

static uint64_t cost_of(const struct hx_swap *s, enum part part)
{
	return part == QUIESCE ? s->stopped_cycles - s->asked_cycles
	       : part == PAUSE ? s->released_cycles - s->stopped_cycles
			       : s->served_cycles - s->asked_cycles;
}

static int bench_swap(struct hx_bench_run *b, unsigned n, enum part part)
{
	const char *there = other_scheduler(), *back = sched_ops()->name;
	struct crowd **crowd;
	struct hx_swap s;
	uint64_t cost;
	int err = 0;

	if (there == NULL)
		return -HX_ENOTSUP;
	crowd = crowd_begin(n);
	if (crowd == NULL)
		return -HX_ENOTSUP;
	b->n_max = (uint32_t)hx_min_u64(b->n_max, SAMPLES);
	while (err == 0 && hx_bench_more(b)) {
		hx_yield();
		err = hx_swap("scheduler", there, &s);
		cost = cost_of(&s, part);
		hx_yield();
		if (err == 0)
			err = hx_swap("scheduler", back, &s);
		hx_bench_sample(b, hx_max_u64(cost, cost_of(&s, part)));
	}
	crowd_end(crowd, n);
	return err;
}

#define BENCH_SWAP(n) \
	HX_BENCH(swap_quiesce_##n, "swap.scheduler.quiesce." #n, \
		 "from the request to replace the scheduler until nobody else runs, " #n " ready") \
	{ \
		return bench_swap(b, n, QUIESCE); \
	} \
	HX_BENCH(swap_pause_##n, "swap.scheduler.pause." #n, \
		 "how long nobody runs while the scheduler is replaced, " #n " ready") \
	{ \
		return bench_swap(b, n, PAUSE); \
	} \
	HX_BENCH(swap_total_##n, "swap.scheduler.total." #n, \
		 "from the request to replace the scheduler until the new one serves, " #n \
		 " ready") \
	{ \
		return bench_swap(b, n, TOTAL); \
	}

BENCH_SWAP(1)
BENCH_SWAP(10)
BENCH_SWAP(100)
BENCH_SWAP(1000)
BENCH_SWAP(10000)
