/* SPDX-License-Identifier: MIT */
/*
 * Several CPUs: which run, and having something done on another one.
 *
 * With CONFIG_SMP off there is one CPU, number 0, and all of this is inline and costs nothing. So
 * callers need not ask: they write it for several CPUs.
 */
#ifndef HX_CORE_SMP_H
#define HX_CORE_SMP_H

#include <hx/base.h>
#include <hx/config/hal_common.h>
#include <hx/hal/cpu.h>
#include <hx/hal/mmu.h>
#include <hx/hal/percpu.h>

/* A set of CPUs. */
struct hx_cpumask {
	uint64_t bits;
};

static inline bool hx_cpumask_has(const struct hx_cpumask *m, unsigned cpu)
{
	return (m->bits >> cpu & 1) != 0;
}

static inline unsigned hx_cpumask_count(const struct hx_cpumask *m)
{
	unsigned n = 0;

	for (uint64_t bits = m->bits; bits != 0; bits &= bits - 1)
		n++;
	return n;
}

/* Another CPU may change m at the same time. */
static inline void hx_cpumask_set(struct hx_cpumask *m, unsigned cpu)
{
	__atomic_fetch_or(&m->bits, 1ull << cpu, __ATOMIC_SEQ_CST);
}

static inline void hx_cpumask_clear(struct hx_cpumask *m, unsigned cpu)
{
	__atomic_fetch_and(&m->bits, ~(1ull << cpu), __ATOMIC_SEQ_CST);
}

/* For each CPU of a uint64_t that is used up: while (bits != 0) { cpu = hx_cpumask_take(&bits); */
static inline unsigned hx_cpumask_take(uint64_t *bits)
{
	unsigned cpu = (unsigned)__builtin_ctzll(*bits);

	*bits &= *bits - 1;
	return cpu;
}

enum hx_cpu_state {
	HX_CPU_ABSENT,		/* the machine has no such CPU */
	HX_CPU_UNUSED,		/* there, but not wanted, or more than this kernel can run on */
	HX_CPU_STARTING,
	HX_CPU_ONLINE,
	HX_CPU_LEFT_OUT,	/* did not answer */
	HX_CPU_STOPPED,		/* halted for ever: the kernel is ending */
};

typedef void (*hx_cpu_fn_t)(void *arg);

/* Something to be done on another CPU, in the caller's memory until it is. Field keys: c constant
 * while it is on its way, a atomic. */
struct hx_cpu_work {
	struct hx_cpu_work_node {
		struct hx_cpu_work_node *next;	/* c */
		struct hx_cpu_work *work;	/* c */
	} node;
	hx_cpu_fn_t fn;				/* c */
	void *arg;				/* c */
	uint32_t n_left;			/* a CPUs that have not returned from fn */
};

static inline bool hx_cpu_work_is_done(const struct hx_cpu_work *w)
{
	return __atomic_load_n(&w->n_left, __ATOMIC_ACQUIRE) == 0;
}

#if CONFIG_SMP

/**
 * hx_cpus_online() - the CPUs that run.
 *
 * Returns: the set now; it grows while CPUs start and shrinks when the kernel ends.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    one load.
 * Source:  -
 */
struct hx_cpumask hx_cpus_online(void);

/**
 * hx_cpu_state() - what became of a CPU.
 * @cpu: any number
 *
 * Returns: its state; HX_CPU_ABSENT past the last one.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    one load.
 * Source:  -
 */
enum hx_cpu_state hx_cpu_state(unsigned cpu);

/**
 * hx_smp_set_cpu_main() - what the other CPUs do from now on.
 * @fn: called once on each of them, on its own stack, interrupts off; must not return
 *
 * Until it is set they halt, with interrupts on, and answer what other CPUs want. May be set before
 * they are started or afterwards. It is called after the CPU is in hx_cpus_online(); its timer does
 * not run yet (hx_timer_periodic()).
 *
 * Returns: nothing.
 * Context: boot or thread, once.
 * Locks:   none.
 * Owner:   core/thread.
 * Cost:    one store, and a kick to each CPU.
 * Source:  -
 */
void hx_smp_set_cpu_main(void (*fn)(unsigned cpu));

/**
 * hx_cpu_call() - call a function on a CPU and wait until it returned.
 * hx_cpu_call_others() - the same on all online CPUs but this one, at the same time.
 * hx_cpu_call_all() - the same on all, here too.
 * @cpu: which; also this one
 * @fn:  called in an interrupt there, interrupts off; must not sleep; may itself use these, which
 *       costs 16 bytes of stack per CPU for each level
 * @arg: its argument
 *
 * Returns: 0; -HX_ENODEV that CPU does not run. The others: nothing.
 * Context: any but NMI. While it waits it answers calls of others, also with interrupts off.
 * Locks:   none held that @fn, or code with interrupts off elsewhere, may wait for.
 * Owner:   @arg stays the caller's.
 * Cost:    an interrupt round trip: ipi.round_trip.
 * Source:  -
 */
HX_MUST_CHECK int hx_cpu_call(unsigned cpu, hx_cpu_fn_t fn, void *arg);
void hx_cpu_call_others(hx_cpu_fn_t fn, void *arg);
void hx_cpu_call_all(hx_cpu_fn_t fn, void *arg);

/**
 * hx_cpu_post() - have a function called on a CPU and do not wait.
 * @cpu: which; also this one
 * @w:   fn and arg set; not on its way
 *
 * Returns: 0; -HX_ENODEV that CPU does not run. hx_cpu_work_is_done() tells when it was called.
 * Context: any but NMI.
 * Locks:   none.
 * Owner:   @w is the other CPU's until it is done.
 * Cost:    hx_ipi_send() and one atomic operation.
 * Source:  -
 */
