// SPDX-License-Identifier: MIT
/*
 * /sched: the scheduler in use, each CPU's run queue, what each thread has used. As everywhere,
 * copied under the lock and printed after it.
 */
#include <hx/core/printf.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>

#include "nodes_priv.h"

#define SHOW_MAX	1024	/* bytes of what a provider writes about its queue */

typedef unsigned long long ull;

static const char *preempt_name(void)
{
	return HX_ENABLED(PREEMPT_FULL) ? "full"
	       : HX_ENABLED(PREEMPT_VOLUNTARY) ? "voluntary" : "none";
}

static int status_show(struct hx_text *out, const struct hx_node_args *args)
{
	uint64_t switches = 0, preempted = 0, moved = 0;
	unsigned cpu, ready = 0, held = 0, n_cpus = 0;

	/* Sums of numbers that change while they are read; each is right by itself. */
	for (cpu = 0; cpu < HX_CPUS; cpu++) {
		const struct hx_runq *rq = &sched_rqs[cpu];

		if (rq->idle == NULL)
			continue;
		n_cpus++;
		ready += rq->n_ready;
		held += rq->n_held;
		switches += rq->n_switches;
		preempted += rq->n_preempted;
		moved += rq->n_moved;
	}
	hx_text_printf(out, "provider=%s abi=%u cpus=%u threads=%u ready=%u held=%u switches=%llu "
		       "preempted=%llu moved=%llu tick_hz=%u preemption=%s inheritance=%s\n",
		       sched_ops()->name, sched_ops()->abi, n_cpus, hx_thread_count(), ready, held,
		       (ull)switches, (ull)preempted, (ull)moved, CONFIG_TICK_HZ, preempt_name(),
		       HX_ENABLED(MUTEX_INHERIT) ? "yes" : "no");
	return 0;
}

/* The nth run queue in use; NULL: there are not so many. */
static struct hx_runq *nth_runq(unsigned n)
{
	for (unsigned cpu = 0; cpu < HX_CPUS; cpu++)
		if (sched_rqs[cpu].idle != NULL && n-- == 0)
			return &sched_rqs[cpu];
	return NULL;
}

static int runq_list(unsigned idx, char name[HX_NAME_MAX], const struct hx_node_args *args)
{
	const struct hx_runq *rq = nth_runq(idx);

	if (rq == NULL)
		return -HX_ENOENT;
	hx_snprintf(name, HX_NAME_MAX, "%u", rq->cpu);
	return 0;
}

static int runq_show(struct hx_text *out, const struct hx_node_args *args)
{
	char buf[SHOW_MAX];
	struct hx_text_buf b;
	struct hx_runq *rq;
	hx_irqflags_t flags;
	uint64_t cpu, idle;

	if (hx_parse_u64(args->var[0], HX_CPUS - 1, &cpu) != 0 || sched_rqs[cpu].idle == NULL)
		return -HX_ENOENT;
	rq = &sched_rqs[cpu];
	hx_text_buf_init(&b, buf, sizeof(buf));
	flags = hx_runq_lock(rq);
	idle = rq->idle->ran_cycles + (runq_current(rq) == rq->idle ? hx_cycles() : 0);
	hx_text_printf(&b.text, "cpu=%u ready=%u held=%u current=%u idle_ns=%llu switches=%llu "
		       "preempted=%llu moved=%llu\n", rq->cpu, rq->n_ready, rq->n_held,
		       runq_current(rq)->id, (ull)hx_cycles_to_ns(idle), (ull)rq->n_switches,
		       (ull)rq->n_preempted, (ull)rq->n_moved);
	if (hx_sched_may_admit)
		hx_text_printf(&b.text, "promised_ppm=%u of=%u\n", hx_sched_promised_ppm(rq->cpu),
			       HX_PROMISE_MAX_PPM);
	if (sched_ops()->show != NULL)
		sched_ops()->show(rq, &b.text);
	hx_runq_unlock(rq, flags);
	hx_text_puts(out, buf);
	return 0;
}

static int stats_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct thread_info i;
	int err = thread_named(args, &i);

	if (err == 0)
		thread_put(out, &i);
	return err;
}

static const struct hx_node status_node = {
	.path = "/sched/status", .help = "the scheduler in use and its totals",
	.rights = HX_NODE_READ, .max_bytes = 512, .show = status_show,
};
HX_NODE(status_node);

static const struct hx_node runq_node = {
	.path = "/sched/runq/<cpu>", .help = "one CPU's run queue",
	.rights = HX_NODE_READ, .max_bytes = SHOW_MAX, .show = runq_show, .list = runq_list,
};
HX_NODE(runq_node);

static const struct hx_node stats_node = {
	.path = "/sched/threads/<id>/stats", .help = "what a thread has used",
	.rights = HX_NODE_READ, .max_bytes = 384, .show = stats_show, .list = threads_list,
};
HX_NODE(stats_node);
