// SPDX-License-Identifier: MIT
/*
 * What is said of a line from outside: which CPUs may take it, its limit, the end of its pause.
 *
 * The controller's entry of a line names one CPU, so of the CPUs that may take it the one with the
 * fewest lines does. An entry changes while it is masked; for an edge that may have come meanwhile
 * the handlers are called once.
 */
#include "irq_router_priv.h"

/* irq_lock held. */
static unsigned lines_of(unsigned cpu, const struct irq_line *but)
{
	unsigned n = 0;

	for (uint32_t line = 0; line < HX_IRQ_LINES; line++)
		n += router_lines[line] != NULL && router_lines[line] != but &&
		     router_lines[line]->cpu == cpu;
	return n;
}

/* irq_lock held; bits is not 0. */
static unsigned least_busy(uint64_t bits, const struct irq_line *l)
{
	unsigned best = hx_cpumask_take(&bits), n_best = lines_of(best, l);

	while (bits != 0) {
		unsigned cpu = hx_cpumask_take(&bits), n = lines_of(cpu, l);

		if (n < n_best) {
			best = cpu;
			n_best = n;
		}
	}
	return best;
}

static int set_affinity_locked(uint32_t line, struct hx_cpumask cpus)
{
	struct irq_line *l = line < HX_IRQ_LINES ? router_lines[line] : NULL;
	uint64_t may = cpus.bits & hx_cpus_online().bits;
	unsigned cpu;
	int err;

	if (may == 0)
		return -HX_EINVAL;
	if (l == NULL)
		return -HX_ENOENT;
	cpu = least_busy(may, l);
	hx_irq_line_mask(line);
	err = hx_irq_line_route(line, cpu);
	if (err == 0) {
		l->affinity = cpus;
		l->cpu = cpu;
	}
	if (l->is_paused)
		return err;
	hx_irq_line_unmask(line);
	if (err == 0 && !hx_irq_line_is_level(line))
		hx_irq_line_resend(line);
	return err;
}

int hx_irq_set_affinity(uint32_t line, struct hx_cpumask cpus)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&irq_lock);
	int err = set_affinity_locked(line, cpus);

	hx_spin_unlock_irqrestore(&irq_lock, flags);
	return err;
}

int hx_irq_set_limit(uint32_t line, uint64_t per_second)
{
	hx_irqflags_t flags;
	struct irq_line *l;

	if (per_second < IRQ_WINDOWS_PER_S || per_second / IRQ_WINDOWS_PER_S > INT32_MAX)
		return -HX_EINVAL;
	flags = hx_spin_lock_irqsave(&irq_lock);
	l = line < HX_IRQ_LINES ? router_lines[line] : NULL;
	if (l != NULL) {
		l->window = (int32_t)(per_second / IRQ_WINDOWS_PER_S);
		l->left = l->window;
	}
	hx_spin_unlock_irqrestore(&irq_lock, flags);
	return l != NULL ? 0 : -HX_ENOENT;
}

int hx_irq_resume(uint32_t line)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&irq_lock);
	struct irq_line *l = line < HX_IRQ_LINES ? router_lines[line] : NULL;

	if (l != NULL)
		storm_open(l);
	hx_spin_unlock_irqrestore(&irq_lock, flags);
	return l != NULL ? 0 : -HX_ENOENT;
}
