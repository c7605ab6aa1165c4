// SPDX-License-Identifier: MIT
/*
 * What is counted about a thread beyond its run time, with CONFIG_SCHED_STATS: how long it was
 * ready without running, how long it was blocked, and how long each wake-up took to get it onto a
 * CPU.
 *
 *	        since: blocked          since: ready            running
 *	RUNNING ---------------> BLOCKED ------------> READY ------------> RUNNING
 *	                          \__ slept __/  \__ waited __/
 *	                                        \__ latency __/  if it was a wake-up
 *
 * The counts lie behind the thread's struct, allocated with it; of a thread in a caller's struct
 * (hx_thread_init()), at the upper end of its stack. Everything here is under the lock of the
 * thread's run queue. The clock is hx_cycles(); a CPU whose counter is behind another's counts 0
 * and not a huge time.
 */
#include <hx/core/string.h>

#include "thread_priv.h"

struct hx_thread_stats stats_main;

static uint64_t passed(uint64_t since, uint64_t now)
{
	return now > since ? now - since : 0;
}

void stats_ready(struct hx_thread_stats *s, enum hx_enqueue_why why)
{
	uint64_t now = hx_cycles();

	if (why == HX_ENQUEUE_CHANGE)
		return;
	if (why == HX_ENQUEUE_WAKE) {
		s->slept_cycles += passed(s->since_cycles, now);
		s->n_wakes++;
		s->woken = true;
	} else if (why == HX_ENQUEUE_MOVE) {
		s->n_moved++;
		if (s->since_cycles != 0)
			return;		/* it was ready there, and waits on here */
	}
	s->since_cycles = now;
}

size_t stats_in_stack(struct hx_thread *t, const struct hx_thread_params *p)
{
	const size_t counts = (sizeof(struct hx_thread_stats) + 15) / 16 * 16;

	if (p->stack == NULL || (((uintptr_t)p->stack | p->stack_bytes) & 15) != 0 ||
	    p->stack_bytes < HX_CONTEXT_STACK_MIN + counts)
		return p->stack_bytes;
	t->stats = (void *)((uintptr_t)p->stack + p->stack_bytes - counts);
	memset(t->stats, 0, sizeof(*t->stats));
	return p->stack_bytes - counts;
}

/* Bucket n holds what is below 2^n ns and not below 2^(n-1). */
static unsigned bucket_of(uint64_t ns)
{
	unsigned n = ns == 0 ? 0 : 64 - (unsigned)__builtin_clzll(ns);

	return n < STATS_BUCKETS ? n : STATS_BUCKETS - 1;
}

void stats_switch(struct hx_thread *prev, struct hx_thread *next, uint64_t now)
{
	struct hx_thread_stats *s = prev->stats;

	if (s != NULL && prev->state != HX_THREAD_READY)
		s->since_cycles = prev->state == HX_THREAD_BLOCKED ? now : 0;
	s = next->stats;
	if (s == NULL)
		return;
	s->waited_cycles += passed(s->since_cycles, now);
	if (s->woken)
		s->latency[bucket_of(hx_cycles_to_ns(passed(s->since_cycles, now)))]++;
	s->woken = false;
	s->since_cycles = 0;
}