HX_MUST_CHECK int hx_cpu_post(unsigned cpu, struct hx_cpu_work *w);

/**
 * hx_cpu_kick() - have a CPU look at its run queue: a preemption is due there.
 * @cpu: an online CPU; this one: need_resched is set and nothing is sent
 *
 * Returns: nothing. There, need_resched becomes HX_ENQUEUE_PREEMPT if threads run on it and none
 *          was due, and the interrupt ends in a preemption as any other does.
 * Context: any but NMI, interrupts off if @cpu may be this one.
 * Locks:   none; may be called with the run queue's lock held.
 * Owner:   -
 * Cost:    hx_ipi_send().
 * Source:  -
 */
void hx_cpu_kick(unsigned cpu);

/**
 * hx_tlb_shootdown() - have CPUs forget translations.
 * @cpus:    those that may hold them; NULL: all. Those that are not online are left out
 * @va:      first address, page aligned
 * @n_pages: how many; beyond HX_TLB_RANGE_MAX a CPU forgets everything, global pages too
 *
 * Call it after the page tables changed and before what was mapped is used for something else. When
 * it returns, no CPU of @cpus can reach the old pages through these addresses. For an address space
 * @cpus is the set of CPUs that have it loaded: a CPU that loads it later reads the new tables, so
 * the CPU must be in the set before it loads the space, and may leave it after it loaded another.
 *
 * Returns: nothing.
 * Context: thread or boot, with interrupts on or off; not in an interrupt. While it waits it
 *          answers requests of others.
 * Locks:   the caller may hold spinlocks: CPUs that spin for them answer (hx_spin_poll). It must
 *          not hold one that others wait for in a loop of their own.
 * Owner:   -
 * Cost:    this CPU: one INVLPG per page; others: an interrupt each, at the same time:
 *          tlb.shootdown.<cpus>. Nothing is sent if no other CPU is in the set.
 * Source:  Black et al. (ASPLOS 1989); Intel SDM vol. 3, 4.10.5. Model:
 *          test/models/tlb_shootdown.pml.
 */
void hx_tlb_shootdown(const struct hx_cpumask *cpus, uintptr_t va, size_t n_pages);

/**
 * hx_smp_answer() - do what other CPUs want of this one, if their interrupt has not come.
 *
 * In each tick, where an interrupt that is lost would leave this CPU deaf, and while waiting.
 *
 * Returns: nothing; not at all if this CPU was told to stop.
 * Context: any but NMI, holding no lock that a function of hx_cpu_call() may want.
 * Locks:   none.
 * Owner:   -
 * Cost:    a load; else as the interrupt.
 * Source:  -
 */
void hx_smp_answer(void);

/**
 * hx_smp_stop_others() - halt all other CPUs, for ever.
 *
 * Returns: how many did not halt in time: they have interrupts off, or are broken. They halt as
 *          soon as they turn them on.
 * Context: any; for panics and for the end of the kernel.
 * Locks:   none.
 * Owner:   -
 * Cost:    an interrupt round trip; if one does not answer, 100 ms of this CPU's own time.
 * Source:  -
 */
unsigned hx_smp_stop_others(void);

/**
 * hx_smp_stop_self() - this CPU is not online any more, and halts for ever.
 *
 * Returns: never.
 * Context: any.
 * Locks:   what it holds stays held.
 * Owner:   -
 * Cost:    the CPU.
 * Source:  -
 */
HX_NORETURN void hx_smp_stop_self(void);

#else

static inline struct hx_cpumask hx_cpus_online(void)
{
	return (struct hx_cpumask){ 1 };
}

static inline enum hx_cpu_state hx_cpu_state(unsigned cpu)
{
	return cpu == 0 ? HX_CPU_ONLINE : HX_CPU_UNUSED;
}

static inline void hx_smp_set_cpu_main(void (*fn)(unsigned cpu))
{
	(void)fn;
}

HX_MUST_CHECK static inline int hx_cpu_call(unsigned cpu, hx_cpu_fn_t fn, void *arg)
{
	hx_irqflags_t flags;

	if (cpu != 0)
		return -HX_ENODEV;
	flags = hx_irq_save();
	fn(arg);
	hx_irq_restore(flags);
	return 0;
}

static inline void hx_cpu_call_others(hx_cpu_fn_t fn, void *arg)
{
	(void)fn;
	(void)arg;
}

static inline void hx_cpu_call_all(hx_cpu_fn_t fn, void *arg)
{
	hx_irqflags_t flags = hx_irq_save();

	fn(arg);
	hx_irq_restore(flags);
}

HX_MUST_CHECK static inline int hx_cpu_post(unsigned cpu, struct hx_cpu_work *w)
{
	w->n_left = 0;
	return hx_cpu_call(cpu, w->fn, w->arg);
}

static inline void hx_cpu_kick(unsigned cpu)
{
	(void)cpu;
}

static inline void hx_tlb_shootdown(const struct hx_cpumask *cpus, uintptr_t va, size_t n_pages)
{
	(void)cpus;
	hx_tlb_flush(va, n_pages);
}

static inline void hx_smp_answer(void)
{
}

static inline unsigned hx_smp_stop_others(void)
{
	return 0;
}

HX_NORETURN static inline void hx_smp_stop_self(void)
{
	for (;;)
		hx_cpu_relax();
}

#endif

static inline unsigned hx_cpu_count(void)
{
	const struct hx_cpumask online = hx_cpus_online();

	return hx_cpumask_count(&online);
}

#endif
