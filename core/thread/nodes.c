// SPDX-License-Identifier: MIT
/*
 * Threads, time and scheduling in the name space. Everything is copied under its lock and printed
 * after it, because a text sink may be a console that waits.
 */
#include <hx/core/names.h>
#include <hx/core/printf.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/core/time.h>
#include <hx/hal/timer.h>

#include "thread_priv.h"

#define SHOW_MAX	1024	/* bytes of what a provider writes about its queue */

typedef unsigned long long ull;

struct info_search {
	uint32_t after;
	struct thread_info *out;
	bool found;
};

static bool info_visit(struct hx_thread *t, void *arg)
{
	struct info_search *s = arg;
	struct thread_info *i = s->out;

	if (t->id <= s->after)
		return true;
	i->ran_cycles = t->ran_cycles + (t->state == HX_THREAD_RUNNING ? hx_cycles() : 0);
	i->n_switches = t->n_switches;
	i->stack_bytes = t->stack_bytes;
	i->id = t->id;
	i->slice_ns = t->slice_ns;
	i->state = t->state;
	i->prio = t->prio;
	memcpy(i->name, t->name, sizeof(i->name));
	s->found = true;
	return false;
}

bool thread_info_after(uint32_t after, struct thread_info *out)
{
	struct info_search s = { .after = after, .out = out };

	hx_thread_foreach(info_visit, &s);
	return s.found;
}

static const char *state_name(uint8_t state)
{
	static const char names[][8] = { "new", "ready", "running", "blocked", "dead" };

	return state < HX_ARRAY_LEN(names) ? names[state] : "?";
}

static void show_stats(struct hx_text *out, const struct thread_info *i)
{
	hx_text_printf(out, "id=%u name=%s state=%s prio=%u ran_ns=%llu switches=%llu "
		       "stack_bytes=%zu\n", i->id, i->name, state_name(i->state), i->prio,
		       (ull)hx_cycles_to_ns(i->ran_cycles), (ull)i->n_switches, i->stack_bytes);
}

static int threads_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct thread_info i = { .id = 0 };

	while (thread_info_after(i.id, &i))
		show_stats(out, &i);
	return 0;
}

static int threads_list(unsigned idx, char name[HX_NAME_MAX], const struct hx_node_args *args)
{
	struct thread_info i = { .id = 0 };

	do {
		if (!thread_info_after(i.id, &i))
			return -HX_ENOENT;
	} while (idx-- > 0);
	hx_snprintf(name, HX_NAME_MAX, "%u", i.id);
	return 0;
}

/* The thread that the path names. */
static int thread_named(const struct hx_node_args *args, struct thread_info *i)
{
	uint64_t id;

	if (hx_parse_u64(args->var[0], UINT32_MAX, &id) != 0 || id == 0)
		return -HX_ENOENT;
	return thread_info_after((uint32_t)id - 1, i) && i->id == id ? 0 : -HX_ENOENT;
}

static int stats_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct thread_info i;
	int err = thread_named(args, &i);

	if (err == 0)
		show_stats(out, &i);
	return err;
}

static int intent_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct thread_info i;
	int err = thread_named(args, &i);

	if (err == 0)
		hx_text_printf(out, "prio=%u slice_ns=%u\n", i.prio, i.slice_ns);
	return err;
}

static int uptime_show(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_printf(out, "uptime_ns=%llu idle_ns=%llu ticks=%llu tick_hz=%u counter_hz=%llu "
		       "reference=%s\n", (ull)hx_now_ns(),
		       (ull)hx_cycles_to_ns(sched_rq.idle->ran_cycles), (ull)hx_time_ticks(),
		       CONFIG_TICK_HZ, (ull)hx_cycles_hz(), hx_hal_timer_reference());
	return 0;
}

