// SPDX-License-Identifier: MIT
/*
 * The end of a kernel that cannot go on: one report on the early console, then the exit code.
 *
 * Nothing here takes a lock, allocates or waits. What the report reads may itself be broken, so it
 * goes from the surest to the least sure: reason, exception, registers, thread, callers, log. A
 * panic inside the report is told in one line; a third one says nothing and leaves. With several
 * CPUs the first to come stops the others, so that it reports alone; who comes later just halts.
 *
 * What the console's driver still holds is older than the report and goes out before it; from then
 * on the log writes to the early console as well, so no line is lost in a queue or comes late. The
 * driver may be what is ill: if it panics in turn, the first report follows from there.
 */
#include <hx/base.h>
#include <hx/config/core_mem.h>
#include <hx/config/core_panic.h>
#include <hx/core/assert.h>
#include <hx/core/console_dev.h>
#include <hx/core/heap.h>
#include <hx/core/log.h>
#include <hx/core/panic.h>
#include <hx/core/smp.h>
#include <hx/core/stack.h>
#include <hx/core/text.h>
#include <hx/core/thread.h>
#include <hx/hal/cpu.h>
#include <hx/hal/earlycon.h>
#include <hx/hal/keep.h>
#include <hx/hal/percpu.h>
#include <hx/hal/power.h>
#include <hx/hal/trap.h>

#include "panic_priv.h"

#define LOG_LINES	8
#define REGISTERS_PER_LINE	(HX_ENABLED(PANIC_SCREEN) ? 3 : 4)	/* 3 fit into 80 columns */
#define DESCRIPTION_MAX	160

static uint32_t n_panics;	/* of the CPU that reports, with interrupts off */
uint32_t panic_cpu;		/* a who reports, + 1; 0: nobody yet */

/* The first one. Its arguments live on its stack, which nothing leaves any more. */
static struct {
	const struct hx_trap_frame *f;
	const char *fmt;
	va_list ap;
	bool told;
	unsigned n_cpus, n_running;	/* before it; of the others, after they were told to stop */
} first;

static void panic_put(struct hx_text *t, const char *bytes, size_t n)
{
	hx_earlycon_write(bytes, n);
	if (HX_ENABLED(PANIC_KEEP))
		keep_put(bytes, n);
	if (HX_ENABLED(PANIC_SCREEN))
		screen_put(bytes, n);
}

/* What was said so far is kept, and shown last: a screen may be what is broken. Who comes here a
 * third time fell on the way out. */
static HX_ALWAYS_INLINE HX_NORETURN void panic_leave(void)
{
	if (HX_ENABLED(PANIC_KEEP))
		keep_end();
	if (HX_ENABLED(PANIC_SCREEN))
		screen_show();
	if (HX_ENABLED(PANIC_KEEP) && panic_reboots)
		hx_hal_reboot();
	hx_hal_exit(HX_EXIT_PANIC);
}

static void put_reason(struct hx_text *out, const char *fmt, va_list ap)
{
	hx_text_puts(out, "\nPANIC: ");
	hx_text_vprintf(out, fmt, ap);
	hx_text_puts(out, "\n");
}

static void put_registers(struct hx_text *out, const struct hx_trap_frame *f)
{
	const char *name;
	uint64_t value;
	unsigned idx;

	for (idx = 0; hx_trap_register(f, idx, &name, &value); idx++)
		hx_text_printf(out, "%s%-6s %016llx", idx % REGISTERS_PER_LINE == 0 ? "\n  " : "  ",
			       name, (unsigned long long)value);
	hx_text_puts(out, "\n");
}

/*
 * A push that does not fit faults in the guard page, or, when the machine cannot even push the
 * exception, comes as a double fault with the stack pointer still on the last good byte.
 */
static bool is_overflow(const struct hx_trap_frame *f)
{
	uintptr_t sp = hx_trap_sp(f);

	return hx_stack_is_guard(hx_trap_fault_address(f)) || hx_stack_is_guard(sp) ||
	       hx_stack_is_guard(sp - 1);
}

static void put_trap(struct hx_text *out, const struct hx_trap_frame *f)
{
	const struct hx_thread *self = hx_percpu()->current;
	char text[DESCRIPTION_MAX];

	hx_trap_describe(f, text, sizeof(text));
	hx_text_printf(out, "exception: %s: %s\n", hx_trap_name(f), text);
	if (is_overflow(f))
		hx_text_printf(out, "stack overflow of thread %u %.*s: the access hit the "
			       "guard page below a stack\n", self != NULL ? self->id : 0,
			       HX_THREAD_NAME_MAX, self != NULL ? self->name : "");
	if (HX_ENABLED(HEAP_GUARDS))
		hx_heap_explain(hx_trap_fault_address(f), out);
	hx_text_puts(out, "registers:");
	put_registers(out, f);
}

