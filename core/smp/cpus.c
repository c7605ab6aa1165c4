/* SPDX-License-Identifier: MIT */
/*
 * Bringing the other CPUs up, all at once, and the component "cpus".
 *
 * Each is reset, told to start, and told again after AGAIN_NS unless it has come (SDM: two start-up
 * interrupts). Then all are waited for together, START_NS of patience (smp_priv.h). Who has not
 * come by then is withdrawn: if it has not begun it never will, and its stacks are free. If it has
 * begun it is waited for once more; and if even that is in vain its stacks stay its own: should it
 * come at last it finds that it is too late and halts. Either way it is reported, left out, and
 * cannot do harm; the kernel goes on with the others.
 *
 * A CPU comes in like this: hal (tables, protection, APIC) -> smp_enter(): online, everything it
 * may have seen of the memory map before that is forgotten -> the function of core/thread, which
 * runs its idle thread; without one it halts and answers.
 */
#include <hx/config/core_panic.h>
#include <hx/core/cmdline.h>
#include <hx/core/fault.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/panic.h>
#include <hx/core/stack.h>
#include <hx/core/string.h>
#include <hx/hal/smp.h>
#include <hx/hal/timer.h>

#include "smp_priv.h"

#define RESET_NS	(10 * HX_NS_PER_MS)	/* between reset and start: SDM vol. 3, 9.4.4.1 */
#define AGAIN_NS	(200 * HX_NS_PER_US)	/* before the start-up interrupt is sent again */
#define START_NS	(100 * HX_NS_PER_MS)	/* microseconds on a machine of metal */
#define N_STACKS	(1 + HX_CPU_TRAP_STACKS)

HX_WORD(cpus, "helix.cpus", "<n>: run on at most that many CPUs");
HX_FAULT_POINT(cpu_start, "cpu.start", "a CPU does not answer when it is started, but afterwards");
HX_FAULT_POINT(cpu_enter, "cpu.enter", "a CPU begins, and does not come before it is given up");

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
	if (HX_ENABLED(PANIC_STATE))
		hx_panic_stopping();
	set_state(cpu, HX_CPU_STOPPED);
	hx_cpumask_clear(&smp_online, cpu);
	hx_cpu_halt();
}

/* The first code of core on another CPU; interrupts off. */
static void smp_enter(unsigned cpu)
{
	uint8_t starting = HX_CPU_STARTING;
	void (*main_fn)(unsigned cpu);

	if (hx_fault_hits("cpu.enter"))
		while (hx_cpu_state(cpu) == HX_CPU_STARTING)
			hx_cpu_relax();
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

/* Nothing else sleeps: threads may not have started. The CPUs that have not come. */
static uint64_t wait_for(uint64_t asked, hx_ns_t ns)
{
	struct smp_patience p = smp_patience(ns);

	while ((asked &= ~hx_cpus_online().bits) != 0 && smp_patience_lasts(&p))
		;
	return asked;
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

	memset(cpus[cpu].stacks, 0, sizeof(cpus[cpu].stacks));
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

static void leave_out(unsigned cpu, const char *why)
{
	set_state(cpu, HX_CPU_LEFT_OUT);
	hx_error("smp", "cpu %u does not come up (%s): left out", cpu, why);
}

static int prepare(unsigned cpu)
{
	struct hx_cpu_start how;
	int err = take_stacks(cpu, &how);

	if (err != 0)
		return err;
	err = hx_cpu_prepare(cpu, &how);
	if (err != 0)
		give_stacks(cpu);
	else
		set_state(cpu, HX_CPU_STARTING);
	return err;
}

static void tell(uint64_t them)
{
	while (them != 0)
		hx_cpu_start(hx_cpumask_take(&them));
}

/* Nobody waits for these any more. Those that had begun, and might still come. */
static uint64_t withdraw(uint64_t left)
{
	uint64_t begun = 0;

	while (left != 0) {
		unsigned cpu = hx_cpumask_take(&left);

		if (hx_cpu_withdraw(cpu)) {
			give_stacks(cpu);
			leave_out(cpu, "no answer");
		} else {
			begun |= 1ull << cpu;
		}
	}
	return begun;
}

/* What it runs on stays its own: it may do so at any time. */
static void give_up(uint64_t begun)
{
	while (begun != 0) {
		unsigned cpu = hx_cpumask_take(&begun);
		uint8_t was = HX_CPU_STARTING;

		/* The last moment in which it can come; if it does, it is here. */
		if (__atomic_compare_exchange_n(&cpus[cpu].state, &was, HX_CPU_LEFT_OUT, false,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			leave_out(cpu, "began and did not end");
	}
}

/* CPUs 1 .. n - 1, which were reset. */
static void start_cpus(unsigned n)
{
	uint64_t asked = 0, mute = 0, left;

	for (unsigned cpu = 1; cpu < n; cpu++) {
		int err = prepare(cpu);

		if (err != 0) {
			leave_out(cpu, hx_strerror(err));
			continue;
		}
		asked |= 1ull << cpu;
		if (hx_fault_hits("cpu.start"))
			mute |= 1ull << cpu;
	}
	tell(asked & ~mute);
	left = wait_for(asked, AGAIN_NS);
	tell(left & ~mute);
	left = wait_for(left, START_NS);
	if (left != 0)
		give_up(wait_for(withdraw(left), START_NS));
	tell(left & mute);	/* now they hear it */
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

/* How many of the first n can be started; the machine says so in its order. */
static unsigned reset_cpus(unsigned n)
{
	unsigned cpu = 1;
	hx_ns_t until;

	while (cpu < n && hx_cpu_reset(cpu) == 0)
		cpu++;
	for (unsigned other = cpu; other < n; other++)
		leave_out(other, "no way to start it");
	for (until = hx_now_ns() + RESET_NS; cpu > 1 && hx_now_ns() < until;)
		hx_cpu_relax();
	return cpu;
}

static int cpus_init(void)
{
	unsigned n = cpus_wanted();
	uint64_t start = hx_cycles();
	int err = smp_ipi_start();

	if (err != 0)
		return err;
	smp_tlb_start();
	for (unsigned cpu = 1; cpu < HX_CPUS && cpu < hx_cpus_present(); cpu++)
		set_state(cpu, HX_CPU_UNUSED);
	start_cpus(reset_cpus(n));
	hx_boot_waited(hx_cycles() - start);
	hx_info("smp", "%u of %u CPUs run", hx_cpu_count(), hx_cpus_present());
	return 0;
}

/* One that does not stop does so as soon as it can: what it needs for that stays. */
static void cpus_shutdown(void)
{
	unsigned left = smp_quit_others();

	if (left != 0)
		hx_error("smp", "%u CPUs did not stop", left);
	smp_ipi_stop();
}

HX_COMPONENT(cpus) = {
	.name = "cpus", .phase = HX_PHASE_CORE, .version = 1,
	.needs = "threads irq time stacks cmdline",
	.init = cpus_init, .shutdown = cpus_shutdown,
};
