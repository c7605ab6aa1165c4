/* SPDX-License-Identifier: MIT */
/*
 * Bringing the other CPUs up, one by one, and the component "cpus".
 *
 * A CPU that does not answer within START_NS is reset again, so that it cannot wake up later on
 * stacks that are somebody else's, reported, and left out. The kernel goes on with the others.
 *
 * A CPU comes in like this: hal (tables, protection, APIC) -> smp_enter(): online, everything it
 * may have seen of the memory map before that is forgotten -> the function of core/thread, which
 * runs its idle thread; without one it halts and answers.
 */
#include <hx/core/cmdline.h>
#include <hx/core/fault.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/stack.h>
#include <hx/core/string.h>
#include <hx/hal/smp.h>
#include <hx/hal/timer.h>

#include "smp_priv.h"

#define RESET_NS	(10 * HX_NS_PER_MS)	/* between reset and start: SDM vol. 3, 9.4.4.1 */
#define AGAIN_NS	(200 * HX_NS_PER_US)	/* before the start-up interrupt is sent again */
#define START_NS	(1000 * HX_NS_PER_MS)	/* emulated, on a busy machine; else microseconds */
#define N_STACKS	(1 + HX_CPU_TRAP_STACKS)

HX_WORD(cpus, "helix.cpus", "<n>: run on at most that many CPUs");
HX_FAULT_POINT(cpu_start, "cpu.start", "a CPU does not answer when it is started");

/* Field keys: s the flow that starts CPUs, a atomic. */
static struct {
	uint8_t state;			/* a enum hx_cpu_state */
	void *stacks[N_STACKS];		/* s */
} cpus[HX_CPUS] = { { .state = HX_CPU_ONLINE } };

struct hx_cpumask smp_online = { 1 };
static void (*cpu_main)(unsigned cpu);	/* a */

struct hx_cpumask hx_cpus_online(void)
{
	return (struct hx_cpumask){ __atomic_load_n(&smp_online.bits, __ATOMIC_SEQ_CST) };
}

enum hx_cpu_state hx_cpu_state(unsigned cpu)
{
	if (cpu < HX_CPUS)
		return __atomic_load_n(&cpus[cpu].state, __ATOMIC_ACQUIRE);
	return cpu < hx_cpus_present() ? HX_CPU_UNUSED : HX_CPU_ABSENT;
}

static void set_state(unsigned cpu, enum hx_cpu_state state)
{
	__atomic_store_n(&cpus[cpu].state, state, __ATOMIC_RELEASE);
}

void hx_smp_set_cpu_main(void (*fn)(unsigned cpu))
{
	uint64_t others = hx_cpus_online().bits & ~(1ull << hx_percpu()->cpu);

	__atomic_store_n(&cpu_main, fn, __ATOMIC_RELEASE);
	while (others != 0)
		hx_cpu_kick(hx_cpumask_take(&others));
}

HX_NORETURN void hx_smp_stop_self(void)
{
	unsigned cpu = hx_percpu()->cpu;

	hx_irq_disable();
	set_state(cpu, HX_CPU_STOPPED);
	hx_cpumask_clear(&smp_online, cpu);
	hx_cpu_halt();
}

