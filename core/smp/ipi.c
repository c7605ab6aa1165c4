/* SPDX-License-Identifier: MIT */
/*
 * What CPUs want of each other: one interrupt, and a word of reasons at the receiver.
 *
 * 1 Concepts. A work is a node in the target's list, in the caller's memory until the target
 *   counted it done. Others push in front of an incoming list; its CPU turns that round into a list
 *   of its own, so works are done in the order in which they came. It takes one at a time and not
 *   the whole list: a function may itself call others and wait, and meanwhile the rest has to be
 *   answered.
 * 2 Locking. None. Anybody pushes, by compare-and-swap; the CPU takes all that came by an exchange,
 *   and its own list is touched with interrupts off alone.
 * 3 Waiting. Two CPUs may call each other with interrupts off. So whoever waits for an answer
 *   answers; and whoever spins for a lock forgets translations (hx_spin_poll), but calls no
 *   function, which might want that lock.
 * 4 A lost interrupt. While a word of reasons is not 0 nobody sends another interrupt, so one that
 *   does not arrive would make that CPU deaf. Its tick looks (hx_smp_answer()): what was wanted is
 *   late then, and no more.
 * 5 The end. A panic stops the others wherever they are. An orderly end goes on to use the heap and
 *   the run queues, so it asks each CPU, again and again, to halt where it holds no spinlock and
 *   waits for none: one that halts in a queue for a lock leaves it closed for ever.
 */
#include <hx/core/assert.h>
#include <hx/core/irq.h>
#include <hx/core/sched_class.h>
#include <hx/hal/irq.h>
#include <hx/hal/smp.h>
#include <hx/hal/timer.h>

#include "smp_priv.h"

#define STOP_NS		(100 * HX_NS_PER_MS)
#define QUIT_AGAIN_NS	HX_NS_PER_MS
#define CALL_BATCH	64u

/* Field keys: a atomic, o its CPU with interrupts off. */
static struct HX_ALIGNED(64) call_list {
	struct hx_cpu_work_node *incoming;	/* a last come, first */
	struct hx_cpu_work_node *ready;		/* o first come, first */
} call_lists[HX_CPUS];

static void call_push(unsigned cpu, struct hx_cpu_work_node *n, struct hx_cpu_work *w)
{
	struct hx_cpu_work_node **head = &call_lists[cpu].incoming;

	n->work = w;
	n->next = __atomic_load_n(head, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(head, &n->next, n, false, __ATOMIC_ACQ_REL,
					    __ATOMIC_RELAXED))
		;
	hx_ipi_send(cpu, HX_IPI_CALL);
}

/* Interrupts off. */
static struct hx_cpu_work_node *call_take(void)
{
	struct call_list *list = &call_lists[hx_percpu()->cpu];
	struct hx_cpu_work_node *n = list->ready, *came;

	if (n == NULL) {
		came = __atomic_exchange_n(&list->incoming, NULL, __ATOMIC_ACQUIRE);
		while (came != NULL) {
			struct hx_cpu_work_node *before = came->next;

			came->next = n;
			n = came;
			came = before;
		}
	}
	list->ready = n != NULL ? n->next : NULL;
	return n;
}

/* A bounded number, so that work which posts work does not keep the CPU in the interrupt. */
static void call_answer(void)
{
	struct hx_cpu_work_node *n = NULL;
	unsigned done = 0;

	while (done++ < CALL_BATCH && (n = call_take()) != NULL) {
		struct hx_cpu_work *w = n->work;

		w->fn(w->arg);
		__atomic_fetch_sub(&w->n_left, 1, __ATOMIC_RELEASE);	/* it is gone now */
	}
	if (n != NULL)
		hx_ipi_send(hx_percpu()->cpu, HX_IPI_CALL);
}

/* Interrupts off. */
static void ipi_answer(uint32_t reasons)
{
	if ((reasons & HX_IPI_STOP) ||
	    ((reasons & HX_IPI_QUIT) && hx_percpu()->preempt_off == 0))
		hx_smp_stop_self();
	if (reasons & HX_IPI_TLB)
		smp_tlb_answer();
	if (reasons & HX_IPI_CALL)
		call_answer();
	if ((reasons & HX_IPI_RESCHED) && hx_percpu()->current != NULL &&
	    hx_percpu()->need_resched == 0)
		hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
}

static void ipi_arrived(void *arg)
{
	ipi_answer(hx_ipi_take());
}

void hx_smp_answer(void)
{
	hx_irqflags_t flags;

	if (__atomic_load_n(&hx_percpu_self()->ipi_reasons, __ATOMIC_RELAXED) == 0)
		return;
	flags = hx_irq_save();
	ipi_answer(hx_ipi_take());
	hx_irq_restore(flags);
}

