// SPDX-License-Identifier: MIT
/*
 * The rest of the machine in a report: what the other CPUs were doing when they were stopped, who
 * sits in the slots, what was loaded, which locks are held.
 *
 * Each CPU notes itself on its way into its last halt (interrupt or NMI), before it counts as
 * stopped; the one that reports reads the notes then. Nothing here waits for a CPU without a bound.
 */
#include <hx/config/core_lib.h>
#include <hx/core/lock.h>
#include <hx/core/panic.h>
#include <hx/core/slot.h>
#include <hx/core/smp.h>
#include <hx/core/text.h>
#include <hx/core/thread.h>
#include <hx/hal/smp.h>
#include <hx/hal/trap.h>

#include "panic_priv.h"

#define NOTE_CALLERS	12u
#define NMI_TRIES	(1u << 22)

/* Written by that CPU, read when it is stopped. */
static struct note {
	bool is_there, by_nmi;
	uint32_t thread;		/* 0: none yet */
	char name[HX_THREAD_NAME_MAX + 1];
	uintptr_t at;			/* 0: not known */
	uint32_t n;
	uintptr_t callers[NOTE_CALLERS];
} notes[HX_CPUS];

static void (*show_modules)(struct hx_text *out);

void hx_panic_set_modules(void (*show)(struct hx_text *out))
{
	show_modules = show;
}

void panic_note_cpu(const struct hx_trap_frame *f)
{
	struct note *n = &notes[hx_percpu()->cpu];
	const struct hx_thread *t = hx_percpu()->current;
	bool exact;

	if (n->is_there)
		return;
	n->by_nmi = f != NULL;
	n->thread = t != NULL ? t->id : 0;
	for (unsigned i = 0; t != NULL && i < HX_THREAD_NAME_MAX; i++)
		n->name[i] = t->name[i];
	if (HX_ENABLED(SMP))
		n->at = f != NULL ? hx_trap_pc(f) : hx_interrupted_pc();
	n->n = (uint32_t)hx_backtrace(f, n->callers, NOTE_CALLERS, &exact);
	n->is_there = true;
}

void hx_panic_stopping(void)
{
	if (__atomic_load_n(&panic_cpu, __ATOMIC_ACQUIRE) != 0)
		panic_note_cpu(NULL);
}

void panic_stop_by_nmi(void)
{
	uint64_t left;

	if (!HX_ENABLED(SMP))
		return;
	left = hx_cpus_online().bits & ~(1ull << hx_percpu()->cpu);
	for (uint64_t to = left; to != 0;)
		hx_cpu_nmi(hx_cpumask_take(&to));
	for (unsigned i = 0; i < NMI_TRIES && (hx_cpus_online().bits & left) != 0; i++)
		hx_cpu_relax();
}

static void put_note(struct hx_text *out, unsigned cpu)
{
	const struct note *n = &notes[cpu];

	hx_text_printf(out, "cpu %u: ", cpu);
	if (!n->is_there) {
		hx_text_puts(out, "does not answer\n");
		return;
	}
	hx_text_printf(out, "thread %u %s, stopped by an %s\n", n->thread, n->name,
		       n->by_nmi ? "NMI" : "interrupt");
	if (n->at != 0) {
		hx_text_puts(out, "  at ");
		hx_symbolize(out, n->at);
		hx_text_puts(out, "\n");
	}
	for (uint32_t i = 0; i < n->n; i++) {
		hx_text_puts(out, "  by ");
		hx_symbolize(out, n->callers[i]);
		hx_text_puts(out, "\n");
	}
}

static void put_slots(struct hx_text *out)
{
	const struct hx_kind *const *it;

	hx_text_puts(out, "slots:");
	HX_SECTION_FOREACH(it, hx_kinds) {
		const struct hx_provider *p = (*it)->current != NULL ? *(*it)->current : NULL;

		hx_text_printf(out, " %s=%s", (*it)->slot, p != NULL ? p->name : "-");
	}
	hx_text_puts(out, "\n");
}

void panic_put_state(struct hx_text *out)
{
	for (unsigned cpu = 0; HX_ENABLED(SMP) && cpu < HX_CPUS; cpu++)
		if (cpu != hx_percpu()->cpu && (hx_cpu_state(cpu) == HX_CPU_STOPPED ||
						hx_cpu_state(cpu) == HX_CPU_ONLINE))
			put_note(out, cpu);
	for (unsigned cpu = 0; HX_ENABLED(DEBUG_LOCKS) && cpu < HX_CPUS; cpu++)
		hx_lock_debug_show(out, cpu);
	put_slots(out);
	if (show_modules != NULL)
		show_modules(out);
}