static void put_thread(struct hx_text *out)
{
	const struct hx_percpu *cpu = hx_percpu_self();

	if (cpu->current == NULL)
		hx_text_puts(out, "thread: none yet");
	else
		hx_text_printf(out, "thread: %u %.*s", cpu->current->id, HX_THREAD_NAME_MAX,
			       cpu->current->name);
	hx_text_printf(out, ", cpu %u%s\n", cpu->cpu,
		       cpu->irq_depth > 0 ? ", in an interrupt" : "");
}

static void panic_keep_begin(void)
{
	size_t bytes = 0;
	void *ram = hx_kept_ram(&bytes);

	keep_begin(ram, bytes);
}

/* Another CPU reports, and this is its NMI, or a failure that comes too late. */
static void panic_give_way(const struct hx_trap_frame *f)
{
	uint32_t who = __atomic_load_n(&panic_cpu, __ATOMIC_ACQUIRE);

	if (who == 0 || who == hx_percpu()->cpu + 1)
		return;
	panic_note_cpu(f);
	hx_smp_stop_self();
}

/* With several CPUs: the others are told to stop. Returns how many did not, or never. */
static unsigned panic_alone(void)
{
	uint32_t nobody = 0, me = hx_percpu()->cpu + 1;

	if (HX_ENABLED(ONE_CPU))
		return 0;
	if (__atomic_compare_exchange_n(&panic_cpu, &nobody, me, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE)) {
		if (HX_ENABLED(PANIC_STATE) && hx_smp_stop_others() != 0)
			panic_stop_by_nmi();
		return HX_ENABLED(PANIC_STATE) ? hx_cpu_count() - 1 : hx_smp_stop_others();
	}
	if (nobody != me)
		hx_smp_stop_self();
	return 0;
}

static void put_cpus(struct hx_text *out)
{
	if (first.n_cpus > 1)
		hx_text_printf(out, "cpus: %u others stopped, %u did not\n",
			       first.n_cpus - 1 - first.n_running, first.n_running);
}

static void report(struct hx_text *out)
{
	first.told = true;
	put_reason(out, first.fmt, first.ap);
	if (first.f != NULL)
		put_trap(out, first.f);
	put_thread(out);
	if (!HX_ENABLED(ONE_CPU))
		put_cpus(out);
	hx_text_puts(out, "callers:\n");
	hx_show_backtrace(out, first.f);
	hx_text_puts(out, "log:\n");
	hx_log_show_last(out, LOG_LINES);
	if (HX_ENABLED(PANIC_STATE))
		panic_put_state(out);
}

HX_NORETURN void hx_vpanic(const struct hx_trap_frame *f, const char *fmt, va_list ap)
{
	struct hx_text out = { .put = panic_put };
	struct hx_console_dev *console = hx_console_dev_active();
	unsigned n_cpus = hx_cpu_count(), n_running;
	uint32_t depth;

	hx_irq_disable();
	hx_lock_check_stop();
	n_running = panic_alone();
	depth = n_panics++;
	if (depth > 1)
		hx_hal_exit(HX_EXIT_PANIC);
	if (depth == 0) {
		first.f = f;
		first.fmt = fmt;
		va_copy(first.ap, ap);
		if (!HX_ENABLED(ONE_CPU)) {
			first.n_cpus = n_cpus;
			first.n_running = n_running;
		}
		if (HX_ENABLED(PANIC_KEEP))
			panic_keep_begin();
		hx_log_set_console(NULL);
		if (console->flush != NULL)
			console->flush(console);
		report(&out);
		panic_leave();
	}
	if (!first.told)
		report(&out);
	put_reason(&out, fmt, ap);
	if (f != NULL)
		hx_text_printf(&out, "%s at %#lx, ", hx_trap_name(f), (unsigned long)hx_trap_pc(f));
	hx_text_puts(&out, "while reporting the first one\n");
	panic_leave();
}

HX_NORETURN void hx_panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	hx_vpanic(NULL, fmt, ap);
}

static HX_NORETURN HX_PRINTF(2, 3) void trap_panic(const struct hx_trap_frame *f, const char *fmt,
						   ...)
{
	va_list ap;

	va_start(ap, fmt);
	hx_vpanic(f, fmt, ap);
}

static bool panic_trap(struct hx_trap_frame *f)
{
	if (HX_ENABLED(PANIC_STATE) && !HX_ENABLED(ONE_CPU))
		panic_give_way(f);
	if (HX_ENABLED(PANIC_MODULES) && panic_is_caught(f))
		return true;
	trap_panic(f, "%s in the kernel", hx_trap_name(f));
}

static void panic_bug(const char *fmt, va_list ap)
{
	hx_vpanic(NULL, fmt, ap);
}

void hx_panic_init(void)
{
	hx_bug_set_hook(panic_bug);
	hx_trap_set_upcall(panic_trap);
}
