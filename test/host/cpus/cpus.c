/* SPDX-License-Identifier: MIT */
/*
 * The machine of several CPUs: threads for CPUs, signals for interrupts, and what core/smp calls.
 *
 * With ThreadSanitizer signals are held back until the thread makes a system call, so interrupts
 * are also looked for wherever a CPU relaxes or opens its mask.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include <hx/core/assert.h>
#include <hx/core/cmdline.h>
#include <hx/core/fault.h>
#include <hx/core/irq.h>
#include <hx/core/log.h>
#include <hx/core/stack.h>
#include <hx/hal/smp.h>
#include <hx/hal/space.h>
#include <hx/hal/timer.h>

#include "cpus.h"

#define STACK_BYTES	16384u
#define IPI_LINE	1u

#ifdef __SANITIZE_THREAD__
#define IS_SLOW	1
#elif defined(__has_feature)
#define IS_SLOW	__has_feature(thread_sanitizer)
#else
#define IS_SLOW	0
#endif
const unsigned cpus_scale = IS_SLOW ? 1 : 10;

struct hx_percpu_slot hx_percpu_slots[HX_CPUS];
__thread struct hx_percpu *cpus_self;
__thread volatile uint32_t cpus_irq_on;
static __thread sigjmp_buf halted;

static struct machine_cpu {
	pthread_t thread;
	struct hx_cpu_start how;
	uint32_t ticket;		/* a 1: awaited */
	uint32_t n_calls;		/* of hx_cpu_start() */
	bool runs;			/* a thread exists */
	void (*fn)(void *arg);		/* a to be run; NULL: idle */
} machine[HX_CPUS];
static unsigned n_present;
static struct hx_irq_action *ipi_action;
static uint32_t n_parked;	/* a */
static void *stacks[8 * HX_CPUS_MAX];
static void *all_arg;
enum cpus_how cpus_how[HX_CPUS];
unsigned cpus_fail_stack;
char cpus_word[16], cpus_log[4096];

/* ---- interrupts */

void cpus_serve(void)
{
	struct hx_irq_action *a = __atomic_load_n(&ipi_action, __ATOMIC_ACQUIRE);

	while (cpus_irq_on && cpus_self != NULL && a != NULL &&
	       __atomic_load_n(&cpus_self->ipi_reasons, __ATOMIC_RELAXED) != 0) {
		cpus_irq_on = 0;
		cpus_self->irq_depth++;
		a->handler(a->arg);
		cpus_self->irq_depth--;
		cpus_irq_on = 1;
	}
}

static void on_signal(int signo)
{
	cpus_serve();
}

void cpus_relax(void)
{
	static __thread unsigned n;

	cpus_serve();
	if (n++ % 16 == 0)
		sched_yield();
}

void hx_ipi_send(unsigned cpu, uint32_t reasons)
{
	if (__atomic_fetch_or(&hx_percpu_of(cpu)->ipi_reasons, reasons, __ATOMIC_ACQ_REL) != 0)
		return;
	if (hx_percpu_of(cpu) == cpus_self)
		cpus_serve();
	else if (__atomic_load_n(&machine[cpu].runs, __ATOMIC_ACQUIRE))
		pthread_kill(machine[cpu].thread, SIGUSR1);
}

uint32_t hx_ipi_line(void)
{
	return IPI_LINE;
}

int hx_irq_attach(uint32_t line, struct hx_irq_action *a)
{
	__atomic_store_n(&ipi_action, a, __ATOMIC_RELEASE);
	return 0;
}

void hx_irq_detach(uint32_t line, struct hx_irq_action *a)
{
	__atomic_store_n(&ipi_action, NULL, __ATOMIC_RELEASE);
}

void hx_irq_set_sync(void (*fn)(void))
{
	(void)fn;
}

/* ---- CPUs */

void cpus_play(unsigned cpu)
{
	cpus_self = hx_percpu_of(cpu);
	cpus_self->cpu = cpu;
}

unsigned hx_cpus_present(void)
{
	return n_present;
}

HX_NORETURN void hx_cpu_halt(void)
{
	/* A CPU that is online stops at the end; any other one came too late. */
	if (hx_cpu_state(hx_percpu()->cpu) != HX_CPU_STOPPED)
		__atomic_fetch_add(&n_parked, 1, __ATOMIC_RELAXED);
	siglongjmp(halted, 1);		/* out of the signal, if it is in one */
}

int hx_cpu_reset(unsigned cpu)
{
	return cpu < HX_CPUS ? 0 : -HX_ENODEV;
}

