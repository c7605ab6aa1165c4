// SPDX-License-Identifier: MIT
/*
 * Threads, time and CPUs in the name space. Everything is copied under its lock and printed
 * after it, because a text sink may be a console that waits.
 */
#include <hx/core/printf.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/core/time.h>
#include <hx/hal/timer.h>

#include "nodes_priv.h"

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
	hx_irqflags_t flags;
	struct hx_runq *rq;

	if (t->id <= s->after)
		return true;
	flags = hx_irq_save();
	rq = runq_lock_of(t);
	i->ran_cycles = t->ran_cycles + (t->state == HX_THREAD_RUNNING ? hx_cycles() : 0);
	i->cpu = rq->cpu;
	i->base_prio = t->base_prio;
	if (HX_ENABLED(SCHED_STATS))
		i->stats = t->stats != NULL ? *t->stats : (struct hx_thread_stats){ .n_wakes = 0 };
	i->n_switches = t->n_switches;
	i->stack_bytes = t->stack_bytes;
	i->id = t->id;
	i->slice_ns = t->slice_ns;
	i->state = t->state;
	i->prio = t->prio;
	quiet_unlock(&rq->lock);
	hx_irq_restore(flags);
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
	static const char names[][8] = {
		"new", "ready", "running", "blocked", "dead", "moving",
	};

	return state < HX_ARRAY_LEN(names) ? names[state] : "?";
}

void thread_put(struct hx_text *out, const struct thread_info *i)
{
	hx_text_printf(out, "id=%u name=%s state=%s prio=%u ran_ns=%llu switches=%llu "
		       "stack_bytes=%zu", i->id, i->name, state_name(i->state), i->prio,
		       (ull)hx_cycles_to_ns(i->ran_cycles), (ull)i->n_switches, i->stack_bytes);
	if (HX_CPUS > 1)
		hx_text_printf(out, " cpu=%u", i->cpu);
	if (HX_ENABLED(SCHED_STATS))
		hx_text_printf(out, " waited_ns=%llu slept_ns=%llu wakes=%llu moved=%llu",
			       (ull)hx_cycles_to_ns(i->stats.waited_cycles),
			       (ull)hx_cycles_to_ns(i->stats.slept_cycles),
			       (ull)i->stats.n_wakes, (ull)i->stats.n_moved);
	hx_text_puts(out, "\n");
}

static int threads_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct thread_info i = { .id = 0 };

	while (thread_info_after(i.id, &i)) {
		thread_put(out, &i);
		hx_resched_point();
	}
	return 0;
}

int threads_list(unsigned idx, char name[HX_NAME_MAX], const struct hx_node_args *args)
{
	struct thread_info i = { .id = 0 };

	do {
		if (!thread_info_after(i.id, &i))
			return -HX_ENOENT;
	} while (idx-- > 0);
	hx_snprintf(name, HX_NAME_MAX, "%u", i.id);
	return 0;
}

int thread_named(const struct hx_node_args *args, struct thread_info *i)
{
	uint64_t id;

	if (hx_parse_u64(args->var[0], UINT32_MAX, &id) != 0 || id == 0)
		return -HX_ENOENT;
	return thread_info_after((uint32_t)id - 1, i) && i->id == id ? 0 : -HX_ENOENT;
}

/* Also of the time that runs now; 0 if no threads run there. */
static uint64_t cpu_idle_cycles(unsigned cpu)
{
	struct hx_runq *rq = &sched_rqs[cpu];
	hx_irqflags_t flags;
	uint64_t idle;

	if (rq->idle == NULL)
		return 0;
	flags = hx_runq_lock(rq);
	idle = rq->idle->ran_cycles + (runq_current(rq) == rq->idle ? hx_cycles() : 0);
	hx_runq_unlock(rq, flags);
	return idle;
}

static int uptime_show(struct hx_text *out, const struct hx_node_args *args)
{
	uint64_t idle = 0;

	for (unsigned cpu = 0; cpu < HX_CPUS; cpu++)
		idle += cpu_idle_cycles(cpu);
	hx_text_printf(out, "uptime_ns=%llu idle_ns=%llu ticks=%llu tick_hz=%u counter_hz=%llu "
		       "reference=%s\n", (ull)hx_now_ns(),
		       (ull)hx_cycles_to_ns(idle), (ull)hx_time_ticks(),
		       CONFIG_TICK_HZ, (ull)hx_cycles_hz(), hx_hal_timer_reference());
	return 0;
}

static void show_cpu_states(struct hx_text *out)
{
	static const char names[][10] = {
		"absent", "unused", "starting", "online", "left-out", "stopped",
	};

	for (unsigned cpu = 0; cpu < hx_cpus_present(); cpu++)
		hx_text_printf(out, "cpu=%u state=%s idle_ns=%llu\n", cpu,
			       names[hx_cpu_state(cpu)],
			       (ull)hx_cycles_to_ns(cpu < HX_CPUS ? cpu_idle_cycles(cpu) : 0));
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
