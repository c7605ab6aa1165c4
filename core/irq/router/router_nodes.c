// SPDX-License-Identifier: MIT
/*
 * Lines in the name space: /irq/{lines,counts,storms}.
 */
#include <hx/core/names.h>
#include <hx/core/text.h>
#include <hx/hal/timer.h>

#include "irq_router_priv.h"

/* "0-3,5"; "all": every CPU there can be. */
static void put_cpus(struct hx_text *out, uint64_t bits)
{
	const char *comma = "";

	if (bits == UINT64_MAX) {
		hx_text_puts(out, "all");
		return;
	}
	while (bits != 0) {
		unsigned first = hx_cpumask_take(&bits), last = first;

		while (bits != 0 && (unsigned)__builtin_ctzll(bits) == last + 1)
			last = hx_cpumask_take(&bits);
		hx_text_printf(out, first == last ? "%s%u" : "%s%u-%u", comma, first, last);
		comma = ",";
	}
}

static uint64_t count_of(uint32_t line)
{
	uint64_t n = 0;

	for (unsigned cpu = 0; cpu < HX_CPUS; cpu++)
		n += __atomic_load_n(&irq_counts[cpu][line], __ATOMIC_RELAXED);
	return n;
}

static void show_line(struct hx_text *out, const struct irq_line *l)
{
	struct irq_user_info u;

	hx_text_printf(out, "line=%u state=%s trigger=%s count=%llu unclaimed=%llu storms=%llu "
		       "pause_ms=%llu limit=%llu cpu=%u affinity=", l->line,
		       l->is_paused ? "paused" : "open",
		       hx_irq_line_is_level(l->line) ? "level" : "edge",
		       (unsigned long long)count_of(l->line), (unsigned long long)l->n_unclaimed,
		       (unsigned long long)l->n_storms,
		       (unsigned long long)(l->is_paused ? l->pause_ns / HX_NS_PER_MS : 0),
		       (unsigned long long)l->window * IRQ_WINDOWS_PER_S, l->cpu);
	put_cpus(out, l->affinity.bits);
	hx_text_puts(out, "\n");
	for (unsigned i = 0; router_user(l->line, i, &u); i++)
		hx_text_printf(out, "line=%u user=%s owner=%s mode=%s count=%llu\n", l->line,
			       u.name, u.owner,
			       (u.want & HX_IRQ_SHARED) != 0 ? "shared" : "exclusive",
			       (unsigned long long)u.count);
}

static int lines_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct irq_line l;

	hx_text_printf(out, "spurious=%llu\n", (unsigned long long)hx_irq_n_spurious());
	for (uint32_t line = 0; line < HX_IRQ_LINES; line++)
		if (router_line(line, &l))
			show_line(out, &l);
	return 0;
}

static const struct hx_node lines_node = {
	.path = "/irq/lines", .help = "device lines: who has them, how they do, where they go",
	.rights = HX_NODE_READ, .max_bytes = 32768, .show = lines_show,
};
HX_NODE(lines_node);

/* Of the lines that came at all. */
static int counts_show(struct hx_text *out, const struct hx_node_args *args)
{
	for (unsigned cpu = 0; cpu < HX_CPUS; cpu++) {
		for (uint32_t line = 0; line < HX_IRQ_LINES; line++) {
			uint64_t n = __atomic_load_n(&irq_counts[cpu][line], __ATOMIC_RELAXED);

			if (n != 0)
				hx_text_printf(out, "cpu=%u line=%u count=%llu\n", cpu, line,
					       (unsigned long long)n);
		}
	}
	return 0;
}

static const struct hx_node counts_node = {
	.path = "/irq/counts", .help = "interrupts taken, by CPU and line",
	.rights = HX_NODE_READ, .max_bytes = 48 * HX_CPUS * HX_IRQ_LINES, .show = counts_show,
};
HX_NODE(counts_node);

static int storms_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct irq_storm s;

	for (unsigned i = 0; storm_at(i, &s); i++)
		hx_text_printf(out, "seq=%llu t_ns=%llu line=%u owner=%s cause=%s interrupts=%u "
			       "pause_ms=%llu\n", (unsigned long long)s.seq,
			       (unsigned long long)s.t_ns, s.line, s.owner, s.cause, s.n,
			       (unsigned long long)(s.pause_ns / HX_NS_PER_MS));
	return 0;
}

static const struct hx_node storms_node = {
	.path = "/irq/storms", .help = "the last 16 storms: line, owner, cause, pause",
	.rights = HX_NODE_READ, .max_bytes = 200 * IRQ_STORMS_KEPT, .show = storms_show,
};
HX_NODE(storms_node);