/* Preemption or interrupts are off. Calls and kicks stay wanted. */
static void ipi_poll_in_lock(void)
{
	uint32_t *reasons = &hx_percpu_self()->ipi_reasons;

	if ((__atomic_load_n(reasons, __ATOMIC_RELAXED) & (HX_IPI_TLB | HX_IPI_STOP)) == 0)
		return;
	if (__atomic_fetch_and(reasons, ~(uint32_t)HX_IPI_TLB, __ATOMIC_ACQ_REL) & HX_IPI_STOP)
		hx_smp_stop_self();
	smp_tlb_answer();
}

/* Preemption is off. */
static void call_on(uint64_t cpus, struct hx_cpu_work *w, bool here_too)
{
	struct hx_cpu_work_node nodes[HX_CPUS];
	hx_irqflags_t flags;

	w->n_left = hx_cpumask_count(&(struct hx_cpumask){ cpus });
	while (cpus != 0) {
		unsigned cpu = hx_cpumask_take(&cpus);

		call_push(cpu, &nodes[cpu], w);
	}
	if (here_too) {
		flags = hx_irq_save();
		w->fn(w->arg);
		hx_irq_restore(flags);
	}
	while (!hx_cpu_work_is_done(w)) {
		hx_smp_answer();
		hx_cpu_relax();
	}
}

int hx_cpu_call(unsigned cpu, hx_cpu_fn_t fn, void *arg)
{
	struct hx_cpu_work w = { .fn = fn, .arg = arg };
	bool is_online, is_here;

	hx_preempt_disable();
	is_online = cpu < HX_CPUS && hx_cpumask_has(&smp_online, cpu);
	is_here = cpu == hx_percpu()->cpu;
	if (is_online)
		call_on(is_here ? 0 : 1ull << cpu, &w, is_here);
	hx_preempt_enable();
	return is_online ? 0 : -HX_ENODEV;
}

static uint64_t others(void)
{
	return hx_cpus_online().bits & ~(1ull << hx_percpu()->cpu);
}

static void call_many(hx_cpu_fn_t fn, void *arg, bool here_too)
{
	struct hx_cpu_work w = { .fn = fn, .arg = arg };

	hx_preempt_disable();
	call_on(others(), &w, here_too);
	hx_preempt_enable();
}

void hx_cpu_call_others(hx_cpu_fn_t fn, void *arg)
{
	call_many(fn, arg, false);
}

void hx_cpu_call_all(hx_cpu_fn_t fn, void *arg)
{
	call_many(fn, arg, true);
}

int hx_cpu_post(unsigned cpu, struct hx_cpu_work *w)
{
	if (cpu >= HX_CPUS || !hx_cpumask_has(&smp_online, cpu))
		return -HX_ENODEV;
	w->n_left = 1;
	call_push(cpu, &w->node, w);
	return 0;
}

void hx_cpu_kick(unsigned cpu)
{
	if (cpu != hx_percpu()->cpu)
		hx_ipi_send(cpu, HX_IPI_RESCHED);
	else if (hx_percpu()->need_resched == 0)
		hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
}

/* Those that have not halted when patience ends. */
static uint64_t stop(enum hx_ipi how, hx_ns_t ns)
{
	struct smp_patience p = smp_patience(ns);
	uint64_t left = others();

	for (uint64_t to = left; to != 0;)
		hx_ipi_send(hx_cpumask_take(&to), how);
	while (left != 0 && smp_patience_lasts(&p))
		left = others();
	return left;
}

unsigned hx_smp_stop_others(void)
{
	uint64_t left = stop(HX_IPI_STOP, STOP_NS);

	return hx_cpumask_count(&(struct hx_cpumask){ left });
}

unsigned smp_quit_others(void)
{
	for (hx_ns_t ns = 0; ns < STOP_NS; ns += QUIT_AGAIN_NS)
		if (stop(HX_IPI_QUIT, QUIT_AGAIN_NS) == 0)
			return 0;
	return hx_smp_stop_others();
}

static void nothing(void *arg)
{
}

/* Interrupts do not nest: who takes this one is in no other. */
static void others_take_an_interrupt(void)
{
	hx_cpu_call_others(nothing, NULL);
}

static struct hx_irq_action ipi_action = { .name = "ipi", .handler = ipi_arrived };

int smp_ipi_start(void)
{
	int err = hx_irq_attach(hx_ipi_line(), &ipi_action);

	if (err != 0)
		return err;
	hx_spin_poll = ipi_poll_in_lock;
	hx_irq_set_sync(others_take_an_interrupt);
	return 0;
}

void smp_ipi_stop(void)
{
	hx_irq_set_sync(NULL);
	if (others() == 0)
		hx_irq_detach(hx_ipi_line(), &ipi_action);
}
