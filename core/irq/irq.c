// SPDX-License-Identifier: MIT
/*
 * Interrupts: from the machine's one up-call to the handlers of a line.
 *
 * 1 Concepts. Each line has a chain of actions; all of them are called, since a shared line does
 *   not say who raised it. An interrupt on a line without actions is counted as unclaimed and
 *   nothing else: a machine may raise lines nobody asked for.
 * 2 Locking. The table changes under irq_lock with interrupts off; the dispatcher reads it with
 *   interrupts off and no lock. On one CPU that excludes the writer. With several, an action that
 *   was taken off is given back only after every other CPU was seen outside of a dispatch: it took
 *   an interrupt of its own for that (irq_sync, set by core/smp).
 * 3 Cost. Measured by irq.entry_exit. The way in and out is the hal's; between them lie one index
 *   check, one load, and per action a call and a counter.
 */
#include <hx/core/fault.h>
#include <hx/core/init.h>
#include <hx/core/irq.h>
#include <hx/core/lock.h>
#include <hx/hal/irq.h>

#include "irq_priv.h"

struct hx_spinlock irq_lock = HX_SPINLOCK_INIT("irq", HX_RANK_DRIVER);
struct hx_irq_action *irq_lines[HX_IRQ_LINES];		/* irq_lock; read with interrupts off */
static uint64_t irq_unclaimed;				/* a */
void (*irq_sync)(void);					/* c; NULL: one CPU */

static void irq_exit_none(void)
{
	/* Before threads exist there is nobody to switch to. */
}

static void (*irq_exit)(void) = irq_exit_none;

void hx_irq_set_exit(void (*fn)(void))
{
	irq_exit = fn != NULL ? fn : irq_exit_none;
}

void hx_irq_set_sync(void (*fn)(void))
{
	if (!HX_ENABLED(ONE_CPU))
		irq_sync = fn;
}

/* Several CPUs may count the same thing: their timers, interrupts between them. */
static HX_ALWAYS_INLINE void count_up(uint64_t *n)
{
	if (HX_ENABLED(ONE_CPU))
		(*n)++;
	else
		__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

HX_FAULT_POINT_OF(irq, "irq.lost", HX_FAULT_LOST, "no handler hears of an interrupt");

static void irq_dispatch(uint32_t line, struct hx_trap_frame *frame)
{
	struct hx_irq_action *a = line < HX_IRQ_LINES ? irq_lines[line] : NULL;

	if (HX_ENABLED(IRQ_ROUTER) && HX_LIKELY(line < HX_IRQ_LINES))
		irq_counts[HX_CPUS == 1 ? 0 : hx_percpu()->cpu][line]++;
	if (HX_UNLIKELY(a == NULL)) {
		count_up(&irq_unclaimed);
		return;
	}
	if (hx_fault_hits("irq.lost"))
		return;
	hx_percpu()->irq_depth++;
	do {
		/* Before the handler: it may detach itself and give the struct up. */
		struct hx_irq_action *next = a->next;

		count_up(&a->count);
		a->handler(a->arg);
		a = next;
	} while (HX_UNLIKELY(a != NULL));
	hx_percpu()->irq_depth--;
}

static void irq_leave(void)
{
	if (hx_percpu()->need_resched != 0 && hx_percpu()->preempt_off == 0)
		irq_exit();
}

int hx_irq_attach(uint32_t line, struct hx_irq_action *a)
{
	struct hx_irq_action **link;
	hx_irqflags_t flags;

	if (line >= HX_IRQ_LINES || a->handler == NULL)
		return -HX_EINVAL;
	flags = hx_spin_lock_irqsave(&irq_lock);
	for (link = &irq_lines[line]; *link != NULL && *link != a; link = &(*link)->next)
		;
	if (*link == a) {
		hx_spin_unlock_irqrestore(&irq_lock, flags);
		return -HX_EEXIST;
	}
	if (HX_ENABLED(IRQ_ROUTER) && (irq_routed >> line & 1) != 0) {
		hx_spin_unlock_irqrestore(&irq_lock, flags);
		return -HX_EBUSY;
	}
	a->count = 0;
	a->next = NULL;
	*link = a;
	hx_irq_line_unmask(line);
	hx_spin_unlock_irqrestore(&irq_lock, flags);
	return 0;
}

void hx_irq_detach(uint32_t line, struct hx_irq_action *a)
{
	struct hx_irq_action **link;
	hx_irqflags_t flags;

	if (line >= HX_IRQ_LINES)
		return;
	flags = hx_spin_lock_irqsave(&irq_lock);
	for (link = &irq_lines[line]; *link != NULL && *link != a; link = &(*link)->next)
		;
	if (*link == a) {
		*link = a->next;
		if (irq_lines[line] == NULL)
			hx_irq_line_mask(line);
	}
	hx_spin_unlock_irqrestore(&irq_lock, flags);
	irq_wait_for_others();
}

bool irq_snapshot(uint32_t line, unsigned idx, struct hx_irq_action *out)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&irq_lock);
	const struct hx_irq_action *a = irq_lines[line];

	while (a != NULL && idx-- > 0)
		a = a->next;
	if (a != NULL)
		*out = *a;
	hx_spin_unlock_irqrestore(&irq_lock, flags);
	return a != NULL;
}

uint64_t irq_n_unclaimed(void)
{
	return irq_unclaimed;
}

static int irq_init(void)
{
	return hx_hal_irq_init(irq_dispatch, irq_leave);
}

HX_COMPONENT(irq) = {
	.name = "irq", .phase = HX_PHASE_CORE, .version = 1,
	.init = irq_init,
};