static void *wake_up(void *arg)
{
	struct machine_cpu *m = arg;
	unsigned cpu = (unsigned)(m - machine);
	sigset_t all;

	cpus_play(cpu);
	while (cpus_how[cpu] == CPUS_LATE && __atomic_load_n(&m->ticket, __ATOMIC_ACQUIRE) != 0)
		sched_yield();
	if (__atomic_exchange_n(&m->ticket, 0, __ATOMIC_ACQ_REL) == 0) {
		__atomic_fetch_add(&n_parked, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	while (cpus_how[cpu] == CPUS_BEGINS_LATE && hx_cpu_state(cpu) != HX_CPU_LEFT_OUT)
		sched_yield();
	sigemptyset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	if (sigsetjmp(halted, 1) == 0)
		m->how.entry(cpu);
	return NULL;
}

int hx_cpu_prepare(unsigned cpu, const struct hx_cpu_start *how)
{
	machine[cpu].how = *how;
	__atomic_store_n(&machine[cpu].ticket, 1, __ATOMIC_RELEASE);
	return 0;
}

void hx_cpu_start(unsigned cpu)
{
	struct machine_cpu *m = &machine[cpu];
	sigset_t usr1, old;

	m->n_calls++;
	if (m->runs || cpus_how[cpu] == CPUS_NEVER ||
	    (cpus_how[cpu] == CPUS_COMES_AT_THE_SECOND && m->n_calls == 1))
		return;
	/* It has its number before it can be interrupted. */
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, &old);
	if (pthread_create(&m->thread, NULL, wake_up, m) != 0)
		abort();
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	__atomic_store_n(&m->runs, true, __ATOMIC_RELEASE);
}

bool hx_cpu_withdraw(unsigned cpu)
{
	return __atomic_exchange_n(&machine[cpu].ticket, 0, __ATOMIC_ACQ_REL) != 0;
}

unsigned cpus_parked(void)
{
	return __atomic_load_n(&n_parked, __ATOMIC_RELAXED);
}

void cpus_power_on(unsigned n)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	sigaction(SIGUSR1, &act, NULL);
	memset(machine, 0, sizeof(machine));
	memset(hx_percpu_slots, 0, sizeof(hx_percpu_slots));
	n_present = n;
	n_parked = 0;
	cpus_fail_stack = 0;
	cpus_log[0] = '\0';
	cpus_play(0);
	hx_irq_enable();
}

void cpus_power_off(void)
{
	hx_component_cpus.shutdown();
	for (unsigned cpu = 1; cpu < HX_CPUS; cpu++)
		if (machine[cpu].runs)
			pthread_join(machine[cpu].thread, NULL);
	/* Nobody is on them any more. */
	for (unsigned i = 0; i < HX_ARRAY_LEN(stacks); i++)
		hx_stack_free(stacks[i]);
	memset(cpus_how, 0, sizeof(cpus_how));
	cpus_word[0] = '\0';
	hx_irq_disable();
}

/* ---- work for all */

static void idle_and_work(unsigned cpu)
{
	hx_irq_enable();
	for (;;) {
		void (*fn)(void *arg) = __atomic_load_n(&machine[cpu].fn, __ATOMIC_ACQUIRE);

		if (fn != NULL) {
			fn(all_arg);
			__atomic_store_n(&machine[cpu].fn, NULL, __ATOMIC_RELEASE);
		}
		hx_cpu_idle();
	}
}

void cpus_begin(unsigned n)
{
	cpus_power_on(n);
	if (hx_component_cpus.init() != 0)
		abort();
	hx_smp_set_cpu_main(idle_and_work);
	assert_int_equal(hx_cpu_count(), n);
}

void cpus_end(void)
{
	cpus_power_off();
	assert_int_equal(hx_percpu()->preempt_off, 0);
}

void cpus_begin_on(unsigned cpu, void (*fn)(void *arg))
{
	__atomic_store_n(&machine[cpu].fn, fn, __ATOMIC_RELEASE);
}

bool cpus_is_busy(unsigned cpu)
{
	return __atomic_load_n(&machine[cpu].fn, __ATOMIC_ACQUIRE) != NULL;
}

void cpus_all(void (*fn)(void *arg), void *arg)
{
	unsigned n = hx_cpu_count();

	all_arg = arg;
	for (unsigned cpu = 1; cpu < n; cpu++)
		cpus_begin_on(cpu, fn);
	fn(arg);
	for (unsigned cpu = 1; cpu < n; cpu++)
		while (cpus_is_busy(cpu))
			hx_cpu_relax();
}

/* ---- translations */