static void show_cpu_states(struct hx_text *out)
{
	static const char names[][10] = {
		"absent", "unused", "starting", "online", "left-out", "stopped",
	};

	for (unsigned cpu = 0; cpu < hx_cpus_present(); cpu++)
		hx_text_printf(out, "cpu=%u state=%s\n", cpu, names[hx_cpu_state(cpu)]);
}

static int cpus_show(struct hx_text *out, const struct hx_node_args *args)
{
	const struct hx_cpu_info *cpu = hx_cpu_info();
	uint32_t i;

	hx_text_printf(out, "present=%u running=%u\ncpu=0 vendor=\"%s\" model=\"%s\" family=%u "
		       "model_nr=%u stepping=%u phys_bits=%u virt_bits=%u\n", hx_cpus_present(),
		       hx_cpu_count(), cpu->vendor, cpu->model, cpu->family, cpu->model_nr,
		       cpu->stepping, cpu->phys_bits, cpu->virt_bits);
	if (!HX_ENABLED(ONE_CPU))
		show_cpu_states(out);
	for (i = 0; i < cpu->n_features; i++)
		hx_text_printf(out, "feature=%s present=%d enabled=%d\n", cpu->features[i].name,
			       cpu->features[i].present, cpu->features[i].enabled);
	return 0;
}

static int status_show(struct hx_text *out, const struct hx_node_args *args)
{
	const struct hx_runq *rq = &sched_rq;

	hx_text_printf(out, "provider=%s abi=%u cpus=1 threads=%u ready=%u switches=%llu "
		       "preempted=%llu tick_hz=%u\n", sched_ops()->name, sched_ops()->abi,
		       hx_thread_count(), rq->n_ready, (ull)rq->n_switches,
		       (ull)rq->n_preempted, CONFIG_TICK_HZ);
	return 0;
}

static int runq_list(unsigned idx, char name[HX_NAME_MAX], const struct hx_node_args *args)
{
	if (idx > 0)
		return -HX_ENOENT;
	hx_strlcpy(name, "0", HX_NAME_MAX);
	return 0;
}

static int runq_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct hx_runq *rq = &sched_rq;
	char buf[SHOW_MAX];
	struct hx_text_buf b;
	hx_irqflags_t flags;

	if (hx_strcmp(args->var[0], "0") != 0)
		return -HX_ENOENT;
	hx_text_buf_init(&b, buf, sizeof(buf));
	flags = hx_irq_save();
	quiet_lock(&rq->lock);
	hx_text_printf(&b.text, "cpu=%u ready=%u current=%u switches=%llu preempted=%llu\n",
		       rq->cpu, rq->n_ready, hx_thread_self()->id, (ull)rq->n_switches,
		       (ull)rq->n_preempted);
	if (sched_ops()->show != NULL)
		sched_ops()->show(rq, &b.text);
	quiet_unlock(&rq->lock);
	hx_irq_restore(flags);
	hx_text_puts(out, buf);
	return 0;
}

#define NODE(ident, path_, help_, max_, show_, list_) \
	static const struct hx_node ident = { \
		.path = (path_), .help = (help_), .rights = HX_NODE_READ, .max_bytes = (max_), \
		.show = (show_), .list = (list_), \
	}; \
	HX_NODE(ident)

NODE(threads_node, "/proc/threads", "all threads, a line each", 65536, threads_show, NULL);
NODE(uptime_node, "/proc/uptime", "time since boot, and where it comes from", 512, uptime_show,
     NULL);
NODE(cpus_node, "/proc/cpus", "what the CPUs are and can do", 4096, cpus_show, NULL);
NODE(status_node, "/sched/status", "the scheduler in use and its totals", 512, status_show, NULL);
NODE(runq_node, "/sched/runq/<cpu>", "one CPU's run queue", SHOW_MAX, runq_show, runq_list);
NODE(stats_node, "/sched/threads/<id>/stats", "what a thread has used", 256, stats_show,
     threads_list);
NODE(intent_node, "/sched/threads/<id>/intent",
     "what a thread asks of the scheduler (slice_ns=0: default)", 128, intent_show, threads_list);