/* The first code of core on another CPU; interrupts off. */
static void smp_enter(unsigned cpu)
{
	uint8_t starting = HX_CPU_STARTING;
	void (*main_fn)(unsigned cpu);

	if (!__atomic_compare_exchange_n(&cpus[cpu].state, &starting, HX_CPU_ONLINE, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		hx_cpu_halt();		/* too late */
	hx_cpumask_set(&smp_online, cpu);
	hx_tlb_flush(0, SIZE_MAX);
	for (;;) {
		hx_irq_disable();
		main_fn = __atomic_load_n(&cpu_main, __ATOMIC_ACQUIRE);
		if (main_fn != NULL)
			main_fn(cpu);
		hx_cpu_idle();
	}
}

/* Nothing else sleeps: threads may not have started. True: the CPU is there. */
static bool wait_for(unsigned cpu, hx_ns_t ns)
{
	hx_ns_t until = hx_now_ns() + ns;

	while (hx_cpu_state(cpu) != HX_CPU_ONLINE) {
		if (hx_now_ns() >= until)
			return false;
		hx_cpu_relax();
	}
	return true;
}

static void give_stacks(unsigned cpu)
{
	for (unsigned i = 0; i < N_STACKS; i++) {
		if (cpus[cpu].stacks[i] != NULL)
			hx_stack_free(cpus[cpu].stacks[i]);
		cpus[cpu].stacks[i] = NULL;
	}
}

static int take_stacks(unsigned cpu, struct hx_cpu_start *how)
{
	uintptr_t top[N_STACKS];

	for (unsigned i = 0; i < N_STACKS; i++) {
		size_t bytes;
		int err = hx_stack_alloc(&cpus[cpu].stacks[i], &bytes);

		if (err == 0 && bytes < HX_CPU_TRAP_STACK_MIN)
			err = -HX_EOVERFLOW;
		if (err != 0) {
			give_stacks(cpu);
			return err;
		}
		top[i] = (uintptr_t)cpus[cpu].stacks[i] + bytes;
	}
	how->stack_top = top[0];
	memcpy(how->trap_stack_top, top + 1, sizeof(how->trap_stack_top));
	how->entry = smp_enter;
	return 0;
}

static int start_cpu(unsigned cpu)
{
	struct hx_cpu_start how;
	uint8_t starting = HX_CPU_STARTING;
	int err = take_stacks(cpu, &how);
	bool mute = hx_fault_hits("cpu.start");

	if (err != 0)
		return err;
	set_state(cpu, HX_CPU_STARTING);
	for (unsigned i = 0; i < 2 && err == 0; i++) {
		if (!mute)
			err = hx_cpu_start(cpu, i == 0 ? &how : NULL);
		if (err == 0 && wait_for(cpu, i == 0 ? AGAIN_NS : START_NS))
			return 0;
	}
	/* The last moment in which it can come; if it does, it is here. */
	if (!__atomic_compare_exchange_n(&cpus[cpu].state, &starting, HX_CPU_LEFT_OUT, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return 0;
	if (hx_cpu_reset(cpu) == 0)
		give_stacks(cpu);
	return err != 0 ? err : -HX_ETIMEDOUT;
}

/* How many CPUs to run on, the boot CPU counted. */
static unsigned cpus_wanted(void)
{
	unsigned n = hx_cpus_present() < HX_CPUS ? hx_cpus_present() : HX_CPUS;
	char word[8];
	uint64_t limit;
	int len = hx_cmdline_get("helix.cpus", word, sizeof(word));

	if (len == -HX_ENOENT)
		return n;
	if (len <= 0 || hx_parse_u64(word, HX_CPUS_MAX, &limit) != 0 || limit == 0)
		hx_warn("smp", "helix.cpus=%s is not a number of CPUs", word);
	else if (limit < n)
		n = (unsigned)limit;
	return n;
}

static int cpus_init(void)
{
	unsigned n = cpus_wanted();
	uint64_t start = hx_cycles();
	hx_ns_t until;
	int err = smp_ipi_start();

	if (err != 0)
		return err;
	smp_tlb_start();
	for (unsigned cpu = 1; cpu < HX_CPUS && cpu < hx_cpus_present(); cpu++)
		set_state(cpu, HX_CPU_UNUSED);
	for (unsigned cpu = 1; cpu < n; cpu++)
		if (hx_cpu_reset(cpu) != 0)
			n = cpu;	/* nor can the ones behind it be reached */
	for (until = hx_now_ns() + RESET_NS; n > 1 && hx_now_ns() < until;)
		hx_cpu_relax();
	for (unsigned cpu = 1; cpu < n; cpu++) {
		err = start_cpu(cpu);
		if (err != 0)
			hx_error("smp", "cpu %u does not come up (%s): left out", cpu,
				 hx_strerror(err));
	}
	hx_boot_waited(hx_cycles() - start);
	hx_info("smp", "%u of %u CPUs run", hx_cpu_count(), hx_cpus_present());
	return 0;
}

static void cpus_shutdown(void)
{
	unsigned left = hx_smp_stop_others();

	if (left != 0)
		hx_error("smp", "%u CPUs did not stop", left);
	smp_ipi_stop();
}

HX_COMPONENT(cpus) = {
	.name = "cpus", .phase = HX_PHASE_CORE, .version = 1,
	.needs = "threads irq time stacks cmdline",
	.init = cpus_init, .shutdown = cpus_shutdown,
};