uint32_t cpus_table[CPUS_PAGES];
static __thread uint32_t tlb[CPUS_PAGES];	/* frame + 1; 0: not known */

uint32_t cpus_translate(unsigned page)
{
	if (tlb[page] == 0)
		tlb[page] = __atomic_load_n(&cpus_table[page], __ATOMIC_ACQUIRE) + 1;
	return tlb[page] - 1;
}

void hx_tlb_flush(uintptr_t va, size_t n_pages)
{
	for (size_t page = 0; page < CPUS_PAGES; page++)
		if (n_pages > HX_TLB_RANGE_MAX || (page >= va && page < va + n_pages))
			tlb[page] = 0;
}

void hx_mmu_flush_local(const struct hx_mmu_space *s, uintptr_t va, size_t n_pages)
{
	hx_tlb_flush(va, n_pages);
}

void hx_mmu_set_hooks(const struct hx_mmu_hooks *hooks)
{
	(void)hooks;
}

void hx_mmu_set_shootdown(hx_mmu_shootdown_t fn)
{
	(void)fn;
}

/* ---- what else core/smp asks for */

uint64_t hx_host_cycles(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * HX_NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* A CPU that will come, and has not yet, or is at work: a busy host may take its time with it. */
static bool is_on_its_way(unsigned cpu)
{
	if (!__atomic_load_n(&machine[cpu].runs, __ATOMIC_RELAXED))
		return false;
	if (cpus_is_busy(cpu) && hx_cpu_state(cpu) == HX_CPU_ONLINE)
		return true;
	if (cpus_how[cpu] == CPUS_BEGINS_LATE)
		return __atomic_load_n(&machine[cpu].ticket, __ATOMIC_RELAXED) != 0;
	return cpus_how[cpu] != CPUS_LATE && hx_cpu_state(cpu) == HX_CPU_STARTING;
}

/* Ten microseconds for each look, so that dead CPUs cost no time. It stands still for others. */
hx_ns_t hx_now_ns(void)
{
	static hx_ns_t now;

	for (unsigned cpu = 1; cpu < HX_CPUS; cpu++)
		if (is_on_its_way(cpu))
			return __atomic_load_n(&now, __ATOMIC_RELAXED);
	return __atomic_add_fetch(&now, 10 * HX_NS_PER_US, __ATOMIC_RELAXED);
}

int hx_stack_alloc(void **stack, size_t *size_bytes)
{
	if (cpus_fail_stack != 0 && --cpus_fail_stack == 0)
		return -HX_ENOMEM;
	*stack = malloc(STACK_BYTES);
	*size_bytes = STACK_BYTES;
	for (unsigned i = 0; i < HX_ARRAY_LEN(stacks); i++) {
		if (stacks[i] == NULL) {
			stacks[i] = *stack;
			return 0;
		}
	}
	abort();
}

void hx_stack_free(void *stack)
{
	for (unsigned i = 0; i < HX_ARRAY_LEN(stacks); i++)
		if (stacks[i] == stack)
			stacks[i] = NULL;
	free(stack);
}

unsigned cpus_stacks_out(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < HX_ARRAY_LEN(stacks); i++)
		n += stacks[i] != NULL;
	return n;
}

int hx_cmdline_get(const char *name, char *buf, size_t size)
{
	if (cpus_word[0] == '\0')
		return -HX_ENOENT;
	snprintf(buf, size, "%s", cpus_word);
	return (int)strlen(cpus_word);
}

void hx_boot_waited(uint64_t cycles)
{
	(void)cycles;
}

void hx_log(enum hx_log_level level, const char *area, const char *fmt, ...)
{
	size_t used = strlen(cpus_log);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cpus_log + used, sizeof(cpus_log) - used, fmt, ap);
	va_end(ap);
	strncat(cpus_log, "\n", sizeof(cpus_log) - strlen(cpus_log) - 1);
}

volatile uint32_t hx_fault_n_armed;

bool hx_fault_hits_slow(const char *point)
{
	return false;
}

unsigned hx_fault_kind_slow(const char *point)
{
	return 0;
}

HX_NORETURN void hx_bug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}

/* Accesses to volatile words that the kernel reads while others write them atomically: TSan is told
 * to call these for them, and they are no race. */
#define VOLATILE(n) \
	void __tsan_volatile_read##n(void *p); \
	void __tsan_volatile_write##n(void *p); \
	void __tsan_volatile_read##n(void *p) { } \
	void __tsan_volatile_write##n(void *p) { }

VOLATILE(1)
VOLATILE(2)
VOLATILE(4)
VOLATILE(8)
